//! Job files that are refused before anything is sent.

use crate::run::{User, transcript};

#[test]
fn wrong_job_files_are_refused_with_their_path() {
    let user = User::new();
    user.write(
        "unknown.toml",
        "name = \"a\"\n[resources]\ngpus = 8\n[command]\nargv = [\"true\"]\n",
    );
    user.write(
        "kind.toml",
        "name = \"a\"\n[resources]\ndevices = \"eight\"\n",
    );
    user.write(
        "missing.toml",
        "[train]\nbase_model = \"m\"\noutput_model = \"o\"\n",
    );
    user.write("none.toml", "name = \"nothing to do\"\n");
    user.write("broken.toml", "name = \n");
    user.write(
        "absent.toml",
        "[train]\nbase_model = \"m\"\noutput_model = \"o\"\ndataset = \"data.jsonl\"\n",
    );
    user.write(
        "digest.toml",
        "[batch]\nmodel = \"m\"\ninput = \"sha256:xyz\"\n",
    );
    user.write(
        "money.toml",
        "max_cost = \"a lot\"\n[command]\nargv = [\"true\"]\n",
    );
    let names = [
        "unknown", "kind", "missing", "none", "broken", "absent", "digest", "money", "no-such",
    ];
    let outcomes = names.map(|name| user.run(&["submit", &format!("{name}.toml")]));
    assert!(
        outcomes.iter().all(|outcome| outcome.exit == 2),
        "{}",
        transcript(&outcomes)
    );
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn refusals_are_one_json_object_on_stderr() {
    let user = User::new();
    user.write(
        "unknown.toml",
        "[resources]\ngpu = 8\n[command]\nargv = [\"true\"]\n",
    );
    let outcome = user.run(&["submit", "unknown.toml", "-o", "json"]);
    assert_eq!(outcome.exit, 2);
    assert!(outcome.stdout.is_empty());
    let error: serde_json::Value = serde_json::from_str(&outcome.stderr).expect("one JSON value");
    insta::assert_json_snapshot!(error);
}

#[test]
fn the_examples_are_valid_job_files() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/jobs");
    // Nobody listens on port 1: a file that is accepted gets as far as the network.
    let user = User::new().var("ZHISUAN_SCHEDULER", "http://127.0.0.1:1");
    for entry in std::fs::read_dir(examples).expect("examples/jobs") {
        let path = entry.expect("an entry").path();
        let outcome = user.run(&["submit", &path.display().to_string()]);
        assert_eq!(outcome.exit, 6, "{}: {}", path.display(), outcome.whole());
    }
}
