//! What the console's JSON is for people: tables.

use super::label::{audience, deed, force, kind, person, severity, stage};
use super::{each, text};
use crate::output::table::{Cell, Table};
use crate::words::{say, tr};
use serde_json::Value;

pub(super) fn cell(value: &Value) -> Cell {
    Cell::from(text(value).to_owned())
}

/// What `-o name` prints.
pub(super) fn name(value: &Value) -> String {
    let id = &value["id"];
    if id["document"].is_string() {
        return format!("{}@{}", text(&id["document"]), id["number"]);
    }
    if value["document"].is_string() {
        return format!("{}@{}", text(&value["document"]), value["number"]);
    }
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let named = [
        id,
        &value["name"],
        &value["base"],
        &value["version"],
        &value["word"],
        &value["theme"],
        &value["class"]["class"],
    ];
    named
        .into_iter()
        .map(plain)
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

pub(super) fn versions(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("版本", "VERSION"),
        tr("状态", "STAGE"),
        tr("问题", "FINDINGS"),
        tr("标题", "TITLE"),
        tr("发布机构", "ISSUER"),
    ]);
    for item in items {
        table.row(vec![
            name(item).into(),
            stage(&item["stage"]).to_owned().into(),
            Cell::Count(each(&item["findings"]).count() as u64),
            cell(&item["head"]["title"]),
            cell(&item["head"]["issuer"]),
        ]);
    }
    table
}

pub(super) fn version(value: &Value) -> Vec<Table> {
    let head = &value["head"];
    let mut facts = Table::default();
    facts.pair(tr("版本", "version"), name(value));
    facts.pair(tr("状态", "stage"), stage(&value["stage"]).to_owned());
    for (label, field) in [
        (tr("标题", "title"), "title"),
        (tr("文号", "number"), "number"),
        (tr("发布机构", "issuer"), "issuer"),
        (tr("地区", "place"), "place"),
        (tr("主题", "theme"), "theme"),
        (tr("成文", "written"), "written"),
        (tr("公开", "published"), "published"),
        (tr("生效", "effective"), "effective"),
        (tr("失效", "repealed"), "repealed"),
    ] {
        facts.pair(label, text(&head[field]).to_owned());
    }
    facts.pair(tr("效力", "force"), force(&head["declared"]).to_owned());
    facts.pair(tr("原件", "file"), text(&value["file"]["name"]).to_owned());
    facts.pair(tr("核对码", "seen"), text(&value["seen"]).to_owned());
    let people = &value["people"];
    let makers: Vec<&str> = each(&value["makers"])
        .map(|id| person(people, text(id)))
        .collect();
    facts.pair(tr("经手", "made by"), makers.join("、"));
    let checker = person(people, text(&value["checker"])).to_owned();
    facts.pair(tr("发布人", "published by"), checker);
    facts.pair(
        tr("撤下理由", "withdrawn for"),
        text(&value["note"]).to_owned(),
    );
    let mut tables = vec![facts];
    tables.extend(findings(value));
    tables
}

/// Findings with the numbers that `kb repair --pick` takes.
pub(super) fn findings(value: &Value) -> Vec<Table> {
    let mut table = Table::new(&[
        tr("编号", "PICK"),
        tr("级别", "SEVERITY"),
        tr("问题或修正", "FINDING OR REPAIR"),
        tr("原文", "SAMPLE"),
    ]);
    for (at, finding) in each(&value["findings"]).enumerate() {
        table.row(vec![
            at.to_string().into(),
            severity(&finding["severity"]).into(),
            cell(&finding["message"]),
            cell(&finding["sample"]),
        ]);
        for (n, repair) in each(&finding["proposed"]).enumerate() {
            let change = format!("{} → {}", text(&repair["before"]), text(&repair["after"]));
            table.row(vec![
                format!("{at}.{n}.{}", repair["start"]).into(),
                tr("修正", "repair").into(),
                cell(&repair["reason"]),
                change.into(),
            ]);
        }
    }
    vec![table]
}

