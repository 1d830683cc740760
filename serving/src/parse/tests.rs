//! Answers as models write them, cut anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn tools() -> Vec<Tool> {
    let tool = |name: &str, parameters: &str| Tool {
        name: name.into(),
        parameters: parameters.into(),
        ..Tool::default()
    };
    vec![
        tool(
            "get_weather",
            r#"{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}"#,
        ),
        tool("now", r#" {"properties": {}}"#),
    ]
}

/// What an answer comes to: thoughts, content, and calls with their arguments.
#[derive(Debug, PartialEq, Default, Clone)]
struct Seen {
    reasoning: String,
    content: String,
    calls: Vec<(String, String)>,
}

fn parse_with(thinking: Thinking, style: ToolStyle, parts: &[&str]) -> Seen {
    let mut parser = AnswerParser::new(thinking, style, &tools(), CallIds::new(7));
    let mut pieces: Vec<Piece> = parts.iter().flat_map(|part| parser.push(part)).collect();
    pieces.extend(parser.finish());
    let mut seen = Seen::default();
    for piece in pieces {
        match piece {
            Piece::Reasoning(text) => seen.reasoning += &text,
            Piece::Content(text) => seen.content += &text,
            Piece::Call { index, id, name } => {
                assert_eq!(index, seen.calls.len());
                assert_eq!(id.len(), 9);
                seen.calls.push((name, String::new()));
            }
            Piece::Arguments { index, delta } => seen.calls[index].1 += &delta,
        }
    }
    assert_eq!(parser.calls(), seen.calls.len());
    seen
}

fn parse(style: ToolStyle, text: &str) -> Seen {
    parse_with(Thinking::Tagged, style, &[text])
}

fn seen(reasoning: &str, content: &str, calls: &[(&str, &str)]) -> Seen {
    Seen {
        reasoning: reasoning.into(),
        content: content.into(),
        calls: calls
            .iter()
            .map(|(name, arguments)| ((*name).into(), (*arguments).into()))
            .collect(),
    }
}

