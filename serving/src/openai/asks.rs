//! What a wish asks of the ledger and of replicas. Pure.

use super::ApiError;
use super::sampling::Wish;
use super::strands::Planned;
use super::validate::invalid_value;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{AuthorizeRequest, GenerateRequest, Route};

/// What is held for every answer to every prompt.
pub(super) fn hold(
    wish: &Wish,
    route: &Route,
    id: &str,
    tenant: &str,
    max_tokens: u32,
) -> AuthorizeRequest {
    let prompts = 1 + wish.more_prompts.len();
    let answers = prompts as u64 * u64::from(wish.best_of);
    AuthorizeRequest {
        request_id: id.to_owned(),
        tenant: tenant.to_owned(),
        model: wish.model.clone(),
        max_prompt_tokens: prompt_hold(wish, prompts, route.context_length),
        max_completion_tokens: u64::from(max_tokens) * answers,
        deployment: route.deployment.clone(),
    }
}

/// Prompt tokens that are held for; no prompt is longer than the context.
fn prompt_hold(wish: &Wish, prompts: usize, context: u32) -> u64 {
    let most = u64::from(context).saturating_mul(prompts as u64);
    if context == 0 {
        wish.max_prompt_tokens
    } else {
        wish.max_prompt_tokens.min(most)
    }
}

/// The strands of a wish, by prompt.
pub(super) fn strands(wish: Wish, id: &str, tenant: &str, max_tokens: u32) -> Vec<Vec<Planned>> {
    let group = wish.best_of as usize;
    let base = GenerateRequest {
        model: wish.model,
        tenant: tenant.to_owned(),
        max_tokens,
        ..wish.request
    };
    let more = wish.more_prompts.into_iter().map(Some);
    let inputs = std::iter::once(base.input.clone()).chain(more);
    let strand = |prompt: usize, input: &Option<Input>, run: usize| {
        let index = prompt * group + run;
        let mut request = GenerateRequest {
            input: input.clone(),
            ..base.clone()
        };
        request.request_id = if index == 0 {
            id.to_owned()
        } else {
            format!("{id}-{index}")
        };
        // The same seed would only give the same answer again.
        if let Some(seed) = request
            .sampling
            .as_mut()
            .and_then(|sampling| sampling.seed.as_mut())
        {
            *seed = seed.wrapping_add(run as u64);
        }
        Planned { index, request }
    };
    inputs
        .enumerate()
        .map(|(prompt, input)| (0..group).map(|run| strand(prompt, &input, run)).collect())
        .collect()
}

/// Completion tokens that are held for when neither caller nor route names a limit.
const UNKNOWN_ROOM: u32 = 4_095;

/// What a completion may be at most: what was asked for, or what the context has room for.
pub(super) fn completion_bound(wish: &Wish, context: u32) -> Result<u32, ApiError> {
    let room = context.saturating_sub(1);
    match wish.max_tokens {
        // A replica that has not told its context yet: it ends the answer where its context does.
        None if room == 0 => Ok(UNKNOWN_ROOM),
        None => Ok(room),
        Some((asked, _)) if asked <= room || room == 0 => Ok(asked),
        Some((asked, field)) => Err(invalid_value(
            field,
            asked,
            &format!("at most {room}: the model's context is {context} tokens"),
            &format!("至多 {room}：该模型的上下文为 {context} 个词元"),
        )),
    }
}
