//! The question bank at the terminal: proposed by one clerk, accepted by another, told in words and
//! in JSON.

use super::knowledge_desk::{add, clerk, json, refused, text};
use crate::run::{Outcome, User};

fn questions(user: &User, more: &[&str]) -> Outcome {
    user.run(&[&["kb", "questions"], more].concat())
}

fn said(user: &User, more: &[&str], words: &str) -> Outcome {
    let outcome = questions(user, more);
    assert_eq!(outcome.exit, 0, "{}", outcome.whole());
    assert!(outcome.whole().contains(words), "{}", outcome.whole());
    outcome
}

#[test]
fn what_one_clerk_proposes_another_settles() {
    let ((_, anna), (_, boris)) = (clerk("安娜"), clerk("鲍里斯"));
    add(&anna, "stilts.md", &text("高跷许可", 21), &[]);
    let published = anna.run(&["kb", "publish", "stilts"]);
    assert_eq!(published.exit, 0, "{}", published.whole());
    let of = ["--document", "stilts"];
    said(&anna, &of, "不加选项列出全部");
    let quote = "高跷许可每次收费21元。";
    let propose = |quote: &'static str, question: &'static str| {
        let fields = ["--propose", question, "--quote", quote];
        [&fields[..], &of].concat()
    };
    said(&anna, &propose(quote, "踩高跷要掏钱吗"), "1 问待核");
    let nowhere = said(&anna, &propose("收费210元", "贵不贵"), "没有收下");
    assert!(nowhere.stdout.contains("照原文抄写"), "{}", nowhere.whole());
    let waiting = [&["--waiting"], &of[..]].concat();
    said(&boris, &waiting, "待核(安娜 提出)");
    let listed = json(&questions(&boris, &[&waiting[..], &["--json"]].concat()));
    assert_eq!(
        (
            &listed["schema"],
            &listed["total"],
            &listed["items"][0]["stands"]
        ),
        (
            &"zhisuan.kb-question-list/1".into(),
            &1.into(),
            &true.into()
        ),
        "{listed}"
    );
    let id = listed["items"][0]["id"].to_string();
    let own = questions(&anna, &["--accept", &id]);
    refused(&own, 4, "ZS-KB-SAME-PERSON", "踩高跷");
    let all = [&["--accept", "all"], &of[..]].concat();
    said(&anna, &all, "没有您可以接受的");
    said(&boris, &all, "1 问已接受");
    said(&boris, &all, "没有待核的问题");
    said(&anna, &of, "生效");
    said(&anna, &propose(quote, "踩高跷要掏钱吗"), "没有改动");
    let again = questions(&boris, &["--refuse", &id]);
    refused(&again, 3, "ZS-KB-UNKNOWN", &id);
    said(&boris, &["--withdraw", &id], "1 问已撤下");
    let history = anna.run(&["kb", "history"]);
    assert!(history.stdout.contains("问题库"), "{}", history.whole());
    for (wrong, words) in [
        (&["--accept", "许多"][..], "许多"),
        (&["--propose", "要钱吗"], "--quote"),
        (&["--accept", "1", "--withdraw", "2"], "--withdraw"),
    ] {
        refused(&questions(&anna, wrong), 2, "ZS-CLI-", words);
    }
}

#[test]
fn a_file_of_questions_is_brought_in_and_what_is_wrong_with_it_is_told() {
    let ((_, anna), (_, boris)) = (clerk("安娜"), clerk("鲍里斯"));
    add(&anna, "puppets.md", &text("木偶戏许可", 23), &[]);
    let published = anna.run(&["kb", "publish", "puppets"]);
    assert_eq!(published.exit, 0, "{}", published.whole());
    let line = |quote: &str, question: &str| {
        format!(
            "{{\"document\":\"puppets\",\"quote\":\"{quote}\",\"questions\":[\"{question}\"]}}\n"
        )
    };
    let good = line("每次收费23元", "演木偶戏要交钱不");
    let bank = anna.write("bank.jsonl", &(good.clone() + &line("收费230元", "贵不贵")));
    let bank = bank.to_str().expect("UTF-8");
    let told = said(&anna, &["--import", bank], "1 问待核");
    assert!(told.stdout.contains("收费230元"), "{}", told.whole());
    let told = json(&questions(&anna, &["--import", bank, "--json"]));
    assert_eq!(told["left_out"][0]["question"], "贵不贵", "{told}");
    let broken = anna.write("broken.jsonl", &(good + "[]\n"));
    let broken = questions(&anna, &["--import", broken.to_str().expect("UTF-8")]);
    refused(&broken, 2, "ZS-FIELD", "第 2 行");
    let absent = questions(&anna, &["--import", "nowhere.jsonl"]);
    refused(&absent, 2, "ZS-CLI-IO", "nowhere.jsonl");
    let of = ["--waiting", "--document", "puppets"];
    let ids = questions(&boris, &[&of[..], &["-o", "name"]].concat());
    said(&boris, &["--refuse", ids.stdout.trim()], "1 问没有接受");
    // What is corrected is proposed as well, when its words tell which text answers.
    let asked = boris.run(&["ask", "火星移民木偶签证怎么办"]);
    assert_eq!(asked.exit, 0, "{}", asked.whole());
    let work = json(&boris.run(&["kb", "items", "--json"]));
    let mut items = work["items"].as_array().expect("items").iter();
    let own = items.find(|item| item["question"] == "火星移民木偶签证怎么办");
    let id = own.expect("the work")["id"].to_string();
    let closed = anna.run(&[
        "kb",
        "items",
        "--close",
        &id,
        "--outcome",
        "已核对",
        "--question",
        "演木偶戏交多少",
        "--expected",
        "木偶戏许可每次收费23元",
    ]);
    assert!(
        closed.stderr.contains("kb questions --accept"),
        "{}",
        closed.whole()
    );
    said(&boris, &of, "演木偶戏交多少");
}
