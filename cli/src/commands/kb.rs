//! `zhisuan kb`: the knowledge base from a terminal, through the console's JSON.

mod base;
mod change;
mod label;
mod look;
mod questions;
mod show;
mod words;
mod work;

use super::{Context, text_or_stdin};
use crate::args::{KbAddArgs, KbArgs, KbSearchArgs, KbTextArg, KbVerb};
use crate::error::{Exit, Failure, Result};
use crate::gateway::Gateway;
use crate::output::table::Table;
use crate::output::{Document, Format, List};
use crate::words::{nearest, say, tr};
use serde_json::{Value, json};

pub(super) async fn run(context: &Context, args: KbArgs) -> Result<Exit> {
    let gateway = Gateway::of_staff(&context.settings)?.of_base(args.base.as_deref())?;
    match args.verb {
        KbVerb::Add(args) => return add(context, &gateway, args).await,
        KbVerb::List(args) => look::versions(context, &gateway, args).await?,
        KbVerb::Show(args) => {
            let version = version(&gateway, &args.version).await?;
            one(context, "zhisuan.kb-version/1", version, show::version)?;
        }
        KbVerb::Findings(args) => look::findings(context, &gateway, args).await?,
        KbVerb::Repair(args) => change::repair(context, &gateway, args).await?,
        KbVerb::Publish(args) => change::publish(context, &gateway, args).await?,
        KbVerb::Withdraw(args) => change::withdraw(context, &gateway, args).await?,
        KbVerb::Head(args) => change::head(context, &gateway, *args).await?,
        KbVerb::Repeal(args) => change::repeal(context, &gateway, args).await?,
        KbVerb::History(args) => look::history(context, &gateway, args).await?,
        KbVerb::Diff(args) => look::diff(context, &gateway, args).await?,
        KbVerb::Raw(args) => look::raw(context, &gateway, args).await?,
        KbVerb::Erase(args) => {
            let body = json!({"id": plain(&args.id)?});
            let erased = gateway.post_json("/api/kb/do/erase", &body).await?;
            let said = say!("已删去回答 {} 的内容", "forgot the answer {}", args.id);
            done(context, erased, &said)?;
        }
        KbVerb::Audience(args) => base::audience(context, &gateway, args).await?,
        KbVerb::Home(args) => base::home(context, &gateway, args).await?,
        KbVerb::Base(args) => base::bases(context, &gateway, args).await?,
        KbVerb::Search(args) => search(context, &gateway, args).await?,
        KbVerb::Items(args) => work::items(context, &gateway, args).await?,
        KbVerb::Conflicts(args) => work::conflicts(context, &gateway, args).await?,
        KbVerb::Synonyms(args) => words::synonyms(context, &gateway, args).await?,
        KbVerb::Questions(args) => questions::run(context, &gateway, args).await?,
        KbVerb::Theme(args) => words::theme(context, &gateway, args).await?,
        KbVerb::Hotline(args) => hotline(context, &gateway, args).await?,
        #[cfg(feature = "server")]
        KbVerb::Verify(args) => super::audit::answers(context, args)?,
        KbVerb::Replay(args) => {
            let path = format!("/api/qa/answers/{}/replay", plain(&args.id)?);
            let replayed = gateway.get_json(&path, &[]).await?;
            one(context, "zhisuan.replay/1", replayed, show::replayed)?;
        }
    }
    Ok(Exit::Done)
}

/// Ids are hexadecimal; anything else would be another address.
fn plain(id: &str) -> Result<&str> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    let message = say!("\"{}\" 不是回答的编号", "\"{}\" is no id of an answer", id);
    Err(Failure::usage("ZS-CLI-VALUE", message).field("ID"))
}

async fn add(context: &Context, gateway: &Gateway, args: KbAddArgs) -> Result<Exit> {
    let document = args.document.unwrap_or_default();
    for path in &args.files {
        let bytes = std::fs::read(path).map_err(|error| {
            let (shown, cause) = (path.display(), crate::error::io_text(&error));
            let message = say!("读不了 {}:{}", "cannot read {}: {}", shown, cause);
            Failure::usage("ZS-CLI-IO", message)
        })?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let query = [("name", name.as_str()), ("document", document.as_str())];
        let added = gateway.post_bytes("/api/kb/add", &query, bytes).await?;
        let next = next(gateway, &added);
        one(context, "zhisuan.kb-added/1", added, show::added)?;
        if !next.is_empty() {
            context.out.note(&next);
        }
    }
    Ok(Exit::Done)
}