pub(super) fn added(value: &Value) -> Vec<Table> {
    let mut facts = Table::default();
    facts.pair(tr("版本", "version"), name(value));
    facts.pair(tr("标题", "title"), text(&value["title"]).to_owned());
    facts.pair(tr("状态", "stage"), stage(&value["stage"]).to_owned());
    if value["unchanged"] == true {
        facts.pair(
            tr("说明", "note"),
            tr(
                "与最新版逐字节相同,没有新增",
                "the very same as the newest, nothing was added",
            ),
        );
    }
    let mut tables = vec![facts];
    if each(&value["findings"]).next().is_some() {
        tables.extend(findings(value));
    }
    tables
}

pub(super) fn history(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("时间", "TIME"),
        tr("人员", "PERSON"),
        tr("做了什么", "DEED"),
        tr("对象", "OBJECT"),
    ]);
    for item in items {
        table.row(vec![
            Cell::Time(item["at_ms"].as_i64().unwrap_or_default()),
            cell(&item["person_name"]),
            deed(&item["action"]).into(),
            cell(&item["object"]),
        ]);
    }
    table
}

pub(super) fn diff(items: &[Value]) -> Table {
    let mut table = Table::new(&["", tr("文字", "TEXT")]);
    for item in items {
        let (mark, line) = match text(&item["change"]) {
            "gone" => ("-", text(&item["text"]).to_owned()),
            "new" => ("+", text(&item["text"]).to_owned()),
            _ => (
                "",
                say!("… {} 行相同 …", "… {} lines the same …", item["lines"]),
            ),
        };
        table.row(vec![mark.into(), line.into()]);
    }
    table
}

pub(super) fn base(value: &Value) -> Vec<Table> {
    let mut facts = Table::default();
    facts.pair(tr("知识库", "base"), text(&value["name"]).to_owned());
    facts.pair(tr("名称", "title"), text(&value["title"]).to_owned());
    facts.pair(
        tr("谁可以提问", "who may ask"),
        audience(&value["audience"], &value["people"]),
    );
    facts.pair(tr("本地", "home"), home(value));
    vec![facts]
}

/// The place that a base speaks for.
fn home(value: &Value) -> String {
    match text(&value["home"]) {
        "" => match text(&value["home_inferred"]) {
            "" => tr("由文件推定", "as the texts tell").to_owned(),
            home => say!("{}(由文件推定)", "{} (as the texts tell)", home),
        },
        home => home.to_owned(),
    }
}

pub(super) fn bases(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("知识库", "BASE"),
        tr("名称", "TITLE"),
        tr("谁可以提问", "WHO MAY ASK"),
        tr("本地", "HOME"),
    ]);
    for item in items {
        table.row(vec![
            cell(&item["name"]),
            cell(&item["title"]),
            audience(&item["audience"], &item["people"]).into(),
            home(item).into(),
        ]);
    }
    table
}

pub(super) fn hits(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("版本", "VERSION"),
        tr("标题", "TITLE"),
        tr("段落", "SECTION"),
        tr("文字", "TEXT"),
    ]);
    for item in items {
        let path: Vec<&str> = each(&item["path"]).map(text).collect();
        let short: String = text(&item["text"]).chars().take(60).collect();
        table.row(vec![
            cell(&item["version"]),
            cell(&item["title"]),
            path.join(" / ").into(),
            short.into(),
        ]);
    }
    table
}

pub(super) fn work(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("编号", "ID"),
        tr("种类", "KIND"),
        tr("次数", "TIMES"),
        tr("问题", "QUESTION"),
        tr("备注", "NOTE"),
    ]);
    for item in items {
        table.row(vec![
            item["id"].to_string().into(),
            kind(&item["kind"]).into(),
            Cell::Count(item["times"].as_u64().unwrap_or_default()),
            cell(&item["question"]),
            cell(&item["note"]),
        ]);
    }
    table
}

