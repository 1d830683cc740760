//! The question bank: ways to ask, proposed by one person and accepted by another.

use super::show::cell;
use super::{done, each, one, text};
use crate::args::KbQuestionsArgs;
use crate::commands::Context;
use crate::error::{Failure, Result};
use crate::gateway::Gateway;
use crate::output::List;
use crate::output::table::Table;
use crate::words::{say, tr};
use serde_json::{Value, json};
use std::path::Path;

pub(super) async fn run(context: &Context, gateway: &Gateway, args: KbQuestionsArgs) -> Result<()> {
    if let Some(file) = &args.import {
        let body = json!({"file": read(file)?});
        return propose(context, gateway, &body).await;
    }
    if !args.propose.is_empty() {
        let body = json!({
            "questions": args.propose, "document": args.document, "quote": args.quote,
            "answers": !args.unanswered,
        });
        return propose(context, gateway, &body).await;
    }
    if !args.accept.is_empty() {
        return accept(context, gateway, &args).await;
    }
    if !args.refuse.is_empty() {
        let body = json!({"ids": args.refuse, "accept": false});
        let settled = gateway
            .post_json("/api/kb/do/settle_questions", &body)
            .await?;
        let said = say!("{} 问没有接受", "{} refused", args.refuse.len());
        return done(context, settled, &said);
    }
    if !args.withdraw.is_empty() {
        let body = json!({"ids": args.withdraw});
        let withdrawn = gateway
            .post_json("/api/kb/do/withdraw_questions", &body)
            .await?;
        let said = say!(
            "{} 问已撤下,立即不再起作用",
            "{} taken out of force",
            args.withdraw.len()
        );
        return done(context, withdrawn, &said);
    }
    list(context, gateway, &args).await
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        let (shown, cause) = (file.display(), crate::error::io_text(&error));
        let message = say!("读不了 {}:{}", "cannot read {}: {}", shown, cause);
        Failure::usage("ZS-CLI-IO", message).field("FILE")
    })
}

/// Says what waits now, what was known, and what was left out with its reason.
async fn propose(context: &Context, gateway: &Gateway, body: &Value) -> Result<()> {
    let proposed = gateway
        .post_json("/api/kb/do/propose_questions", body)
        .await?;
    let waiting = each(&proposed["waiting"]).count();
    if waiting > 0 {
        context.out.note(&say!(
            "{} 问待核。另一人看过后接受才生效:zhisuan kb questions --waiting{1},再 --accept 编号",
            "{} wait. They hold when another has looked and accepts: zhisuan kb questions --waiting{1}, then --accept ID",
            waiting,
            gateway.base_flag()
        ));
    }
    if let Some(known @ 1..) = proposed["known"].as_u64() {
        context.out.note(&say!(
            "{} 问已经生效,没有改动",
            "{} hold already and were not changed",
            known
        ));
    }
    let refused = each(&proposed["left_out"]).count();
    if refused > 0 {
        context.out.note(&say!(
            "{} 问没有收下,改正后再提出:",
            "{} were left out; put them right and propose them again:",
            refused
        ));
    }
    one(context, "zhisuan.kb-done/1", proposed, left_out)
}

async fn accept(context: &Context, gateway: &Gateway, args: &KbQuestionsArgs) -> Result<()> {
    let (ids, left) = match args.accept.as_slice() {
        [all] if all == "all" => all_of_others(gateway, args).await?,
        ids => (ids.iter().map(|id| number(id)).collect::<Result<_>>()?, 0),
    };
    if ids.is_empty() {
        context.out.note(&match left {
            0 => say!(
                "没有待核的问题。全部问题:zhisuan kb questions{}",
                "no question waits. All of them: zhisuan kb questions{}",
                gateway.base_flag()
            ),
            own => say!(
                "没有您可以接受的:{} 问是自己提出的或原文已不在,要由另一人核对,或不接受",
                "none is for you to accept: {} are your own or their words are gone; another settles them, or refuse them",
                own
            ),
        });
        return one(context, "zhisuan.kb-done/1", json!({"ids": []}), |_| {
            Vec::new()
        });
    }
    let body = json!({"ids": ids, "accept": true});
    let settled = gateway
        .post_json("/api/kb/do/settle_questions", &body)
        .await?;
    let said = match left {
        0 => say!(
            "{} 问已接受,立即生效",
            "{} accepted, in force now",
            ids.len()
        ),
        left => say!(
            "{} 问已接受,立即生效;{} 问是自己提出的或原文已不在,没有接受",
            "{} accepted, in force now; {} are your own or their words are gone, and were not",
            ids.len(),
            left
        ),
    };
    done(context, settled, &said)
}

