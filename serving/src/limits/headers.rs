//! Pure: the `x-ratelimit-*` headers as the official interface writes them.

use super::bucket::Standing;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// How the caller's limits stand after its request was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standings {
    pub(crate) requests: Option<Standing>,
    pub(crate) tokens: Option<Standing>,
}

const REQUESTS: [&str; 3] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
];
const TOKENS: [&str; 3] = [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

/// Writes the headers of every limit that exists.
pub(crate) fn write(standings: Standings, headers: &mut HeaderMap) {
    for (names, standing) in [(REQUESTS, standings.requests), (TOKENS, standings.tokens)] {
        let Some(standing) = standing else { continue };
        let [limit, remaining, reset] = names.map(HeaderName::from_static);
        headers.insert(limit, HeaderValue::from(standing.limit));
        headers.insert(remaining, HeaderValue::from(standing.remaining));
        if let Ok(value) = HeaderValue::from_str(&duration(standing.reset_ms)) {
            headers.insert(reset, value);
        }
    }
}

/// "20ms", "1.5s", "6m0s".
fn duration(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let (minutes, rest) = (ms / 60_000, ms % 60_000);
    let seconds = if rest % 1_000 == 0 {
        format!("{}s", rest / 1_000)
    } else {
        let text = format!("{}.{:03}", rest / 1_000, rest % 1_000);
        format!("{}s", text.trim_end_matches('0'))
    };
    if minutes == 0 {
        seconds
    } else {
        format!("{minutes}m{seconds}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Standings, duration, write};
    use crate::limits::Standing;
    use axum::http::HeaderMap;

    #[test]
    fn durations_read_as_the_official_ones() {
        for (ms, text) in [
            (0, "0ms"),
            (20, "20ms"),
            (1_000, "1s"),
            (1_500, "1.5s"),
            (60_000, "1m0s"),
            (361_250, "6m1.25s"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn a_limit_that_does_not_exist_has_no_header() {
        let mut headers = HeaderMap::new();
        let standings = Standings {
            requests: Some(Standing {
                limit: 60,
                remaining: 59,
                reset_ms: 1_000,
            }),
            tokens: None,
        };
        write(standings, &mut headers);
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-ratelimit-remaining-requests"], "59");
    }
}
