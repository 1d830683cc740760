//! Knowledge bases: which there are, for whom, and the place that each speaks for.

use super::{done, label, list, one, show, text};
use crate::args::{KbAudienceArgs, KbBaseAddArgs, KbBaseArgs, KbBaseVerb, KbHomeArgs};
use crate::commands::Context;
use crate::error::Result;
use crate::gateway::Gateway;
use crate::words::{say, tr};
use serde_json::json;

pub(super) async fn bases(context: &Context, gateway: &Gateway, args: KbBaseArgs) -> Result<()> {
    match args.verb {
        KbBaseVerb::List => {
            let found = gateway.get_json("/api/kb/bases", &[]).await?;
            let none = tr("没有对您开放的知识库", "no base is there for you");
            let schema = "zhisuan.kb-base-list/1";
            list(context, schema, &found, show::bases, none)
        }
        KbBaseVerb::Add(args) => add(context, gateway, args).await,
    }
}

async fn add(context: &Context, gateway: &Gateway, args: KbBaseAddArgs) -> Result<()> {
    let body = json!({
        "base": args.name, "title": args.title.unwrap_or_default(),
        "place": args.place.unwrap_or_default(), "audience": args.audience,
    });
    let added = gateway.post_json("/api/kb/do/add_base", &body).await?;
    let said = say!(
        "新建了知识库 {0},{1}可以用。入库:zhisuan kb add --base {0} 文件;提问:zhisuan ask --base {0} 问题;页面:{2}",
        "added the base {0}, for {1}. Texts: zhisuan kb add --base {0} FILE; questions: zhisuan ask --base {0} QUESTION; page: {2}",
        args.name,
        label::audience(&added["audience"], &added["people"]),
        gateway.page_of(&args.name)
    );
    done(context, added, &said)
}

pub(super) async fn audience(
    context: &Context,
    gateway: &Gateway,
    args: KbAudienceArgs,
) -> Result<()> {
    let Some(audience) = args.audience else {
        return shown(context, gateway).await;
    };
    let body = json!({"audience": audience});
    let changed = gateway.post_json("/api/kb/do/audience", &body).await?;
    let people = label::audience(&changed["audience"], &changed["people"]);
    let said = say!("现在{}可以提问", "may be asked by {} from now on", people);
    done(context, changed, &said)
}

pub(super) async fn home(context: &Context, gateway: &Gateway, args: KbHomeArgs) -> Result<()> {
    if args.place.is_none() && !args.clear {
        return shown(context, gateway).await;
    }
    let body = json!({"place": args.place.unwrap_or_default()});
    let changed = gateway.post_json("/api/kb/do/home", &body).await?;
    let said = match text(&changed["place"]) {
        "" => tr(
            "不再指定本地,由现行文件推定",
            "no place is told: the texts in force decide",
        )
        .to_owned(),
        place => say!(
            "没写地区的问题按{}的规定回答",
            "questions that name no place are about {}",
            place
        ),
    };
    done(context, changed, &said)
}

async fn shown(context: &Context, gateway: &Gateway) -> Result<()> {
    let mut base = gateway.get_json("/api/kb/base", &[]).await?;
    if base["home"].is_null() {
        // What the texts in force make of it now.
        let mut status = gateway.get_json("/api/qa/status", &[]).await?;
        base["home_inferred"] = status["home"].take();
    }
    one(context, "zhisuan.kb-base/1", base, show::base)
}
