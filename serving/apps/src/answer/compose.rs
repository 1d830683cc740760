//! From what was found to what is said: sentences, notices, words for every outcome.

use jiff::civil::Date;

use super::evidence::Gap;
use super::question::Route;
use super::record::{
    Answer, Asked, Citation, Conflict, Hashes, Maker, Notice, Outcome, SCHEMA, Sentence,
};
use crate::kb::{HandOver, Published, State, Version, mask};

/// The visible label of extractive answers (GB 45438-2025).
pub(crate) const EXTRACT_LABEL: &str =
    "以下内容由机器从来源文件中逐句摘录，未经人工审核，以来源原文和经办机构答复为准。";

/// The visible label of answers in a model's words (GB 45438-2025).
pub(crate) const GENERATED_LABEL: &str =
    "以下内容由人工智能生成，每句已与所列来源核对，以来源原文和经办机构答复为准。";

/// What stands before a model's sentences.
pub(crate) fn generated_message(day: Date) -> String {
    format!("截至{}，按来源文件改写如下：", chinese_day(day))
}

/// What an answer will say, before it is sealed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) outcome: Outcome,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) sentences: Vec<Sentence>,
    pub(crate) nearest: Vec<Citation>,
    pub(crate) choices: Vec<String>,
    pub(crate) conflicts: Vec<Conflict>,
    /// What part of the question has no answer, in words.
    pub(crate) missing: Option<String>,
}

impl Said {
    fn plain(outcome: Outcome, reason: &'static str, message: &str) -> Self {
        Self {
            outcome,
            reason,
            message: message.to_owned(),
            sentences: Vec::new(),
            nearest: Vec::new(),
            choices: Vec::new(),
            conflicts: Vec::new(),
            missing: None,
        }
    }

    /// A question that cannot be used.
    pub(crate) fn refused(message: &str) -> Self {
        Self::plain(Outcome::Blocked, "bad_question", message)
    }

    /// A question that no text answers.
    pub(crate) fn routed(route: Route) -> Self {
        let (outcome, reason, message) = match route {
            Route::Danger => (
                Outcome::HandedOver,
                "danger",
                "如果有人正处在危险中，请立即拨打110（报警）、120（急救）或119（火警）。\
                 心里难受、想找人说话，可以拨打12356心理援助热线。",
            ),
            Route::Person => (
                Outcome::HandedOver,
                "asked_for_person",
                "请拨打下面的电话，或者到下面的窗口，由工作人员为您办理。",
            ),
            Route::Attack => (
                Outcome::Blocked,
                "attack",
                "这段文字要求改变本服务的规则，没有执行。请直接写出要问的事项。",
            ),
            Route::OwnCase => (
                Outcome::NeedsIdentity,
                "own_case",
                "这要查您本人的办件或账户，需要核验身份。请登录办理渠道查询，或者带身份证件到窗口、拨打电话查询。",
            ),
            Route::Greeting => (
                Outcome::OutOfScope,
                "greeting",
                "您好。请直接写出要问的事项，例如“居住证要带什么材料”。",
            ),
            Route::Chatter => (
                Outcome::OutOfScope,
                "other_matter",
                "这里只回答知识库中政策文件和办事指南里的问题。",
            ),
        };
        Self::plain(outcome, reason, message)
    }

    /// A theme that its owner switched off.
    pub(crate) fn closed(theme: &str) -> Self {
        let message = format!("“{theme}”类问题暂不由机器回答，请联系人工。");
        Self::plain(Outcome::Blocked, "closed_theme", &message)
    }

    /// Nothing answered; the nearest texts are named.
    pub(crate) fn nothing(reason: &'static str, nearest: Vec<Citation>) -> Self {
        let message = match reason {
            "not_covered" => "找到了相近的文件，但其中没有写明所问的内容，不作推测。",
            "source_changed" => "来源文件在载入后有改动，核对不上，暂不摘录，请联系人工。",
            _ => "没有找到可靠来源，不作推测。",
        };
        Self {
            nearest,
            ..Self::plain(Outcome::NoEvidence, reason, message)
        }
    }

    /// It asks about a place that no text is about.
    pub(crate) fn elsewhere(place: &str) -> Self {
        let message = format!("知识库里没有{place}的文件，请咨询当地政务服务热线。");
        Self::plain(Outcome::NoEvidence, "other_place", &message)
    }

    /// It can mean several matters.
    pub(crate) fn unclear(choices: Vec<String>) -> Self {
        let message = "没有看出问的是哪一件事。请写明事项名称，例如“居住证要带什么材料”。";
        Self {
            choices,
            ..Self::plain(Outcome::Clarify, "ambiguous", message)
        }
    }

    /// Texts in force say different things.
    pub(crate) fn contradicted(
        sentences: Vec<Sentence>,
        conflicts: Vec<Conflict>,
        day: Date,
    ) -> Self {
        let message = format!(
            "截至{}，现行文件的说法不一致，两种都列在下面，请向发布机构核实：",
            chinese_day(day)
        );
        Self {
            sentences,
            conflicts,
            ..Self::plain(Outcome::Conflict, "conflict", &message)
        }
    }

