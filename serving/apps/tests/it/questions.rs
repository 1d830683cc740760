//! The question bank as two clerks and the citizens meet it: what nobody accepted says nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use zhisuan_apps::kb::{Audience, Library, QUESTION_BANK};
use zhisuan_apps::pages::{Desk, Site};
use zhisuan_apps::service::Qa;
use zhisuan_apps::staff::Person;

use crate::browser::Clerks;
use crate::console::{KITE, call, enter, look, submit, token};
use crate::support::DAY;

pub(crate) const QUOTE: &str = "风筝放飞许可收费3元。";
/// Nothing of it stands in the text.
const ASKED: &str = "耍纸鸢掏不掏腰包";
pub(crate) const ANNA: &str = "key-of-anna";
pub(crate) const BORIS: &str = "key-of-boris";

/// A site over a folder with the guide to kites and some more files.
pub(crate) fn site(folder: &TempDir, more: &[(&str, &str)]) -> (Library, Qa, Site) {
    let texts = folder.path().join("texts");
    std::fs::create_dir(&texts).unwrap();
    let lot = KITE.replace("风筝放飞", "露天停车").replace("3元", "8元");
    for (name, text) in [("kite.md", KITE), ("lot.md", &lot)].iter().chain(more) {
        std::fs::write(texts.join(name), text).unwrap();
    }
    let library = Library::open(&folder.path().join("library.sqlite")).unwrap();
    let person = Person::both("import", "导入");
    library
        .put_base("gov", "政务", &Audience::Public, &person, 1)
        .unwrap();
    library.import_folder("gov", &texts, &person, 2).unwrap();
    let qa = Qa::over_on(&library, "gov", Arc::new(|| DAY)).unwrap();
    let desk = Desk::new(library.clone(), "gov", Arc::new(Clerks));
    let site = Site::new(qa.clone()).with_desk(desk);
    (library, qa, site)
}

pub(crate) async fn deed(site: &Site, key: &str, deed: &str, fields: Value) -> (StatusCode, Value) {
    let body = Some(fields.to_string().into_bytes());
    call(site, key, &format!("/api/kb/do/{deed}"), body).await
}

pub(crate) async fn listed(site: &Site, query: &str) -> Value {
    let (status, found) = call(site, ANNA, &format!("/api/kb/questions?{query}"), None).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    found
}

pub(crate) fn kite(questions: &[&str]) -> Value {
    json!({"document": "kite", "quote": QUOTE, "questions": questions})
}

/// Proposed by one and accepted by the other; the numbers.
pub(crate) async fn accepted(site: &Site, fields: Value) -> Value {
    let (_, done) = deed(site, ANNA, "propose_questions", fields).await;
    let settled = json!({"ids": done["waiting"], "accept": true});
    let (status, told) = deed(site, BORIS, "settle_questions", settled).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    done["waiting"].clone()
}

async fn answered(site: &Site) -> String {
    let body = json!({"question": ASKED}).to_string().into_bytes();
    let (_, answer) = call(site, "", "/api/qa/ask", Some(body)).await;
    answer["outcome"].as_str().unwrap().to_owned()
}

