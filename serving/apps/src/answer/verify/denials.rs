//! What a text denies.

/// Words with such a character that deny nothing.
const NOT_NO: &[&str] = &[
    "不超过",
    "不少于",
    "不低于",
    "不高于",
    "不足",
    "不满",
    "不动产",
    "不同",
    "不限于",
    "无障碍",
    "非物质",
    "免申即享",
    "未来",
    "除非",
    "不仅",
    "无论",
    "不论",
    "不断",
    "无人",
    "未成年",
    "减免",
    "免冠",
    "未满",
    "不到",
    "不小于",
    "不大于",
    "不多于",
];
/// Words that deny or forbid, the longer first, with how many characters after them they deny.
/// `不超过` and the like are bounds, not denials.
const DENIED: &[(&str, usize)] = &[
    ("不允许", 2),
    ("不需要", 2),
    ("不得", 2),
    ("不可", 2),
    ("不能", 2),
    ("不必", 2),
    ("不用", 2),
    ("没有", 2),
    ("无需", 2),
    ("禁止", 2),
    ("严禁", 2),
    ("免于", 2),
    ("免费", 0),
    ("免", 1),
    ("不", 2),
    ("未", 2),
    ("非", 0),
    ("无", 2),
];
/// What may be denied in several words, each as the first.
const SAME: &[&[&str]] = &[&["收费", "收取", "免费"]];

/// A folded text taken apart.
pub(super) struct Read {
    /// What it is about: the text without its denials and what they deny.
    pub(super) about: String,
    /// What each denial denies, at most two characters.
    pub(super) objects: Vec<String>,
}

/// Takes a folded text apart.
pub(super) fn read(text: &str) -> Read {
    let mut about = String::new();
    let mut objects = Vec::new();
    let (mut rest, mut hidden) = (text, 0_usize);
    while let Some(char) = rest.chars().next() {
        let keeps = NOT_NO.iter().find(|word| rest.starts_with(**word));
        let denied = DENIED.iter().find(|(word, _)| rest.starts_with(word));
        let length = match (keeps, denied) {
            (Some(word), _) => {
                about.push_str(word);
                word.len()
            }
            (None, Some((word, after))) => {
                about.push(' ');
                hidden = *after;
                let tail = rest.get(word.len()..).unwrap_or_default();
                objects.push(usual(word, tail.chars().take(*after).collect()));
                word.len()
            }
            (None, None) => {
                about.push(if hidden > 0 { ' ' } else { char });
                hidden = hidden.saturating_sub(1);
                char.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Read { about, objects }
}

/// What is denied in its usual words: `免费` denies what `不收费` does.
fn usual(word: &str, object: String) -> String {
    let whole = if object.chars().count() < 2 {
        format!("{word}{object}")
    } else {
        object
    };
    let known = SAME.iter().find(|group| group.contains(&&*whole));
    known
        .and_then(|group| group.first())
        .map_or(whole, |first| (*first).to_owned())
}

/// Whether a folded text denies anything.
pub(super) fn denies(text: &str) -> bool {
    !read(text).objects.is_empty()
}
