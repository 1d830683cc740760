//! From what was found to what is said: sentences, notices, words for every outcome.

use jiff::civil::Date;

use super::cite;
use super::evidence::Gap;
use super::question::Route;
use super::record::{
    Answer, Asked, Citation, Conflict, Hashes, Maker, Notice, Outcome, SCHEMA, Sentence,
};
use crate::kb::{Published, State, Version, mask};

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

/// The reason code of a question that does not say which place it is about.
pub(crate) const WHICH_PLACE: &str = "which_place";

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
    /// What the reader must know besides the state of the sources, such as a part without answer.
    pub(crate) told: Vec<Notice>,
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
            told: Vec::new(),
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

    /// It can mean several matters; the choices are whole questions.
    pub(crate) fn unclear(choices: Vec<String>) -> Self {
        let example = choices.first().map_or("居住证要带什么材料", String::as_str);
        let message = format!("没有看出问的是哪一件事。请写明事项名称，例如“{example}”。");
        Self {
            choices,
            ..Self::plain(Outcome::Clarify, "ambiguous", &message)
        }
    }

    /// Texts of several places answer it, and nothing says whose is asked for. The choices are the
    /// places.
    pub(crate) fn which_place(places: Vec<String>) -> Self {
        let message = "不同地区的规定不一样，问题没有写明是哪里。请选择地区，或者写明地区再问。";
        Self {
            choices: places,
            ..Self::plain(Outcome::Clarify, WHICH_PLACE, message)
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
        let (sentences, told) = by_force(both_sides(sentences, &conflicts));
        Self {
            sentences,
            conflicts,
            told,
            ..Self::plain(Outcome::Conflict, "conflict", &message)
        }
    }

    /// Says which parts of the question have no answer.
    pub(crate) fn lacks(&mut self, parts: &[&str]) {
        if parts.is_empty() || !matches!(self.outcome, Outcome::Answered | Outcome::Partial) {
            return;
        }
        self.outcome = Outcome::Partial;
        self.reason = "part_missing";
        let parts = parts.join("”“");
        self.told.push(Notice {
            document: String::new(),
            code: "part_missing".to_owned(),
            message: format!("没有找到“{parts}”的依据，不作推测。"),
        });
    }

    /// Sentences answer; the outcome follows from the states of the texts that they stand in. Where
    /// some hold and others do not, only those that hold are told.
    pub(crate) fn answered(sentences: Vec<Sentence>, day: Date) -> Self {
        let (sentences, told) = by_force(sentences);
        let state = sentences
            .first()
            .and_then(|sentence| sentence.citations.first())
            .map_or(State::Unstated, |citation| citation.state);
        let (outcome, reason, message) = match state {
            State::InForce | State::Unstated if !told.is_empty() => (
                Outcome::Partial,
                "part_not_in_force",
                format!("截至{}，只有一部分问题有现行依据：", chinese_day(day)),
            ),
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
            told,
            ..Self::plain(outcome, reason, &message)
        }
    }

    /// The answer as it leaves, without its seal and without who helps.
    pub(crate) fn into_answer(
        self,
        asked: &Asked,
        day: Date,
        published: &Published,
        hashes: Hashes,
    ) -> Answer {
        let mut notices = notices(&self.sentences, published, day);
        notices.extend(self.told);
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
            hand_over: None,
            label: EXTRACT_LABEL.to_owned(),
            hashes,
        }
    }
}

/// The sentences with those of every side of the contradictions: who reads only sentences and their
/// citations must not take one side for the answer.
fn both_sides(mut sentences: Vec<Sentence>, conflicts: &[Conflict]) -> Vec<Sentence> {
    for side in conflicts.iter().flat_map(|one| &one.sides) {
        let is_cited = |said: &Sentence| said.citations.contains(&side.citation);
        if !sentences.iter().any(is_cited) {
            sentences.push(cite::said(side.citation.clone()));
        }
    }
    sentences
}

/// The sentences of texts that hold, and a notice for each text that does not and was left out. A
/// list of which nothing holds stays whole: its outcome says so.
fn by_force(sentences: Vec<Sentence>) -> (Vec<Sentence>, Vec<Notice>) {
    let holds = |sentence: &Sentence| sentence.citations.iter().all(|c| c.state.holds());
    let (held, others): (Vec<Sentence>, Vec<Sentence>) = sentences.into_iter().partition(holds);
    if held.is_empty() || others.is_empty() {
        return (if held.is_empty() { others } else { held }, Vec::new());
    }
    let mut left_out: Vec<Notice> = Vec::new();
    for citation in others.iter().flat_map(|sentence| &sentence.citations) {
        if citation.state.holds() || left_out.iter().any(|n| n.document == citation.document) {
            continue;
        }
        let (title, state) = (&citation.title, citation.state.label());
        left_out.push(Notice {
            document: citation.document.clone(),
            code: "part_not_in_force".to_owned(),
            message: format!(
                "问题的另一部分只有《{title}》写到，它不能作为办事依据（{state}），没有列入回答。"
            ),
        });
    }
    (held, left_out)
}

/// `2026年1月15日`.
pub(crate) fn chinese_day(day: Date) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

/// The warnings that the sources of some sentences call for, each once.
pub(crate) fn notices(sentences: &[Sentence], published: &Published, day: Date) -> Vec<Notice> {
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
        let period = version_of(published, citation).and_then(|version| version.head.period);
        let over = period.filter(|period| period.is_over(day)).map(|period| {
            let message = format!(
                "《{title}》是 {} 至 {} 年的规划，规划期已过，所列目标和任务可能已有新的安排。",
                period.from, period.to
            );
            ("period_over", message)
        });
        for (code, message) in warning.into_iter().chain(repaired).chain(over) {
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
        Gap::Places => WHICH_PLACE,
        Gap::Changed => "source_changed",
    }
}
