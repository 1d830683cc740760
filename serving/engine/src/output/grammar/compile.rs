//! A constraint to a parser: bounded, refused by name, never a panic.

use super::super::constraint::Constraint;
use super::schema;
use crate::error::EngineError;
use llguidance::api::TopLevelGrammar;
use llguidance::{ParserFactory, TokenParser};
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most bytes of a regular expression.
const LONGEST_REGEX: usize = 8 << 10;
/// Most bytes of a grammar in Lark.
const LONGEST_LARK: usize = 64 << 10;
/// Most choices, and most bytes of all of them.
const MOST_CHOICES: usize = 1_000;
const LONGEST_CHOICES: usize = 64 << 10;
/// Brackets inside brackets: the compilers behind this recurse.
const DEEPEST: usize = 64;

/// Compiles a constraint for one answer.
pub(super) fn compile(
    factory: &ParserFactory,
    constraint: &Constraint,
) -> Result<TokenParser, EngineError> {
    let (field, grammar) = match constraint {
        Constraint::JsonSchema(text) => ("constraint.json_schema", schema::grammar(text)?),
        Constraint::JsonObject => (
            "constraint.json_object",
            schema::grammar_of(json!({"type": "object"})),
        ),
        Constraint::Regex(pattern) => ("constraint.regex", regex(pattern)?),
        Constraint::Lark(text) => ("constraint.lark", lark(text)?),
        Constraint::Choices(texts) => ("constraint.choices", choices(texts)?),
    };
    let compiled = catch_unwind(AssertUnwindSafe(|| factory.create_parser(grammar)));
    match compiled {
        Ok(Ok(parser)) => Ok(parser),
        Ok(Err(error)) => Err(EngineError::invalid(field, reason(&error.to_string()))),
        Err(_) => Err(EngineError::invalid(field, "无法编译")),
    }
}

/// The compiler's reason without the trace of its own panics.
fn reason(text: &str) -> String {
    let text = text.split("\n<backtrace>").next().unwrap_or_default();
    let text = text.strip_prefix("panic: ").unwrap_or(text);
    text.chars().take(400).collect()
}

fn regex(pattern: &str) -> Result<TopLevelGrammar, EngineError> {
    const FIELD: &str = "constraint.regex";
    bounded(FIELD, pattern, LONGEST_REGEX)?;
    // The whole text must match anyhow.
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = match inner.strip_suffix('$') {
        Some(rest) if (rest.len() - rest.trim_end_matches('\\').len()) % 2 == 0 => rest,
        _ => inner,
    };
    if inner.is_empty() {
        return Err(EngineError::invalid(FIELD, "为空，只能匹配空文本"));
    }
    Ok(TopLevelGrammar::from_regex(&format!("(?:{inner})")))
}

fn lark(text: &str) -> Result<TopLevelGrammar, EngineError> {
    bounded("constraint.lark", text, LONGEST_LARK)?;
    Ok(TopLevelGrammar::from_lark(text.to_owned()))
}

fn choices(texts: &[String]) -> Result<TopLevelGrammar, EngineError> {
    const FIELD: &str = "constraint.choices";
    let bytes: usize = texts.iter().map(String::len).sum();
    if texts.is_empty() || texts.len() > MOST_CHOICES || bytes > LONGEST_CHOICES {
        return Err(EngineError::invalid(
            FIELD,
            format!(
                "共 {} 项、{bytes} 字节，应为 1 到 {MOST_CHOICES} 项、最多 {LONGEST_CHOICES} 字节",
                texts.len()
            ),
        ));
    }
    if texts.iter().any(String::is_empty) {
        return Err(EngineError::invalid(FIELD, "含有空文本"));
    }
    let quoted: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
    Ok(TopLevelGrammar::from_lark(format!(
        "start: {}",
        quoted.join(" | ")
    )))
}

/// Refuses text that is too long, or nested deeper than a compiler may recurse.
fn bounded(field: &str, text: &str, most: usize) -> Result<(), EngineError> {
    if text.is_empty() || text.len() > most {
        return Err(EngineError::invalid(
            field,
            format!("长 {} 字节，应为 1 到 {most} 字节", text.len()),
        ));
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(EngineError::invalid(
                field,
                format!("括号嵌套超过 {DEEPEST} 层"),
            ));
        }
    }
    Ok(())
}
