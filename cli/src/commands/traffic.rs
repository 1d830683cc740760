//! `zhisuan traffic`: how a served name divides its requests, and the way back.

use super::Context;
use super::deploy::caller;
use crate::args::{TrafficArgs, TrafficRollbackArgs, TrafficSetArgs, TrafficShowArgs, TrafficVerb};
use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::output::{Document, List};
use crate::views;
use crate::words::{say, tr};
use zhisuan_proto::v1::{ListTrafficRequest, SetTrafficRequest, Traffic, TrafficShare};

pub(super) async fn run(context: &Context, args: TrafficArgs) -> Result<Exit> {
    match args.verb {
        TrafficVerb::Show(args) => show(context, args).await,
        TrafficVerb::Set(args) => set(context, args).await,
        TrafficVerb::Rollback(args) => rollback(context, args).await,
    }
}

async fn show(context: &Context, args: TrafficShowArgs) -> Result<Exit> {
    let client = context.client(caller(args.centre))?;
    let mut traffic = all(&client).await?;
    if let Some(model) = &args.model {
        traffic.retain(|one| one.model == *model);
    }
    context.out.list(&List {
        schema: "zhisuan.traffic-list/1",
        items: traffic.iter().map(views::model::traffic_json).collect(),
        total: traffic.len() as u64,
        next: String::new(),
        table: views::model::traffic_table(&traffic),
        names: traffic.iter().map(|one| one.model.clone()).collect(),
        empty: tr("没有共用的名称", "no shared names").to_owned(),
    })?;
    Ok(Exit::Done)
}

async fn set(context: &Context, args: TrafficSetArgs) -> Result<Exit> {
    let shares = args.shares.iter().map(|text| share(text));
    let request = SetTrafficRequest {
        model: args.model,
        shares: shares.collect::<Result<_>>()?,
        expected_revision: args.revision,
    };
    let client = context.client(caller(args.centre))?;
    change(context, &client, request).await
}

/// Sets what was in force before, and only if nobody changed it meanwhile.
async fn rollback(context: &Context, args: TrafficRollbackArgs) -> Result<Exit> {
    let client = context.client(caller(args.centre))?;
    let known = all(&client).await?;
    let found = known.into_iter().find(|one| one.model == args.model);
    let Some(found) = found.filter(|found| !found.previous.is_empty()) else {
        return Err(Failure::new(
            Exit::NotFound,
            "ZS-CLI-TRAFFIC",
            say!(
                "{} 的流量没有可以回到的分配",
                "the traffic of {} has no earlier division to go back to",
                args.model
            ),
        )
        .hint(tr("运行 zhisuan traffic show", "see zhisuan traffic show")));
    };
    let request = SetTrafficRequest {
        model: found.model,
        shares: found.previous,
        expected_revision: found.revision,
    };
    change(context, &client, request).await
}

async fn change(context: &Context, client: &Client, request: SetTrafficRequest) -> Result<Exit> {
    let traffic = client.models().set_traffic(request).await?.into_inner();
    context.out.document(Document {
        schema: "zhisuan.traffic/1",
        value: views::model::traffic_json(&traffic),
        tables: vec![views::model::traffic_table(std::slice::from_ref(&traffic))],
        name: traffic.model.clone(),
    })?;
    Ok(Exit::Done)
}

async fn all(client: &Client) -> Result<Vec<Traffic>> {
    let answer = client.models().list_traffic(ListTrafficRequest {}).await?;
    Ok(answer.into_inner().traffic)
}

/// "v2=5".
fn share(text: &str) -> Result<TrafficShare> {
    let parsed = text.split_once('=').and_then(|(name, weight)| {
        let weight = weight.trim().parse().ok()?;
        let deployment = name.trim().to_owned();
        (!deployment.is_empty()).then_some(TrafficShare { deployment, weight })
    });
    parsed.ok_or_else(|| {
        Failure::usage(
            "ZS-CLI-VALUE",
            say!("份额 \"{}\" 无法识别", "cannot read the share \"{}\"", text),
        )
        .hint(tr(
            "形式为 部署名=整数,如 v2=5",
            "write NAME=INTEGER, such as v2=5",
        ))
    })
}
