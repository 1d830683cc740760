//! Whose question is worked on now. An answer is work for processors: of twenty that share two all
//! are late, of twenty that wait for their turn most are early. Who waits for a model leaves the
//! processor to the next, and comes before those who are new when the model has told.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::oneshot::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Queued;

/// Most answers that are begun and not made, those at models included. Each holds a thread, of which
/// the runtime has 512: with all of them at models, one that got a processor would find no thread to
/// use it, and they no processor to come back to.
const BEGUN: usize = 256;

/// The line before all processors; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Line {
    waiting: Arc<Mutex<Waiting>>,
    /// Answers that may still be begun.
    begun: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting {
    /// Processors that nobody works on; none while anybody waits.
    free: usize,
    /// Those who come back from a model, then those who are new; each the first first.
    back: VecDeque<Sender<Place>>,
    new: VecDeque<Sender<Place>>,
}

/// A processor; it goes to the next one when this is dropped. None once it was passed on.
#[derive(Debug)]
struct Place(Option<Line>);

/// The part of one answer in the line.
#[derive(Debug)]
pub(super) struct InLine {
    line: Line,
    /// None while a model works.
    place: Option<Place>,
    _begun: Option<OwnedSemaphorePermit>,
}

impl Line {
    /// A line before all processors.
    pub(super) fn new() -> Self {
        Self::before(available_parallelism().map_or(1, NonZero::get), BEGUN)
    }

    fn before(processors: usize, begun: usize) -> Self {
        let waiting = Waiting {
            free: processors,
            back: VecDeque::new(),
            new: VecDeque::new(),
        };
        Self {
            waiting: Arc::new(Mutex::new(waiting)),
            begun: Arc::new(Semaphore::new(begun)),
        }
    }

    /// Waits for a turn, which ends when what it gives is dropped.
    pub(super) async fn turn(&self) -> InLine {
        let begun = Arc::clone(&self.begun).acquire_owned().await.ok();
        let place = match self.place_or_wait(|waiting| &mut waiting.new) {
            Ok(place) => Some(place),
            Err(told) => told.await.ok(),
        };
        InLine {
            line: self.clone(),
            place,
            _begun: begun,
        }
    }

    /// A free place, or where to hear of one.
    fn place_or_wait(
        &self,
        queue: impl Fn(&mut Waiting) -> &mut VecDeque<Sender<Place>>,
    ) -> Result<Place, oneshot::Receiver<Place>> {
        let mut waiting = self.lock();
        if waiting.free > 0 {
            waiting.free -= 1;
            return Ok(Place(Some(self.clone())));
        }
        let (tell, told) = oneshot::channel();
        queue(&mut waiting).push_back(tell);
        Err(told)
    }

    /// Each use leaves it whole, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        while let Some(line) = self.0.take() {
            let mut waiting = line.lock();
            let next = match waiting.back.pop_front() {
                Some(next) => Some(next),
                None => waiting.new.pop_front(),
            };
            let Some(next) = next else {
                waiting.free += 1;
                return;
            };
            drop(waiting);
            // Who went away while they waited leaves it to the next.
            if let Err(mut unwanted) = next.send(Self(Some(line))) {
                self.0 = unwanted.0.take();
            }
        }
    }
}

impl Queued for InLine {
    fn leave(&mut self) {
        self.place = None;
    }

    fn come_back(&mut self) {
        self.place = match self.line.place_or_wait(|waiting| &mut waiting.back) {
            Ok(place) => Some(place),
            Err(told) => told.blocking_recv().ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Mutex;
    use tokio::task::{spawn, spawn_blocking, yield_now};
    use tokio::time::timeout;

    use super::{Line, Queued};

    #[tokio::test]
    async fn turns_come_in_their_order_and_the_gone_are_passed_over() {
        let line = Line::before(1, 9);
        let first = line.turn().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..4 {
            let (line, order) = (line.clone(), Arc::clone(&order));
            waiting.push(spawn(async move {
                let _turn = line.turn().await;
                order.lock().await.push(number);
            }));
            yield_now().await;
        }
        waiting.remove(1).abort();
        yield_now().await;
        assert!(order.lock().await.is_empty());
        drop(first);
        for one in waiting {
            assert!(one.await.is_ok());
        }
        assert_eq!(*order.lock().await, [0, 2, 3]);
        assert_eq!(line.lock().free, 1);
    }

    #[tokio::test]
    async fn who_waits_for_a_model_lets_others_work_and_comes_before_the_new() {
        let line = Line::before(1, 9);
        let mut first = line.turn().await;
        first.leave();
        // The model hangs: others work all the same.
        let second = timeout(Duration::from_secs(9), line.turn()).await;
        assert!(second.is_ok());
        let order = Arc::new(Mutex::new(Vec::new()));
        let (own, theirs) = (Arc::clone(&order), Arc::clone(&order));
        let third = {
            let line = line.clone();
            spawn(async move {
                let _turn = line.turn().await;
                theirs.lock().await.push("new");
            })
        };
        yield_now().await;
        let back = spawn_blocking(move || {
            first.come_back();
            own.blocking_lock().push("back");
        });
        while line.lock().back.is_empty() {
            yield_now().await;
        }
        drop(second);
        assert!(back.await.is_ok() && third.await.is_ok());
        assert_eq!(*order.lock().await, ["back", "new"]);
        assert_eq!(line.lock().free, 1);
    }

    #[tokio::test]
    async fn only_so_many_are_begun_while_models_hang() {
        let line = Line::before(1, 1);
        let mut first = line.turn().await;
        first.leave();
        let second = timeout(Duration::from_millis(20), line.turn()).await;
        assert!(
            second.is_err(),
            "begun while the only one that may be is at a model"
        );
        drop(first);
        assert!(timeout(Duration::from_secs(9), line.turn()).await.is_ok());
    }
}
