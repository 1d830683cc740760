//! Fuzz target: the JSONL of question banks.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // Panics that readers catch are no finding; libFuzzer's own hook would abort on them.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| zhisuan_apps::fuzz::bank(data)
);
