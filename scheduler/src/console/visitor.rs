//! Who looks at a page: a session cookie, or a key for programs that read the JSON.

use super::{Console, frame};
use crate::access::{Caller, Denied, Role};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};

/// Name of the session cookie.
pub(super) const COOKIE_NAME: &str = "zhisuan_session";

/// The person or program behind a request, and the form it wants.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) json: bool,
}

impl Visitor {
    /// Whether pages about the whole centre are for this visitor.
    pub(super) fn sees_all(&self) -> bool {
        self.caller.role.sees_all()
    }
}

impl FromRequestParts<Console> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let json = wants_json(&parts.uri);
        match identify(&parts.headers, console) {
            Ok(caller) if matches!(caller.role, Role::Tenant | Role::Operator | Role::Auditor) => {
                Ok(Self { caller, json })
            }
            Ok(caller) => {
                let method = parts.uri.path().to_owned();
                let denied = Denied::Role {
                    role: caller.role,
                    method,
                };
                Err(frame::refused(None, json, &denied.problem().status()))
            }
            Err(denied) if json => Err(frame::refused(None, true, &denied.problem().status())),
            Err(_) => Err(Redirect::to("/signin").into_response()),
        }
    }
}

fn identify(headers: &HeaderMap, console: &Console) -> Result<Caller, Denied> {
    let now_ms = (console.now)();
    if let Some(cookie) = session_cookie(headers) {
        return console
            .access
            .session(cookie, now_ms)
            .ok_or(Denied::Expired);
    }
    let value = headers.get(AUTHORIZATION).ok_or(Denied::Missing)?;
    let secret = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "));
    console
        .access
        .caller(secret.unwrap_or_default().trim(), now_ms)
}

/// The session cookie that the browser sent.
pub(super) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    zhisuan_web::cookie::sent(headers, COOKIE_NAME)
}

pub(super) fn wants_json(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair == "format=json")
}
