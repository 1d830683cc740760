//! Everything that changes the base, once for forms and for programs: named fields in, what was
//! done out.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use zhisuan_web::parts::{self, Tone};

use super::Desk;
use super::fields::{Fields, audience, bad, day, head, id, new_base, sent, synonym, text};
use super::frame::{self, refused, version_href};
use super::questions;
use super::visitor::Visitor;
use crate::calendar::china_today;
use crate::kb::{
    Added, Correction, LibraryError, Repair, VersionId, VersionInfo, mask, shown_finding,
};
use crate::pages::guard;
use crate::service::now_ms;
use crate::staff::Person;

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
    let shown = text(&fields, "shown").to_owned();
    let done = frame::asked(&desk, move |desk| perform(desk, &person, &name, &fields)).await;
    match done {
        Ok(done) => questions::left_out(&visitor, &done, &shown)
            .unwrap_or_else(|| Redirect::to(&after(&deed, &done, &shown)).into_response()),
        Err(error) => refused(&visitor, &error),
    }
}

/// The page that shows what was done; `shown` is what the form's own page showed.
fn after(deed: &str, done: &Value, shown: &str) -> String {
    let document = done["document"].as_str();
    let number = done["number"]
        .as_u64()
        .and_then(|number| u32::try_from(number).ok());
    match (deed, document, number) {
        (_, Some(document), Some(number)) => version_href(&VersionId {
            document: document.to_owned(),
            number,
        }),
        ("close_work", ..) if done["proposed_question"].is_i64() => {
            "/kb/work?proposed=question".to_owned()
        }
        ("close_work" | "conflict_work", ..) => "/kb/work".to_owned(),
        ("propose_questions" | "settle_questions" | "withdraw_questions", ..) => {
            questions::after(deed, done, shown)
        }
        ("add_base", ..) => format!("/kb?base={}", done["base"].as_str().unwrap_or_default()),
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
            let outcome = get("outcome");
            let proposed = library.close_work(base, number, outcome, correction, person, now)?;
            Ok(json!({"id": number, "proposed_question": proposed}))
        }
        "conflict_work" => {
            let day = day("as_of", get("as_of"))?.unwrap_or_else(china_today);
            let work = library.conflict_work(base, get("id"), day, person, now)?;
            Ok(json!({"id": work}))
        }
        "erase" => {
            if library.answer(get("id"))?.base != base {
                let (what, name) = ("回答", get("id").to_owned());
                return Err(LibraryError::NotFound { what, name });
            }
            library.erase_answer(get("id"), person, now)?;
            Ok(json!({"id": get("id")}))
        }
        "audience" => {
            let audience = audience(get("audience"))?;
            library.set_audience(base, &audience, person, now)?;
            Ok(json!({"base": base, "audience": audience}))
        }
        "add_base" => {
            let base = new_base(fields)?;
            library.add_base(&base, person, now)?;
            Ok(json!({
                "base": base.name, "title": base.title,
                "audience": base.audience, "home": base.home,
            }))
        }
        "home" => {
            let place = get("place").trim();
            library.set_home(base, Some(place), person, now)?;
            Ok(json!({"place": place}))
        }
        "propose_synonym" | "settle_synonym" | "switch_theme" => {
            of_words(desk, person, deed, fields)
        }
        "propose_questions" | "settle_questions" | "withdraw_questions" => {
            questions::deeds::perform(desk, person, deed, fields)
        }
        _ => of_version(desk, person, deed, fields),
    }
}

/// Does what is done to synonyms and themes.
fn of_words(
    desk: &Desk,
    person: &Person,
    deed: &str,
    fields: &Fields,
) -> Result<Value, LibraryError> {
    let (library, base, now) = (&desk.library, desk.base.as_str(), now_ms());
    let get = |name: &str| text(fields, name);
    match deed {
        "propose_synonym" => {
            let synonym = synonym(fields);
            library.propose_synonym(base, &synonym, person, now)?;
            Ok(json!(synonym))
        }
        "settle_synonym" => {
            let accept = get("accept") == "true";
            if accept && !sent(fields, "means") {
                let message = "接受同义词要写明看到的说法（means），以免接受了后来改过的";
                return Err(bad("means", message));
            }
            library.settle_synonym(base, &synonym(fields), accept, person, now)?;
            Ok(json!({"word": get("word"), "accepted": accept}))
        }
        _ => {
            let closed = get("closed") == "true";
            library.switch_theme(base, get("theme").trim(), closed, person, now)?;
            Ok(json!({"theme": get("theme").trim(), "closed": closed}))
        }
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
            publish(desk, person, &id, get("seen"))?;
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

/// Publishes a version as it was looked at; only a clean one of a new document may go out unseen.
fn publish(desk: &Desk, person: &Person, id: &VersionId, seen: &str) -> Result<(), LibraryError> {
    if !seen.is_empty() {
        return desk.library.publish_seen(id, seen, person, now_ms());
    }
    let info = desk.version(id)?.info;
    // Whoever would be refused all the same is told why at once.
    let refused = info.is_blocked() || info.makers.contains(&person.id);
    if info.needs_checker() && !refused {
        let message =
            "发布这一版要带上查看时的核对码（seen）：先看 zhisuan kb show，再用 --seen 写明";
        return Err(bad("seen", message));
    }
    desk.library.publish(id, person, now_ms())
}

/// The version that the fields name, of this desk's base.
fn own(desk: &Desk, fields: &Fields) -> Result<VersionId, LibraryError> {
    let id = id(fields)?;
    desk.version(&id)?;
    Ok(id)
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
        return Err(bad(
            "pick",
            "没有选任何修正（pick）：请勾选；命令行用 --all 或 --pick 编号",
        ));
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
    found.ok_or_else(|| {
        bad(
            "pick",
            "没有这一处建议的修正（pick），或这一版在您查看之后有改动；请重新查看后再选",
        )
    })
}

fn version(id: &VersionId) -> Value {
    json!({"document": id.document, "number": id.number})
}

/// A version as it was brought in or changed, with what the gate found.
pub(super) fn added(added: &Added) -> Value {
    let findings: Vec<_> = added.findings.iter().map(shown_finding).collect();
    json!({
        "document": added.version.document,
        "number": added.version.number,
        "stage": added.stage,
        "title": added.head.title,
        "unchanged": added.unchanged,
        "findings": findings,
    })
}
