//! The knowledge base's staff at the terminal: what is refused and why, JSON, and a second base.

use super::server::{Server, shared};
use crate::run::{Outcome, User};
use serde_json::Value;
use std::time::Duration;

/// A clerk of the shared platform, and the id of their key.
pub(super) fn clerk(name: &str) -> (String, User) {
    clerk_of(shared(), name)
}

fn clerk_of(server: &Server, name: &str) -> (String, User) {
    let made = server
        .operator()
        .run(&["key", "create", "--role", "clerk", "--name", name, "--json"]);
    assert_eq!(made.exit, 0, "{}", made.whole());
    let made = json(&made);
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("id"), server.user(&text("secret")))
}

pub(super) fn json(outcome: &Outcome) -> Value {
    let text = if outcome.stdout.is_empty() {
        &outcome.stderr
    } else {
        &outcome.stdout
    };
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {}", outcome.whole()))
}

/// A refusal: its exit code, its stable code, and words that its message holds.
pub(super) fn refused(outcome: &Outcome, exit: i32, code: &str, words: &str) {
    assert_eq!(outcome.exit, exit, "{}", outcome.whole());
    assert!(outcome.stderr.contains(code), "{}", outcome.whole());
    assert!(outcome.stderr.contains(words), "{}", outcome.whole());
    assert_eq!(outcome.stdout, "", "{}", outcome.whole());
}

pub(super) fn text(name: &str, fee: u32) -> String {
    format!(
        "---\n标题: {name}办事指南\n发布机构: 云麓市文化局\n适用地区: 云麓市\n状态: 现行\n---\n\n\
         # {name}办事指南\n\n## 收费标准\n\n{name}每次收费{fee}元。\n"
    )
}

pub(super) fn add(user: &User, file: &str, text: &str, more: &[&str]) -> Outcome {
    let path = user.write(file, text);
    let mut args = vec!["kb", "add", path.to_str().expect("UTF-8")];
    args.extend(more);
    let added = user.run(&args);
    assert_eq!(added.exit, 0, "{}", added.whole());
    added
}

#[test]
fn wrong_names_and_states_are_refused_by_code() {
    let (_, anna) = clerk("安娜");
    add(&anna, "lantern.md", &text("灯会许可", 12), &[]);
    let near = anna.run(&["kb", "show", "lantren"]);
    refused(&near, 3, "ZS-KB-UNKNOWN", "lantern");
    refused(
        &anna.run(&["kb", "show", "lantern@9"]),
        3,
        "ZS-KB-UNKNOWN",
        "kb show lantern",
    );
    refused(
        &anna.run(&["kb", "raw", "没有这份文件@1"]),
        3,
        "ZS-KB-UNKNOWN",
        "没有这份文件",
    );
    let file = anna.write("empty.pdf", "%PDF-1.4 broken");
    let unread = anna.run(&["kb", "add", file.to_str().expect("UTF-8")]);
    refused(&unread, 2, "ZS-KB-UNREADABLE", "empty.pdf");
    refused(
        &anna.run(&["kb", "repeal", "lantern", "--from", "明天"]),
        2,
        "ZS-FIELD",
        "2025-01-31",
    );
    refused(
        &anna.run(&["kb", "theme", "没有的主题", "--close"]),
        2,
        "ZS-FIELD",
        "没有的主题",
    );
    refused(
        &anna.run(&["kb", "items", "--close", "99999", "--outcome", "x"]),
        3,
        "ZS-KB-UNKNOWN",
        "99999",
    );
    let published = anna.run(&["kb", "publish", "lantern@1"]);
    assert_eq!(published.exit, 0, "{}", published.whole());
    assert!(
        published.stderr.contains("lantern@1 已发布"),
        "{}",
        published.whole()
    );
    refused(
        &anna.run(&["kb", "publish", "lantern@1"]),
        1,
        "ZS-KB-STAGE",
        "已发布",
    );
    refused(
        &anna.run(&["kb", "replay", "0123abcd"]),
        3,
        "ZS-KB-UNKNOWN",
        "回答",
    );
    // The same in JSON: one object on stderr that names the field.
    let told = anna.run(&["kb", "repeal", "lantern", "--from", "明天", "--json"]);
    let told: Value = serde_json::from_str(&told.stderr).expect("JSON");
    assert_eq!(
        (&told["code"], &told["field"]),
        (&"ZS-FIELD".into(), &"from".into())
    );
}

