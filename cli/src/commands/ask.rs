//! `zhisuan ask`: a question to the knowledge base, answered with citations or honestly not at all.

use super::{Context, text_or_stdin};
use crate::args::AskArgs;
use crate::error::{Exit, Result};
use crate::gateway::Gateway;
use crate::output::Format;
use crate::output::progress::Progress;
use crate::words::{say, tr};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) async fn run(context: &Context, args: AskArgs) -> Result<Exit> {
    let question = text_or_stdin(args.question)?;
    let progress = Progress::spinner(context.out, tr("正在查资料", "searching"));
    let gateway = match &args.base {
        // Other bases are for the staff, mostly: the same key as that of `zhisuan kb`.
        Some(base) => Gateway::of_staff(&context.settings)?.of_base(Some(base))?,
        None => Gateway::new(&context.settings)?,
    };
    let mut body = json!({"question": question, "reworded": args.reworded});
    for (name, value) in [("as_of", args.as_of), ("place", args.place)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    let answer = gateway.post_json("/api/qa/ask", &body).await?;
    drop(progress);
    let out = context.out;
    match out.format() {
        Format::Table => out.raw(text_of(&answer).as_bytes())?,
        Format::Name => out.line(text(&answer["outcome"]))?,
        // The answer has its own schema, the same as over HTTP.
        Format::Json => out.json(&answer, true)?,
        Format::Jsonl => out.json(&answer, false)?,
    }
    Ok(Exit::Done)
}

/// Asks through the gateway, as of today.
pub(crate) async fn ask(gateway: &Gateway, question: &str) -> Result<Value> {
    gateway
        .post_json("/api/qa/ask", &json!({"question": question}))
        .await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The answer for people: as of when, sentences with the numbers of their sources, the sources, the
/// label; or plainly why there is none, and who helps.
pub(crate) fn text_of(answer: &Value) -> String {
    let mut body = match text(&answer["message"]) {
        "" => say!("按 {} 的规定:", "as of {}:", text(&answer["as_of"])),
        message => message.to_owned(),
    };
    body.push('\n');
    for conflict in each(&answer["conflicts"]) {
        let about = text(&conflict["about"]);
        let _ = writeln!(
            body,
            "{}",
            say!("关于“{}”,文件说法不一:", "texts differ about {}:", about)
        );
        for side in each(&conflict["sides"]) {
            let title = text(&side["citation"]["title"]);
            let _ = writeln!(body, "  《{title}》:{}", text(&side["value"]));
        }
    }
    let mut sources: Vec<&Value> = Vec::new();
    let several = distinct_texts(answer) > 1;
    let mut above = "";
    for sentence in each(&answer["sentences"]) {
        let title = text(&sentence["citations"][0]["title"]);
        if several && title != above {
            above = title;
            let _ = writeln!(body, "《{title}》");
        }
        body.push_str(text(&sentence["text"]).trim());
        for citation in each(&sentence["citations"]) {
            let same = |seen: &Value| {
                seen["document"] == citation["document"] && seen["version"] == citation["version"]
            };
            let known = sources.iter().position(|seen| same(seen));
            let number = known.unwrap_or_else(|| {
                sources.push(citation);
                sources.len() - 1
            });
            let _ = write!(body, "[{}]", number + 1);
        }
        body.push('\n');
    }
    if !sources.is_empty() {
        body.push('\n');
    }
    for (index, source) in sources.iter().enumerate() {
        let _ = writeln!(body, "[{}] {}", index + 1, source_line(source));
    }
    for notice in each(&answer["notices"]) {
        let _ = writeln!(body, "{}", text(&notice["message"]));
    }
    for choice in each(&answer["choices"]) {
        let _ = writeln!(body, "- {}", text(choice));
    }
    for near in each(&answer["nearest"]) {
        let _ = writeln!(body, "{}", say!("相近:{}", "near: {}", source_line(near)));
    }
    person(answer, &mut body);
    if !sources.is_empty() {
        let _ = writeln!(body, "{}", text(&answer["label"]));
    }
    body
}

/// How many texts an answer quotes.
fn distinct_texts(answer: &Value) -> usize {
    let cited = each(&answer["sentences"]).flat_map(|said| each(&said["citations"]));
    let names = cited.map(|cited| text(&cited["title"]));
    names.collect::<std::collections::BTreeSet<_>>().len()
}

/// Title, issuer, number, state, date, heading and place in the text.
fn source_line(source: &Value) -> String {
    let path = source["path"].as_array().and_then(|path| path.last());
    let parts = [
        format!("《{}》", text(&source["title"])),
        text(&source["issuer"]).to_owned(),
        text(&source["number"]).to_owned(),
        state(text(&source["state"])).to_owned(),
        text(&source["effective"]).to_owned(),
        path.map(|heading| text(heading).to_owned())
            .unwrap_or_default(),
    ];
    let kept: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    say!(
        "{}(第 {} 版第 {} 至 {} 字节)",
        "{} (version {}, bytes {} to {})",
        kept.join(" "),
        source["version"],
        source["start_byte"],
        source["end_byte"]
    )
}

/// A state in words.
fn state(name: &str) -> &str {
    match name {
        "in_force" => tr("现行", "in force"),
        "not_yet" => tr("尚未生效", "not yet in force"),
        "draft" => tr("草案", "draft"),
        "superseded" => tr("已被替代", "superseded"),
        "repealed" => tr("失效", "repealed"),
        "unstated" => tr("效力未注明", "force not stated"),
        other => other,
    }
}

/// Where a person will help.
fn person(answer: &Value, body: &mut String) {
    let person = &answer["hand_over"];
    if person.is_object() {
        let counter = text(&person["counter"]);
        let phone = text(&person["phone"]);
        let line = say!("人工咨询:{} {}", "ask a person: {} {}", phone, counter);
        let _ = writeln!(body, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_gets_one_number() {
        let source = json!({"document": "permit", "version": 1, "title": "居住证", "issuer": "公安局", "start_byte": 1, "end_byte": 9});
        let answer = json!({
            "outcome": "answered", "as_of": "2026-01-15", "label": "机器摘录", "notices": [],
            "sentences": [
                {"text": "甲。", "citations": [source]},
                {"text": "乙。", "citations": [source]},
            ],
        });
        let shown = text_of(&answer);
        assert!(
            shown.contains("甲。[1]\n乙。[1]\n\n[1] 《居住证》 公安局"),
            "{shown}"
        );
        assert!(shown.ends_with("机器摘录\n"), "{shown}");
    }
}
