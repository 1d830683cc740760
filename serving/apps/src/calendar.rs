//! Days as the service counts them: China's, wherever the machine stands.

use jiff::civil::Date;
use jiff::{Timestamp, Zoned, tz};

/// A moment, in milliseconds since 1970, on the clocks of China (UTC+8, GB/T 7408).
pub(crate) fn china_time(at_ms: i64) -> Option<Zoned> {
    let moment = Timestamp::from_millisecond(at_ms).ok()?;
    Some(moment.to_zoned(tz::TimeZone::fixed(tz::offset(8))))
}

/// The day in China of a moment, in milliseconds since 1970.
pub(crate) fn china_day(at_ms: i64) -> Date {
    china_time(at_ms).map_or(Date::ZERO, |moment| moment.date())
}

/// The day that it is in China now.
pub(crate) fn china_today() -> Date {
    china_day(Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::china_day;

    #[test]
    fn a_day_begins_when_it_does_in_china() {
        // 2026-01-14 15:59:59 and 16:00:00 UTC.
        assert_eq!(china_day(1_768_406_399_000), date(2026, 1, 14));
        assert_eq!(china_day(1_768_406_400_000), date(2026, 1, 15));
    }
}
