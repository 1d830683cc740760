//! Work that the base's users leave: questions without answers, low ratings, contradictions.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, html};

use super::Desk;
use super::frame::{self, form, refused, when};
use super::visitor::Visitor;
use crate::kb::{Feedback, Regression, WorkItem, WorkKind};
use crate::pages::href;

pub(crate) async fn page(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let proposed = query.contains_key("proposed");
    let looked = frame::asked(&desk, |desk| {
        let work = desk.library.work(&desk.base, true, 200)?;
        let feedback = desk.library.feedback(&desk.base, 30)?;
        let kept = desk.library.regressions(&desk.base)?;
        Ok((work, feedback, kept))
    });
    match looked.await {
        Ok((work, feedback, kept)) => frame::page(&visitor, "待办", "/kb/work")
            .lead("没有答上来的、评价低的、文件说法不一的问题。更正会成为回归题：以后每次发布都重新问一遍，答不出的又成为待办。")
            .body(html! {
                @if proposed {
                    (parts::alert(Tone::Good, "已办结，更正的问题也提到了问题库", html! {
                        "另一人接受后，类似的问法都按这句原文回答。" a href="/kb/questions#waiting" { "问题库" }
                    }))
                }
                @if work.is_empty() {
                    (parts::empty_state("没有待办", "市民的提问都有了着落。"))
                }
                @for item in &work { (one(&visitor, item)) }
                (said(&feedback))
                (regressions(&kept))
            })
            .into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

fn tone(kind: WorkKind) -> Tone {
    match kind {
        WorkKind::Unanswered | WorkKind::NotInForce | WorkKind::Person => Tone::Info,
        WorkKind::LowRating | WorkKind::Correction => Tone::Warn,
        WorkKind::Conflict => Tone::Bad,
    }
}

fn one(visitor: &Visitor, item: &WorkItem) -> Markup {
    html! {
        section.card.work id={ "work-" (item.id) } {
            p {
                (parts::badge(tone(item.kind), item.kind.label())) " "
                strong { (item.question) }
                @if item.times > 1 { span.muted { " 问过 " (item.times) " 次" } }
            }
            @if !item.note.is_empty() { blockquote.excerpt { (item.note) } }
            p.muted {
                "编号 " (item.id) "，" (when(item.opened_ms)) "　"
                @if !item.answer.is_empty() { a href=(href::kept(&item.answer, "")) { "当时的回答" } "　" }
                a href=(href::ask(&item.question)) { "现在再问一次" }
            }
            details.more {
                summary { "办结" }
                (form(visitor, "close_work", &html! {
                    input type="hidden" name="id" value=(item.id);
                    input type="hidden" name="question" value=(item.question);
                    div.field {
                        label for={ "outcome-" (item.id) } { "怎么处理的" }
                        input id={ "outcome-" (item.id) } type="text" name="outcome" maxlength="500" required;
                    }
                    div.field {
                        label for={ "expected-" (item.id) } { "正确回答里必须有的原文（可不填）" }
                        input id={ "expected-" (item.id) } type="text" name="expected" maxlength="500";
                        p.hint { "成为回归题；只有一份文件写着这些字时，也提到问题库，由另一人接受。" }
                    }
                    button type="submit" { "办结" }
                }))
            }
        }
    }
}

fn said(feedback: &[Feedback]) -> Markup {
    html! {
        @if !feedback.is_empty() {
            section.card {
                h2 { "最近的评价" }
                ul {
                    @for said in feedback {
                        li {
                            (when(said.at_ms)) " "
                            @if said.helpful { (parts::badge(Tone::Good, "有用")) }
                            @else { (parts::badge(Tone::Warn, "没有用")) }
                            " " (said.comment) " "
                            a href=(href::kept(&said.answer, "")) { "看回答" }
                        }
                    }
                }
            }
        }
    }
}

fn regressions(kept: &[Regression]) -> Markup {
    html! {
        @if !kept.is_empty() {
            section.card {
                h2 { "回归题（" (kept.len()) "）" }
                ul { @for one in kept { li { (one.question) " → " q { (one.expected) } } } }
            }
        }
    }
}
