//! Pure: document numbers, titles, issuing bodies and places, as official texts write them.

use std::ops::Range;

use crate::kb::script::{is_han, simplified};

/// Endings of the names of official texts.
pub(super) const KINDS: [&str; 24] = [
    "通知", "意见", "办法", "方案", "规划", "公告", "规定", "决定", "细则", "指南", "条例", "通告",
    "批复", "报告", "须知", "计划", "措施", "规则", "章程", "目录", "清单", "制度", "纲要", "标准",
];

/// Endings of the names of bodies.
const BODIES: [&str; 22] = [
    "人民政府",
    "办公室",
    "办公厅",
    "委员会",
    "行政公署",
    "公署",
    "管理局",
    "政府",
    "局",
    "厅",
    "委",
    "处",
    "中心",
    "法院",
    "检察院",
    "领导小组",
    "指挥部",
    "集团",
    "银行",
    "学校",
    "医院",
    "大厅",
];

/// The document number that a line is: `阿署发〔2024〕21号`, with nothing else on it.
pub(crate) fn document_number(line: &str) -> Option<String> {
    let text: String = line.chars().filter(|char| !char.is_whitespace()).collect();
    let open = text.find(['〔', '[', '［', '(', '（', '【'])?;
    let prefix = text.get(..open)?;
    let named = prefix.chars().count();
    if !(2..=16).contains(&named) || !prefix.chars().all(is_han) {
        return None;
    }
    let inside = text.get(open..)?;
    let mut chars = inside.chars().skip(1);
    let year: String = chars.by_ref().take(4).collect();
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if !chars.next().is_some_and(|char| "〕]］)）】".contains(char)) {
        return None;
    }
    let rest: String = chars.collect();
    let serial = rest.strip_suffix(['号', '號'])?;
    let serial = serial.strip_prefix('第').unwrap_or(serial);
    let digits = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_digit());
    (digits && serial.len() <= 5).then_some(text)
}

/// Words that call a text a draft, in a title's brackets or at its end.
const DRAFTS: [&str; 7] = [
    "草案",
    "征求意见稿",
    "审议稿",
    "送审稿",
    "讨论稿",
    "初稿",
    "公示稿",
];

/// The word by which a title in simplified characters calls its text a draft, and its place:
/// `条例（修订草案）`, `办法（草案二次审议稿）`, `条例草案`. A report on a draft is none.
pub(crate) fn draft_word(title: &str) -> Option<Range<usize>> {
    let end = title.trim_end_matches(['》', '”', '"', ' ', '）', ')']);
    let first = |from: usize, text: &str| {
        let found = DRAFTS
            .iter()
            .filter_map(|word| Some((text.find(word)?, *word)));
        let (at, word) = found.min()?;
        Some(from + at..from + at + word.len())
    };
    let mut brackets = title.match_indices(['(', '（']);
    let inside = brackets.find_map(|(at, open)| {
        let from = at + open.len();
        let rest = title.get(from..)?;
        first(from, rest.split([')', '）']).next()?)
    });
    inside.or_else(|| {
        let word = DRAFTS.iter().find(|word| end.ends_with(*word))?;
        Some(end.len() - word.len()..end.len())
    })
}

/// Whether a line in simplified characters can be the title of a text.
pub(crate) fn is_title(line: &str) -> bool {
    let chars = line.chars().count();
    if !(6..=100).contains(&chars) || line.contains(['。', '；', ';', '|', '>', '：', ':', '→'])
    {
        return false;
    }
    let bare = without_brackets(line);
    let bare = DRAFTS
        .iter()
        .find_map(|word| bare.strip_suffix(word))
        .unwrap_or(bare);
    let bare = bare.strip_suffix("修订").unwrap_or(bare);
    KINDS.iter().any(|kind| bare.ends_with(kind))
}