#[test]
fn nothing_to_repair_is_said_and_changes_nothing() {
    let (_, anna) = clerk("安娜");
    add(&anna, "chess.md", &text("棋赛许可", 13), &[]);
    let published = anna.run(&["kb", "publish", "chess"]);
    assert_eq!(published.exit, 0, "{}", published.whole());
    for same in [
        ["repair", "chess", "--all", ""],
        ["repair", "chess", "--drop", ""],
        ["head", "chess", "--place", "云麓市"],
    ] {
        let same: Vec<&str> = same.into_iter().filter(|word| !word.is_empty()).collect();
        let nothing = anna.run(&[&["kb"], &same[..]].concat());
        refused(&nothing, 1, "ZS-KB-NOTHING", "没有改动");
    }
    for bare in ["repair", "head"] {
        let which = anna.run(&["kb", bare, "chess"]);
        refused(&which, 2, "ZS-CLI-", "缺少");
    }
    let all = json(&anna.run(&["kb", "list", "--json"]));
    let items = all["items"].as_array().expect("items");
    let own = items
        .iter()
        .filter(|item| item["id"]["document"] == "chess");
    assert_eq!(own.count(), 1, "{all}");
}

#[test]
fn what_somebody_changed_another_publishes() {
    let ((anna_id, anna), (_, boris)) = (clerk("安娜"), clerk("鲍里斯"));
    add(&anna, "drum.md", &text("鼓会许可", 14), &[]);
    let headed = anna.run(&["kb", "head", "drum", "--effective", "2025-01-01"]);
    assert_eq!(headed.exit, 0, "{}", headed.whole());
    let shown = json(&anna.run(&["kb", "show", "drum", "--json"]));
    assert_eq!(shown["schema"], "zhisuan.kb-version/1");
    let seen = shown["seen"].as_str().expect("what was seen").to_owned();
    for more in [&[][..], &["--seen", &seen]] {
        let own = anna.run(&[&["kb", "publish", "drum"], more].concat());
        refused(&own, 4, "ZS-KB-SAME-PERSON", "另一名");
    }
    let pick = anna.run(&["kb", "repair", "drum", "--pick", "7.7.7"]);
    refused(&pick, 2, "ZS-FIELD", "没有这一处");
    let unseen = boris.run(&["kb", "publish", "drum"]);
    refused(&unseen, 2, "ZS-FIELD", "--seen");
    let edited = anna.run(&["kb", "head", "drum", "--effective", "2025-02-01"]);
    assert_eq!(edited.exit, 0, "{}", edited.whole());
    let old = boris.run(&["kb", "publish", "drum", "--seen", &seen]);
    refused(&old, 1, "ZS-KB-CHANGED", "有改动");
    // Two versions are there: which one is to go must be said.
    let third = add(&anna, "drum.md", &text("鼓会许可", 18), &[]);
    assert!(third.stdout.contains("drum@2"), "{}", third.whole());
    assert!(third.stderr.contains("drum@2"), "{}", third.whole());
    let which = anna.run(&["kb", "withdraw", "drum", "--reason", "测试"]);
    refused(&which, 2, "ZS-CLI-VALUE", "drum@1(待发布) drum@2");
    let gone = anna.run(&["kb", "withdraw", "drum@2", "--reason", "测试"]);
    assert_eq!(gone.exit, 0, "{}", gone.whole());
    // People go by their names, programs get both.
    let shown = anna.run(&["kb", "show", "drum@1"]);
    assert!(
        shown.stdout.contains("安娜") && !shown.stdout.contains(&anna_id),
        "{}",
        shown.whole()
    );
    let told = json(&anna.run(&["kb", "history", "drum", "--json"]));
    let last = &told["items"][0];
    assert_eq!(
        (&last["person"], &last["person_name"], &last["action"]),
        (&anna_id.as_str().into(), &"安娜".into(), &"withdraw".into()),
        "{told}"
    );
    // A word that one proposes another accepts.
    let proposed = anna.run(&["kb", "synonyms", "--propose", "打鼓=鼓会"]);
    assert_eq!(proposed.exit, 0, "{}", proposed.whole());
    refused(
        &anna.run(&["kb", "synonyms", "--accept", "打鼓=鼓会"]),
        4,
        "ZS-KB-SAME-PERSON",
        "打鼓",
    );
    let other = boris.run(&["kb", "synonyms", "--accept", "打鼓=别的"]);
    refused(&other, 1, "ZS-KB-CHANGED", "打鼓");
    let words = anna.run(&["kb", "synonyms"]);
    assert!(words.stdout.contains("安娜 提出"), "{}", words.whole());
    let refusal = boris.run(&["kb", "synonyms", "--refuse", "打鼓"]);
    assert_eq!(refusal.exit, 0, "{}", refusal.whole());
}

