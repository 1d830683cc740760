//! A hotline ticket: its class, who takes it, and a draft that a clerk copies, corrects and signs.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, html};

use super::frame;
use super::visitor::{Visitor, admitted};
use crate::hotline::{Class, MAX_TICKET_CHARS, Proposal};
use crate::pages::api::propose;
use crate::pages::{Site, guard, href};

#[derive(Deserialize)]
pub(crate) struct Ticket {
    token: String,
    text: String,
}

async fn visitor(site: &Site, headers: &HeaderMap) -> Result<Visitor, Response> {
    match &site.desk {
        Some(desk) => admitted(desk, headers).await,
        None => Err(Redirect::to("/kb/signin").into_response()),
    }
}

/// The form.
pub(crate) async fn ask(State(site): State<Site>, headers: HeaderMap) -> Response {
    match visitor(&site, &headers).await {
        Ok(visitor) => page(&visitor, "", StatusCode::OK, &html! {}),
        Err(refused) => refused,
    }
}

fn page(visitor: &Visitor, text: &str, status: StatusCode, below: &Markup) -> Response {
    frame::page(visitor, "热线工单", "/kb/tickets")
        .lead("贴入来电内容：判断类别，建议承办单位，咨询类附带出处的答复草稿。一切由人核定，不会自动发出。")
        .status(status)
        .body(html! {
            form.card method="post" action="/kb/tickets" {
                input type="hidden" name="token" value=(visitor.token);
                div.field {
                    label for="text" { "来电内容" }
                    textarea id="text" name="text" rows="4" required maxlength=(MAX_TICKET_CHARS) { (text) }
                    p.hint { "身份证号、电话等会先遮去。" }
                }
                button type="submit" { "分析" }
            }
            (below)
        })
        .into_response()
}

/// The proposal.
pub(crate) async fn take(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(ticket): Form<Ticket>,
) -> Response {
    let visitor = match visitor(&site, &headers).await {
        Ok(visitor) => visitor,
        Err(refused) => return refused,
    };
    if !guard::own_form(&headers) || ticket.token != visitor.token {
        let told = parts::alert(Tone::Warn, "没有分析", "请刷新页面后再提交。");
        return page(&visitor, &ticket.text, StatusCode::FORBIDDEN, &told);
    }
    match propose(&site, &ticket.text).await {
        Ok(proposal) => page(
            &visitor,
            &proposal.text,
            StatusCode::OK,
            &shown(&site, &proposal),
        ),
        Err(fault) => {
            let told = parts::alert(Tone::Warn, "没有分析", fault.to_string());
            page(&visitor, &ticket.text, StatusCode::BAD_REQUEST, &told)
        }
    }
}

fn tone(class: Class) -> Tone {
    match class {
        Class::Help => Tone::Bad,
        Class::Complaint => Tone::Warn,
        Class::Suggest => Tone::Good,
        Class::Consult => Tone::Info,
    }
}

fn shown(site: &Site, proposal: &Proposal) -> Markup {
    let (class, routed, draft) = (&proposal.class, &proposal.routed, &proposal.draft);
    let rows = [
        (
            "类别",
            html! {
                (parts::badge(tone(class.class), class.label))
                @if class.unsure { span.muted { " 不太确定，请人工判断" } }
            },
        ),
        (
            "承办单位",
            html! {
                strong { (routed.name) }
                @if !routed.because.is_empty() { span.muted { " 依据：" (routed.because.join("、")) } }
            },
        ),
        (
            "其他可能",
            html! { @if routed.others.is_empty() { "—" } @else { (routed.others.join("、")) } },
        ),
    ];
    html! {
        section.card {
            h2 { "建议" }
            (parts::definitions(&rows))
        }
        section.card {
            h2 { "答复草稿" }
            (parts::machine_made("AI 生成合成", "草稿，须经办人员核对、修改并签发；本系统不会发送。"))
            label for="draft" { "可复制修改" }
            textarea.draft id="draft" rows="14" readonly { (draft.text) }
            @if !draft.citations.is_empty() {
                h3 { "出处" }
                ol.sources {
                    @for citation in &draft.citations {
                        li { a.source-title href=(href::cited(citation, site.qa.today())) { (citation.title) } }
                    }
                }
            }
        }
    }
}
