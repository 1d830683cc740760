//! `zhisuan chat`: one turn with a served model, streamed.

use super::{Context, text_or_stdin};
use crate::args::ChatArgs;
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::gateway::Gateway;
use crate::output::{Document, Format};
use crate::words::{nearest, say};
use serde_json::{Value, json};
use zhisuan_proto::v1::ListDeploymentsRequest;

pub(super) async fn run(context: &Context, args: ChatArgs) -> Result<Exit> {
    let model = args.model.clone();
    let out = context.out;
    let body = body(args)?;
    let gateway = Gateway::new(&context.settings)?;
    let live = out.format() == Format::Table;
    let result = gateway
        .chat(&body, |piece| {
            if live {
                out.raw(piece.as_bytes())
            } else {
                Ok(())
            }
        })
        .await;
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) if failure.exit() == Exit::NotFound => {
            return Err(with_near_model(context, &model, failure).await);
        }
        Err(failure) => return Err(failure),
    };
    if live {
        out.line("")?;
        if answer.finish_reason == "length" {
            out.note(&say!(
                "(到达 --max-tokens 上限,回答没有说完)",
                "(cut at --max-tokens)"
            ));
        }
        return Ok(Exit::Done);
    }
    out.document(Document {
        schema: "zhisuan.chat/1",
        value: json!({
            "id": answer.id,
            "model": model,
            "content": answer.content,
            "finish_reason": answer.finish_reason,
            "usage": answer.usage,
        }),
        tables: Vec::new(),
        name: answer.id.clone(),
    })?;
    Ok(Exit::Done)
}

fn body(args: ChatArgs) -> Result<Value> {
    let mut messages = Vec::new();
    if let Some(system) = args.system {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.push(json!({"role": "user", "content": text_or_stdin(args.prompt)?}));
    Ok(json!({
        "model": args.model,
        "messages": messages,
        "max_tokens": args.max_tokens,
        "temperature": args.temperature,
        "stream": true,
        "stream_options": {"include_usage": true},
    }))
}

/// Names the served model that was probably meant, or all of them.
async fn with_near_model(context: &Context, model: &str, failure: Failure) -> Failure {
    let Ok(client) = context.client(As::Tenant) else {
        return failure;
    };
    let Ok(answer) = client
        .models()
        .list_deployments(ListDeploymentsRequest {})
        .await
    else {
        return failure;
    };
    let deployments = answer.into_inner().deployments;
    let names: Vec<&str> = deployments
        .iter()
        .flat_map(|deployment| deployment.models.iter().map(String::as_str))
        .collect();
    match nearest(model, names.iter().copied()) {
        Some(name) => failure.hint(say!("是否想用 {}?", "did you mean {}?", name)),
        None if names.is_empty() => failure.hint(say!(
            "还没有部署模型:zhisuan deploy {} --wait",
            "nothing is served yet: zhisuan deploy {} --wait",
            model
        )),
        None => failure.hint(say!("可用的模型:{}", "served models: {}", names.join(", "))),
    }
}
