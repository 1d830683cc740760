//! Who looks: a session's cookie for pages, a key for programs. The door is asked about the key
//! every time, so that a key that was taken back does nothing more, and then the base.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use zhisuan_web::parts::{self, Tone};

use super::{Desk, frame};
use crate::kb::BaseInfo;
use crate::pages::api;
use crate::service::now_ms;
use crate::staff::Person;

/// Name of the session's cookie.
pub(super) const COOKIE_NAME: &str = "zhisuan_kb";
/// A session ends after so long.
pub(super) const SESSION_S: i64 = 12 * 3600;
/// Most sessions at once; the oldest ends for a new one.
const MAX_SESSIONS: usize = 1000;

/// Said to people of the staff whom the base does not admit.
const NOT_ADMITTED: &str = "这个知识库没有对您开放。请联系它的管理人员。";

/// A member of the staff at a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) person: Person,
    /// Every form carries it: another site cannot know it, and a form of one base is not taken for
    /// another.
    pub(crate) token: String,
    /// The base that they look at.
    pub(crate) base: String,
    /// The bases that are there for them.
    pub(crate) bases: Vec<BaseInfo>,
}

/// A member of the staff behind a program.
pub(crate) struct Caller(pub(crate) Person);

/// Who is signed in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

/// What a session remembers: the key, never what it may do.
#[derive(Clone)]
struct Session {
    key: String,
    token: String,
    until_ms: i64,
}

impl Sessions {
    /// Opens a session; the answer is the cookie's value.
    pub(super) fn open(&self, key: &str) -> Option<String> {
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
            key: key.to_owned(),
            token,
            until_ms: now + SESSION_S * 1000,
        };
        sessions.insert(cookie.clone(), session);
        Some(cookie)
    }

    pub(super) fn close(&self, cookie: &str) {
        self.lock().remove(cookie);
    }

    /// The session whose cookie the browser sent.
    fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let cookie = cookie(headers)?;
        let sessions = self.lock();
        let session = sessions.get(cookie);
        session.filter(|open| open.until_ms > now_ms()).cloned()
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

/// The member of the staff whose session the browser names, as the door knows them now.
pub(super) async fn visitor(desk: &Desk, headers: &HeaderMap) -> Option<Visitor> {
    let session = desk.sessions.of(headers)?;
    let person = desk.door.enter(&session.key).await?;
    Some(Visitor {
        token: format!("{}-{}", session.token, desk.base),
        base: desk.base.clone(),
        bases: desk.bases(&person),
        person,
    })
}

/// The visitor of a page of the staff, or what the browser is told instead.
pub(super) async fn admitted(desk: &Desk, headers: &HeaderMap) -> Result<Visitor, Response> {
    match visitor(desk, headers).await {
        Some(visitor) if desk.admits(&visitor.person) => Ok(visitor),
        Some(visitor) => Err(frame::page(&visitor, "没有权限", "")
            .status(StatusCode::FORBIDDEN)
            .body(parts::alert(Tone::Warn, "没有权限", NOT_ADMITTED))
            .into_response()),
        None => Err(Redirect::to("/kb/signin").into_response()),
    }
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        admitted(desk, &parts.headers).await
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
        match person {
            Some(person) if desk.admits(&person) => Ok(Self(person)),
            Some(_) => {
                let message = NOT_ADMITTED.to_owned();
                Err(api::error(StatusCode::FORBIDDEN, "ZS-AUTH", None, message))
            }
            None => {
                let message =
                    "请用 Authorization: Bearer 给出操作员或知识库管理员（clerk）的密钥".to_owned();
                Err(api::error(
                    StatusCode::UNAUTHORIZED,
                    "ZS-AUTH-KEY",
                    None,
                    message,
                ))
            }
        }
    }
}
