//! `zhisuan config`: the settings in force, where each came from, and changes to the user file.

use super::{Context, text_or_stdin};
use crate::args::{ConfigArgs, ConfigSetArgs, ConfigVerb};
use crate::config::{Setting, check_value, no_user_path, user_path};
use crate::config_file::{self, ConfigFile};
use crate::error::{Exit, Result};
use crate::output::List;
use crate::output::table::Table;
use crate::words::{say, tr};
use serde_json::json;

pub(super) fn run(context: &Context, args: ConfigArgs) -> Result<Exit> {
    match args.verb {
        ConfigVerb::View(args) => view(context, args.sources),
        ConfigVerb::Set(args) => set(context, args),
    }
}

/// A secret is recognised by its ends, never shown whole.
fn shown(setting: &Setting) -> String {
    let secret = matches!(setting.key, "key" | "operator_key");
    match setting.value.char_indices().nth(8) {
        Some((at, _)) if secret => format!("{}…", &setting.value[..at]),
        None if secret && !setting.value.is_empty() => "…".to_owned(),
        _ => setting.value.clone(),
    }
}

fn source_text(setting: &Setting) -> String {
    let word = match setting.source.word() {
        "flag" => tr("命令行", "flag"),
        "environment" => tr("环境变量", "environment"),
        "project" => tr("项目文件", "project file"),
        "user" => tr("用户文件", "user file"),
        _ => tr("默认", "default"),
    };
    match setting.source.file() {
        file if file.is_empty() => word.to_owned(),
        file => format!("{word} {file}"),
    }
}

fn view(context: &Context, sources: bool) -> Result<Exit> {
    let settings = context.settings.all();
    let mut heads = vec![tr("配置项", "KEY"), tr("值", "VALUE")];
    if sources {
        heads.push(tr("来源", "SOURCE"));
    }
    let mut table = Table::new(&heads);
    for setting in settings {
        let mut row = vec![setting.key.into(), shown(setting).into()];
        if sources {
            row.push(source_text(setting).into());
        }
        table.row(row);
    }
    let items = settings.iter().map(|setting| {
        json!({
            "key": setting.key,
            "value": shown(setting),
            "source": setting.source.word(),
            "file": setting.source.file(),
        })
    });
    context.out.list(&List {
        schema: "zhisuan.config/1",
        items: items.collect(),
        total: settings.len() as u64,
        next: String::new(),
        table,
        names: settings
            .iter()
            .map(|setting| setting.key.to_owned())
            .collect(),
        empty: String::new(),
    })?;
    Ok(Exit::Done)
}

fn set(context: &Context, args: ConfigSetArgs) -> Result<Exit> {
    config_file::known_key(&args.key)?;
    let value = text_or_stdin(args.value)?;
    if !value.is_empty() {
        check_value(&args.key, &value)?;
    }
    let path = user_path(&context.flags).ok_or_else(no_user_path)?;
    let mut file = config_file::read(&path)?.unwrap_or_else(|| ConfigFile::empty(&path));
    file.set(&args.key, &value);
    file.write()?;
    context
        .out
        .note(&say!("已写入 {}", "written to {}", path.display()));
    Ok(Exit::Done)
}
