//! The source page: the whole text as it is in the file, with the cited bytes marked.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::{Kb, shell, today};
use crate::rag::{Citation, Document};

/// What was found out about the file since it was loaded.
enum Check {
    Same,
    Changed,
}

pub(crate) async fn page(
    State(base): State<Kb>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let Some(document) = base.document(&id).cloned() else {
        return shell::page("没有这份文件")
            .status(StatusCode::NOT_FOUND)
            .trail("/qa", "提问")
            .body(parts::empty_state(
                "没有这份文件",
                "它可能已经移走。请回到提问页重新提问。",
            ));
    };
    let bound = |name: &str| {
        query
            .get(name)
            .and_then(|value| value.parse::<usize>().ok())
    };
    let span = match (bound("start"), bound("end")) {
        (Some(start), Some(end)) => Some((start, end)),
        _ => None,
    };
    let checked = {
        let document = document.clone();
        tokio::task::spawn_blocking(move || check(&base, &document)).await
    };
    let changed = !matches!(checked, Ok(Check::Same));
    shell::page(document.title.clone())
        .trail("/qa", "提问")
        .body(html! {
            @if changed {
                (parts::alert(Tone::Bad, "来源文件有改动",
                    "文件在载入后有改动，下面是载入时的文本，请以发布机构的最新文本为准。"))
            }
            (facts(&document))
            (text_part(&document, span))
        })
}

fn check(base: &crate::rag::KnowledgeBase, document: &Document) -> Check {
    let probe = Citation::whole(document, today());
    match base.source_bytes(document) {
        Ok(file) if probe.verify(&document.raw, &file).is_ok() => Check::Same,
        _ => Check::Changed,
    }
}

fn facts(document: &Document) -> Markup {
    let status = document.status_on(today());
    let text = |value: &str| html! { (value) };
    let mut rows: Vec<(&str, Markup)> = vec![
        ("发布机构", text(&document.issuer)),
        ("效力", parts::badge(shell::tone(status), status.label())),
    ];
    if let Some(number) = &document.number {
        rows.push(("文号", text(number)));
    }
    if let Some(place) = &document.place {
        rows.push(("适用地区", text(place)));
    }
    if let Some(date) = document.effective_date {
        rows.push((shell::first_day(status), text(&date.to_string())));
    }
    if let Some(date) = document.ended_date {
        rows.push(("失效日期", text(&date.to_string())));
    }
    rows.push(("文件校验", html! { code { "sha256 " (document.sha256) } }));
    html! { section.card aria-label="文件信息" { (parts::definitions(&rows)) } }
}

/// The body around the marked span; a span that is not one of this text's is not marked.
fn text_part(document: &Document, span: Option<(usize, usize)>) -> Markup {
    let raw = &document.raw;
    let body = document.body_start;
    let cut = span.and_then(|(start, end)| {
        let marked = raw.get(start..end).filter(|marked| !marked.is_empty())?;
        Some((raw.get(body..start)?, marked, raw.get(end..)?))
    });
    html! {
        @if span.is_some() && cut.is_none() {
            (parts::alert(Tone::Warn, "没有标出引文", "链接里的位置不在这份文件的正文中。"))
        }
        h2 { "原文" }
        div.source-text {
            @match cut {
                Some((before, marked, after)) => {
                    (lines(before.trim_start())) mark id="cited" { (marked) } (lines(after))
                },
                None => { (lines(raw.get(body..).unwrap_or_default().trim_start())) },
            }
        }
    }
}

/// A text as it is, its heading lines set off.
fn lines(text: &str) -> Markup {
    html! {
        @for line in text.split_inclusive('\n') {
            @if line.starts_with('#') { strong { (line) } } @else { (line) }
        }
    }
}
