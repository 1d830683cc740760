//! Bringing a file in.

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Page, html};

use super::Desk;
use super::frame::{self, refused, version_href};
use super::visitor::Visitor;
use crate::kb::{Add, MAX_FILE_BYTES};
use crate::pages::guard;
use crate::service::now_ms;

/// The form.
pub(crate) async fn page(visitor: Visitor) -> Page {
    frame::page(&visitor, "入库", "/kb/add")
        .lead("新文件先经过质量检查：没有问题的待发布，可疑的隔离待核。原件逐字节保存。")
        .body(html! {
            form.card method="post" action="/kb/add" enctype="multipart/form-data" {
                input type="hidden" name="token" value=(visitor.token);
                div.field {
                    label for="file" { "文件" }
                    input id="file" type="file" name="file" required
                        accept=".txt,.md,.html,.htm,.docx,.xlsx,.pdf";
                    p.hint { "TXT、Markdown、HTML、DOCX、XLSX、带文字的 PDF，最大 " (MAX_FILE_BYTES >> 20) " MiB。" }
                }
                div.field {
                    label for="document" { "属于哪份文件（可不填）" }
                    input id="document" type="text" name="document" maxlength="120";
                    p.hint { "填已有文件的名称，就成为它的新版本；不填则用文件名。" }
                }
                button type="submit" { "入库并检查" }
            }
        })
}

/// Takes the file.
pub(crate) async fn take(
    State(desk): State<Desk>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let read = match form {
        Ok(form) => read(form).await,
        Err(error) => Err(error.to_string()),
    };
    let sent = match read {
        Ok(sent) if sent.token == visitor.token && guard::own_form(&headers) => sent,
        Ok(_) => return unread(&visitor, "这个表单不是本次登录时打开的，请刷新后再提交"),
        Err(why) => return unread(&visitor, &format!("文件没有收全或超过上限：{why}")),
    };
    let add = Add {
        base: desk.base.clone(),
        name: sent.name,
        bytes: sent.bytes,
        document: (!sent.document.is_empty()).then_some(sent.document),
        person: visitor.person.clone(),
        now_ms: now_ms(),
    };
    match frame::asked(&desk, move |desk| desk.library.add(&add)).await {
        Ok(added) => Redirect::to(&version_href(&added.version)).into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

fn unread(visitor: &Visitor, why: &str) -> Response {
    frame::page(visitor, "没有入库", "/kb/add")
        .status(StatusCode::BAD_REQUEST)
        .body(parts::alert(Tone::Warn, "没有入库", why))
        .into_response()
}

#[derive(Default)]
struct Sent {
    token: String,
    document: String,
    name: String,
    bytes: Vec<u8>,
}

async fn read(mut form: Multipart) -> Result<Sent, String> {
    let mut sent = Sent::default();
    while let Some(field) = form.next_field().await.map_err(|error| error.body_text())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|error| error.body_text())?;
        let text = || String::from_utf8_lossy(&bytes).trim().to_owned();
        match name.as_str() {
            "token" => sent.token = text(),
            "document" => sent.document = text(),
            "file" => {
                sent.name = file.unwrap_or_default();
                sent.bytes = bytes.to_vec();
            }
            _ => {}
        }
    }
    Ok(sent)
}
