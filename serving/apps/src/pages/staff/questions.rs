//! The question bank: ways to ask, proposed by one person and accepted by another.

pub(super) mod deeds;

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use zhisuan_web::parts::{self, Tile, Tone};
use zhisuan_web::{Markup, Table, html};

use super::Desk;
use super::frame::{self, form, names, refused};
use super::visitor::Visitor;
use crate::kb::{BankCounts, BankQuestion, FoundQuestions, LibraryError, ShownQuestion, Wanted};
use crate::pages::href;

/// Questions on one page.
const PAGE: usize = 50;

/// What the page shows.
struct Shown {
    wanted: Wanted,
    /// Page of those in force, from 1.
    number: usize,
    counts: BankCounts,
    waiting: FoundQuestions,
    in_force: FoundQuestions,
    people: BTreeMap<String, String>,
    documents: Vec<String>,
}

pub(crate) async fn page(
    State(desk): State<Desk>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let became = became(&query);
    let person = visitor.person.id.clone();
    match frame::asked(&desk, move |desk| Shown::of(desk, &person, &query)).await {
        Ok(shown) => frame::page(&visitor, "问题库", "/kb/questions")
            .lead("市民会怎么问，各由哪一句原文回答，或者哪些问题没有文件能答。一人提出、另一人接受后生效；没有核对过的不影响回答。")
            .body(html! {
                (became)
                (tiles(&shown.counts))
                @if visitor.person.maker { p { a href="#propose" { "提出问题" } } }
                (search(&shown))
                (waiting(&visitor, &shown))
                (in_force(&visitor, &shown))
                (propose(&visitor, &shown))
            })
            .into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

impl Shown {
    fn of(
        desk: &Desk,
        person: &str,
        query: &HashMap<String, String>,
    ) -> Result<Self, LibraryError> {
        let wanted = deeds::wanted(query)?;
        let number = query.get("page").and_then(|page| page.parse().ok());
        let mut number = number.unwrap_or(1).max(1);
        let (library, base) = (&desk.library, desk.base.as_str());
        let find = |waiting: bool, skip: usize| {
            let wanted = Wanted {
                waiting: Some(waiting),
                // A page full of one's own would hide for ever what one can settle.
                own_last: if waiting { person } else { "" }.to_owned(),
                ..wanted.clone()
            };
            library.find_questions(base, &wanted, skip, PAGE)
        };
        let page_at = |number: usize| find(false, (number - 1).saturating_mul(PAGE));
        let mut in_force = page_at(number)?;
        let last = in_force.total.div_ceil(PAGE).max(1);
        // What stood on the last page may have been withdrawn since.
        if number > last {
            number = last;
            in_force = page_at(number)?;
        }
        let published = library.published(base).unwrap_or_default();
        let documents = published.versions.iter().map(|v| v.id.document.clone());
        let mut documents: Vec<_> = documents.collect();
        documents.dedup();
        Ok(Self {
            number,
            counts: library.bank_counts(base)?,
            waiting: find(true, 0)?,
            in_force,
            people: library.people()?,
            documents,
            wanted,
        })
    }

    /// The fields of the address that show a page of the same questions.
    fn query(&self, page: usize) -> String {
        let wanted = &self.wanted;
        let fields = [
            ("document", href::encode(&wanted.document)),
            ("words", href::encode(&wanted.words)),
            ("stale", if wanted.stale { "true" } else { "" }.to_owned()),
            ("page", page.to_string()),
        ];
        let told = fields.iter().filter(|(_, value)| !value.is_empty());
        let told = told.map(|(name, value)| format!("{name}={value}"));
        told.collect::<Vec<_>>().join("&")
    }

    /// Numbers within a form, and where to come back to.
    fn named(&self, ids: &[i64]) -> Markup {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        html! {
            input type="hidden" name="ids" value=(ids.join(","));
            input type="hidden" name="shown" value=(self.query(self.number));
        }
    }
}

/// Where a form leads that was sent with what its page showed: to the part that it was about, or
/// to the top, where it is said what became of a proposal.
pub(super) fn after(deed: &str, done: &Value, shown: &str) -> String {
    let back = back(shown);
    match deed {
        "settle_questions" => format!("{back}#waiting"),
        "withdraw_questions" => format!("{back}#in-force"),
        _ => {
            let (proposed, known) = counts(done);
            let mark = if back.contains('?') { '&' } else { '?' };
            format!("{back}{mark}proposed={proposed}&known={known}")
        }
    }
}

/// How many questions of a proposal wait, and how many were in force already.
fn counts(done: &Value) -> (usize, u64) {
    let proposed = done["waiting"].as_array().map_or(0, Vec::len);
    (proposed, done["known"].as_u64().unwrap_or_default())
}

/// What became of the proposal that led here.
fn became(query: &HashMap<String, String>) -> Markup {
    let count = |name: &str| query.get(name).and_then(|count| count.parse().ok());
    let (proposed, known): (usize, usize) = (
        count("proposed").unwrap_or_default(),
        count("known").unwrap_or_default(),
    );
    let held = html! { @if known > 0 { p { (known) " 问已经生效，没有改动。" } } };
    match (proposed, known) {
        (0, 0) => html! {},
        (0, _) => parts::alert(Tone::Info, "没有新的问题", held),
        _ => {
            let title = format!("已提出 {proposed} 问，另一人接受后生效");
            parts::alert(Tone::Good, &title, held)
        }
    }
}

/// The page as it was shown; what no page of ours writes is dropped.
fn back(shown: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%=&".contains(&byte);
    match shown {
        "" => "/kb/questions".to_owned(),
        shown if shown.bytes().all(plain) => format!("/kb/questions?{shown}"),
        _ => "/kb/questions".to_owned(),
    }
}

fn tiles(counts: &BankCounts) -> Markup {
    let tile = |label: &str, value: usize, href: &str, urgent: bool| {
        let tone = if urgent && value > 0 {
            Tone::Warn
        } else {
            Tone::Neutral
        };
        Tile::new(label, value.to_string()).href(href).tone(tone)
    };
    parts::tiles(&[
        tile("生效", counts.in_force, "/kb/questions#in-force", false),
        tile("待核", counts.waiting, "/kb/questions#waiting", true),
        tile(
            "原文已不在",
            counts.stale,
            "/kb/questions?stale=true#in-force",
            true,
        )
        .note("文件换了说法或已撤下，不再起作用"),
    ])
}

fn search(shown: &Shown) -> Markup {
    let wanted = &shown.wanted;
    html! {
        form.card method="get" action="/kb/questions" {
            div.grid-fields {
                div.field { label for="of-document" { "文件名称，写全" }
                    input id="of-document" type="text" name="document" list="documents" value=(wanted.document); }
                div.field { label for="of-words" { "问题或原文里的字" }
                    input id="of-words" type="search" name="words" value=(wanted.words); }
            }
            label.radio { input type="checkbox" name="stale" value="true" checked[wanted.stale]; "只看原文已不在的" }
            button type="submit" { "查找" }
            @if !wanted.document.is_empty() || !wanted.words.is_empty() || wanted.stale {
                " " a href="/kb/questions" { "看全部" }
            }
            datalist id="documents" { @for name in &shown.documents { option value=(name); } }
        }
    }
}

fn waiting(visitor: &Visitor, shown: &Shown) -> Markup {
    let found = &shown.waiting;
    let own = |one: &ShownQuestion| one.kept.maker == visitor.person.id;
    let mut by_maker: BTreeMap<&String, Vec<i64>> = BTreeMap::new();
    // One whose words are gone would be accepted and say nothing.
    let fit = |one: &&ShownQuestion| !own(one) && one.stands;
    for one in found.items.iter().filter(fit) {
        by_maker
            .entry(&one.kept.maker)
            .or_default()
            .push(one.kept.id);
    }
    html! {
        @if !found.items.is_empty() {
            section.card id="waiting" {
                h2 { "待核的问题（" (found.total) "）" }
                @for one in &found.items {
                    div.settle {
                        div { strong { (one.kept.question.question) } (quote(one))
                            div.muted { (one.kept.question.document) "　"
                                (names(&shown.people, std::slice::from_ref(&one.kept.maker))) " 提出" } }
                        (one_settled(visitor, shown, one, own(one)))
                    }
                }
                @if found.total > found.items.len() {
                    p.muted { "先列出 " (found.items.len()) " 问，核对后接着列出其余的；也可以按文件查找。" }
                }
                @for (maker, ids) in by_maker.iter().filter(|(_, ids)| visitor.person.checker && ids.len() > 1) {
                    @let by = names(&shown.people, &[(*maker).clone()]);
                    div.settle {
                        span { "以上由 " (by) " 提出的 " (ids.len()) " 问"
                            @if found.items.iter().any(|one| !one.stands) { "（原文已不在的逐问办理）" } }
                        (settle(visitor, shown, (&by, ids), &[("true", "全部接受"), ("false", "全部不接受")]))
                    }
                }
            }
        }
    }
}

/// What a person may do about one question that waits: nobody accepts their own, but they may take
/// it back.
fn one_settled(visitor: &Visitor, shown: &Shown, one: &ShownQuestion, own: bool) -> Markup {
    let named = (one.kept.question.question.as_str(), &[one.kept.id][..]);
    html! {
        @if own { span.muted { "由另一人核对" } }
        @if !visitor.person.checker {
            @if !own { span.muted { "由有核对权限的人核对" } }
        } @else if own {
            (settle(visitor, shown, named, &[("false", "收回")]))
        } @else {
            (settle(visitor, shown, named, &[("true", "接受"), ("false", "不接受")]))
        }
    }
}

/// Accepts or refuses questions; whoever hears the buttons alone is told of what.
fn settle(
    visitor: &Visitor,
    shown: &Shown,
    (what, ids): (&str, &[i64]),
    choices: &[(&str, &str)],
) -> Markup {
    html! {
        div.settle-deeds {
            @for &(accept, label) in choices {
                (form(visitor, "settle_questions", &html! {
                    (shown.named(ids))
                    input type="hidden" name="accept" value=(accept);
                    button.plain type="submit" aria-label={ (label) "：" (what) } { (label) }
                }))
            }
        }
    }
}

/// The words that answer a question or come near, and whether they still stand.
fn quote(one: &ShownQuestion) -> Markup {
    let BankQuestion { quote, answers, .. } = &one.kept.question;
    html! {
        div {
            @if *answers { "由这句回答：" } @else { (parts::badge(Tone::Info, "答不了")) " 最接近的是：" }
            q { (quote) }
            @if !one.stands { " " (parts::badge(Tone::Warn, "原文已不在")) }
        }
    }
}

fn in_force(visitor: &Visitor, shown: &Shown) -> Markup {
    let found = &shown.in_force;
    let mut table = Table::new(format!("生效的问题（{}）", found.total))
        .column("问题与原文")
        .column("文件")
        .column("提出、核对")
        .empty(
            "没有这样的问题",
            "在下面提出；或者换一个文件、换几个字查找。",
        );
    let may_withdraw = visitor.person.checker;
    if may_withdraw {
        table = table.column("办理");
    }
    for one in &found.items {
        let ids = std::iter::once(&one.kept.maker).chain(&one.kept.checker);
        let mut ids: Vec<String> = ids.cloned().collect();
        ids.dedup();
        let mut cells = vec![
            html! { strong { (one.kept.question.question) } (quote(one)) },
            html! { (one.kept.question.document) },
            html! { (names(&shown.people, &ids)) },
        ];
        if may_withdraw {
            cells.push(withdraw(visitor, shown, one));
        }
        table = table.row(cells);
    }
    let pages = found.total.div_ceil(PAGE).max(1);
    let to = |page: usize| format!("/kb/questions?{}#in-force", shown.query(page));
    let previous = (shown.number > 1).then(|| to(shown.number - 1));
    let next = (shown.number < pages).then(|| to(shown.number + 1));
    html! {
        div id="in-force" {
            (table)
            @if pages > 1 {
                (parts::pager(previous.as_deref(), &format!("第 {} 页，共 {pages} 页", shown.number), next.as_deref()))
            }
        }
    }
}

fn withdraw(visitor: &Visitor, shown: &Shown, one: &ShownQuestion) -> Markup {
    let inside = html! {
        (shown.named(&[one.kept.id]))
        button.plain type="submit" aria-label={ "撤下：" (one.kept.question.question) } { "撤下" }
    };
    form(visitor, "withdraw_questions", &inside)
}

fn propose(visitor: &Visitor, shown: &Shown) -> Markup {
    if !visitor.person.maker {
        return html! {};
    }
    html! {
        section.card id="propose" {
            h2 { "提出问题" }
            (form(visitor, "propose_questions", &html! {
                input type="hidden" name="shown" value=(shown.query(shown.number));
                div.field { label for="document" { "文件名称" }
                    input id="document" type="text" name="document" list="documents" value=(shown.wanted.document) required; }
                div.field { label for="quote" { "原文，照文件抄写" }
                    input id="quote" type="text" name="quote" maxlength="400" required; }
                div.field { label for="questions" { "市民会怎么问，一行一问" }
                    textarea id="questions" name="questions" rows="4" required {} }
                fieldset { legend { "这句原文与这些问题" }
                    label.radio { input type="radio" name="answers" value="true" checked; "这句原文回答它们" }
                    label.radio { input type="radio" name="answers" value="false"; "没有文件回答它们，这句只是最接近" } }
                button type="submit" { "提出" }
                p.hint { "另一人接受后生效。问题里不要写个人号码。成批提出用 zhisuan kb questions --import。" }
            }))
        }
    }
}

/// What of a proposal was left out, and why; none where nothing was. `shown` is what its page
/// showed.
pub(super) fn left_out(visitor: &Visitor, done: &Value, shown: &str) -> Option<Response> {
    let left_out = done["left_out"].as_array().filter(|all| !all.is_empty())?;
    let (waiting, known) = counts(done);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let page = frame::page(visitor, "没有全部收下", "/kb/questions").body(html! {
        (parts::alert(Tone::Warn, "没有收下的问题", html! {
            ul { @for one in left_out { li { strong { (text(&one["question"])) } "：" (text(&one["reason"])) } } }
        }))
        p { "收下待核的 " (waiting) " 问。"
            @if known > 0 { (known) " 问已经生效，没有改动。" }
            a href=(back(shown)) { "回到问题库" } }
        p.muted { "用浏览器的后退键回到上一页，填过的内容还在。" }
    });
    Some(page.into_response())
}
