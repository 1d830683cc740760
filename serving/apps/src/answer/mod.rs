//! Questions in, answers made of verified sentences out.

mod record;

pub use record::{
    Answer, Asked, Citation, Conflict, Hashes, Maker, Notice, Outcome, SCHEMA, Sentence, Side,
};
