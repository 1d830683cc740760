//! The library, deployments and the endpoint, without a real model file.

use super::server::shared;
use serde_json::Value;

#[test]
fn the_catalogue_is_listed_and_shown() {
    let (_, user) = shared().tenant("0");
    let names = user.run(&["models", "-o", "name"]);
    assert!(
        names.stdout.contains("qwen2.5-coder-0.5b-instruct"),
        "{}",
        names.whole()
    );
    let shown = user.run(&["models", "show", "smollm2-135m-instruct", "--json"]);
    let model: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(model["schema"], "zhisuan.model/1");
    assert_eq!(model["files"][0]["sha256"].as_str().map(str::len), Some(64));
    let catalogue = user.run(&["models", "catalogue"]);
    assert!(
        catalogue.stdout.contains("smollm2"),
        "{}",
        catalogue.whole()
    );
}

#[test]
fn a_slip_in_a_models_name_is_told() {
    let (_, user) = shared().tenant("0");
    for line in [
        &["models", "show", "smollm2-135m-instrukt"][..],
        &["deploy", "smollm2-135m-instrukt"],
    ] {
        let outcome = user.run(line);
        assert_eq!(outcome.exit, 3, "{}", outcome.whole());
        assert!(
            outcome.stderr.contains("smollm2-135m-instruct"),
            "{}",
            outcome.whole()
        );
    }
}

#[test]
fn nothing_is_served_until_it_is_deployed() {
    let (_, user) = shared().tenant("0");
    let none = user.run(&["models", "deployments", "--json"]);
    let list: Value = serde_json::from_str(&none.stdout).expect("JSON");
    assert_eq!(
        (list["schema"].as_str(), list["total"].as_i64()),
        (Some("zhisuan.deployment-list/1"), Some(0))
    );
    let chat = user.run(&["chat", "no-such-model", "你好"]);
    assert_eq!(chat.exit, 3, "{}", chat.whole());
    let gone = user.run(&["undeploy", "no-such-deployment"]);
    assert_eq!(gone.exit, 3, "{}", gone.whole());
}

#[test]
fn a_local_file_can_be_registered() {
    let (_, user) = shared().tenant("0");
    user.write("weights.gguf", "not a real model, only a file to register");
    user.write(
        "model.toml",
        "name = \"my-model\"\narchitecture = \"llama\"\nlicence = \"Apache-2.0\"\n\
         [[files]]\npath = \"model.gguf\"\nsources = [{ local_path = \"weights.gguf\" }]\n",
    );
    let registered = user.run(&["models", "register", "model.toml", "--json"]);
    // Files on a worker's disk are the operator's to offer; a tenant may be refused, never half-registered.
    let listed = user
        .run(&["models", "-o", "name"])
        .stdout
        .contains("my-model");
    assert_eq!(registered.exit == 0, listed, "{}", registered.whole());
    user.write("bad.toml", "name = \"x\"\nfils = []\n");
    assert_eq!(user.run(&["models", "register", "bad.toml"]).exit, 2);
}
