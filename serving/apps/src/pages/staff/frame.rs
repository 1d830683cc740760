//! The frame of every staff page, its forms, and refusals.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::Desk;
use super::visitor::Visitor;
use crate::calendar::china_time;
use crate::kb::{LibraryError, Severity, Stage, VersionId};
use crate::pages::href;

const NAV: [(&str, &str); 8] = [
    ("/kb", "总览"),
    ("/kb/documents", "文件"),
    ("/kb/add", "入库"),
    ("/kb/work", "待办"),
    ("/kb/conflicts", "冲突"),
    ("/kb/words", "同义词与主题"),
    ("/kb/questions", "问题库"),
    ("/kb/tickets", "热线工单"),
];

/// A page with navigation; `current` is the address of its entry.
pub(super) fn page(visitor: &Visitor, title: impl Into<String>, current: &str) -> Page {
    // Where there are several, nobody shall have to guess which one they look at.
    let several = visitor.bases.len() > 1;
    let mut looked_at = visitor.bases.iter();
    let site = match looked_at.find(|info| info.name == visitor.base) {
        Some(base) if several => format!("知识库管理 · {}", base.title),
        _ => "知识库管理".to_owned(),
    };
    let mut page = Page::new(title).site(site, "/kb").wide();
    for (href, label) in NAV {
        page = page.nav(href, label, href == current);
    }
    let person = &visitor.person;
    page.footer(html! {
        @if several {
            p { "换到："
                @for info in visitor.bases.iter().filter(|info| info.name != visitor.base) {
                    a href={ "/kb?base=" (info.name) } { (info.title) } "　"
                } }
        }
        form.signout method="post" action="/kb/signout" {
            span { (person.name) "（" (person.id) "）"
                @if !person.maker && !person.checker { " · 只读" } }
            button.plain type="submit" { "退出" }
        }
        p { a href="/qa" { "市民问答页面" } }
    })
}

/// A form for one deed; every form carries the session's token.
pub(super) fn form(visitor: &Visitor, deed: &str, inside: &Markup) -> Markup {
    html! {
        form method="post" action={ "/kb/do/" (deed) } {
            input type="hidden" name="token" value=(visitor.token);
            (inside)
        }
    }
}

/// Names a version within a form.
pub(super) fn named(id: &VersionId) -> Markup {
    html! {
        input type="hidden" name="document" value=(id.document);
        input type="hidden" name="number" value=(id.number);
    }
}

/// Asks the library away from the async threads.
pub(super) async fn asked<T: Send + 'static>(
    desk: &Desk,
    question: impl FnOnce(&Desk) -> Result<T, LibraryError> + Send + 'static,
) -> Result<T, LibraryError> {
    let desk = desk.clone();
    match spawn_blocking(move || question(&desk)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "a task of the library failed");
            Err(LibraryError::Interrupted)
        }
    }
}

/// A refusal of the library as a page.
pub(super) fn refused(visitor: &Visitor, error: &LibraryError) -> Response {
    page(visitor, "没有办成", "")
        .status(status(error))
        .body(html! {
            (parts::alert(Tone::Bad, "没有办成，内容没有改动", error.to_string()))
            p.muted { "代码 " code { (error.code()) } "。用浏览器的后退键回到上一页，填过的内容还在。" }
        })
        .into_response()
}

/// The status of a refusal.
pub(in crate::pages) fn status(error: &LibraryError) -> StatusCode {
    match error {
        LibraryError::NotFound { .. } => StatusCode::NOT_FOUND,
        LibraryError::NotAllowed { .. } | LibraryError::SamePerson { .. } => StatusCode::FORBIDDEN,
        LibraryError::BadField { .. } | LibraryError::Unreadable { .. } => StatusCode::BAD_REQUEST,
        LibraryError::Blocked { .. }
        | LibraryError::WrongStage { .. }
        | LibraryError::Nothing { .. }
        | LibraryError::Exists { .. }
        | LibraryError::Changed { .. } => StatusCode::CONFLICT,
        LibraryError::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The tone of a stage.
pub(super) fn stage_tone(stage: Stage) -> Tone {
    match stage {
        Stage::Quarantined => Tone::Warn,
        Stage::Ready => Tone::Info,
        Stage::Published => Tone::Good,
        Stage::Withdrawn => Tone::Neutral,
    }
}

/// The tone and the word of a severity.
pub(super) fn severity(severity: Severity) -> Markup {
    match severity {
        Severity::Note => parts::badge(Tone::Info, "提示"),
        Severity::Suspicious => parts::badge(Tone::Warn, "可疑"),
        Severity::Blocking => parts::badge(Tone::Bad, "阻断"),
    }
}

/// The page of a version.
pub(super) fn version_href(id: &VersionId) -> String {
    format!(
        "/kb/version/{}/{}",
        id.number,
        href::encode_path(&id.document)
    )
}

/// Names of people for their ids, an id where no name is known.
pub(super) fn names(people: &BTreeMap<String, String>, ids: &[String]) -> String {
    let name = |id| people.get(id).unwrap_or(id).as_str();
    ids.iter().map(name).collect::<Vec<_>>().join("、")
}

/// A moment as people here write it.
pub(super) fn when(ms: i64) -> String {
    match china_time(ms) {
        Some(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        None => "—".to_owned(),
    }
}
