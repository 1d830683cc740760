//! Synonyms that a second person checks, themes that are switched off, and the base's own place.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use zhisuan_web::{Markup, Table, html};

use super::Desk;
use super::frame::{self, form, names, refused};
use super::visitor::Visitor;
use crate::kb::{ProposedSynonym, Published};

pub(crate) async fn page(State(desk): State<Desk>, visitor: Visitor) -> Response {
    let waiting = frame::asked(&desk, |desk| {
        let waiting = desk.library.proposed_synonyms(&desk.base)?;
        Ok((waiting, desk.library.people()?))
    });
    let waiting = waiting.await;
    let published = desk.library.published(&desk.base).unwrap_or_default();
    match waiting {
        Ok((waiting, people)) => frame::page(&visitor, "同义词与主题", "/kb/words")
            .body(html! { (proposed(&visitor, &waiting, &people)) (synonyms(&visitor, &published)) (themes(&visitor, &published)) (home(&visitor, &published)) })
            .into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

fn proposed(
    visitor: &Visitor,
    waiting: &[ProposedSynonym],
    people: &BTreeMap<String, String>,
) -> Markup {
    html! {
        @if !waiting.is_empty() {
            section.card {
                h2 { "待核的同义词" }
                @for one in waiting {
                    div.settle {
                        span { strong { (one.synonym.word) } " → "
                            @if one.synonym.means.is_empty() { "（删去）" } @else { (one.synonym.means.join("、")) }
                            span.muted { "　" (names(people, std::slice::from_ref(&one.maker))) " 提出" } }
                        @if one.maker == visitor.person.id {
                            span.muted { "由另一人核对" }
                        } @else {
                            @for (accept, label) in [("true", "接受"), ("false", "不接受")] {
                                (form(visitor, "settle_synonym", &html! {
                                    input type="hidden" name="word" value=(one.synonym.word);
                                    input type="hidden" name="means" value=(one.synonym.means.join("、"));
                                    input type="hidden" name="accept" value=(accept);
                                    button.plain type="submit" { (label) }
                                }))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn synonyms(visitor: &Visitor, published: &Published) -> Markup {
    let mut table = Table::new("生效的同义词")
        .column("市民的说法")
        .column("文件的说法")
        .empty("还没有同义词", "市民常用而文件里没有的词，在下面提出。");
    for synonym in &published.synonyms {
        table = table.row(vec![
            html! { (synonym.word) },
            html! { (synonym.means.join("、")) },
        ]);
    }
    html! {
        (table)
        section.card {
            h2 { "提出同义词" }
            (form(visitor, "propose_synonym", &html! {
                div.grid-fields {
                    div.field { label for="word" { "市民的说法" }
                        input id="word" type="text" name="word" maxlength="40" required; }
                    div.field { label for="means" { "文件的说法，用顿号分开；不填表示删去" }
                        input id="means" type="text" name="means" maxlength="400"; }
                }
                button type="submit" { "提出" }
                p.hint { "另一人接受后生效。" }
            }))
        }
    }
}

/// The place that the base speaks for.
fn home(visitor: &Visitor, published: &Published) -> Markup {
    html! {
        section.card {
            h2 { "本地" }
            p.muted {
                "没有写明地区的问题按本地的规定回答。不填则由文件推定；推不出来、"
                "又有几个地区的规定时，请市民先选地区。"
            }
            (form(visitor, "home", &html! {
                div.field { label for="home" { "本地（如云麓市）" }
                    input id="home" type="text" name="place" maxlength="40"
                        value=(published.home.as_deref().unwrap_or_default()); }
                button type="submit" { "保存" }
            }))
        }
    }
}

fn themes(visitor: &Visitor, published: &Published) -> Markup {
    html! {
        section.card {
            h2 { "主题开关" }
            p.muted { "关闭的主题不再自动回答，一律转人工。关闭立即生效；重新打开要有核对权限。" }
            @for theme in published.themes() {
                @let closed = published.is_closed(theme);
                div.settle {
                    span { (theme) @if closed { " （已关闭）" } }
                    (form(visitor, "switch_theme", &html! {
                        input type="hidden" name="theme" value=(theme);
                        input type="hidden" name="closed" value=(if closed { "false" } else { "true" });
                        button.plain type="submit" { @if closed { "打开" } @else { "关闭" } }
                    }))
                }
            }
        }
    }
}
