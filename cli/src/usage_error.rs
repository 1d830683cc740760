//! Wrong command lines, told in the user's language with the nearest right word.

use crate::config::{self, Flags};
use crate::config_file;
use crate::error::{Exit, Failure};
use crate::output::{Format, Printer};
use crate::words::{Lang, say, tr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// The language before the command line is understood: help and usage errors need it already.
pub(crate) fn early_language(args: impl Iterator<Item = OsString>) -> Lang {
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let flag = args
        .iter()
        .take_while(|arg| *arg != "--")
        .position(|arg| arg == "--lang" || arg.starts_with("--lang="));
    if let Some(at) = flag {
        let joined = args[at].strip_prefix("--lang=");
        let word = joined.or_else(|| args.get(at + 1).map(String::as_str));
        return Lang::parse(word.unwrap_or_default());
    }
    if let Ok(word) = std::env::var("ZHISUAN_LANG") {
        return Lang::parse(&word);
    }
    // A broken file is reported later, by the command itself.
    let from_user = config::user_path(&Flags::default())
        .and_then(|path| config_file::read(&path).ok().flatten())
        .and_then(|file| file.get("lang").map(Lang::parse));
    from_user.unwrap_or(Lang::Zh)
}

/// Prints help, the version, or what is wrong with the command line.
pub(crate) fn report(error: &clap::Error) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // A closed pipe under the help is no failure.
        let _ = error.print();
        return Exit::Done;
    }
    let json = std::env::args()
        .take_while(|arg| arg != "--")
        .any(|arg| matches!(arg.as_str(), "--json" | "-ojson" | "--output=json"));
    let format = if json { Format::Json } else { Format::Table };
    Printer::new(format, clap::ColorChoice::Auto, false).failure(&failure(error));
    Exit::Usage
}

fn failure(error: &clap::Error) -> Failure {
    let get = |kind| context(error, kind);
    let argument = get(ContextKind::InvalidArg);
    let (code, message) = match error.kind() {
        ErrorKind::InvalidSubcommand => (
            "ZS-CLI-VERB",
            say!(
                "没有命令 \"{}\"",
                "no command is called \"{}\"",
                get(ContextKind::InvalidSubcommand)
            ),
        ),
        ErrorKind::UnknownArgument => (
            "ZS-CLI-ARGUMENT",
            say!("没有参数 \"{}\"", "no argument is called \"{}\"", argument),
        ),
        ErrorKind::MissingRequiredArgument => (
            "ZS-CLI-MISSING",
            say!("缺少参数 {}", "missing: {}", argument),
        ),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => (
            "ZS-CLI-VALUE",
            say!(
                "{} 的值 \"{}\" 无效",
                "{}: \"{}\" is not valid",
                argument,
                get(ContextKind::InvalidValue)
            ),
        ),
        ErrorKind::ArgumentConflict => (
            "ZS-CLI-CONFLICT",
            say!(
                "{} 不能与 {} 同用",
                "{} cannot go with {}",
                argument,
                get(ContextKind::PriorArg)
            ),
        ),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => (
            "ZS-CLI-VERB",
            tr("缺少命令", "a command is missing").to_owned(),
        ),
        _ => ("ZS-CLI-USAGE", first_line(error)),
    };
    let suggested = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ]
    .into_iter()
    .map(get)
    .find(|word| !word.is_empty());
    let valid = get(ContextKind::ValidValue);
    let mut failure = Failure::usage(code, message);
    if let Some(word) = suggested {
        failure = failure.hint(say!("是否想用 {}?", "did you mean {}?", word));
    }
    if !valid.is_empty() {
        failure = failure.hint(say!("可接受:{}", "accepted: {}", valid));
    }
    failure.hint(tr("运行 zhisuan --help 查看用法", "see zhisuan --help"))
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The library's own sentence, for the rare kinds.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
