//! Double entry in integers of micro-yuan: append only, corrected by reversal, sum zero.

mod amount;
mod book;
mod posting;

pub use amount::{time_amount, token_amount};
pub use book::{Price, PriceBook, PriceVersion, Unit};
pub(crate) use posting::MAX_BOOKING_MICRO;
pub use posting::{Account, Charge, EntryKind, Ledger, Line, Source, Transaction};