/// A row for each side; the work stands beside the first.
pub(super) fn conflicts(items: &[Value]) -> Table {
    let mut table = Table::new(&[
        tr("编号", "ID"),
        tr("数值", "VALUE"),
        tr("版本", "VERSION"),
        tr("句子", "SENTENCE"),
        tr("待办", "WORK"),
    ]);
    for item in items {
        let mut id = cell(&item["id"]);
        let mut work = match item["work"].as_i64() {
            Some(work) => work.to_string().into(),
            None => Cell::from(String::new()),
        };
        for side in each(&item["sides"]) {
            let version = &side["version"];
            table.row(vec![
                std::mem::replace(&mut id, String::new().into()),
                cell(&side["value"]),
                format!("{}@{}", text(&version["document"]), version["number"]).into(),
                cell(&side["sentence"]),
                std::mem::replace(&mut work, String::new().into()),
            ]);
        }
    }
    table
}

pub(super) fn words(value: &Value) -> Vec<Table> {
    let mut table = Table::new(&[
        tr("市民的说法", "WORD"),
        tr("文件的说法", "MEANS"),
        tr("状态", "STATE"),
    ]);
    let means = |one: &Value| each(&one["means"]).map(text).collect::<Vec<_>>().join("、");
    for one in each(&value["items"]) {
        table.row(vec![
            cell(&one["word"]),
            means(one).into(),
            tr("生效", "in force").into(),
        ]);
    }
    for one in each(&value["waiting"]) {
        let state = say!("待核({} 提出)", "waits (by {})", text(&one["maker_name"]));
        table.row(vec![cell(&one["word"]), means(one).into(), state.into()]);
    }
    let mut themes = Table::new(&[tr("已关闭的主题", "CLOSED THEMES")]);
    for theme in each(&value["closed_themes"]) {
        themes.row(vec![cell(theme)]);
    }
    vec![table, themes]
}

pub(super) fn ticket(value: &Value) -> Vec<Table> {
    let (class, routed) = (&value["class"], &value["routed"]);
    let mut facts = Table::default();
    let unsure = if class["unsure"] == true {
        tr("(不太确定)", " (unsure)")
    } else {
        ""
    };
    facts.pair(
        tr("类别", "class"),
        format!("{}{unsure}", text(&class["label"])),
    );
    facts.pair(tr("承办单位", "body"), text(&routed["name"]).to_owned());
    vec![facts]
}

pub(super) fn replayed(value: &Value) -> Vec<Table> {
    let mut facts = Table::default();
    let same = match value["same"].as_bool() {
        Some(true) => tr("相同", "the same"),
        Some(false) => tr("不同", "different"),
        None => tr("没有重算", "not made again"),
    };
    facts.pair(tr("重算", "again"), same);
    if !text(&value["why"]).is_empty() {
        facts.pair(tr("原因", "why"), text(&value["why"]).to_owned());
    }
    facts.pair(
        tr("问题", "question"),
        text(&value["answer"]["question"]).to_owned(),
    );
    vec![facts]
}

#[cfg(test)]
mod tests {
    use super::{findings, hits, versions, work};
    use crate::output::table::{Look, Table};
    use serde_json::json;

    fn drawn(table: &Table) -> String {
        table.render(Look::Aligned { width: None })
    }

    #[test]
    fn tables_have_heads_and_speak_chinese_on_a_terminal() {
        let version = json!({
            "id": {"document": "kite", "number": 1}, "stage": "ready",
            "head": {"title": "风筝", "issuer": "文化局"},
            "findings": [{"severity": "suspicious", "message": "草案", "sample": "征求意见稿"}],
        });
        let item = json!({"id": 3, "kind": "low_rating", "times": 2, "question": "多少钱"});
        let hit = json!({"version": "kite@1", "title": "风筝", "path": ["收费"], "text": "37元"});
        let found: Vec<String> = findings(&version).iter().map(drawn).collect();
        for (text, head, words) in [
            (drawn(&versions(&[version])), "版本", "待发布"),
            (drawn(&work(&[item])), "编号", "评价较低"),
            (drawn(&hits(&[hit])), "版本", "37元"),
            (found.concat(), "编号", "可疑"),
        ] {
            assert!(text.starts_with(head) && text.contains(words), "{text}");
        }
    }
}
