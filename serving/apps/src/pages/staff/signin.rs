//! Signing in with a key, and out again.

use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::Desk;
use super::visitor::{COOKIE_NAME, SESSION_S, cookie};
use crate::pages::guard;

#[derive(Deserialize)]
pub(crate) struct Key {
    #[serde(default)]
    key: String,
}

/// Asks for the key.
pub(crate) async fn ask() -> Page {
    page(&html! {})
}

fn page(above: &Markup) -> Page {
    Page::new("知识库管理登录")
        .site("知识库管理", "/kb")
        .body(html! {
            (above)
            form.card method="post" action="/kb/signin" {
                div.field {
                    label for="key" { "密钥" }
                    input id="key" type="password" name="key" required autocomplete="off";
                }
                button type="submit" { "登录" }
                p.hint {
                    "用操作员密钥，或知识库管理员（clerk）的密钥登录。操作员可用 "
                    code { "zhisuan key create --role clerk --name 姓名" } " 签发。"
                }
            }
            p { a href="/qa" { "回到市民问答" } }
        })
}

/// Asks the door, and opens a session.
pub(crate) async fn enter(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Form(given): Form<Key>,
) -> Response {
    if !guard::own_form(&headers) {
        return refused("这次登录不是从本页发出的", StatusCode::BAD_REQUEST);
    }
    let known = desk.door.enter(given.key.trim()).await;
    if !known.is_some_and(|person| desk.admits(&person)) {
        return refused(
            "密钥不对、已失效，或者没有知识库的权限",
            StatusCode::UNAUTHORIZED,
        );
    }
    match desk.sessions.open(given.key.trim()) {
        Some(cookie) => {
            let set = cookie_line(&desk, &cookie, SESSION_S);
            (AppendHeaders([(SET_COOKIE, set)]), Redirect::to("/kb")).into_response()
        }
        None => refused(
            "系统暂时给不出随机数，请稍后再试",
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    }
}

fn refused(why: &str, status: StatusCode) -> Response {
    page(&parts::alert(Tone::Warn, "没有登录", why))
        .status(status)
        .into_response()
}

/// Ends the session.
pub(crate) async fn leave(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers).filter(|_| guard::own_form(&headers)) {
        desk.sessions.close(cookie);
    }
    let set = cookie_line(&desk, "", 0);
    (
        AppendHeaders([(SET_COOKIE, set)]),
        Redirect::to("/kb/signin"),
    )
        .into_response()
}

fn cookie_line(desk: &Desk, value: &str, seconds: i64) -> String {
    let url = desk.public_url.get().map_or("", String::as_str);
    zhisuan_web::cookie::session(COOKIE_NAME, value, seconds, url)
}
