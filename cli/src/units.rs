//! Quantities as people write and read them: memory, time, cores, money. Integers only, no rounding in silence.

use crate::error::{Failure, Result};
use crate::words::say;

/// Millionths of a yuan in a yuan.
const MICRO_PER_YUAN: i64 = 1_000_000;

/// Reads a decimal number as an integer count of `scale`ths, exactly.
fn decimal(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = scale.ilog10() as usize;
    if whole.is_empty() || fraction.len() > digits || text.ends_with('.') {
        return None;
    }
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction = if digits == 0 {
        0
    } else {
        format!("{fraction:0<digits$}").parse().ok()?
    };
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(scale)?
        .checked_add(fraction)
}

/// Splits "4GiB" into the number and the unit in lower case.
fn split_unit(text: &str) -> (&str, String) {
    let text = text.trim();
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    (number, unit.trim().to_lowercase())
}

/// A refusal of a value, with what would have been accepted.
fn refuse(what: &str, text: &str, accepted: &str) -> Failure {
    Failure::usage(
        "ZS-CLI-VALUE",
        say!(
            "{} 的值 \"{}\" 无法识别",
            "{}: cannot read the value \"{}\"",
            what,
            text
        ),
    )
    .field(what)
    .hint(say!("可接受:{}", "accepted: {}", accepted))
}

/// "4GiB", "512MiB", "4g", "2048" (MiB) to MiB.
pub(crate) fn memory_mib(what: &str, text: &str) -> Result<u64> {
    let (number, unit) = split_unit(text);
    let per_unit = match unit.as_str() {
        "" | "m" | "mib" => Some(1),
        "g" | "gib" => Some(1024),
        "t" | "tib" => Some(1024 * 1024),
        _ => None,
    };
    per_unit
        .zip(decimal(number, 1000))
        .and_then(|(per, milli)| milli.checked_mul(per))
        .filter(|milli| milli % 1000 == 0)
        .map(|milli| milli / 1000)
        .ok_or_else(|| refuse(what, text, "512MiB, 4GiB, 1.5GiB"))
}

/// "90s", "10m", "1h30m", "2d", "500ms" to milliseconds.
pub(crate) fn duration_ms(what: &str, text: &str) -> Result<u64> {
    let mut rest = text.trim();
    let mut total = Some(0_u64);
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at(letters);
        let per_unit = match unit.trim() {
            "ms" => Some(1_u64),
            "s" | "秒" => Some(1_000),
            "m" | "min" | "分" | "分钟" => Some(60_000),
            "h" | "小时" => Some(3_600_000),
            "d" | "天" => Some(86_400_000),
            _ => None,
        };
        total = total
            .zip(per_unit.zip(number.parse::<u64>().ok()))
            .and_then(|(sum, (per, count))| sum.checked_add(per.checked_mul(count)?));
        parts += 1;
        rest = next;
    }
    total
        .filter(|_| parts > 0)
        .ok_or_else(|| refuse(what, text, "90s, 10m, 1h30m, 2d"))
}

/// "2" or "0.5" to thousandths.
pub(crate) fn milli(what: &str, text: &str) -> Result<u32> {
    decimal(text.trim(), 1000)
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| refuse(what, text, "1, 2, 0.5"))
}

/// "12.50" (yuan, with or without 元 or ¥; may be negative) to micro-yuan.
pub(crate) fn money_micro(what: &str, text: &str) -> Result<i64> {
    let plain = text
        .trim()
        .trim_start_matches('¥')
        .trim_end_matches('元')
        .trim();
    let (sign, digits) = plain
        .strip_prefix('-')
        .map_or((1, plain), |rest| (-1, rest));
    decimal(digits, MICRO_PER_YUAN as u64)
        .and_then(|micro| i64::try_from(micro).ok())
        .map(|micro| sign * micro)
        .ok_or_else(|| refuse(what, text, "100, 12.5, 0.000001"))
}

/// "0.0002" or "2e-4" to billionths.
pub(crate) fn nano(what: &str, value: f64) -> Result<u64> {
    let billionths = (value * 1e9).round();
    if value.is_finite() && (0.0..=1e9).contains(&billionths) {
        Ok(billionths as u64)
    } else {
        Err(refuse(what, &value.to_string(), "0.0002, 2e-4"))
    }
}

/// Milliseconds as an ISO 8601 duration: "PT30M", "PT1H30M", "PT1.5S".
pub(crate) fn iso_span(ms: u64) -> String {
    jiff::SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)).to_string()
}

/// Micro-yuan for people: at least two decimals, no trailing zeros after them.
pub(crate) fn yuan(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let absolute = micro.unsigned_abs();
    let per = MICRO_PER_YUAN.unsigned_abs();
    let fraction = format!("{:06}", absolute % per);
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{sign}{}.{}", absolute / per, &fraction[..kept])
}

/// Milliseconds for people: "850ms", "12.3s", "4m05s", "2h03m", "3d04h".
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Thousandths as a decimal: 2000 is "2", 500 is "0.5".
pub(crate) fn from_milli(value: u64) -> String {
    let fraction = format!("{:03}", value % 1000);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}", value / 1000)
}

/// MiB for people.
pub(crate) fn mib(value: u64) -> String {
    if value >= 1024 {
        format!("{}GiB", from_milli(value.saturating_mul(1000) / 1024))
    } else {
        format!("{value}MiB")
    }
}

/// Bytes for people.
pub(crate) fn bytes(value: u64) -> String {
    match value {
        0..1024 => format!("{value}B"),
        1024..1_048_576 => format!("{}KiB", value / 1024),
        _ => mib(value / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn quantities_are_exact() {
        assert_eq!(memory_mib("m", "1.5GiB").unwrap(), 1536);
        assert_eq!(memory_mib("m", "512").unwrap(), 512);
        assert_eq!(duration_ms("t", "1h30m").unwrap(), 5_400_000);
        assert_eq!(milli("c", "0.5").unwrap(), 500);
        assert_eq!(money_micro("a", "¥12.5").unwrap(), 12_500_000);
        assert_eq!(money_micro("a", "-0.000001").unwrap(), -1);
        assert_eq!(nano("lr", 2e-4).unwrap(), 200_000);
    }

    #[test]
    fn nonsense_is_refused_not_rounded() {
        for text in ["", "-1", "4XB", "1.0001MiB", "99999999999999999999GiB", "."] {
            assert!(memory_mib("m", text).is_err(), "{text}");
        }
        for text in ["", "10", "m", "1h30", "99999999999999999999h", "-1s"] {
            assert!(duration_ms("t", text).is_err(), "{text}");
        }
        for text in ["0.0000001", "1e3", "a", "", "1.", "--1"] {
            assert!(money_micro("a", text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_read_short_forms() {
        assert_eq!(yuan(12_500_000), "12.50");
        assert_eq!(yuan(-1), "-0.000001");
        assert_eq!(yuan(i64::MIN), "-9223372036854.775808");
        assert_eq!(span(245_000), "4m05s");
        assert_eq!(from_milli(1500), "1.5");
        assert_eq!(mib(1536), "1.5GiB");
    }
}