/// All that wait and that this person may accept, and how many others wait.
async fn all_of_others(gateway: &Gateway, args: &KbQuestionsArgs) -> Result<(Vec<i64>, usize)> {
    let document = args.document.as_deref().unwrap_or_default();
    let query = [("waiting", "true"), ("document", document)];
    let waiting = all(gateway, &query).await?;
    let fit = |one: &&Value| one["own"] == false && one["stands"] == true;
    let ids: Vec<i64> = waiting
        .iter()
        .filter(fit)
        .filter_map(|one| one["id"].as_i64())
        .collect();
    let left = waiting.len() - ids.len();
    Ok((ids, left))
}

fn number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| {
        let message = say!(
            "“{}”不是问题的编号:写编号,或者只写 all",
            "\"{}\" is no number of a question: give numbers, or all alone",
            id
        );
        Failure::usage("ZS-CLI-VALUE", message).field("accept")
    })
}

/// Every question that is asked for, page after page.
async fn all(gateway: &Gateway, query: &[(&str, &str)]) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut offset = 0;
    loop {
        let from = offset.to_string();
        let query: Vec<_> = query
            .iter()
            .copied()
            .chain([("offset", from.as_str())])
            .collect();
        let mut page = gateway.get_json("/api/kb/questions", &query).await?;
        if let Value::Array(items) = page["items"].take() {
            found.extend(items);
        }
        match page["next"].as_u64() {
            Some(next) if next > offset => offset = next,
            _ => return Ok(found),
        }
    }
}

async fn list(context: &Context, gateway: &Gateway, args: &KbQuestionsArgs) -> Result<()> {
    let flag = |on: bool| if on { "true" } else { "" };
    let query = [
        ("waiting", flag(args.waiting)),
        ("document", args.document.as_deref().unwrap_or_default()),
        ("stale", flag(args.stale)),
    ];
    let items = all(gateway, &query).await?;
    let narrowed = args.waiting || args.stale || args.document.is_some();
    let empty = if narrowed {
        tr(
            "没有这样的问题;不加选项列出全部",
            "there are no such questions; without options all are listed",
        )
        .to_owned()
    } else {
        say!(
            "问题库还是空的。提出:zhisuan kb questions --propose 问法 --document 文件 --quote 原文{}",
            "the bank is empty. Propose: zhisuan kb questions --propose QUESTION --document NAME --quote TEXT{}",
            gateway.base_flag()
        )
    };
    context.out.list(&List {
        schema: "zhisuan.kb-question-list/1",
        total: items.len() as u64,
        next: String::new(),
        table: table(&items),
        names: items.iter().map(|one| one["id"].to_string()).collect(),
        empty,
        items,
    })
}

fn table(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("编号", "ID"),
        tr("状态", "STATE"),
        tr("问题", "QUESTION"),
        tr("原文", "QUOTE"),
        tr("文件", "DOCUMENT"),
    ]);
    for item in items {
        let waits = item["checker"].is_null();
        let state = match (waits, item["stands"] == true) {
            (true, true) => say!("待核({} 提出)", "waits (by {})", text(&item["maker_name"])),
            (true, false) => tr("待核,原文已不在", "waits, words gone").to_owned(),
            (false, true) => tr("生效", "in force").to_owned(),
            (false, false) => tr("原文已不在", "words gone").to_owned(),
        };
        let quote = if item["answers"] == true {
            text(&item["quote"]).to_owned()
        } else {
            say!("(答不了){}", "(unanswered) {}", text(&item["quote"]))
        };
        table.row(vec![
            item["id"].to_string().into(),
            state.into(),
            cell(&item["question"]),
            quote.into(),
            cell(&item["document"]),
        ]);
    }
    table
}

/// What of a proposal was not taken, and why.
fn left_out(value: &Value) -> Vec<Table> {
    let mut table = Table::new(&[tr("没有收下", "LEFT OUT"), tr("原因", "WHY")]);
    for one in each(&value["left_out"]) {
        table.row(vec![cell(&one["question"]), cell(&one["reason"])]);
    }
    vec![table]
}