/// What is to be done with a version that came in.
fn next(gateway: &Gateway, added: &Value) -> String {
    let (name, flag) = (show::name(added), gateway.base_flag());
    match text(&added["stage"]) {
        "ready" => say!(
            "发布:zhisuan kb publish {}{}",
            "publish it: zhisuan kb publish {}{}",
            name,
            flag
        ),
        "quarantined" => say!(
            "有可疑之处,先核对:zhisuan kb findings {}{}",
            "look at what is suspicious: zhisuan kb findings {}{}",
            name,
            flag
        ),
        _ => String::new(),
    }
}

/// `name` or `name@2`.
fn split(version: &str) -> (&str, &str) {
    match version.rsplit_once('@') {
        Some((document, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            (document, number)
        }
        _ => (version, ""),
    }
}

async fn version(gateway: &Gateway, version: &str) -> Result<Value> {
    let (document, number) = split(version);
    let query = [("document", document), ("number", number)];
    let found = gateway.get_json("/api/kb/version", &query).await;
    match found {
        Err(failure) if failure.exit() == Exit::NotFound => {
            Err(named_like(gateway, version, failure).await)
        }
        found => found,
    }
}

/// Says which version may have been meant.
async fn named_like(gateway: &Gateway, version: &str, failure: Failure) -> Failure {
    let (document, _) = split(version);
    let all = gateway.get_json("/api/kb/versions", &[]).await;
    let all = all.unwrap_or_default();
    let items = all["items"].as_array().into_iter().flatten();
    let known = items.map(|item| text(&item["id"]["document"]));
    match nearest(document, known) {
        Some(near) if near == document => failure.hint(say!(
            "zhisuan kb show {} 显示最新的一版",
            "zhisuan kb show {} shows the newest version",
            near
        )),
        Some(near) => failure.hint(say!("是否想用 {}?", "did you mean {}?", near)),
        None => failure.hint(tr(
            "zhisuan kb list 列出文件和版本",
            "zhisuan kb list shows documents and versions",
        )),
    }
}

/// The fields that name a version; the newest one where no number was given.
async fn named(gateway: &Gateway, wanted: &str) -> Result<Value> {
    let (document, number) = split(wanted);
    if number.is_empty() {
        let found = version(gateway, wanted).await?;
        return Ok(json!({"document": document, "number": found["id"]["number"]}));
    }
    Ok(json!({"document": document, "number": number}))
}

async fn search(context: &Context, gateway: &Gateway, args: KbSearchArgs) -> Result<()> {
    let question = text_or_stdin(args.question)?;
    let (as_of, top) = (args.as_of.unwrap_or_default(), args.top.to_string());
    let query = [
        ("question", question.as_str()),
        ("as_of", as_of.as_str()),
        ("top_k", top.as_str()),
    ];
    let found = gateway.get_json("/api/qa/search", &query).await?;
    let none = tr(
        "没有找到相关的段落,换一种说法试试",
        "no passage was found: try other words",
    );
    list(context, "zhisuan.kb-hit-list/1", &found, show::hits, none)
}

async fn hotline(context: &Context, gateway: &Gateway, args: KbTextArg) -> Result<()> {
    let body = json!({"text": text_or_stdin(args.text)?});
    let proposal = gateway.post_json("/api/qa/ticket", &body).await?;
    let draft = format!("\n{}\n", text(&proposal["draft"]["text"]));
    one(context, "zhisuan.hotline/1", proposal, show::ticket)?;
    if context.out.format() == Format::Table {
        context.out.raw(draft.as_bytes())?;
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A change that was made: people are told in words, programs get what the server told.
fn done(context: &Context, value: Value, said: &str) -> Result<()> {
    context.out.note(said);
    one(context, "zhisuan.kb-done/1", value, |_| Vec::new())
}

fn one(
    context: &Context,
    schema: &'static str,
    mut value: Value,
    tables: impl Fn(&Value) -> Vec<Table>,
) -> Result<()> {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("schema");
    }
    let name = show::name(&value);
    context.out.document(Document {
        schema,
        tables: tables(&value),
        value,
        name,
    })
}

/// `none` is said where there is nothing.
fn list(
    context: &Context,
    schema: &'static str,
    found: &Value,
    table: impl Fn(&[Value]) -> Table,
    none: &str,
) -> Result<()> {
    let items = found["items"].as_array().cloned().unwrap_or_default();
    context.out.list(&List {
        schema,
        total: items.len() as u64,
        next: String::new(),
        table: table(&items),
        names: items.iter().map(show::name).collect(),
        empty: none.to_owned(),
        items,
    })
}
