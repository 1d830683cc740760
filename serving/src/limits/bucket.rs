//! Pure: a token bucket that holds one minute's allowance and fills evenly.

/// Parts of one unit. With it a millisecond's share of a per-minute rate is a whole number.
const PARTS: i128 = 60_000;

/// An allowance. What was estimated too low leaves a debt of at most one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    per_minute: u64,
    /// In parts of a unit; below zero is a debt.
    level: i128,
    at_ms: u64,
}

/// How a bucket stands, for the headers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// Milliseconds until the bucket is full.
    pub(crate) reset_ms: u64,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// Enough will be there after so many milliseconds.
    Wait(u64),
    /// More than a whole minute's allowance was asked for: waiting would not help.
    TooLarge,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_minute: u64, now_ms: u64) -> Self {
        let mut bucket = Self {
            per_minute,
            level: 0,
            at_ms: now_ms,
        };
        bucket.level = bucket.full();
        bucket
    }

    /// Takes another rate; what was used stays used.
    pub(crate) fn set_rate(&mut self, per_minute: u64, now_ms: u64) {
        if per_minute != self.per_minute {
            self.fill(now_ms);
            let used = self.full() - self.level;
            self.per_minute = per_minute;
            self.level = (self.full() - used).max(-self.full());
        }
    }

    /// Takes `units`, or says when they will be there.
    pub(crate) fn take(&mut self, units: u64, now_ms: u64) -> Result<(), Short> {
        self.fill(now_ms);
        let cost = i128::from(units) * PARTS;
        if cost > self.full() {
            return Err(Short::TooLarge);
        }
        if cost > self.level {
            return Err(Short::Wait(self.ms_for(cost - self.level)));
        }
        self.level -= cost;
        Ok(())
    }

    /// Puts right what was taken by estimate.
    pub(crate) fn correct(&mut self, estimated: u64, actual: u64, now_ms: u64) {
        self.fill(now_ms);
        let change = (i128::from(estimated) - i128::from(actual)) * PARTS;
        self.level = (self.level + change).clamp(-self.full(), self.full());
    }

    /// How it stands at `now_ms`.
    pub(crate) fn standing(&self, now_ms: u64) -> Standing {
        let mut now = self.clone();
        now.fill(now_ms);
        Standing {
            limit: now.per_minute,
            remaining: u64::try_from(now.level.max(0) / PARTS).unwrap_or(0),
            reset_ms: now.ms_for(now.full() - now.level),
        }
    }

    fn full(&self) -> i128 {
        i128::from(self.per_minute) * PARTS
    }

    fn fill(&mut self, now_ms: u64) {
        let passed = i128::from(now_ms.saturating_sub(self.at_ms));
        self.level = (self.level + passed * i128::from(self.per_minute)).min(self.full());
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Milliseconds in which `parts` flow in, rounded up.
    fn ms_for(&self, parts: i128) -> u64 {
        let rate = i128::from(self.per_minute.max(1));
        u64::try_from((parts.max(0) + rate - 1) / rate).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Short};
    use proptest::prelude::*;

    #[test]
    fn a_minute_is_there_at_once_and_then_flows_evenly() {
        let mut bucket = Bucket::new(6, 0);
        for _ in 0..6 {
            assert_eq!(bucket.take(1, 0), Ok(()));
        }
        assert_eq!(bucket.take(1, 0), Err(Short::Wait(10_000)));
        assert_eq!(bucket.take(1, 9_999), Err(Short::Wait(1)));
        assert_eq!(bucket.take(1, 10_000), Ok(()), "the time it named is true");
        let standing = bucket.standing(10_000);
        assert_eq!(
            (standing.limit, standing.remaining, standing.reset_ms),
            (6, 0, 60_000)
        );
    }

    #[test]
    fn more_than_a_minute_never_fits() {
        assert_eq!(Bucket::new(100, 0).take(101, 5), Err(Short::TooLarge));
    }

    #[test]
    fn an_estimate_is_put_right_and_a_debt_is_paid_before_the_next() {
        let mut bucket = Bucket::new(600, 0);
        bucket.take(100, 0).unwrap_or_else(|_| unreachable!());
        bucket.correct(100, 40, 0);
        assert_eq!(bucket.standing(0).remaining, 560);
        bucket.take(500, 0).unwrap_or_else(|_| unreachable!());
        bucket.correct(500, 800, 0);
        // 560 - 800 = -240: one token more is there after 241 tenths of a second.
        assert_eq!(bucket.take(1, 0), Err(Short::Wait(24_100)));
    }

    #[test]
    fn another_rate_keeps_what_was_used() {
        let mut bucket = Bucket::new(10, 0);
        bucket.take(10, 0).unwrap_or_else(|_| unreachable!());
        bucket.set_rate(20, 0);
        assert_eq!(bucket.standing(0).remaining, 10);
        bucket.set_rate(5, 0);
        assert_eq!(bucket.standing(0).remaining, 0);
    }

    proptest! {
        #[test]
        fn no_minute_gives_more_than_two_allowances(
            rate in 1_u64..1_000,
            asks in proptest::collection::vec((0_u64..2_000, 1_u64..200), 1..200),
        ) {
            let (mut bucket, mut now, mut given) = (Bucket::new(rate, 0), 0, Vec::new());
            for (gap, units) in asks {
                now += gap;
                match bucket.take(units, now) {
                    Ok(()) => given.push((now, units)),
                    Err(Short::Wait(ms)) => {
                        prop_assert!(bucket.clone().take(units, now + ms).is_ok());
                        prop_assert!(ms == 0 || bucket.clone().take(units, now + ms - 1).is_err());
                    }
                    Err(Short::TooLarge) => prop_assert!(units > rate),
                }
            }
            for &(from, _) in &given {
                let sum: u64 = given
                    .iter()
                    .filter(|(at, _)| (from..from + 60_000).contains(at))
                    .map(|(_, units)| units)
                    .sum();
                prop_assert!(sum <= 2 * rate, "{sum} in a minute at {rate}");
            }
        }
    }
}
