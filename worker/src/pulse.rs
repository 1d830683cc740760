//! What a replica's callers felt in the last minute. Pure: times are arguments, in milliseconds
//! since any fixed moment.

use std::collections::VecDeque;

const MINUTE_MS: u64 = 60_000;
/// First tokens that are remembered; a replica that gives more in a minute is judged by the newest.
const MOST: usize = 4096;

/// First tokens and produced tokens of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// When an answer began, and how long its caller had waited.
    firsts: VecDeque<(u64, u32)>,
    /// When somebody looked, and how many tokens there were since the start.
    made: VecDeque<(u64, u64)>,
}

/// The last minute in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Felt {
    pub(crate) tokens: u32,
    /// 0 when no answer began.
    pub(crate) first_token_p50_ms: u32,
    pub(crate) first_token_p99_ms: u32,
}

impl Pulse {
    /// An answer began after its caller had waited so long.
    pub(crate) fn began(&mut self, now_ms: u64, waited_ms: u32) {
        if self.firsts.len() >= MOST {
            self.firsts.pop_front();
        }
        self.firsts.push_back((now_ms, waited_ms));
    }

    /// A look at the last minute; `tokens` counts since the start.
    pub(crate) fn look(&mut self, now_ms: u64, tokens: u64) -> Felt {
        let since = now_ms.saturating_sub(MINUTE_MS);
        while self.firsts.pop_front_if(|(at, _)| *at < since).is_some() {}
        // The last look before the minute is where it begins.
        while self.made.get(1).is_some_and(|(at, _)| *at <= since) {
            self.made.pop_front();
        }
        let before = self.made.front().map_or(0, |(_, count)| *count);
        self.made.push_back((now_ms, tokens));
        let mut waits: Vec<u32> = self.firsts.iter().map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        let at = |percent: usize| {
            let rank = (waits.len() * percent).div_ceil(100).saturating_sub(1);
            waits.get(rank).copied().unwrap_or(0)
        };
        Felt {
            tokens: u32::try_from(tokens.saturating_sub(before)).unwrap_or(u32::MAX),
            first_token_p50_ms: at(50),
            first_token_p99_ms: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Felt, Pulse};

    #[test]
    fn only_the_last_minute_counts() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.look(0, 0), Felt::default());
        for wait in 1..=200 {
            pulse.began(1_000, wait);
        }
        let felt = pulse.look(2_000, 500);
        assert_eq!((felt.tokens, felt.first_token_p50_ms), (500, 100));
        assert_eq!(felt.first_token_p99_ms, 198);
        pulse.began(50_000, 7);
        let felt = pulse.look(62_500, 900);
        assert_eq!((felt.tokens, felt.first_token_p50_ms), (400, 7));
        let felt = pulse.look(180_000, 900);
        assert_eq!(felt, Felt::default());
    }
}
