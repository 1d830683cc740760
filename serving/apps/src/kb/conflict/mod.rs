//! What texts in force state about one thing, and where they contradict each other.
//!
//! A fact is taken only where a sentence leaves no doubt: it is compared with sentences that say
//! the same in every word but the amounts, or that state the only amount of their kind about the
//! same matter. Conditions such as 首次 and 补办 make sentences different. So contradictions may be
//! missed, and what is named as one can be trusted.

mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;

pub use value::Value;

use super::passage::SectionKind;
use super::published::Published;
use super::script::{bare, is_han};
use super::state::State;
use super::version::{Version, VersionId};
use value::values;

/// A sentence says the same in other words only about these.
const ATTRIBUTES: [(SectionKind, &str, &[&str]); 4] = [
    (SectionKind::Time, "办理时限", &["工作日", "日", "小时"]),
    (SectionKind::Fee, "收费标准", &["元"]),
    (SectionKind::Standard, "标准", &["元", "%"]),
    (SectionKind::Period, "期限", &["年", "月", "日"]),
];
/// Characters that change nothing about what is stated.
const EMPTY: &str = "的为是在按应当可以由于内共约即每个了及并且其中均将收取办理予以为";
/// A frame of fewer characters says too little to be the same thing by itself.
const LEAST_FRAME: usize = 6;

/// What one sentence states.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fact {
    /// What it is about: the sentence without its amounts and without words that say nothing.
    pub subject: String,
    /// Its amounts, in order.
    pub values: Vec<Value>,
    /// The amounts as they stand there.
    pub words: String,
}

/// Texts that state different things about one matter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contradiction {
    /// The matter, for people.
    pub about: String,
    /// What each text states, ordered by version.
    pub sides: Vec<Claim>,
}

/// What one text states, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The version.
    pub version: VersionId,
    /// Bytes of its sentence.
    pub range: Range<usize>,
    /// The amounts as they stand there.
    pub value: String,
}

/// What a sentence states, if it states amounts.
pub fn fact(sentence: &str) -> Option<Fact> {
    let found = values(sentence);
    if found.is_empty() {
        return None;
    }
    let mut frame = String::new();
    let mut words: Vec<&str> = Vec::new();
    let mut at = 0;
    for (value, range) in &found {
        frame.push_str(sentence.get(at..range.start).unwrap_or_default());
        // The unit stays: a share is not an amount.
        frame.push_str(value.unit);
        words.push(sentence.get(range.clone()).unwrap_or_default());
        at = range.end;
    }
    frame.push_str(sentence.get(at..).unwrap_or_default());
    let subject = bare(&frame)
        .chars()
        .filter(|char| !EMPTY.contains(*char))
        .collect();
    Some(Fact {
        subject,
        values: found.iter().map(|(value, _)| value.clone()).collect(),
        words: words.join("、"),
    })
}

/// Whether two sentences, both about the same matter, state different amounts for the same thing.
pub fn contradict(one: &str, two: &str) -> bool {
    let (Some(one), Some(two)) = (fact(one), fact(two)) else {
        return false;
    };
    one.subject == two.subject && one.values != two.values
}

/// All contradictions between texts that hold on a day, of one place each, ordered by matter.
pub fn contradictions(published: &Published, day: Date) -> Vec<Contradiction> {
    let mut claims: BTreeMap<Key, Vec<Stated>> = BTreeMap::new();
    for version in &published.versions {
        let holds = matches!(version.state_on(day), State::InForce | State::Unstated);
        if holds
            && !version
                .head
                .period
                .is_some_and(|period| period.is_over(day))
        {
            collect(version, &mut claims);
        }
    }
    let mut found = Vec::new();
    for (key, mut claims) in claims {
        let place = |stated: &Stated| (stated.claim.version.clone(), stated.claim.range.start);
        claims.sort_by_key(place);
        if let Some(contradiction) = between(&key, claims)
            && !found
                .iter()
                .any(|known: &Contradiction| known.sides == contradiction.sides)
        {
            found.push(contradiction);
        }
    }
    found
}

/// One thing that texts state something about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: String,
    /// The matter of the title; empty where the sentence says enough by itself.
    matter: String,
    /// The sentence's own words, or the attribute.
    subject: String,
    /// The matter in words.
    about: String,
}

