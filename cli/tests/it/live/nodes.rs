//! Nodes: listed, marked as simulated, drained and taken back.

use super::server::{Server, shared};
use serde_json::Value;

#[test]
fn simulated_devices_say_so_everywhere() {
    let operator = shared().operator();
    let table = operator.run(&["nodes"]);
    assert_eq!(table.exit, 0, "{}", table.whole());
    assert!(table.stdout.contains("模拟设备"), "{}", table.whole());
    let json = operator.run(&["nodes", "--json"]);
    let nodes: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(nodes["schema"], "zhisuan.node-list/1");
    assert_eq!(nodes["items"][0]["simulated"], true);
    assert_eq!(nodes["items"][0]["devices"][1]["kind"], "nvidia-h100");
    let unknown = operator.run(&["nodes", "drain", "no-such-node"]);
    assert_eq!(unknown.exit, 3, "{}", unknown.whole());
}

#[test]
fn a_drained_node_takes_nothing_until_it_resumes() {
    // A platform of its own: draining the shared one would stop the other tests.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(&folder.path().join("data"), folder.path());
    let operator = server.operator();
    let node = server.text("node").to_owned();
    let drained = operator.run(&["nodes", "drain", &node, "--json"]);
    let drained: Value = serde_json::from_str(&drained.stdout).expect("JSON");
    assert_eq!(drained["state"], "draining");
    let (_, user) = server.tenant("10");
    let id = user.run(&["submit", "--time", "1m", "--", "true"]).stdout;
    assert_eq!(user.run(&["wait", id.trim(), "--timeout", "1s"]).exit, 8);
    let resumed = operator.run(&["nodes", "resume", &node]);
    assert_eq!(resumed.exit, 0, "{}", resumed.whole());
    assert_eq!(user.run(&["wait", id.trim(), "--timeout", "30s"]).exit, 0);
    assert_eq!(server.stop(), Some(0));
}
