//! Whose question is worked on now. An answer is work for processors: of twenty that share two all
//! are late, of twenty that wait for their turn most are early and none is later.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Nobody waits longer: work that hangs, such as a model that does not answer, holds up nobody
/// else.
const LONGEST: Duration = Duration::from_secs(1);
/// Answers for each processor that wait for models now and then.
const HELPED: u32 = 2;

/// The line of those who ask; first come, first served.
#[derive(Debug)]
pub(super) struct Line(Arc<Semaphore>);

impl Line {
    /// A line before all processors.
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(processors * HELPED as usize)))
    }

    /// Waits for the turn of an answer, which ends when what it gives is dropped; none after the
    /// longest wait, and the answer is made all the same. Answers that no model helps need a whole
    /// processor.
    pub(super) async fn turn(&self, helped: bool) -> Option<OwnedSemaphorePermit> {
        let share = if helped { 1 } else { HELPED };
        let turn = Arc::clone(&self.0).acquire_many_owned(share);
        timeout(LONGEST, turn).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio::sync::{Mutex, Semaphore};

    use super::{LONGEST, Line};

    #[tokio::test]
    async fn turns_come_in_their_order_and_nobody_waits_for_ever() {
        let line = Line(Arc::new(Semaphore::new(2)));
        let first = line.turn(false).await;
        assert!(first.is_some());
        let begun = Instant::now();
        let (second, third) = tokio::join!(line.turn(true), line.turn(false));
        assert!(second.is_none() && third.is_none() && begun.elapsed() >= LONGEST);
        let order = Mutex::new(Vec::new());
        let waiting = async |number: u8, helped| {
            let turn = line.turn(helped).await;
            if turn.is_some() {
                order.lock().await.push(number);
            }
        };
        let ending = async { drop(first) };
        tokio::join!(
            waiting(1, true),
            waiting(2, false),
            waiting(3, true),
            ending
        );
        assert_eq!(*order.lock().await, [1, 2, 3]);
    }
}