/// A claim with what it is compared by.
struct Stated {
    values: Vec<Value>,
    claim: Claim,
    /// The sentence's matter for people, where the key does not say it.
    about: String,
}

fn collect(version: &Version, claims: &mut BTreeMap<Key, Vec<Stated>>) {
    let head = &version.head;
    let place = head.place.as_deref().map(bare).unwrap_or_default();
    let matter = matter(&head.title);
    let mut only: BTreeMap<Key, Vec<Stated>> = BTreeMap::new();
    for passage in &version.passages {
        for range in &passage.sentences {
            let sentence = version.text.get(range.clone()).unwrap_or_default();
            let Some(fact) = fact(sentence) else { continue };
            let claim = Claim {
                version: version.id.clone(),
                range: range.clone(),
                value: fact.words.clone(),
            };
            // `自受理之日起十个工作日` is said of many matters; a sentence that names its own matter
            // may be compared with any text, every other one with texts about the same matter.
            let han = fact.subject.chars().filter(|char| is_han(*char)).count();
            let named = han >= LEAST_FRAME && names(&fact.subject, &matter);
            if named || !matter.is_empty() {
                let key = Key {
                    place: place.clone(),
                    matter: if named { String::new() } else { matter.clone() },
                    subject: fact.subject.clone(),
                    about: String::new(),
                };
                let stated = Stated {
                    values: fact.values.clone(),
                    claim: claim.clone(),
                    about: format!("{}：{}", head.title, short(sentence)),
                };
                claims.entry(key).or_default().push(stated);
            }
            let attribute = ATTRIBUTES.iter().find(|(kind, _, _)| *kind == passage.kind);
            if let (Some((_, name, units)), [value]) = (attribute, fact.values.as_slice())
                && units.contains(&value.unit)
                && !matter.is_empty()
            {
                let key = Key {
                    place: place.clone(),
                    matter: matter.clone(),
                    subject: format!("{name} {}", value.unit),
                    about: (*name).to_owned(),
                };
                let stated = Stated {
                    values: fact.values,
                    claim,
                    about: String::new(),
                };
                only.entry(key).or_default().push(stated);
            }
        }
    }
    // Several amounts of one kind are for several cases, which nobody told apart.
    for (key, mut stated) in only {
        if stated.len() == 1 {
            claims.entry(key).or_default().append(&mut stated);
        }
    }
}

/// Whether a sentence names the matter of its title: a word of two characters that is in both.
fn names(subject: &str, matter: &str) -> bool {
    const VAGUE: [&str; 10] = [
        "管理", "服务", "申请", "办理", "登记", "工作", "使用", "中心", "规定", "标准",
    ];
    let chars: Vec<char> = matter.chars().collect();
    chars.windows(2).any(|pair| {
        let word: String = pair.iter().collect();
        !VAGUE.contains(&word.as_str()) && subject.contains(&word)
    })
}

fn between(key: &Key, claims: Vec<Stated>) -> Option<Contradiction> {
    let first = claims.first()?;
    let differs = claims.iter().any(|stated| stated.values != first.values);
    let mut names: Vec<&str> = claims
        .iter()
        .map(|s| s.claim.version.document.as_str())
        .collect();
    names.dedup();
    if !differs || names.len() < 2 {
        return None;
    }
    let about = if key.about.is_empty() {
        first.about.clone()
    } else {
        format!("{}的{}", key.matter, key.about)
    };
    Some(Contradiction {
        about,
        sides: claims.into_iter().map(|stated| stated.claim).collect(),
    })
}

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
    let told = bare(title);
    let told = told
        .rsplit_once("关于印发")
        .map_or(told.as_str(), |(_, rest)| rest);
    let mut told = told.rsplit_once("关于").map_or(told, |(_, rest)| rest);
    while let Some(shorter) = ENDS.iter().find_map(|end| told.strip_suffix(end)) {
        if shorter.is_empty() {
            break;
        }
        told = shorter;
    }
    told.to_owned()
}

fn short(sentence: &str) -> String {
    sentence.chars().take(30).collect()
}