/// A text of which some characters were lost on the way.
const BROKEN: &str = "---\n标题: 水灯许可办事指南\n发布机构: 云麓市文化局\n适用地区: 云麓市\n状态: 现行\n---\n\n\
    # 水灯许可办事指南\n\n## 收费标准\n\n水灯许可每次收费15元。��\n";

#[test]
fn the_report_speaks_the_language_of_its_reader() {
    let (_, anna) = clerk("安娜");
    let clean = add(&anna, "clean.md", &text("花灯许可", 16), &[]);
    assert!(clean.stdout.contains("待发布"), "{}", clean.whole());
    let none = anna.run(&["kb", "findings", "clean"]);
    assert_eq!(
        (none.exit, none.stdout.as_str()),
        (0, ""),
        "{}",
        none.whole()
    );
    assert!(
        none.stderr.contains("没有发现问题") && none.stderr.contains("kb publish clean@1"),
        "{}",
        none.whole()
    );
    add(&anna, "broken.md", BROKEN, &[]);
    let zh = anna.run(&["kb", "findings", "broken"]);
    let level = ["提示", "可疑", "阻断"];
    assert!(
        level.iter().any(|word| zh.stdout.contains(word)) && !zh.stdout.contains("suspicious"),
        "{}",
        zh.whole()
    );
    let en = anna.run(&["--lang", "en", "kb", "findings", "broken"]);
    let level = ["note", "suspicious", "blocking"];
    assert!(
        level.iter().any(|word| en.stdout.contains(word)),
        "{}",
        en.whole()
    );
    let found = json(&anna.run(&["kb", "findings", "broken", "--json"]));
    assert_eq!(found["schema"], "zhisuan.kb-findings/1");
    assert!(found["findings"][0]["severity"].is_string(), "{found}");
    let names = anna.run(&["kb", "list", "--stage", "ready", "-o", "name"]);
    assert!(names.stdout.contains("clean@1\n"), "{}", names.whole());
}

fn answers(user: &User, question: &str, base: &str, word: &str) {
    let said = || user.run(&["ask", question, "--base", base]);
    let told = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        said().stdout.contains(word)
    });
    assert!(told, "{}", said().whole());
}

