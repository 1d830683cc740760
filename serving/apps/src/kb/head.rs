//! What a text says of itself: title, number, issuer, place, dates.

mod dates;
mod fields;
mod lines;
mod names;
mod read;
mod term;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use read::{head_end, read_head};

pub(super) use fields::{declares_state, unknown_keys, unread_fields};
pub(super) use lines::top_lines;
pub(super) use names::{draft_word, is_title, issuer_of_title, place_of};
pub(super) use read::unread_term;

/// The state that a text declares, before its dates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// Out for comment (草案、征求意见稿).
    Draft,
    /// In force (现行、有效).
    InForce,
    /// No longer in force (失效、废止).
    Repealed,
    /// The text does not say (未注明).
    #[default]
    Unstated,
}

/// The years that a plan is for (规划期), both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First year.
    pub from: i16,
    /// Last year.
    pub to: i16,
}

impl Period {
    /// Whether the years are over on a day.
    pub fn is_over(self, day: Date) -> bool {
        day.year() > self.to
    }
}

/// Where a person will help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// Telephone number.
    pub phone: String,
    /// Counter.
    pub counter: Option<String>,
}

/// The head of a text; empty where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// Title.
    pub title: String,
    /// Document number (发文字号), such as `云麓人社规〔2025〕1号`.
    pub number: Option<String>,
    /// Index number (索引号).
    pub index_number: Option<String>,
    /// Issuing body; `未注明` is not written here but shown.
    pub issuer: Option<String>,
    /// The place where it applies.
    pub place: Option<String>,
    /// Class (信息分类), such as 政府文件.
    pub class: Option<String>,
    /// When it was written (成文日期).
    pub written: Option<Date>,
    /// When it was published (公开日期).
    pub published: Option<Date>,
    /// First day in force (生效日期).
    pub effective: Option<Date>,
    /// First day out of force (失效、废止日期).
    pub repealed: Option<Date>,
    /// The years that it plans for. A plan whose years are over may still be in force; readers are
    /// told so.
    pub period: Option<Period>,
    /// The state it declares.
    pub declared: Declared,
    /// Names of the documents that it replaces.
    pub supersedes: Vec<String>,
    /// Theme under which the page lists it.
    pub theme: Option<String>,
    /// A question the page offers as an example.
    pub sample_question: Option<String>,
    /// Where people are sent when nothing was found, if this text says so.
    pub hand_over: Option<HandOver>,
    /// Under which licence the text is used.
    pub licence: Option<String>,
}
