//! What shall be served: made from a request, kept until it is taken back. Pure.

use super::error::ModelError;
use super::model::{Kind, Model};
use super::registry::Registry;
use super::shape::is_name;
use crate::access::{CENTRE, Caller, Role};
use serde::{Deserialize, Serialize};
use zhisuan_proto::v1;
use zhisuan_proto::v1::Metering;

const MAX_REPLICAS: u32 = 256;
const MAX_ADAPTERS: usize = 64;

/// Of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    devices: u32,
    device_kind: String,
    device_milli: u32,
    device_memory_mib: u64,
    cpu_milli: u32,
    memory_mib: u64,
}

/// What shall be served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) tenant: String,
    /// Who may call it; empty is everybody.
    pub(crate) callers: String,
    /// Served names: the base, then its adapters.
    pub(crate) models: Vec<String>,
    /// The names that were asked for; nobody else may serve them to the same callers.
    pub(crate) asked: Vec<String>,
    pub(crate) replicas: u32,
    /// The owner pays for the replicas' time, instead of the callers per token.
    pub(crate) dedicated: bool,
    pub(crate) ask: Ask,
    pub(crate) max_batch: u32,
    pub(crate) max_waiting: u32,
    pub(crate) max_context: u32,
    pub(crate) created_at_ms: i64,
}

impl Deployment {
    /// Who pays for the replicas' time.
    pub(crate) fn payer(&self) -> &str {
        if self.dedicated { &self.tenant } else { CENTRE }
    }

    pub(crate) fn metering(&self) -> Metering {
        if self.dedicated {
            Metering::Dedicated
        } else {
            Metering::Tokens
        }
    }

    /// The job that keeps one replica running.
    pub(crate) fn job_spec(&self) -> v1::JobSpec {
        let (model, adapters) = match self.models.split_first() {
            Some((base, adapters)) => (base.clone(), adapters.to_vec()),
            None => (String::new(), Vec::new()),
        };
        v1::JobSpec {
            name: format!("serve {}", self.name),
            resources: Some(v1::Resources {
                devices: self.ask.devices,
                device_kind: self.ask.device_kind.clone(),
                device_milli: self.ask.device_milli,
                device_memory_mib: self.ask.device_memory_mib,
                cpu_milli: self.ask.cpu_milli,
                memory_mib: self.ask.memory_mib,
            }),
            tasks: 1,
            work: Some(v1::job_spec::Work::Serve(v1::ServeWork {
                deployment: self.name.clone(),
                model,
                adapters,
                max_batch: self.max_batch,
                max_waiting: self.max_waiting,
                max_context: self.max_context,
            })),
            ..v1::JobSpec::default()
        }
    }

    /// A name that both would serve to the same callers.
    pub(crate) fn clash(&self, other: &Self) -> Option<&str> {
        if self.name == other.name {
            return Some(&self.name);
        }
        let taken = |name: &&String| self.callers == other.callers && other.asked.contains(name);
        self.asked.iter().find(taken).map(String::as_str)
    }
}

/// Checks a request as a whole and says what it means.
pub(crate) fn plan(
    request: v1::DeployRequest,
    caller: &Caller,
    registry: &Registry,
    now_ms: i64,
) -> Result<Deployment, ModelError> {
    let metering = request.metering();
    let operator = caller.role == Role::Operator;
    let tenant = owner(&request, caller)?;
    let dedicated = match metering {
        Metering::Unspecified => !operator,
        Metering::Dedicated => true,
        Metering::Tokens if operator => false,
        Metering::Tokens => {
            let accepted = "METERING_DEDICATED";
            return Err(ModelError::field(
                "metering",
                "METERING_TOKENS",
                accepted,
                accepted,
            ));
        }
    };
    if request.replicas > MAX_REPLICAS {
        let accepted = format!("1 to {MAX_REPLICAS}");
        return Err(ModelError::field(
            "replicas",
            &request.replicas.to_string(),
            &accepted,
            &accepted,
        ));
    }
    let name = if request.name.is_empty() {
        &request.model
    } else {
        &request.name
    };
    if !is_name(name) {
        let zh = "小写字母、数字、'.'、'-'、'_'，最多 96 个";
        let en = "at most 96 lower-case letters, digits, '.', '-', '_'";
        return Err(ModelError::field("name", name, zh, en));
    }
    let mut asked = vec![request.model.clone()];
    asked.extend(request.adapters.iter().cloned());
    let viewer = (tenant != CENTRE).then_some(tenant.as_str());
    let served = served(&asked, registry, viewer)?;
    let callers = callers(&served, &tenant)?;
    Ok(Deployment {
        name: name.clone(),
        models: served.iter().map(|model| model.name.clone()).collect(),
        replicas: request.replicas.max(1),
        ask: ask(request.resources.unwrap_or_default(), &served),
        max_batch: request.max_batch,
        max_waiting: request.max_waiting,
        max_context: request.max_context,
        created_at_ms: now_ms,
        tenant,
        callers,
        asked,
        dedicated,
    })
}

