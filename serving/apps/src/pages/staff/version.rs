//! One version: its quality report with places in the text, its repairs, its head, and what may be
//! done with it.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Table, html};

use super::Desk;
use super::diff::{Change, changes};
use super::forms::deeds;
use super::frame::{self, names, refused, stage_tone, version_href, when};
use super::report::{findings, repairs};
use super::visitor::Visitor;
use crate::kb::{Entry, VersionId, VersionInfo};
use crate::pages::{href, shell};

pub(crate) async fn page(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((number, document)): Path<(u32, String)>,
) -> Response {
    let id = VersionId { document, number };
    let looked = frame::asked(&desk, move |desk| {
        let opened = desk.version(&id)?;
        let all = desk.library.versions(&desk.base, None)?;
        let object = id.to_string();
        let history = desk.library.history(&desk.base, Some(&object), 50)?;
        let others = all
            .into_iter()
            .filter(|info| info.id.document == id.document && info.id != id);
        let people = desk.library.people()?;
        Ok((opened, others.collect::<Vec<_>>(), history, people))
    });
    match looked.await {
        Ok((opened, others, history, people)) => {
            frame::page(&visitor, opened.info.head.title.clone(), "")
                .trail("/kb/documents", "文件")
                .body(html! {
                    (facts(&opened.info, &people))
                    (deeds(&visitor, &opened.info))
                    (findings(&visitor, &opened))
                    (repairs(&visitor, &opened.info))
                    (versions(&opened.info, &others))
                    (past(&history, &people))
                })
                .into_response()
        }
        Err(error) => refused(&visitor, &error),
    }
}

fn facts(info: &VersionInfo, people: &BTreeMap<String, String>) -> Markup {
    let head = &info.head;
    let text = |value: Option<&str>| html! { (value.unwrap_or("未注明")) };
    let day = |day: Option<jiff::civil::Date>| {
        let written = day.map_or_else(|| "未注明".to_owned(), shell::day);
        html! { (written) }
    };
    let force = crate::kb::State::on(crate::calendar::china_today(), head, None);
    let rows = [
        (
            "状态",
            parts::badge(stage_tone(info.stage), info.stage.label()),
        ),
        ("版本", html! { (info.id.to_string()) }),
        (
            "今天的效力",
            parts::badge(shell::tone(force), force.label()),
        ),
        ("发布机构", text(head.issuer.as_deref())),
        ("文号", text(head.number.as_deref())),
        ("适用地区", text(head.place.as_deref())),
        (
            "代替",
            html! { @if head.supersedes.is_empty() { "无" } @else { (head.supersedes.join("、")) } },
        ),
        ("成文日期", day(head.written)),
        ("公开日期", day(head.published)),
        ("生效日期", day(head.effective)),
        ("失效日期", day(head.repealed)),
        (
            "原件",
            html! {
                a href={ "/kb/raw/" (info.id.number) "/" (href::encode_path(&info.id.document)) } { (info.file.name) }
                " （" (info.file.bytes) " 字节）"
            },
        ),
        (
            "经手",
            html! { (names(people, &info.makers)) " 入库或修改"
            @if let Some(checker) = &info.checker {
                "；" (names(people, std::slice::from_ref(checker))) " 发布" } },
        ),
        ("入库时间", html! { (when(info.added_ms)) }),
    ];
    html! {
        section.card { (parts::definitions(&rows)) }
        @if !info.note.is_empty() { (parts::alert(Tone::Info, "撤下理由", info.note.as_str())) }
    }
}

fn versions(info: &VersionInfo, others: &[VersionInfo]) -> Markup {
    html! {
        @if !others.is_empty() {
            section.card {
                h2 { "同一文件的其他版本" }
                ul {
                    @for other in others {
                        @let (from, to) = if other.id.number < info.id.number {
                            (other.id.number, info.id.number)
                        } else {
                            (info.id.number, other.id.number)
                        };
                        li {
                            a href=(version_href(&other.id)) { "第 " (other.id.number) " 版" } " "
                            (parts::badge(stage_tone(other.stage), other.stage.label())) " "
                            a href={ "/kb/diff/" (from) "/" (to) "/" (href::encode_path(&info.id.document)) } {
                                "看差异"
                            }
                        }
                    }
                }
            }
        }
    }
}

fn past(history: &[Entry], people: &BTreeMap<String, String>) -> Markup {
    let mut table = Table::new("经过")
        .column("时间")
        .column("人员")
        .column("做了什么")
        .empty("没有记录", "");
    for entry in history {
        table = table.row(vec![
            html! { (when(entry.at_ms)) },
            html! { (names(people, std::slice::from_ref(&entry.person))) },
            html! { (deed_word(&entry.action)) },
        ]);
    }
    html! { (table) }
}

fn deed_word(action: &str) -> &str {
    match action {
        "add" => "入库",
        "import" => "目录导入",
        "repair" => "修正",
        "edit_head" => "更正文件信息",
        "publish" => "发布",
        "withdraw" => "撤下",
        "repeal" => "宣布失效",
        other => other,
    }
}

/// The file as it came in. It is only ever handed out as a download: nothing of it runs here.
pub(crate) async fn raw(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((number, document)): Path<(u32, String)>,
) -> Response {
    let id = VersionId { document, number };
    match frame::asked(&desk, move |desk| {
        desk.version(&id)?;
        desk.library.raw(&id)
    })
    .await
    {
        Ok(bytes) => {
            let head = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CONTENT_DISPOSITION, "attachment"),
            ];
            (head, bytes).into_response()
        }
        Err(error) => refused(&visitor, &error),
    }
}

/// What changed between two versions of a document.
pub(crate) async fn differences(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((from, to, document)): Path<(u32, u32, String)>,
) -> Response {
    let name = document.clone();
    let looked = frame::asked(&desk, move |desk| {
        let open = |number| {
            let document = name.clone();
            desk.version(&VersionId { document, number })
        };
        Ok((open(from)?, open(to)?))
    });
    let (old, new) = match looked.await {
        Ok(both) => both,
        Err(error) => return refused(&visitor, &error),
    };
    let changed = changes(&old.text, &new.text);
    let id = VersionId {
        document,
        number: to,
    };
    frame::page(&visitor, format!("第 {from} 版与第 {to} 版的差异"), "")
        .trail("/kb/documents", "文件")
        .trail(version_href(&id), new.info.head.title.clone())
        .body(html! {
            @if changed.iter().all(|change| matches!(change, Change::Same(_))) {
                (parts::empty_state("正文相同", "两版的差别只在文件信息。"))
            } @else {
                div.diff {
                    @for change in &changed {
                        @match change {
                            Change::Same(0) => {},
                            Change::Same(lines) => { p.muted { "… " (lines) " 行相同 …" } },
                            Change::Gone(line) => { p { del { "− " (line) } } },
                            Change::New(line) => { p { ins { "+ " (line) } } },
                        }
                    }
                }
            }
        })
        .into_response()
}