async fn becomes(site: &Site, outcome: &str) {
    for _ in 0..200 {
        if answered(site).await == outcome {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answered(site).await, outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_changes_answers_while_it_is_in_force_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (library, qa, site) = site(&folder, &[]);
    let following = qa.follow(&library, "gov", None);
    let digest = || library.published("gov").unwrap().digest.clone();
    let before = digest();
    let first = answered(&site).await;
    assert_ne!(first, "answered");
    let (status, proposed) = deed(&site, ANNA, "propose_questions", kite(&[ASKED])).await;
    assert_eq!(status, StatusCode::OK, "{proposed}");
    let ids = &proposed["waiting"];
    // What waits is not served: nothing that an answer can depend on has changed.
    assert_eq!(
        (digest(), answered(&site).await),
        (before.clone(), first.clone())
    );
    assert_eq!(listed(&site, "waiting=false").await["total"], 0);
    let waiting = listed(&site, "waiting=true").await;
    let one = &waiting["items"][0];
    assert_eq!(
        (
            &one["question"],
            &one["maker_name"],
            &one["checker"],
            &one["stands"],
            &one["own"]
        ),
        (
            &json!(ASKED),
            &json!("安娜"),
            &Value::Null,
            &json!(true),
            &json!(true)
        ),
    );
    let settled = || json!({"ids": ids, "accept": true});
    let (status, own) = deed(&site, ANNA, "settle_questions", settled()).await;
    assert_eq!(
        (status, &own["error"]["code"]),
        (StatusCode::FORBIDDEN, &json!("ZS-KB-SAME-PERSON"))
    );
    let (status, _) = deed(&site, BORIS, "settle_questions", settled()).await;
    assert_eq!(status, StatusCode::OK);
    becomes(&site, "answered").await;
    let held = listed(&site, "").await;
    assert_eq!(held["items"][0]["checker_name"], "鲍里斯", "{held}");
    let (status, _) = deed(&site, ANNA, "withdraw_questions", json!({"ids": ids})).await;
    assert_eq!(status, StatusCode::OK);
    becomes(&site, &first).await;
    assert_eq!(digest(), before);
    following.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_left_out_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    let file = [
        json!({"document": "kite", "quote": QUOTE, "questions": ["放风筝要多少钱", "风筝收费吗"]}),
        json!({"document": "kite", "quote": "收费300元", "questions": ["贵不贵"]}),
        json!({"document": "lot", "quote": "收费8元", "questions": ["能包年吗"], "answers": false}),
    ];
    let file = file.map(|line| line.to_string()).join("\n");
    let (_, done) = deed(&site, ANNA, "propose_questions", json!({"file": file})).await;
    assert_eq!(done["waiting"].as_array().map(Vec::len), Some(3), "{done}");
    let left_out = done["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{done}");
    let reason = left_out[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("收费300元") && reason.contains("照原文抄写"),
        "{reason}"
    );
    let of_lot = listed(&site, "document=lot").await;
    assert_eq!(
        (&of_lot["total"], &of_lot["items"][0]["answers"]),
        (&json!(1), &json!(false))
    );
    for (name, fields, field) in [
        (
            "propose_questions",
            json!({"file": format!("{file}\n{{}}")}),
            "file",
        ),
        ("propose_questions", kite(&[]), "questions"),
        (
            "propose_questions",
            json!({"questions": "问", "answers": "maybe"}),
            "answers",
        ),
        (
            "settle_questions",
            json!({"ids": "x", "accept": true}),
            "ids",
        ),
        (
            "settle_questions",
            json!({"ids": done["waiting"]}),
            "accept",
        ),
        ("withdraw_questions", json!({}), "ids"),
    ] {
        let (status, told) = deed(&site, BORIS, name, fields).await;
        let told = (status, told["error"]["field"].as_str().unwrap().to_owned());
        assert_eq!(told, (StatusCode::BAD_REQUEST, field.to_owned()), "{name}");
    }
    let (status, told) = call(&site, ANNA, "/api/kb/questions?waiting=yes", None).await;
    assert_eq!(
        (status, &told["error"]["field"]),
        (StatusCode::BAD_REQUEST, &json!("waiting"))
    );
}

/// Publishes the guide anew without the sentence that its questions rest on.
pub(crate) async fn reissued(site: &Site) {
    let second = KITE.replace("收费3元", "一律免费").into_bytes();
    let (_, added) = call(site, ANNA, "/api/kb/add?name=kite.md", Some(second)).await;
    let (_, version) = call(site, ANNA, "/api/kb/version?document=kite", None).await;
    let seen = json!({"document": "kite", "number": added["number"], "seen": version["seen"]});
    let (status, told) = deed(site, BORIS, "publish", seen).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_text_makes_its_questions_stale() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = site(&folder, &[]);
    accepted(&site, kite(&[ASKED])).await;
    assert_eq!(listed(&site, "stale=true").await["total"], 0);
    reissued(&site).await;
    let stale = listed(&site, "stale=true").await;
    assert_eq!(
        (&stale["total"], &stale["items"][0]["stands"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(library.bank_counts("gov").unwrap().stale, 1);
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions?stale=true").await;
    assert!(
        page.contains("原文已不在") && page.contains(ASKED),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clerks_settle_on_the_page_without_script() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    let (_, anna) = enter(&site, ANNA).await;
    let (_, boris) = enter(&site, BORIS).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions").await;
    assert!(page.contains("没有这样的问题"), "{page}");
    let token = token(&page).to_owned();
    let fields = |quote: &str| {
        let (quote, questions) = (quote, "怎么收费%0D%0A贵不贵%0D%0A");
        format!("token={token}&document=kite&quote={quote}&questions={questions}&answers=true")
    };
    let (status, _, page) = submit(&site, &anna, "propose_questions", &fields("收费9元")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("没有收下") && page.contains("照原文抄写"),
        "{page}"
    );
    let (status, place, _) = submit(&site, &anna, "propose_questions", &fields(QUOTE)).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/kb/questions?proposed=2&known=0")
    );
    let (_, _, own) = look(&site, &anna, "/kb/questions").await;
    assert!(
        own.contains("由另一人核对") && !own.contains("全部接受"),
        "{own}"
    );
    let (_, _, overview) = look(&site, &boris, "/kb").await;
    assert!(overview.contains("待核问题"), "{overview}");
    let shown = "/kb/questions?document=kite&page=1";
    let (_, _, page) = look(&site, &boris, shown).await;
    assert!(page.contains("以上由 安娜 提出的 2 问"), "{page}");
    let all = page.split("name=\"ids\" value=\"").skip(1);
    let all = all.filter_map(|rest| rest.split('"').next());
    let all = all.max_by_key(|ids| ids.len()).unwrap();
    let token = crate::console::token(&page);
    let fields = format!("token={token}&ids={all}&accept=true&shown=document%3Dkite%26page%3D1");
    let (status, place, _) = submit(&site, &boris, "settle_questions", &fields).await;
    assert_eq!(
        (status, place),
        (StatusCode::SEE_OTHER, format!("{shown}#waiting"))
    );
    let (_, _, page) = look(
        &site,
        &boris,
        "/kb/questions?words=贵不贵"
            .replace("贵不贵", "%E8%B4%B5")
            .as_str(),
    )
    .await;
    assert!(
        page.contains("生效的问题（1）") && page.contains("撤下"),
        "{page}"
    );
    // Nobody is led away from our pages.
    let away = format!(
        "token={token}&ids={}&shown=//example.org",
        all.split(',').next().unwrap()
    );
    let (_, place, _) = submit(&site, &boris, "withdraw_questions", &away).await;
    assert_eq!(place, "/kb/questions#in-force");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_brings_its_questions_and_bad_lines_are_told() {
    let line = |quote: &str, question: &str| {
        json!({"document": "kite", "quote": quote, "questions": [question]}).to_string()
    };
    let bank = [line(QUOTE, ASKED), line("收费300元", "贵不贵")].join("\n");
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = site(&folder, &[(QUESTION_BANK, &bank)]);
    assert_eq!(library.bank_counts("gov").unwrap().in_force, 1);
    assert_eq!(answered(&site).await, "answered");
    let texts = folder.path().join("texts");
    let person = Person::both("import", "导入");
    let again = library.import_folder("gov", &texts, &person, 3).unwrap();
    assert_eq!((again.questions, again.left_out.len()), (1, 1));
    let told = &again.left_out[0];
    assert_eq!((told.file.as_str(), told.code), (QUESTION_BANK, "question"));
    assert!(told.reason.contains("贵不贵") && told.reason.contains("收费300元"));
    // What was withdrawn does not come back with the next start.
    let kept = library.questions("gov", true).unwrap();
    library
        .withdraw_questions("gov", &[kept[0].id], &person, 3)
        .unwrap();
    let again = library.import_folder("gov", &texts, &person, 3).unwrap();
    assert_eq!(again.questions, 0);
    assert_eq!(library.bank_counts("gov").unwrap().in_force, 0);
    // A line that is none is named, and nothing of the file is taken.
    std::fs::write(texts.join(QUESTION_BANK), format!("{bank}\n[]")).unwrap();
    let broken = library.import_folder("gov", &texts, &person, 4).unwrap();
    assert_eq!(
        (broken.questions, broken.left_out[0].code),
        (0, "question_bank")
    );
    assert!(
        broken.left_out[0].reason.contains("第 3 行"),
        "{:?}",
        broken.left_out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_proposed_where_one_text_alone_holds_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = site(&folder, &[]);
    let close = async |question: &str, expected: &str| {
        let id = library.open_work(
            "gov",
            zhisuan_apps::kb::WorkKind::Unanswered,
            question,
            "",
            "",
            5,
        );
        let fields = json!({
            "id": id.unwrap(), "outcome": "已核对", "question": question, "expected": expected,
        });
        let (status, done) = deed(&site, ANNA, "close_work", fields).await;
        assert_eq!(status, StatusCode::OK, "{done}");
        done["proposed_question"].clone()
    };
    // Both guides say so: that does not tell which of them answers.
    assert_eq!(close("要交钱吗", "许可收费").await, Value::Null);
    assert_eq!(close("要交税吗", "不用交税").await, Value::Null);
    let number = close(ASKED, QUOTE).await;
    let waiting = listed(&site, "waiting=true").await;
    let one = &waiting["items"][0];
    assert_eq!(
        (
            &waiting["total"],
            &one["id"],
            &one["document"],
            &one["quote"]
        ),
        (&json!(1), &number, &json!("kite"), &json!(QUOTE)),
        "{waiting}"
    );
    let (status, told) = deed(
        &site,
        BORIS,
        "settle_questions",
        json!({"ids": number, "accept": true}),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/work?proposed=question").await;
    assert!(page.contains("更正的问题也提到了问题库"), "{page}");
}
