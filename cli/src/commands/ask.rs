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
    let answer = ask(&Gateway::new(&context.settings)?, &question).await?;
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

/// Asks through the gateway.
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

/// The answer for people: sentences with the numbers of their sources, the sources, the label.
pub(crate) fn text_of(answer: &Value) -> String {
    if text(&answer["outcome"]) != "answered" {
        return no_source(answer);
    }
    let mut sources: Vec<&Value> = Vec::new();
    let mut body = String::new();
    for sentence in each(&answer["sentences"]) {
        body.push_str(text(&sentence["text"]).trim());
        for citation in each(&sentence["citations"]) {
            let known = sources.iter().position(|seen| *seen == citation);
            let number = known.unwrap_or_else(|| {
                sources.push(citation);
                sources.len() - 1
            });
            let _ = write!(body, "[{}]", number + 1);
        }
        body.push('\n');
    }
    body.push('\n');
    for (index, source) in sources.iter().enumerate() {
        let _ = writeln!(body, "[{}] {}", index + 1, source_line(source));
    }
    for notice in each(&answer["notices"]) {
        let _ = writeln!(body, "{}", text(&notice["message"]));
    }
    let _ = writeln!(body, "{}", text(&answer["label"]));
    body
}

/// Title, issuer, number, date, section and place in the file.
fn source_line(source: &Value) -> String {
    let parts = [
        format!("《{}》", text(&source["title"])),
        text(&source["issuer"]).to_owned(),
        text(&source["number"]).to_owned(),
        text(&source["effective_date"]).to_owned(),
        text(&source["section"]).to_owned(),
    ];
    let kept: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    say!(
        "{}(原文第 {} 至 {} 字节)",
        "{} (bytes {} to {} of the text)",
        kept.join(" "),
        source["start_byte"],
        source["end_byte"]
    )
}

fn no_source(answer: &Value) -> String {
    let mut body = format!("{}\n", text(&answer["message"]));
    let person = &answer["hand_over"];
    if person.is_object() {
        let counter = text(&person["counter"]);
        let phone = text(&person["phone"]);
        let _ = writeln!(
            body,
            "{}",
            say!("人工咨询:{} {}", "ask a person: {} {}", phone, counter)
        );
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_gets_one_number() {
        let source = json!({"title": "居住证", "issuer": "公安局", "start_byte": 1, "end_byte": 9});
        let answer = json!({
            "outcome": "answered", "label": "机器摘录", "notices": [],
            "sentences": [
                {"text": "甲。", "citations": [source]},
                {"text": "乙。", "citations": [source]},
            ],
        });
        let shown = text_of(&answer);
        assert!(
            shown.starts_with("甲。[1]\n乙。[1]\n\n[1] 《居住证》 公安局"),
            "{shown}"
        );
        assert!(shown.ends_with("机器摘录\n"), "{shown}");
    }
}
