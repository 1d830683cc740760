//! What texts say of themselves: terms in their words, and heads that cannot be.

use jiff::civil::date;
use zhisuan_apps::kb::{Declared, Severity, State, head_end, read, read_head};

use crate::gate::judged;

#[test]
fn heads_that_cannot_be_are_told() {
    let body = "\n# 办法\n\n办理时限为五个工作日，不收费。\n";
    for (head, word) in [
        ("标题: 甲\n生效日期: 去年\n状态: 现行", "看不懂"),
        ("标题: 甲\n状态: 大概有效", "看不懂"),
        (
            "标题: 甲\n生效日期: 2025-02-01\n失效日期: 2024-02-01",
            "早于",
        ),
        (
            "标题: 甲\n发布机构: 乌海市民政局\n适用地区: 云麓市",
            "不是一个地方",
        ),
        (
            "标题: 乌海市民政局关于补贴的通知\n发布机构: 云麓市民政局",
            "不是一个地方",
        ),
        (
            "标题: 甲\n文号: 云麓民〔2019〕3号\n成文日期: 2024-01-02",
            "2019",
        ),
        ("标题: 甲（征求意见稿）\n状态: 现行", "征求意见"),
        ("标题: 云麓市养犬条例（修订草案）", "草案"),
        ("标题: 云麓市养犬条例（草案二次审议稿）", "草案"),
        ("标题: 云麓市养犬管理办法（初稿）", "草案"),
        ("标题: 云麓市养犬条例草案", "草案"),
    ] {
        let findings = judged(&format!("---\n{head}\n---\n{body}"));
        let told = findings
            .iter()
            .any(|f| f.severity == Severity::Suspicious && f.message.contains(word));
        assert!(told, "{head}: {findings:#?}");
    }
}

#[test]
fn terms_are_read_from_the_words_of_a_text() {
    let text = "云麓市民政局关于印发养老补贴办法的通知\n\n云麓民规〔2024〕8号\n\n\
        各区民政局：\n\n现将办法印发给你们。\n\n云麓市民政局\n\n2024年5月20日\n\n\
        第十条 本办法自2024年7月1日起施行，有效期5年。《云麓市养老补贴暂行办法》（云麓民规〔2018〕2号）同时废止。\n";
    let extract = read("x.txt", text.as_bytes()).unwrap();
    let head = read_head(&extract);
    assert_eq!(head.title, "云麓市民政局关于印发养老补贴办法的通知");
    assert_eq!(head.number.as_deref(), Some("云麓民规〔2024〕8号"));
    assert_eq!(head.issuer.as_deref(), Some("云麓市民政局"));
    assert_eq!(head.place.as_deref(), Some("云麓市"));
    assert_eq!(head.written, Some(date(2024, 5, 20)));
    assert_eq!(head.effective, Some(date(2024, 7, 1)));
    assert_eq!(head.repealed, Some(date(2029, 7, 1)));
    assert_eq!(
        head.supersedes,
        ["云麓市养老补贴暂行办法", "云麓民规〔2018〕2号"]
    );
}

#[test]
fn labels_within_a_text_are_words_of_the_text() {
    let text = "云麓市民政局关于补贴的通知\n\n本通知适用于全市。\n\n来源：市财政局\n\n状态：失效\n\n补贴按月发放。\n";
    let extract = read("x.txt", text.as_bytes()).unwrap();
    let head = read_head(&extract);
    assert_eq!(head.declared, Declared::Unstated);
    assert_eq!(head_end(&extract), 0);
}

#[test]
fn a_draft_by_its_title_is_one_unless_it_says_otherwise() {
    for title in [
        "云麓市养犬条例（修订草案）",
        "云麓市养犬条例（草案二次审议稿）",
        "雲麓市養犬管理辦法（初稿）",
        "云麓市养犬条例草案",
        "云麓市养犬管理办法（公示稿）",
        "关于《云麓市养犬条例（草案）》公开征求意见的公告",
    ] {
        let text = format!("# {title}\n\n养犬登记每只每年办理一次。\n");
        let head = read_head(&read("x.md", text.as_bytes()).unwrap());
        assert_eq!(head.declared, Declared::Draft, "{title}: {head:?}");
    }
    for title in ["云麓市关于预算草案审查情况的报告", "云麓市初稿审校管理办法"]
    {
        let text = format!("# {title}\n\n每年办理一次。\n");
        let head = read_head(&read("x.md", text.as_bytes()).unwrap());
        assert_eq!(head.declared, Declared::Unstated, "{title}");
    }
}

#[test]
fn what_has_expired_is_not_told_as_in_force() {
    let day = date(2026, 1, 15);
    for (words, end) in [
        (
            "本办法自2022年1月1日起施行，有效期至2024年12月31日。",
            date(2025, 1, 1),
        ),
        ("本办法自2014年7月1日起施行，有效期10年。", date(2024, 7, 1)),
        ("本办法自2014年7月1日起施行，有效期十年。", date(2024, 7, 1)),
        ("本办法有效期五年，自2019年5月1日起施行。", date(2024, 5, 1)),
    ] {
        let text = format!("# 云麓市养老补贴办法\n\n{words}\n");
        let head = read_head(&read("x.md", text.as_bytes()).unwrap());
        assert_eq!(head.repealed, Some(end), "{words}");
        assert_eq!(State::on(day, &head, None), State::Repealed, "{words}");
    }
    let open = "# 云麓市养老补贴办法\n\n本办法自2022年1月1日起施行，有效期视执行情况另行确定。\n";
    let findings = judged(open);
    let told = findings
        .iter()
        .any(|f| f.severity == Severity::Suspicious && f.message.contains("有效期"));
    assert!(told, "{findings:#?}");
}
