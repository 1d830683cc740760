//! Versions of the base, of one stage or of all.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use zhisuan_web::parts;
use zhisuan_web::{Markup, Render as _, Table, html};

use super::Desk;
use super::frame::{self, refused, severity, stage_tone, version_href, when};
use super::visitor::Visitor;
use crate::kb::{Severity, Stage, State as TextState, VersionInfo};
use crate::pages::shell;

const STAGES: [(&str, &str, Option<Stage>); 5] = [
    ("", "全部", None),
    ("quarantined", "隔离待核", Some(Stage::Quarantined)),
    ("ready", "待发布", Some(Stage::Ready)),
    ("published", "已发布", Some(Stage::Published)),
    ("withdrawn", "已撤下", Some(Stage::Withdrawn)),
];

pub(crate) async fn page(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let chosen = query.get("stage").map_or("", String::as_str);
    let stage = STAGES
        .iter()
        .find(|(name, ..)| *name == chosen)
        .and_then(|(.., stage)| *stage);
    let versions = frame::asked(&desk, move |desk| desk.library.versions(&desk.base, stage)).await;
    let versions = match versions {
        Ok(versions) => versions,
        Err(error) => return refused(&visitor, &error),
    };
    let shown: Vec<&VersionInfo> = versions.iter().collect();
    frame::page(&visitor, "文件", "/kb/documents")
        .body(html! {
            nav.filters aria-label="按状态筛选" {
                @for (name, label, _) in STAGES {
                    a href={ "/kb/documents?stage=" (name) }
                        aria-current=[(name == chosen).then_some("true")] { (label) }
                }
                a.button href="/kb/add" { "入库" }
            }
            (table("文件版本", &shown, "没有这样的文件", "点“入库”加入新文件。"))
        })
        .into_response()
}

/// Versions as a table.
pub(super) fn table(caption: &str, versions: &[&VersionInfo], none: &str, hint: &str) -> Markup {
    let mut table = Table::new(caption)
        .column("标题")
        .column("状态")
        .column("效力")
        .column("质量")
        .column("发布机构")
        .column("入库")
        .empty(none, hint);
    let today = crate::calendar::china_today();
    for version in versions {
        let force = TextState::on(today, &version.head, None);
        table = table.row(vec![
            html! {
                a href=(version_href(&version.id)) { (version.head.title) }
                div.muted { (version.id.to_string()) }
            },
            parts::badge(stage_tone(version.stage), version.stage.label()),
            parts::badge(shell::tone(force), force.label()),
            quality(version),
            html! { (version.head.issuer.as_deref().unwrap_or("未注明")) },
            html! { (when(version.added_ms)) },
        ]);
    }
    table.render()
}

/// How many findings of each severity, the graver first.
fn quality(version: &VersionInfo) -> Markup {
    let count = |grave: Severity| {
        version
            .findings
            .iter()
            .filter(|f| f.severity == grave)
            .count()
    };
    html! {
        @for grave in [Severity::Blocking, Severity::Suspicious, Severity::Note] {
            @let found = count(grave);
            @if found > 0 { span.pair { (severity(grave)) " " (found) } " " }
        }
        @if version.findings.is_empty() { "没有发现问题" }
        @if !version.repairs.is_empty() { div.muted { "已修正 " (version.repairs.len()) " 处" } }
    }
}
