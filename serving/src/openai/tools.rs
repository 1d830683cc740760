//! Tools that an answer may call: their definitions and the choice among them. Pure.

use super::ApiError;
use super::ability::Manner;
use super::body::missing_parameter;
use super::constraint::is_name;
use super::fields::{unknown, unsupported};
use super::validate::{invalid_value, wrong_type};
use crate::parse::{self, ToolProblem, constraint_for_tools};
use serde_json::{Map, Value};
use zhisuan_proto::v1::{Constraint, Tool};

const MAX_TOOLS: usize = 128;
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// Whether and which tools are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Choice {
    /// The model decides.
    #[default]
    Auto,
    /// None is called, and none is shown to the model.
    None,
    /// At least one is called.
    Required,
    /// This one is called.
    Named(String),
}

/// The tools of a request. Empty where no text of the answer is a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Toolbox {
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    /// At most one call in an answer.
    pub(crate) one_call: bool,
}

impl Toolbox {
    /// What the model is shown; with the choice `none` nothing.
    pub(crate) fn new(tools: Vec<Tool>, choice: Choice, one_call: bool) -> Self {
        let tools = if choice == Choice::None {
            Vec::new()
        } else {
            tools
        };
        Self {
            tools,
            choice,
            one_call,
        }
    }

    /// The constraint that makes the answer of a model with this manner what the choice and strict
    /// tools ask for; `None` where the model is free.
    pub(crate) fn constraint(&self, manner: Manner) -> Result<Option<Constraint>, ApiError> {
        let choice = match &self.choice {
            Choice::Auto => parse::Choice::Auto,
            Choice::None => parse::Choice::None,
            Choice::Required => parse::Choice::Required,
            Choice::Named(name) => parse::Choice::Named(name),
        };
        let Manner { style, thinking } = manner;
        let made = constraint_for_tools(&self.tools, choice, style, thinking, !self.one_call);
        made.map_err(|problem| match problem {
            ToolProblem::Unknown => {
                let accepted = "the name of one of the tools";
                invalid_value("tool_choice", "?", accepted, "某个工具的名称")
            }
            ToolProblem::Schema(index) => invalid_value(
                &format!("tools[{index}]"),
                "parameters",
                "a JSON Schema of an object",
                "对象的 JSON Schema",
            ),
        })
    }
}

/// `tools`, `tool_choice` and `parallel_tool_calls` of chat.
pub(crate) fn of_chat(
    tools: Option<&[Value]>,
    choice: Option<&Value>,
    parallel: Option<bool>,
) -> Result<Toolbox, ApiError> {
    let tools = definitions(tools.unwrap_or_default(), "function")?;
    let choice = chosen(choice, &tools, "function")?;
    Ok(Toolbox::new(tools, choice, parallel == Some(false)))
}

/// The definitions, with their fields inside the object `inside`, or beside `type` where it is
/// empty, as the responses interface has them.
pub(crate) fn definitions(tools: &[Value], inside: &str) -> Result<Vec<Tool>, ApiError> {
    if tools.len() > MAX_TOOLS {
        let count = format!("{} tools", tools.len());
        return Err(invalid_value(
            "tools",
            count,
            "at most 128 tools",
            "至多 128 个工具",
        ));
    }
    let mut known: Vec<Tool> = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        let path = format!("tools[{index}]");
        let tool = definition(&path, tool, inside)?;
        if known.iter().any(|other| other.name == tool.name) {
            let path = dotted(&path, inside, "name");
            return Err(invalid_value(
                &path,
                tool.name,
                "a name that no other tool has",
                "不重复的名称",
            ));
        }
        known.push(tool);
    }
    Ok(known)
}

fn definition(path: &str, tool: &Value, inside: &str) -> Result<Tool, ApiError> {
    let object = tool
        .as_object()
        .ok_or_else(|| wrong_type(path, tool, "an object"))?;
    match object.get("type") {
        Some(Value::String(kind)) if kind == "function" => {}
        None | Some(Value::Null) => return Err(missing_parameter(&format!("{path}.type"))),
        Some(_) => return Err(unsupported(&format!("{path}.type"))),
    }
    let function = if inside.is_empty() {
        object
    } else {
        let inner = format!("{path}.{inside}");
        match object.get(inside) {
            None | Some(Value::Null) => return Err(missing_parameter(&inner)),
            Some(Value::Object(function)) => function,
            Some(other) => return Err(wrong_type(&inner, other, "an object")),
        }
    };
    let at = |name: &str| dotted(path, inside, name);
    let fields = ["name", "description", "parameters", "strict"];
    if let Some(odd) = function
        .keys()
        .find(|key| !(fields.contains(&key.as_str()) || inside.is_empty() && *key == "type"))
    {
        return Err(unknown(&at(odd)));
    }
    let strict = match function.get("strict") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(strict)) => *strict,
        Some(other) => return Err(wrong_type(&at("strict"), other, "a boolean")),
    };
    Ok(Tool {
        name: name(&at("name"), function)?,
        description: text(&at("description"), function.get("description"))?,
        parameters: parameters(&at("parameters"), function.get("parameters"))?,
        strict,
    })
}

