//! The citizen's page: one field, examples, and the answer with its sources.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::{Kb, ask_apart, day, href, shell};
use crate::rag::{Answer, AskOptions, Citation, KnowledgeBase, Notice, Outcome, Sentence, fold};

/// Most example questions under one theme.
const MAX_EXAMPLES: usize = 6;

pub(crate) async fn page(
    State(base): State<Kb>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let Some(question) = query.get("q").filter(|q| !q.trim().is_empty()) else {
        return shell::page("办事有问题，直接问")
            .lead("用平常说话的方式提问。每句回答都附原文出处，点编号可看原文。")
            .body(html! { (field("")) (examples(&base)) });
    };
    let as_of = query.get("as_of").map(String::as_str);
    let answered = match day("as_of", as_of) {
        Ok(as_of) => ask_apart(base.clone(), question.clone(), AskOptions::on(as_of)).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(answer) => shell::page("回答").body(html! {
            (field(question))
            (answer_part(&base, &answer))
        }),
        Err(error) => shell::page("问题没有被受理")
            .status(match error.field() {
                Some(_) => StatusCode::BAD_REQUEST,
                None => StatusCode::INTERNAL_SERVER_ERROR,
            })
            .body(html! {
                (parts::alert(Tone::Warn, "请修改后再问", error.to_string()))
                (field(&question.chars().take(200).collect::<String>()))
            }),
    }
}

fn field(question: &str) -> Markup {
    html! {
        form.card role="search" action="/qa" method="get" {
            p { label for="q" { "您想问什么？" } }
            div.ask-field {
                input id="q" type="search" name="q" value=(question) maxlength="500" required
                    autocomplete="off" placeholder="例如：居住证要带什么材料";
                button type="submit" { "提问" }
            }
            p.hint { "不需要登录。请不要填写身份证号、手机号等个人信息。" }
        }
    }
}

fn examples(base: &KnowledgeBase) -> Markup {
    // One theme may be written in both scripts; it is shown as first written.
    let mut themes: BTreeMap<String, (&str, Vec<&str>)> = BTreeMap::new();
    for document in base.documents() {
        if let (Some(theme), Some(sample)) = (&document.theme, &document.sample_question) {
            let shown = themes.entry(fold(theme)).or_insert((theme, Vec::new()));
            shown.1.push(sample);
        }
    }
    html! {
        @if !themes.is_empty() {
            section aria-label="示例问题" {
                h2 { "大家常问" }
                div.themes {
                    @for (theme, samples) in themes.values() {
                        div.card.theme {
                            h3 { (theme) }
                            ul {
                                @for sample in samples.iter().take(MAX_EXAMPLES) {
                                    li { a href=(href::ask(sample)) { (sample) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn answer_part(base: &KnowledgeBase, answer: &Answer) -> Markup {
    html! {
        article.card.answer aria-label="回答" {
            p.question { (answer.question) }
            @match &answer.outcome {
                Outcome::Answered { sentences, notices } => {
                    (parts::machine_made("机器摘录", answer.label))
                    (notice_part(notices))
                    (sentence_part(sentences))
                    h2 { "出处" }
                    (source_part(sentences))
                },
                Outcome::NoSource { message, hand_over, .. } => {
                    (parts::alert(Tone::Info, "没有找到可靠来源", message.as_str()))
                    @match hand_over {
                        Some(to) => { (shell::hand_over(to)) },
                        None => { p { "请联系发布文件的机构或当地政务服务热线。" } },
                    }
                },
            }
        }
        @if let (Outcome::Answered { .. }, Some(to)) = (&answer.outcome, base.hand_over()) {
            section.card aria-label="人工服务" { h2 { "还没有解决？" } (shell::hand_over(to)) }
        }
    }
}

fn notice_part(notices: &[Notice]) -> Markup {
    html! {
        @for notice in notices {
            (parts::alert(shell::tone(notice.status), notice.status.label(), notice.message.as_str()))
        }
    }
}

/// The sources of an answer in the order of their first use; their numbers are their positions.
fn numbered(sentences: &[Sentence]) -> Vec<&Citation> {
    let mut found: Vec<&Citation> = Vec::new();
    for citation in sentences.iter().flat_map(|sentence| &sentence.citations) {
        if !found
            .iter()
            .any(|known| known.document_id == citation.document_id)
        {
            found.push(citation);
        }
    }
    found
}

fn sentence_part(sentences: &[Sentence]) -> Markup {
    let sources = numbered(sentences);
    let number = |citation: &Citation| {
        let at = sources
            .iter()
            .position(|s| s.document_id == citation.document_id);
        at.map_or(1, |at| at + 1)
    };
    let section = |sentence: &Sentence| {
        sentence
            .citations
            .first()
            .map(|c| c.section.clone())
            .unwrap_or_default()
    };
    let groups = sentences.chunk_by(|a, b| section(a) == section(b));
    html! {
        @for group in groups {
            @if let Some(heading) = group.first().map(section).filter(|h| !h.is_empty()) {
                h3 { (heading) }
            }
            ul.said {
                @for sentence in group {
                    li {
                        (sentence.text)
                        @for citation in &sentence.citations {
                            @let number = number(citation);
                            a.cite href=(cite_href(citation))
                                title={ "看原文：" (citation.title) }
                                aria-label={ "出处 " (number) "，看原文" } { (number) }
                        }
                    }
                }
            }
        }
    }
}

fn cite_href(citation: &Citation) -> String {
    href::source(
        &citation.document_id,
        citation.start_byte,
        citation.end_byte,
    )
}

fn source_part(sentences: &[Sentence]) -> Markup {
    html! {
        ol.sources {
            @for citation in numbered(sentences) {
                li {
                    a.source-title href=(cite_href(citation)) { (citation.title) } " "
                    (parts::badge(shell::tone(citation.status), citation.status.label()))
                    p.facts {
                        span { "发布机构：" (citation.issuer) }
                        @if let Some(number) = &citation.number { span { "文号：" (number) } }
                        @if let Some(place) = &citation.place { span { "适用地区：" (place) } }
                        @if let Some(date) = citation.effective_date {
                            span { (shell::first_day(citation.status)) "：" (date.to_string()) }
                        }
                    }
                }
            }
        }
    }
}
