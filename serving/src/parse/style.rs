//! How a model writes that it calls a tool.

/// The ways that model families were trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ToolStyle {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen2.5, Qwen3, and what
    /// the engine teaches a model whose template knows no tools.
    #[default]
    Hermes,
    /// `{"name": …, "parameters": {…}}`, alone or after `<|python_tag|>`: Llama 3.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}]` or `[TOOL_CALLS]name[ARGS]{…}`: Mistral.
    Mistral,
    /// `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`:
    /// Qwen3-Coder.
    QwenXml,
}

impl ToolStyle {
    /// From the hint that a replica gives about its template: "hermes", "llama", "mistral" or
    /// "qwen_xml". Anything else is read as Hermes, the style of the most families.
    pub(crate) fn from_hint(hint: &str) -> Self {
        match hint {
            "llama" => Self::Llama,
            "mistral" => Self::Mistral,
            "qwen_xml" => Self::QwenXml,
            _ => Self::Hermes,
        }
    }

    /// The text that opens a call.
    pub(super) fn marker(self) -> &'static str {
        match self {
            Self::Hermes | Self::QwenXml => "<tool_call>",
            Self::Llama => "<|python_tag|>",
            Self::Mistral => "[TOOL_CALLS]",
        }
    }
}
