//! Lines of a web page that belong to the page and not to the text: menus, share buttons, feet.

use crate::kb::extract::{Block, BlockKind};

/// A line longer than this, in bytes, is text whatever words it holds.
const LONGEST: usize = 240;
/// A line between two pieces of furniture is furniture up to this many bytes.
const LONGEST_BETWEEN: usize = 90;

/// Words that only pages have, in both scripts.
const WORDS: [&str; 38] = [
    "网站地图",
    "網站地圖",
    "设为首页",
    "設為首頁",
    "加入收藏",
    "分享到",
    "上一条",
    "上一條",
    "下一条",
    "下一條",
    "上一篇",
    "下一篇",
    "文件下载",
    "文件下載",
    "ICP备",
    "ICP備",
    "公网安备",
    "公網安備",
    "网站标识码",
    "網站標識碼",
    "网站维护电话",
    "網站維護電話",
    "当前位置",
    "当前的位置",
    "现在的位置",
    "當前位置",
    "触碰右侧",
    "浏览次数",
    "扫一扫",
    "返回顶部",
    "关闭窗口",
    "打印本页",
    "版权所有",
    "版權所有",
    "无障碍浏览",
    "【打印】",
    "【关闭】",
    "我要纠错",
];

/// Whether a trimmed line is page furniture.
pub(super) fn is_furniture(line: &str) -> bool {
    if line.len() > LONGEST {
        return false;
    }
    let has = |word: &str| line.contains(word);
    WORDS.iter().any(|word| has(word))
        || is_publishing_line(line)
        || is_breadcrumb(line)
        || is_page_number(line)
        || (has("主办") && has("维护"))
        || (has("主辦") && has("維護"))
}

/// `发布时间:2023年03月31日 作者: 来源:`: said of the page, not by the text.
fn is_publishing_line(line: &str) -> bool {
    let labels = [
        "发布时间",
        "發布時間",
        "发布日期",
        "作者",
        "来源",
        "來源",
        "字体",
        "字號",
        "打印",
    ];
    let labelled = |label: &&&str| {
        line.find(**label).is_some_and(|at| {
            let after = line.get(at + label.len()..).unwrap_or_default();
            after.trim_start().starts_with([':', '：'])
        })
    };
    labels.iter().filter(labelled).count() >= 2
}

/// `首页 > 政务公开 > 文件`.
fn is_breadcrumb(line: &str) -> bool {
    let parts = line.split(['>', '»', '＞', '›']);
    let short = |part: &str| part.chars().count() <= 16;
    parts.clone().count() >= 3 && parts.clone().all(short) && !line.contains('。')
}

/// `- 3 -`, `第 3 页`, `3/12`.
fn is_page_number(line: &str) -> bool {
    let inner = line.trim_matches(['-', '—', '–', ' ', '·']);
    let inner = inner.strip_prefix('第').unwrap_or(inner);
    let (inner, paged) = match inner.find('页') {
        Some(at) => (inner.get(..at).unwrap_or_default(), true),
        None => (inner, false),
    };
    let number = |part: &str| {
        let part = part.trim();
        !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let dashed = line.len() > inner.len() && number(inner) && !line.starts_with('第');
    let of_total = inner
        .split_once('/')
        .is_some_and(|(page, total)| number(page) && number(total));
    (paged && number(inner)) || (dashed && line.starts_with(['-', '—', '–'])) || of_total
}

/// Makes a short paragraph furniture where furniture, or the end of the page, is on both sides.
pub(super) fn settle(text: &str, blocks: &mut [Block]) {
    let is = |block: Option<&Block>| block.is_none_or(|b| b.kind == BlockKind::Furniture);
    for at in 0..blocks.len() {
        let before = at.checked_sub(1).and_then(|before| blocks.get(before));
        let surrounded = is(before) && is(blocks.get(at + 1)) && blocks.len() > 1;
        let Some(block) = blocks.get_mut(at) else {
            continue;
        };
        let line = text.get(block.range.clone()).unwrap_or_default();
        let plain = block.kind == BlockKind::Paragraph || block.kind == BlockKind::ListItem;
        let ends = line.ends_with(['。', '！', '？', '；']);
        if surrounded && plain && line.len() <= LONGEST_BETWEEN && !ends {
            block.kind = BlockKind::Furniture;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_furniture;

    #[test]
    fn pages_are_told_from_texts() {
        for line in [
            "网站地图|设为首页|加入收藏",
            "您当前的位置:首页",
            "首页 > 政务公开 > 政府文件",
            "发布时间:2023年03月31日        作者:        来源:",
            "乌海市人民政府办公室 主办 乌海市大数据中心 维护",
            "烏海市人民政府 主辦 烏海市大數據中心 維護",
            "- 3 -",
            "第 12 页 共 30 页",
        ] {
            assert!(is_furniture(line), "{line}");
        }
        for line in [
            "一、总体要求",
            "2023年3月25日",
            "办理时限：5个工作日",
            "来源：国家统计局数据显示",
            "GPU > CPU",
            "3",
            "第三条",
        ] {
            assert!(!is_furniture(line), "{line}");
        }
    }
}
