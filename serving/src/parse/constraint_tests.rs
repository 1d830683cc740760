//! Grammars of tool calls.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::tests::tools;
use super::{Choice, Thinking, ToolProblem, ToolStyle, constraint_for_tools};
use zhisuan_proto::v1::Tool;

fn grammar(choice: Choice<'_>, style: ToolStyle, thinking: Thinking, strict: bool) -> String {
    let mut tools = tools();
    for tool in &mut tools {
        tool.strict = strict;
    }
    let constraint = constraint_for_tools(&tools, choice, style, thinking, true).unwrap();
    match constraint.and_then(|c| c.form) {
        Some(zhisuan_proto::v1::constraint::Form::Lark(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// The engine's tests hold answers against the same files.
#[test]
fn grammars_are_those_that_the_engine_is_tested_with() {
    let cases = [
        (
            "hermes_required",
            Choice::Required,
            ToolStyle::Hermes,
            Thinking::Off,
        ),
        (
            "hermes_auto",
            Choice::Auto,
            ToolStyle::Hermes,
            Thinking::Off,
        ),
        (
            "hermes_thinking",
            Choice::Required,
            ToolStyle::Hermes,
            Thinking::Tagged,
        ),
        ("llama_auto", Choice::Auto, ToolStyle::Llama, Thinking::Off),
        (
            "llama_required",
            Choice::Required,
            ToolStyle::Llama,
            Thinking::Off,
        ),
        (
            "mistral_required",
            Choice::Required,
            ToolStyle::Mistral,
            Thinking::Off,
        ),
        (
            "qwen_xml_named",
            Choice::Named("get_weather"),
            ToolStyle::QwenXml,
            Thinking::Off,
        ),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grammars");
    for (name, choice, style, thinking) in cases {
        let path = folder.join(format!("{name}.lark"));
        let made = grammar(choice, style, thinking, true);
        if std::env::var_os("ZHISUAN_BLESS").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(made, kept, "{name}: set ZHISUAN_BLESS to write it anew");
    }
}

#[test]
fn only_what_must_be_is_constrained() {
    let of = |choice: Choice<'_>| {
        let style = ToolStyle::Hermes;
        constraint_for_tools(&tools(), choice, style, Thinking::Off, false)
    };
    assert_eq!(of(Choice::Auto), Ok(None));
    assert_eq!(of(Choice::None), Ok(None));
    assert!(matches!(of(Choice::Named("now")), Ok(Some(_))));
    assert_eq!(of(Choice::Named("nix")), Err(ToolProblem::Unknown));
    let bad = [Tool {
        name: "t".into(),
        parameters: "[1]".into(),
        ..Tool::default()
    }];
    let style = ToolStyle::Hermes;
    assert_eq!(
        constraint_for_tools(&bad, Choice::Required, style, Thinking::Off, false),
        Err(ToolProblem::Schema(0))
    );
    assert_eq!(ToolStyle::from_hint("llama"), ToolStyle::Llama);
    assert_eq!(ToolStyle::from_hint(""), ToolStyle::Hermes);
}
