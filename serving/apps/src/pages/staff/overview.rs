//! The first page of the console: what waits, and for whom.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use zhisuan_web::parts::{self, Tile, Tone};
use zhisuan_web::{Markup, html};

use super::Desk;
use super::bases;
use super::documents::table;
use super::frame::{self, refused};
use super::visitor::Visitor;
use crate::kb::{Stage, VersionInfo};

pub(crate) async fn page(State(desk): State<Desk>, visitor: Visitor) -> Response {
    let looked = frame::asked(&desk, |desk| {
        let versions = desk.library.versions(&desk.base, None)?;
        let work = desk.library.work(&desk.base, true, 1000)?;
        let words = desk.library.proposed_synonyms(&desk.base)?;
        let questions = desk.library.waiting_questions(&desk.base)?;
        let feedback = desk.library.feedback(&desk.base, 1000)?;
        Ok((versions, work.len(), words.len(), questions, feedback))
    });
    let (versions, work, words, questions, feedback) = match looked.await {
        Ok(looked) => looked,
        Err(error) => return refused(&visitor, &error),
    };
    let count = |stage: Stage| {
        versions
            .iter()
            .filter(|version| version.stage == stage)
            .count()
    };
    let helpful = feedback.iter().filter(|said| said.helpful).count();
    let tile = |label: &str, value: usize, href: &str, urgent: bool| {
        let tone = if urgent && value > 0 {
            Tone::Warn
        } else {
            Tone::Neutral
        };
        Tile::new(label, value.to_string()).href(href).tone(tone)
    };
    let tiles = [
        tile(
            "隔离待核",
            count(Stage::Quarantined),
            "/kb/documents?stage=quarantined",
            true,
        ),
        tile(
            "待发布",
            count(Stage::Ready),
            "/kb/documents?stage=ready",
            true,
        ),
        tile(
            "已发布",
            count(Stage::Published),
            "/kb/documents?stage=published",
            false,
        ),
        tile("未办工单", work, "/kb/work", true),
        tile("待核同义词", words, "/kb/words", true),
        tile("待核问题", questions, "/kb/questions#waiting", true),
        tile("评价", feedback.len(), "/kb/work", false).note(format!("其中有用 {helpful}")),
    ];
    let waiting: Vec<&VersionInfo> = versions
        .iter()
        .filter(|version| matches!(version.stage, Stage::Quarantined | Stage::Ready))
        .collect();
    frame::page(&visitor, "知识库总览", "/kb")
        .body(html! {
            (parts::tiles(&tiles))
            (closed(&desk))
            (table("等人处理的文件", &waiting, "没有等待处理的文件", "新入库的文件会先出现在这里。"))
            (bases::card(&visitor))
        })
        .into_response()
}

/// Themes that are switched off stay in sight.
fn closed(desk: &Desk) -> Markup {
    let published = desk.library.published(&desk.base).unwrap_or_default();
    html! {
        @if !published.closed_themes.is_empty() {
            (parts::alert(Tone::Warn, "已关闭的主题", html! {
                (published.closed_themes.join("、")) "：这些主题的问题都转人工。"
                a href="/kb/words" { "管理" }
            }))
        }
    }
}
