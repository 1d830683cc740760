//! Submit, run, list, show, logs, wait and cancel.

use super::server::{redacted, shared};
use serde_json::Value;

#[test]
fn a_program_runs_from_one_line_to_its_log() {
    let (_, user) = shared().tenant("10");
    let empty = user.run(&["list"]);
    assert_eq!(
        (empty.exit, empty.stdout.as_str()),
        (0, ""),
        "{}",
        empty.whole()
    );
    assert!(empty.stderr.contains("没有作业"), "{}", empty.whole());
    let no_last = user.run(&["show", "last"]);
    assert_eq!(no_last.exit, 3, "{}", no_last.whole());

    let submitted = user.run(&[
        "submit", "--name", "hello", "--time", "1m", "--", "echo", "你好",
    ]);
    assert_eq!(submitted.exit, 0, "{}", submitted.whole());
    let id = submitted.stdout.trim().to_owned();
    assert!(
        id.parse::<u64>().is_ok(),
        "only the number is on stdout: {}",
        submitted.whole()
    );

    let waited = user.run(&["wait", &id, "--timeout", "60s"]);
    assert_eq!(waited.exit, 0, "{}", waited.whole());
    let logs = user.run(&["logs", "last"]);
    assert!(logs.stdout.ends_with("你好\n"), "{}", logs.whole());
    // The devices of this platform are simulated, and every log says so.
    assert!(logs.stdout.contains("SIMULATED"), "{}", logs.whole());
    assert_eq!(user.run(&["logs", "last", "--tail", "1"]).stdout, "你好\n");
    let json_logs = user.run(&["logs", &id, "--json"]);
    let log: Value = serde_json::from_str(&json_logs.stdout).expect("JSON");
    assert_eq!(log["schema"], "zhisuan.logs/1");
    assert_eq!(log["text"], logs.stdout);

    let list = user.run(&["list"]);
    let fields: Vec<&str> = list.stdout.trim_end().split('\t').collect();
    assert_eq!(
        fields[..4],
        [id.as_str(), "hello", "command", "成功"],
        "{}",
        list.whole()
    );
    assert_eq!(user.run(&["list", "-o", "name"]).stdout, format!("{id}\n"));
    assert_eq!(
        user.run(&["list", "--state", "queued", "-o", "name"])
            .stdout,
        ""
    );
    let show = user.run(&["show", &id, "--json"]);
    insta::assert_json_snapshot!("job", redacted(&show.stdout));
    let list = user.run(&["list", "--json", "--limit", "1"]);
    let list: Value = serde_json::from_str(&list.stdout).expect("JSON");
    assert_eq!(list["schema"], "zhisuan.job-list/1");
    assert_eq!(list["total"], 1);
}

#[test]
fn run_shows_the_log_and_leaves_with_the_outcome() {
    let (_, user) = shared().tenant("10");
    let good = user.run(&["run", "--time", "1m", "--", "echo", "done"]);
    assert!(
        good.exit == 0 && good.stdout.ends_with("done\n"),
        "{}",
        good.whole()
    );
    let bad = user.run(&[
        "run",
        "--time",
        "1m",
        "--",
        "sh",
        "-c",
        "echo broken; exit 3",
    ]);
    assert!(
        bad.exit == 1 && bad.stdout.contains("broken\n"),
        "{}",
        bad.whole()
    );
    let last = bad.stderr.lines().last().unwrap_or_default();
    assert!(last.ends_with("程序的退出码 3"), "{}", bad.whole());
    let json = user.run(&["run", "--time", "1m", "--json", "--", "true"]);
    let job: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (job["schema"].as_str(), job["state"].as_str()),
        (Some("zhisuan.job/1"), Some("succeeded"))
    );
}

#[test]
fn waits_end_and_cancelled_jobs_say_so() {
    let (_, user) = shared().tenant("10");
    let id = user
        .run(&["submit", "--time", "5m", "--", "sleep", "120"])
        .stdout;
    let id = id.trim();
    let pending = user.run(&["wait", id, "--timeout", "1s"]);
    assert_eq!(pending.exit, 8, "{}", pending.whole());
    assert!(
        pending.stderr.contains("ZS-CLI-PENDING"),
        "{}",
        pending.whole()
    );
    let cancelled = user.run(&["cancel", id]);
    assert_eq!(cancelled.exit, 0, "{}", cancelled.whole());
    let waited = user.run(&["wait", id, "--json"]);
    assert_eq!(waited.exit, 1, "{}", waited.whole());
    let list: Value = serde_json::from_str(&waited.stdout).expect("JSON");
    assert_eq!(list["items"][0]["state"], "cancelled");
    // Cancelling twice changes nothing, and says so.
    let again = user.run(&["cancel", id]);
    assert!(
        again.exit == 0 && again.stderr.contains("早已结束"),
        "{}",
        again.whole()
    );
    assert!(
        !cancelled.stderr.contains("早已结束"),
        "{}",
        cancelled.whole()
    );
}

#[test]
fn a_job_at_its_limit_ends_with_seven() {
    let (_, user) = shared().tenant("10");
    let outcome = user.run(&["run", "--time", "1s", "--", "sleep", "60"]);
    assert_eq!(outcome.exit, 7, "{}", outcome.whole());
}

#[test]
fn unknown_jobs_are_not_found_and_other_tenants_stay_hidden() {
    let (_, owner) = shared().tenant("10");
    let (_, stranger) = shared().tenant("0");
    let id = owner.run(&["submit", "--time", "1m", "--", "true"]).stdout;
    for verb in ["show", "why", "logs", "cancel", "wait"] {
        let unknown = owner.run(&[verb, "999999999"]);
        assert_eq!(unknown.exit, 3, "{}", unknown.whole());
        let hidden = stranger.run(&[verb, id.trim()]);
        assert_eq!(hidden.exit, 3, "{}", hidden.whole());
    }
    let json = owner.run(&["show", "999999999", "--json"]);
    let error: Value = serde_json::from_str(&json.stderr).expect("JSON");
    assert_eq!(
        (error["code"].as_str(), error["exit_code"].as_i64()),
        (Some("ZS-JOB-UNKNOWN"), Some(3))
    );
}

#[test]
fn input_files_travel_with_the_job() {
    let (_, user) = shared().tenant("10");
    user.write("data.txt", "一二三\n");
    let line = [
        "run",
        "--time",
        "1m",
        "--input",
        "in.txt=data.txt",
        "--",
        "cat",
        "in.txt",
    ];
    let outcome = user.run(&line);
    assert!(
        outcome.exit == 0 && outcome.stdout.ends_with("一二三\n"),
        "{}",
        outcome.whole()
    );
}
