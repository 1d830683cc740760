//! `up` twice: side by side is refused, one after the other goes on where it was.

use super::server::Server;
use crate::run::User;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_second_start_goes_on_with_the_same_keys_and_jobs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home) = (folder.path().join("data"), folder.path());
    let first = Server::start(&data, home);
    let key = first.text("key").to_owned();
    let profile = data.join("client.toml");
    let mode = std::fs::metadata(&profile)
        .expect("the profile")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        home.join(".config/zhisuan/config.toml").exists(),
        "the user's file is made"
    );
    let line = ["--config", profile.to_str().expect("UTF-8")];
    let user = User::new();
    let run = user.run(&[&line[..], &["run", "--time", "1m", "--", "echo", "one"]].concat());
    assert_eq!(run.exit, 0, "{}", run.whole());
    // The profile knows that the devices are simulated; only people are told.
    let usage = user.run(&[&line[..], &["usage"]].concat());
    assert!(usage.stderr.contains("模拟"), "{}", usage.whole());
    let usage = user.run(&[&line[..], &["usage", "--json"]].concat());
    assert_eq!(usage.stderr, "", "{}", usage.whole());
    let elsewhere = ["--scheduler", "http://127.0.0.1:1", "usage"];
    let elsewhere = user.run(&[&line[..], &elsewhere].concat());
    assert!(!elsewhere.stderr.contains("模拟"), "{}", elsewhere.whole());

    let data_text = data.to_str().expect("UTF-8");
    let free = ["--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0"];
    let second = user.run(&[&["up", "--no-deploy", "--data-dir", data_text], &free[..]].concat());
    assert_eq!(second.exit, 1, "{}", second.whole());
    assert!(
        second.stderr.contains("ZS-DATA-LOCKED"),
        "{}",
        second.whole()
    );
    assert_eq!(first.stop(), Some(0));

    let again = Server::start(&data, home);
    assert_eq!(again.text("key"), key);
    let list = user.run(&[&line[..], &["list", "-o", "name"]].concat());
    assert_eq!(list.stdout.lines().count(), 1, "{}", list.whole());
    let logs = user.run(&[&line[..], &["logs", "last"]].concat());
    assert!(logs.stdout.ends_with("one\n"), "{}", logs.whole());
    let balance = user.run(&[&line[..], &["statement", "--json"]].concat());
    assert!(
        balance.stdout.contains("\"topped_up_micro\": 100000000"),
        "{}",
        balance.whole()
    );
    assert_eq!(again.stop(), Some(0));
}
