//! What a step costs: `t = a + b * tokens + c * reads`, fitted while the engine runs.
//!
//! Recursive least squares with forgetting (Haykin, Adaptive Filter Theory, ch. 10), so the
//! model follows a machine whose other tenants come and go. A reading far off the
//! prediction (a suspended process, a page fault storm) counts only as twice or half of
//! what was expected, and a coefficient below zero counts as zero.

/// Size of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StepLoad {
    /// Rows of the flat batch.
    pub(crate) tokens: usize,
    /// Keys that all rows read together: each row reads its position and all before it.
    pub(crate) reads: usize,
}

impl StepLoad {
    /// `rows` new tokens of one sequence from position `start` on.
    pub(crate) fn span(start: usize, rows: usize) -> Self {
        Self {
            tokens: rows,
            reads: rows * start + rows * (rows + 1) / 2,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens + other.tokens,
            reads: self.reads + other.reads,
        }
    }
}

/// The share that a step-old reading keeps of its weight.
const FORGET: f64 = 0.98;
/// Bounds of the covariance, so that a long quiet time cannot make one reading decide all.
const UNSURE: f64 = 1e6;
/// Units of the inputs, so that the three have one order of magnitude.
const TOKENS: f64 = 64.0;
const READS: f64 = 32_768.0;
/// Readings before outliers are cut: until then nothing is known to compare with.
const TRUSTED: u32 = 5;

/// The fitted model. Times are in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct CostModel {
    weights: [f64; 3],
    covariance: [[f64; 3]; 3],
    readings: u32,
}

impl Default for CostModel {
    /// A guess for a small model on two cores: 5 ms, 1 ms for each token.
    fn default() -> Self {
        let mut covariance = [[0.0; 3]; 3];
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] = 100.0;
        }
        Self {
            weights: [5_000.0, 1_000.0 * TOKENS, 0.0],
            covariance,
            readings: 0,
        }
    }
}

fn inputs(load: StepLoad) -> [f64; 3] {
    [1.0, load.tokens as f64 / TOKENS, load.reads as f64 / READS]
}

impl CostModel {
    /// Predicted time of a step, at least 1.
    pub(crate) fn predict_us(&self, load: StepLoad) -> f64 {
        let terms = inputs(load).into_iter().zip(self.weights);
        terms.map(|(x, w)| x * w.max(0.0)).sum::<f64>().max(1.0)
    }

    /// Learns from a step that took `took_us`.
    pub(crate) fn observe(&mut self, load: StepLoad, took_us: u64) {
        if load.tokens == 0 {
            return;
        }
        let expected = self.predict_us(load);
        let mut took = (took_us as f64).max(1.0);
        if self.readings >= TRUSTED {
            took = took.clamp(expected / 2.0, expected * 2.0);
        }
        let x = inputs(load);
        let spread: [f64; 3] = std::array::from_fn(|i| dot(self.covariance[i], x));
        let gain = spread.map(|s| s / (FORGET + dot(x, spread)));
        let error = took - dot(self.weights, x);
        let mut next = self.clone();
        for (i, gain) in gain.into_iter().enumerate() {
            next.weights[i] += gain * error;
            for (value, spread) in next.covariance[i].iter_mut().zip(spread) {
                *value = ((*value - gain * spread) / FORGET).clamp(-UNSURE, UNSURE);
            }
        }
        next.readings = self.readings.saturating_add(1);
        let sound = next.weights.iter().chain(next.covariance.iter().flatten());
        let sane =
            sound.copied().all(f64::is_finite) && (0..3).all(|i| next.covariance[i][i] > 0.0);
        *self = if sane {
            next
        } else {
            Self {
                weights: self.weights,
                ..Self::default()
            }
        };
    }

    /// The most new tokens from position `start` on, up to `most`, that keep a step with
    /// `load` already in it within `target_us`.
    pub(crate) fn largest_chunk(
        &self,
        load: StepLoad,
        start: usize,
        target_us: f64,
        most: usize,
    ) -> usize {
        let fits =
            |rows: usize| self.predict_us(load.plus(StepLoad::span(start, rows))) <= target_us;
        let (mut fit, mut over) = (0, most + 1);
        while over - fit > 1 {
            let middle = usize::midpoint(fit, over);
            if fits(middle) {
                fit = middle;
            } else {
                over = middle;
            }
        }
        fit
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(load: StepLoad) -> u64 {
        7_000 + 900 * load.tokens as u64 + load.reads as u64 / 20
    }

    fn varied(i: usize) -> StepLoad {
        StepLoad::span(i * 37 % 1500, 1 + i * 13 % 128)
    }

    #[test]
    fn it_finds_the_cost_and_the_chunk_that_fits() {
        let mut model = CostModel::default();
        for i in 0..200 {
            model.observe(varied(i), truth(varied(i)));
        }
        for i in 200..260 {
            let (guess, took) = (model.predict_us(varied(i)), truth(varied(i)) as f64);
            assert!((guess / took - 1.0).abs() < 0.02, "{guess} for {took}");
        }
        let chunk = model.largest_chunk(StepLoad::span(100, 1), 0, 60_000.0, 512);
        let of = |rows| truth(StepLoad::span(100, 1).plus(StepLoad::span(0, rows)));
        assert!(of(chunk) <= 61_000 && of(chunk + 2) >= 59_000, "{chunk}");
        assert_eq!(model.largest_chunk(varied(1), 0, 1.0, 512), 0);
        assert_eq!(model.largest_chunk(varied(1), 0, 1e12, 512), 512);
    }

    #[test]
    fn nonsense_moves_it_little_and_never_breaks_it() {
        let mut model = CostModel::default();
        for i in 0..100 {
            model.observe(varied(i), truth(varied(i)));
        }
        model.observe(varied(3), u64::MAX);
        model.observe(varied(4), 0);
        model.observe(StepLoad::default(), 5);
        for i in 0..2_000 {
            // The same load again and again says nothing about the other coefficients.
            model.observe(StepLoad::span(9, 1), truth(StepLoad::span(9, 1)));
            let guess = model.predict_us(varied(i));
            assert!(guess.is_finite() && guess >= 1.0);
        }
        for i in 0..60 {
            model.observe(varied(i), truth(varied(i)));
        }
        let (guess, took) = (model.predict_us(varied(7)), truth(varied(7)) as f64);
        assert!((guess / took - 1.0).abs() < 0.2, "{guess} for {took}");
    }
}
