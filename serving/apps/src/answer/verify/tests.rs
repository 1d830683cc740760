//! What a source supports in other words, and near misses of every kind.

use super::{Grounds, covers, verify};

const GUIDE: &str = "本市户籍的，自受理之日起十个工作日内办结；换领每证20元，不得委托他人代办。\
                     由云麓市公安局负责，自2024年1月1日起施行。";
const TITLE: &str = "居民身份证补领、换领办事指南";
const FEES: &str = "首次申领居住证不收费。补领、换领收取证件工本费每证10元。";
const LIMITS: &str = "租房提取每人每月不超过1200元，账户余额应当满500元；每笔抵扣最高百分之三十。";
const PEOPLE: &str = "六十五周岁以上的，免费乘坐；六十周岁至六十四周岁的，享受半价。";
const TIMES: &str =
    "窗口时间周一至周五9:00至12:00；应当在6月30日前申请，审核结果于15个工作日后公布。";
const TABLE: &str = "低保户每户补贴300元、低收入户每户补贴200元，由民政部门发放。";

fn code(sentence: &str, quotes: &[&str], titles: &[&str]) -> &'static str {
    let grounds = Grounds {
        quotes,
        titles,
        beside: &[],
    };
    verify(sentence, &grounds).map_or_else(|fault| fault.code(), |()| "ok")
}

fn expect(quote: &str, title: &str, cases: &[(&str, &str)]) {
    for (sentence, expected) in cases {
        assert_eq!(code(sentence, &[quote], &[title]), *expected, "{sentence}");
    }
}

#[test]
fn what_the_source_says_in_other_writing() {
    let same = [
        "换领身份证每证20元。",
        "換領每證２０元。",
        "本市户籍的10个工作日内办结。",
        "不得委托他人代办。",
        "由云麓市公安局负责。",
        "自2024年1月1日起施行。",
        "本市户籍的，自受理之日起10个工作日内办结。",
    ];
    expect(GUIDE, TITLE, &same.map(|sentence| (sentence, "ok")));
    let title = "居住证申领与签注办事指南";
    let same = [
        "首次申领居住证不收费。",
        "首次申领居住证免费。",
        "补领居住证每证10元。",
        "补领、换领居住证收取工本费每证10元。",
    ];
    expect(FEES, title, &same.map(|sentence| (sentence, "ok")));
    expect(
        LIMITS,
        "公积金提取",
        &[
            ("租房提取公积金每人每月不超过1200元。", "ok"),
            ("每人每月租房提取最多1200元。", "ok"),
            ("账户余额应当满五百元。", "ok"),
            ("每笔抵扣最高30%。", "ok"),
        ],
    );
}

#[test]
fn what_the_source_does_not_say() {
    let wrong = [
        ("换领每证40元。", "number"),
        ("换领每证21元。", "number"),
        ("本市户籍的20个工作日内办结。", "number"),
        ("自2024年1月11日起施行。", "number"),
        ("自2025年1月1日起施行。", "number"),
        ("由云麓市民政局负责。", "name"),
        ("由青岚市公安局负责。", "name"),
        ("在北京换领每证20元。", "name"),
        ("可以委托他人代办。", "negation"),
        ("委托他人代办。", "negation"),
        ("依照《某某条例》换领每证20元。", "name"),
        ("请到月球上的环形山仔细地反复观察海鸟。", "words"),
        ("换领每证20元，应由家长带着孩子办。", "words"),
        ("换领每证20美元。", "number"),
        ("换领每年20元。", "number"),
    ];
    expect(GUIDE, TITLE, &wrong);
    assert_eq!(code("每证20元。", &[], &[]), "no_source");
}

#[test]
fn what_it_says_of_another_thing() {
    let swapped = [
        ("补领居住证不收费。", "negation"),
        ("补领居住证免费。", "negation"),
        ("首次申领居住证不免费。", "negation"),
        ("首次不申领居住证收费。", "negation"),
        ("首次申领居住证每证10元。", "number"),
    ];
    expect(FEES, "居住证申领与签注办事指南", &swapped);
    let two = "补领每证40元，换领每证20元。";
    expect(
        two,
        TITLE,
        &[
            ("补领身份证每证40元。", "ok"),
            ("换领身份证每证20元。", "ok"),
            ("换领身份证每证40元。", "number"),
            ("补领每证20元。", "number"),
            ("补领每证20元，换领每证40元。", "number"),
        ],
    );
    expect(
        PEOPLE,
        "老年人优待",
        &[
            ("六十五周岁以上的免费乘坐。", "ok"),
            ("六十周岁至六十四周岁的享受半价。", "ok"),
            ("六十周岁至六十四周岁的免费乘坐。", "number"),
            ("六十五周岁以上的享受半价。", "number"),
            ("六十五周岁以下的免费乘坐。", "number"),
        ],
    );
    expect(
        TABLE,
        "困难家庭补贴",
        &[
            ("低收入户每户补贴200元。", "ok"),
            ("低收入户每户补贴300元。", "number"),
        ],
    );
    // The other thing stands beside the cited span.
    let grounds = Grounds {
        quotes: &["首次申领居住证不收费。"],
        titles: &["居住证申领与签注办事指南"],
        beside: &["补领、换领收取证件工本费每证10元。"],
    };
    let found = verify("补领居住证不收费。", &grounds);
    assert!(found.is_err(), "{found:?}");
}

