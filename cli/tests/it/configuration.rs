//! Where settings come from, and what is refused.

use crate::run::{User, transcript};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn each_value_names_its_source() {
    let user = User::new().var("ZHISUAN_GATEWAY", "http://10.0.0.2:7700");
    user.write("zhisuan.toml", "output = \"table\"\n");
    let key = user.run(&["config", "set", "key", "zs-0123456789abcdef"]);
    let outcomes = [
        key,
        user.run(&["config", "view", "--sources", "--lang", "zh"]),
        user.run(&["config", "view", "--json", "--lang", "en"]),
        user.run(&["config", "view", "-o", "name"]),
    ];
    insta::assert_snapshot!(transcript(&outcomes));
    let file = user.home().join(".config/zhisuan/config.toml");
    let mode = std::fs::metadata(file)
        .expect("the user file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn wrong_settings_are_refused() {
    let user = User::new();
    let outcomes = [
        user.run(&["config", "set", "schedular", "http://x:1"]),
        user.run(&["config", "set", "scheduler", "x:1"]),
        user.run(&["config", "set", "output", "yaml"]),
        user.run(&["config", "view", "--config", "bad.toml"]),
    ];
    insta::assert_snapshot!(transcript(&outcomes));
    user.write("bad.toml", "kee = \"x\"\n");
    let unknown = user.run(&["config", "view", "--config", "bad.toml"]);
    assert_eq!(unknown.exit, 2, "{}", unknown.whole());
    assert!(
        unknown.stderr.contains("ZS-CONFIG-KEY"),
        "{}",
        unknown.whole()
    );
}

#[test]
fn a_project_file_cannot_send_the_users_key_elsewhere() {
    let user = User::new();
    user.write(
        "project/zhisuan.toml",
        "scheduler = \"http://203.0.113.9:7600\"\n",
    );
    assert_eq!(
        user.run(&["config", "set", "key", "zs-0123456789abcdef"])
            .exit,
        0
    );
    let mut command = user.command(&["list"]);
    command.current_dir(user.home().join("project"));
    let output = command.output().expect("run zhisuan");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("ZS-CONFIG-FOREIGN-SERVER"), "{stderr}");
}

#[test]
fn a_flag_beats_the_environment() {
    let user = User::new().var("ZHISUAN_SCHEDULER", "http://10.0.0.2:7600");
    let outcome = user.run(&[
        "config",
        "view",
        "--json",
        "--scheduler",
        "http://10.0.0.3:7600",
    ]);
    let view: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(view["items"][0]["value"], "http://10.0.0.3:7600");
    assert_eq!(view["items"][0]["source"], "flag");
}
