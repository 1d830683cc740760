//! One file per verb, and the way from a verb to its exit code.

mod ask;
#[cfg(feature = "server")]
mod audit;
mod backend;
mod cancel;
mod chat;
mod completions;
mod config;
#[cfg(feature = "server")]
mod demo;
mod deploy;
#[cfg(feature = "server")]
mod embedder;
#[cfg(feature = "server")]
mod eval;
#[cfg(feature = "server")]
mod kb;
mod key;
mod list;
mod logs;
mod models;
mod nodes;
mod outputs;
#[cfg(feature = "server")]
mod pull;
mod quote;
mod redeploy;
mod run;
#[cfg(feature = "server")]
mod serve_roles;
mod show;
mod statement;
mod submit;
mod tenant;
mod topup;
mod traffic;
mod undeploy;
#[cfg(feature = "server")]
mod up;
mod usage;
mod wait;
mod why;

use crate::args::{Cli, ConfigVerb, Verb};
use crate::client::Client;
use crate::config::{As, Flags, Settings};
use crate::error::{Exit, Failure, Result};
use crate::output::{Format, Printer};
use crate::words;

/// What every verb works with.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) flags: Flags,
    pub(crate) out: Printer,
}

impl Context {
    /// The scheduler, seen with a tenant's or an operator's key.
    pub(crate) fn client(&self, who: As) -> Result<Client> {
        Client::new(&self.settings, who)
    }
}

/// Runs a command line to its exit code.
pub(crate) fn run(cli: Cli) -> Exit {
    let global = cli.global;
    let output = if global.json {
        Some("json".to_owned())
    } else {
        global.output
    };
    let asked = output
        .as_deref()
        .and_then(Format::parse)
        .unwrap_or(Format::Table);
    let flags = Flags {
        scheduler: global.scheduler,
        gateway: global.gateway,
        key: global.key,
        lang: global.lang,
        output,
        config: global.config,
        writes_config: writes_config(&cli.verb),
    };
    let early = Printer::new(asked, global.color, !global.no_progress);
    let result = crate::config::load(&flags).and_then(|settings| {
        words::choose(settings.lang());
        let out = Printer::new(settings.format()?, global.color, !global.no_progress);
        Ok(Context {
            settings,
            flags,
            out,
        })
    });
    let (out, result) = match result {
        Err(failure) => (early, Err(failure)),
        Ok(context) => (context.out, block_on(&context, cli.verb)),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            out.failure(&failure);
            failure.exit()
        }
    }
}

/// Verbs that make the user file.
fn writes_config(verb: &Verb) -> bool {
    match verb {
        Verb::Config(args) => matches!(args.verb, ConfigVerb::Set(_)),
        #[cfg(feature = "server")]
        Verb::Up(_) => true,
        _ => false,
    }
}

/// Verbs whose results could be taken for those of real devices.
fn shows_amounts(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Submit(_)
            | Verb::List(_)
            | Verb::Show(_)
            | Verb::Why(_)
            | Verb::Quote(_)
            | Verb::Usage(_)
            | Verb::Statement(_)
    )
}

/// Runs the verb on a runtime of its own. Verbs that need no network start none.
fn block_on(context: &Context, verb: Verb) -> Result<Exit> {
    let verb = match verb {
        Verb::Config(args) => return config::run(context, args),
        Verb::Completions(args) => return completions::run(context, &args),
        other => other,
    };
    if context.settings.simulated() && shows_amounts(&verb) {
        context.out.note(words::tr(
            "注意:本中心的设备是模拟的",
            "note: the devices of this centre are simulated",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(Box::pin(dispatch(context, verb)));
    // Blocking work of a role that was told to stop must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

async fn dispatch(context: &Context, verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Submit(args) => submit::run(context, args).await,
        Verb::Run(args) => run::run(context, args).await,
        Verb::List(args) => list::run(context, args).await,
        Verb::Show(args) => show::run(context, &args).await,
        Verb::Why(args) => why::run(context, &args).await,
        Verb::Logs(args) => logs::run(context, &args).await,
        Verb::Wait(args) => wait::run(context, &args).await,
        Verb::Cancel(args) => cancel::run(context, &args).await,
        Verb::Outputs(args) => outputs::run(context, &args).await,
        Verb::Quote(args) => quote::run(context, args).await,
        Verb::Usage(args) => usage::run(context, &args).await,
        Verb::Statement(args) => statement::run(context, &args).await,
        Verb::Nodes(args) => nodes::run(context, args).await,
        Verb::Models(args) => models::run(context, args).await,
        Verb::Deploy(args) => deploy::run(context, args).await,
        Verb::Undeploy(args) => undeploy::run(context, args).await,
        Verb::Redeploy(args) => redeploy::run(context, args).await,
        Verb::Traffic(args) => traffic::run(context, args).await,
        Verb::Backend(args) => backend::run(context, args).await,
        Verb::Chat(args) => chat::run(context, args).await,
        Verb::Ask(args) => ask::run(context, args).await,
        Verb::Kb(args) => kb::run(context, args).await,
        #[cfg(feature = "server")]
        Verb::Eval(args) => eval::run(context, args).await,
        Verb::Key(args) => key::run(context, args).await,
        Verb::Tenant(args) => tenant::run(context, args).await,
        Verb::Topup(args) => topup::run(context, args).await,
        #[cfg(feature = "server")]
        Verb::Up(args) => up::run(context, args).await,
        #[cfg(feature = "server")]
        Verb::Demo(args) => demo::run(context, args).await,
        #[cfg(feature = "server")]
        Verb::Scheduler(args) => serve_roles::scheduler(context, args).await,
        #[cfg(feature = "server")]
        Verb::Worker(args) => serve_roles::worker(context, args).await,
        #[cfg(feature = "server")]
        Verb::Gateway(args) => serve_roles::gateway(context, args).await,
        #[cfg(feature = "server")]
        Verb::Audit(args) => audit::run(context, args),
        // Handled before the runtime was started.
        Verb::Config(_) | Verb::Completions(_) => Ok(Exit::Done),
    }
}

/// The text of an argument, or stdin when it is "-".
pub(crate) fn text_or_stdin(argument: String) -> Result<String> {
    if argument != "-" {
        return Ok(argument);
    }
    let text = std::io::read_to_string(std::io::stdin())?;
    match text.trim() {
        "" => Err(Failure::usage(
            "ZS-CLI-EMPTY",
            words::tr("标准输入是空的", "stdin is empty"),
        )),
        text => Ok(text.to_owned()),
    }
}
