//! The explanation of a wait, and of what can never run.

use super::server::shared;
use serde_json::Value;

#[test]
fn a_waiting_job_is_explained_with_numbers_and_nodes() {
    let (_, user) = shared().tenant("1000");
    let cards = [
        "--devices",
        "2",
        "--device-kind",
        "nvidia-h100",
        "--time",
        "5m",
    ];
    let submit = |seconds: &str| {
        let line = [&["submit"], &cards[..], &["--", "sleep", seconds]].concat();
        let outcome = user.run(&line);
        assert_eq!(outcome.exit, 0, "{}", outcome.whole());
        outcome.stdout.trim().to_owned()
    };
    let holder = submit("120");
    let waiting = submit("1");
    let explained = user.run(&["why", &waiting, "--json"]);
    assert_eq!(explained.exit, 0, "{}", explained.whole());
    let explanation: Value = serde_json::from_str(&explained.stdout).expect("JSON");
    assert_eq!(explanation["schema"], "zhisuan.explanation/1");
    assert_eq!(explanation["job"]["state"], "queued");
    assert_eq!(explanation["nodes"][0]["fits"], false);
    let numbers = explanation["job"]["reason"]["numbers"]
        .as_object()
        .expect("numbers");
    assert!(!numbers.is_empty(), "{}", explained.whole());
    let table = user.run(&["why", &waiting]);
    assert!(table.stdout.contains("否"), "{}", table.whole());
    for id in [waiting, holder] {
        assert_eq!(user.run(&["cancel", &id]).exit, 0);
    }
}

#[test]
fn what_can_never_run_is_refused_or_explained() {
    let (_, user) = shared().tenant("100000");
    let line = [
        "submit",
        "--devices",
        "64",
        "--device-kind",
        "nvidia-h100",
        "--time",
        "1m",
        "--",
        "true",
    ];
    let outcome = user.run(&line);
    if outcome.exit == 0 {
        let why = user.run(&["why", outcome.stdout.trim()]);
        assert!(why.stdout.contains("64"), "{}", why.whole());
        assert_eq!(user.run(&["cancel", outcome.stdout.trim()]).exit, 0);
    } else {
        assert_eq!(outcome.exit, 1, "{}", outcome.whole());
        assert!(outcome.stderr.contains("64"), "{}", outcome.whole());
    }
}
