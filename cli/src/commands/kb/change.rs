//! What people change in a version before another one publishes it, and publishing.

use super::{done, each, label, named, one, show, split};
use crate::args::{KbHeadArgs, KbPublishArgs, KbRepairArgs, KbRepealArgs, KbWithdrawArgs};
use crate::commands::Context;
use crate::error::{Failure, Result};
use crate::gateway::Gateway;
use crate::words::say;
use serde_json::{Value, json};

pub(super) async fn publish(
    context: &Context,
    gateway: &Gateway,
    args: KbPublishArgs,
) -> Result<()> {
    let mut body = named(gateway, &args.version).await?;
    body["seen"] = args.seen.unwrap_or_default().into();
    let published = gateway.post_json("/api/kb/do/publish", &body).await?;
    let said = say!(
        "{} 已发布,问答从现在起引用它",
        "{} is published: answers quote it from now on",
        show::name(&published)
    );
    done(context, published, &said)
}

pub(super) async fn withdraw(
    context: &Context,
    gateway: &Gateway,
    args: KbWithdrawArgs,
) -> Result<()> {
    let mut body = the_one(gateway, &args.version).await?;
    body["reason"] = args.reason.into();
    let withdrawn = gateway.post_json("/api/kb/do/withdraw", &body).await?;
    let said = say!("{} 已撤下", "{} is withdrawn", show::name(&withdrawn));
    done(context, withdrawn, &said)
}

/// The version that is meant where no number was given: the only one that is not withdrawn. Where
/// there are several, the newest may be a draft and an older one what answers come from.
async fn the_one(gateway: &Gateway, wanted: &str) -> Result<Value> {
    let (document, number) = split(wanted);
    let all = gateway.get_json("/api/kb/versions", &[]).await?;
    let own = each(&all["items"]).filter(|item| item["id"]["document"] == document);
    let open: Vec<&Value> = own.filter(|item| item["stage"] != "withdrawn").collect();
    if !number.is_empty() || open.len() < 2 {
        return named(gateway, wanted).await;
    }
    let shown = |item: &&Value| format!("{}({})", show::name(item), label::stage(&item["stage"]));
    let shown: Vec<String> = open.iter().map(shown).collect();
    let message = say!(
        "{} 有几个版本,请写明是哪一个:{}",
        "{} has several versions, say which one: {}",
        document,
        shown.join(" ")
    );
    Err(Failure::usage("ZS-CLI-VALUE", message).field("DOCUMENT"))
}

pub(super) async fn repair(context: &Context, gateway: &Gateway, args: KbRepairArgs) -> Result<()> {
    let mut body = named(gateway, &args.version).await?;
    let deed = if args.drop {
        "/api/kb/do/drop_repairs"
    } else {
        "/api/kb/do/repair"
    };
    body["pick"] = if args.all {
        json!(["all"])
    } else {
        json!(args.pick)
    };
    let added = gateway.post_json(deed, &body).await?;
    one(context, "zhisuan.kb-added/1", added, show::added)
}

/// Sends the fields that were given; the others stay as they are.
pub(super) async fn head(context: &Context, gateway: &Gateway, args: KbHeadArgs) -> Result<()> {
    let mut body = named(gateway, &args.version).await?;
    for (name, value) in [
        ("title", args.title),
        ("head_number", args.number),
        ("issuer", args.issuer),
        ("place", args.place),
        ("theme", args.theme),
        ("declared", args.declared),
        ("supersedes", args.supersedes),
        ("written", args.written),
        ("published", args.published),
        ("effective", args.effective),
        ("repealed", args.repealed),
    ] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    let added = gateway.post_json("/api/kb/do/head", &body).await?;
    one(context, "zhisuan.kb-added/1", added, show::added)
}

pub(super) async fn repeal(context: &Context, gateway: &Gateway, args: KbRepealArgs) -> Result<()> {
    let mut body = named(gateway, &args.version).await?;
    body["from"] = args.from.into();
    let added = gateway.post_json("/api/kb/do/repeal", &body).await?;
    one(context, "zhisuan.kb-added/1", added, show::added)
}
