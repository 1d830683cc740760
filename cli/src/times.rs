//! Instants as people write them: how long ago, a date, or a full time.

use crate::error::{Failure, Result};
use crate::units;
use crate::words::say;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The clock of the command, milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// "2h" (ago), "2026-11-01" (local midnight) or RFC 3339 to milliseconds since the epoch.
pub(crate) fn instant_ms(what: &str, text: &str, now_ms: i64) -> Result<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let midnight = text
        .parse::<Date>()
        .and_then(|date| date.to_zoned(TimeZone::system()));
    if let Ok(at) = midnight {
        return Ok(at.timestamp().as_millisecond());
    }
    match units::duration_ms(what, text) {
        Ok(ago) => Ok(now_ms.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))),
        Err(_) => Err(Failure::usage(
            "ZS-CLI-VALUE",
            say!(
                "{} 的时间 \"{}\" 无法识别",
                "{}: cannot read the time \"{}\"",
                what,
                text
            ),
        )
        .field(what)
        .hint("2h, 7d, 2026-11-01, 2026-11-01T08:00:00Z")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn spans_count_back_from_now() {
        assert_eq!(instant_ms("since", "2h", 10_000_000).unwrap(), 2_800_000);
        assert_eq!(
            instant_ms("since", "1970-01-01T00:00:01Z", 0).unwrap(),
            1_000
        );
        assert!(instant_ms("since", "yesterday", 0).is_err());
    }
}
