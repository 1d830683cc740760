//! Numbers that the program writes before paragraphs: `一、`, `（二）`, `3.`.

use std::collections::HashMap;

use crate::kb::file::unreadable::Unreadable;
use crate::kb::file::xml::{Node, attribute, number, walk};

/// Levels of a list.
const LEVELS: usize = 9;

#[derive(Debug, Clone, Default)]
struct Level {
    format: String,
    /// `%1.%2` stands for the numbers of levels 1 and 2.
    text: String,
    start: u32,
}

/// Lists and how far each has counted.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// Levels of the abstract lists.
    lists: HashMap<u32, [Level; LEVELS]>,
    /// The abstract list of each list.
    of: HashMap<u32, u32>,
    /// The last number at each level of an abstract list.
    counts: HashMap<u32, [Option<u32>; LEVELS]>,
}

/// What stands before a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// A sign without meaning.
    Bullet,
    /// A number as it is shown.
    Number(String),
}

impl Numbering {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut found = Self::default();
        let (mut list, mut level, mut concrete) = (0, None, None);
        walk("word/numbering.xml", bytes, |node| {
            let Node::Start(name, start) = node else {
                return Ok(());
            };
            let val = || attribute(start, "val").unwrap_or_default();
            match name {
                "abstractNum" => {
                    list = attribute(start, "abstractNumId")
                        .and_then(|id| id.parse().ok())
                        .unwrap_or_default();
                    (level, concrete) = (None, None);
                }
                "num" => concrete = attribute(start, "numId").and_then(|id| id.parse().ok()),
                "abstractNumId" => {
                    if let (Some(id), Some(target)) = (concrete, number(start)) {
                        found.of.insert(id, target);
                    }
                }
                "lvl" if concrete.is_none() => {
                    level = attribute(start, "ilvl").and_then(|at| at.parse::<usize>().ok());
                }
                "start" | "numFmt" | "lvlText" => {
                    let levels = found.lists.entry(list).or_default();
                    if let Some(level) = level.and_then(|at| levels.get_mut(at)) {
                        match name {
                            "start" => level.start = number(start).unwrap_or(1),
                            "numFmt" => level.format = val(),
                            _ => level.text = val().chars().take(60).collect(),
                        }
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Counts a paragraph of a list and gives what stands before it.
    pub(super) fn next(&mut self, list: u32, level: u32) -> Option<Mark> {
        let list = *self.of.get(&list)?;
        let levels = self.lists.get(&list)?;
        let at = level as usize;
        let here = levels.get(at)?;
        let counts = self.counts.entry(list).or_default();
        for deeper in counts.iter_mut().skip(at + 1) {
            *deeper = None;
        }
        let count = counts.get_mut(at)?;
        *count = Some(count.map_or(here.start, |last| last.saturating_add(1)));
        if here.format == "bullet" {
            return Some(Mark::Bullet);
        }
        if here.format == "none" {
            return None;
        }
        let mut text = here.text.clone();
        for (at, level) in levels.iter().enumerate() {
            let place = format!("%{}", at + 1);
            if text.contains(&place) {
                let count = counts.get(at).copied().flatten().unwrap_or(level.start);
                text = text.replace(&place, &written(count, &level.format));
            }
        }
        (!text.trim().is_empty()).then_some(Mark::Number(text))
    }
}

/// A number in one of the formats of ECMA-376, 17.18.59; unknown ones in digits.
fn written(number: u32, format: &str) -> String {
    match format {
        "chineseCounting"
        | "chineseCountingThousand"
        | "chineseLegalSimplified"
        | "japaneseCounting"
        | "taiwaneseCounting"
        | "taiwaneseCountingThousand"
        | "ideographDigital"
        | "koreanCounting" => han(number),
        "decimalEnclosedCircle" | "decimalEnclosedCircleChinese" if (1..=20).contains(&number) => {
            char::from_u32(0x2460 + number - 1)
                .map(String::from)
                .unwrap_or_default()
        }
        "upperLetter" | "lowerLetter" if (1..=26).contains(&number) => {
            let letter = char::from(b'A' + (number - 1) as u8);
            if format == "upperLetter" {
                letter.to_string()
            } else {
                letter.to_ascii_lowercase().to_string()
            }
        }
        _ => number.to_string(),
    }
}

/// A number below ten thousand in Chinese numerals.
fn han(number: u32) -> String {
    const DIGITS: [&str; 10] = ["〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let digit = |value: u32| DIGITS.get(value as usize).copied().unwrap_or_default();
    match number {
        0..=9 => digit(number).to_owned(),
        10..=19 => format!("十{}", if number == 10 { "" } else { digit(number - 10) }),
        20..=99 => {
            let ones = number % 10;
            format!(
                "{}十{}",
                digit(number / 10),
                if ones == 0 { "" } else { digit(ones) }
            )
        }
        100..=9999 => {
            let (unit, name) = if number >= 1000 {
                (1000, "千")
            } else {
                (100, "百")
            };
            let (first, rest) = (number / unit, number % unit);
            let gap = if rest > 0 && rest < unit / 10 {
                "零"
            } else {
                ""
            };
            let tail = match rest {
                0 => String::new(),
                10..=19 if unit == 100 => format!("一{}", han(rest)),
                rest => han(rest),
            };
            format!("{}{name}{gap}{tail}", digit(first))
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::han;

    #[test]
    fn chinese_numerals_are_written_as_people_write_them() {
        let cases = [
            (3, "三"),
            (10, "十"),
            (12, "十二"),
            (20, "二十"),
            (35, "三十五"),
            (100, "一百"),
            (105, "一百零五"),
            (112, "一百一十二"),
            (1024, "一千零二十四"),
        ];
        for (number, written) in cases {
            assert_eq!(han(number), written);
        }
    }
}