    /// Says which parts of the question have no answer.
    pub(crate) fn lacks(&mut self, parts: &[&str]) {
        if parts.is_empty() || self.outcome != Outcome::Answered {
            return;
        }
        self.outcome = Outcome::Partial;
        self.reason = "part_missing";
        let parts = parts.join("”“");
        self.missing = Some(format!("没有找到“{parts}”的依据，不作推测。"));
    }

    /// Sentences answer; the outcome follows from the state of the text that they stand in.
    pub(crate) fn answered(sentences: Vec<Sentence>, day: Date) -> Self {
        let state = sentences
            .first()
            .and_then(|sentence| sentence.citations.first())
            .map_or(State::Unstated, |citation| citation.state);
        let (outcome, reason, message) = match state {
            State::InForce | State::Unstated => (
                Outcome::Answered,
                "",
                format!("截至{}，来源文件这样写：", chinese_day(day)),
            ),
            State::Draft => (
                Outcome::NotInForce,
                "draft",
                format!("截至{}，只有草案写到这一问题，尚未施行：", chinese_day(day)),
            ),
            State::NotYet => (
                Outcome::NotInForce,
                "not_yet",
                format!("截至{}，写到这一问题的文件尚未生效：", chinese_day(day)),
            ),
            State::Superseded => (
                Outcome::NotInForce,
                "superseded",
                format!("截至{}，写到这一问题的文件已被替代：", chinese_day(day)),
            ),
            State::Repealed | State::Quarantined => (
                Outcome::NotInForce,
                "repealed",
                format!(
                    "截至{}，写到这一问题的文件已经失效，仅供查考：",
                    chinese_day(day)
                ),
            ),
        };
        Self {
            sentences,
            ..Self::plain(outcome, reason, &message)
        }
    }

    /// The answer as it leaves, without its seal.
    pub(crate) fn into_answer(
        self,
        asked: &Asked,
        day: Date,
        published: &Published,
        hashes: Hashes,
    ) -> Answer {
        let mut notices = notices(&self.sentences, published);
        notices.extend(self.missing.map(|message| Notice {
            document: String::new(),
            code: "part_missing".to_owned(),
            message,
        }));
        Answer {
            schema: SCHEMA.to_owned(),
            id: String::new(),
            question: mask(&asked.question).text,
            as_of: day,
            outcome: self.outcome,
            reason: self.reason.to_owned(),
            message: self.message,
            made_by: Maker::Extract,
            notices,
            sentences: self.sentences,
            conflicts: self.conflicts,
            choices: self.choices,
            nearest: self.nearest,
            hand_over: (self.outcome != Outcome::Answered)
                .then(|| hand_over(published))
                .flatten(),
            label: EXTRACT_LABEL.to_owned(),
            hashes,
        }
    }
}

/// `2026年1月15日`.
pub(crate) fn chinese_day(day: Date) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

/// Where a person helps: the base's own word, else the first text that says so.
fn hand_over(published: &Published) -> Option<HandOver> {
    let of_texts = || {
        let mut heads = published.versions.iter().map(|version| &version.head);
        heads.find_map(|head| head.hand_over.clone())
    };
    published.hand_over.clone().or_else(of_texts)
}

/// The warnings that the sources of some sentences call for, each once.
pub(crate) fn notices(sentences: &[Sentence], published: &Published) -> Vec<Notice> {
    let mut found: Vec<Notice> = Vec::new();
    for citation in sentences.iter().flat_map(|sentence| &sentence.citations) {
        let title = &citation.title;
        let warning = match citation.state {
            State::InForce => None,
            State::Draft => Some((
                "draft",
                format!("《{title}》是草案，尚未施行，内容可能改变。"),
            )),
            State::Repealed | State::Quarantined => Some((
                "repealed",
                format!("《{title}》已经失效，仅供查考，不能作为办事依据。"),
            )),
            State::Superseded => Some((
                "superseded",
                format!("《{title}》这一版已被替代，不能作为办事依据。"),
            )),
            State::NotYet => Some(("not_yet", format!("《{title}》尚未生效。"))),
            State::Unstated => Some((
                "unstated",
                format!("《{title}》没有注明效力，请向发布机构核实。"),
            )),
        };
        let repaired = version_of(published, citation)
            .filter(|version| !version.repairs.is_empty())
            .map(|version| {
                let count = version.repairs.len();
                let message =
                    format!("《{title}》原文件有 {count} 处经人工核对后修复，引文是修复后的文字。");
                ("repaired", message)
            });
        for (code, message) in warning.into_iter().chain(repaired) {
            let known = |n: &Notice| n.document == citation.document && n.code == code;
            if !found.iter().any(known) {
                found.push(Notice {
                    document: citation.document.clone(),
                    code: code.to_owned(),
                    message,
                });
            }
        }
    }
    found
}

/// The version that a citation names.
pub(crate) fn version_of<'a>(
    published: &'a Published,
    citation: &Citation,
) -> Option<&'a std::sync::Arc<Version>> {
    let versions = &published.versions;
    versions.iter().find(|version| {
        version.id.document == citation.document && version.id.number == citation.version
    })
}

/// The reason code of a gap.
pub(crate) fn reason(gap: Gap) -> &'static str {
    match gap {
        Gap::OtherMatter => "nothing_found",
        Gap::Uncovered => "not_covered",
        Gap::NoMatter => "no_matter",
        Gap::Ambiguous => "ambiguous",
        Gap::Changed => "source_changed",
    }
}
