//! Service guides: a list of items by theme, and an item laid out from its text.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use zhisuan_web::parts;
use zhisuan_web::{Markup, Page, html};

use super::source::version_of;
use crate::guide::{Feature, Item, Section, is_item, sheet};
use crate::kb::{SectionKind, Version};
use crate::pages::{Site, href, shell};
use crate::retrieve::fold;

/// The list.
pub(crate) async fn list(State(site): State<Site>) -> Page {
    let today = site.qa.today();
    let items = site.items();
    let mut themes: BTreeMap<String, (&str, Vec<&Item>)> = BTreeMap::new();
    for item in &items {
        let theme = item
            .values
            .get(&Feature::Theme)
            .and_then(|values| values.first());
        let theme = theme.map_or("其他事项", String::as_str);
        let shown = themes.entry(fold(theme)).or_insert((theme, Vec::new()));
        shown.1.push(item);
    }
    shell::page("办事指南", "/qa/guides")
        .lead("每一项都由公开文件整理而成，句句可查原文。")
        .body(html! {
            (shell::reading(&site))
            @if items.is_empty() {
                (parts::empty_state("还没有办事指南", "知识库里没有写明条件、材料或步骤的有效文件。"))
            }
            div.themes {
                @for (theme, items) in themes.values() {
                    section.card.theme {
                        h3 { (theme) }
                        ul {
                            @for item in items {
                                li {
                                    a href=(href::guide(&item.document, today)) { (item.title) }
                                    @if let Some(place) = item.place() { " " span.count { (place) } }
                                }
                            }
                        }
                    }
                }
            }
            p.guided { a href="/qa/find" { "不确定是哪一项？用智能引导" } }
        })
}

/// One item.
pub(crate) async fn page(
    State(site): State<Site>,
    Path(document): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let today = site.qa.today();
    let as_of = query
        .get("as_of")
        .and_then(|day| day.parse::<Date>().ok())
        .unwrap_or(today);
    let published = site.qa.published();
    match version_of(&published, &document, None, as_of) {
        // A plan or a notice is read as it stands: laid out as a guide it would look like a service.
        Some(version) if !is_item(&version) => {
            let id = &version.id;
            Redirect::to(&href::whole(&id.document, id.number, as_of)).into_response()
        }
        Some(version) => shell::page(version.head.title.clone(), "")
            .trail("/qa", "提问")
            .trail("/qa/guides", "办事指南")
            .body(part(&version, as_of, site.hand_over().as_ref()))
            .into_response(),
        None => shell::page("没有这项指南", "")
            .status(StatusCode::NOT_FOUND)
            .trail("/qa/guides", "办事指南")
            .body(parts::empty_state(
                "没有这项指南",
                "它可能已经撤回，请从列表里另选。",
            ))
            .into_response(),
    }
}

fn part(version: &Version, as_of: Date, hand_over: Option<&crate::kb::HandOver>) -> Markup {
    let state = version.state_on(as_of);
    let head = &version.head;
    let sheet = sheet(version);
    html! {
        (parts::machine_made("AI 生成合成 · 原文摘录", &made(version.repairs.len())))
        p.facts {
            span { "按 " (shell::day(as_of)) " 的规定：" (parts::badge(shell::tone(state), state.label())) }
            @if let Some(place) = &head.place { span { "适用地区：" (place) } }
            span { "发布机构：" (head.issuer.as_deref().unwrap_or("未注明")) }
            @if let Some(number) = &head.number { span { "文号：" (number) } }
            a href=(href::whole(&version.id.document, version.id.number, as_of)) { "看原文" }
        }
        @if !state.holds() {
            (parts::alert(shell::tone(state), state.label(), "这份文件现在不能作为办事依据，仅供查考。"))
        }
        @if sheet.sections.len() > 3 {
            nav.jump aria-label="本页内容" {
                @for (at, section) in sheet.sections.iter().enumerate() {
                    a href={ "#part-" (at) } { (section.title) }
                }
            }
        }
        @for (at, section) in sheet.sections.iter().enumerate() {
            section.card id={ "part-" (at) } {
                h2 { (section.title) }
                (lines(section, version, as_of))
            }
        }
        section.card.help { h2 { "需要帮忙？" } (shell::hand_over(head.hand_over.as_ref().or(hand_over))) }
    }
}

/// What a machine did to the text of a guide, and what people did before.
pub(crate) fn made(repairs: usize) -> String {
    let changed = match repairs {
        0 => "文字未改动".to_owned(),
        count => format!("其中 {count} 处是经人工核准的修正，其余文字未改动"),
    };
    format!("本页由机器按原文分段整理，{changed}；以原文和经办机构答复为准。")
}

fn lines(section: &Section, version: &Version, as_of: Date) -> Markup {
    let line = |line: &crate::guide::Line| {
        let range = line.start_byte..line.end_byte;
        let to = href::source(&version.id.document, version.id.number, range, as_of);
        html! { li { (line.text) a.cite href=(to) aria-label="看这句的原文" { "原文" } } }
    };
    html! {
        @if section.kind == SectionKind::Process {
            ol.said.steps { @for each in &section.lines { (line(each)) } }
        } @else {
            ul.said { @for each in &section.lines { (line(each)) } }
        }
    }
}
