//! What readers are told besides the answer: what became of its sources, that a plan's years are
//! over, that a long text is cut, that a machine made it.

use std::sync::Arc;

use axum::http::StatusCode;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use zhisuan_apps::answer::{Base, Maker, Outcome, Prompt, WriteFault, Writer};
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
    let lines = (0..9_000).map(|n| format!("第{n}只风筝收费{n}元，按年收取。"));
    let many = lines.collect::<Vec<_>>().join("\n\n");
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

#[tokio::test]
async fn a_program_asks_as_of_a_day_and_for_a_place() {
    let site = crate::pages::site(&sample()).behind_gateway("geheim");
    let chat = |system: &str, question: &str| {
        let body = json!({"model": "gov-qa", "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ]});
        axum::http::Request::post("/qa/v1/chat/completions")
            .header("authorization", "Bearer geheim")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap()
    };
    let asked = async |system: &str, question: &str| {
        let (status, _, body) = crate::pages::through(site.clone(), chat(system, question)).await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let record = |body: &Value| body["choices"][0]["message"]["zhisuan"].clone();
    let (_, now) = asked("请回答市民", "暂住证工本费多少").await;
    assert_eq!(record(&now)["outcome"], "not_in_force", "{now}");
    let (_, then) = asked("请回答市民\nas_of: 2015-06-01", "暂住证工本费多少").await;
    assert_eq!(record(&then)["as_of"], "2015-06-01", "{then}");
    assert_eq!(record(&then)["outcome"], "answered", "{then}");
    let (_, away) = asked("place: 海口市", "居住证补办多少钱").await;
    assert_ne!(record(&away)["outcome"], "answered", "{away}");
    let (status, bad) = asked("as_of: 明天", "居住证补办多少钱").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
}

#[tokio::test]
async fn an_address_that_asks_without_end_is_slowed_down() {
    let site = crate::pages::site(&sample());
    let from = |address: &str| {
        let address: std::net::SocketAddr = address.parse().unwrap();
        let mut request = axum::http::Request::get("/api/qa/status")
            .body(axum::body::Body::empty())
            .unwrap();
        let address = axum::extract::connect_info::ConnectInfo(address);
        request.extensions_mut().insert(address);
        request
    };
    let mut last = StatusCode::OK;
    for _ in 0..100 {
        (last, _, _) = crate::pages::through(site.clone(), from("192.0.2.7:4000")).await;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    for other in ["192.0.2.8:4000", "127.0.0.1:4000"] {
        let (status, _, _) = crate::pages::through(site.clone(), from(other)).await;
        assert_eq!(status, StatusCode::OK, "{other}");
    }
}

#[test]
fn open_work_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let open = |number: usize| {
        let question = format!("第{number}个没有答案的问题");
        let kind = zhisuan_apps::kb::WorkKind::Unanswered;
        library
            .open_work("city", kind, &question, "", "", NOW)
            .unwrap()
    };
    let opened = (0..2_005).filter(|number| open(*number) > 0).count();
    assert_eq!(opened, 2_000);
    assert!(open(7) > 0, "what is open is counted all the same");
    assert_eq!(library.work("city", true, 9_999).unwrap().len(), 2_000);
}

/// A model that never ends a sentence.
struct Stuck;

impl Writer for Stuck {
    fn name(&self) -> String {
        "stuck".to_owned()
    }

    fn write(&self, _: Prompt) -> BoxStream<'static, Result<String, WriteFault>> {
        stream::pending().boxed()
    }
}

#[tokio::test]
async fn a_model_writes_for_a_few_at_once_and_the_others_get_the_extract() {
    let site = crate::pages::site(&sample());
    let qa = site.service().clone();
    qa.written_by(Some(Arc::new(Stuck)));
    let question = Question {
        reworded: true,
        ..Question::plain("居住证补办多少钱")
    };
    let ask = || Box::pin(qa.ask(&question));
    let mut held = [ask(), ask(), ask()];
    for one in &mut held {
        assert!(futures::poll!(one.as_mut()).is_pending());
    }
    let answer = ask().await.unwrap();
    assert_eq!(
        (answer.outcome, answer.made_by),
        (Outcome::Answered, Maker::Extract)
    );
}

#[tokio::test]
async fn two_texts_in_one_answer_stand_under_their_titles() {
    let site = crate::pages::site(&sample());
    let asked = format!("/qa?q={}", encoded("护照多少钱？身份证呢？"));
    let (status, _, page) = look(&site, &asked).await;
    assert_eq!(status, StatusCode::OK);
    for heading in [
        "<h3>《普通护照申领办事指南》收费标准</h3>",
        "<h3>《居民身份证补领、换领办事指南》收费标准</h3>",
    ] {
        assert!(page.contains(heading), "{page}");
    }
    // One text alone is not named above its sentences.
    let (_, _, page) = look(&site, &format!("/qa?q={}", encoded("护照多少钱"))).await;
    assert!(page.contains("<h3>收费标准</h3>"), "{page}");
}

#[test]
fn whether_a_text_holds_is_answered_with_what_it_says_of_itself() {
    let base = sample().base();
    let cases = [
        (
            "小区周边道路夜间停车证管理办法是正式文件了吗，可以照着办不",
            Outcome::NotInForce,
            "parking-permit-draft",
        ),
        (
            "《暂住证办理须知》作废了吗",
            Outcome::NotInForce,
            "temporary-residence-repealed",
        ),
        (
            "犬只登记办事指南还有效吗",
            Outcome::Answered,
            "dog-registration",
        ),
    ];
    for (question, outcome, document) in cases {
        let answer = ask(&base, question);
        assert_eq!(answer.outcome, outcome, "{question}: {}", told(&answer));
        let cited = answer.sentences.iter().flat_map(|one| &one.citations);
        assert!(cited.clone().count() > 0, "{question}");
        assert!(
            cited.map(|one| &one.document).all(|name| name == document),
            "{question}"
        );
    }
}
