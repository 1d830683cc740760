//! Texts as callers give them: in words, or by their tokens. Reading is pure; tokens are looked
//! up in the model's vocabulary before anything is held.

use super::ApiError;
use super::body::missing_parameter;
use super::sampling::{Wish, prompt_bound};
use super::validate::{invalid_value, wrong_type};
use crate::app::App;
use crate::routing;
use crate::trail::Trail;
use serde_json::Value;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{DetokenizeRequest, Route, TokenIds};

/// One text or several, all of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Texts {
    Plain(Vec<String>),
    Tokens(Tokens),
}

/// Texts by their tokens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) lists: Vec<TokenIds>,
    /// The tokens of the one text stood in the field itself, not in a list of lists.
    flat: bool,
}

impl Texts {
    /// A text, an array of texts, an array of token ids, or an array of such arrays.
    pub(crate) fn read(path: &str, value: Option<&Value>, most: usize) -> Result<Self, ApiError> {
        let items = match value {
            None | Some(Value::Null) => return Err(missing_parameter(path)),
            Some(Value::String(text)) => return Ok(Self::Plain(vec![text.clone()])),
            Some(Value::Array(items)) => items,
            Some(other) => {
                let expected = "a string, an array of strings, or token ids";
                return Err(wrong_type(path, other, expected));
            }
        };
        if let Some(Value::Number(_)) = items.first() {
            return Ok(Self::Tokens(Tokens::flat(ids(path, items)?)));
        }
        if items.is_empty() || items.len() > most {
            return Err(invalid_value(
                path,
                format!("{} texts", items.len()),
                &format!("1 to {most} texts"),
                &format!("1 到 {most} 段文本"),
            ));
        }
        let each = items.iter().enumerate();
        let each = each.map(|(index, item)| (format!("{path}[{index}]"), item));
        if let Some(Value::Array(_)) = items.first() {
            let list = |(path, item): (String, &Value)| match item {
                Value::Array(tokens) => ids(&path, tokens),
                other => Err(wrong_type(&path, other, "an array of token ids")),
            };
            let lists = each.map(list).collect::<Result<_, _>>()?;
            return Ok(Self::Tokens(Tokens { lists, flat: false }));
        }
        let text = |(path, item): (String, &Value)| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong_type(&path, other, "a string")),
        };
        Ok(Self::Plain(each.map(text).collect::<Result<_, _>>()?))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(texts) => texts.len(),
            Self::Tokens(tokens) => tokens.lists.len(),
        }
    }

    /// Upper bound of their tokens, with `more` bytes before each text.
    pub(crate) fn bound(&self, more: usize) -> u64 {
        let bounds = |text: &String| prompt_bound(text.len() + more, 1);
        match self {
            Self::Plain(texts) => texts.iter().map(bounds).sum(),
            Self::Tokens(tokens) => tokens.lists.iter().map(|list| list.ids.len() as u64).sum(),
        }
    }

    /// The texts as prompts to be continued.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        match self {
            Self::Plain(texts) => texts.iter().cloned().map(Input::Prompt).collect(),
            Self::Tokens(tokens) => tokens.lists.iter().cloned().map(Input::TokenIds).collect(),
        }
    }

    /// Has the model look tokens up: one that its vocabulary does not have is refused by its place
    /// in `field`. Where the caller's prompts are screened, the texts that the tokens stand for
    /// take their place: the filter must see what the model reads.
    pub(crate) async fn look_up(
        &mut self,
        app: &App,
        trail: &Trail,
        route: &Route,
        field: &str,
    ) -> Result<(), ApiError> {
        let Self::Tokens(tokens) = self else {
            return Ok(());
        };
        let screened = app
            .guard
            .screens_prompts(&trail.with(|record| record.tenant.clone()));
        if route.external.is_some() && !screened {
            // Such a server looks its tokens up itself.
            return Ok(());
        }
        let request = DetokenizeRequest {
            model: route.model.clone(),
            token_ids: tokens.lists.clone(),
        };
        let found = routing::detokenize(app, trail, route, request).await;
        let texts = found.map_err(|error| tokens.place(error, field))?.texts;
        if texts.len() != tokens.lists.len() {
            return Err(ApiError::replica_failed("texts_malformed", ""));
        }
        if screened {
            *self = Self::Plain(texts);
        }
        Ok(())
    }
}

impl Tokens {
    /// The tokens of one text.
    pub(super) fn flat(ids: TokenIds) -> Self {
        Self {
            lists: vec![ids],
            flat: true,
        }
    }

    /// Names the caller's own field where a replica names its: "token_ids[1][5]" is "prompt[1][5]".
    pub(super) fn place(&self, error: ApiError, field: &str) -> ApiError {
        let Some(place) = error
            .param
            .as_deref()
            .and_then(|param| param.strip_prefix("token_ids"))
        else {
            return error;
        };
        let place = match place.strip_prefix("[0]") {
            Some(rest) if self.flat => rest,
            _ => place,
        };
        let path = format!("{field}{place}");
        error.about(path)
    }
}

/// Token ids of one text.
pub(crate) fn ids(path: &str, items: &[Value]) -> Result<TokenIds, ApiError> {
    if items.is_empty() {
        return Err(invalid_value(
            path,
            "[]",
            "at least one token id",
            "至少一个词元编号",
        ));
    }
    let id = |(index, item): (usize, &Value)| {
        let path = format!("{path}[{index}]");
        match item {
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| {
                    let accepted = "a token id, which is an integer from 0";
                    invalid_value(&path, number, accepted, "词元编号，即不小于 0 的整数")
                }),
            other => Err(wrong_type(&path, other, "a token id, as before it")),
        }
    };
    let ids = items.iter().enumerate().map(id).collect::<Result<_, _>>()?;
    Ok(TokenIds { ids })
}

impl Wish {
    /// Looks the tokens of its prompts up.
    pub(super) async fn look_up(
        &mut self,
        app: &App,
        trail: &Trail,
        route: &Route,
    ) -> Result<(), ApiError> {
        let Some(mut texts) = self.by_tokens.take() else {
            return Ok(());
        };
        texts.look_up(app, trail, route, self.prompt_field).await?;
        self.prompts(&texts);
        Ok(())
    }

    /// Asks for answers to these texts, of which there is one at least.
    pub(super) fn prompts(&mut self, texts: &Texts) {
        let mut inputs = texts.inputs().into_iter();
        self.request.input = inputs.next();
        self.more_prompts = inputs.collect();
        self.max_prompt_tokens = texts.bound(0);
    }
}
