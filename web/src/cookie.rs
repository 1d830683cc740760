//! The one cookie of a signed-in session, the same for every page of ours.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

/// A `Set-Cookie` line that gives a session to a browser for some seconds; 0 takes it away.
///
/// Scripts cannot read it and other sites cannot use it. Over TLS, which is what `public_url` tells
/// by its scheme, the browser also keeps it off plain connections.
pub fn session(name: &str, value: &str, seconds: i64, public_url: &str) -> String {
    let secure = if public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The value of a cookie that the browser sent.
pub fn sent<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{sent, session};
    use axum::http::HeaderMap;

    #[test]
    fn only_tls_makes_it_secure() {
        let plain = session("s", "1", 60, "http://127.0.0.1:7700");
        assert_eq!(plain, "s=1; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        let tls = session("s", "1", 60, "https://qa.example");
        assert_eq!(tls, format!("{plain}; Secure"));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; session=2".parse().unwrap());
        headers.append("cookie", "session_b=3".parse().unwrap());
        assert_eq!(sent(&headers, "session"), Some("2"));
        assert_eq!(sent(&headers, "session_b"), Some("3"));
        assert_eq!(sent(&headers, "b"), None);
    }
}
