//! Kinds of facts, and whether a sentence states one.

use super::view::SentenceView;
use crate::answer::question::Aspect;
use crate::kb::SectionKind;
use crate::kb::quantities;

/// Ends of the names of bodies.
const BODIES: &[&str] = &[
    "局",
    "委",
    "厅",
    "部",
    "中心",
    "办公室",
    "政府",
    "公司",
    "集团",
    "院",
    "单位",
    "法院",
    "银行",
];

/// The section that an aspect asks for.
pub(super) fn asked_section(aspect: Aspect) -> SectionKind {
    match aspect {
        Aspect::Fee => SectionKind::Fee,
        Aspect::Time => SectionKind::Time,
        Aspect::Phone => SectionKind::Phone,
        Aspect::Place | Aspect::Hours => SectionKind::Place,
        Aspect::Materials => SectionKind::Materials,
        Aspect::Legal => SectionKind::Legal,
        Aspect::Conditions => SectionKind::Conditions,
        Aspect::Process => SectionKind::Process,
        Aspect::Quantity => SectionKind::Standard,
        Aspect::Duration | Aspect::Deadline => SectionKind::Period,
        Aspect::Body => SectionKind::Responsible,
    }
}

/// Whether asking for the aspect needs its kind of fact, or only leans to a section.
pub(super) fn is_strict(aspect: Aspect) -> bool {
    !matches!(aspect, Aspect::Conditions | Aspect::Process)
}

/// A sentence without the "1." that only counts steps.
fn without_list_number(text: &str) -> &str {
    let rest = text.trim_start_matches(|char: char| char.is_ascii_digit());
    rest.strip_prefix(". ").unwrap_or(text)
}

/// Whether a text states a number: digits, or a Chinese numeral before a measure word.
fn has_quantity(text: &str) -> bool {
    let numeral = |char: char| "一二三四五六七八九十百千万两半".contains(char);
    let measure = |char: char| {
        "个年月日天元人家次张只周岁倍折分平小时项枚件套户成层位台卡份%米公斤工".contains(char)
            || numeral(char)
    };
    let mut pairs = text.chars().zip(text.chars().skip(1));
    text.chars().any(|char| char.is_ascii_digit())
        || pairs.any(|(first, next)| numeral(first) && measure(next))
}

/// Whether a sentence has the kind of fact that an aspect asks for.
pub(super) fn has_type(aspect: Aspect, sentence: &SentenceView) -> bool {
    let text = without_list_number(&sentence.folded);
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let digit = text.chars().any(|char| char.is_ascii_digit());
    let headed = |word: &str| sentence.header.is_some() && sentence.beside.contains(word);
    match aspect {
        Aspect::Fee => any(&["元", "免费", "不收", "收费", "费用", "免收", "价格"]) || headed("元"),
        Aspect::Time => {
            any(&[
                "当场",
                "即时",
                "即办",
                "立即",
                "按季度",
                "按月",
                "每年",
                "每季度",
            ]) || lasts(text)
        }
        Aspect::Phone => text.chars().filter(char::is_ascii_digit).count() >= 5,
        Aspect::Place => any(&[
            "号",
            "楼",
            "路",
            "窗口",
            "大厅",
            "中心",
            "派出所",
            "街道",
            "镇",
            "站",
            "办公室",
            "设在",
        ]),
        Aspect::Hours => any(&["全天", "24小时", "周一至", "每周"]) || digit && text.contains(':'),
        Aspect::Duration => any(&["按季度", "按月", "每年", "每季度", "长期"]) || lasts(text),
        Aspect::Deadline => any(&["持续推进", "每季度", "季度"]) || has_date(text),
        Aspect::Body => any(BODIES) || any(&["由", "承担", "负责"]),
        Aspect::Quantity => has_quantity(text),
        Aspect::Legal => any(&["《", "条例", "办法", "规定"]),
        Aspect::Materials | Aspect::Conditions | Aspect::Process => true,
    }
}

/// Whether a text states a length of time.
fn lasts(text: &str) -> bool {
    let units = ["日", "工作日", "小时", "分钟", "月", "年"];
    quantities(text)
        .iter()
        .any(|q| units.contains(&q.unit.as_str()))
}

/// Whether a text states a day, a month or a year of the calendar.
fn has_date(text: &str) -> bool {
    quantities(text).iter().any(|q| {
        let words = text.get(q.range.clone()).unwrap_or_default();
        let calendar = q.unit == "年" && q.millionths >= 1_900_000_000;
        let month = q.unit == "月" && !words.contains('个');
        calendar || month || q.unit == "日" && !words.contains('天')
    })
}
