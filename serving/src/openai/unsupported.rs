//! Known parameters that are not supported yet and would change the result.

use super::ApiError;
use serde_json::{Map, Value};

/// Name of a parameter and the test for the values that ask for nothing. `null` always does.
pub(crate) type Parameter = (&'static str, fn(&Value) -> bool);

fn never(_: &Value) -> bool {
    false
}
fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}
fn is_one(value: &Value) -> bool {
    value.as_u64() == Some(1)
}
fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}
fn is_empty_text(value: &Value) -> bool {
    value.as_str() == Some("")
}
fn no_tool(value: &Value) -> bool {
    matches!(value.as_str(), Some("none" | "auto"))
}
fn text_only(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|kinds| kinds.iter().all(|kind| kind.as_str() == Some("text")))
}
fn text_format(value: &Value) -> bool {
    value.get("type").and_then(Value::as_str) == Some("text")
}
fn medium(value: &Value) -> bool {
    value.as_str() == Some("medium")
}
fn no_effort(value: &Value) -> bool {
    value.as_str() == Some("none")
}

/// Of POST /v1/chat/completions.
pub(crate) const CHAT: &[Parameter] = &[
    ("tools", is_empty_list),
    ("tool_choice", no_tool),
    ("functions", is_empty_list),
    ("function_call", no_tool),
    ("response_format", text_format),
    ("n", is_one),
    ("modalities", text_only),
    ("audio", never),
    ("prediction", never),
    ("web_search_options", never),
    ("reasoning_effort", no_effort),
    ("verbosity", medium),
    ("store", is_false),
];

/// Of POST /v1/completions.
pub(crate) const COMPLETIONS: &[Parameter] = &[
    ("n", is_one),
    ("best_of", is_one),
    ("echo", is_false),
    ("suffix", is_empty_text),
];

/// Of POST /v1/embeddings.
pub(crate) const EMBEDDINGS: &[Parameter] = &[("dimensions", never)];

/// Refuses the first parameter of `refused` that `object` carries with a value of consequence.
pub(crate) fn check(object: &Map<String, Value>, refused: &[Parameter]) -> Result<(), ApiError> {
    for (name, is_neutral) in refused {
        let asked = object
            .get(*name)
            .is_some_and(|value| !value.is_null() && !is_neutral(value));
        if asked {
            return Err(parameter(name));
        }
    }
    Ok(())
}

/// The refusal of one parameter, named by its path.
pub(crate) fn parameter(path: &str) -> ApiError {
    ApiError::field(
        "unsupported_parameter",
        path,
        format!("Unsupported parameter: '{path}' is not supported with this value. Leave it out."),
        format!("暂不支持参数“{path}”的这个取值。请去掉该参数。"),
    )
}
