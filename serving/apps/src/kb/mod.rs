//! The governed knowledge base: files in, versions with a state and passages out.
//!
//! The types here are what its rooms hand to each other; each room holds its own decisions.

mod bank;
mod conflict;
mod extract;
mod file;
mod finding;
mod head;
mod known;
mod library;
mod mask;
mod passage;
mod passages;
mod published;
mod quality;
mod quantity;
mod script;
mod state;
mod store;
mod timeline;
mod version;

pub use bank::{BadBankLine, BankQuestion, read_bank};
pub use conflict::{Claim, Contradiction, Statement, contradictions, matter};
pub use extract::{Block, BlockKind, Extract, Format, Origin, ReadFault, ReadFaultKind};
pub use file::{MAX_FILE_BYTES, Unreadable, read};
pub use finding::{Finding, FindingKind, Repair, Severity};
pub use head::{Declared, HandOver, Head, Period, head_end, read_head};
pub use known::{Known, Stage};
pub use library::{
    Add, Added, BankCounts, Changes, Correction, FoundQuestions, Imported, LeftOut, Library,
    LibraryError, NewBase, OpenConflict, Opened, ProposedQuestions, QUESTION_BANK, Said,
    ShownQuestion, VersionInfo, Wanted, accept_log, kept_head,
};
pub use mask::{Masked, MaskedKind, mask, mask_published};
pub use passage::{Passage, SectionKind};
pub use passages::passages;
pub use published::{Published, Synonym};
pub use quality::{RepairFault, Repaired, Sketch, examine, repair, repaired, repaired_extract};
pub(crate) use quality::{shown_finding, shown_repair};
pub use script::fold;
pub use state::State;
pub use store::{
    Audience, BaseInfo, Entry, Feedback, KeptAnswer, KeptQuestion, ProposedSynonym, Regression,
    StoreError, WorkItem, WorkKind,
};
pub use timeline::{Days, Standing, days};
pub use version::{SourceFile, Version, VersionId};

pub(crate) use conflict::{is_plan, subject};
pub(crate) use quantity::{Quantity, quantities};
pub(crate) use script::{bare, is_han};
