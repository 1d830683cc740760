//! An orderly stop with work under way, with real processes and a real model: training goes back
//! with its checkpoint and is no failed try; an answer that is being told is told to its end.

use super::demo::{SMALL, cache_with};
use super::server::Server;
use crate::run::User;
use serde_json::Value;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

const MODEL: &str = "smollm2-135m-instruct";

/// Says how long a stop took; it is measured here and judged by people.
#[expect(clippy::print_stderr, reason = "a measurement must be seen")]
fn stopped_in(what: &str, from: Instant) {
    eprintln!(
        "MEASURED: stop with {what}: {} ms",
        from.elapsed().as_millis()
    );
}

fn job(user: &User, id: &str) -> Value {
    let shown = user.run(&["show", id, "--json"]);
    serde_json::from_str(&shown.stdout).unwrap_or_else(|_| panic!("{}", shown.whole()))
}

/// Looks again and again until `wanted` holds.
fn until(user: &User, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + Duration::from_mins(4);
    loop {
        let now = job(user, id);
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < patience, "{now:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn submit_training(user: &User) -> String {
    let lines: Vec<String> = (0..8)
        .map(|i| format!("{{\"prompt\": \"Q{i}: \", \"completion\": \"blue\"}}"))
        .collect();
    user.write("data.jsonl", &lines.join("\n"));
    user.write(
        "train.toml",
        &format!(
            "name = \"long\"\ntime_limit = \"30m\"\n[resources]\ncpus = 1\nmemory = \"2GiB\"\n\
             [train]\nbase_model = \"{MODEL}\"\ndataset = \"data.jsonl\"\noutput_model = \"blue\"\n\
             steps = 5000\nbatch_size = 2\nmax_tokens_per_example = 32\nlora_rank = 2\nseed = 1\n"
        ),
    );
    let submitted = user.run(&["submit", "train.toml"]);
    assert_eq!(submitted.exit, 0, "{}", submitted.whole());
    submitted.stdout.trim().to_owned()
}

#[test]
fn training_goes_back_with_its_checkpoint_and_goes_on_at_the_next_start() {
    let Some(cache) = cache_with(SMALL) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home) = (folder.path().join("data"), folder.path());
    let first = Server::start_with(&data, home, Some(&cache), &[]);
    let key = first.text("key").to_owned();
    let user = first.user(&key);
    let id = submit_training(&user);
    until(&user, &id, |job| {
        job["progress"]
            .as_str()
            .is_some_and(|text| text.starts_with("step "))
    });
    let from = Instant::now();
    assert_eq!(first.stop(), Some(0));
    stopped_in("a training job under way", from);

    let again = Server::start_with(&data, home, Some(&cache), &[]);
    let user = again.user(&key);
    let resumed = until(&user, &id, |job| {
        let attempts = job["attempts"].as_array().map_or(0, Vec::len);
        attempts == 2 && job["state"] == "running"
    });
    assert_eq!(
        resumed["attempts"][0]["outcome"], "returned",
        "handed back, not failed: {resumed:#}"
    );
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let logs = user.run(&["logs", &id]);
        if logs.stdout.contains("从检查点的第") {
            break;
        }
        assert!(Instant::now() < patience, "{}", logs.whole());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(user.run(&["cancel", &id]).exit, 0);
    until(&user, &id, |job| job["state"] == "cancelled");
    assert_eq!(again.stop(), Some(0));
}

#[test]
fn an_answer_under_way_is_told_to_its_end_and_paid_for() {
    let Some(cache) = cache_with(SMALL) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, home) = (folder.path().join("data"), folder.path());
    let server = Server::start_with(&data, home, Some(&cache), &[]);
    let deployed =
        server
            .operator()
            .run(&["deploy", MODEL, "--centre", "--wait", "--timeout", "4m"]);
    assert_eq!(deployed.exit, 0, "{}", deployed.whole());
    let key = server.text("key").to_owned();
    let user = server.user(&key);
    let mut chat = user
        .command(&[
            "chat",
            MODEL,
            "Tell me a long story.",
            "--max-tokens",
            "150",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start zhisuan chat");
    let mut stdout = chat.stdout.take().expect("a pipe");
    let mut told = [0_u8; 8];
    stdout.read_exact(&mut told).expect("the answer begins");
    let from = Instant::now();
    assert_eq!(server.stop(), Some(0));
    stopped_in("an answer under way", from);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("the answer ends");
    let ended = chat.wait().expect("wait for zhisuan chat");
    assert!(
        ended.success(),
        "the answer was cut: {}",
        String::from_utf8_lossy(&rest)
    );
    assert!(rest.len() > 100, "{}", String::from_utf8_lossy(&rest));

    let again = Server::start_with(&data, home, Some(&cache), &[]);
    let bill = again.user(&key).run(&["statement", "--json"]);
    let bill: Value = serde_json::from_str(&bill.stdout).expect("JSON");
    let lines = bill["lines"].as_array().cloned().unwrap_or_default();
    let told = lines
        .iter()
        .filter(|line| line["sku"] == format!("tokens-out:{MODEL}"))
        .map(|line| line["quantity"].as_u64().unwrap_or(0))
        .sum::<u64>();
    assert!((20..=150).contains(&told), "{bill:#}");
    assert_eq!(again.stop(), Some(0));
}
