//! The console's JSON, for programs with a key.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Desk;
use super::deeds::{self, added};
use super::diff::{Change, changes};
use super::fields::{self, Fields};
use super::frame;
use super::questions;
use super::visitor::Caller;
use crate::kb::{Add, Audience, BaseInfo, Entry, LibraryError, Stage, VersionId, VersionInfo};
use crate::pages::api::error;
use crate::service::now_ms;

type Params = Query<HashMap<String, String>>;

fn refused(fault: &LibraryError) -> Response {
    error(
        frame::status(fault),
        fault.code(),
        fault.field(),
        fault.to_string(),
    )
}

fn told(answer: Result<Value, LibraryError>) -> Response {
    match answer {
        Ok(value) => Json(value).into_response(),
        Err(fault) => refused(&fault),
    }
}

/// Versions of the base, `?stage=` of one stage.
pub(crate) async fn versions(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let all = [
        Stage::Quarantined,
        Stage::Ready,
        Stage::Published,
        Stage::Withdrawn,
    ];
    let stage = query.get("stage").filter(|name| !name.is_empty());
    let chosen = stage.and_then(|name| all.into_iter().find(|stage| stage.name() == name));
    if stage.is_some() && chosen.is_none() {
        let message = "stage 应为 quarantined、ready、published 或 withdrawn".to_owned();
        return error(StatusCode::BAD_REQUEST, "ZS-FIELD", Some("stage"), message);
    }
    let found = frame::asked(&desk, move |desk| {
        let found = desk.library.versions(&desk.base, chosen)?;
        Ok(found
            .into_iter()
            .map(VersionInfo::shown)
            .collect::<Vec<_>>())
    })
    .await;
    told(found.map(|items| json!({"schema": "zhisuan.kb-versions/1", "items": items})))
}

/// One version with its findings; `&text=1` also its text.
pub(crate) async fn version(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let number = query.get("number").and_then(|number| number.parse().ok());
    let document = query.get("document").cloned().unwrap_or_default();
    let with_text = query.get("text").is_some_and(|text| text == "1");
    let found = frame::asked(&desk, move |desk| {
        let newest = || {
            let all = desk.library.versions(&desk.base, None)?;
            let own = all.iter().filter(|info| info.id.document == document);
            let newest = own.map(|info| info.id.number).max();
            newest.ok_or_else(|| LibraryError::NotFound {
                what: "文件",
                name: document.clone(),
            })
        };
        let number = number.map_or_else(newest, Ok)?;
        let document = document.clone();
        let opened = desk.version(&VersionId { document, number })?;
        Ok((opened, desk.library.people()?))
    });
    told(found.await.map(|(opened, mut people)| {
        let info = opened.info.shown();
        people.retain(|id, _| info.makers.contains(id) || info.checker.as_ref() == Some(id));
        let mut value = json!(info);
        value["people"] = json!(people);
        value["schema"] = "zhisuan.kb-version/1".into();
        if with_text {
            value["text"] = opened.text.into();
        }
        value
    }))
}

/// A file: its bytes are the body, its name and document stand in the address.
pub(crate) async fn add(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Query(query): Params,
    body: Bytes,
) -> Response {
    let add = Add {
        base: desk.base.clone(),
        name: query.get("name").cloned().unwrap_or_default(),
        bytes: body.to_vec(),
        document: query
            .get("document")
            .filter(|name| !name.is_empty())
            .cloned(),
        person,
        now_ms: now_ms(),
    };
    let done = frame::asked(&desk, move |desk| desk.library.add(&add)).await;
    told(done.map(|done| {
        let mut value = added(&done);
        value["schema"] = "zhisuan.kb-added/1".into();
        value
    }))
}

/// Work of the staff, `?all=1` also what is done.
pub(crate) async fn work(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let open = query.get("all").is_none_or(|all| all != "1");
    let found = frame::asked(&desk, move |desk| desk.library.work(&desk.base, open, 500)).await;
    told(found.map(|items| json!({"schema": "zhisuan.kb-work/1", "items": items})))
}

/// Contradictions between texts that hold on a day, `?as_of=`, today unless told.
pub(crate) async fn conflicts(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let given = query.get("as_of").cloned().unwrap_or_default();
    let found = frame::asked(&desk, move |desk| {
        let day = fields::day("as_of", &given)?;
        super::conflicts::found(desk, day)
    });
    let told = |found: super::conflicts::Found| json!({"schema": "zhisuan.kb-conflicts/1", "items": found.json()});
    self::told(found.await.map(told))
}

/// Synonyms in force, those that wait, and closed themes.
pub(crate) async fn words(State(desk): State<Desk>, _caller: Caller) -> Response {
    let found = frame::asked(&desk, |desk| {
        let published = desk.library.published(&desk.base).unwrap_or_default();
        let waiting = desk.library.proposed_synonyms(&desk.base)?;
        let people = desk.library.people()?;
        let waiting: Vec<Value> = waiting
            .iter()
            .map(|one| {
                let name = people.get(&one.maker).unwrap_or(&one.maker);
                json!({
                    "word": one.synonym.word, "means": one.synonym.means,
                    "maker": one.maker, "maker_name": name,
                })
            })
            .collect();
        Ok(json!({
            "schema": "zhisuan.kb-words/1",
            "items": published.synonyms,
            "waiting": waiting,
            "closed_themes": published.closed_themes,
        }))
    });
    told(found.await)
}

