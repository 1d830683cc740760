//! Whether numbers of a file are numbers: NaN and infinity are found when a model is loaded.

use super::matrix::{Half, Matrix};
use super::pool;
use half::{bf16, f16};
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers that one thread looks at before the next part.
const PART: usize = 1 << 16;

/// A number whose bits tell whether it is finite.
trait Number: Sync {
    fn finite(&self) -> bool;
}

impl Number for f32 {
    fn finite(&self) -> bool {
        self.is_finite()
    }
}

impl Number for bf16 {
    fn finite(&self) -> bool {
        self.is_finite()
    }
}

impl Number for f16 {
    fn finite(&self) -> bool {
        self.is_finite()
    }
}

/// Whether all weights are finite. Packed ones are: packing refuses other scales.
pub(crate) fn is_finite(matrix: &Matrix) -> bool {
    match matrix {
        Matrix::Packed(_) => true,
        Matrix::Dense { data, .. } => all(data),
        Matrix::Half { data, .. } => match data {
            Half::Bf16(data) => all(data),
            Half::F16(data) => all(data),
        },
    }
}

fn all<T: Number>(numbers: &[T]) -> bool {
    let broken = AtomicBool::new(false);
    pool::parallel(numbers.len().div_ceil(PART), |part| {
        let from = part * PART;
        let own = &numbers[from..numbers.len().min(from + PART)];
        // No early end: the plain sum of a part runs in vector registers.
        if own.iter().filter(|number| !number.finite()).count() > 0 {
            broken.store(true, Ordering::Relaxed);
        }
    });
    !broken.into_inner()
}
