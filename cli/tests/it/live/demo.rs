//! The whole path with a real model: `zhisuan demo` on the small one.

use crate::run::User;
use std::path::{Path, PathBuf};

/// SmolLM2-135M-Instruct, as the catalogue names it by content.
pub(super) const SMALL: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// The cache that holds the model, or a loud skip.
pub(super) fn cache_with(sha256: &str) -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = var("ZHISUAN_CACHE").or_else(|| Some(var("HOME")?.join(".cache/zhisuan")))?;
    if cache.join("models/sha256").join(sha256).is_file() {
        return Some(cache);
    }
    let why = format!("the model {sha256} is not in {}", cache.display());
    assert!(
        std::env::var_os("ZHISUAN_TEST_REQUIRE").is_none_or(|value| value != "1"),
        "{why}"
    );
    skipped(&why);
    None
}

#[expect(clippy::print_stderr, reason = "a skip must be seen")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}; run 'cargo xtask test' to provide it");
}

#[test]
fn the_demo_ends_with_a_bill_that_adds_up() {
    let Some(cache) = cache_with(SMALL) else {
        return;
    };
    let user = User::new().var("ZHISUAN_CACHE", &cache.display().to_string());
    let outcome = user.run(&["demo", "--model", "smollm2-135m-instruct", "--steps", "6"]);
    assert_eq!(outcome.exit, 0, "{}", outcome.whole());
    assert!(outcome.stdout.contains("核对一致"), "{}", outcome.whole());
    assert!(outcome.stderr.contains("[10/10]"), "{}", outcome.whole());
    // The loss is printed, and it fell.
    let loss = outcome
        .stdout
        .lines()
        .find(|line| line.starts_with("损失 "))
        .expect("the loss");
    let numbers: Vec<f64> = loss
        .split([' ', '('])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(numbers.len() == 2 && numbers[1] < numbers[0], "{loss}");
    assert!(!Path::new(&user.home().join(".config/zhisuan/config.toml")).exists());
}
