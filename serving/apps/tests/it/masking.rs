//! Personal numbers: found by their check digits, masked, public ones left alone.

use zhisuan_apps::kb::{MaskedKind, Stage, mask, mask_published};
use zhisuan_apps::service::Question;

use crate::library::{NOW, add, checker, guide, library, maker};

#[test]
fn personal_numbers_of_questions_are_masked() {
    let cases = [
        (
            "我的身份证是11010519491231002X，怎么办",
            MaskedKind::Identity,
            "我的身份证是******************，怎么办",
        ),
        ("电话13812345678。", MaskedKind::Mobile, "电话138******78。"),
        (
            "手机 138-1234-5678 或",
            MaskedKind::Mobile,
            "手机 138********78 或",
        ),
        ("打0473-3998335", MaskedKind::Landline, "打0473********"),
        (
            "卡号6222 0212 3456 7894",
            MaskedKind::Card,
            "卡号***************7894",
        ),
        (
            "发到zhang.san@163.com吧",
            MaskedKind::Email,
            "发到z********@*******吧",
        ),
        ("车牌蒙A12345违停", MaskedKind::Plate, "车牌蒙A*****违停"),
        ("新能源蒙AD12345", MaskedKind::Plate, "新能源蒙A******"),
        (
            "找１３８１２３４５６７８",
            MaskedKind::Mobile,
            "找１３８＊＊＊＊＊＊７８",
        ),
        (
            "证号１１０１０５１９４９１２３１００２Ｘ。",
            MaskedKind::Identity,
            "证号＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊。",
        ),
        (
            "证号110105 19491231 002X。",
            MaskedKind::Identity,
            "证号********************。",
        ),
    ];
    for (text, kind, masked) in cases {
        let found = mask(text);
        assert_eq!(
            found
                .found
                .iter()
                .map(|(kind, _)| *kind)
                .collect::<Vec<_>>(),
            [kind],
            "{text}"
        );
        assert_eq!(found.text, masked);
    }
}

#[test]
fn what_only_looks_like_a_number_of_a_person_stays() {
    for text in [
        "统一社会信用代码91350100M000100Y43",
        "文号〔2025〕12号，索引号111503000115543089/2022-04805",
        "110105194912310021",
        "12345热线、110、12315",
        "2021-2025年投资1200000000元",
        "公网安备:15030202000006",
        "4111111111111112",
        "云麓发1380号",
    ] {
        assert_eq!(mask(text).text, text);
    }
}

#[test]
fn published_texts_keep_the_numbers_that_they_announce() {
    let text = "咨询电话：0473-3998335，邮箱whzsjszyyk@163.com。\n张三，13812345678，身份证11010519491231002X";
    let masked = mask_published(text);
    assert!(
        masked
            .text
            .starts_with("咨询电话：0473-3998335，邮箱whzsjszyyk@163.com。")
    );
    let kinds: Vec<_> = masked.found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [MaskedKind::Mobile, MaskedKind::Identity]);
    for (_, range) in &mask(text).found {
        assert!(text.get(range.clone()).is_some());
    }
    // Whoever is invited to call, the number is the office's.
    let inviting = "申请人咨询停车证，请拨打0473-3998335";
    assert_eq!(mask_published(inviting).text, inviting);
    // The numbers of people who came to an office are none that it announces.
    for text in [
        "申请人王某，手机13812345678",
        "投诉人李某，电话13812345678",
        "手机：１３８１２３４５６７８",
    ] {
        let masked = mask_published(text);
        assert_eq!(masked.found.len(), 1, "{text}");
        assert_eq!(masked.text.len(), text.len());
    }
}

#[test]
fn numbers_are_masked_in_what_is_indexed_and_shown_though_nobody_repaired_them() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let text = guide("2025-03-01", "30")
        + "\n## 办理结果\n\n申请人王某，手机１３８１２３４５６７８，停车证每季度换发一次。\n";
    let added = add(&library, "parking.md", &text);
    assert_eq!(added.stage, Stage::Quarantined);
    library.publish(&added.version, &checker(), NOW).unwrap();
    let published = library.published("city").unwrap();
    let version = &published.versions[0];
    assert!(!version.text.contains("１２３４"), "{}", version.text);
    // Byte ranges of the shown text are those of the file.
    assert_eq!(version.text.len(), text.len());
    let sentence = version.text.find("停车证每季度").unwrap();
    assert_eq!(text.find("停车证每季度"), Some(sentence));
    let opened = library.version(&added.version).unwrap();
    assert!(!opened.text.contains("１２３４") && !opened.original.contains("１２３４"));
    // The file itself stays as it came in.
    assert_eq!(library.raw(&added.version).unwrap(), text.as_bytes());
}

#[test]
fn an_accepted_mask_does_not_show_what_it_hides() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let text = guide("2025-03-01", "30") + "\n经办人王某，13812345678，每季度换发一次。\n";
    let added = add(&library, "parking.md", &text);
    let masks: Vec<_> = added
        .findings
        .iter()
        .flat_map(|f| f.proposed.clone())
        .collect();
    assert!(masks[0].before.contains("13812345678"));
    let fixed = library
        .accept_repairs(&added.version, &masks, &maker(), NOW)
        .unwrap();
    library.publish(&fixed.version, &checker(), NOW).unwrap();
    let published = library.published("city").unwrap();
    let repairs = &published.versions[0].repairs;
    assert!(!repairs.is_empty());
    assert!(
        repairs
            .iter()
            .all(|repair| !repair.before.contains("13812345678"))
    );
    let info = library.version(&added.version).unwrap().info.shown();
    assert!(
        info.repairs
            .iter()
            .all(|repair| !repair.before.contains("13812345678"))
    );
}

/// A number of a question that only a part of the question needs.
const WITH_NUMBER: &str = "居住证补办多少钱？我的身份证11010519491231002X星际移民怎么办理？";

#[tokio::test]
async fn no_part_of_an_answer_holds_a_number_of_its_question() {
    let site = crate::pages::site(&crate::support::sample());
    let qa = site.service();
    let answer = qa.ask(&Question::plain(WITH_NUMBER)).await.unwrap();
    let json = serde_json::to_string(&answer).unwrap();
    assert!(
        answer.notices.iter().any(|n| n.code == "part_missing"),
        "{json}"
    );
    assert!(
        !json.to_lowercase().contains("11010519491231002x"),
        "{json}"
    );
    // The digest is one of the masked question, so it can be made again, and nobody can find the
    // number by trying them all.
    let again = qa.replay(&answer.id).await.unwrap();
    assert_eq!(again.same, Some(true), "{}", again.why);
}
