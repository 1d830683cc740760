//! The official Python client, unchanged, against the gateway.

use crate::world::{KEY, world};
use std::path::Path;
use std::process::Stdio;

/// A Python interpreter with the official client, or `None` with a loud reason.
fn python() -> Option<String> {
    let named = std::env::var("ZHISUAN_TEST_PYTHON")
        .ok()
        .filter(|name| !name.is_empty());
    if named.is_none() {
        let why = "ZHISUAN_TEST_PYTHON names no Python interpreter with the package openai";
        assert!(
            std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() != Ok("1"),
            "{why}"
        );
        eprintln!("SKIPPED: {why}; run 'cargo xtask test' to provide it");
    }
    named
}

#[tokio::test]
async fn the_official_python_client_is_satisfied() {
    let Some(python) = python() else { return };
    let world = world().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openai_client.py");
    let run = tokio::process::Command::new(python)
        .arg(script)
        .args([&format!("{}/v1", world.base), KEY])
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
