//! `zhisuan nodes`: what there is, what is free, and taking nodes out and in.

use super::Context;
use crate::args::{NodesArgs, NodesVerb};
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::{Document, List};
use crate::views;
use crate::words::tr;
use zhisuan_proto::v1::{AcceptDevicesRequest, DrainRequest, ListNodesRequest, Node};

pub(super) async fn run(context: &Context, args: NodesArgs) -> Result<Exit> {
    let client = context.client(As::Operator)?;
    let mut nodes = client.nodes();
    match args.verb.unwrap_or(NodesVerb::List) {
        NodesVerb::List => list(
            context,
            &nodes.list(ListNodesRequest {}).await?.into_inner().nodes,
        ),
        NodesVerb::Drain(args) => {
            let request = DrainRequest {
                node: args.node,
                drain: true,
            };
            one(context, &nodes.drain(request).await?.into_inner())
        }
        NodesVerb::Resume(args) => {
            let request = DrainRequest {
                node: args.node,
                drain: false,
            };
            one(context, &nodes.drain(request).await?.into_inner())
        }
        NodesVerb::Accept(args) => {
            let request = AcceptDevicesRequest { node: args.node };
            one(context, &nodes.accept_devices(request).await?.into_inner())
        }
    }
}

fn list(context: &Context, nodes: &[Node]) -> Result<Exit> {
    context.out.list(&List {
        schema: "zhisuan.node-list/1",
        items: nodes.iter().map(views::node::json).collect(),
        total: nodes.len() as u64,
        next: String::new(),
        table: views::node::table(nodes),
        names: nodes.iter().map(|node| node.name.clone()).collect(),
        empty: tr(
            "没有节点:用 zhisuan worker 加一个",
            "no nodes: add one with zhisuan worker",
        )
        .to_owned(),
    })?;
    Ok(Exit::Done)
}

fn one(context: &Context, node: &Node) -> Result<Exit> {
    context.out.document(Document {
        schema: "zhisuan.node/1",
        value: views::node::json(node),
        tables: vec![views::node::table(std::slice::from_ref(node))],
        name: node.name.clone(),
    })?;
    Ok(Exit::Done)
}
