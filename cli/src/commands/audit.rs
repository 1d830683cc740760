//! `zhisuan audit verify` and `zhisuan kb verify`: whether a chain holds. They need no server.

use super::Context;
use crate::args::{AuditArgs, AuditVerb, KbVerifyArgs};
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::words::{say, tr};
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};
use zhisuan_apps::audit::{Chain, verify};
use zhisuan_apps::kb::{accept_log, kept_head};
use zhisuan_apps::staff::Person;
use zhisuan_serving::{Link, Verified, VerifyError, verify_audit};

pub(super) fn run(context: &Context, args: AuditArgs) -> Result<Exit> {
    let AuditVerb::Verify(args) = args.verb;
    let kept = args.head.head.map(Kept::Given);
    let verified = verify_audit(&args.path, kept.as_ref().map(Kept::link));
    tell(context, "zhisuan.audit/1", verified, kept.as_ref())?;
    Ok(Exit::Done)
}

/// The same for the log of answers, whose head the library beside it keeps.
pub(super) fn answers(context: &Context, args: KbVerifyArgs) -> Result<()> {
    let library = library_of(&args.path);
    if args.accept_loss {
        return accept(context, &args.path, library.as_deref());
    }
    let kept = match (args.head.head, &library) {
        (Some(head), _) => Some(Kept::Given(head)),
        (None, Some(file)) => kept_head(file)
            .map_err(|error| {
                Failure::new(Exit::Failed, "ZS-AUDIT-READ", error.to_string()).hint(tr(
                    "用 --head 给出另行保存的链头,就不必读知识库文件",
                    "with --head and a head that was kept elsewhere the library is not read",
                ))
            })?
            .map(Kept::ByLibrary),
        (None, None) => None,
    };
    let verified = verify(&args.path, kept.as_ref().map(Kept::link));
    tell(context, "zhisuan.kb-audit/1", verified, kept.as_ref())
}

/// A head, and who kept it.
enum Kept {
    Given(Link),
    ByLibrary(Link),
}

impl Kept {
    fn link(&self) -> &Link {
        let (Self::Given(link) | Self::ByLibrary(link)) = self;
        link
    }
}

/// The library's file, where it lies beside the folder of the log as a service puts it.
fn library_of(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let folder = if path.is_dir() {
        path.as_path()
    } else {
        path.parent()?
    };
    let file = folder.parent()?.join("library.sqlite");
    file.is_file().then_some(file)
}

/// Goes on with a log that lacks what it had.
fn accept(context: &Context, log: &Path, library: Option<&Path>) -> Result<()> {
    let Some(library) = library else {
        let message = tr(
            "日志旁边没有知识库文件 library.sqlite,没有可以按现状继续的知识库",
            "no library.sqlite lies beside the log: there is no library to go on with",
        );
        return Err(Failure::usage("ZS-CLI-VALUE", message).field("--accept-loss"));
    };
    // A service that runs writes the log: it holds this too.
    let writing = Chain::open(log)?;
    let operator = Person::both("command-line", "命令行");
    let now_ms = Timestamp::now().as_millisecond();
    let accepted = accept_log(library, log, &operator, now_ms)
        .map_err(|error| Failure::new(Exit::Failed, error.code(), error.to_string()))?;
    drop(writing);
    context.out.note(&match accepted {
        Some(lost) => say!(
            "已按现状继续,经过里记下了这件事。缺失情况:{}",
            "it goes on as it is, and the history keeps that. What is missing: {}",
            lost
        ),
        None => tr(
            "没有缺失,什么都没有改",
            "nothing is missing; nothing was changed",
        )
        .to_owned(),
    });
    Ok(())
}

/// Says whether a chain of events holds.
fn tell(
    context: &Context,
    schema: &'static str,
    verified: std::result::Result<Verified, VerifyError>,
    kept: Option<&Kept>,
) -> Result<()> {
    let verified =
        verified.map_err(|error| Failure::new(Exit::Failed, error.code(), error.to_string()))?;
    context.out.note(&say!(
        "{} 条记录,链条完整",
        "{} events, and the chain holds",
        verified.events
    ));
    if verified.first > 1 {
        context.out.note(&say!(
            "第一条是第 {} 号:更早的文件不在这里",
            "the first is number {}: older files are not here",
            verified.first
        ));
    }
    context.out.note(&match kept {
        Some(Kept::Given(head)) => say!(
            "与给出的链头一致,到第 {} 条为止没有缺失和改写",
            "it has the head that was given: nothing up to event {} is missing or rewritten",
            head.seq
        ),
        Some(Kept::ByLibrary(head)) => say!(
            "与知识库记下的链头一致,到第 {} 条为止没有缺失和改写",
            "it has the head that the library keeps: nothing up to event {} is missing or rewritten",
            head.seq
        ),
        None => tr(
            "没有链头可比对,末尾是否被截短看不出来",
            "no head to compare with: whether its end was cut off cannot be seen",
        )
        .to_owned(),
    });
    context.out.note(&say!(
        "另行保存链头,以后用 --head {} 核对",
        "keep the head elsewhere and check later with --head {}",
        verified.head
    ));
    context.out.document(Document {
        schema,
        name: verified.head.to_string(),
        value: json!({
            "events": verified.events, "first": verified.first, "last": verified.head.seq,
            "head": verified.head.hash, "checked_to": kept.map(|kept| kept.link().seq),
        }),
        tables: Vec::new(),
    })
}
