//! Pure: what a text is about, by its title.

use crate::kb::script::{bare, simplified};

/// Endings of titles that say what kind of text it is.
const ENDS: [&str; 22] = [
    "的通知",
    "的公告",
    "的意见",
    "办事指南",
    "服务指南",
    "申请指南",
    "办理指南",
    "使用指南",
    "办理须知",
    "须知",
    "指南",
    "管理办法",
    "暂行办法",
    "实施办法",
    "试行办法",
    "办法",
    "实施细则",
    "细则",
    "规定",
    "通告",
    "申请",
    "办理",
];

/// What a title is about, without the issuer before it and the kind of text behind it.
pub fn matter(title: &str) -> String {
    shortened(&bare(title)).to_owned()
}

/// Whether a title is that of a plan: what a government means to do, which nobody can apply for.
pub(crate) fn is_plan(title: &str) -> bool {
    const PLANS: [&str; 6] = ["规划", "纲要", "计划", "方案", "工作要点", "行动"];
    let named = subject(title);
    PLANS.iter().any(|plan| named.ends_with(plan))
}

/// The same for people to read, in simplified characters: 居住证申领 of
/// 《居住证申领办事指南（试行）》.
pub(crate) fn subject(title: &str) -> String {
    let title = simplified(title);
    let named = title.split(['（', '(']).next().unwrap_or(&title);
    let marks = ['《', '》', '“', '”', '「', '」', ' '];
    let short = shortened(named.trim_matches(marks)).trim_matches(marks);
    let short = if short.is_empty() { &title } else { short };
    short.to_owned()
}

fn shortened(title: &str) -> &str {
    let told = title
        .rsplit_once("关于印发")
        .map_or(title, |(_, rest)| rest);
    let mut told = told.rsplit_once("关于").map_or(told, |(_, rest)| rest);
    while let Some(shorter) = ENDS.iter().find_map(|end| told.strip_suffix(end)) {
        if shorter.is_empty() {
            break;
        }
        told = shorter;
    }
    told
}

/// Whether a sentence names the matter of its title: a word of two characters that is in both.
pub(super) fn names(subject: &str, matter: &str) -> bool {
    const VAGUE: [&str; 10] = [
        "管理", "服务", "申请", "办理", "登记", "工作", "使用", "中心", "规定", "标准",
    ];
    let chars: Vec<char> = matter.chars().collect();
    chars.windows(2).any(|pair| {
        let word: String = pair.iter().collect();
        !VAGUE.contains(&word.as_str()) && subject.contains(&word)
    })
}
