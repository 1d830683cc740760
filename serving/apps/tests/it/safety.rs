//! What must not go out as an answer: drafts beside law, texts of another place, closed themes,
//! numbers that nobody answers any more.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::civil::date;
use zhisuan_apps::answer::{Asked, Base, Outcome};
use zhisuan_apps::kb::Repair;
use zhisuan_apps::pages::Site;
use zhisuan_apps::service::{Memory, Qa};

use crate::library::{NOW, add, checker, library};
use crate::pages::look;
use crate::support::{DAY, ask, base_of, told};

async fn text_at(site: &Site, path: &str) -> String {
    let (status, _, text) = look(site, path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    text
}

/// A guide for kites, with a place and a state.
fn kites(place: &str, state: &str, body: &str) -> String {
    format!(
        "---\n标题: {place}风筝管理办事指南\n发布机构: {place}体育局\n适用地区: {place}\n状态: {state}\n\
         生效日期: 2024-01-01\n---\n# {place}风筝管理办事指南\n\n{body}\n"
    )
}

#[test]
fn a_part_that_only_a_draft_answers_is_left_out_and_told() {
    let law = kites("云麓市", "现行", "## 收费标准\n\n风筝放飞许可每只收费3元。");
    let draft = "---\n标题: 云麓市养蜂补贴办法\n发布机构: 云麓市农业局\n适用地区: 云麓市\n状态: 草案\n---\n\
        # 云麓市养蜂补贴办法\n\n## 补贴标准\n\n养蜂补贴每箱发放45元。\n";
    let (_dir, folder) = base_of(&[("kite.md", law.as_bytes()), ("bees.md", draft.as_bytes())]);
    let base = folder.base();
    let both = ask(&base, "风筝放飞许可收费多少钱？养蜂补贴每箱多少钱？");
    assert_eq!(both.outcome, Outcome::Partial, "{both:?}");
    assert!(
        told(&both).contains("3元") && !told(&both).contains("45元"),
        "{both:?}"
    );
    let left_out = both.notices.iter().find(|n| n.code == "part_not_in_force");
    assert!(left_out.is_some_and(|n| n.document == "bees"), "{both:?}");
    let turned = ask(&base, "养蜂补贴每箱多少钱？风筝放飞许可收费多少钱？");
    assert_eq!(turned.outcome, Outcome::Partial, "{turned:?}");
    assert!(!told(&turned).contains("45元"), "{turned:?}");
    let draft_alone = ask(&base, "养蜂补贴每箱多少钱？");
    assert_eq!(draft_alone.outcome, Outcome::NotInForce);
    assert!(told(&draft_alone).contains("45元"));
}

const FEE: &str = "## 申请材料\n\n身份证原件。\n\n## 收费标准\n\n风筝放飞许可每只收费";

/// Two cities with a fee of their own, a number of their own, and a text without place.
fn two_cities() -> Vec<(&'static str, String)> {
    let one = |place: &str, fee: &str, phone: &str| {
        let phone = format!("转人工电话: {phone}\n状态:");
        kites(place, "现行", &format!("{FEE}{fee}元。")).replace("状态:", &phone)
    };
    vec![
        ("a-kite.md", one("云麓市", "3", "0999-1111111")),
        ("b-kite.md", one("青岚市", "7", "0999-2222222")),
        (
            "law.md",
            "---\n标题: 风筝制造条例\n状态: 现行\n---\n# 风筝制造条例\n\n风筝用竹子制造。\n"
                .to_owned(),
        ),
    ]
}

fn base_of_two_cities(home: Option<&str>) -> Base {
    let texts = two_cities();
    let files: Vec<(&str, &[u8])> = texts.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    let (_dir, folder) = base_of(&files);
    let mut published = folder.published();
    published.home = home.map(str::to_owned);
    Base::build(Arc::new(published), None).unwrap()
}

#[test]
fn without_a_home_nobody_is_told_the_rule_of_some_city() {
    let base = base_of_two_cities(None);
    let unplaced = ask(&base, "风筝放飞许可收费多少钱");
    assert_eq!(
        (unplaced.outcome, unplaced.reason.as_str()),
        (Outcome::Clarify, "which_place")
    );
    assert!(
        told(&unplaced).is_empty() && unplaced.choices.len() == 2,
        "{unplaced:?}"
    );
    for choice in &unplaced.choices {
        let fee = if choice.contains("青岚市") {
            "7元"
        } else {
            "3元"
        };
        let chosen = ask(&base, choice);
        assert_eq!(chosen.outcome, Outcome::Answered, "{choice}: {chosen:?}");
        assert!(told(&chosen).contains(fee), "{choice}: {chosen:?}");
    }
    let home = base_of_two_cities(Some("青岚市"));
    assert!(told(&ask(&home, "风筝放飞许可收费多少钱")).contains("7元"));
    assert!(told(&ask(&home, "云麓市风筝放飞许可收费多少钱")).contains("3元"));
}

#[test]
fn a_district_of_another_citys_name_is_not_that_city() {
    let texts = [(
        "kite.md",
        kites("北京市朝阳区", "现行", &format!("{FEE}9元。")),
    )];
    let (_dir, folder) = base_of(&[(texts[0].0, texts[0].1.as_bytes())]);
    let base = folder.base();
    let asked = |place: &str| {
        let asked = Asked {
            question: "风筝放飞许可收费多少钱".to_owned(),
            as_of: DAY,
            place: Some(place.to_owned()),
            top_k: 3,
        };
        base.answer(&asked)
    };
    assert!(told(&asked("北京市")).contains("9元"));
    assert_eq!(asked("朝阳市").outcome, Outcome::NoEvidence);
}

#[test]
fn the_number_is_the_newest_that_holds_at_home() {
    let line = |place: &str, state: &str, from: &str, phone: &str| {
        format!(
            "---\n标题: {place}服务热线办事指南\n适用地区: {place}\n状态: {state}\n生效日期: {from}\n\
             转人工电话: {phone}\n---\n# {place}服务热线办事指南\n\n热线全天受理。\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let bring = |name: &str, text: &str| {
        let added = add(&library, name, text);
        drop(library.publish(&added.version, &checker(), NOW));
    };
    bring(
        "a-draft.md",
        &line("云麓市", "草案", "2025-06-01", "0999-0000000"),
    );
    bring(
        "b-other.md",
        &line("青岚市", "现行", "2025-07-01", "0999-2222222"),
    );
    bring(
        "hotline.md",
        &line("云麓市", "现行", "2020-01-01", "0999-1111111"),
    );
    bring(
        "hotline.md",
        &line("云麓市", "现行", "2024-01-01", "0999-3333333"),
    );
    library
        .set_home("city", Some("云麓市"), &checker(), NOW)
        .unwrap();
    let base = Base::build(library.published("city").unwrap(), None).unwrap();
    assert_eq!(base.published().versions.len(), 4);
    let helped = |as_of| {
        let question = "火星移民怎么办理".to_owned();
        let answer = base.answer(&Asked {
            question,
            as_of,
            place: None,
            top_k: 3,
        });
        answer.hand_over.map(|to| to.phone)
    };
    assert_eq!(helped(DAY).as_deref(), Some("0999-3333333"));
    assert_eq!(helped(date(2021, 1, 1)).as_deref(), Some("0999-1111111"));
}

#[tokio::test]
async fn guides_show_their_place_and_their_repairs_and_home_comes_first() {
    let texts = two_cities();
    let files: Vec<(&str, &[u8])> = texts.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    let (_dir, folder) = base_of(&files);
    let mut published = folder.published();
    published.home = Some("青岚市".to_owned());
    let mended = published
        .versions
        .iter_mut()
        .find(|v| v.id.document == "b-kite");
    Arc::make_mut(mended.unwrap()).repairs.push(Repair {
        start: 0,
        before: String::new(),
        after: "风".to_owned(),
        reason: "漏字".to_owned(),
    });
    let base = Base::build(Arc::new(published), None).unwrap();
    let site = Site::new(Qa::on(base, Arc::new(Memory::default()), Arc::new(|| DAY)));
    let list = text_at(&site, "/qa/guides").await;
    let at = |place: &str| list.find(&format!("class=\"count\">{place}")).unwrap();
    assert!(at("青岚市") < at("云麓市"), "{list}");
    let guide = text_at(&site, "/qa/guide/b-kite").await;
    assert!(
        guide.contains("适用地区：青岚市") && guide.contains("1 处是经人工核准的修正"),
        "{guide}"
    );
    let whole = text_at(&site, "/qa/guide/a-kite").await;
    assert!(whole.contains("，文字未改动"), "{whole}");
    let find = text_at(&site, "/qa/find").await;
    assert!(find.contains("青岚市") && find.contains("云麓市"), "{find}");
}

const BEES: &str = "---\n标题: 养蜂补贴办法\n文号: 云麓农〔2024〕5号\n主题: 社會保險\n状态: 现行\n\
    生效日期: 2024-01-01\n---\n# 养蜂补贴办法\n\n## 补贴标准\n\n养蜂补贴每箱发放45元。\n\n\
    本办法自2024年1月1日起施行。\n";

#[test]
fn a_closed_theme_has_no_door_left_open() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "bees.md", BEES);
    library.publish(&added.version, &checker(), NOW).unwrap();
    let closed = |theme| library.switch_theme("city", theme, true, &checker(), NOW);
    let wrong = closed("社保").unwrap_err();
    assert_eq!(wrong.field(), Some("theme"), "{wrong}");
    assert!(wrong.to_string().contains("社會保險"), "{wrong}");
    let questions = [
        "养蜂补贴每箱多少钱",
        "《养蜂补贴办法》什么时候施行",
        "养蜂补贴办法的文号是什么",
    ];
    let open = Base::build(library.published("city").unwrap(), None).unwrap();
    for question in questions {
        assert_eq!(
            ask(&open, question).outcome,
            Outcome::Answered,
            "{question}"
        );
    }
    closed("社会保险").unwrap();
    let base = Base::build(library.published("city").unwrap(), None).unwrap();
    for question in questions {
        let answer = ask(&base, question);
        assert_eq!(answer.reason, "closed_theme", "{question}: {answer:?}");
        assert!(told(&answer).is_empty(), "{question}");
    }
    let reopened = library.switch_theme("city", "社會保險", false, &checker(), NOW);
    reopened.unwrap();
    assert!(library.published("city").unwrap().closed_themes.is_empty());
}

#[test]
fn no_file_asks_the_machine_for_its_zone() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let local = text.contains("Zoned::now") || text.contains("TimeZone::system");
            assert!(
                !local,
                "{} asks for a day that is not China's",
                path.display()
            );
        }
    }
}
