//! The guided service: one question a page, the whole state in the address.

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use zhisuan_web::parts;
use zhisuan_web::{Markup, html};

use super::export::stamped;
use crate::guide::{Choice, Feature, Item, Path, Step, names, next};
use crate::pages::{Site, href, shell};

/// The visible label of the dialogue's data (GB 45438-2025).
const MADE: &str = "以下选项由机器按公开文件整理，以来源原文和经办机构答复为准。";
/// In place of a value: the asker does not know.
const UNKNOWN: &str = "-";

/// The page; `?format=json` gives the same step to programs.
pub(crate) async fn page(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let today = site.qa.today();
    let path = path_of(&query);
    let step = next(&site.items(), &path);
    if query.get("format").is_some_and(|format| format == "json") {
        let body = json!({"schema": "zhisuan.guide/1", "path": told(&path), "next": step});
        return Json(stamped(body, MADE)).into_response();
    }
    let guide = |item: &Item| href::guide(&item.document, today);
    let body = match &step {
        Step::Found { item } => return Redirect::to(&guide(item)).into_response(),
        Step::Ask(choice) => ask(choice, &path),
        Step::Pick { items } => pick(items, &path, guide),
        Step::Nothing => html! {
            (parts::empty_state("没有符合的事项", "请后退改一个回答，或者直接提问。"))
            (shell::hand_over(site.hand_over().as_ref()))
        },
    };
    shell::page("智能引导", "/qa/find")
        .lead("回答几个问题，找到要办的那一项。不知道的可以跳过。")
        .body(html! { (said(&path)) (body) })
        .into_response()
}

/// The answers in an address, in the order of the features' names in it.
fn path_of(query: &HashMap<String, String>) -> Path {
    let answer = |feature: Feature| {
        let value = query.get(feature.name())?;
        let known = (value != UNKNOWN && !value.is_empty()).then(|| value.clone());
        Some((feature, known))
    };
    Feature::ALL.into_iter().filter_map(answer).collect()
}

fn told(path: &Path) -> serde_json::Value {
    let answers = path
        .iter()
        .map(|(feature, value)| json!({"feature": feature, "value": value}));
    answers.collect()
}

/// The address after one more answer.
fn with(path: &Path, feature: Feature, value: &str) -> String {
    let mut href = "/qa/find?".to_owned();
    for (known, answer) in path {
        let answer = answer.as_deref().unwrap_or(UNKNOWN);
        let _ = write!(href, "{}={}&", known.name(), href::encode(answer));
    }
    let _ = write!(href, "{}={}", feature.name(), href::encode(value));
    href
}

fn ask(choice: &Choice, path: &Path) -> Markup {
    html! {
        section.card aria-labelledby="question" {
            h2 id="question" { (choice.question) }
            ul.picks {
                @for option in &choice.options {
                    li {
                        a.pick href=(with(path, choice.feature, &option.value)) {
                            (option.value) span.count { (option.items) " 项" }
                        }
                    }
                }
                li { a.pick.plain href=(with(path, choice.feature, UNKNOWN)) { "不清楚，跳过" } }
            }
            p.muted { "还有 " (choice.left) " 个事项可能符合。" }
        }
    }
}

fn pick(items: &[Item], path: &Path, guide: impl Fn(&Item) -> String) -> Markup {
    // Those that say nothing of what was answered stand apart: they may be meant, but hardly are.
    let (named, silent): (Vec<&Item>, Vec<&Item>) =
        items.iter().partition(|item| names(item, path));
    let list = |items: &[&Item]| {
        html! {
            ul.picks {
                @for item in items {
                    li { a.pick href=(guide(item)) {
                        (item.title)
                        span.count { (item.place().unwrap_or_default()) " " (item.issuer) }
                    } }
                }
            }
        }
    };
    html! {
        section.card aria-labelledby="question" {
            h2 id="question" { "要办的是哪一项？" }
            (list(&named))
            @if !silent.is_empty() {
                @if !named.is_empty() { p.muted { "下面几项没有写明这一点，也可能是：" } }
                (list(&silent))
            }
        }
    }
}

/// What was answered so far, each with a way back to before it.
fn said(path: &Path) -> Markup {
    html! {
        @if !path.is_empty() {
            ol.path aria-label="已经回答" {
                @for (at, (feature, value)) in path.iter().enumerate() {
                    @let before: Path = path.iter().take(at).cloned().collect();
                    li {
                        (feature.question()) " "
                        strong { (value.as_deref().unwrap_or("不清楚")) } " "
                        a href=(back_to(&before)) { "改" }
                    }
                }
            }
        }
    }
}

fn back_to(path: &Path) -> String {
    match path.split_last() {
        Some(((feature, value), rest)) => {
            let rest = rest.to_vec();
            with(&rest, *feature, value.as_deref().unwrap_or(UNKNOWN))
        }
        None => "/qa/find".to_owned(),
    }
}
