//! Signing in with a link, and out again.
//!
//! Looking at a link does not use it up: a form does. So a program that previews links cannot take
//! it away, and the strict cookie, set in answer to the form, is sent with the next page.

use super::Console;
use super::frame::refused;
use super::visitor::{COOKIE_NAME, session_cookie};
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Page, cookie, html};

const SESSION_S: i64 = 12 * 3600;

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: String,
}

/// Shows what to do: enter with the link, or get one.
pub(super) async fn ask(Query(link): Query<Link>) -> Page {
    let body = if link.token.is_empty() {
        html! {
            p { "请用登录链接进入：zhisuan up 启动时会给出一条，也可向管理员索取。" }
            p { "链接十分钟内有效，只能用一次。" }
        }
    } else {
        html! {
            form method="post" action="/signin" {
                input type="hidden" name="token" value=(link.token);
                button type="submit" { "进入控制台" }
            }
        }
    };
    Page::new("登录").site("智算控制台", "/console").body(body)
}

/// Uses the link up and opens a session.
pub(super) async fn enter(State(console): State<Console>, Form(link): Form<Link>) -> Response {
    match console.access.redeem(&link.token, (console.now)()) {
        Ok(Some(cookie)) => {
            let set = cookie_line(&console, &cookie, SESSION_S);
            (AppendHeaders([(SET_COOKIE, set)]), Redirect::to("/console")).into_response()
        }
        Ok(None) => {
            let hint = html! { p { "链接已用过或已过期，请重新索取一条。" } };
            Page::new("登录")
                .site("智算控制台", "/console")
                .status(StatusCode::UNAUTHORIZED)
                .body(parts::alert(Tone::Warn, "链接无效", hint))
                .into_response()
        }
        Err(error) => refused(None, false, &error.into()),
    }
}

/// Ends the session.
pub(super) async fn leave(State(console): State<Console>, headers: HeaderMap) -> Response {
    if let Some(cookie) = session_cookie(&headers) {
        console.access.sign_out(cookie);
    }
    let set = cookie_line(&console, "", 0);
    (AppendHeaders([(SET_COOKIE, set)]), Redirect::to("/signin")).into_response()
}

fn cookie_line(console: &Console, value: &str, seconds: i64) -> String {
    cookie::session(COOKIE_NAME, value, seconds, &console.public_url)
}