const HERMES: &str = "好的，我查一下。\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"杭\\\"州}\", \"days\": 3}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
const WEATHER: (&str, &str) = ("get_weather", r#"{"city": "杭\"州}", "days": 3}"#);

#[test]
fn hermes_calls_with_words_before() {
    assert_eq!(
        parse(ToolStyle::Hermes, HERMES),
        seen("", "好的，我查一下。", &[WEATHER, ("now", "{}")])
    );
}

#[test]
fn arguments_may_come_first_as_text_or_not_at_all() {
    let call = |text: &str| parse(ToolStyle::Hermes, &format!("<tool_call>{text}</tool_call>"));
    let wanted = seen("", "", &[("now", r#"{"a":[1,{"b":2}]}"#)]);
    assert_eq!(
        call(r#"{"arguments":{"a":[1,{"b":2}]},"id":3,"name":"now"}"#),
        wanted
    );
    assert_eq!(
        call(r#"{"name":"now","arguments":"{\"a\":[1,{\"b\":2}]}"}"#),
        wanted
    );
    assert_eq!(call(r#"{"name":"now"}"#), seen("", "", &[("now", "{}")]));
    assert_eq!(
        call(r#"{"name":"now","arguments":null}"#),
        seen("", "", &[("now", "{}")])
    );
}

#[test]
fn what_only_looks_like_a_call_is_text() {
    for text in [
        "<tool_call> 是一个标签",
        "<tool_call>\n{\"name\": \"delete_everything\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>{\"name\": 3}</tool_call>",
        "<tool_call>{\"name\": \"now\", \"arguments\": [1]}",
        "a <tool_ca",
        "<tool_call>",
        "<tool_call>{\"name\": \"now\"",
        "1 < 2 and [3] {\"name\": \"now\", \"arguments\": {}}",
    ] {
        assert_eq!(
            parse(ToolStyle::Hermes, text),
            seen("", text, &[]),
            "{text}"
        );
    }
    let after = "<tool_call>oops <tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>";
    assert_eq!(
        parse(ToolStyle::Hermes, after),
        seen("", "<tool_call>oops", &[("now", "{}")])
    );
}

#[test]
fn a_call_that_is_cut_off_keeps_what_came() {
    assert_eq!(
        parse(
            ToolStyle::Hermes,
            "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": \"b"
        ),
        seen("", "", &[("now", "{\"a\": \"b")])
    );
}

#[test]
fn llama_calls_stand_alone_or_after_a_tag() {
    let call = r#"{"name": "get_weather", "parameters": {"city": "北京"}}"#;
    let wanted = seen("", "", &[("get_weather", r#"{"city": "北京"}"#)]);
    assert_eq!(parse(ToolStyle::Llama, call), wanted);
    assert_eq!(
        parse(ToolStyle::Llama, &format!("<|python_tag|>{call}")),
        wanted
    );
    let two =
        format!("{call}; {{\"type\": \"function\", \"name\": \"now\", \"parameters\": {{}}}}");
    assert_eq!(
        parse(ToolStyle::Llama, &two),
        seen(
            "",
            "",
            &[("get_weather", r#"{"city": "北京"}"#), ("now", "{}")]
        )
    );
    for text in [
        r#"{"name": "小明", "age": 3}"#,
        r#"{"name": "now"}"#,
        &format!("结果：{call}"),
    ] {
        assert_eq!(parse(ToolStyle::Llama, text), seen("", text, &[]), "{text}");
    }
}

#[test]
fn mistral_calls_in_both_forms() {
    let list = r#"[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "杭\"州}", "days": 3}}, {"name": "now", "arguments": {}}]"#;
    assert_eq!(
        parse(ToolStyle::Mistral, list),
        seen("", "", &[WEATHER, ("now", "{}")])
    );
    assert_eq!(
        parse(
            ToolStyle::Mistral,
            "好。[TOOL_CALLS]get_weather[ARGS]{\"city\": \"a\"}[TOOL_CALLS]now{}"
        ),
        seen(
            "",
            "好。",
            &[("get_weather", "{\"city\": \"a\"}"), ("now", "{}")]
        )
    );
    let text = "[TOOL_CALLS]什么都不是 [1]";
    assert_eq!(parse(ToolStyle::Mistral, text), seen("", text, &[]));
}

#[test]
fn qwen_coder_calls_get_the_types_of_the_schema() {
    let text = "<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>";
    assert_eq!(
        parse(ToolStyle::QwenXml, text),
        seen("", "", &[("get_weather", r#"{"city":"12","days":3}"#)])
    );
    let other = "<tool_call>\n<function=unknown>\n</function>\n</tool_call>";
    assert_eq!(parse(ToolStyle::QwenXml, other), seen("", other, &[]));
}

#[test]
fn thoughts_come_apart() {
    let both = "\n<think>\n先想 <b>一下</b>。\n\n</think>\n\n答案是 42。";
    let wanted = seen("先想 <b>一下</b>。", "答案是 42。", &[]);
    assert_eq!(parse(ToolStyle::Hermes, both), wanted);
    let opened = "先想 <b>一下</b>。\n</think>\n\n答案是 42。";
    let parsed = parse_with(Thinking::Opened, ToolStyle::Hermes, &[opened]);
    assert_eq!(parsed, wanted);
    let twice = parse_with(Thinking::Opened, ToolStyle::Hermes, &[both]);
    assert_eq!(twice, wanted);
    let off = parse_with(Thinking::Off, ToolStyle::Hermes, &[both]);
    assert_eq!(off, seen("", both, &[]));
    // An empty thought, one that never ends, and a tag in the middle of an answer.
    assert_eq!(
        parse(ToolStyle::Hermes, "<think>\n\n</think>\n\n好"),
        seen("", "好", &[])
    );
    assert_eq!(
        parse(ToolStyle::Hermes, "<think>想啊想 </th"),
        seen("想啊想 </th", "", &[])
    );
    let middle = "标签 <think> 用来思考 </think>";
    assert_eq!(parse(ToolStyle::Hermes, middle), seen("", middle, &[]));
    assert_eq!(
        parse(
            ToolStyle::Hermes,
            "<think>要查</think><tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>"
        ),
        seen("要查", "", &[("now", "{}")])
    );
}

#[test]
fn without_tools_nothing_is_a_call() {
    let mut parser = AnswerParser::new(Thinking::Tagged, ToolStyle::Hermes, &[], CallIds::new(1));
    let mut pieces = parser.push(HERMES);
    pieces.extend(parser.finish());
    assert_eq!(pieces, [Piece::Content(HERMES.into())]);
}

#[test]
fn arguments_stream_before_the_call_is_complete() {
    let mut parser = AnswerParser::new(Thinking::Off, ToolStyle::Hermes, &tools(), CallIds::new(1));
    assert!(parser.push("<tool_call>{\"name\": \"now\", ").is_empty());
    let pieces = parser.push("\"arguments\": {\"a\": 1");
    assert!(matches!(&pieces[0], Piece::Call { index: 0, name, .. } if name == "now"));
    let delta = "{\"a\": 1".to_owned();
    assert_eq!(pieces[1], Piece::Arguments { index: 0, delta });
}

/// Fragments that real and broken answers are made of.
const FRAGMENTS: [&str; 26] = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "[ARGS]",
    "{\"name\": \"now\", \"arguments\": {",
    "{\"name\":\"get_weather\",\"parameters\":{}}",
    "\"city\": \"杭州\"",
    "}",
    "}}",
    "]",
    "[",
    "{",
    "\"",
    "\\",
    " ",
    "\n",
    ";",
    ",",
    "now",
    "好的",
    "<function=now>",
    "<parameter=city>",
    "</function>",
];

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        parts in prop::collection::vec(prop::sample::select(FRAGMENTS.to_vec()), 0..14),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        style in prop::sample::select(vec![
            ToolStyle::Hermes, ToolStyle::Llama, ToolStyle::Mistral, ToolStyle::QwenXml,
        ]),
        thinking in prop::sample::select(vec![Thinking::Off, Thinking::Tagged, Thinking::Opened]),
    ) {
        let text = parts.concat();
        let chars: Vec<char> = text.chars().collect();
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut.index(chars.len() + 1)).collect();
        edges.extend([0, chars.len()]);
        edges.sort_unstable();
        let cut: Vec<String> = edges
            .windows(2)
            .map(|edge| chars[edge[0]..edge[1]].iter().collect())
            .collect();
        let cut: Vec<&str> = cut.iter().map(String::as_str).collect();
        let whole = parse_with(thinking, style, &[&text]);
        prop_assert_eq!(&parse_with(thinking, style, &cut), &whole);
        // Without thoughts and calls every character comes out.
        if whole.calls.is_empty() && thinking == Thinking::Off {
            prop_assert_eq!(whole.content, text);
        }
    }

    #[test]
    fn arguments_of_every_shape_arrive_whole(value in json_value(), split in 1usize..9) {
        let arguments = json!({ "v": value }).to_string();
        let text = format!("<tool_call>\n{{\"name\": \"now\", \"arguments\": {arguments}}}\n</tool_call>");
        let chars: Vec<char> = text.chars().collect();
        let parts: Vec<String> = chars.chunks(split).map(|c| c.iter().collect()).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let seen = parse_with(Thinking::Tagged, ToolStyle::Hermes, &parts);
        prop_assert_eq!(seen.calls, [("now".to_owned(), arguments)]);
        prop_assert_eq!(seen.content, "");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
