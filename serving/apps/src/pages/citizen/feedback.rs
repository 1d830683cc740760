//! What citizens say of an answer, and the wish to have a person take over.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, html};

use crate::answer::Answer;
use crate::pages::{Site, guard, shell};
use crate::service::{Opinion, Verdict};

/// Reasons offered with "not helpful".
pub(crate) const REASONS: [(&str, &str); 5] = [
    ("wrong", "答得不对"),
    ("outdated", "规定已经变了"),
    ("incomplete", "没有答全"),
    ("unclear", "看不懂"),
    ("other", "其他"),
];

/// The forms under an answer.
pub(crate) fn forms(answer: &Answer) -> Markup {
    html! {
        section.card.feedback aria-label="评价" {
            h2 { "这个回答有用吗？" }
            form.inline method="post" action="/qa/feedback" {
                input type="hidden" name="id" value=(answer.id);
                input type="hidden" name="verdict" value="helpful";
                button.plain type="submit" { "有用" }
            }
            details.more {
                summary { "没有用，说说原因" }
                form method="post" action="/qa/feedback" {
                    input type="hidden" name="id" value=(answer.id);
                    input type="hidden" name="verdict" value="unhelpful";
                    fieldset {
                        legend { "原因" }
                        @for (value, label) in REASONS {
                            label.radio {
                                input type="radio" name="reason" value=(value) required;
                                (label)
                            }
                        }
                    }
                    div.field {
                        label for="words" { "补充（可不填，请勿写个人信息）" }
                        textarea id="words" name="words" rows="3" maxlength="500" {}
                    }
                    button type="submit" { "提交" }
                }
            }
            form.inline method="post" action="/qa/person" {
                input type="hidden" name="id" value=(answer.id);
                button.plain type="submit" { "转人工" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Said {
    id: String,
    verdict: Verdict,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    words: String,
}

/// Takes an opinion.
pub(crate) async fn take(
    State(site): State<Site>,
    headers: HeaderMap,
    form: Result<Form<Said>, axum::extract::rejection::FormRejection>,
) -> Page {
    let said = match form {
        Ok(Form(said)) if guard::own_form(&headers) => said,
        _ => return refused(),
    };
    let opinion = Opinion {
        answer: said.id,
        verdict: said.verdict,
        reason: said.reason,
        words: said.words,
    };
    match site.qa.opinion(opinion).await {
        Ok(()) => shell::page("谢谢您的评价", "").trail("/qa", "提问").body(html! {
            (parts::alert(Tone::Good, "已经记下", "评价不好的回答会由工作人员逐条核对；更正后会作为测试题长期复查。"))
            p { a.button href="/qa" { "继续提问" } }
        }),
        Err(fault) => shell::page("没有记下", "")
            .status(StatusCode::BAD_REQUEST)
            .trail("/qa", "提问")
            .body(parts::alert(Tone::Warn, "没有记下", fault.to_string())),
    }
}

#[derive(Deserialize)]
pub(crate) struct Which {
    id: String,
}

/// Hands a question over to a person.
pub(crate) async fn person(
    State(site): State<Site>,
    headers: HeaderMap,
    form: Result<Form<Which>, axum::extract::rejection::FormRejection>,
) -> Page {
    let which = match form {
        Ok(Form(which)) if guard::own_form(&headers) => which,
        _ => return refused(),
    };
    let opinion = Opinion {
        answer: which.id,
        verdict: Verdict::Person,
        reason: String::new(),
        words: String::new(),
    };
    let noted = site.qa.opinion(opinion).await.is_ok();
    shell::page("转人工", "").trail("/qa", "提问").body(html! {
        section.card.help {
            @if noted { p { "您的问题已列入工作人员的待办清单（不含个人信息，因此不会回电）。" } }
            p { "要立即得到答复，请直接联系：" }
            (shell::hand_over(site.hand_over().as_ref()))
        }
        p { a href="/qa" { "继续提问" } }
    })
}

fn refused() -> Page {
    shell::page("没有记下", "")
        .status(StatusCode::BAD_REQUEST)
        .trail("/qa", "提问")
        .body(parts::alert(
            Tone::Warn,
            "没有记下",
            "这次提交不是从本页发出的，或者内容不完整。请回到回答页再试一次。",
        ))
}
