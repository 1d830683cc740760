//! Fuzz target: bodies of requests, read as the body of every path of the gateway, and as a line of a
//! batch's output on its way out.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // Panics that readers catch are no finding; libFuzzer's own hook would abort on them.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| {
        zhisuan_serving::fuzz::read_as_every_body(data);
        zhisuan_serving::fuzz::read_output(data);
    }
);
