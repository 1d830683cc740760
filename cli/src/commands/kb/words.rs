//! Synonyms and the switches of themes.

use super::{done, one, show, text};
use crate::args::{KbSynonymsArgs, KbThemeArgs};
use crate::commands::Context;
use crate::error::Result;
use crate::gateway::Gateway;
use crate::output::Format;
use crate::words::say;
use serde_json::{Value, json};

pub(super) async fn synonyms(
    context: &Context,
    gateway: &Gateway,
    args: KbSynonymsArgs,
) -> Result<()> {
    let parts = |said: String| match said.split_once('=') {
        Some((word, means)) => (word.to_owned(), means.to_owned()),
        None => (said, String::new()),
    };
    if let Some(proposed) = args.propose {
        let (word, means) = parts(proposed);
        let body = json!({"word": word, "means": means});
        let proposed = gateway
            .post_json("/api/kb/do/propose_synonym", &body)
            .await?;
        let said = say!(
            "已提出。另一人接受后生效:zhisuan kb synonyms --accept '{}={}'{}",
            "proposed. It holds when another accepts it: zhisuan kb synonyms --accept '{}={}'{}",
            word,
            means,
            gateway.base_flag()
        );
        return done(context, proposed, &said);
    }
    let settle = async |body: Value| gateway.post_json("/api/kb/do/settle_synonym", &body).await;
    if let Some(accepted) = args.accept {
        // What is accepted is said again, so that nothing is accepted that was proposed since.
        let (word, means) = parts(accepted);
        let settled = settle(json!({"word": word, "means": means, "accept": true})).await?;
        let said = say!("“{}”已接受,立即生效", "{} was accepted and holds now", word);
        return done(context, settled, &said);
    }
    if let Some(word) = args.refuse {
        let settled = settle(json!({"word": word, "accept": false})).await?;
        let said = say!("“{}”没有接受", "{} was refused", word);
        return done(context, settled, &said);
    }
    let found = gateway.get_json("/api/kb/words", &[]).await?;
    let none = |field: &str| found[field].as_array().is_none_or(Vec::is_empty);
    if context.out.format() == Format::Table && none("items") && none("waiting") {
        context.out.note(&say!(
            "还没有同义词。提出:zhisuan kb synonyms --propose 市民的词=文件的词{}",
            "there are no synonyms. Propose one: zhisuan kb synonyms --propose WORD=MEANING{}",
            gateway.base_flag()
        ));
    }
    one(context, "zhisuan.kb-words/1", found, show::words)
}

pub(super) async fn theme(context: &Context, gateway: &Gateway, args: KbThemeArgs) -> Result<()> {
    let body = json!({"theme": args.theme, "closed": args.close});
    let switched = gateway.post_json("/api/kb/do/switch_theme", &body).await?;
    let theme = text(&switched["theme"]).to_owned();
    let said = if args.close {
        say!(
            "主题“{0}”已关闭:这类问题一律转人工。重新打开:zhisuan kb theme {0} --open{1}",
            "the theme {0} is off: people answer. On again: zhisuan kb theme {0} --open{1}",
            theme,
            gateway.base_flag()
        )
    } else {
        say!(
            "主题“{}”已打开:这类问题又由知识库回答",
            "the theme {} is on: the base answers again",
            theme
        )
    };
    done(context, switched, &said)
}
