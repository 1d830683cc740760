//! Versions and what the gate found in them, what was done to the base, what changed between
//! versions, and the files as they came in.

use super::{list, named, one, show, text, version};
use crate::args::{KbDiffArgs, KbHistoryArgs, KbListArgs, KbRawArgs, KbVersionArg};
use crate::commands::Context;
use crate::error::Result;
use crate::gateway::Gateway;
use crate::output::Format;
use crate::words::{say, tr};

pub(super) async fn versions(context: &Context, gateway: &Gateway, args: KbListArgs) -> Result<()> {
    let stage = args.stage.unwrap_or_default();
    let found = gateway
        .get_json("/api/kb/versions", &[("stage", &stage)])
        .await?;
    let none = if stage.is_empty() {
        say!(
            "知识库里还没有文件。入库:zhisuan kb add 文件{}",
            "the base has no texts. Bring one in: zhisuan kb add FILE{}",
            gateway.base_flag()
        )
    } else {
        tr(
            "没有这个状态的版本;不加 --stage 列出全部",
            "no version is of this stage; without --stage all are listed",
        )
        .to_owned()
    };
    let schema = "zhisuan.kb-version-list/1";
    list(context, schema, &found, show::versions, &none)
}

pub(super) async fn findings(
    context: &Context,
    gateway: &Gateway,
    args: KbVersionArg,
) -> Result<()> {
    let version = version(gateway, &args.version).await?;
    let none = version["findings"].as_array().is_none_or(Vec::is_empty);
    if none && context.out.format() == Format::Table {
        let name = show::name(&version);
        let said = match text(&version["stage"]) {
            "ready" => say!(
                "{0} 没有发现问题,可以发布:zhisuan kb publish {0}{1}",
                "nothing was found in {0}: publish it with zhisuan kb publish {0}{1}",
                name,
                gateway.base_flag()
            ),
            _ => say!("{} 没有发现问题", "nothing was found in {}", name),
        };
        context.out.note(&said);
    }
    one(context, "zhisuan.kb-findings/1", version, show::findings)
}

pub(super) async fn history(
    context: &Context,
    gateway: &Gateway,
    args: KbHistoryArgs,
) -> Result<()> {
    let object = args.object.unwrap_or_default();
    let query = [("object", object.as_str())];
    let query = if object.is_empty() { &[] } else { &query[..] };
    let found = gateway.get_json("/api/kb/history", query).await?;
    let none = tr(
        "没有记录,请检查名称:zhisuan kb list",
        "nothing was done to that; check the name: zhisuan kb list",
    );
    let schema = "zhisuan.kb-history-list/1";
    list(context, schema, &found, show::history, none)
}

pub(super) async fn diff(context: &Context, gateway: &Gateway, args: KbDiffArgs) -> Result<()> {
    let (from, to) = (args.from.to_string(), args.to.to_string());
    let query = [
        ("document", args.document.as_str()),
        ("from", from.as_str()),
        ("to", to.as_str()),
    ];
    let found = gateway.get_json("/api/kb/diff", &query).await?;
    let none = tr(
        "正文相同,差别只在文件信息",
        "the texts are the same; only the heads may differ",
    );
    list(context, "zhisuan.kb-diff-list/1", &found, show::diff, none)
}

pub(super) async fn raw(context: &Context, gateway: &Gateway, args: KbRawArgs) -> Result<()> {
    let version = named(gateway, &args.version).await?;
    let number = match &version["number"] {
        serde_json::Value::Number(number) => number.to_string(),
        other => text(other).to_owned(),
    };
    let query = [
        ("document", text(&version["document"])),
        ("number", &number),
    ];
    let bytes = gateway.get_bytes("/api/kb/raw", &query).await?;
    match args.to {
        Some(path) => Ok(std::fs::write(path, bytes)?),
        None => context.out.raw(&bytes),
    }
}
