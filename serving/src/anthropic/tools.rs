//! Tools and the choice among them. Pure.

use super::content::CacheControl;
use crate::openai::ApiError;
use crate::openai::body::missing_parameter;
use crate::openai::fields::{unknown, unsupported};
use crate::openai::tools::{Choice, Toolbox, name, parameters, text};
use crate::openai::validate::{invalid_value, wrong_type};
use serde::Deserialize;
use serde_json::Value;
use zhisuan_proto::v1::Tool;

const MAX_TOOLS: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolChoice {
    r#type: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

pub(super) fn read(
    tools: Option<&[Value]>,
    choice: Option<&ToolChoice>,
    pins: &mut CacheControl,
) -> Result<Toolbox, ApiError> {
    let tools = tools.unwrap_or_default();
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
        let tool = definition(&path, tool, pins)?;
        if known.iter().any(|other| other.name == tool.name) {
            let path = format!("{path}.name");
            let accepted = "a name that no other tool has";
            return Err(invalid_value(&path, tool.name, accepted, "不重复的名称"));
        }
        known.push(tool);
    }
    let chosen = choice.map_or(Ok(Choice::Auto), |choice| chosen(choice, &known))?;
    let one_call = choice.is_some_and(|choice| choice.disable_parallel_tool_use == Some(true));
    Ok(Toolbox::new(known, chosen, one_call))
}

fn definition(path: &str, tool: &Value, pins: &mut CacheControl) -> Result<Tool, ApiError> {
    let object = tool
        .as_object()
        .ok_or_else(|| wrong_type(path, tool, "an object"))?;
    match object.get("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "custom" => {}
        Some(_) => return Err(unsupported(&format!("{path}.type"))),
    }
    let names = [
        "type",
        "name",
        "description",
        "input_schema",
        "cache_control",
        "strict",
    ];
    if let Some(odd) = object.keys().find(|key| !names.contains(&key.as_str())) {
        return Err(unknown(&format!("{path}.{odd}")));
    }
    pins.see(path, object)?;
    let schema_path = format!("{path}.input_schema");
    if object.get("input_schema").is_none_or(Value::is_null) {
        return Err(missing_parameter(&schema_path));
    }
    let strict = match object.get("strict") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(strict)) => *strict,
        Some(other) => return Err(wrong_type(&format!("{path}.strict"), other, "a boolean")),
    };
    Ok(Tool {
        name: name(&format!("{path}.name"), object)?,
        description: text(&format!("{path}.description"), object.get("description"))?,
        parameters: parameters(&schema_path, object.get("input_schema"))?,
        strict,
    })
}

fn chosen(choice: &ToolChoice, tools: &[Tool]) -> Result<Choice, ApiError> {
    let chosen = match choice.r#type.as_str() {
        "auto" => return Ok(Choice::Auto),
        "none" => return Ok(Choice::None),
        "any" => Choice::Required,
        "tool" => {
            let name = choice.name.clone();
            let name = name.ok_or_else(|| missing_parameter("tool_choice.name"))?;
            if !tools.iter().any(|tool| tool.name == name) {
                let accepted = "the name of one of the tools";
                return Err(invalid_value(
                    "tool_choice.name",
                    name,
                    accepted,
                    "某个工具的名称",
                ));
            }
            Choice::Named(name)
        }
        other => {
            return Err(invalid_value(
                "tool_choice.type",
                other,
                "'auto', 'any', 'tool' or 'none'",
                " auto、any、tool 或 none",
            ));
        }
    };
    if tools.is_empty() {
        return Err(invalid_value(
            "tool_choice",
            "set without tools",
            "tool_choice only together with tools",
            "仅在给出 tools 时给出 tool_choice",
        ));
    }
    Ok(chosen)
}
