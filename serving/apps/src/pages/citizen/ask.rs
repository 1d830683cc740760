//! The first page: one field, examples by theme; with a question, its answer.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use super::answer;
use crate::kb::Published;
use crate::pages::{Site, href, shell};
use crate::retrieve::fold;
use crate::service::{AskFault, Question};

/// Most example questions under one theme.
const MAX_EXAMPLES: usize = 6;

pub(crate) async fn page(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let asked = Question::from_query(&query, "q");
    if asked.question.trim().is_empty() {
        let published = site.qa.published();
        return shell::page("办事有问题，直接问", "/qa")
            .lead("用平常说话的方式提问。每句回答都附原文出处，点编号可看原文。")
            .body(html! { (shell::reading(&site)) (field(&site, &asked)) (guided()) (examples(&published, site.qa.today())) });
    }
    match site.qa.ask(&asked).await {
        Ok(answer) => shell::page("回答", "/qa").body(html! {
            (shell::reading(&site))
            (field(&site, &asked))
            (answer::part(&answer, &site))
        }),
        Err(fault) => refused(&site, &asked, &fault),
    }
}

fn refused(site: &Site, asked: &Question, fault: &AskFault) -> Page {
    let mut short = asked.clone();
    short.question = asked.question.chars().take(200).collect();
    let what = match fault {
        AskFault::Reading => "请稍候",
        _ => "请修改后再问",
    };
    shell::page("问题没有被受理", "/qa")
        .status(match fault {
            AskFault::Field(_) => StatusCode::BAD_REQUEST,
            AskFault::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
            AskFault::Log(_) | AskFault::Reading => StatusCode::SERVICE_UNAVAILABLE,
        })
        .body(html! {
            (parts::alert(Tone::Warn, what, fault.to_string()))
            (field(site, &short))
        })
}

fn field(site: &Site, asked: &Question) -> Markup {
    let places = places(&site.qa.published());
    let chosen = |place: &str| asked.place.as_deref() == Some(place);
    html! {
        form.card role="search" action="/qa" method="get" {
            p { label for="q" { "您想问什么？" } }
            div.ask-field {
                input id="q" type="search" name="q" value=(asked.question) maxlength="500" required
                    autocomplete="off" placeholder="例如：居住证要带什么材料";
                button type="submit" { "提问" }
            }
            details.more open[asked.as_of.is_some() || asked.place.is_some()] {
                summary { "指定日期或地区" }
                div.more-fields {
                    div.field {
                        label for="as_of" { "按哪一天的规定" }
                        input id="as_of" type="date" name="as_of"
                            value=(asked.as_of.as_deref().unwrap_or_default());
                    }
                    div.field {
                        label for="place" { "在哪里办" }
                        input id="place" type="text" name="place" list="places" maxlength="40"
                            value=(asked.place.as_deref().unwrap_or_default())
                            placeholder="不填就是本地";
                        datalist id="places" {
                            @for place in &places {
                                option value=(place) selected[chosen(place)] {}
                            }
                        }
                    }
                }
            }
            @if site.qa.writer().is_some() {
                label.radio {
                    input type="checkbox" name="reworded" value="1" checked[asked.reworded];
                    "用模型改写得更通顺（较慢；每句仍与原文核对，核对不上的不说）"
                }
            }
            p.hint { "不需要登录。请不要填写身份证号、手机号等个人信息。" }
        }
    }
}

/// The places that texts of the base apply to, each in one script.
fn places(published: &Published) -> Vec<String> {
    let heads = published.versions.iter().map(|version| &version.head);
    let places = heads.filter_map(|head| head.place.clone());
    let mut places: Vec<(String, String)> = places.map(|place| (fold(&place), place)).collect();
    places.sort();
    places.dedup_by(|later, kept| later.0 == kept.0);
    places.truncate(50);
    places.into_iter().map(|(_, place)| place).collect()
}

fn guided() -> Markup {
    html! {
        p.guided {
            "不知道该办哪一项？"
            a href="/qa/find" { "智能引导：回答几个问题，找到要办的事" }
        }
    }
}

/// Questions that texts in force offer: what a draft answers is not what people should be led to.
fn examples(published: &Published, today: Date) -> Markup {
    // One theme may be written in both scripts; it is shown as first written.
    let mut themes: BTreeMap<String, (&str, Vec<&str>)> = BTreeMap::new();
    let versions = published.versions.iter();
    let holding = versions.filter(|version| version.state_on(today).holds());
    for head in holding.map(|version| &version.head) {
        if let (Some(theme), Some(sample)) = (&head.theme, &head.sample_question)
            && !published.is_closed(theme)
        {
            let shown = themes.entry(fold(theme)).or_insert((theme, Vec::new()));
            if !shown.1.contains(&sample.as_str()) {
                shown.1.push(sample);
            }
        }
    }
    html! {
        @if !themes.is_empty() {
            section aria-label="示例问题" {
                h2 { "可以这样问" }
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
