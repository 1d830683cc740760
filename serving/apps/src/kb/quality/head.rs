//! Fields of the head that contradict each other or the text, and fields nobody can read.

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Severity};
use crate::kb::head::{
    Declared, issuer_of_title, place_of, unknown_keys, unread_fields, unread_term,
};
use crate::kb::script::{bare, simplified};

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    let head = looked.head;
    let mut found: Vec<(Severity, String, String)> = Vec::new();
    for (key, value) in unread_fields(looked.extract) {
        let message =
            format!("文首“{key}: {value}”看不懂：日期请写成 2025-01-31，状态请写现行、草案或失效");
        found.push((Severity::Suspicious, value, message));
    }
    for key in unknown_keys(looked.extract) {
        let message = format!("文首没有名为“{key}”的字段，这一行没有用到；请检查写法");
        found.push((Severity::Note, key, message));
    }
    if let (Some(first), Some(end)) = (head.effective, head.repealed)
        && end < first
    {
        let message = format!("失效日期 {end} 早于生效日期 {first}；请核对原件更正其一");
        found.push((Severity::Suspicious, end.to_string(), message));
    }
    if let (Some(written), Some(published)) = (head.written, head.published)
        && published < written
    {
        let message = format!("公开日期 {published} 早于成文日期 {written}；请核对原件更正其一");
        found.push((Severity::Suspicious, published.to_string(), message));
    }
    found.extend(term(looked));
    found.extend(year_of_number(looked));
    found.extend(places(looked));
    found.extend(missing(looked));
    let kind = FindingKind::HeadContradiction;
    let all = found.into_iter();
    all.map(|(severity, sample, message)| {
        let start = looked.text.find(&sample).unwrap_or(0);
        let range = start
            ..start
                + if sample.is_empty() || start == 0 {
                    0
                } else {
                    sample.len()
                };
        Finding::new(kind, severity, range, 1, &sample, message)
    })
    .collect()
}

type Told = (Severity, String, String);

/// A term whose end is not known: the text would be told as in force for ever.
fn term(looked: &Looked<'_>) -> Option<Told> {
    let place = unread_term(looked.head, &looked.words)?;
    let rest = looked.text.get(place.start..)?;
    let sample: String = rest.split(['。', '\n']).next()?.chars().take(30).collect();
    let message = format!(
        "写明了有效期（“{sample}”），但读不出哪一天失效；请核对原件，在文件信息里填写失效日期"
    );
    Some((Severity::Suspicious, sample, message))
}

/// A number of another year than the text.
fn year_of_number(looked: &Looked<'_>) -> Option<Told> {
    let number = looked.head.number.as_ref()?;
    let written = looked.head.written?;
    let inside = number.split(['〔', '[', '［', '(', '（', '【']).nth(1)?;
    let year: i16 = inside.get(..4)?.parse().ok()?;
    // Papers of the last days of a year may be numbered in the next.
    ((written.year() - year).abs() > 1).then(|| {
        let message = format!("文号“{number}”是 {year} 年的，落款却是 {written}；请核对文号和日期");
        (Severity::Suspicious, number.clone(), message)
    })
}

/// Issuer, title and place that are of different places.
fn places(looked: &Looked<'_>) -> Option<Told> {
    let head = looked.head;
    let issuer = head.issuer.as_deref()?;
    let of_issuer = place_of(issuer).map(bare);
    let folded = simplified(&head.title);
    let by_title = issuer_of_title(&folded);
    let of_title = by_title.and_then(place_of).map(bare);
    let of_place = head.place.as_deref().map(bare);
    let differ = |one: &Option<String>, two: &Option<String>| match (one, two) {
        (Some(one), Some(two)) => !one.contains(two.as_str()) && !two.contains(one.as_str()),
        _ => false,
    };
    if differ(&of_issuer, &of_title) {
        let message = format!(
            "发布机构“{issuer}”与标题中的发文机关“{}”不是一个地方的；请核对发布机构",
            by_title.unwrap_or_default()
        );
        return Some((Severity::Suspicious, issuer.to_owned(), message));
    }
    // A county's text may say that it applies in the county of its city; another city's may not.
    (differ(&of_issuer, &of_place)).then(|| {
        let place = head.place.clone().unwrap_or_default();
        let message =
            format!("适用地区“{place}”与发布机构“{issuer}”不是一个地方；请核对，以免答非本地");
        (Severity::Suspicious, place, message)
    })
}

/// A text that does not say who issued it, nor under which number, nor whether it holds.
fn missing(looked: &Looked<'_>) -> Option<Told> {
    let head = looked.head;
    let mut lacks = Vec::new();
    if head.issuer.is_none() {
        lacks.push("发布机构");
    }
    if head.number.is_none() {
        lacks.push("文号");
    }
    if head.declared == Declared::Unstated {
        lacks.push("效力状态");
    }
    (lacks.len() == 3).then(|| {
        let message = format!(
            "没有写明{}；回答会注明“效力未注明”，请补齐文首信息",
            lacks.join("、")
        );
        (Severity::Note, String::new(), message)
    })
}
