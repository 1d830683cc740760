//! The class of a ticket: weighted words, and letters learned from the labelled set.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::words::TERMS;

/// The labelled tickets; only those marked `tune` are learned from.
const LABELLED: &str = include_str!("../../../../examples/evaluation/hotline.jsonl");
/// Added to every count, so that an unseen piece decides nothing.
const SMOOTHING: f32 = 0.3;
/// Two classes nearer than this are not told apart.
const NEAR: f32 = 1.0;

/// The four classes of hotline tickets, the gravest first: it wins a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody needs help now (求助).
    Help,
    /// Somebody was wronged or disturbed (投诉、举报).
    Complaint,
    /// Somebody has an idea (建议).
    Suggest,
    /// Somebody wants to know (咨询).
    Consult,
}

/// A class with the certainty of the words.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// The most likely class.
    pub class: Class,
    /// The word for people.
    pub label: &'static str,
    /// How far ahead of the next class it is.
    pub margin: f32,
    /// Whether a person should look, for another class is as likely.
    pub unsure: bool,
}

impl Class {
    /// All of them, the gravest first.
    pub const ALL: [Self; 4] = [Self::Help, Self::Complaint, Self::Suggest, Self::Consult];

    /// The class of a name in data.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The name in data.
    pub fn name(self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Complaint => "complaint",
            Self::Suggest => "suggest",
            Self::Consult => "consult",
        }
    }

    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Help => "求助",
            Self::Complaint => "投诉",
            Self::Suggest => "建议",
            Self::Consult => "咨询",
        }
    }
}

/// The class of a ticket. Pure.
pub fn classify(text: &str) -> Judged {
    let text = text.to_lowercase();
    let learned = LETTERS.scores(&text);
    let mut scored: Vec<(Class, f32)> = Class::ALL
        .into_iter()
        .zip(learned)
        .map(|(class, letters)| (class, letters + of_words(class, &text)))
        .collect();
    // Stable: the graver class stays first in a tie.
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (class, best) = scored.first().copied().unwrap_or((Class::Help, 0.0));
    let margin = best - scored.get(1).map_or(0.0, |next| next.1);
    Judged {
        class,
        label: class.label(),
        margin,
        unsure: margin < NEAR,
    }
}

/// The part of a ticket that asks: its first sentence with a question mark or a word of asking, else
/// the whole. What callers tell of themselves would only mislead a search.
pub fn question_in(text: &str) -> &str {
    const ASKING: [&str; 8] = ["吗", "多少", "怎么", "如何", "哪", "什么", "几", "能不能"];
    let sentences = || text.split_inclusive(['。', '！', '；', '？', '?', '!', '\n']);
    let marked = |sentence: &&str| sentence.ends_with(['？', '?']);
    let asking = |sentence: &&str| ASKING.iter().any(|word| sentence.contains(word));
    let found = sentences()
        .find(marked)
        .or_else(|| sentences().find(asking));
    found.map_or(text, str::trim)
}

fn of_words(class: Class, text: &str) -> f32 {
    let own = TERMS.iter().filter(|term| term.class == class);
    own.filter(|term| text.contains(term.word))
        .map(|term| term.weight)
        .sum()
}

/// How often each piece of one or two characters occurs in each class (naive Bayes over presence).
struct Letters {
    tickets: [f32; 4],
    pieces: HashMap<String, [f32; 4]>,
}

static LETTERS: LazyLock<Letters> = LazyLock::new(|| Letters::learn(LABELLED));

#[derive(Deserialize)]
struct Labelled {
    text: String,
    class: Class,
    split: String,
}

impl Letters {
    fn learn(lines: &str) -> Self {
        let mut learned = Self {
            tickets: [0.0; 4],
            pieces: HashMap::new(),
        };
        let tickets = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Labelled>(line).ok());
        for ticket in tickets.filter(|ticket| ticket.split == "tune") {
            let at = ticket.class as usize;
            learned.tickets[at] += 1.0;
            for piece in pieces(&ticket.text.to_lowercase()) {
                learned.pieces.entry(piece).or_default()[at] += 1.0;
            }
        }
        learned
    }

    /// By class in the order of [`Class::ALL`]: the log of how much likelier its pieces are there.
    fn scores(&self, text: &str) -> [f32; 4] {
        let all: f32 = self.tickets.iter().sum();
        let mut scores = [0.0; 4];
        for piece in pieces(text) {
            let Some(counts) = self.pieces.get(&piece) else {
                continue;
            };
            let anywhere: f32 = counts.iter().sum();
            let usual = (anywhere + SMOOTHING) / (all + 2.0 * SMOOTHING);
            for ((score, count), tickets) in scores.iter_mut().zip(counts).zip(&self.tickets) {
                let here = (count + SMOOTHING) / (tickets + 2.0 * SMOOTHING);
                *score += (here / usual).ln();
            }
        }
        scores
    }
}

/// Single characters, pairs, and how the ticket begins and ends.
fn pieces(text: &str) -> HashSet<String> {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found: HashSet<String> = chars.iter().map(char::to_string).collect();
    found.extend(chars.windows(2).map(String::from_iter));
    found.insert(format!("^{}", chars.iter().take(2).collect::<String>()));
    let tail = |count: usize| -> String {
        let from = chars.len().saturating_sub(count);
        chars.iter().skip(from).collect()
    };
    found.insert(format!("{}$", tail(2)));
    found.insert(format!("{}$", tail(1)));
    found
}
