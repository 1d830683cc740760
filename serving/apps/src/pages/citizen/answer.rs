//! An answer as people read it: what was asked, as of when, sentences with numbered sources, or
//! plainly why there is none.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::feedback;
use crate::answer::{Answer, Citation, Conflict, Outcome, Sentence};
use crate::guide::unmarked;
use crate::pages::{Site, href, shell};

/// A kept answer at its own address.
pub(crate) async fn page(State(site): State<Site>, Path(id): Path<String>) -> Page {
    match site.qa.kept(&id).await {
        Some(answer) => shell::page("回答", "").trail("/qa", "提问").body(html! {
            @for notice in site.since(&answer) {
                (parts::alert(Tone::Warn, "在这份回答之后", notice.message.as_str()))
            }
            (part(&answer, &site))
        }),
        None => unknown(),
    }
}

/// What is said where no answer of that name is kept.
pub(crate) fn unknown() -> Page {
    shell::page("没有这份回答", "")
        .status(StatusCode::NOT_FOUND)
        .trail("/qa", "提问")
        .body(parts::empty_state(
            "没有这份回答",
            "链接可能不完整，或者回答已过保存期限。请回到提问页重新提问。",
        ))
}

/// The whole answer.
pub(crate) fn part(answer: &Answer, site: &Site) -> Markup {
    let hand_over = answer.hand_over.clone().or_else(|| site.hand_over());
    let hand_over = hand_over.as_ref();
    let answered = answer.outcome.is_answer();
    let said = apart(answer);
    html! {
        article.card.answer aria-label="回答" {
            p.question { (answer.question) }
            @if !answer.sentences.is_empty() { (shell::label(answer)) }
            (told(answer))
            @for notice in &answer.notices {
                (parts::alert(Tone::Warn, notice_title(&notice.code), notice.message.as_str()))
            }
            @for conflict in &answer.conflicts { (conflict_part(conflict, answer, site)) }
            (sentence_part(&said, answer))
            @if !answer.sentences.is_empty() {
                p.made-end { (shell::mark(&answer.made_by)) "。" (answer.label) }
                @if !said.is_empty() { h2 { "出处" } (source_part(&said, answer, site)) }
                (exports(answer))
            }
            @if !answer.choices.is_empty() { (choices(answer)) }
            @if !answer.nearest.is_empty() { (nearest(answer)) }
            @if !answered { section.help aria-label="人工服务" { h2 { "找人帮忙" } (shell::hand_over(hand_over)) } }
        }
        (feedback::forms(answer))
        @if answered {
            section.card.help aria-label="人工服务" { h2 { "还没有解决？" } (shell::hand_over(hand_over)) }
        }
    }
}

/// As of when, and how it ended where that is not a plain answer.
fn told(answer: &Answer) -> Markup {
    let day = shell::day(answer.as_of);
    let message = answer.message.as_str();
    let (tone, title) = match answer.outcome {
        Outcome::Answered => {
            return html! { p.as-of { "按 " (day) " 的规定回答" } };
        }
        Outcome::Partial => (Tone::Info, "只找到一部分"),
        Outcome::Clarify => (Tone::Info, "请问是哪一项？"),
        Outcome::NoEvidence => (Tone::Info, "没有找到可靠来源"),
        Outcome::Conflict => (Tone::Warn, "文件之间说法不一致"),
        Outcome::NotInForce => (Tone::Warn, "没有有效的规定"),
        Outcome::OutOfScope => (Tone::Info, "不在本知识库的范围"),
        Outcome::NeedsIdentity => (Tone::Info, "要凭本人身份查询"),
        Outcome::Blocked => (Tone::Warn, "这个问题不能在这里回答"),
        Outcome::HandedOver => (Tone::Warn, "请直接找人处理"),
    };
    html! {
        (parts::alert(tone, title, message))
        p.as-of { "按 " (day) " 的规定查找" }
    }
}

fn notice_title(code: &str) -> &'static str {
    match code {
        "draft" => "草案",
        "repealed" => "已失效",
        "not_yet" => "尚未生效",
        "superseded" => "已被替代",
        "unstated" => "效力未注明",
        "part_missing" => "有一部分没有查到",
        "part_not_in_force" => "有一部分没有现行依据",
        "period_over" => "规划期已过",
        "repaired" => "原文经过修正",
        _ => "请注意",
    }
}

/// What is said besides the contradictions. A sentence that is one side of one is shown there,
/// beside the other side; shown again alone it would look like the answer.
pub(crate) fn apart(answer: &Answer) -> Vec<&Sentence> {
    let is_side = |citation: &Citation| {
        let mut sides = answer.conflicts.iter().flat_map(|one| &one.sides);
        sides.any(|side| {
            same_text(&side.citation, citation) && side.citation.quote == citation.quote
        })
    };
    let said = answer.sentences.iter();
    said.filter(|said| !said.citations.iter().any(is_side))
        .collect()
}

/// The sources of sentences in the order of their first use; their numbers are their positions.
pub(crate) fn numbered<'a>(said: impl IntoIterator<Item = &'a Sentence>) -> Vec<&'a Citation> {
    let mut found: Vec<&Citation> = Vec::new();
    for citation in said.into_iter().flat_map(|said| &said.citations) {
        if !found.iter().any(|known| same_text(known, citation)) {
            found.push(citation);
        }
    }
    found
}

/// The number of a citation's text.
pub(crate) fn number_of(sources: &[&Citation], citation: &Citation) -> usize {
    let at = sources.iter().position(|known| same_text(known, citation));
    at.map_or(1, |at| at + 1)
}

