//! A number for each row of an index, in memory that the next answer on this thread uses again: the
//! system clears what it gives out page by page, which took a seventh of an answer at a hundred
//! thousand rows.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Spare lists that a thread keeps; one answer uses no more at once.
const KEPT: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// The numbers; they read and write like a slice.
#[derive(Debug, Default)]
pub(crate) struct Scores(Vec<f32>);

impl Scores {
    /// So many noughts.
    pub(crate) fn noughts(count: usize) -> Self {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        let mut numbers = spare.unwrap_or_default();
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
        let own = std::mem::take(&mut self.0);
        // A thread that ends may have put its list away already.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < KEPT
            {
                spare.push(own);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Scores;

    #[test]
    fn what_was_used_before_is_nought_again() {
        let mut first = Scores::noughts(3);
        first[1] = 4.0;
        let place = first.as_ptr();
        drop(first);
        let second = Scores::noughts(2);
        assert_eq!((&*second, second.as_ptr()), ([0.0, 0.0].as_slice(), place));
        assert_eq!(Scores::noughts(5).len(), 5);
    }
}
