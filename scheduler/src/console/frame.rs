//! The frame of every page, its JSON twin, and refusals as pages.

use super::visitor::Visitor;
use crate::access::Role;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use tonic::{Code, Status};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

const NAV: [(&str, &str); 5] = [
    ("/console", "总览"),
    ("/console/jobs", "作业"),
    ("/console/nodes", "节点"),
    ("/console/models", "模型"),
    ("/console/usage", "账单"),
];

/// A page with navigation; `current` is the address of its entry.
pub(super) fn page(visitor: &Visitor, title: &str, current: &str, body: Markup) -> Page {
    let mut page = Page::new(title).site("智算控制台", "/console").wide();
    for (href, label) in NAV {
        if href != "/console/nodes" || visitor.sees_all() {
            page = page.nav(href, label, href == current);
        }
    }
    let role = match visitor.caller.role {
        Role::Operator => "运营",
        Role::Auditor => "审计",
        _ => "租户",
    };
    page.body(body).footer(html! {
        form method="post" action="/signout" {
            p { (role) " · " (visitor.caller.tenant) " · 密钥 " (visitor.caller.key_id) }
            button type="submit" { "退出" }
        }
    })
}

/// The view as a page, or as JSON when the visitor wants that.
pub(super) fn reply<T: Serialize>(
    visitor: &Visitor,
    view: &T,
    page: impl FnOnce(&T) -> Page,
) -> Response {
    if visitor.json {
        Json(view).into_response()
    } else {
        page(view).into_response()
    }
}

/// A refusal in the form that the visitor wants.
pub(super) fn refused(visitor: Option<&Visitor>, json: bool, status: &Status) -> Response {
    let detail = zhisuan_proto::detail_of(status).unwrap_or_default();
    let http = http_status(status.code());
    if json {
        let error = json!({
            "code": detail.code, "field": detail.field, "message": status.message(),
            "message_zh": detail.message_zh, "hint": detail.hint,
        });
        return (http, Json(json!({ "error": error }))).into_response();
    }
    let said = if detail.message_zh.is_empty() {
        status.message()
    } else {
        &detail.message_zh
    };
    let body = parts::alert(
        Tone::Bad,
        said,
        html! { p { (detail.hint) } p { code { (detail.code) } } p { a href="/console" { "返回总览" } } },
    );
    let shown = match visitor {
        Some(visitor) => page(visitor, "无法显示", "", body),
        None => Page::new("无法显示")
            .site("智算控制台", "/console")
            .body(body),
    };
    shown.status(http).into_response()
}

fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
