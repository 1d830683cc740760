//! What is done to the question bank, once for forms and for programs, and what they read of it.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::kb::{BankQuestion, LibraryError, ProposedQuestions, ShownQuestion, Wanted, read_bank};
use crate::pages::staff::Desk;
use crate::pages::staff::fields::{Fields, bad, text};
use crate::service::now_ms;
use crate::staff::Person;

/// Most questions of one answer.
const MOST: usize = 500;

/// Proposes, settles or withdraws. What is refused has changed nothing.
pub(in crate::pages::staff) fn perform(
    desk: &Desk,
    person: &Person,
    deed: &str,
    fields: &Fields,
) -> Result<Value, LibraryError> {
    let (library, base, now) = (&desk.library, desk.base.as_str(), now_ms());
    match deed {
        "propose_questions" => {
            let done = library.propose_questions(base, &proposed(fields)?, person, now)?;
            Ok(told(&done))
        }
        "settle_questions" => {
            let (ids, accept) = (ids(fields)?, yes_or_no(fields, "accept")?);
            library.settle_questions(base, &ids, accept, person, now)?;
            Ok(json!({"ids": ids, "accepted": accept}))
        }
        _ => {
            let ids = ids(fields)?;
            library.withdraw_questions(base, &ids, person, now)?;
            Ok(json!({"ids": ids, "withdrawn": true}))
        }
    }
}

/// The whole bank of a file, or the questions of one quote.
fn proposed(fields: &Fields) -> Result<Vec<BankQuestion>, LibraryError> {
    let file = text(fields, "file");
    if !file.trim().is_empty() {
        return read_bank(file).map_err(|fault| bad("file", &fault.to_string()));
    }
    let answers = match text(fields, "answers") {
        "" => true,
        _ => yes_or_no(fields, "answers")?,
    };
    let lines = each(fields, "questions").flat_map(str::lines);
    let questions = lines.filter(|line| !line.trim().is_empty());
    let questions: Vec<_> = questions
        .map(|question| BankQuestion {
            question: question.to_owned(),
            document: text(fields, "document").to_owned(),
            quote: text(fields, "quote").to_owned(),
            answers,
        })
        .collect();
    if questions.is_empty() {
        let message =
            "没有写明问题（questions，一行一问），也没有问题库的内容（file，一行一个 JSON）";
        return Err(bad("questions", message));
    }
    Ok(questions)
}

fn told(done: &ProposedQuestions) -> Value {
    let left_out = done.left_out.iter().map(|(one, reason)| {
        let mut value = json!(one);
        value["reason"] = json!(reason);
        value
    });
    json!({
        "waiting": done.waiting,
        "known": done.known,
        "left_out": left_out.collect::<Vec<_>>(),
    })
}

/// Numbers parted by commas or blanks, or sent one by one.
fn ids(fields: &Fields) -> Result<Vec<i64>, LibraryError> {
    let parted = each(fields, "ids").flat_map(|value| value.split([',', '，', '、', ' ']));
    let ids = parted.map(str::trim).filter(|id| !id.is_empty());
    let ids: Result<_, _> = ids.map(str::parse).collect();
    ids.map_err(|_| bad("ids", "问题的编号（ids）应是数字，用逗号分开"))
}

fn yes_or_no(fields: &Fields, name: &'static str) -> Result<bool, LibraryError> {
    flag(name, text(fields, name))
}

fn flag(name: &'static str, value: &str) -> Result<bool, LibraryError> {
    let told = value.parse();
    told.map_err(|_| bad(name, &format!("{name} 应为 true 或 false")))
}

fn each<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = fields.iter().filter(move |(known, _)| known == name);
    named.map(|(_, value)| value.as_str())
}

/// Which questions an address asks for.
pub(super) fn wanted(query: &HashMap<String, String>) -> Result<Wanted, LibraryError> {
    let get = |name: &str| query.get(name).map_or("", |value| value.trim());
    let asked = |name: &'static str| match get(name) {
        "" => Ok(None),
        value => flag(name, value).map(Some),
    };
    Ok(Wanted {
        waiting: asked("waiting")?,
        document: get("document").to_owned(),
        words: get("words").to_owned(),
        stale: asked("stale")?.unwrap_or_default(),
        own_last: String::new(),
    })
}

/// The questions that an address asks for, for a program of this person.
pub(in crate::pages::staff) fn listed(
    desk: &Desk,
    person: &Person,
    query: &HashMap<String, String>,
) -> Result<Value, LibraryError> {
    let wanted = wanted(query)?;
    let offset = match query.get("offset").map_or("", String::as_str) {
        "" => 0,
        told => told
            .parse()
            .map_err(|_| bad("offset", "从第几问起（offset）应是从 0 开始的数字"))?,
    };
    let library = &desk.library;
    let found = library.find_questions(&desk.base, &wanted, offset, MOST)?;
    let people = library.people()?;
    let name = |id: &String| people.get(id).unwrap_or(id).clone();
    let shown = |one: &ShownQuestion| {
        let mut value = json!(one);
        value["maker_name"] = json!(name(&one.kept.maker));
        value["checker_name"] = json!(one.kept.checker.as_ref().map(name));
        // Nobody settles their own: a program need not find out by being refused.
        value["own"] = json!(one.kept.maker == person.id);
        value
    };
    let items: Vec<_> = found.items.iter().map(shown).collect();
    let next = offset.saturating_add(items.len());
    Ok(json!({
        "schema": "zhisuan.kb-questions/1",
        "items": items,
        "total": found.total,
        "next": (next < found.total && !items.is_empty()).then_some(next),
    }))
}
