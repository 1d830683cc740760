//! What a model can do, as its route tells it.

use super::ApiError;
use crate::parse::{Thinking, ToolStyle};
use zhisuan_proto::v1::Route;
use zhisuan_proto::v1::generate_request::Input;

pub(crate) const CHAT: &str = "chat";
pub(crate) const COMPLETIONS: &str = "completions";
pub(crate) const EMBEDDINGS: &str = "embeddings";
pub(crate) const RERANK: &str = "rerank";

/// Refuses a model that cannot do what is asked. A route that tells no ability is tried.
pub(crate) fn check(route: &Route, ability: &str) -> Result<(), ApiError> {
    let all = [CHAT, COMPLETIONS, EMBEDDINGS, RERANK];
    let told = |one: &&str| route.abilities.iter().any(|known| known == one);
    let known: Vec<&str> = all.into_iter().filter(told).collect();
    if known.is_empty() || known.contains(&ability) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(ApiError::field(
        "operation_not_offered",
        "model",
        format!(
            "The model '{}' does not offer {ability}; it offers: {known}. GET /v1/models tells the abilities of each.",
            route.model
        ),
        format!(
            "模型“{}”不提供 {ability}，它提供：{known}。各模型的能力见 GET /v1/models。",
            route.model
        ),
    ))
}

/// How a model writes its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) style: ToolStyle,
    pub(crate) thinking: Thinking,
}

/// From the words of the route, such as "tools=llama" and "thinking=opened", and from the request.
pub(crate) fn manner(route: &Route, input: Option<&Input>) -> Manner {
    let words = || route.abilities.iter();
    let style = words().find_map(|word| word.strip_prefix("tools="));
    let thinking = match input {
        // A bare prompt is answered by bare text.
        None | Some(Input::Prompt(_) | Input::TokenIds(_)) => Thinking::Off,
        Some(Input::Chat(chat)) if chat.thinking != Some(false) && !chat.continue_last => {
            let opened = words().any(|word| word == "thinking=opened");
            if opened {
                Thinking::Opened
            } else {
                Thinking::Tagged
            }
        }
        Some(Input::Chat(_)) => Thinking::Tagged,
    };
    Manner {
        style: ToolStyle::from_hint(style.unwrap_or_default()),
        thinking,
    }
}
