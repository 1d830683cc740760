//! What the text of an answer must look like, as the caller says it.

/// A form that every answer of a request has. It is checked before anything runs; an answer
/// that ends by length is cut off and not of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// JSON that fits this JSON Schema (as text; drafts 4 to 2020-12).
    JsonSchema(String),
    /// Any JSON object.
    JsonObject,
    /// Text that as a whole matches this regular expression (Rust's syntax, no look-around).
    Regex(String),
    /// Text of this grammar in llguidance's variant of Lark.
    Lark(String),
    /// One of these texts.
    Choices(Vec<String>),
}
