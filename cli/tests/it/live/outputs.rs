//! What a job made: listed, fetched, never written over by accident.

use super::server::shared;
use serde_json::Value;

#[test]
fn outputs_are_listed_and_fetched() {
    let (_, user) = shared().tenant("10");
    let script = "mkdir -p out/deep; echo 甲 > out/a.txt; \
                  echo 乙 > out/deep/b.txt";
    let run = user.run(&["run", "--time", "1m", "--", "sh", "-c", script]);
    assert_eq!(run.exit, 0, "{}", run.whole());
    assert!(run.stderr.contains("zhisuan outputs"), "{}", run.whole());
    let show = user.run(&["show", "last"]);
    assert!(show.stderr.contains("zhisuan outputs"), "{}", show.whole());

    let names = user.run(&["outputs", "last", "-o", "name"]);
    assert_eq!(names.stdout, "a.txt\ndeep/b.txt\n", "{}", names.whole());
    let json = user.run(&["outputs", "last", "--json"]);
    let list: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(list["schema"], "zhisuan.output-list/1");
    assert_eq!(list["items"][0]["bytes"], 4);
    assert_eq!(list["items"][0]["path"], Value::Null);

    let fetched = user.run(&["outputs", "last", "-d", "got"]);
    assert_eq!(fetched.exit, 0, "{}", fetched.whole());
    let read = |name: &str| std::fs::read_to_string(user.home().join("got").join(name));
    assert_eq!(read("a.txt").expect("a.txt"), "甲\n");
    assert_eq!(read("deep/b.txt").expect("b.txt"), "乙\n");
    let left = std::fs::read_dir(user.home().join("got")).expect("the folder");
    assert_eq!(left.count(), 2, "no partial file stays");

    user.write("got/a.txt", "mine");
    let refused = user.run(&["outputs", "last", "a.txt", "-d", "got"]);
    assert_eq!(refused.exit, 2, "{}", refused.whole());
    assert!(
        refused.stderr.contains("ZS-CLI-OUTPUT-EXISTS"),
        "{}",
        refused.whole()
    );
    assert_eq!(read("a.txt").expect("a.txt"), "mine");
    let forced = user.run(&["outputs", "last", "a.txt", "-d", "got", "--force"]);
    assert_eq!(forced.exit, 0, "{}", forced.whole());
    assert_eq!(read("a.txt").expect("a.txt"), "甲\n");

    let unknown = user.run(&["outputs", "last", "a.text"]);
    assert_eq!(unknown.exit, 3, "{}", unknown.whole());
    assert!(unknown.stderr.contains("a.txt"), "{}", unknown.whole());
}
