//! Words that must not be in a knowledge base: personal numbers, and orders to a model.

use std::ops::Range;

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Repair, Severity};
use crate::kb::mask::{Masked, MaskedKind, mask_published};

/// Orders to a model instead of a reader, in simplified characters and lower case.
const ORDERS: [&str; 26] = [
    "忽略以上",
    "忽略上述指令",
    "忽略上面的",
    "忽略之前的",
    "忽略前面的",
    "忽略所有指令",
    "忽略系统",
    "无视以上",
    "无视之前",
    "无视上述",
    "你现在是一",
    "你现在扮演",
    "从现在起你",
    "作为人工智能助手，你",
    "作为ai助手",
    "请只回答",
    "请直接输出",
    "不要告诉用户",
    "系统提示词",
    "ignore previous instructions",
    "ignore all previous",
    "ignore the above",
    "disregard previous",
    "you are now",
    "<|im_start|>",
    "system prompt",
];

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(orders(looked));
    found.extend(numbers(looked));
    found
}

fn orders(looked: &Looked<'_>) -> Option<Finding> {
    // Lower case of ASCII only, so that bytes stay where they are.
    let words = looked.words.to_ascii_lowercase();
    let mut places: Vec<Range<usize>> = Vec::new();
    for order in ORDERS {
        let at = words.match_indices(order);
        places.extend(at.map(|(at, _)| at..at + order.len()));
    }
    places.sort_by_key(|place| place.start);
    let first = places.first()?.clone();
    let sample = looked.around(&first);
    let message = format!(
        "{} 处是写给模型的指令而不是给读者的内容（第一处在第 {} 段“{sample}”）；系统从不执行文中的指令，但请核对文件来源，删去后再发布",
        places.len(),
        looked.paragraph(first.start)
    );
    let count = places.len();
    Some(Finding::new(
        FindingKind::Instruction,
        Severity::Suspicious,
        first,
        count,
        &sample,
        message,
    ))
}

fn numbers(looked: &Looked<'_>) -> Option<Finding> {
    let masked = mask_published(looked.text);
    let first = masked.found.first()?.1.clone();
    let mut kinds: Vec<&str> = masked.found.iter().map(|(kind, _)| kind.label()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let proposed = masks(looked.text, &masked);
    let grave = masked.found.iter().any(|(kind, _)| is_grave(*kind));
    let severity = if grave {
        Severity::Blocking
    } else {
        Severity::Suspicious
    };
    let message = format!(
        "有 {} 处个人号码（{}），已拟好遮盖；确属本单位公开的联系方式，请在号码前写明“电话”等字样，否则遮盖后再发布",
        masked.found.len(),
        kinds.join("、")
    );
    // The sample must not show what is to be hidden.
    let sample = proposed
        .first()
        .map_or("", |repair| repair.after.as_str())
        .to_owned();
    let count = masked.found.len();
    let kind = FindingKind::PersonalNumber;
    let mut finding = Finding::new(kind, severity, first, count, &sample, message);
    finding.proposed = proposed;
    Some(finding)
}

/// What hides each number. One character stands for one, so that both texts are walked together.
fn masks(text: &str, masked: &Masked) -> Vec<Repair> {
    let mut pairs = text.char_indices().zip(masked.text.chars()).peekable();
    let mut repairs = Vec::new();
    for (kind, range) in masked.found.iter().take(super::MOST_PLACES) {
        while pairs.next_if(|((at, _), _)| *at < range.start).is_some() {}
        let hidden = std::iter::from_fn(|| pairs.next_if(|((at, _), _)| *at < range.end));
        let after: String = hidden.map(|(_, char)| char).collect();
        let before = text.get(range.clone()).unwrap_or_default();
        if after != before {
            repairs.push(Repair {
                start: range.start,
                before: before.to_owned(),
                after,
                reason: format!("遮盖{}", kind.label()),
            });
        }
    }
    repairs
}

/// Numbers that no office has a reason to publish.
fn is_grave(kind: MaskedKind) -> bool {
    matches!(kind, MaskedKind::Identity | MaskedKind::Card)
}
