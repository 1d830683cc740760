//! Contradictions between texts in force: both sentences, and a way to hand them to somebody.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde_json::{Value, json};
use zhisuan_web::{Markup, html, parts};

use super::Desk;
use super::frame::{self, form, refused, version_href};
use super::visitor::Visitor;
use crate::calendar::china_today;
use crate::kb::{Claim, LibraryError, OpenConflict};
use crate::pages::{href, shell};

/// What texts say differently on a day, today unless told.
pub(super) fn found(desk: &Desk, day: Option<Date>) -> Result<Found, LibraryError> {
    let day = day.unwrap_or_else(china_today);
    let all = desk.library.conflicts(&desk.base, day)?;
    Ok(Found { day, all })
}

/// The contradictions of a day.
pub(super) struct Found {
    day: Date,
    all: Vec<OpenConflict>,
}

impl Found {
    /// For programs.
    pub(super) fn json(&self) -> Vec<Value> {
        let side = |claim: &Claim| {
            let mut value = json!(claim);
            value["href"] = self.href(claim).into();
            value
        };
        let item = |one: &OpenConflict| {
            json!({
                "id": one.told.id(),
                "about": one.told.about,
                "sides": one.told.sides.iter().map(side).collect::<Vec<_>>(),
                "work": one.work,
            })
        };
        self.all.iter().map(item).collect()
    }

    fn href(&self, claim: &Claim) -> String {
        let (id, range) = (&claim.version, claim.range.clone());
        href::source(&id.document, id.number, range, self.day)
    }

    fn card(&self, visitor: &Visitor, one: &OpenConflict) -> Markup {
        let sides = one.told.sides.iter().map(|claim| {
            let links = html! {
                p { a href=(self.href(claim)) { "《" (claim.title) "》" } "　"
                    a href=(version_href(&claim.version)) { "管理这一版" } }
            };
            (claim.value.as_str(), claim.sentence.as_str(), links)
        });
        html! {
            section.card {
                (shell::sides(&one.told.about, sides))
                @match one.work {
                    Some(work) => { p { "已转为待办 " a href={ "/kb/work#work-" (work) } { (work) } } },
                    None => {
                        (form(visitor, "conflict_work", &html! {
                            input type="hidden" name="id" value=(one.told.id());
                            input type="hidden" name="as_of" value=(self.day);
                            button type="submit" { "转为待办" }
                        }))
                    }
                }
            }
        }
    }
}

pub(crate) async fn page(State(desk): State<Desk>, visitor: Visitor) -> Response {
    match frame::asked(&desk, |desk| found(desk, None)).await {
        Ok(found) => frame::page(&visitor, "冲突", "/kb/conflicts")
            .lead(
                "现行文件里说法不一的句子。逐字比较得出，可能有遗漏；市民问到时两种说法都会列出。",
            )
            .body(html! {
                @if found.all.is_empty() {
                    (parts::empty_state("没有发现冲突", "现行文件里没有互相矛盾的数额和期限。"))
                }
                @for one in &found.all { (found.card(&visitor, one)) }
            })
            .into_response(),
        Err(error) => refused(&visitor, &error),
    }
}