fn dotted(path: &str, inside: &str, name: &str) -> String {
    if inside.is_empty() {
        format!("{path}.{name}")
    } else {
        format!("{path}.{inside}.{name}")
    }
}

/// A required `name` of 1 to 64 letters, digits, `_` and `-`.
pub(crate) fn name(path: &str, object: &Map<String, Value>) -> Result<String, ApiError> {
    match object.get("name") {
        None | Some(Value::Null) => Err(missing_parameter(path)),
        Some(Value::String(name)) if is_name(name) => Ok(name.clone()),
        Some(Value::String(name)) => Err(invalid_value(
            path,
            name,
            "1 to 64 letters, digits, '_' or '-'",
            " 1 到 64 个字母、数字、_ 或 -",
        )),
        Some(other) => Err(wrong_type(path, other, "a string")),
    }
}

/// An optional text; absent is empty.
pub(crate) fn text(path: &str, value: Option<&Value>) -> Result<String, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong_type(path, other, "a string")),
    }
}

/// The schema of a tool's arguments as text; absent is empty.
pub(crate) fn parameters(path: &str, value: Option<&Value>) -> Result<String, ApiError> {
    let schema = match value {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(schema @ Value::Object(_)) => schema.to_string(),
        Some(other) => return Err(wrong_type(path, other, "a JSON Schema, which is an object")),
    };
    if schema.len() > MAX_SCHEMA_BYTES {
        let bytes = format!("{} bytes", schema.len());
        return Err(invalid_value(
            path,
            bytes,
            "at most 65536 bytes",
            "至多 65536 字节",
        ));
    }
    Ok(schema)
}

/// The choice among `tools`, in the form of chat or (`inside` empty) of responses.
pub(crate) fn chosen(
    value: Option<&Value>,
    tools: &[Tool],
    inside: &str,
) -> Result<Choice, ApiError> {
    let choice = match value {
        None | Some(Value::Null) => return Ok(Choice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => return Ok(Choice::Auto),
            "none" => return Ok(Choice::None),
            "required" => Choice::Required,
            other => {
                return Err(invalid_value(
                    "tool_choice",
                    other,
                    "'auto', 'none', 'required' or one function by name",
                    " auto、none、required 或一个函数的名称",
                ));
            }
        },
        Some(Value::Object(object)) => named(object, inside)?,
        Some(other) => return Err(wrong_type("tool_choice", other, "a string or an object")),
    };
    if let Choice::Named(name) = &choice
        && !tools.iter().any(|tool| &tool.name == name)
    {
        let path = dotted("tool_choice", inside, "name");
        return Err(invalid_value(
            &path,
            name,
            "the name of one of the tools",
            "某个工具的名称",
        ));
    }
    if tools.is_empty() {
        return Err(invalid_value(
            "tool_choice",
            "set without tools",
            "tool_choice only together with tools",
            "仅在给出 tools 时给出 tool_choice",
        ));
    }
    Ok(choice)
}

fn named(object: &Map<String, Value>, inside: &str) -> Result<Choice, ApiError> {
    match object.get("type").and_then(Value::as_str) {
        Some("function") => {}
        None => return Err(missing_parameter("tool_choice.type")),
        Some(_) => return Err(unsupported("tool_choice.type")),
    }
    if inside.is_empty() {
        return name("tool_choice.name", object).map(Choice::Named);
    }
    let path = format!("tool_choice.{inside}");
    match object.get(inside) {
        None | Some(Value::Null) => Err(missing_parameter(&path)),
        Some(Value::Object(function)) => name(&format!("{path}.name"), function).map(Choice::Named),
        Some(other) => Err(wrong_type(&path, other, "an object")),
    }
}
