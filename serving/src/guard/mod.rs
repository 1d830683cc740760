//! Content filter, both ways: personal data, secrecy marks, and the operator's list of terms.
//!
//! What is done with a finding is a tenant's policy: allow and count, mask, or refuse. Findings are
//! counted and audited by rule, never with the content.

mod hold;
mod marks;
mod personal;
mod screen;
mod stream;
mod terms;
mod text;

pub(crate) use screen::screen;
pub(crate) use stream::{Outgoing, outgoing};
pub(crate) use terms::Terms;

use crate::openai::ApiError;
use crate::trail::{Finding, Trail};
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use zhisuan_proto::v1::generate_request::Input;

/// What is done with a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is not looked for.
    #[default]
    Ignore,
    /// It passes and is counted.
    Allow,
    /// A mark stands in its place.
    Mask,
    /// The request is refused, or the answer ends before it.
    Refuse,
}

impl Decision {
    fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Allow => "allow",
            Self::Mask => "mask",
            Self::Refuse => "refuse",
        }
    }
}

/// Decisions by kind of finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decisions {
    /// Identity numbers, mobile numbers, bank cards, addresses of mail, passports.
    pub personal: Decision,
    /// 绝密, 机密, 秘密 as marks of a document.
    pub secrecy: Decision,
    /// The operator's list.
    pub terms: Decision,
}

impl Decisions {
    fn of(self, rule: Rule) -> Decision {
        match rule {
            Rule::SecrecyMark => self.secrecy,
            Rule::ListedTerm => self.terms,
            _ => self.personal,
        }
    }

    fn is_idle(self) -> bool {
        self == Self::default()
    }
}

/// What is done with prompts and with answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardPolicy {
    /// On the way in.
    pub prompt: Decisions,
    /// On the way out.
    pub answer: Decisions,
}

/// Settings of the content filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardOptions {
    /// Of tenants without one of their own.
    pub policy: GuardPolicy,
    /// By tenant.
    pub tenants: BTreeMap<String, GuardPolicy>,
    /// The operator's list: a term a line, `#` begins a comment. Read again when it changes.
    pub terms: Option<PathBuf>,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    ResidentId,
    Mobile,
    BankCard,
    Email,
    Passport,
    SecrecyMark,
    ListedTerm,
}

impl Rule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ResidentId => "resident_id",
            Self::Mobile => "mobile",
            Self::BankCard => "bank_card",
            Self::Email => "email",
            Self::Passport => "passport",
            Self::SecrecyMark => "secrecy_mark",
            Self::ListedTerm => "listed_term",
        }
    }

    fn mask(self) -> &'static str {
        match self {
            Self::ResidentId => "[身份证号]",
            Self::Mobile => "[手机号]",
            Self::BankCard => "[银行卡号]",
            Self::Email => "[邮箱]",
            Self::Passport => "[护照号]",
            Self::SecrecyMark => "[密级]",
            Self::ListedTerm => "[已隐去]",
        }
    }
}

struct Inner {
    options: GuardOptions,
    terms: RwLock<Arc<Terms>>,
    /// When the list that is in use was changed.
    read_at: RwLock<Option<SystemTime>>,
}

/// The filter; cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

impl Guard {
    /// Reads the operator's list; one that cannot be read keeps the gateway from starting.
    pub(crate) fn new(options: GuardOptions) -> std::io::Result<Self> {
        let guard = Self(Arc::new(Inner {
            options,
            terms: RwLock::default(),
            read_at: RwLock::default(),
        }));
        guard.reload()?;
        Ok(guard)
    }

    /// Reads the list again if its file changed.
    pub(crate) fn reload(&self) -> std::io::Result<()> {
        let Some(path) = &self.0.options.terms else {
            return Ok(());
        };
        let changed_at = std::fs::metadata(path)?.modified().ok();
        let read_at = *self
            .0
            .read_at
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if read_at.is_some() && read_at == changed_at {
            return Ok(());
        }
        let terms = Terms::parse(&std::fs::read_to_string(path)?);
        tracing::info!(terms = terms.len(), "list of terms read");
        *self.0.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms);
        *self
            .0
            .read_at
            .write()
            .unwrap_or_else(PoisonError::into_inner) = changed_at;
        Ok(())
    }

    fn policy(&self, tenant: &str) -> GuardPolicy {
        let own = self.0.options.tenants.get(tenant);
        own.copied().unwrap_or(self.0.options.policy)
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.0.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is looked for in answers to `tenant`; `None` when nothing is.
    pub(crate) fn answers(&self, tenant: &str) -> Option<(Decisions, Arc<Terms>)> {
        let decisions = self.policy(tenant).answer;
        (!decisions.is_idle()).then(|| (decisions, self.terms()))
    }

    /// Whether anything is looked for in prompts of `tenant`.
    pub(crate) fn screens_prompts(&self, tenant: &str) -> bool {
        !self.policy(tenant).prompt.is_idle()
    }

    /// Masks the texts of a prompt, or refuses them.
    pub(crate) fn prompt<'a>(
        &self,
        trail: &Trail,
        texts: impl IntoIterator<Item = &'a mut String>,
    ) -> Result<(), ApiError> {
        let tenant = trail.with(|record| record.tenant.clone());
        let mut found = Vec::new();
        let screened = self.screen_prompt(&tenant, texts, &mut found);
        trail.with(|record| found.into_iter().for_each(|one| record.found(one)));
        screened
    }

    /// The same for a tenant, with what was found.
    pub(crate) fn screen_prompt<'a>(
        &self,
        tenant: &str,
        texts: impl IntoIterator<Item = &'a mut String>,
        found: &mut Vec<Finding>,
    ) -> Result<(), ApiError> {
        let decisions = self.policy(tenant).prompt;
        if decisions.is_idle() {
            return Ok(());
        }
        let terms = self.terms();
        for text in texts {
            let screened = screen(text, decisions, &terms, "prompt");
            found.extend(screened.findings);
            match screened.refused {
                Some(rule) => return Err(refused(rule)),
                None => *text = screened.text,
            }
        }
        Ok(())
    }
}

/// Every text of an input.
pub(crate) fn texts(input: &mut Option<Input>) -> Vec<&mut String> {
    match input {
        // Tokens are told as texts where they are screened.
        None | Some(Input::TokenIds(_)) => Vec::new(),
        Some(Input::Prompt(text)) => vec![text],
        Some(Input::Chat(chat)) => chat
            .messages
            .iter_mut()
            .flat_map(|message| {
                let calls = message
                    .tool_calls
                    .iter_mut()
                    .map(|call| &mut call.arguments);
                calls.chain([&mut message.content, &mut message.reasoning])
            })
            .collect(),
    }
}

fn refused(rule: Rule) -> ApiError {
    let name = rule.name();
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "content_filter",
        format!(
            "The content filter of your tenant refused the prompt ({name}). Take it out and send the request again."
        ),
        format!("您所在租户的内容过滤规则拒绝了该提示（{name}）。请去除相关内容后重新发送。"),
    )
}
