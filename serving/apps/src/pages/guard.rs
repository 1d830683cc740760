//! Whether a form was sent by a page of ours.

use axum::http::{HeaderMap, header};

/// Refuses what a browser says comes from another site. Programs say nothing of where they come
/// from, and have no cookie that somebody could borrow.
pub(crate) fn own_form(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), headers.get(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            let authority = origin.split_once("://").map(|(_, rest)| rest);
            authority.is_some_and(|authority| authority.as_bytes() == host.as_bytes())
        }
        (Some(_), None) => false,
    }
}

/// A text of a citizen as it may be kept and shown.
pub(crate) fn masked(text: &str) -> String {
    crate::kb::mask(text).text
}
