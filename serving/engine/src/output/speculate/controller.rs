//! How many guesses pay.

/// Most guesses checked in one step.
const MOST: usize = 15;
/// What a guess must promise before guessing begins again, against what it may fall to before
/// it ends: between the two nothing changes, so that noise does not switch it on and off.
const BEGIN: f64 = 1.10;
const END: f64 = 1.02;
/// Share that older observations keep at each new one: the last thirty count.
const MEMORY: f64 = 0.97;

/// What the coming step costs, in any one unit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepCosts {
    /// The step without guesses, all sequences together.
    pub(crate) step: f64,
    /// Tokens that it gives: the sequences that decode in it.
    pub(crate) tokens: f64,
    /// One more row.
    pub(crate) row: f64,
}

/// Decides for one sequence. It learns from every guess, also from those that were only
/// compared with the token that came (guessing costs nothing, checking in the model does).
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    hits: f64,
    tries: f64,
    on: bool,
}

impl Default for Controller {
    fn default() -> Self {
        // Half of two guesses: optimistic enough to try, gone after a few misses.
        Self {
            hits: 1.0,
            tries: 2.0,
            on: false,
        }
    }
}

impl Controller {
    /// How many of `available` guessed tokens to check in the coming step.
    pub(crate) fn plan(&mut self, available: usize, costs: StepCosts) -> usize {
        let (count, gain) = best(self.acceptance(), available.min(MOST), costs);
        if count > 0 {
            self.on = gain >= if self.on { END } else { BEGIN };
        }
        if self.on { count } else { 0 }
    }

    /// Learns that of `drafted` guesses the first `accepted` came true. A step that checked no
    /// guess though there was one says 1 and whether the token that came was the guessed one.
    pub(crate) fn observe(&mut self, drafted: usize, accepted: usize) {
        for index in 0..drafted.min(accepted + 1) {
            self.hits = self.hits * MEMORY + f64::from(u8::from(index < accepted));
            self.tries = self.tries * MEMORY + 1.0;
        }
    }

    /// Share of guesses that come true, given that those before them did.
    pub(crate) fn acceptance(&self) -> f64 {
        self.hits / self.tries
    }
}

/// The number of guesses with the most tokens per time, and that against none.
pub(super) fn best(acceptance: f64, available: usize, costs: StepCosts) -> (usize, f64) {
    let (mut best, mut most) = (0, 1.0);
    let (mut expected, mut alive) = (0.0, 1.0);
    for count in 1..=available {
        alive *= acceptance;
        expected += alive;
        let tokens = (costs.tokens + expected) / costs.tokens.max(1.0);
        let time = (costs.step + costs.row * count as f64) / costs.step;
        let gain = tokens / time;
        if gain > most {
            (best, most) = (count, gain);
        }
    }
    (best, most)
}
