//! Pure: fields that somebody wrote down, into the head.

use jiff::civil::Date;

use super::dates::whole_date;
use super::{Declared, HandOver, Head, Period};
use crate::kb::extract::{Extract, Format};
use crate::kb::script::simplified;

/// Puts a field of a head or of a page's metadata where it belongs; a value that is there already
/// stays. What is not understood is left alone: the quality gate compares and tells.
pub(super) fn put(head: &mut Head, label: &str, value: &str) {
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    let text = || Some(value.to_owned());
    match label {
        "标题" | "title" if head.title.is_empty() => value.clone_into(&mut head.title),
        "索引号" => keep(&mut head.index_number, text()),
        "文号" => keep(&mut head.number, text()),
        "发布机构" => keep(&mut head.issuer, text()),
        "适用地区" => keep(&mut head.place, text()),
        "信息分类" => keep(&mut head.class, text()),
        "主题" => keep(&mut head.theme, text()),
        "示例" => keep(&mut head.sample_question, text()),
        "许可" => keep(&mut head.licence, text()),
        "成文日期" => keep(&mut head.written, whole_date(value)),
        "公开日期" => keep(&mut head.published, whole_date(value)),
        "生效日期" => keep(&mut head.effective, whole_date(value)),
        "失效日期" => keep(&mut head.repealed, whole_date(value)),
        "规划期" => keep(&mut head.period, period(value)),
        "状态" if head.declared == Declared::Unstated => head.declared = declared(value),
        "代替" => {
            let names = value.split(['、', ';', '；']).map(str::trim);
            let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
            head.supersedes.extend(names);
        }
        "转人工电话" => {
            let counter = head.hand_over.take().and_then(|known| known.counter);
            let phone = value.to_owned();
            head.hand_over = Some(HandOver { phone, counter });
        }
        "转人工窗口" => {
            let known = head.hand_over.take();
            head.hand_over = Some(HandOver {
                phone: known.map(|known| known.phone).unwrap_or_default(),
                counter: text(),
            });
        }
        _ => {}
    }
}

fn keep<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// The names that a head may use for its fields, as they are put here.
pub(super) fn declared_label(key: &str) -> Option<&'static str> {
    const KEYS: [&str; 11] = [
        "适用地区",
        "主题",
        "示例",
        "许可",
        "规划期",
        "转人工电话",
        "转人工窗口",
        "成文日期",
        "公开日期",
        "生效日期",
        "失效日期",
    ];
    let folded = simplified(key.trim());
    if folded == "title" {
        return Some("title");
    }
    let known = KEYS.into_iter().find(|known| *known == folded);
    known.or_else(|| super::lines::label(&folded))
}

/// The state that a word declares.
pub(super) fn declared(value: &str) -> Declared {
    let word = simplified(value.trim());
    let is = |words: &[&str]| words.iter().any(|known| word == *known);
    if is(&["草案", "征求意见稿", "征求意见", "未生效", "草稿"]) {
        Declared::Draft
    } else if is(&["现行", "有效", "现行有效", "继续有效", "修改有效", "已修改"])
    {
        Declared::InForce
    } else if is(&["失效", "废止", "已废止", "已失效", "宣布失效", "无效"]) {
        Declared::Repealed
    } else {
        Declared::Unstated
    }
}

/// Years such as `2024—2026年`, `2021-2025`.
pub(super) fn period(text: &str) -> Option<Period> {
    let mut years: Vec<(i16, usize, usize)> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes
            .iter()
            .skip(at)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if run == 4
            && let Some(year) = text.get(at..at + 4).and_then(|year| year.parse().ok())
            && (1980..=2100).contains(&year)
        {
            years.push((year, at, at + 4));
        }
        at += run.max(1);
    }
    years.windows(2).find_map(|pair| {
        let [(from, _, end), (to, start, _)] = pair else {
            return None;
        };
        let between = text.get(*end..*start)?.trim_matches('年');
        let dash = ["-", "—", "–", "－", "~", "～", "至", "——", "到"].contains(&between.trim());
        (dash && from < to).then_some(Period {
            from: *from,
            to: *to,
        })
    })
}

/// The years of a five-year plan that a title names.
pub(super) fn plan_period(title: &str) -> Option<Period> {
    let plans = [("十三五", 2016), ("十四五", 2021), ("十五五", 2026)];
    let named = plans.into_iter().find(|(name, _)| title.contains(name));
    named.map(|(_, from)| Period { from, to: from + 4 })
}

/// Whether somebody wrote the state into the text's head on purpose.
pub(crate) fn declares_state(extract: &Extract) -> bool {
    let mut fields = extract.declared.iter();
    fields.any(|(key, value)| declared_label(key) == Some("状态") && !value.trim().is_empty())
}

/// Fields of a head whose values cannot be understood: key and value.
pub(crate) fn unread_fields(extract: &Extract) -> Vec<(String, String)> {
    let unread = |(key, value): &&(String, String)| {
        let value = value.trim();
        !value.is_empty()
            && match declared_label(key) {
                Some("成文日期" | "公开日期" | "生效日期" | "失效日期") => {
                    whole_date(value).is_none()
                }
                Some("状态") => {
                    declared(value) == Declared::Unstated && simplified(value) != "未注明"
                }
                Some("规划期") => period(value).is_none(),
                _ => false,
            }
    };
    extract.declared.iter().filter(unread).cloned().collect()
}

/// Fields of a head that somebody wrote and nobody knows.
pub(crate) fn unknown_keys(extract: &Extract) -> Vec<String> {
    if !matches!(extract.format, Format::Text | Format::Markdown) {
        return Vec::new();
    }
    let keys = extract.declared.iter().map(|(key, _)| key);
    let unknown = keys.filter(|key| declared_label(key).is_none());
    unknown.take(20).cloned().collect()
}

/// The day on which a text began to hold that says so only by its own publishing.
pub(super) fn own_day(head: &Head) -> Option<Date> {
    head.published.or(head.written)
}
