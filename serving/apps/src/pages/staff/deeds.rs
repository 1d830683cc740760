//! Everything that changes the base, once for forms and for programs: named fields in, what was
//! done out.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use serde_json::{Value, json};
use zhisuan_web::parts::{self, Tone};

use super::Desk;
use super::frame::{self, refused, version_href};
use super::visitor::Visitor;
use crate::calendar::china_today;
use crate::kb::{
    Added, Correction, Declared, Head, LibraryError, Repair, Synonym, VersionId, VersionInfo, mask,
};
use crate::pages::guard;
use crate::service::now_ms;
use crate::staff::Person;

/// The fields of a form, in order; a name may come again.
pub(super) type Fields = Vec<(String, String)>;

/// A form of one of our pages.
pub(super) async fn form(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(deed): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    if !guard::own_form(&headers) || text(&fields, "token") != visitor.token {
        return frame::page(&visitor, "没有办成", "")
            .status(StatusCode::FORBIDDEN)
            .body(parts::alert(
                Tone::Warn,
                "没有办成",
                "这个表单不是本次登录时打开的。请回到上一页，刷新后再提交。",
            ))
            .into_response();
    }
    let person = visitor.person.clone();
    let name = deed.clone();
    let done = frame::asked(&desk, move |desk| perform(desk, &person, &name, &fields)).await;
    match done {
        Ok(done) => Redirect::to(&after(&deed, &done)).into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

/// The page that shows what was done.
fn after(deed: &str, done: &Value) -> String {
    let document = done["document"].as_str();
    let number = done["number"]
        .as_u64()
        .and_then(|number| u32::try_from(number).ok());
    match (deed, document, number) {
        (_, Some(document), Some(number)) => version_href(&VersionId {
            document: document.to_owned(),
            number,
        }),
        ("close_work" | "conflict_work", ..) => "/kb/work".to_owned(),
        _ => "/kb/words".to_owned(),
    }
}

/// Does it. What is refused has changed nothing.
pub(super) fn perform(
    desk: &Desk,
    person: &Person,
    deed: &str,
    fields: &Fields,
) -> Result<Value, LibraryError> {
    let (library, base, now) = (&desk.library, desk.base.as_str(), now_ms());
    let get = |name: &str| text(fields, name);
    match deed {
        "close_work" => {
            let number = get("id")
                .parse()
                .map_err(|_| bad("id", "工单编号（id）应是数字"))?;
            let expected = get("expected").trim();
            let question = mask(get("question")).text;
            let as_of = day("as_of", get("as_of"))?.unwrap_or_else(china_today);
            let correction = Correction {
                question: &question,
                as_of,
                expected,
            };
            let correction = (!expected.is_empty()).then_some(&correction);
            library.close_work(base, number, get("outcome"), correction, person, now)?;
            Ok(json!({"id": number}))
        }
        "conflict_work" => {
            let day = day("as_of", get("as_of"))?.unwrap_or_else(china_today);
            let work = library.conflict_work(base, get("id"), day, person, now)?;
            Ok(json!({"id": work}))
        }
        "propose_synonym" => {
            let means = get("means").split(['、', ',', '，', ' ', ';', '；']);
            let synonym = Synonym {
                word: get("word").trim().to_owned(),
                means: means
                    .map(str::trim)
                    .filter(|m| !m.is_empty())
                    .map(str::to_owned)
                    .collect(),
            };
            library.propose_synonym(base, &synonym, person, now)?;
            Ok(json!(synonym))
        }
        "settle_synonym" => {
            let accept = get("accept") == "true";
            library.settle_synonym(base, get("word"), accept, person, now)?;
            Ok(json!({"word": get("word"), "accepted": accept}))
        }
        "home" => {
            let place = get("place").trim();
            library.set_home(base, Some(place), person, now)?;
            Ok(json!({"place": place}))
        }
        "switch_theme" => {
            let closed = get("closed") == "true";
            library.switch_theme(base, get("theme").trim(), closed, person, now)?;
            Ok(json!({"theme": get("theme").trim(), "closed": closed}))
        }
        _ => of_version(desk, person, deed, fields),
    }
}

/// Does what is done to one version.
fn of_version(
    desk: &Desk,
    person: &Person,
    deed: &str,
    fields: &Fields,
) -> Result<Value, LibraryError> {
    let (library, now) = (&desk.library, now_ms());
    let get = |name: &str| text(fields, name);
    match deed {
        "publish" => {
            let id = own(desk, fields)?;
            library.publish(&id, person, now)?;
            Ok(version(&id))
        }
        "withdraw" => {
            let id = own(desk, fields)?;
            library.withdraw(&id, get("reason"), person, now)?;
            Ok(version(&id))
        }
        "repair" => {
            let id = own(desk, fields)?;
            let info = desk.version(&id)?.info;
            let repairs = picked(&info, fields)?;
            Ok(added(&library.accept_repairs(&id, &repairs, person, now)?))
        }
        "drop_repairs" => Ok(added(&library.drop_repairs(
            &own(desk, fields)?,
            person,
            now,
        )?)),
        "head" => {
            let id = own(desk, fields)?;
            let head = head(desk.version(&id)?.info.head, fields)?;
            Ok(added(&library.edit_head(&id, head, person, now)?))
        }
        "repeal" => {
            let from = day("from", get("from"))?;
            let from = from.ok_or_else(|| bad("from", "请写明从哪一天起失效（from）"))?;
            Ok(added(&library.repeal(
                &own(desk, fields)?,
                from,
                person,
                now,
            )?))
        }
        _ => Err(bad("deed", "没有这种操作")),
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value.as_str())
}

fn bad(field: &'static str, message: &str) -> LibraryError {
    LibraryError::BadField {
        field,
        message: message.to_owned(),
    }
}

fn id(fields: &Fields) -> Result<VersionId, LibraryError> {
    let number = text(fields, "number").parse();
    let number = number.map_err(|_| bad("number", "版本号（number）应是从 1 开始的数字"))?;
    Ok(VersionId {
        document: text(fields, "document").to_owned(),
        number,
    })
}

/// The version that the fields name, of this desk's base.
fn own(desk: &Desk, fields: &Fields) -> Result<VersionId, LibraryError> {
    let id = id(fields)?;
    desk.version(&id)?;
    Ok(id)
}

pub(super) fn day(field: &'static str, value: &str) -> Result<Option<Date>, LibraryError> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    let day = value.parse().map(Some);
    day.map_err(|_| bad(field, "日期应写成 2025-01-31 这样"))
}

/// The proposed repairs that were picked: `finding.repair.start`, or `all`. A pick that no longer
/// names a proposal means that the page is old.
fn picked(info: &VersionInfo, fields: &Fields) -> Result<Vec<Repair>, LibraryError> {
    let picks: Vec<&str> = fields
        .iter()
        .filter(|(name, _)| name == "pick")
        .map(|(_, value)| value.as_str())
        .collect();
    if picks.contains(&"all") {
        let all = info.findings.iter().flat_map(|finding| &finding.proposed);
        return Ok(all.cloned().collect());
    }
    if picks.is_empty() {
        return Err(bad("pick", "没有勾选任何修正（pick）"));
    }
    let find = |pick: &&str| -> Option<Repair> {
        let mut parts = pick.split('.').map(str::parse::<usize>);
        let (finding, repair, start) = (
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next()?.ok()?,
        );
        let repair = info.findings.get(finding)?.proposed.get(repair)?;
        (repair.start == start).then(|| repair.clone())
    };
    let found: Option<Vec<Repair>> = picks.iter().map(find).collect();
    found.ok_or_else(|| bad("pick", "这一版在您打开页面后有改动，请刷新后重新勾选"))
}

/// The head with the fields that were sent; an empty one says that the text does not tell.
fn head(mut head: Head, fields: &Fields) -> Result<Head, LibraryError> {
    let sent = |name: &str| fields.iter().any(|(known, _)| known == name);
    let given = |name: &str| {
        let value = text(fields, name).trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    if sent("title") {
        head.title = given("title").unwrap_or_default();
    }
    for (name, slot) in [
        ("head_number", &mut head.number),
        ("issuer", &mut head.issuer),
        ("place", &mut head.place),
        ("theme", &mut head.theme),
    ] {
        if sent(name) {
            *slot = given(name);
        }
    }
    if sent("effective") {
        head.effective = day("effective", text(fields, "effective"))?;
    }
    if sent("repealed") {
        head.repealed = day("repealed", text(fields, "repealed"))?;
    }
    if sent("declared") {
        head.declared = match text(fields, "declared") {
            "draft" => Declared::Draft,
            "in_force" => Declared::InForce,
            "repealed" => Declared::Repealed,
            "unstated" => Declared::Unstated,
            _ => {
                return Err(bad(
                    "declared",
                    "效力（declared）应为 draft、in_force、repealed 或 unstated",
                ));
            }
        };
    }
    Ok(head)
}

fn version(id: &VersionId) -> Value {
    json!({"document": id.document, "number": id.number})
}

/// A version as it was brought in or changed, with what the gate found.
pub(super) fn added(added: &Added) -> Value {
    json!({
        "document": added.version.document,
        "number": added.version.number,
        "stage": added.stage,
        "title": added.head.title,
        "unchanged": added.unchanged,
        "findings": added.findings,
    })
}
