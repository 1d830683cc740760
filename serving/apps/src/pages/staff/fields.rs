//! Fields of forms and programs, as the library takes them. Pure.

use jiff::civil::Date;

use crate::kb::{Audience, Declared, Head, LibraryError, NewBase, Synonym, VersionId};

/// The fields of a form, in order; a name may come again.
pub(super) type Fields = Vec<(String, String)>;

/// The first value of a field; empty where it was not sent.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value.as_str())
}

/// A refusal that names a field.
pub(super) fn bad(field: &'static str, message: &str) -> LibraryError {
    LibraryError::BadField {
        field,
        message: message.to_owned(),
    }
}

/// The version that the fields name.
pub(super) fn id(fields: &Fields) -> Result<VersionId, LibraryError> {
    let number = text(fields, "number").parse();
    let number = number.map_err(|_| bad("number", "版本号（number）应是从 1 开始的数字"))?;
    Ok(VersionId {
        document: text(fields, "document").to_owned(),
        number,
    })
}

/// A day; none where the field is empty.
pub(super) fn day(field: &'static str, value: &str) -> Result<Option<Date>, LibraryError> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    let day = value.parse().map(Some);
    day.map_err(|_| bad(field, "日期应写成 2025-01-31 这样"))
}

/// Whether a field was sent, be it empty.
pub(super) fn sent(fields: &Fields, name: &str) -> bool {
    fields.iter().any(|(known, _)| known == name)
}

/// Names parted by the marks that people use.
fn names(text: &str) -> Vec<String> {
    let names = text.split(['、', ',', '，', ';', '；']).map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// A word and what it means.
pub(super) fn synonym(fields: &Fields) -> Synonym {
    Synonym {
        word: text(fields, "word").trim().to_owned(),
        means: names(&text(fields, "means").replace(' ', "、")),
    }
}

/// `public`, `staff`, or the ids of people.
pub(super) fn audience(text: &str) -> Result<Audience, LibraryError> {
    match text.trim() {
        "public" => Ok(Audience::Public),
        "staff" => Ok(Audience::Staff),
        named if !names(named).is_empty() => Ok(Audience::Named(names(named))),
        _ => Err(bad(
            "audience",
            "开放范围（audience）应为 public、staff，或逗号分开的人员编号",
        )),
    }
}

/// A base to be made: for the staff unless told, its title its name.
pub(super) fn new_base(fields: &Fields) -> Result<NewBase, LibraryError> {
    let given = |name: &str| Some(text(fields, name).trim()).filter(|value| !value.is_empty());
    let name = given("base").ok_or_else(|| bad("base", "请写明新知识库的名称（base）"))?;
    Ok(NewBase {
        name: name.to_owned(),
        title: given("title").unwrap_or(name).to_owned(),
        audience: audience(given("audience").unwrap_or("staff"))?,
        home: given("place").map(str::to_owned),
    })
}

/// The head with the fields that were sent; an empty one says that the text does not tell.
pub(super) fn head(mut head: Head, fields: &Fields) -> Result<Head, LibraryError> {
    let sent = |name: &str| sent(fields, name);
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
    for (name, slot) in [
        ("written", &mut head.written),
        ("published", &mut head.published),
        ("effective", &mut head.effective),
        ("repealed", &mut head.repealed),
    ] {
        if sent(name) {
            *slot = day(name, text(fields, name))?;
        }
    }
    if sent("supersedes") {
        head.supersedes = names(text(fields, "supersedes"));
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
