//! How a served name divides its requests between what serves it. Pure.

use super::error::{ModelError, SharingError};
use serde::{Deserialize, Serialize};
use zhisuan_proto::v1;

const MAX_WEIGHT: u32 = 1_000_000;
const MAX_SHARES: usize = 64;

/// Part of a name's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) deployment: String,
    pub(crate) weight: u32,
}

/// What was decided for a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traffic {
    /// Name that callers use.
    pub(crate) model: String,
    /// Who may call it; empty is everybody.
    pub(crate) callers: String,
    pub(crate) shares: Vec<Share>,
    /// What a rollback sets.
    pub(crate) previous: Vec<Share>,
    pub(crate) revision: u64,
    pub(crate) changed_at_ms: i64,
}

/// Identifies a name among everything that is served: its callers and the name itself.
pub(crate) fn key(callers: &str, model: &str) -> String {
    format!("{callers}/{model}")
}

impl Traffic {
    pub(crate) fn key(&self) -> String {
        key(&self.callers, &self.model)
    }

    pub(crate) fn weight(&self, deployment: &str) -> u32 {
        let mut shares = self.shares.iter();
        shares
            .find(|share| share.deployment == deployment)
            .map_or(0, |share| share.weight)
    }

    pub(crate) fn to_proto(&self) -> v1::Traffic {
        let wire = |shares: &[Share]| {
            let share = |share: &Share| v1::TrafficShare {
                deployment: share.deployment.clone(),
                weight: share.weight,
            };
            shares.iter().map(share).collect()
        };
        v1::Traffic {
            model: self.model.clone(),
            shares: wire(&self.shares),
            revision: self.revision,
            changed_at_ms: self.changed_at_ms,
            tenant: self.callers.clone(),
            previous: wire(&self.previous),
        }
    }
}

/// What serves a name: a deployment that asked for it, or a back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) deployment: String,
    pub(crate) callers: String,
    /// Whose it is.
    pub(crate) owner: String,
    pub(crate) created_at_ms: i64,
    /// It asked to share the name with others.
    pub(crate) shares: bool,
}

/// The weights of `members` (all of one name and one circle of callers). Without a decision the
/// oldest has everything, so that a new version gets nothing before somebody says so.
pub(crate) fn weights(members: &[Member], decided: Option<&Traffic>) -> Vec<u32> {
    if let Some(traffic) = decided {
        let weight = |member: &Member| traffic.weight(&member.deployment);
        return members.iter().map(weight).collect();
    }
    let age = |member: &&Member| (member.created_at_ms, member.deployment.clone());
    let oldest = members.iter().min_by_key(age);
    members
        .iter()
        .map(|member| u32::from(oldest == Some(member)))
        .collect()
}

/// Checks a new division of a name as a whole. `members` are all that serve it, for any callers;
/// `owner` is whose deployments the caller may move, `None` means everybody's.
pub(crate) fn decide(
    wanted: v1::SetTrafficRequest,
    members: &[Member],
    owner: Option<&str>,
    known: impl Fn(&str) -> Option<Traffic>,
    now_ms: i64,
) -> Result<Traffic, ModelError> {
    let refuse = |field: String, value: &str, zh: &str, en: &str| {
        Err(ModelError::field(field, value, zh, en))
    };
    if wanted.shares.is_empty() || wanted.shares.len() > MAX_SHARES {
        let accepted = format!("1 to {MAX_SHARES} shares");
        let value = wanted.shares.len().to_string();
        return refuse("shares".into(), &value, &accepted, &accepted);
    }
    let callers = callers_of(&wanted, members, owner)?;
    if wanted.shares.iter().all(|share| share.weight == 0) {
        let (zh, en) = ("至少一个大于 0", "at least one above 0");
        return refuse("shares[].weight".into(), "0", zh, en);
    }
    let before = known(&key(callers, &wanted.model)).unwrap_or_default();
    if wanted.expected_revision != 0 && wanted.expected_revision != before.revision {
        return Err(SharingError::Revision {
            model: wanted.model,
            expected: wanted.expected_revision,
            found: before.revision,
        }
        .into());
    }
    let share = |share: v1::TrafficShare| Share {
        deployment: share.deployment,
        weight: share.weight,
    };
    let now = implied(&before, members, callers);
    Ok(Traffic {
        callers: callers.to_owned(),
        shares: wanted.shares.into_iter().map(share).collect(),
        previous: now,
        revision: before.revision.saturating_add(1),
        changed_at_ms: now_ms,
        model: wanted.model,
    })
}

/// For which callers the divided name is: all its deployments serve the same ones. Refuses a
/// deployment that does not serve the name, or comes twice, and a weight that is too large.
fn callers_of<'a>(
    wanted: &v1::SetTrafficRequest,
    members: &'a [Member],
    owner: Option<&str>,
) -> Result<&'a str, ModelError> {
    let may = |member: &&Member| owner.is_none_or(|owner| owner == member.owner);
    let mut callers: Option<&str> = None;
    for (index, share) in wanted.shares.iter().enumerate() {
        let field = |name: &str| format!("shares[{index}].{name}");
        let mine = |member: &&Member| {
            member.deployment == share.deployment
                && callers.is_none_or(|callers| callers == member.callers)
        };
        let earlier = wanted.shares.iter().take(index);
        let twice = earlier
            .clone()
            .any(|one| one.deployment == share.deployment);
        let found = members.iter().filter(may).find(mine);
        let Some(member) = found.filter(|_| !twice) else {
            let names = members.iter().filter(may);
            let names: Vec<&str> = names.map(|member| member.deployment.as_str()).collect();
            let model = &wanted.model;
            let zh = format!("以 {model} 之名服务的部署，每个一次：{}", names.join("、"));
            let en = format!(
                "deployments that serve {model}, each once: {}",
                names.join(", ")
            );
            let value = &share.deployment;
            return Err(ModelError::field(field("deployment"), value, &zh, &en));
        };
        callers = Some(&member.callers);
        if share.weight > MAX_WEIGHT {
            let accepted = format!("0 to {MAX_WEIGHT}");
            let value = share.weight.to_string();
            return Err(ModelError::field(
                field("weight"),
                &value,
                &accepted,
                &accepted,
            ));
        }
    }
    Ok(callers.unwrap_or_default())
}

/// The shares in force before a decision: those decided, or the whole for the oldest.
fn implied(before: &Traffic, members: &[Member], callers: &str) -> Vec<Share> {
    if !before.shares.is_empty() {
        return before.shares.clone();
    }
    let members: Vec<Member> = members
        .iter()
        .filter(|member| member.callers == callers)
        .cloned()
        .collect();
    let all = weights(&members, None);
    let shares = members.into_iter().zip(all).map(|(member, weight)| Share {
        deployment: member.deployment,
        weight,
    });
    shares.collect()
}
