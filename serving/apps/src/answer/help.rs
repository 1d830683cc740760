//! Whether models help with an answer. Either all that the base has did, or none: an answer that
//! one of them failed is made anew by words alone, so that it can be made again.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::retrieve::ModelFault;

/// An answer that was begun so long ago asks no model any more; a call under way has its own end.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that has its turn of a processor, before which others queue.
pub(crate) trait Queued: Send {
    /// Another one may have the processor.
    fn leave(&mut self);
    /// Waits for a processor.
    fn come_back(&mut self);
}

/// The part that models may have in one answer.
#[derive(Clone)]
pub(super) struct Help {
    part: Rc<Cell<Part>>,
    /// None where nobody else waits.
    turn: Rc<RefCell<Option<Box<dyn Queued>>>>,
    /// When the answer was begun: the only clock that a rule of answers reads, and all that comes of
    /// it is which of two answers is given, each of which says which it is.
    begun: Instant,
}

impl fmt::Debug for Help {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Help").field(&self.part).finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Welcome,
    /// One failed; nobody waits for a second.
    Failed,
    Unwanted,
}

impl Help {
    /// Models help where there are any; while one works, the turn is left to others.
    pub(super) fn welcome(turn: Option<Box<dyn Queued>>) -> Self {
        Self::of(Part::Welcome, turn)
    }

    /// Words alone.
    pub(super) fn unwanted() -> Self {
        Self::of(Part::Unwanted, None)
    }

    fn of(part: Part, turn: Option<Box<dyn Queued>>) -> Self {
        Self {
            part: Rc::new(Cell::new(part)),
            turn: Rc::new(RefCell::new(turn)),
            begun: Instant::now(),
        }
    }

    /// Whether a model may be asked; when the answer has waited long enough, that ends all help.
    pub(super) fn may(&self) -> bool {
        if self.part.get() == Part::Welcome && self.begun.elapsed() > PATIENCE {
            tracing::warn!("models took too long, words alone answer");
            self.part.set(Part::Failed);
        }
        self.part.get() == Part::Welcome
    }

    /// What a model tells, which works elsewhere.
    pub(super) fn told<T>(&self, ask: impl FnOnce() -> T) -> T {
        let mut turn = self.turn.borrow_mut();
        if let Some(turn) = turn.as_deref_mut() {
            turn.leave();
        }
        let told = ask();
        if let Some(turn) = turn.as_deref_mut() {
            turn.come_back();
        }
        told
    }

    /// What a model gave; none when it failed, which ends all help.
    pub(super) fn given<T>(&self, given: Result<T, ModelFault>, what: &str) -> Option<T> {
        match given {
            Ok(given) => Some(given),
            Err(fault) => {
                tracing::warn!(%fault, what, "a model did not help, words alone answer");
                self.part.set(Part::Failed);
                None
            }
        }
    }

    /// Whether a model that was asked failed.
    pub(super) fn failed(&self) -> bool {
        self.part.get() == Part::Failed
    }
}
