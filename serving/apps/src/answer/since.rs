//! What became of an answer that was kept: its sources may have been withdrawn or be out of force.

use jiff::civil::Date;

use super::compose::{chinese_day, version_of};
use super::record::{Answer, Citation, Notice};
use crate::kb::Published;

/// What a reader of a kept answer must know of the time since, one notice for each source; pure.
/// Empty where the same would be said today.
pub fn since(answer: &Answer, now: &Published, today: Date) -> Vec<Notice> {
    let mut found: Vec<Notice> = Vec::new();
    let said = answer.sentences.iter().flat_map(|said| &said.citations);
    let sides = answer.conflicts.iter().flat_map(|one| &one.sides);
    for citation in said.chain(sides.map(|side| &side.citation)) {
        if found
            .iter()
            .any(|known| known.document == citation.document)
        {
            continue;
        }
        found.extend(of_source(citation, answer.as_of, now, today));
    }
    if found.is_empty() && answer.hashes.base != now.digest {
        found.push(Notice {
            document: String::new(),
            code: "base_changed".to_owned(),
            message: "知识库在此之后有新的发布，现在再问，回答可能不同。".to_owned(),
        });
    }
    found
}

fn of_source(cited: &Citation, as_of: Date, now: &Published, today: Date) -> Option<Notice> {
    let told = |code: &str, message: String| {
        Some(Notice {
            document: cited.document.clone(),
            code: code.to_owned(),
            message,
        })
    };
    let (title, number) = (&cited.title, cited.version);
    let Some(version) = version_of(now, cited) else {
        let message = format!("《{title}》第 {number} 版在这份回答之后已经撤下，不能再作为依据。");
        return told("withdrawn", message);
    };
    let then = version.state_on(as_of);
    if then != cited.state {
        let (was, is) = (cited.state.label(), then.label());
        let message = format!(
            "回答时《{title}》标为“{was}”，现在知道它在{}的效力是“{is}”。",
            chinese_day(as_of)
        );
        return told("state_changed", message);
    }
    let state = version.state_on(today);
    if then.holds() && !state.holds() {
        let message = format!("《{title}》现在的效力是“{}”。", state.label());
        return told("no_longer", message);
    }
    None
}
