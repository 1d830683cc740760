//! A number for each row of an index, in memory that the next answer uses again: the system clears
//! what it gives out page by page, which took a seventh of an answer at a hundred thousand rows.

use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// Spare lists that are kept for each processor; one answer uses no more at once.
const KEPT: usize = 4;

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
static MOST: LazyLock<usize> =
    LazyLock::new(|| KEPT * available_parallelism().map_or(1, NonZero::get));

/// The numbers; they read and write like a slice.
#[derive(Debug, Default)]
pub(crate) struct Scores(Vec<f32>);

impl Scores {
    /// So many noughts.
    pub(crate) fn noughts(count: usize) -> Self {
        let mut numbers = spare().pop().unwrap_or_default();
        numbers.clear();
        numbers.resize(count, 0.0);
        Self(numbers)
    }
}

impl Deref for Scores {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Scores {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl Drop for Scores {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < *MOST {
            spare.push(std::mem::take(&mut self.0));
        }
    }
}

/// Each use leaves the list whole, so a poisoned lock is used on.
fn spare() -> MutexGuard<'static, Vec<Vec<f32>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Scores;

    #[test]
    fn what_was_used_before_is_nought_again() {
        let mut first = Scores::noughts(3);
        first[1] = 4.0;
        drop(first);
        assert_eq!(*Scores::noughts(2), [0.0, 0.0]);
        assert_eq!(Scores::noughts(5).len(), 5);
    }
}