fn owner(request: &v1::DeployRequest, caller: &Caller) -> Result<String, ModelError> {
    if caller.role == Role::Operator {
        let tenant = if request.tenant.is_empty() {
            CENTRE
        } else {
            &request.tenant
        };
        return Ok(tenant.to_owned());
    }
    if request.tenant.is_empty() || request.tenant == caller.tenant {
        return Ok(caller.tenant.clone());
    }
    Err(ModelError::field(
        "tenant",
        &request.tenant,
        "空，或自己的租户",
        "empty, or your own tenant",
    ))
}

/// Who may call it: the owner of its private models, who must be one, else whoever deploys.
fn callers(served: &[&Model], tenant: &str) -> Result<String, ModelError> {
    let mut private = served.iter().filter(|model| !model.tenant.is_empty());
    let Some(first) = private.next() else {
        let everybody = tenant == CENTRE;
        return Ok(if everybody { "" } else { tenant }.to_owned());
    };
    match private.find(|model| model.tenant != first.tenant) {
        Some(other) => Err(ModelError::field(
            "adapters",
            &other.name,
            &format!("与 {} 同属一个租户的私有模型", first.name),
            &format!("private models of the owner of {}", first.name),
        )),
        None => Ok(first.tenant.clone()),
    }
}

/// One base and adapters of it.
fn served<'a>(
    asked: &[String],
    registry: &'a Registry,
    viewer: Option<&str>,
) -> Result<Vec<&'a Model>, ModelError> {
    let adapters = asked.get(1..).unwrap_or_default();
    if adapters.len() > MAX_ADAPTERS {
        let accepted = format!("at most {MAX_ADAPTERS}");
        return Err(ModelError::field(
            "adapters",
            &adapters.len().to_string(),
            &accepted,
            &accepted,
        ));
    }
    for (index, name) in adapters.iter().enumerate() {
        let model = registry.get(name, 0, viewer)?;
        if model.kind != Kind::Adapter || asked.iter().filter(|other| *other == name).count() > 1 {
            let accepted = "an adapter, once";
            return Err(ModelError::field(
                format!("adapters[{index}]"),
                name,
                "适配器，且不重复",
                accepted,
            ));
        }
    }
    let served = registry.resolve(asked, viewer)?;
    let base = served
        .first()
        .map(|model| model.name.clone())
        .unwrap_or_default();
    let foreign = served.iter().skip(1).find(|model| model.base_model != base);
    match foreign {
        Some(model) => Err(ModelError::field(
            "adapters",
            &model.name,
            &format!("{base} 的适配器"),
            &format!("adapters of {base}"),
        )),
        None => Ok(served),
    }
}

/// What a replica asks for; nothing asked means one core and room for the weights and their work.
fn ask(wanted: v1::Resources, served: &[&Model]) -> Ask {
    let mut ask = Ask {
        devices: wanted.devices,
        device_kind: wanted.device_kind,
        device_milli: wanted.device_milli,
        device_memory_mib: wanted.device_memory_mib,
        cpu_milli: wanted.cpu_milli,
        memory_mib: wanted.memory_mib,
    };
    if ask.cpu_milli == 0 {
        ask.cpu_milli = 1000;
    }
    if ask.memory_mib == 0 {
        let bytes = served
            .iter()
            .fold(0_u64, |sum, model| sum.saturating_add(model.bytes()));
        ask.memory_mib = bytes
            .saturating_mul(3)
            .div_ceil(2 << 20)
            .saturating_add(512);
    }
    ask
}
