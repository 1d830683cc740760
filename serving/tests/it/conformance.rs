//! The gateway against its own OpenAPI document, by requests that schemathesis makes up.

use crate::clients::python;
use crate::world::{KEY, route, world};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::process::Command;
use zhisuan_proto::v1::Routes;

/// Rules across fields (a tool's message answers a call, only one constraint) have no words in
/// JSON Schema, so requests that fit the document may still be refused.
const EXCLUDED: &str = "positive_data_acceptance";

#[tokio::test]
async fn every_answer_fits_the_document() {
    let Some(python) = python() else { return };
    let world = world().await;
    // The largest answers that are made up must have room.
    let mut tiny = route("tiny", "", &[world.replica_address]);
    tiny.context_length = 1 << 21;
    world.scheduler.routes.send_replace(Routes {
        routes: vec![tiny],
        revision: 2,
    });
    let document = world.get("/openapi.json", "").await;
    assert_eq!(document.headers()["content-type"], "application/json");
    let mut document: Value = document.json().await.unwrap();
    // Made-up names of models would all end in the same 404.
    for schema in document["components"]["schemas"]
        .as_object_mut()
        .unwrap()
        .values_mut()
    {
        if let Some(model) = schema["properties"]
            .get_mut("model")
            .filter(|model| model.get("maxLength").is_some())
        {
            *model = json!({"const": "tiny"});
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let run = Command::new(python)
        .args(["-m", "schemathesis.cli", "run"])
        .arg(&path)
        .args(["--url", &world.base])
        .args(["--header", &format!("Authorization: Bearer {KEY}")])
        .args(["--phases", "examples,coverage,fuzzing"])
        // One worker: two set the interpreter's recursion limit under each other's feet, and under
        // load Python then ends a parse with "recursion depth mismatch".
        .args(["--max-examples", "12", "--seed", "7", "--workers", "1"])
        .args(["--exclude-checks", EXCLUDED, "--continue-on-failure"])
        .args(["--suppress-health-check", "all", "--request-timeout", "20"])
        .args(["--generation-database", "none", "--no-color"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{out}\n{err}");
}

#[tokio::test]
async fn the_page_lists_every_path_of_the_document() {
    let world = world().await;
    let document: Value = world.get("/openapi.json", "").await.json().await.unwrap();
    let page = world.get("/openapi", "").await.text().await.unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!(" {path}</code>")), "{path}");
        let probe = path.replace("{id}", "x").replace("{model}", "tiny");
        let answer = world.get(&probe, KEY).await;
        let text = answer.text().await.unwrap();
        assert!(!text.contains("unknown_url"), "{path}: {text}");
    }
}
