//! From the fields that shape an answer's text to one constraint. Pure.

use super::ApiError;
use super::body::{invalid_type, missing_parameter};
use super::fields::unsupported;
use super::types::Common;
use super::validate::{invalid_value, wrong_type};
use serde_json::{Map, Value};
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::{Choices, Constraint};

const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_CHOICES: usize = 512;

/// A constraint and the field that asked for it.
pub(crate) type Named = (Constraint, &'static str);

/// The one constraint of a request; two are refused.
pub(crate) fn of(
    format: Option<&Value>,
    format_field: &'static str,
    common: &Common,
) -> Result<Option<Named>, ApiError> {
    let mut found: Option<(Form, &'static str)> = None;
    let asked = [
        format
            .map(|format| response_format(format, format_field))
            .transpose()?
            .flatten(),
        common
            .guided_json
            .as_ref()
            .map(|schema| schema_of("guided_json", schema))
            .transpose()?,
        text("guided_regex", common.guided_regex.as_ref())?.map(Form::Regex),
        common
            .guided_choice
            .as_ref()
            .map(|choices| choice("guided_choice", choices))
            .transpose()?,
        text("guided_grammar", common.guided_grammar.as_ref())?.map(Form::Lark),
    ];
    let names = [
        format_field,
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
    ];
    for (form, name) in asked.into_iter().zip(names) {
        only(&mut found, form, name)?;
    }
    structured(common, &mut found)?;
    Ok(found.map(|(form, name)| (Constraint { form: Some(form) }, name)))
}

fn structured(common: &Common, found: &mut Option<(Form, &'static str)>) -> Result<(), ApiError> {
    let Some(asked) = &common.structured_outputs else {
        return Ok(());
    };
    let json = asked
        .json
        .as_ref()
        .map(|schema| schema_of("structured_outputs.json", schema));
    only(found, json.transpose()?, "structured_outputs.json")?;
    let regex = text("structured_outputs.regex", asked.regex.as_ref())?.map(Form::Regex);
    only(found, regex, "structured_outputs.regex")?;
    let choices = asked
        .choice
        .as_ref()
        .map(|all| choice("structured_outputs.choice", all));
    only(found, choices.transpose()?, "structured_outputs.choice")?;
    let grammar = text("structured_outputs.grammar", asked.grammar.as_ref())?.map(Form::Lark);
    only(found, grammar, "structured_outputs.grammar")?;
    let object = asked
        .json_object
        .filter(|&asked| asked)
        .map(Form::JsonObject);
    only(found, object, "structured_outputs.json_object")
}

fn only(
    found: &mut Option<(Form, &'static str)>,
    form: Option<Form>,
    name: &'static str,
) -> Result<(), ApiError> {
    let Some(form) = form else { return Ok(()) };
    if let Some((_, other)) = found {
        return Err(invalid_value(
            name,
            format!("given beside {other}"),
            "at most one field that constrains the answer",
            "至多一个约束输出格式的字段",
        ));
    }
    *found = Some((form, name));
    Ok(())
}

/// `response_format` of chat, or `text.format` of responses, whose schema lies one level higher.
fn response_format(format: &Value, path: &'static str) -> Result<Option<Form>, ApiError> {
    let object = match format {
        Value::Null => return Ok(None),
        Value::Object(object) => object,
        other => return Err(wrong_type(path, other, "an object")),
    };
    let kind_path = format!("{path}.type");
    match object.get("type").and_then(Value::as_str) {
        None => Err(missing_parameter(&kind_path)),
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Form::JsonObject(true))),
        Some("json_schema") if path == "response_format" => {
            let inner = format!("{path}.json_schema");
            match object.get("json_schema") {
                Some(Value::Object(schema)) => named_schema(schema, &inner).map(Some),
                None | Some(Value::Null) => Err(missing_parameter(&inner)),
                Some(other) => Err(wrong_type(&inner, other, "an object")),
            }
        }
        Some("json_schema") => named_schema(object, path).map(Some),
        Some("grammar" | "python") => Err(unsupported(&kind_path)),
        Some(other) => Err(invalid_value(
            &kind_path,
            other,
            "'text', 'json_object' or 'json_schema'",
            " text、json_object 或 json_schema",
        )),
    }
}

/// `name`, `schema`, and `strict`, which is true of every answer here.
fn named_schema(object: &Map<String, Value>, path: &str) -> Result<Form, ApiError> {
    let name_path = format!("{path}.name");
    match object.get("name") {
        None | Some(Value::Null) => return Err(missing_parameter(&name_path)),
        Some(Value::String(name)) if is_name(name) => {}
        Some(Value::String(name)) => {
            return Err(invalid_value(
                &name_path,
                name,
                "1 to 64 letters, digits, '_' or '-'",
                " 1 到 64 个字母、数字、_ 或 -",
            ));
        }
        Some(other) => return Err(wrong_type(&name_path, other, "a string")),
    }
    for (name, expected) in [("strict", "a boolean"), ("description", "a string")] {
        let value = object.get(name).filter(|value| !value.is_null());
        let fits = value.is_none_or(|value| {
            if name == "strict" {
                value.is_boolean()
            } else {
                value.is_string()
            }
        });
        if !fits {
            let value = value.unwrap_or(&Value::Null);
            return Err(wrong_type(&format!("{path}.{name}"), value, expected));
        }
    }
    let schema_path = format!("{path}.schema");
    match object.get("schema") {
        None | Some(Value::Null) => Err(missing_parameter(&schema_path)),
        Some(schema) => schema_of(&schema_path, schema),
    }
}

/// A name of a schema, tool or function.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The constraint of a schema that the field at `path` has.
pub(crate) fn of_schema(path: &'static str, schema: &Value) -> Result<Named, ApiError> {
    let form = Some(schema_of(path, schema)?);
    Ok((Constraint { form }, path))
}

/// A schema as an object or as its text.
fn schema_of(path: &str, schema: &Value) -> Result<Form, ApiError> {
    let text = match schema {
        Value::Object(_) => schema.to_string(),
        Value::String(text) => {
            let parsed: Value = serde_json::from_str(text)
                .map_err(|error| invalid_type(path, &format!("the text is not JSON: {error}")))?;
            if !parsed.is_object() {
                return Err(wrong_type(
                    path,
                    &parsed,
                    "a JSON Schema, which is an object",
                ));
            }
            text.clone()
        }
        other => return Err(wrong_type(path, other, "a JSON Schema, which is an object")),
    };
    bounded(path, &text)?;
    Ok(Form::JsonSchema(text))
}

fn text(path: &str, value: Option<&String>) -> Result<Option<String>, ApiError> {
    let Some(text) = value else { return Ok(None) };
    bounded(path, text)?;
    Ok(Some(text.clone()))
}

fn bounded(path: &str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(invalid_value(
            path,
            format!("{} bytes", text.len()),
            "a text of 1 to 65536 bytes",
            "1 到 65536 字节的文本",
        ));
    }
    Ok(())
}

fn choice(path: &str, choices: &[String]) -> Result<Form, ApiError> {
    let fits = (1..=MAX_CHOICES).contains(&choices.len()) && !choices.iter().any(String::is_empty);
    if !fits {
        return Err(invalid_value(
            path,
            format!("{} texts", choices.len()),
            "1 to 512 texts that are not empty",
            "1 到 512 段非空文本",
        ));
    }
    bounded(path, &choices.concat())?;
    Ok(Form::Choices(Choices {
        texts: choices.to_vec(),
    }))
}
