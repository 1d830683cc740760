//! What is left for people: open work, and contradictions between texts in force.

use super::{done, list, show};
use crate::args::{KbConflictsArgs, KbItemsArgs};
use crate::commands::Context;
use crate::error::Result;
use crate::gateway::Gateway;
use crate::words::{say, tr};
use serde_json::json;

pub(super) async fn items(context: &Context, gateway: &Gateway, args: KbItemsArgs) -> Result<()> {
    if let Some(id) = args.close {
        let kept = args.expected.is_some();
        let body = json!({
            "id": id, "outcome": args.outcome, "expected": args.expected.unwrap_or_default(),
            "question": args.question.unwrap_or_default(),
        });
        let closed = gateway.post_json("/api/kb/do/close_work", &body).await?;
        let said = match (kept, closed["proposed_question"].as_i64()) {
            (true, Some(question)) => say!(
                "待办 {} 已办结,留下回归题,也提到问题库;另一人接受后类似的问法都这样回答:zhisuan kb questions --accept {}{}",
                "work {} is done, left a question that is asked again after each publication, and proposed it to the bank. When another accepts it, questions like it are answered so: zhisuan kb questions --accept {}{}",
                id,
                question,
                gateway.base_flag()
            ),
            (true, None) => say!(
                "待办 {} 已办结,并留下回归题:以后每次发布都重新问一遍",
                "work {} is done, and left a question that is asked again after each publication",
                id
            ),
            (false, _) => say!("待办 {} 已办结", "work {} is done", id),
        };
        return done(context, closed, &said);
    }
    let all = if args.all { "1" } else { "" };
    let found = gateway.get_json("/api/kb/work", &[("all", all)]).await?;
    let none = if args.all {
        tr("没有待办", "there was no work yet")
    } else {
        tr(
            "没有未办的待办;--all 也列出已办结的",
            "no work is open; --all lists what is done too",
        )
    };
    list(context, "zhisuan.kb-work-list/1", &found, show::work, none)
}

pub(super) async fn conflicts(
    context: &Context,
    gateway: &Gateway,
    args: KbConflictsArgs,
) -> Result<()> {
    let day = args.as_of.unwrap_or_default();
    if let Some(id) = args.work {
        let body = json!({"id": id, "as_of": day});
        let made = gateway.post_json("/api/kb/do/conflict_work", &body).await?;
        let said = say!(
            "已转为待办 {0};办结:zhisuan kb items --close {0} --outcome 说明{1}",
            "made work {0} of it; close it with zhisuan kb items --close {0} --outcome TEXT{1}",
            made["id"],
            gateway.base_flag()
        );
        return done(context, made, &said);
    }
    let query = [("as_of", day.as_str())];
    let found = gateway.get_json("/api/kb/conflicts", &query).await?;
    let none = tr(
        "没有发现说法不一的句子",
        "no texts in force were found to contradict each other",
    );
    let schema = "zhisuan.kb-conflict-list/1";
    list(context, schema, &found, show::conflicts, none)
}
