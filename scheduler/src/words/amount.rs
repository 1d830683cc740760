//! Quantities as people read them, by integer arithmetic only.

/// Decimal text of `value / 10^digits`, at least `least` and at most `digits` decimals.
fn decimal(value: u64, digits: u32, least: usize) -> String {
    let scale = 10_u64.pow(digits);
    let fraction = format!("{:0width$}", value % scale, width = digits as usize);
    let kept = fraction.trim_end_matches('0').len().max(least);
    let whole = value / scale;
    match fraction.get(..kept) {
        Some(part) if !part.is_empty() => format!("{whole}.{part}"),
        _ => whole.to_string(),
    }
}

/// Micro-yuan as yuan, two to six decimals: "12.30", "-0.000001".
pub(crate) fn yuan(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(micro.unsigned_abs(), 6, 2))
}

/// Thousandths as units, no more decimals than needed: "2", "0.5".
pub(crate) fn cores(milli: u64) -> String {
    decimal(milli, 3, 0)
}

/// MiB, or GiB when that is exact: "512 MiB", "4 GiB".
pub(crate) fn mib(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) {
        format!("{} GiB", mib / 1024)
    } else {
        format!("{mib} MiB")
    }
}
