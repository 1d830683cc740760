//! The test command and other chores: `cargo xtask test`, `tidy`, `bench`, `provide`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers speaks to the terminal"
)]

mod provide;
mod step;

use crate::provide::Provided;
use crate::step::Step;
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask <command>

  test             provide what tests need, then format, lint, tests and docs; stops at the first failure
  tidy             only the rules of the house (benches/tests/tidy.rs)
  bench <args>     the benches in release; `cargo xtask bench --help` lists them
  provide          only the Python environment and the test models

environment:
  ZHISUAN_CACHE    models and the Python environment; default $HOME/.cache/zhisuan
  CARGO_TARGET_DIR as everywhere with cargo";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "test" => test(),
        "tidy" => tidy().run(),
        "bench" => bench(&rest),
        "provide" => provide::all().map(|provided| println!("{}", provided.shell())),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("no command {other:?}\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<()> {
    let begin = Instant::now();
    // Format first: it needs nothing and fails at once.
    Step::cargo("format", &["fmt", "--all", "--check"]).run()?;
    let provided = provide::all()?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    Step::cargo("lint", &clippy).run()?;
    Step::cargo("tests", &["test", "--workspace", "--no-fail-fast"])
        .provided(&provided)
        .run()?;
    // The wire's documentation is the .proto files; their comments are not Markdown.
    let docs = [
        "doc",
        "--workspace",
        "--no-deps",
        "--exclude",
        "zhisuan-proto",
    ];
    Step::cargo("docs", &docs)
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    println!("\nall steps passed in {} s", begin.elapsed().as_secs());
    Ok(())
}

fn tidy() -> Step {
    Step::cargo(
        "tidy",
        &["test", "--package", "zhisuan-benches", "--test", "tidy"],
    )
}

fn bench(args: &[String]) -> Result<()> {
    if args.is_empty() {
        bail!("which bench? `cargo xtask bench --help` lists them");
    }
    let run = [
        "run",
        "--release",
        "--package",
        "zhisuan-benches",
        "--bin",
        "zhisuan-bench",
        "--",
    ];
    let all = run.into_iter().chain(args.iter().map(String::as_str));
    let step = Step::cargo("bench", &all.collect::<Vec<_>>());
    // These run beside a peer from Python, and most need a model.
    let needs = ["engine", "serve", "endurance", "embed", "gateway", "qa"];
    let needed = args
        .first()
        .is_some_and(|bench| needs.contains(&bench.as_str()));
    let provided: Option<Provided> = needed.then(provide::all).transpose()?;
    if needed {
        // Some measure the product as its users run it.
        Step::cargo("build", &["build", "--release", "--package", "zhisuan-cli"]).run()?;
    }
    match provided {
        Some(provided) => step.provided(&provided).run(),
        None => step.run(),
    }
}
