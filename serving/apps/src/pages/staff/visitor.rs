//! Who looks: a session's cookie for pages, a key for programs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::Desk;
use crate::pages::api;
use crate::service::now_ms;
use crate::staff::Person;

/// Name of the session's cookie.
pub(super) const COOKIE_NAME: &str = "zhisuan_kb";
/// A session ends after so long.
pub(super) const SESSION_S: i64 = 12 * 3600;
/// Most sessions at once; the oldest ends for a new one.
const MAX_SESSIONS: usize = 1000;

/// A member of the staff at a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) person: Person,
    /// Every form carries it: another site cannot know it.
    pub(crate) token: String,
}

/// A member of the staff behind a program.
pub(crate) struct Caller(pub(crate) Person);

/// Who is signed in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    visitor: Visitor,
    until_ms: i64,
}

impl Sessions {
    /// Opens a session; the answer is the cookie's value.
    pub(super) fn open(&self, person: Person) -> Option<String> {
        let (cookie, token) = (random()?, random()?);
        let now = now_ms();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.until_ms > now);
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.until_ms);
            let oldest = oldest.map(|(cookie, _)| cookie.clone());
            oldest.map(|cookie| sessions.remove(&cookie));
        }
        let session = Session {
            visitor: Visitor { person, token },
            until_ms: now + SESSION_S * 1000,
        };
        sessions.insert(cookie.clone(), session);
        Some(cookie)
    }

    pub(super) fn close(&self, cookie: &str) {
        self.lock().remove(cookie);
    }

    /// The visitor whose cookie the browser sent.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Option<Visitor> {
        let cookie = cookie(headers)?;
        let sessions = self.lock();
        let session = sessions
            .get(cookie)
            .filter(|session| session.until_ms > now_ms())?;
        Some(session.visitor.clone())
    }

    /// Each call leaves the map whole, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

/// The session's cookie that the browser sent.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    zhisuan_web::cookie::sent(headers, COOKIE_NAME)
}

/// The key that a program shows.
pub(crate) fn key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value
        .strip_prefix("Bearer ")
        .map(str::trim)
        .filter(|key| !key.is_empty())
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        let visitor = desk.sessions.visitor(&parts.headers);
        visitor.ok_or_else(|| Redirect::to("/kb/signin").into_response())
    }
}

impl FromRequestParts<Desk> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        // A cookie is not taken here: a program shows its key, so no other site can borrow it.
        let person = match key(&parts.headers) {
            Some(key) => desk.door.enter(key).await,
            None => None,
        };
        person.map(Self).ok_or_else(|| {
            let message =
                "请用 Authorization: Bearer 给出操作员或知识库管理员（clerk）的密钥".to_owned();
            api::error(
                axum::http::StatusCode::UNAUTHORIZED,
                "ZS-AUTH-KEY",
                None,
                message,
            )
        })
    }
}