/// Questions of the bank: `?waiting=`, `document=`, `words=`, `stale=`, from `offset=` on.
pub(crate) async fn questions(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Query(query): Params,
) -> Response {
    let found = frame::asked(&desk, move |desk| {
        questions::deeds::listed(desk, &person, &query)
    });
    told(found.await)
}

/// The file of a version as it came in.
pub(crate) async fn raw(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let id = named(&query, "number");
    let found = frame::asked(&desk, move |desk| {
        let id = id?;
        desk.version(&id)?;
        desk.library.raw(&id)
    });
    match found.await {
        Ok(bytes) => {
            let head = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CONTENT_DISPOSITION, "attachment"),
            ];
            (head, bytes).into_response()
        }
        Err(fault) => refused(&fault),
    }
}

/// The lines that two versions of a document do not share.
pub(crate) async fn differences(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let (from, to) = (named(&query, "from"), named(&query, "to"));
    let found = frame::asked(&desk, move |desk| {
        let (old, new) = (desk.version(&from?)?, desk.version(&to?)?);
        let line = |change: Change<'_>| match change {
            Change::Same(lines) => json!({"change": "same", "lines": lines}),
            Change::Gone(text) => json!({"change": "gone", "text": text}),
            Change::New(text) => json!({"change": "new", "text": text}),
        };
        let items = changes(&old.text, &new.text).into_iter();
        let items = items.filter(|change| *change != Change::Same(0));
        Ok(items.map(line).collect::<Vec<_>>())
    });
    let found = found.await;
    told(found.map(|items| json!({"schema": "zhisuan.kb-diff/1", "items": items})))
}

/// The version of `document` whose number stands in a field.
fn named(query: &HashMap<String, String>, field: &'static str) -> Result<VersionId, LibraryError> {
    let number = query.get(field).and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| LibraryError::BadField {
        field,
        message: format!("版本号（{field}）应是从 1 开始的数字"),
    })?;
    let document = query.get("document").cloned().unwrap_or_default();
    Ok(VersionId { document, number })
}

/// The base of this desk: its name, who may ask it, the place that it speaks for.
pub(crate) async fn base(State(desk): State<Desk>, _caller: Caller) -> Response {
    let found = frame::asked(&desk, |desk| {
        let mut info = desk.library.bases().into_iter();
        let info = info.rfind(|info| info.name == desk.base);
        let info = info.ok_or_else(|| LibraryError::NotFound {
            what: "知识库",
            name: desk.base.clone(),
        })?;
        Ok(with_people(&info, &desk.library.people()?))
    });
    told(found.await.map(|mut value| {
        value["schema"] = "zhisuan.kb-base/1".into();
        value
    }))
}

/// A base with the names of the people on its list.
fn with_people(info: &BaseInfo, people: &BTreeMap<String, String>) -> Value {
    let mut value = json!(info);
    let listed: &[String] = match &info.audience {
        Audience::Named(listed) => listed,
        Audience::Public | Audience::Staff => &[],
    };
    let named = listed.iter().filter_map(|id| people.get_key_value(id));
    value["people"] = json!(named.collect::<BTreeMap<_, _>>());
    value
}

/// The bases that are there for the caller, one of them the one that was asked.
pub(crate) async fn bases(State(desk): State<Desk>, Caller(person): Caller) -> Response {
    let found = frame::asked(&desk, move |desk| {
        let people = desk.library.people()?;
        let shown = |info: &BaseInfo| {
            let mut value = with_people(info, &people);
            value["current"] = (info.name == desk.base).into();
            value
        };
        Ok(desk.bases(&person).iter().map(shown).collect::<Vec<_>>())
    });
    let found = found.await;
    told(found.map(|items| json!({"schema": "zhisuan.kb-bases/1", "items": items})))
}

/// What was done to the base, the newest first.
pub(crate) async fn history(
    State(desk): State<Desk>,
    _caller: Caller,
    Query(query): Params,
) -> Response {
    let object = query.get("object").cloned();
    let found = frame::asked(&desk, move |desk| {
        let found = desk.library.history(&desk.base, object.as_deref(), 500)?;
        let people = desk.library.people()?;
        let named = |entry: &Entry| {
            let mut value = json!(entry);
            value["person_name"] = people
                .get(&entry.person)
                .unwrap_or(&entry.person)
                .as_str()
                .into();
            value
        };
        Ok(found.iter().map(named).collect::<Vec<_>>())
    });
    let found = found.await;
    told(found.map(|items| json!({"schema": "zhisuan.kb-history/1", "items": items})))
}

/// One deed; the body is a JSON object whose values are texts, numbers, or lists of them.
pub(crate) async fn perform(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(deed): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(Value::Object(sent)) = serde_json::from_slice(&body) else {
        let message = "请求体应是一个 JSON 对象".to_owned();
        return error(StatusCode::BAD_REQUEST, "ZS-FIELD", Some("body"), message);
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields: Fields = sent
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Array(all) => all.iter().map(|one| (name.clone(), plain(one))).collect(),
            one => vec![(name.clone(), plain(one))],
        })
        .collect();
    let done = frame::asked(&desk, move |desk| {
        deeds::perform(desk, &person, &deed, &fields)
    })
    .await;
    told(done.map(|mut value| {
        value["schema"] = "zhisuan.kb-done/1".into();
        value
    }))
}
