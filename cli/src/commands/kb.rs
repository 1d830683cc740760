//! `zhisuan kb`: the knowledge base from a terminal, through the console's JSON.

mod change;
mod look;
mod show;

use super::{Context, text_or_stdin};
use crate::args::{
    KbAddArgs, KbArgs, KbConflictsArgs, KbItemsArgs, KbSearchArgs, KbSynonymsArgs, KbTextArg,
    KbVerb,
};
use crate::error::{Exit, Failure, Result};
use crate::gateway::Gateway;
use crate::output::table::Table;
use crate::output::{Document, Format, List};
use crate::words::{say, tr};
use serde_json::{Value, json};

pub(super) async fn run(context: &Context, args: KbArgs) -> Result<Exit> {
    let gateway = Gateway::of_staff(&context.settings)?;
    match args.verb {
        KbVerb::Add(args) => return add(context, &gateway, args).await,
        KbVerb::List(args) => {
            let stage = args.stage.unwrap_or_default();
            let found = gateway
                .get_json("/api/kb/versions", &[("stage", &stage)])
                .await?;
            list(context, "zhisuan.kb-version-list/1", &found, show::versions)?;
        }
        KbVerb::Show(args) => {
            let version = version(&gateway, &args.version).await?;
            one(context, "zhisuan.kb-version/1", version, show::version)?;
        }
        KbVerb::Findings(args) => {
            let version = version(&gateway, &args.version).await?;
            one(context, "zhisuan.kb-findings/1", version, show::findings)?;
        }
        KbVerb::Repair(args) => change::repair(context, &gateway, args).await?,
        KbVerb::Publish(args) => change::publish(context, &gateway, args).await?,
        KbVerb::Withdraw(args) => {
            let mut body = named(&gateway, &args.version).await?;
            body["reason"] = args.reason.into();
            done(
                context,
                gateway.post_json("/api/kb/do/withdraw", &body).await?,
            )?;
        }
        KbVerb::Head(args) => change::head(context, &gateway, *args).await?,
        KbVerb::Repeal(args) => change::repeal(context, &gateway, args).await?,
        KbVerb::History(args) => look::history(context, &gateway, args).await?,
        KbVerb::Diff(args) => look::diff(context, &gateway, args).await?,
        KbVerb::Raw(args) => look::raw(context, &gateway, args).await?,
        KbVerb::Erase(args) => {
            let body = json!({"id": plain(&args.id)?});
            done(context, gateway.post_json("/api/kb/do/erase", &body).await?)?;
        }
        KbVerb::Audience(args) => change::audience(context, &gateway, args).await?,
        KbVerb::Search(args) => search(context, &gateway, args).await?,
        KbVerb::Items(args) => items(context, &gateway, args).await?,
        KbVerb::Conflicts(args) => conflicts(context, &gateway, args).await?,
        KbVerb::Synonyms(args) => synonyms(context, &gateway, args).await?,
        KbVerb::Theme(args) => {
            let body = json!({"theme": args.theme, "closed": args.close});
            done(
                context,
                gateway.post_json("/api/kb/do/switch_theme", &body).await?,
            )?;
        }
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
            let shown = path.display();
            Failure::usage(
                "ZS-CLI-IO",
                say!("读不了 {}:{}", "cannot read {}: {}", shown, error),
            )
        })?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let query = [("name", name.as_str()), ("document", document.as_str())];
        let added = gateway.post_bytes("/api/kb/add", &query, bytes).await?;
        one(context, "zhisuan.kb-added/1", added, show::added)?;
    }
    Ok(Exit::Done)
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
    gateway.get_json("/api/kb/version", &query).await
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
    list(context, "zhisuan.kb-hit-list/1", &found, show::hits)
}

async fn items(context: &Context, gateway: &Gateway, args: KbItemsArgs) -> Result<()> {
    if let Some(id) = args.close {
        let body = json!({
            "id": id, "outcome": args.outcome, "expected": args.expected.unwrap_or_default(),
            "question": args.question.unwrap_or_default(),
        });
        return done(
            context,
            gateway.post_json("/api/kb/do/close_work", &body).await?,
        );
    }
    let all = if args.all { "1" } else { "" };
    let found = gateway.get_json("/api/kb/work", &[("all", all)]).await?;
    list(context, "zhisuan.kb-work-list/1", &found, show::work)
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

async fn conflicts(context: &Context, gateway: &Gateway, args: KbConflictsArgs) -> Result<()> {
    let day = args.as_of.unwrap_or_default();
    if let Some(id) = args.work {
        let body = json!({"id": id, "as_of": day});
        return done(
            context,
            gateway.post_json("/api/kb/do/conflict_work", &body).await?,
        );
    }
    let query = [("as_of", day.as_str())];
    let found = gateway.get_json("/api/kb/conflicts", &query).await?;
    list(
        context,
        "zhisuan.kb-conflict-list/1",
        &found,
        show::conflicts,
    )
}

async fn synonyms(context: &Context, gateway: &Gateway, args: KbSynonymsArgs) -> Result<()> {
    if let Some(proposed) = args.propose {
        let (word, means) = proposed.split_once('=').unwrap_or((&proposed, ""));
        let body = json!({"word": word, "means": means});
        return done(
            context,
            gateway
                .post_json("/api/kb/do/propose_synonym", &body)
                .await?,
        );
    }
    // What is accepted is said again, so that nothing is accepted that was proposed since.
    let accepted = args.accept.map(|said| {
        let (word, means) = said.split_once('=').unwrap_or((&said, ""));
        json!({"word": word, "means": means, "accept": true})
    });
    let refused = args
        .refuse
        .map(|word| json!({"word": word, "accept": false}));
    if let Some(body) = accepted.or(refused) {
        return done(
            context,
            gateway
                .post_json("/api/kb/do/settle_synonym", &body)
                .await?,
        );
    }
    let found = gateway.get_json("/api/kb/words", &[]).await?;
    one(context, "zhisuan.kb-words/1", found, show::words)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A change that was made.
fn done(context: &Context, value: Value) -> Result<()> {
    context.out.note(tr("已办", "done"));
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

fn list(
    context: &Context,
    schema: &'static str,
    found: &Value,
    table: impl Fn(&[Value]) -> Table,
) -> Result<()> {
    let items = found["items"].as_array().cloned().unwrap_or_default();
    context.out.list(&List {
        schema,
        total: items.len() as u64,
        next: String::new(),
        table: table(&items),
        names: items.iter().map(show::name).collect(),
        empty: tr("没有", "none").to_owned(),
        items,
    })
}
