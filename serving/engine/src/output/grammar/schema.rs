//! JSON Schema before it is compiled: size, depth, and keywords that would be ignored.

use crate::error::EngineError;
use llguidance::JsonCompileOptions;
use llguidance::api::TopLevelGrammar;
use serde_json::{Map, Value};

const FIELD: &str = "constraint.json_schema";
/// Most bytes of a schema.
const LONGEST: usize = 256 << 10;
/// Most values (schemas, names, constants) in a schema.
const MOST_VALUES: usize = 20_000;
/// Values inside values.
const DEEPEST: usize = 64;

/// Keywords of the standard that would change what is valid and that grammars cannot keep.
const UNSUPPORTED: [&str; 20] = [
    "$dynamicRef",
    "$recursiveRef",
    "contains",
    "contentSchema",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "disallow",
    "divisibleBy",
    "else",
    "extends",
    "if",
    "maxContains",
    "minContains",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

/// Keywords whose value is a schema, a list of schemas, or schemas by name.
const SCHEMAS: [&str; 3] = ["additionalProperties", "additionalItems", "items"];
const LISTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Checks a schema and makes it a grammar.
pub(super) fn grammar(text: &str) -> Result<TopLevelGrammar, EngineError> {
    if text.len() > LONGEST {
        return Err(EngineError::invalid(
            FIELD,
            format!("长 {} 字节，上限 {LONGEST}", text.len()),
        ));
    }
    let mut schema: Value = serde_json::from_str(text)
        .map_err(|e| EngineError::invalid(FIELD, format!("不是合法的 JSON：{e}")))?;
    let mut values = 0;
    measure(&schema, 0, &mut values)?;
    check(&mut schema, "#")?;
    match schema {
        Value::Object(_) => Ok(grammar_of(schema)),
        Value::Bool(true) => Ok(grammar_of(Value::Object(Map::new()))),
        _ => Err(EngineError::invalid(FIELD, "应为 JSON 对象")),
    }
}

/// JSON as models were mostly taught it: one space after comma and colon, none elsewhere.
/// Free white space would let an answer run on without end, and nothing would be forced.
pub(super) fn grammar_of(mut schema: Value) -> TopLevelGrammar {
    let options = JsonCompileOptions {
        item_separator: ", ".to_owned(),
        key_separator: ": ".to_owned(),
        whitespace_flexible: false,
        ..JsonCompileOptions::default()
    };
    options.apply_to(&mut schema);
    TopLevelGrammar::from_json_schema(schema)
}

fn measure(value: &Value, depth: usize, values: &mut usize) -> Result<(), EngineError> {
    *values += 1;
    if depth > DEEPEST || *values > MOST_VALUES {
        return Err(EngineError::invalid(
            FIELD,
            format!("过大：最多 {MOST_VALUES} 个值、嵌套 {DEEPEST} 层"),
        ));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| measure(item, depth + 1, values)),
        Value::Object(fields) => fields
            .values()
            .try_for_each(|item| measure(item, depth + 1, values)),
        _ => Ok(()),
    }
}

/// Refuses unsupported keywords where a schema stands (names of properties are not keywords).
fn check(schema: &mut Value, path: &str) -> Result<(), EngineError> {
    let Value::Object(fields) = schema else {
        return Ok(());
    };
    // It says nothing, and the compiler does not know it.
    if fields.get("uniqueItems") == Some(&Value::Bool(false)) {
        fields.shift_remove("uniqueItems");
    }
    for (key, value) in fields {
        let here = format!("{path}/{key}");
        if key == "x-guidance" || UNSUPPORTED.contains(&key.as_str()) {
            return Err(EngineError::invalid(
                FIELD,
                format!("不支持关键字 {key}（位于 {here}）"),
            ));
        }
        if key == "$ref" && !value.as_str().is_some_and(|r| r.starts_with('#')) {
            return Err(EngineError::invalid(
                FIELD,
                format!("{here} 只能引用本文档内的定义（以 # 开头）"),
            ));
        }
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                for (name, inner) in named {
                    check(inner, &format!("{here}/{name}"))?;
                }
            }
            Value::Array(listed) if LISTS.contains(&key.as_str()) => {
                for (index, inner) in listed.iter_mut().enumerate() {
                    check(inner, &format!("{here}/{index}"))?;
                }
            }
            inner if SCHEMAS.contains(&key.as_str()) => check(inner, &here)?,
            _ => {}
        }
    }
    Ok(())
}
