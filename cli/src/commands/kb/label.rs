//! Stable names of the console's JSON as people read them.

use super::{each, text};
use crate::words::tr;
use serde_json::Value;

/// The name that the server knows of a person, else the id.
pub(super) fn person<'a>(people: &'a Value, id: &'a str) -> &'a str {
    people[id].as_str().unwrap_or(id)
}

pub(super) fn severity(value: &Value) -> &str {
    match text(value) {
        "note" => tr("提示", "note"),
        "suspicious" => tr("可疑", "suspicious"),
        "blocking" => tr("阻断", "blocking"),
        other => other,
    }
}

/// What a text says of its own force.
pub(super) fn force(value: &Value) -> &str {
    match text(value) {
        "in_force" => tr("现行", "in force"),
        "draft" => tr("草案", "draft"),
        "repealed" => tr("失效", "repealed"),
        "unstated" => tr("未注明", "not stated"),
        other => other,
    }
}

/// Why there is work.
pub(super) fn kind(value: &Value) -> &str {
    match text(value) {
        "unanswered" => tr("未能回答", "unanswered"),
        "low_rating" => tr("评价较低", "low rating"),
        "conflict" => tr("依据冲突", "conflict"),
        "correction" => tr("答案更正", "correction"),
        other => other,
    }
}

pub(super) fn deed(value: &Value) -> &str {
    match text(value) {
        "add" => tr("入库", "added"),
        "import" => tr("目录导入", "brought in from a folder"),
        "repair" => tr("修正", "repairs"),
        "edit_head" => tr("更正文件信息", "head corrected"),
        "publish" => tr("发布", "published"),
        "withdraw" => tr("撤下", "withdrawn"),
        "repeal" => tr("宣布失效", "repealed"),
        "synonym" => tr("同义词", "synonym"),
        "questions" => tr("问题库", "question bank"),
        "close_theme" => tr("关闭主题", "theme off"),
        "open_theme" => tr("打开主题", "theme on"),
        "base" => tr("知识库设置", "base"),
        "home" => tr("本地", "home"),
        "erase" => tr("删去回答", "answer forgotten"),
        "drop_answers" => tr("清理到期回答", "old answers forgotten"),
        other => other,
    }
}

pub(super) fn stage(value: &Value) -> &str {
    match text(value) {
        "quarantined" => tr("隔离待核", "quarantined"),
        "ready" => tr("待发布", "ready"),
        "published" => tr("已发布", "published"),
        "withdrawn" => tr("已撤下", "withdrawn"),
        other => other,
    }
}

/// For whom a base is; `people` tells names for ids.
pub(super) fn audience(value: &Value, people: &Value) -> String {
    match text(&value["kind"]) {
        "public" => tr("所有人", "everybody").to_owned(),
        "staff" => tr("全体工作人员", "the staff").to_owned(),
        _ => {
            let listed = each(&value["people"]).map(|id| person(people, text(id)));
            listed.collect::<Vec<_>>().join("、")
        }
    }
}
