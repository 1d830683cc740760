//! The document as a page: every call with its fields. Pure.

use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
code{background:#f2f2f2;padding:.1em .3em;border-radius:3px}\
td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}\
h2{margin-top:2rem;font-size:1.1rem}@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}\
code{background:#2a2a2a}a{color:#8ab4f8}}";

/// Renders the document.
pub(super) fn render(document: &Value) -> String {
    let title = escape(text(&document["info"]["title"]));
    let mut page = format!(
        "<!doctype html><html lang=\"zh\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{}</p>\
         <p>机器可读：<a href=\"/openapi.json\">/openapi.json</a>（OpenAPI 3.1）</p>",
        escape(text(&document["info"]["description"]))
    );
    for (path, calls) in document["paths"].as_object().into_iter().flatten() {
        for (method, call) in calls.as_object().into_iter().flatten() {
            let _ = write!(
                page,
                "<h2><code>{} {}</code> {}</h2>",
                escape(&method.to_uppercase()),
                escape(path),
                escape(text(&call["summary"]))
            );
            for content in call["requestBody"]["content"]
                .as_object()
                .into_iter()
                .flatten()
            {
                fields(&mut page, document, &content.1["schema"]);
            }
        }
    }
    page
}

fn fields(page: &mut String, document: &Value, schema: &Value) {
    let schema = resolve(document, schema);
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    page.push_str("<table>");
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        // What is only known in order to be refused is no field to write.
        if field["type"] == "null" {
            continue;
        }
        let must = if required.contains(&name.as_str()) {
            "必需"
        } else {
            ""
        };
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{must}<td>{}",
            escape(name),
            escape(text(&field["description"]))
        );
    }
    page.push_str("</table>");
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(schema)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::render;
    use serde_json::json;

    #[test]
    fn calls_and_fields_are_listed_and_escaped() {
        let document = json!({
            "info": {"title": "a<b", "description": "d"},
            "paths": {"/v1/x": {"post": {"summary": "s", "requestBody": {"content":
                {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}}}}}},
            "components": {"schemas": {"X": {"required": ["a"], "properties":
                {"a": {"description": "<script>"}, "gone": {"type": "null"}}}}},
        });
        let page = render(&document);
        assert!(page.contains("<code>POST /v1/x</code>") && page.contains("必需"));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
        assert!(page.contains("a&lt;b") && !page.contains("gone"));
    }
}