/// The line without a bracketed remark at its end: `…办法（征求意见稿）`, `…方案(2024—2026年)`.
pub(super) fn without_brackets(line: &str) -> &str {
    let line = line.trim();
    if !line.ends_with([')', '）']) {
        return line;
    }
    line.rfind(['(', '（'])
        .and_then(|at| line.get(..at))
        .map_or(line, str::trim_end)
}

/// The body that a title names as its issuer: what stands before `关于`. In simplified characters.
pub(crate) fn issuer_of_title(title: &str) -> Option<&str> {
    let at = title.find("关于")?;
    let body = title.get(..at)?.trim();
    is_body(body).then_some(body)
}

/// Whether a line can be the name of a body.
pub(super) fn is_body(line: &str) -> bool {
    let chars = line.chars().count();
    let plain = |char: char| is_han(char) || char == '、';
    (4..=30).contains(&chars)
        && line.chars().all(plain)
        && BODIES.iter().any(|ending| line.ends_with(ending))
}

/// Beginnings that name no place of their own.
const VAGUE: [&str; 20] = [
    "全市", "本市", "我市", "各市", "城市", "全区", "我区", "各区", "地区", "城区", "社区", "园区",
    "全旗", "各旗", "我旗", "全盟", "我盟", "全县", "我县", "各县",
];

/// The place that a name begins with: `乌海市人民政府` is of 乌海市, `内蒙古自治区…` of the region.
pub(crate) fn place_of(name: &str) -> Option<&str> {
    let folded = simplified(name);
    let mut place = None;
    for (count, (at, char)) in folded.char_indices().enumerate().take(16) {
        if !is_han(char) {
            break;
        }
        let end = at + char.len_utf8();
        let (head, rest) = folded.split_at(end);
        // 市场, 区域, 市级, 县长 are words of their own.
        let word = rest.starts_with(['场', '域', '级', '长']);
        let ends = matches!(char, '省' | '市' | '县' | '旗' | '盟' | '州' | '区');
        if !ends || count < 2 || word || VAGUE.contains(&head) {
            continue;
        }
        place = Some(end);
        let holds_more = matches!(char, '省' | '州' | '盟' | '市') || head.ends_with("自治区");
        if !holds_more {
            break;
        }
    }
    place.and_then(|end| name.get(..end))
}

#[cfg(test)]
mod tests {
    use super::{document_number, is_body, is_title, issuer_of_title, place_of};

    #[test]
    fn numbers_stand_alone_on_their_line() {
        assert_eq!(
            document_number(" 阿署发〔2024〕21号 ").as_deref(),
            Some("阿署发〔2024〕21号")
        );
        assert!(document_number("烏海政發〔2022〕21號").is_some());
        for text in [
            "根据(内政发〔2024〕12号)要求",
            "〔2024〕1号",
            "2024年第6期",
            "号",
        ] {
            assert_eq!(document_number(text), None, "{text}");
        }
    }

    #[test]
    fn titles_and_bodies_are_told() {
        let title = "准格尔旗人民政府办公室关于印发数字规划的通知";
        assert!(is_title(title));
        assert_eq!(issuer_of_title(title), Some("准格尔旗人民政府办公室"));
        assert!(is_title("数字行动方案(2024—2026年)"));
        assert!(!is_title("现将方案印发给你们，请认真贯彻执行。"));
        assert!(is_body("乌海市行政审批政务服务与数据管理局"));
        assert!(!is_body("各旗人民政府,市政府各部门"));
    }

    #[test]
    fn places_begin_names() {
        for (name, place) in [
            ("乌海市人民政府", Some("乌海市")),
            ("烏海市人民政府", Some("烏海市")),
            ("准格尔旗人民政府办公室", Some("准格尔旗")),
            ("云麓市公安局", Some("云麓市")),
            ("市政府办公室", None),
            ("国务院办公厅", None),
            ("内蒙古自治区人民政府", Some("内蒙古自治区")),
        ] {
            assert_eq!(place_of(name), place, "{name}");
        }
    }
}
