//! The quality report of a version: what was found and where, what is proposed, what was accepted.

use std::ops::Range;

use zhisuan_web::{Markup, html};

use super::frame::{form, named, severity};
use super::visitor::Visitor;
use crate::kb::{Finding, Opened, Repair, Stage, VersionInfo, shown_repair};

/// Characters of text shown around a finding.
const AROUND: usize = 60;

/// The quality report; places are of the repaired text, proposed repairs are picked one by one.
pub(super) fn findings(visitor: &Visitor, opened: &Opened) -> Markup {
    let info = &opened.info;
    let any = info
        .findings
        .iter()
        .any(|finding| !finding.proposed.is_empty());
    let list = html! {
        ol.findings {
            @for (at, finding) in info.findings.iter().enumerate() {
                li {
                    p { (severity(finding.severity)) " " strong { (finding.message) }
                        @if finding.count > 1 { span.muted { " 共 " (finding.count) " 处" } } }
                    (excerpt(opened, finding))
                    (proposals(at, finding))
                }
            }
        }
    };
    html! {
        section.card aria-label="质量报告" {
            h2 { "质量报告" }
            @if info.findings.is_empty() {
                p { "没有发现问题。" }
            } @else if any && info.stage != Stage::Withdrawn {
                (form(visitor, "repair", &html! {
                    (named(&info.id))
                    (list)
                    button type="submit" { "接受勾选的修正" }
                    p.hint { "没有勾选的不改。修正后重新检查，并须由另一人核对后发布。" }
                }))
            } @else { (list) }
        }
    }
}

fn excerpt(opened: &Opened, finding: &Finding) -> Markup {
    let text = opened.text.as_str();
    let Range { start, end } = finding.range.clone();
    let Some(marked) = text.get(start..end) else {
        return html! {};
    };
    if end == 0 {
        return html! { p.muted { "整份文件" } };
    }
    let before: String = text
        .get(..start)
        .unwrap_or_default()
        .chars()
        .rev()
        .take(AROUND)
        .collect();
    let before: String = before.chars().rev().collect();
    let after: String = text
        .get(end..)
        .unwrap_or_default()
        .chars()
        .take(AROUND)
        .collect();
    let shown: String = marked.chars().take(4 * AROUND).collect();
    let place = opened.blocks.iter().find(|block| block.range.end > start);
    html! {
        blockquote.excerpt { "…" (before) mark { (shown) } (after) "…" }
        p.muted {
            "第 " (start) " 至 " (end) " 字节"
            @if let Some(block) = place { "，" (block.origin.words()) }
        }
    }
}

fn proposals(at: usize, finding: &Finding) -> Markup {
    html! {
        @if !finding.proposed.is_empty() {
            details.more open[finding.proposed.len() <= 5] {
                summary { "建议的修正（" (finding.proposed.len()) " 处）" }
                ul.proposals {
                    @for (n, repair) in finding.proposed.iter().enumerate() {
                        li {
                            label.radio {
                                input type="checkbox" name="pick" value={ (at) "." (n) "." (repair.start) } checked;
                                (replacement(repair))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What becomes of what, and why; long pieces are cut in the middle.
fn replacement(repair: &Repair) -> Markup {
    let repair = shown_repair(repair);
    html! {
        del { (cut(&repair.before)) } " → "
        @if repair.after.is_empty() { em { "删去" } } @else { ins { (cut(&repair.after)) } }
        span.muted { "　" (repair.reason) }
    }
}

fn cut(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 80 {
        return text.to_owned();
    }
    let head: String = chars.iter().take(40).collect();
    let tail: String = chars.iter().skip(chars.len() - 40).collect();
    format!("{head} …（共 {} 字）… {tail}", chars.len())
}

/// The repairs that were accepted.
pub(super) fn repairs(visitor: &Visitor, info: &VersionInfo) -> Markup {
    html! {
        @if !info.repairs.is_empty() {
            section.card {
                h2 { "已接受的修正（" (info.repairs.len()) " 处）" }
                ul.proposals {
                    @for repair in info.repairs.iter().take(200) { li { (replacement(repair)) } }
                }
                @if matches!(info.stage, Stage::Quarantined | Stage::Ready) {
                    (form(visitor, "drop_repairs", &html! {
                        (named(&info.id)) button.plain type="submit" { "撤回全部修正" }
                    }))
                }
            }
        }
    }
}
