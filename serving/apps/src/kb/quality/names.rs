//! A name that does not belong: spam in the place of a place's name.

use std::ops::Range;

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Repair, Severity};
use crate::kb::head::place_of;
use crate::kb::script::{is_han, simplified};

/// Bodies whose names begin with the name of their place.
const BODIES: [&str; 5] = ["行政公署", "人民政府", "政府办公室", "政府办公厅", "公署"];
/// Endings of the names of places.
const PLACES: [char; 10] = ['省', '市', '县', '区', '旗', '盟', '州', '乡', '镇', '院'];
/// Words of pages that are put into hacked sites.
const SPAM: [&str; 20] = [
    "足球网",
    "彩票",
    "博彩",
    "娱乐城",
    "六合彩",
    "时时彩",
    "棋牌",
    "赌场",
    "赌博",
    "体育直播",
    "葡京",
    "百家乐",
    "老虎机",
    "私服",
    "代孕",
    "裸聊",
    "成人视频",
    "代开发票",
    "刷单",
    "网贷口子",
];
/// Words of those who act against such things.
const AGAINST: [&str; 12] = [
    "打击",
    "禁止",
    "整治",
    "防范",
    "查处",
    "取缔",
    "严禁",
    "治理",
    "举报",
    "不得",
    "违法",
    "公益金",
];
/// The three leagues of the country, whose administrations are 行政公署, by the first character of
/// their document numbers.
const LEAGUES: [(char, &str); 3] = [('阿', "阿拉善盟"), ('兴', "兴安盟"), ('锡', "锡林郭勒盟")];
/// A name in the place of a place's name is told from so many places on.
const OFTEN: usize = 5;

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    if let Some(found) = in_the_place_of_a_name(looked) {
        return vec![found];
    }
    spam(looked).into_iter().collect()
}

/// The issuer's name begins with something that is no place, and the text is full of it.
fn in_the_place_of_a_name(looked: &Looked<'_>) -> Option<Finding> {
    let issuer = looked.head.issuer.as_deref().unwrap_or_default();
    let issuer = simplified(issuer);
    let body = BODIES.into_iter().find(|body| issuer.ends_with(body))?;
    let name = issuer.strip_suffix(body)?;
    let chars = name.chars().count();
    let is_place = name.ends_with(PLACES) || place_of(name).is_some();
    if is_place || !(3..=12).contains(&chars) || !name.chars().all(is_han) {
        return None;
    }
    let places: Vec<usize> = looked.words.match_indices(name).map(|(at, _)| at).collect();
    if places.len() < OFTEN {
        return None;
    }
    let number = looked
        .head
        .number
        .as_deref()
        .map(simplified)
        .unwrap_or_default();
    let initial = number.chars().next().filter(|char| is_han(*char));
    let foreign = initial.filter(|char| !name.contains(*char));
    let proper = foreign.filter(|_| body == "行政公署").and_then(|initial| {
        let known = LEAGUES.iter().find(|(char, _)| *char == initial);
        known.map(|(_, name)| *name)
    });
    let count = places.len();
    let against = foreign.map_or(String::new(), |initial| {
        format!("；文号“{number}”以“{initial}”开头，与它不符")
    });
    let proposed = proposals(looked, name, body, proper, &number);
    let advice = match proper {
        Some(proper) => {
            let stem = proper.trim_end_matches('盟');
            let elsewhere = looked.words.matches(stem).count();
            let sure = proposed.len();
            format!(
                "，代字如此的{body}是{proper}（文中另有 {elsewhere} 处“{stem}”）。上下文能确定的 {sure} 处已拟好改法，其余请对照原件逐处改正，不能一律替换"
            )
        }
        None => "；请对照原件逐处改正，不能一律替换".to_owned(),
    };
    let message = format!("“{name}”出现 {count} 处，占了地名的位置，却不是地名{against}{advice}");
    let first = places.first().copied().unwrap_or(0);
    let range = first..first + name.len();
    let kind = FindingKind::IntrudingName;
    let mut finding = Finding::new(kind, Severity::Blocking, range, count, name, message);
    finding.proposed = proposed;
    Some(finding)
}

/// Repairs of those places whose context leaves one reading.
fn proposals(
    looked: &Looked<'_>,
    name: &str,
    body: &str,
    proper: Option<&str>,
    number: &str,
) -> Vec<Repair> {
    let own = own_plan(looked, name, body);
    let mut found = Vec::new();
    for (at, _) in looked.words.match_indices(name).take(super::MOST_PLACES) {
        let before = looked.words.get(..at).unwrap_or_default();
        let after = looked.words.get(at + name.len()..).unwrap_or_default();
        let by_place = || {
            let proper = proper?;
            let own_body = after.starts_with(body);
            let own_text = own.as_deref().is_some_and(|own| after.starts_with(own));
            let here = before.ends_with("结合") && after.starts_with("实际");
            (own_body || own_text || here).then(|| {
                let reason = format!("文号“{number}”的代字和“{body}”表明发文机关属{proper}");
                (proper, reason)
            })
        };
        let by_phrase = || {
            let thought = after.starts_with("新时代中国特色社会主义思想");
            let leader = after.starts_with("总书记");
            let reason = "固定提法被植入词替换".to_owned();
            (thought || leader).then_some(("习近平", reason))
        };
        if let Some((right, reason)) = by_place().or_else(by_phrase) {
            let range = at..at + name.len();
            found.push(Repair {
                start: at,
                before: looked.text.get(range).unwrap_or_default().to_owned(),
                after: right.to_owned(),
                reason,
            });
        }
    }
    found
}

/// What follows the name in the title of the text's own plan: `关于印发X数字政府建设工作方案的通知`.
fn own_plan(looked: &Looked<'_>, name: &str, body: &str) -> Option<String> {
    let title = simplified(&looked.head.title);
    let after_issuer = title.split_once(body)?.1;
    let plan = after_issuer.split_once(name)?.1;
    let plan = plan.strip_suffix("的通知").unwrap_or(plan);
    (plan.chars().count() >= 4).then(|| plan.to_owned())
}

/// Words of hacked pages, where nobody acts against what they name.
fn spam(looked: &Looked<'_>) -> Option<Finding> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for word in SPAM {
        for (at, _) in looked.words.match_indices(word).take(super::MOST_PLACES) {
            let range = at..at + word.len();
            let near = looked.around(&range);
            let near = simplified(&near);
            if !AGAINST.iter().any(|against| near.contains(against)) {
                places.push(range);
            }
        }
    }
    places.sort_by_key(|place| place.start);
    let first = places.first()?.clone();
    let sample = looked.around(&first);
    let message = format!(
        "{} 处像是网站被入侵后植入的字句（第一处在第 {} 段“{sample}”）；请对照原件删改",
        places.len(),
        looked.paragraph(first.start)
    );
    let count = places.len();
    Some(Finding::new(
        FindingKind::IntrudingName,
        Severity::Suspicious,
        first,
        count,
        &sample,
        message,
    ))
}