#[test]
fn a_second_base_is_for_those_it_is_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, folder.path());
    let ((id, anna), (_, carol)) = (clerk_of(&server, "安娜"), clerk_of(&server, "卡罗"));
    let made = anna.run(&[
        "kb",
        "base",
        "add",
        "staff-only",
        "--title",
        "内部知识库",
        "--place",
        "云麓市",
        "--audience",
        &id,
    ]);
    assert_eq!(made.exit, 0, "{}", made.whole());
    let bases = json(&anna.run(&["kb", "base", "list", "--json"]));
    assert_eq!(bases["schema"], "zhisuan.kb-base-list/1");
    assert_eq!(bases["total"], 2, "{bases}");
    let few = carol.run(&["kb", "base", "list", "-o", "name"]);
    assert_eq!(few.stdout, "gov\n", "{}", few.whole());
    let base = ["--base", "staff-only"];
    let empty = anna.run(&[&["kb", "list"], &base[..]].concat());
    assert!(empty.stderr.contains("还没有文件"), "{}", empty.whole());
    add(&anna, "parade.md", &text("游行彩车许可", 45), &base);
    let published = anna.run(&[&["kb", "publish", "parade"], &base[..]].concat());
    assert_eq!(published.exit, 0, "{}", published.whole());
    answers(&anna, "游行彩车许可多少钱", "staff-only", "45元");
    let elsewhere = anna.run(&["ask", "游行彩车许可多少钱", "-o", "name"]);
    assert_eq!(elsewhere.stdout, "no_evidence\n", "{}", elsewhere.whole());
    let (_, tenant) = server.tenant("0");
    for user in [&carol, &tenant] {
        let closed = user.run(&["ask", "游行彩车许可多少钱", "--base", "staff-only"]);
        refused(&closed, 4, "ZS-AUTH", "内部");
        let closed = user.run(&[&["kb", "list"], &base[..]].concat());
        assert_eq!(closed.exit, 4, "{}", closed.whole());
    }
    // Opened to another, and still there after a restart.
    let named = format!("{id},{}", {
        let keys = json(&server.operator().run(&["key", "list", "--json"]));
        let items = keys["items"].as_array().expect("items").clone();
        let carol = items.into_iter().find(|key| key["name"] == "卡罗");
        carol.expect("carol's key")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    });
    let opened = anna.run(&[&["kb", "audience", &named], &base[..]].concat());
    assert_eq!(opened.exit, 0, "{}", opened.whole());
    answers(&carol, "游行彩车许可多少钱", "staff-only", "45元");
    assert_eq!(server.stop(), Some(0));
    let again = Server::start(&data, folder.path());
    let operator = again.operator();
    let closed = operator.run(&["kb", "list", "--base", "staff-only"]);
    refused(&closed, 4, "ZS-AUTH", "没有对您开放");
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn each_base_has_its_own_place() {
    let (_, anna) = clerk("安娜");
    let made = anna.run(&["kb", "base", "add", "places", "--place", "云麓市"]);
    assert_eq!(made.exit, 0, "{}", made.whole());
    let home = |more: &[&str]| {
        let done = anna.run(&[&["kb", "home", "--base", "places"], more].concat());
        assert_eq!(done.exit, 0, "{}", done.whole());
        done
    };
    assert!(home(&[]).stdout.contains("云麓市"));
    assert!(home(&["临江市"]).stderr.contains("临江市"));
    assert_eq!(json(&home(&["--json"]))["home"], "临江市");
    home(&["--clear"]);
    assert_eq!(json(&home(&["--json"]))["home"], Value::Null);
    // The first base goes on as its texts tell.
    let first = anna.run(&["kb", "home"]);
    assert!(first.stdout.contains("推定"), "{}", first.whole());
    let both = anna.run(&["kb", "home", "临江市", "--clear"]);
    assert_eq!(both.exit, 2, "{}", both.whole());
}

#[test]
fn wrong_bases_are_refused() {
    let (_, anna) = clerk("安娜");
    let made = anna.run(&["kb", "base", "add", "twice"]);
    assert_eq!(made.exit, 0, "{}", made.whole());
    let twice = anna.run(&["kb", "base", "add", "twice"]);
    refused(&twice, 1, "ZS-KB-EXISTS", "twice");
    let out = anna.run(&["kb", "base", "add", "others", "--audience", "somebody"]);
    refused(&out, 2, "ZS-FIELD", "audience");
    refused(
        &anna.run(&["kb", "list", "--base", "../x"]),
        2,
        "ZS-CLI-VALUE",
        "../x",
    );
    refused(
        &anna.run(&["kb", "list", "--base", "nowhere"]),
        3,
        "ZS-KB-UNKNOWN",
        "nowhere",
    );
}
