//! The governed knowledge base: files in, versions with a state and passages out.
//!
//! The types here are what its rooms hand to each other; each room holds its own decisions.

mod extract;
mod file;
mod finding;
mod head;
mod mask;
mod passage;
mod passages;
mod published;
mod state;
mod version;

pub use extract::{Block, BlockKind, Extract, Format, Origin, ReadFault, ReadFaultKind};
pub use file::{MAX_FILE_BYTES, Unreadable, read};
pub use finding::{Finding, FindingKind, Repair, Severity};
pub use head::{Declared, HandOver, Head};
pub use mask::{Masked, MaskedKind, mask, mask_published};
pub use passage::{Passage, SectionKind};
pub use passages::passages;
pub use published::{Published, Synonym};
pub use state::State;
pub use version::{SourceFile, Version, VersionId};
