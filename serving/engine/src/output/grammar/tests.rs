//! Grammars with real vocabularies: adversarial walks must end in text of the asked form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::valid::is_valid;
use super::walk::{accepts, allowed, models, walk};
use super::*;
use crate::output::sample::uniform;
use crate::tokenizer::TextTokenizer;

const SCHEMAS: [&str; 12] = [
    r#"{"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"], "additionalProperties": false}"#,
    r#"{"type": "object", "properties": {"结论": {"enum": ["通过", "退回", "转人工"]}, "理由": {"type": "string", "maxLength": 20}}, "required": ["结论"], "additionalProperties": false}"#,
    r#"{"type": "array", "items": {"type": "number", "minimum": -5, "maximum": 5}, "minItems": 2, "maxItems": 4}"#,
    r#"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}}, "required": ["b"], "additionalProperties": false}}, "required": ["a"], "additionalProperties": false}"#,
    r##"{"$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer", "maximum": 9, "minimum": 0}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"], "additionalProperties": false}}, "$ref": "#/$defs/node"}"##,
    r#"{"type": "string", "pattern": "^[\u4e00-\u9fff]{2,4}$"}"#,
    r#"{"type": "object", "properties": {"电话": {"type": "string", "pattern": "^1[3-9][0-9]{9}$"}, "日期": {"type": "string", "format": "date"}}, "required": ["电话", "日期"], "additionalProperties": false}"#,
    r#"{"const": {"版本": 1, "标签": ["甲", null, true]}}"#,
    r#"{"anyOf": [{"type": "integer", "minimum": 10, "maximum": 99}, {"type": "string", "maxLength": 3}]}"#,
    r#"{"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 3}, "maxProperties": 3}"#,
    r#"{"enum": [1, "一", null, [2], {"三": 3}]}"#,
    r#"{"type": ["string", "null"], "minLength": 2, "maxLength": 5}"#,
];

#[test]
fn every_walk_that_ends_is_valid() {
    for model in models() {
        for schema in SCHEMAS {
            let constraint = Constraint::JsonSchema(schema.to_owned());
            let parsed: serde_json::Value = serde_json::from_str(schema).unwrap();
            let mut ended = 0;
            for seed in 0..12 {
                let (text, complete) = walk(model, &constraint, seed, true);
                if !complete {
                    continue;
                }
                ended += 1;
                let value: serde_json::Value = serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{text}: {error} for {schema}"));
                assert!(is_valid(&value, &parsed, &parsed), "{text} for {schema}");
            }
            assert!(ended >= 8, "{ended} of 12 ended for {schema}");
        }
    }
}

#[test]
fn jumping_over_forced_tokens_changes_nothing() {
    for model in models() {
        let mut jumped = 0;
        for schema in SCHEMAS {
            let constraint = Constraint::JsonSchema(schema.to_owned());
            jumped += Grammar::new(&model.factory, &constraint)
                .unwrap()
                .forced()
                .len();
            for seed in 0..3 {
                let (with, without) = (
                    walk(model, &constraint, seed, true),
                    walk(model, &constraint, seed, false),
                );
                assert_eq!(with.0, without.0, "{schema}");
            }
        }
        assert!(jumped > 12, "something is forced: {jumped}");
    }
}

#[test]
fn looking_ahead_is_walking_and_coming_back() {
    for model in models() {
        let constraint = Constraint::JsonSchema(SCHEMAS[1].to_owned());
        let text = r#"{"结论": "退回", "理由": "缺材料"}"#;
        let draft = model.tokenizer.encode_data(text).unwrap();
        let mut grammar = Grammar::new(&model.factory, &constraint).unwrap();
        for at in 0..draft.len() {
            let ahead = grammar.look_ahead(&draft[at..]).unwrap();
            let again = grammar.look_ahead(&draft[at..]).unwrap();
            assert_eq!(ahead, again);
            let mut other = Grammar::new(&model.factory, &constraint).unwrap();
            for token in &draft[..at] {
                other.accept(*token).unwrap();
            }
            for (mask, token) in ahead.iter().zip(&draft[at..]) {
                assert_eq!(**mask, *other.mask().unwrap());
                if other.accept(*token).is_err() {
                    break;
                }
            }
            if !allows(&grammar.mask().unwrap(), draft[at]) {
                break;
            }
            grammar.accept(draft[at]).unwrap();
        }
        // What cannot come is cut off; an end token is never part of a draft.
        let wrong = model.tokenizer.encode_data("[1, 2]").unwrap();
        let mut grammar = Grammar::new(&model.factory, &constraint).unwrap();
        assert_eq!(grammar.look_ahead(&wrong).unwrap().len(), 1);
    }
}

