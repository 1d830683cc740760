//! Whether models help with an answer. Either all that the base has did, or none: an answer that
//! one of them failed is made anew by words alone, so that it can be made again.

use std::cell::Cell;
use std::rc::Rc;

use crate::retrieve::ModelFault;

/// The part that models may have in one answer.
#[derive(Debug, Clone)]
pub(super) struct Help(Rc<Cell<Part>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Welcome,
    /// One failed; nobody waits for a second.
    Failed,
    Unwanted,
}

impl Help {
    /// Models help where there are any.
    pub(super) fn welcome() -> Self {
        Self(Rc::new(Cell::new(Part::Welcome)))
    }

    /// Words alone.
    pub(super) fn unwanted() -> Self {
        Self(Rc::new(Cell::new(Part::Unwanted)))
    }

    /// Whether a model may be asked.
    pub(super) fn may(&self) -> bool {
        self.0.get() == Part::Welcome
    }

    /// What a model gave; none when it failed, which ends all help.
    pub(super) fn given<T>(&self, given: Result<T, ModelFault>, what: &str) -> Option<T> {
        match given {
            Ok(given) => Some(given),
            Err(fault) => {
                tracing::warn!(%fault, what, "a model did not help, words alone answer");
                self.0.set(Part::Failed);
                None
            }
        }
    }

    /// Whether a model that was asked failed.
    pub(super) fn failed(&self) -> bool {
        self.0.get() == Part::Failed
    }
}