fn same_text(a: &Citation, b: &Citation) -> bool {
    a.document == b.document && a.version == b.version
}

/// What stands above a sentence: its section where that changes, with the text's title where the
/// text changes, so that nobody reads one text's fee as the other's. `several` texts are named from
/// the first one on.
pub(crate) fn heading(before: Option<&Sentence>, said: &Sentence, several: bool) -> Option<String> {
    let text = |said: &Sentence| {
        said.citations
            .first()
            .map(|c| (c.document.clone(), c.version))
    };
    let other_text = before.map_or(several, |before| text(before) != text(said));
    let title = said.citations.first().filter(|_| other_text);
    let heading = match title {
        Some(cited) if cited.title == said.section => format!("《{}》", cited.title),
        Some(cited) => format!("《{}》{}", cited.title, said.section),
        None if before.is_some_and(|before| before.section == said.section) => return None,
        None => said.section.clone(),
    };
    (!heading.is_empty()).then_some(heading)
}

fn sentence_part(said: &[&Sentence], answer: &Answer) -> Markup {
    let sources = numbered(said.iter().copied());
    let several = sources.len() > 1;
    let groups: Vec<&[&Sentence]> = said
        .chunk_by(|a, b| heading(Some(a), b, several).is_none() && a.section == b.section)
        .collect();
    let before = |at: usize| {
        let earlier = at.checked_sub(1).and_then(|at| groups.get(at))?;
        earlier.last().copied()
    };
    html! {
        @for (at, group) in groups.iter().enumerate() {
            @if let Some(heading) = group.first().and_then(|first| heading(before(at), first, several)) {
                h3 { (heading) }
            }
            @if is_steps(group) {
                ol.said.steps { @for said in *group { (sentence(said, &sources, answer)) } }
            } @else {
                ul.said { @for said in *group { (sentence(said, &sources, answer)) } }
            }
        }
    }
}

/// Sentences that the source itself numbers.
fn is_steps(group: &[&Sentence]) -> bool {
    let numbered = |said: &Sentence| {
        said.text
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit())
    };
    group.len() > 1
        && group
            .iter()
            .all(|said| numbered(said) && unmarked(said.text.trim()) != said.text.trim())
}

fn sentence(said: &Sentence, sources: &[&Citation], answer: &Answer) -> Markup {
    html! {
        li {
            (unmarked(said.text.trim()))
            @for citation in &said.citations {
                @let number = number_of(sources, citation);
                a.cite href=(href::cited(citation, answer.as_of))
                    title={ "看原文：" (citation.title) }
                    aria-label={ "出处 " (number) "，看原文" } { (number) }
            }
        }
    }
}

fn source_part(said: &[&Sentence], answer: &Answer, site: &Site) -> Markup {
    html! {
        ol.sources {
            @for citation in numbered(said.iter().copied()) {
                li { (printed(citation, answer, site)) }
            }
        }
    }
}

/// A source that was used. On paper no link can be followed, so its address stands there in full.
fn printed(citation: &Citation, answer: &Answer, site: &Site) -> Markup {
    let base = site.public_url.get().map_or("", String::as_str);
    html! {
        (source(citation, answer))
        p.print-only { (base) (href::cited(citation, answer.as_of)) }
    }
}

/// A source with what a reader must know to trust it.
fn source(citation: &Citation, answer: &Answer) -> Markup {
    let dated = |label: &str, day: Option<jiff::civil::Date>| {
        html! {
            @if let Some(day) = day { span { (label) "：" (shell::day(day)) } }
        }
    };
    html! {
        a.source-title href=(href::cited(citation, answer.as_of)) { (citation.title) } " "
        (parts::badge(shell::tone(citation.state), citation.state.label()))
        p.facts {
            span { "发布机构：" @if citation.issuer.is_empty() { "未注明" } @else { (citation.issuer) } }
            @if let Some(number) = &citation.number { span { "文号：" (number) } }
            @if let Some(place) = &citation.place { span { "适用地区：" (place) } }
            (dated(shell::first_day(citation.state), citation.effective))
            (dated("失效日期", citation.repealed))
        }
    }
}

fn conflict_part(conflict: &Conflict, answer: &Answer, site: &Site) -> Markup {
    let sides = conflict.sides.iter().map(|side| {
        let cited = &side.citation;
        (
            side.value.as_str(),
            cited.quote.as_str(),
            printed(cited, answer, site),
        )
    });
    shell::sides(&conflict.about, sides)
}

fn choices(answer: &Answer) -> Markup {
    html! {
        ul.picks {
            @for choice in &answer.choices {
                li { a.pick href=(href::ask_as(choice, answer.as_of, None)) { (choice) } }
            }
        }
        @if answer.reason == "ambiguous" {
            p.muted { "都不是？" a href="/qa/find" { "用智能引导一步步找" } "，或者写明事项再问。" }
        }
    }
}

fn nearest(answer: &Answer) -> Markup {
    html! {
        h2 { "相近的文件" }
        p.muted { "下面的文件题目相近，但没有写明所问的内容，仅供查找。" }
        ul.near {
            @for citation in &answer.nearest { li { (source(citation, answer)) } }
        }
    }
}

fn exports(answer: &Answer) -> Markup {
    html! {
        p.exports {
            "保存这份回答（带 AI 标识和出处）："
            a href=(href::kept(&answer.id, "/text")) { "文本" } " · "
            a href=(href::kept(&answer.id, "/json")) { "JSON" } " · "
            a href=(href::kept(&answer.id, "")) { "固定链接" }
        }
    }
}