#[test]
fn other_forms_hold_too() {
    let choices = Constraint::Choices(vec!["同意".into(), "不同意".into(), "a\"b\\n".into()]);
    let regex = Constraint::Regex(r"^(19|20)\d{2}-[01]\d/(完成|待办)$".into());
    let lark =
        Constraint::Lark("start: \"<\" NAME \">\" (\"甲\" | \"乙\")~2..3\nNAME: /[a-z]+/".into());
    for model in models() {
        for (constraint, good, bad) in [
            (&choices, "不同意", "不"),
            (&choices, "a\"b\\n", "a\"b"),
            (&regex, "2025-11/完成", "2025-1/完成"),
            (&lark, "<abc>甲乙", "<abc>甲"),
            (&Constraint::JsonObject, r#"{"a": [1, {"b": null}]}"#, "[1]"),
        ] {
            assert!(accepts(model, constraint, good), "{good}");
            assert!(!accepts(model, constraint, bad), "{bad}");
        }
    }
}

/// The gateway writes these (its tests hold it to the same files).
#[test]
fn grammars_of_tool_calls_force_calls() {
    let lark = |text: &str| Constraint::Lark(text.to_owned());
    let required = lark(include_str!(
        "../../../../tests/grammars/hermes_required.lark"
    ));
    let auto = lark(include_str!("../../../../tests/grammars/hermes_auto.lark"));
    let thinking = lark(include_str!(
        "../../../../tests/grammars/hermes_thinking.lark"
    ));
    let llama = lark(include_str!(
        "../../../../tests/grammars/llama_required.lark"
    ));
    let llama_auto = lark(include_str!("../../../../tests/grammars/llama_auto.lark"));
    let mistral = lark(include_str!(
        "../../../../tests/grammars/mistral_required.lark"
    ));
    let xml = lark(include_str!(
        "../../../../tests/grammars/qwen_xml_named.lark"
    ));
    let call = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"杭州\", \"days\": 3}}\n</tool_call>";
    let now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
    let two = format!("{call}\n{now}");
    let said = format!("好的，1 < 2。\n{call}");
    let wrong =
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": 5}}\n</tool_call>";
    let thought = format!("<think>\n要查天气。\n</think>\n\n{call}");
    let json = "{\"name\": \"now\", \"parameters\": {}}";
    let list = "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}]";
    let parameters = "<tool_call>\n<function=get_weather>\n<parameter=city>\n杭州\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>";
    for model in models() {
        let accepted = |constraint, text: &str| {
            assert!(accepts(model, constraint, text), "{text}");
        };
        let refused = |constraint, text: &str| {
            assert!(!accepts(model, constraint, text), "{text}");
        };
        accepted(&required, call);
        accepted(&required, &two);
        refused(&required, "好的");
        refused(&required, wrong);
        refused(
            &required,
            "<tool_call>\n{\"name\": \"rm\", \"arguments\": {}}\n</tool_call>",
        );
        accepted(&auto, "今天不用查 <b>工具</b>。");
        accepted(&auto, &said);
        refused(&auto, wrong);
        accepted(&thinking, &thought);
        accepted(&thinking, call);
        refused(&thinking, "<think>想");
        accepted(&llama, json);
        accepted(&llama, &format!("{json}; {json}"));
        refused(&llama, "now");
        accepted(&llama_auto, json);
        accepted(&llama_auto, "不用工具 {x}");
        refused(&llama_auto, "{\"name\": \"rm\"}");
        accepted(&mistral, list);
        refused(&mistral, "[TOOL_CALLS][]");
        accepted(&xml, parameters);
        refused(
            &xml,
            "<tool_call>\n<function=now>\n</function>\n</tool_call>",
        );
    }
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let Some(model) = models().first() else {
        return;
    };
    let refuse = |constraint: Constraint| match Grammar::new(&model.factory, &constraint) {
        Ok(_) => panic!("{constraint:?} was accepted"),
        Err(error) => {
            assert_eq!(error.code(), "invalid_request");
            error.to_string()
        }
    };
    let schema = |text: &str| Constraint::JsonSchema(text.to_owned());
    for (constraint, part) in [
        (
            schema(r#"{"properties": {"a": {"not": {}}}}"#),
            "#/properties/a/not",
        ),
        (
            schema(r#"{"type": "array", "uniqueItems": true}"#),
            "uniqueItems",
        ),
        (schema(r#"{"anyOf": [{}, {"if": {}}]}"#), "#/anyOf/1/if"),
        (schema(r#"{"$ref": "http://localhost/x.json"}"#), "$ref"),
        (schema(r#"{"x-guidance": {"lenient": true}}"#), "x-guidance"),
        (schema(r#"{"type": "strnig"}"#), "strnig"),
        (
            schema(r#"{"type": "string", "pattern": "(?=a)b"}"#),
            "json_schema",
        ),
        (schema("{"), "JSON"),
        (schema("[]"), "json_schema"),
        (
            schema(r#"{"type": "integer", "minimum": 5, "maximum": 4}"#),
            "json_schema",
        ),
        (Constraint::Regex("a(".into()), "constraint.regex"),
        (Constraint::Regex(String::new()), "constraint.regex"),
        (Constraint::Lark("start: nowhere".into()), "constraint.lark"),
        (Constraint::Choices(Vec::new()), "constraint.choices"),
        (
            Constraint::Choices(vec![String::new()]),
            "constraint.choices",
        ),
    ] {
        let text = refuse(constraint);
        assert!(text.contains(part), "{part} in {text}");
        assert!(!text.contains("backtrace"), "{text}");
    }
    // Names of properties are no keywords, and false changes nothing.
    let fine = r#"{"type": "object", "properties": {"not": {"type": "null"}, "if": {"type": "array", "items": {"type": "null"}, "uniqueItems": false}}}"#;
    assert!(Grammar::new(&model.factory, &schema(fine)).is_ok());
}

/// Constraints that ask for too much, or for nonsense.
fn hostile() -> Vec<Constraint> {
    let nested = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    let wide: Vec<String> = (0..19_000).map(|i| format!("\"{i}\"")).collect();
    let options: Vec<String> = (0..60)
        .map(|i| format!(r#"{{"properties": {{"p{i}": {{"type": "integer"}}}}}}"#))
        .collect();
    let crossed = format!(
        r#"{{"allOf": [{0}, {0}, {0}]}}"#,
        format!(r#"{{"anyOf": [{}]}}"#, options.join(", "))
    );
    let schemas = [
        nested(r#"{"items":"#, "}", 40),
        nested("[", "]", 100_000),
        r##"{"$ref": "#"}"##.to_owned(),
        r##"{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}, {"type": "object"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}, {"maxLength": 3}]}}, "$ref": "#/$defs/a"}"##.to_owned(),
        r##"{"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##.to_owned(),
        format!(r#"{{"enum": [{}]}}"#, wide.join(",")),
        crossed,
        r#"{"type": "string", "minLength": 999999999, "maxLength": 9999999999}"#.to_owned(),
        r#"{"type": "array", "items": {}, "minItems": 100000000}"#.to_owned(),
        r#"{"type": "number", "multipleOf": 1e-300, "minimum": 1e300}"#.to_owned(),
        r#"{"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"}"#.to_owned(),
        format!(r#"{{"type": "string", "pattern": "{}"}}"#, nested("(", ")", 5_000)),
        format!(r#"{{"title": "{}", "type": 3}}"#, "长".repeat(200)),
        r#"{"patternProperties": {"(a|b)*c{500}": {}, "(b|a)*c{501}": {}}}"#.to_owned(),
    ];
    let mut constraints: Vec<Constraint> =
        schemas.into_iter().map(Constraint::JsonSchema).collect();
    for pattern in [
        "(a*)*(b*)*c{1000}{1000}".to_owned(),
        "(.*a){64}".to_owned(),
        "[\\u{0}-\\u{10FFFF}]{0,100000}".to_owned(),
        nested("(", ")", 4_000),
        "(a|b|ab)*{100}".repeat(80),
        "\\".to_owned(),
    ] {
        constraints.push(Constraint::Regex(pattern));
    }
    for grammar in [
        format!("start: {}", nested("(", ")", 30_000)),
        "start: start start | \"a\"".to_owned(),
        "start: a\na: b\nb: a".to_owned(),
        format!("start: \"{}\"", "a".repeat(60_000)),
        "start: A~1..1000000000\nA: \"a\"".to_owned(),
        "%llguidance {\"allow_invalid_utf8\": true}\nstart: /(?s-u:.)*/".to_owned(),
        "start: <[999999999]>".to_owned(),
        "\u{0}%%%".to_owned(),
    ] {
        constraints.push(Constraint::Lark(grammar));
    }
    constraints
}

#[test]
fn hostile_constraints_are_bounded() {
    let Some(model) = models().last() else { return };
    let constraints = hostile();
    // A worker's threads have small stacks: a deep recursion would end the process here.
    std::thread::scope(|scope| {
        let small = std::thread::Builder::new().stack_size(2 << 20);
        let task = small.spawn_scoped(scope, || {
            for constraint in &constraints {
                let Ok(mut grammar) = Grammar::new(&model.factory, constraint) else {
                    continue;
                };
                for step in 0..20 {
                    grammar.forced();
                    let Ok(mask) = grammar.mask() else { break };
                    let choices = allowed(&mask);
                    let token = choices[(uniform(5, step) * choices.len() as f64) as usize];
                    if grammar.is_complete() || grammar.accept(token).is_err() {
                        break;
                    }
                }
            }
        });
        task.unwrap().join().unwrap();
    });
}

#[test]
fn control_tokens_that_readers_look_for_are_text() {
    use crate::tokenizer::{Alphabet, Method, Parts};
    use std::collections::BTreeSet;
    use tokenizers::models::bpe::BPE;

    let tokenizer = TextTokenizer::build(Parts {
        method: Method::Library(Box::new(tokenizers::Tokenizer::new(BPE::default()))),
        alphabet: Alphabet::Bytes,
        vocabulary: vec!["<tool_call>".into(), "<|im_end|>".into()],
        plain: BTreeSet::new(),
        control: BTreeSet::from([0, 1]),
        bos: None,
        eos: vec![1],
        add_bos: false,
        add_eos: false,
    });
    assert_eq!(tokenizer.token_bytes(0), b"<tool_call>");
    assert_eq!(tokenizer.token_bytes(1), b"");
    assert!(!tokenizer.is_control(0) && tokenizer.is_control(1));
    // A message cannot forge it all the same.
    assert!(
        tokenizer
            .control_texts()
            .contains(&"<tool_call>".to_owned())
    );
}
