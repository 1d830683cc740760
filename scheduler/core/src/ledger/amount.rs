//! From quantities and prices to money. Each function rounds once, half to even.

const HOUR_MS: i128 = 3_600_000;

/// Price of `quantity_milli` thousandths of a thing for `ms` milliseconds, micro-yuan.
///
/// Monotone in `ms`, so that the differences of a growing `ms` are charges that add up exactly:
/// no rounding error grows with the number of slices. `None` when it exceeds what an account can
/// hold.
#[must_use]
pub fn time_amount(price_micro_per_hour: i64, quantity_milli: u64, ms: u64) -> Option<i64> {
    let product = i128::from(price_micro_per_hour)
        .checked_mul(i128::from(quantity_milli))?
        .checked_mul(i128::from(ms))?;
    i64::try_from(half_even(product, 1000 * HOUR_MS)).ok()
}

/// Price of `tokens` tokens, micro-yuan.
#[must_use]
pub fn token_amount(price_micro_per_million: i64, tokens: u64) -> Option<i64> {
    let product = i128::from(price_micro_per_million).checked_mul(i128::from(tokens))?;
    i64::try_from(half_even(product, 1_000_000)).ok()
}

fn half_even(numerator: i128, denominator: i128) -> i128 {
    let quotient = numerator.div_euclid(denominator);
    let twice = numerator.rem_euclid(denominator) * 2;
    let up = twice > denominator || (twice == denominator && quotient % 2 != 0);
    quotient + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_two_cores_costs_twice_the_price() {
        assert_eq!(time_amount(100_000, 2000, 3_600_000), Some(200_000));
    }

    #[test]
    fn halves_round_to_even() {
        assert_eq!(token_amount(1, 500_000), Some(0));
        assert_eq!(token_amount(1, 1_500_000), Some(2));
        assert_eq!(token_amount(1, 2_500_000), Some(2));
    }

    #[test]
    fn absurd_quantities_are_none_not_a_wrapped_number() {
        assert_eq!(time_amount(i64::MAX, u64::MAX, u64::MAX), None);
        assert_eq!(token_amount(i64::MAX, u64::MAX), None);
    }
}
