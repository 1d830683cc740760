//! Questions in, answers made of verified sentences out.

mod ask;
mod bank;
mod base;
mod cache;
mod choices;
mod cite;
mod compose;
mod day;
mod evidence;
mod find;
mod gather;
mod generate;
mod hand_over;
mod hashes;
mod head;
mod help;
mod narrow;
mod question;
mod rank;
mod record;
mod reply;
mod rerank;
mod search;
mod since;
mod verify;

pub use ask::{BadField, MAX_QUESTION_CHARS, MAX_TOP_K, check};
pub use base::{Base, BuildError};
pub use cite::CitationFault;
pub(crate) use gather::Seen;
pub use generate::{Drafts, Dropped, Generated, Prompt, Role, Turn, WriteFault, Writer, generate};
pub(crate) use generate::{generate_anew, still_stands};
pub(crate) use hashes::of_question as question_digest;
pub(crate) use help::Queued;
pub use record::{
    Answer, Asked, Citation, Conflict, Hashes, Maker, Notice, Outcome, SCHEMA, Sentence, Side,
};
pub use search::Hit;
pub use since::since;
pub use verify::{Grounds, Unsupported, covers, verify};
