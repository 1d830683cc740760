//! From a request to what shall be served. Pure.

use super::deployment::{Ask, Deployment};
use super::error::ModelError;
use super::model::{Kind, Model};
use super::registry::Registry;
use super::scale::Rule;
use super::shape::is_name;
use crate::access::{CENTRE, Caller, Role};
use zhisuan_proto::v1;
use zhisuan_proto::v1::Metering;

const MAX_REPLICAS: u32 = 256;
const MAX_ADAPTERS: usize = 64;

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
    let name = if request.name.is_empty() {
        &request.model
    } else {
        &request.name
    };
    check_names(name, &request.serve_as)?;
    let rule = |wire| Rule::of(wire, request.max_batch, MAX_REPLICAS);
    let autoscale = request.autoscale.map(rule).transpose()?;
    let lineup = lineup(
        &request.model,
        &request.adapters,
        &request.serve_as,
        registry,
        &tenant,
    )?;
    let base = lineup.served.first();
    Ok(Deployment {
        name: name.clone(),
        replicas: first_replicas(request.replicas, autoscale)?,
        ask: ask(request.resources.unwrap_or_default(), &lineup.served),
        abilities: base.map(|base| base.abilities()).unwrap_or_default(),
        model: request.model.clone(),
        max_batch: request.max_batch,
        max_waiting: request.max_waiting,
        max_context: request.max_context,
        created_at_ms: now_ms,
        serve_as: request.serve_as,
        models: lineup.names(),
        callers: lineup.callers,
        asked: lineup.asked,
        autoscale,
        tenant,
        dedicated,
    })
}

fn check_names(name: &str, serve_as: &str) -> Result<(), ModelError> {
    let zh = "小写字母、数字、'.'、'-'、'_'，最多 96 个";
    let en = "at most 96 lower-case letters, digits, '.', '-', '_'";
    if !is_name(name) {
        return Err(ModelError::field("name", name, zh, en));
    }
    if !serve_as.is_empty() && !is_name(serve_as) {
        return Err(ModelError::field("serve_as", serve_as, zh, en));
    }
    Ok(())
}

/// At least one begins, also above a floor of none: only so a deployment that could never run or
/// be paid is refused at once.
fn first_replicas(asked: u32, autoscale: Option<Rule>) -> Result<u32, ModelError> {
    let (least, most) =
        autoscale.map_or((1, MAX_REPLICAS), |rule| (rule.floor.max(1), rule.ceiling));
    let replicas = if asked == 0 { least } else { asked };
    check_replicas(replicas, least, most)?;
    Ok(replicas)
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

/// The same with other adapters, bounds or replicas; what is unset stays.
pub(crate) fn changed(
    old: &Deployment,
    request: v1::UpdateDeploymentRequest,
    registry: &Registry,
) -> Result<Deployment, ModelError> {
    let mut new = old.clone();
    if let Some(list) = request.adapters {
        let first = if old.model.is_empty() {
            old.asked.first().cloned().unwrap_or_default()
        } else {
            old.model.clone()
        };
        let lineup = lineup(&first, &list.names, &old.serve_as, registry, &old.tenant)?;
        if lineup.callers != old.callers {
            let (zh, en) = (
                "不改变谁可以调用的适配器；要换调用者请另建部署",
                "adapters that leave the callers as they are; deploy anew for others",
            );
            return Err(ModelError::field("adapters", &list.names.join(","), zh, en));
        }
        (new.models, new.asked) = (lineup.names(), lineup.asked);
    }
    if request.replicas > 0 {
        if request.autoscale.is_some() {
            let (zh, en) = ("与 autoscale 二选一", "either this or autoscale");
            let value = request.replicas.to_string();
            return Err(ModelError::field("replicas", &value, zh, en));
        }
        check_replicas(request.replicas, 1, MAX_REPLICAS)?;
        (new.replicas, new.autoscale) = (request.replicas, None);
    }
    if let Some(wire) = request.autoscale {
        let rule = Rule::of(wire, old.max_batch, MAX_REPLICAS)?;
        new.replicas = new.replicas.clamp(rule.floor.max(1), rule.ceiling);
        new.autoscale = Some(rule);
    }
    Ok(new)
}

/// Models to serve, base first, the names that were asked for, and who may call them.
struct Lineup<'a> {
    served: Vec<&'a Model>,
    asked: Vec<String>,
    callers: String,
}

impl Lineup<'_> {
    fn names(&self) -> Vec<String> {
        self.served.iter().map(|model| model.name.clone()).collect()
    }
}

fn lineup<'a>(
    first: &str,
    adapters: &[String],
    serve_as: &str,
    registry: &'a Registry,
    tenant: &str,
) -> Result<Lineup<'a>, ModelError> {
    let viewer = (tenant != CENTRE).then_some(tenant);
    let mut asked = vec![first.to_owned()];
    asked.extend(adapters.iter().cloned());
    let served = served(&asked, registry, viewer)?;
    let callers = callers(&served, tenant)?;
    if !serve_as.is_empty() {
        let taken = |model: &&Model| model.name == serve_as && model.name != first;
        if served.iter().any(taken) {
            let (zh, en) = (
                "未被同一部署占用的名字",
                "a name that this deployment does not serve",
            );
            return Err(ModelError::field("serve_as", serve_as, zh, en));
        }
        if let Some(first) = asked.first_mut() {
            serve_as.clone_into(first);
        }
    }
    Ok(Lineup {
        served,
        asked,
        callers,
    })
}

fn check_replicas(replicas: u32, least: u32, most: u32) -> Result<(), ModelError> {
    if (least..=most).contains(&replicas) {
        return Ok(());
    }
    let accepted = format!("{least} to {most}");
    let value = replicas.to_string();
    Err(ModelError::field("replicas", &value, &accepted, &accepted))
}
