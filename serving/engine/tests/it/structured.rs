//! Real models held to a form: what ends is valid, what is cut off says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use crate::support::{QWEN, SMOLLM2, load, real_model, run};
use serde_json::Value;
use zhisuan_engine::{
    Chat, ChatMessage, Constraint, Engine, FinishReason, GenerateRequest, Prompt, Tool, ToolCall,
};

fn ask(engine: &Engine, chat: &Chat, max_tokens: usize, form: Constraint) -> GenerateRequest {
    let prompt = engine.prompt_of(chat).unwrap();
    GenerateRequest {
        constraint: Some(form),
        ..GenerateRequest::new(Prompt::Text(prompt), max_tokens)
    }
}

fn question(text: &str) -> Chat {
    Chat {
        messages: vec![ChatMessage::new("user", text)],
        ..Chat::default()
    }
}

const FORM: &str = r##"{
  "type": "object",
  "properties": {
    "姓名": {"type": "string", "maxLength": 8},
    "年龄": {"type": "integer", "minimum": 0, "maximum": 150},
    "标签": {"type": "array", "items": {"enum": ["军人", "学生", "教师"]}, "minItems": 1, "maxItems": 2},
    "地址": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/address"}]}
  },
  "required": ["姓名", "年龄", "标签", "地址"],
  "additionalProperties": false,
  "$defs": {"address": {
    "type": "object",
    "properties": {"城市": {"type": "string", "pattern": "^[\u4e00-\u9fff]{2,6}$"}, "邮编": {"type": "string", "pattern": "^[0-9]{6}$"}},
    "required": ["城市", "邮编"],
    "additionalProperties": false
  }}
}"##;

#[test]
fn answers_of_real_models_fit_their_schema() {
    for sha256 in [QWEN, SMOLLM2] {
        let Some(path) = real_model(sha256) else {
            return;
        };
        let engine = load(&path);
        let chat =
            question("张三今年35岁，是一名教师，住在杭州市，邮编310000。提取信息，输出 JSON。");
        let form = Constraint::JsonSchema(FORM.to_owned());
        let outcome = run(&engine, ask(&engine, &chat, 160, form.clone()));
        assert_eq!(outcome.end, Ok(FinishReason::Stop), "{}", outcome.text());
        let value: Value = serde_json::from_str(&outcome.text()).unwrap();
        assert!(value["姓名"].as_str().unwrap().chars().count() <= 8);
        assert!((0..=150).contains(&value["年龄"].as_i64().unwrap()));
        assert!((1..=2).contains(&value["标签"].as_array().unwrap().len()));
        if sha256 == QWEN {
            assert_eq!(value["姓名"], "张三", "{value}");
            assert_eq!(value["年龄"], 35, "{value}");
        }
        // The same request, too short for its form: cut off, and said to be.
        let cut = run(&engine, ask(&engine, &chat, 12, form));
        assert_eq!(cut.end, Ok(FinishReason::Length));
        assert!(serde_json::from_str::<Value>(&cut.text()).is_err());
        assert!(outcome.text().starts_with(&cut.text()));
    }
}

#[test]
fn a_real_model_calls_a_tool_and_uses_the_result() {
    let Some(path) = real_model(QWEN) else { return };
    let engine = load(&path);
    let abilities = engine.chat_abilities().unwrap();
    assert_eq!(
        (abilities.tool_style, abilities.native_tools),
        ("hermes", true)
    );
    let mut chat = question("北京现在天气怎么样？");
    chat.tools.push(Tool {
        name: "get_weather".into(),
        description: "查询一个城市的天气".into(),
        parameters: r#"{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}"#.into(),
        strict: false,
    });
    let grammar = include_str!("../../../tests/grammars/hermes_required.lark");
    let outcome = run(
        &engine,
        ask(&engine, &chat, 80, Constraint::Lark(grammar.to_owned())),
    );
    let text = outcome.text();
    let inner = text
        .strip_prefix("<tool_call>\n")
        .and_then(|rest| rest.split_once("\n</tool_call>"))
        .unwrap_or_else(|| panic!("{text}"))
        .0;
    let call: Value = serde_json::from_str(inner).unwrap();
    assert_eq!(call["name"], "get_weather");
    assert!(
        call["arguments"]["city"].as_str().unwrap().contains("北京"),
        "{call}"
    );
    let mut said = ChatMessage::new("assistant", "");
    said.tool_calls.push(ToolCall {
        id: "call1".into(),
        name: "get_weather".into(),
        arguments: call["arguments"].to_string(),
    });
    let mut result = ChatMessage::new("tool", r#"{"天气": "雷阵雨", "气温": 21}"#);
    result.tool_call_id = Some("call1".into());
    chat.messages.extend([said, result]);
    let prompt = engine.prompt_of(&chat).unwrap();
    let answer = run(&engine, GenerateRequest::new(Prompt::Text(prompt), 60));
    assert!(
        answer.text().contains("21") || answer.text().contains("雷阵雨"),
        "{}",
        answer.text()
    );
}

#[test]
fn an_answer_goes_on_where_it_was_left() {
    let Some(path) = real_model(QWEN) else { return };
    let engine = load(&path);
    let mut chat = question("从1数到10，用逗号分开，不要说别的。");
    chat.messages
        .push(ChatMessage::new("assistant", "1,2,3,4,"));
    chat.continue_last = true;
    let prompt = engine.prompt_of(&chat).unwrap();
    let answer = run(&engine, GenerateRequest::new(Prompt::Text(prompt), 8));
    assert!(
        answer.text().trim_start().starts_with("5,"),
        "{}",
        answer.text()
    );
}
