//! What of a question bank is taken: the same of a folder, of a file that is proposed, of a form.

use serde_json::{Value, json};
use zhisuan_apps::kb::QUESTION_BANK;
use zhisuan_apps::staff::Person;

use crate::questions::{ANNA, QUOTE, deed, listed, site};

/// As people paste: with blanks of both widths and ends of lines.
fn untidy() -> String {
    let quote = format!("　{QUOTE} ");
    let line = json!({"document": " kite\t", "quote": quote, "questions": [" 怎么收费\r\n", "　贵不贵　"]});
    let empty = json!({"document": "kite", "quote": QUOTE, "questions": ["", " 　\n"]});
    let nowhere = json!({"document": " ", "quote": QUOTE, "questions": ["问谁"]});
    let wordless = json!({"document": "kite", "quote": " ", "questions": ["凭什么"]});
    [line, empty, nowhere, wordless]
        .map(|line| line.to_string())
        .join("\n")
}

/// What is taken of it, and the fields that are told to be empty.
const TAKEN: [&str; 2] = ["怎么收费", "贵不贵"];
const EMPTY: [&str; 4] = ["question", "question", "document", "quote"];

fn tidy(items: &Value) {
    let items = items.as_array().unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    for one in items {
        assert_eq!(text(one, "document"), "kite");
        assert_eq!(text(one, "quote"), QUOTE);
    }
    let mut questions: Vec<_> = items.iter().map(|one| text(one, "question")).collect();
    questions.sort();
    assert_eq!(questions, TAKEN);
}

fn named<'a>(reasons: impl Iterator<Item = &'a str>) {
    for (reason, field) in { reasons }.by_ref().zip(EMPTY) {
        assert!(
            reason.contains(&format!("（{field}）是空的")),
            "{field}: {reason}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_around_count_neither_in_a_folder_nor_in_a_proposal() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, proposed) = site(&folder, &[]);
    let (_, done) = deed(
        &proposed,
        ANNA,
        "propose_questions",
        json!({"file": untidy()}),
    )
    .await;
    assert_eq!(
        done["waiting"].as_array().map(Vec::len),
        Some(TAKEN.len()),
        "{done}"
    );
    tidy(&listed(&proposed, "waiting=true").await["items"]);
    let left_out = done["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), EMPTY.len(), "{done}");
    named(left_out.iter().map(|one| one["reason"].as_str().unwrap()));

    let folder = tempfile::tempdir().unwrap();
    let (library, _, imported) = site(&folder, &[(QUESTION_BANK, &untidy())]);
    tidy(&listed(&imported, "waiting=false").await["items"]);
    let (texts, person) = (folder.path().join("texts"), Person::both("import", "导入"));
    let again = library.import_folder("gov", &texts, &person, 3).unwrap();
    assert_eq!(
        (again.questions, again.left_out.len()),
        (TAKEN.len(), EMPTY.len())
    );
    named(again.left_out.iter().map(|one| one.reason.as_str()));
}
