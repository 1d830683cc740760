//! `zhisuan completions`: a script for the shell.

use super::Context;
use crate::args::{Cli, CompletionsArgs};
use crate::error::{Exit, Result};
use clap::CommandFactory as _;

pub(super) fn run(context: &Context, args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "zhisuan", &mut script);
    context.out.raw(&script)?;
    Ok(Exit::Done)
}
