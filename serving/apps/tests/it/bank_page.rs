//! The page of the question bank as clerks use it: what it offers, where it leads, what it says.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;
use zhisuan_apps::pages::{Desk, Site};
use zhisuan_apps::staff::{Door, Entering, Person};

use crate::browser::{chromium, listening};
use crate::console::{enter, look, submit, token};
use crate::devtools::Tab;
use crate::questions::{ANNA, BORIS, QUOTE, accepted, deed, kite, listed, reissued, site};

/// People whose keys say what they may.
struct Roles;

impl Door for Roles {
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a> {
        let person = Person {
            maker: secret == "maker",
            checker: secret == "checker",
            ..Person::both(secret, secret)
        };
        Box::pin(async move { Some(person) })
    }
}

/// The numbers that the form of a button names.
fn ids(page: &str, button: &str) -> String {
    let before = page
        .split(&format!("aria-label=\"{button}"))
        .next()
        .unwrap();
    let named = before.rsplit("name=\"ids\" value=\"").next().unwrap();
    named.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_sent_twice_is_one_question() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = site(&folder, &[]);
    let (_, done) = deed(&site, ANNA, "propose_questions", kite(&["贵不贵"])).await;
    let id = &done["waiting"][0];
    let twice = json!({"ids": format!("{id},{id}"), "accept": true});
    let (status, told) = deed(&site, BORIS, "settle_questions", twice).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(library.bank_counts("gov").unwrap().in_force, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_last_page_is_the_last_page() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    let all: Vec<String> = (10..61).map(|at| format!("第{at}种问法")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    accepted(&site, kite(&all)).await;
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions?page=9").await;
    assert!(
        page.contains("第 2 页，共 2 页") && page.contains("第60种问法"),
        "{page}"
    );
    let fields = format!(
        "token={}&ids={}&shown=page%3D2",
        token(&page),
        ids(&page, "撤下：第60种问法")
    );
    let (_, place, _) = submit(&site, &anna, "withdraw_questions", &fields).await;
    assert_eq!(place, "/kb/questions?page=2#in-force");
    let (_, _, page) = look(&site, &anna, "/kb/questions?page=2").await;
    assert!(
        page.contains("生效的问题（50）") && !page.contains("没有这样的问题"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_all_leaves_out_what_would_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    deed(&site, ANNA, "propose_questions", kite(&["贵不贵"])).await;
    let lot =
        json!({"document": "lot", "quote": "收费8元", "questions": ["停车贵不贵", "停车多少钱"]});
    deed(&site, ANNA, "propose_questions", lot).await;
    reissued(&site).await;
    let (_, boris) = enter(&site, BORIS).await;
    let (_, _, page) = look(&site, &boris, "/kb/questions").await;
    assert!(
        page.contains("以上由 安娜 提出的 2 问") && page.contains("原文已不在的逐问办理"),
        "{page}"
    );
    assert_eq!(ids(&page, "全部接受：").split(',').count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_became_of_a_proposal() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    accepted(&site, kite(&["贵不贵"])).await;
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions").await;
    let fields = |quote: &str, questions: &str| {
        let token = token(&page);
        format!(
            "token={token}&document=kite&quote={quote}&questions={questions}&shown=document%3Dlot%26page%3D1"
        )
    };
    let sent = fields(QUOTE, "贵不贵%0D%0A%3Ci%3E要钱%3C/i%3E吗");
    let (_, place, _) = submit(&site, &anna, "propose_questions", &sent).await;
    assert_eq!(
        place,
        "/kb/questions?document=lot&page=1&proposed=1&known=1"
    );
    let (_, _, told) = look(&site, &anna, &place).await;
    assert!(
        told.contains("已提出 1 问") && told.contains("1 问已经生效，没有改动"),
        "{told}"
    );
    // It is said once.
    assert!(!told.contains("proposed=1"), "{told}");
    let (_, place, _) = submit(&site, &anna, "propose_questions", &fields(QUOTE, "贵不贵")).await;
    let (_, _, told) = look(&site, &anna, &place).await;
    assert!(
        told.contains("没有改动") && !told.contains("已提出"),
        "{told}"
    );
    let (_, _, told) = submit(
        &site,
        &anna,
        "propose_questions",
        &fields("收费9元", "贵不贵"),
    )
    .await;
    assert!(
        told.contains("href=\"/kb/questions?document=lot&amp;page=1\""),
        "{told}"
    );
    // Markup stays text.
    let (_, _, page) = look(&site, &anna, "/kb/questions").await;
    assert!(
        page.contains("&lt;i&gt;要钱") && !page.contains("<i>要钱"),
        "{page}"
    );
    // A form of another session or site does nothing.
    for deed in [
        "propose_questions",
        "settle_questions",
        "withdraw_questions",
    ] {
        let fields = "token=x&ids=1&accept=true&document=kite&quote=3&questions=q";
        let (status, ..) = submit(&site, &anna, deed, fields).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{deed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_proposals_do_not_hide_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    let all: Vec<String> = (10..61).map(|at| format!("第{at}种问法")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    deed(&site, ANNA, "propose_questions", kite(&all)).await;
    let lot = json!({"document": "lot", "quote": "收费8元", "questions": "停车贵不贵"});
    deed(&site, BORIS, "propose_questions", lot).await;
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions").await;
    assert!(
        page.contains("待核的问题（52）") && page.contains("接受：停车贵不贵"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn own_proposals_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    deed(&site, ANNA, "propose_questions", kite(&["贵不贵"])).await;
    let (_, anna) = enter(&site, ANNA).await;
    let (_, _, page) = look(&site, &anna, "/kb/questions").await;
    assert!(
        page.contains("收回：贵不贵") && !page.contains("接受：贵不贵"),
        "{page}"
    );
    let fields = format!(
        "token={}&ids={}&accept=false",
        token(&page),
        ids(&page, "收回：贵不贵")
    );
    let (_, place, _) = submit(&site, &anna, "settle_questions", &fields).await;
    assert_eq!(place, "/kb/questions#waiting");
    assert_eq!(listed(&site, "").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_offered_what_they_may_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let (library, qa, both) = site(&folder, &[]);
    accepted(&both, kite(&["贵不贵"])).await;
    deed(&both, ANNA, "propose_questions", kite(&["要钱吗"])).await;
    let roles = Site::new(qa).with_desk(Desk::new(library, "gov", Arc::new(Roles)));
    let offers = [
        "do/propose_questions",
        "do/settle_questions",
        "do/withdraw_questions",
    ];
    for (key, expected) in [
        ("maker", [true, false, false]),
        ("checker", [false, true, true]),
        ("reader", [false; 3]),
    ] {
        let (_, cookie) = enter(&roles, key).await;
        let (_, _, page) = look(&roles, &cookie, "/kb/questions").await;
        assert_eq!(offers.map(|deed| page.contains(deed)), expected, "{key}");
        assert!(page.contains("要钱吗"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_fits_a_phone_and_the_keyboard_reaches_it() {
    let Some(browser) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, _, site) = site(&folder, &[]);
    let word = "x".repeat(180);
    deed(&site, BORIS, "propose_questions", kite(&[&word])).await;
    let base = listening(site).await;
    let looked = tokio::task::spawn_blocking(move || {
        let mut tab = Tab::open(&browser);
        tab.phone();
        tab.go(&format!("{base}/kb/signin"));
        tab.tab_to("#key");
        tab.write(ANNA);
        tab.press("Enter");
        tab.until("location.pathname === '/kb'");
        tab.go(&format!("{base}/kb/questions"));
        let wide = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(
            tab.eval(wide),
            false,
            "{}",
            tab.eval("document.documentElement.scrollWidth")
        );
        // The form at the end is a few stops away, however many questions wait.
        tab.tab_to("a[href='#propose']");
        tab.press("Enter");
        tab.tab_to("#document");
        // Two choices are one question, told by its name.
        tab.tab_to("fieldset input[name=answers]");
    });
    looked.await.unwrap();
}
