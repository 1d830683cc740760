//! Other people's client libraries, unchanged, against the gateway.

use crate::world::{KEY, World, world_of};
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use zhisuan_serving::Operations;

/// What a variable of the tests names, or `None` with a loud reason.
pub(crate) fn provided(name: &str, what: &str) -> Option<String> {
    let named = std::env::var(name).ok().filter(|value| !value.is_empty());
    if named.is_none() {
        eprintln!("SKIPPED: {name} names no {what}; run 'cargo xtask test' to provide it");
    }
    named
}

/// A Python interpreter with the clients; required where the tests were provided for.
pub(crate) fn python() -> Option<String> {
    let python = provided("ZHISUAN_TEST_PYTHON", "Python interpreter with the clients");
    let required = std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() == Ok("1");
    assert!(python.is_some() || !required, "no Python interpreter");
    python
}

/// Runs a script of this folder to its end; it says so when every check passed.
async fn run(mut command: Command, script: &str, base: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(script);
    let run = command
        .arg(script)
        .args([base, KEY])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{out}\n{err}");
    assert!(out.contains("all checks passed"), "{out}\n{err}");
}

/// With the marks of generated content on, as the product runs: clients must not mind them.
async fn labelled() -> World {
    world_of(64, None, Operations::default()).await
}

fn v1(world: &World) -> String {
    format!("{}/v1", world.base)
}

#[tokio::test]
async fn the_official_openai_client_for_python_is_satisfied() {
    let Some(python) = python() else { return };
    let world = labelled().await;
    run(Command::new(python), "openai_client.py", &v1(&world)).await;
}

#[tokio::test]
async fn the_official_openai_client_for_node_is_satisfied() {
    let named = provided(
        "ZHISUAN_TEST_NODE_MODULES",
        "folder with the client for Node",
    );
    let Some(modules) = named else { return };
    let world = labelled().await;
    let mut node = Command::new("node");
    node.env("ZHISUAN_TEST_NODE_MODULES", modules);
    run(node, "openai_client.mjs", &v1(&world)).await;
}

#[tokio::test]
async fn the_official_anthropic_client_is_satisfied() {
    let Some(python) = python() else { return };
    let world = labelled().await;
    run(Command::new(python), "anthropic_client.py", &world.base).await;
}

#[tokio::test]
async fn langchain_and_litellm_are_satisfied() {
    let Some(python) = python() else { return };
    let world = labelled().await;
    run(Command::new(python), "wrapped_clients.py", &v1(&world)).await;
}