#[test]
fn bounds_turned_or_lost() {
    expect(
        LIMITS,
        "公积金提取",
        &[
            ("租房提取每人每月1200元。", "number"),
            ("租房提取每人每月不少于1200元。", "number"),
            ("租房提取每人每年不超过1200元。", "number"),
            ("租房提取每人每月不超过1200万元。", "number"),
            ("账户余额不足500元。", "number"),
            ("每笔抵扣百分之三十以上。", "number"),
        ],
    );
    expect(
        TIMES,
        "办理时间",
        &[
            ("应当在6月30日前申请。", "ok"),
            ("应当在6月30日后申请。", "number"),
            ("应当在6月3日前申请。", "number"),
            ("审核结果于15个工作日内公布。", "number"),
            ("窗口时间周一至周六9:00至12:00。", "word"),
            ("窗口时间周一至周五9:00至17:00。", "number"),
            ("窗口时间周一至周五12:00至9:00。", "number"),
        ],
    );
}

#[test]
fn denials_dropped_added_or_moved() {
    let quote = "逾期未签注的，居住证使用功能中止；未满十六周岁的，由监护人代为申领。";
    expect(
        quote,
        "居住证签注",
        &[
            ("逾期未签注的，居住证使用功能中止。", "ok"),
            ("逾期未签注的居住证使用功能中止。", "ok"),
            ("未满十六周岁的由监护人代为申领。", "ok"),
            ("逾期签注的，居住证使用功能中止。", "negation"),
            ("逾期未签注的，居住证使用功能不中止。", "negation"),
            ("逾期签注的居住证使用功能不中止。", "negation"),
            ("满十六周岁的由监护人代为申领。", "number"),
            ("未满十八周岁的由监护人代为申领。", "number"),
        ],
    );
}

#[test]
fn copies_stand_whatever_is_beside_them() {
    let quote = "不得在楼道、楼梯间停放电动自行车，不得转租、空置超过六个月；";
    let grounds = Grounds {
        quotes: &[quote],
        titles: &[],
        beside: &["在楼道停放、充电拒不改正的，处500元罚款。可以在车棚停放电动自行车。"],
    };
    let ok = |sentence: &str| verify(sentence, &grounds).is_ok();
    assert!(ok(
        "不得在楼道、楼梯间停放电动自行车，不得转租、空置超过六个月。"
    ));
    assert!(ok("不得在楼道、楼梯间停放电动自行车。"));
    assert!(!ok("可以在楼道、楼梯间停放电动自行车。"));
    assert!(!ok("不得在车棚停放电动自行车。"));
}

#[test]
fn what_stands_in_the_place_of_a_span_leaves_nothing_out() {
    let span = "行动不便的重度残疾人可以申请上门评定，不收费，限1次。";
    let code = |sentence: &str| covers(sentence, span).map_or_else(|f| f.code(), |()| "ok");
    assert_eq!(
        code("行动不便的重度残疾人可以申请免费上门评定，限一次。"),
        "ok"
    );
    let cut = covers("署个人承诺书。", "签署个人承诺书。");
    assert_eq!(cut.map_err(|fault| fault.code()), Err("part"));
    for sentence in [
        "可以申请上门评定，免费，限1次。",
        "行动不便的重度残疾人可以申请上门评定，限1次。",
        "行动不便的重度残疾人可以申请上门评定，不收费。",
    ] {
        assert_eq!(code(sentence), "part", "{sentence}");
    }
}

#[test]
fn a_longer_name_is_another() {
    let quote = "绩效评估由市委信息化委员会办公室负责。";
    expect(
        quote,
        "绩效评估",
        &[
            ("绩效评估由市委信息化委员会办公室负责。", "ok"),
            ("绩效评估工作由市委信息化委员会负责。", "name"),
        ],
    );
}

#[test]
fn single_words_that_turn_a_sentence_round() {
    let quote = "低收入家庭可以申请减免部分费用，补贴标准每年提高，材料交原件，由市教育局牵头。";
    expect(
        quote,
        "费用减免",
        &[
            ("低收入家庭可以申请减免部分费用。", "ok"),
            ("低收入家庭可以申请减免全部费用。", "word"),
            ("低收入家庭应当申请减免部分费用。", "modal"),
            ("低收入家庭不可以申请减免部分费用。", "negation"),
            ("低收入家庭可以申请不减免部分费用。", "negation"),
            ("补贴标准每年降低。", "word"),
            ("材料交复印件。", "word"),
            ("由市教育局配合。", "word"),
            ("材料交原件；$。", "words"),
        ],
    );
}
