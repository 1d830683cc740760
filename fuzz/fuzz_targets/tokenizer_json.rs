//! Fuzz target: tokenizer.json of decoders and encoders.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // Panics that the engine catches are no finding; libFuzzer's own hook would abort on them.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| zhisuan_engine::fuzz::tokenizer_json(data)
);
