//! The source page: a version's canonical text with the cited sentence, its repaired places, and
//! whether it held on the day asked about.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::marked::{Run, shown};
use crate::kb::{Published, Version};
use crate::pages::{Site, href, shell};
use crate::service::day;

pub(crate) async fn page(
    State(site): State<Site>,
    Path(document): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let as_of = day(
        "as_of",
        query.get("as_of").map(String::as_str),
        site.qa.today(),
    );
    let as_of = as_of.unwrap_or_else(|_| site.qa.today());
    let published = site.qa.published();
    let number = query.get("version").and_then(|number| number.parse().ok());
    let Some(version) = version_of(&published, &document, number, as_of) else {
        return shell::page("没有这份文件", "")
            .status(StatusCode::NOT_FOUND)
            .trail("/qa", "提问")
            .body(parts::empty_state(
                "没有这份文件",
                "它可能已经撤回。请回到提问页重新提问。",
            ));
    };
    let bound = |name: &str| {
        query
            .get(name)
            .and_then(|value| value.parse::<usize>().ok())
    };
    let cited = match (bound("start"), bound("end")) {
        (Some(start), Some(end)) => Some(start..end),
        _ => None,
    };
    shell::page(title(&version), "")
        .trail("/qa", "提问")
        .body(html! {
            (state_part(&version, as_of))
            (facts(&version, as_of))
            (others(&published, &version, as_of))
            (text_part(&version, cited))
        })
}

fn title(version: &Version) -> String {
    match version.head.title.as_str() {
        "" => version.id.document.clone(),
        title => title.to_owned(),
    }
}

/// The version of a number, else the one that holds on the day, else the newest.
pub(crate) fn version_of(
    published: &Published,
    document: &str,
    number: Option<u32>,
    as_of: Date,
) -> Option<Arc<Version>> {
    let own = || {
        published
            .versions
            .iter()
            .filter(|version| version.id.document == document)
    };
    let chosen = match number {
        Some(number) => own().find(|version| version.id.number == number),
        None => own()
            .rfind(|version| version.state_on(as_of).holds())
            .or_else(|| own().next_back()),
    };
    chosen.cloned()
}

fn state_part(version: &Version, as_of: Date) -> Markup {
    let state = version.state_on(as_of);
    let day = shell::day(as_of);
    html! {
        p.as-of { (day) "的效力：" (parts::badge(shell::tone(state), state.label())) }
        @if !state.holds() {
            (parts::alert(shell::tone(state), state.label(), format!("这份文件在 {day} 不能作为办事依据。")))
        }
    }
}

fn facts(version: &Version, as_of: Date) -> Markup {
    let head = &version.head;
    let state = version.state_on(as_of);
    let text = |value: &str| html! { (value) };
    let issuer = head.issuer.as_deref().unwrap_or("未注明");
    let mut rows: Vec<(&str, Markup)> = vec![("发布机构", text(issuer))];
    let told = [
        ("文号", &head.number),
        ("索引号", &head.index_number),
        ("适用地区", &head.place),
    ];
    for (label, value) in told {
        if let Some(value) = value {
            rows.push((label, text(value)));
        }
    }
    let dated = [
        ("成文日期", head.written),
        ("公开日期", head.published),
        (shell::first_day(state), head.effective),
        ("失效日期", head.repealed),
    ];
    for (label, value) in dated {
        if let Some(value) = value {
            rows.push((label, text(&shell::day(value))));
        }
    }
    rows.push((
        "版本",
        html! { "第 " (version.id.number) " 版 · " (version.file.name) },
    ));
    if !version.repairs.is_empty() {
        rows.push((
            "修正",
            html! {
                (version.repairs.len()) " 处，经人工核准，文中以" ins.repaired { "下划线" } "标出"
            },
        ));
    }
    html! {
        section.card aria-label="文件信息" {
            (parts::definitions(&rows))
            details.more {
                summary { "文件校验" }
                p { code.digest { "正文 sha256 " (version.text_sha256) } }
                p { code.digest { "原件 sha256 " (version.file.sha256) } }
            }
        }
    }
}

/// Other published versions of the same document.
fn others(published: &Published, version: &Version, as_of: Date) -> Markup {
    let others: Vec<&Arc<Version>> = published
        .versions
        .iter()
        .filter(|other| other.id.document == version.id.document && other.id != version.id)
        .collect();
    html! {
        @if !others.is_empty() {
            p.versions {
                "其他版本："
                @for other in others {
                    @let state = other.state_on(as_of);
                    a href=(href::whole(&other.id.document, other.id.number, as_of)) {
                        "第 " (other.id.number) " 版"
                    }
                    "（" (state.label()) "） "
                }
            }
        }
    }
}

/// The text with its marks; a range that is not one of this text's is not marked.
fn text_part(version: &Version, cited: Option<std::ops::Range<usize>>) -> Markup {
    let asked = cited.is_some();
    let shown = shown(version, cited);
    let mut named = false;
    html! {
        @if asked && !shown.found {
            (parts::alert(Tone::Warn, "没有标出引文", "链接里的位置不在这份文件的正文中。"))
        }
        h2 { "原文" }
        @if shown.headless { p.muted { "文件很长，前面的部分没有显示，下面从引文附近开始。" } }
        div.source-text {
            @for run in &shown.runs {
                @if run.cited {
                    @let first = !std::mem::replace(&mut named, true);
                    mark id=[first.then_some("cited")] { (inside(run)) }
                } @else { (inside(run)) }
            }
        }
        @if shown.tailless { p.muted { "文件很长，后面的部分没有显示。" } }
    }
}

/// Markdown's mark before a heading steps back: it is part of the text, not of the heading.
fn without_marks(text: &str) -> Markup {
    let bare = text.trim_end_matches(' ').trim_end_matches('#');
    let (body, marks) = text.split_at(bare.len());
    html! { (body) @if marks.starts_with('#') { span.furniture { (marks) } } @else { (marks) } }
}

fn inside(run: &Run<'_>) -> Markup {
    let bare = html! {
        @match run.repair {
            Some(repair) => {
                ins.repaired title={ "原件为“" (repair.before) "”。" (repair.reason) } { (run.text) }
            },
            None => { (without_marks(run.text)) },
        }
    };
    html! {
        @if run.heading { strong { (bare) } }
        @else if run.furniture { span.furniture { (bare) } }
        @else { (bare) }
    }
}
