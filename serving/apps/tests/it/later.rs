//! What readers are told besides the answer: what became of its sources, that a plan's years are
//! over, that a long text is cut, that a machine made it.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use zhisuan_apps::answer::{Base, Outcome};
use zhisuan_apps::hotline::propose;
use zhisuan_apps::pages::Site;
use zhisuan_apps::service::{Memory, Qa, Question};

use crate::library::{NOW, add, checker, guide, library, maker};
use crate::pages::{encoded, look};
use crate::support::{DAY, ask, base_of, sample, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_tells_that_its_source_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "parking.txt", &guide("2024-01-01", "80"));
    library.publish(&added.version, &maker(), NOW).unwrap();
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let site = Site::new(qa.clone());
    let answer = qa
        .ask(&Question::plain("停车证每个月多少钱"))
        .await
        .unwrap();
    assert_eq!(answer.outcome, Outcome::Answered);
    let at = |rest: &str| format!("/qa/answer/{}{rest}", answer.id);
    let (_, _, page) = look(&site, &at("")).await;
    assert!(!page.contains("在这份回答之后"), "{page}");
    library
        .withdraw(&added.version, "印错了", &checker(), NOW)
        .unwrap();
    qa.replace(Base::build(library.published("city").unwrap(), None).unwrap());
    for rest in ["", "/text"] {
        let (status, _, told) = look(&site, &at(rest)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            told.contains("在这份回答之后") && told.contains("已经撤下"),
            "{rest}: {told}"
        );
    }
    for path in [at("/json"), format!("/api/qa/answers/{}", answer.id)] {
        let (_, _, told) = look(&site, &path).await;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["since"][0]["code"], "withdrawn", "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_tells_that_its_source_ended() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "parking.txt", &guide("2024-01-01", "80"));
    library.publish(&added.version, &maker(), NOW).unwrap();
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let answer = qa
        .ask(&Question::plain("停车证每个月多少钱"))
        .await
        .unwrap();
    let text = guide("2024-01-01", "80").replace("状态: 现行", "状态: 现行\n失效日期: 2026-02-01");
    let other = add(&library, "parking.txt", &text);
    drop(library.publish(&other.version, &checker(), NOW));
    let now = library.published("city").unwrap();
    let later = zhisuan_apps::answer::since(
        &answer,
        &now,
        DAY.checked_add(jiff::ToSpan::days(60)).unwrap(),
    );
    assert!(
        !later.is_empty() && later[0].document == "parking",
        "{later:?}"
    );
}

#[test]
fn a_contradiction_is_drafted_with_both_sides() {
    let question = "给电瓶车充电，一度电服务费最多能收多少";
    let answer = ask(&sample().base(), question);
    assert_eq!(answer.outcome, Outcome::Conflict, "{answer:?}");
    let draft = propose(&format!("请问{question}？"), &[], Some(&answer)).draft;
    assert!(
        !draft.from_base && draft.text.contains("说法不一致"),
        "{}",
        draft.text
    );
    for side in &answer.conflicts[0].sides {
        assert!(
            draft.text.contains(side.citation.quote.trim()),
            "{}",
            draft.text
        );
        assert!(
            draft
                .citations
                .iter()
                .any(|c| c.document == side.citation.document)
        );
    }
    let nothing = ask(&sample().base(), "火星移民怎么办理");
    let draft = propose("请问火星移民怎么办理？", &[], Some(&nothing)).draft;
    assert!(!draft.from_base && draft.citations.is_empty());
}

#[test]
fn a_plan_whose_years_are_over_says_so() {
    let plan = "---\n标题: 云麓市风筝产业发展规划\n规划期: 2019-2023\n状态: 现行\n---\n# 云麓市风筝产业发展规划\n\n\
        到2023年，风筝产值达到5亿元。\n";
    let (_dir, folder) = base_of(&[("plan.md", plan.as_bytes())]);
    let answer = ask(&folder.base(), "风筝产值要达到多少");
    assert!(told(&answer).contains("5亿元"), "{answer:?}");
    assert!(
        answer.notices.iter().any(|n| n.code == "period_over"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_long_text_says_at_which_end_it_is_cut() {
    let many: String = (0..9_000)
        .map(|n| format!("第{n}只风筝收费{n}元，按年收取。\n\n"))
        .collect();
    let text = format!("---\n标题: 风筝收费表\n状态: 现行\n---\n# 风筝收费表\n\n{many}");
    let (_dir, folder) = base_of(&[("kites.md", text.as_bytes())]);
    let site = Site::new(Qa::on(
        folder.base(),
        Arc::new(Memory::default()),
        Arc::new(|| DAY),
    ));
    let at = |from: usize| format!("/qa/source/kites?version=1&start={from}&end={}", from + 3);
    let (before, after) = ("前面的部分没有显示", "后面的部分没有显示");
    let end = text.rfind('第').unwrap();
    for (from, headless) in [(text.find("第0只").unwrap(), false), (end, true)] {
        let (_, _, page) = look(&site, &at(from)).await;
        assert_eq!(
            (page.contains(before), page.contains(after)),
            (headless, !headless),
            "{from}"
        );
    }
}

#[tokio::test]
async fn what_a_machine_made_carries_its_label_in_every_copy() {
    let site = crate::pages::site(&sample());
    for path in [
        format!("/api/qa/search?question={}", encoded("居住证补办多少钱")),
        "/qa/find?format=json".to_owned(),
    ] {
        let (status, _, body) = look(&site, &path).await;
        assert_eq!(status, StatusCode::OK);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["aigc"]["Label"], "1", "{path}");
        assert!(body["label"].as_str().unwrap().contains("机器"), "{path}");
    }
    let request = axum::http::Request::post("/api/qa/ticket")
        .body(axum::body::Body::from(
            json!({"text": "请问居住证补办多少钱？"}).to_string(),
        ))
        .unwrap();
    let (_, _, body) = crate::pages::through(site, request).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["aigc"]["Label"], "1");
    assert!(body["label"].as_str().unwrap().contains("未经人工核签"));
}
