//! What a replica's callers felt in the last minute. Pure: times are arguments, in milliseconds
//! since any fixed moment.

use std::collections::VecDeque;
use zhisuan_engine::GenerateEvent;

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

/// Watches the events of one answer for its first token. An answer that ends without one, given
/// up or too late in the queue, never began.
#[derive(Debug)]
pub(crate) struct FirstToken {
    awaited: bool,
}

impl FirstToken {
    /// An answer that goes on began elsewhere.
    pub(crate) fn of(goes_on: bool) -> Self {
        Self { awaited: !goes_on }
    }

    /// Whether the answer begins with this event.
    pub(crate) fn is(&mut self, event: &GenerateEvent) -> bool {
        matches!(event, GenerateEvent::Token { .. }) && std::mem::take(&mut self.awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::{Felt, FirstToken, Pulse};
    use zhisuan_engine::{EngineError, FinishReason, GenerateEvent, Usage};

    #[test]
    fn an_answer_begins_with_its_first_token_and_with_nothing_else() {
        let usage = Usage::default();
        let token = GenerateEvent::Token {
            text: String::new(),
            token: 1,
            logprob: None,
        };
        let late = EngineError::DeadlineExceeded {
            waited_ms: 31,
            limit_ms: 30,
        };
        let ends = [
            GenerateEvent::Failed { error: late, usage },
            GenerateEvent::Done {
                finish: FinishReason::Cancelled,
                usage,
            },
        ];
        for end in &ends {
            assert!(!FirstToken::of(false).is(end), "{end:?}");
        }
        let mut first = FirstToken::of(false);
        assert_eq!([first.is(&token), first.is(&token)], [true, false]);
        assert!(!FirstToken::of(true).is(&token));
    }

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
