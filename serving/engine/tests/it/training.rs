//! Fine-tuning: the loss falls, a resumed run equals an uninterrupted one, the adapter
//! serves what was trained, bad data and foreign adapters are refused.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use crate::support::{QWEN, Tiny, cpu_seconds, load, real_model, run, text_request};
use candle_core::quantized::GgmlDType;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Instant;
use zhisuan_engine::{
    EngineError, GenerateRequest, LoraConfig, Schedule, TrainConfig, Trainer, with_threads,
};

const ALL: [&str; 7] = [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
];

fn lora() -> LoraConfig {
    LoraConfig {
        rank: 4,
        alpha: 8.0,
        targets: ALL.map(str::to_owned).to_vec(),
        layers: None,
    }
}

fn train(steps: usize) -> TrainConfig {
    TrainConfig {
        steps,
        batch_size: 2,
        grad_accumulation: 2,
        max_len: 64,
        learning_rate: 2e-2,
        warmup_steps: 2,
        schedule: Schedule::Cosine,
        clip_norm: 1.0,
        seed: 5,
        weight_decay: 0.01,
    }
}

fn write_data(dir: &Path) -> PathBuf {
    let path = dir.join("data.jsonl");
    let lines: Vec<String> = ["one", "two", "three", "四", "five"]
        .iter()
        .map(|w| format!("{{\"prompt\":\"say {w}: \",\"completion\":\"zq\"}}"))
        .chain([
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"zq"}]}"#
                .to_owned(),
        ])
        .collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let (dir, model) = Tiny {
        arch: "qwen2",
        ..Tiny::default()
    }
    .gguf();
    let data = write_data(dir.path());
    let mut whole = Trainer::open(&model, &data, lora(), train(8)).unwrap();
    let reports: Vec<_> = (0..8).map(|_| whole.step().unwrap()).collect();
    assert!(whole.finished() && whole.step().is_err());
    let mut first = Trainer::open(&model, &data, lora(), train(8)).unwrap();
    for _ in 0..5 {
        first.step().unwrap();
    }
    let checkpoint = dir.path().join("checkpoint");
    first.save_checkpoint(&checkpoint).unwrap();
    let mut second = Trainer::resume(&model, &data, lora(), train(8), &checkpoint).unwrap();
    assert_eq!(second.step_number(), 5);
    let rest: Vec<_> = (5..8).map(|_| second.step().unwrap()).collect();
    assert_eq!(reports[5..], rest);
    let files = [(&whole, "a"), (&second, "b")].map(|(trainer, name)| {
        let out = dir.path().join(name);
        trainer.save_adapter(&out, "0").unwrap();
        std::fs::read(out.join("adapter_model.safetensors")).unwrap()
    });
    assert_eq!(files[0], files[1]);
    let other = TrainConfig {
        seed: 6,
        ..train(8)
    };
    let error = Trainer::resume(&model, &data, lora(), other, &checkpoint)
        .err()
        .unwrap();
    assert_eq!(error.code(), "checkpoint_mismatch");
}

#[test]
fn a_stop_between_micro_batches_leaves_the_run_as_it_was() {
    let (dir, model) = Tiny::default().gguf();
    let data = write_data(dir.path());
    let [mut whole, mut stopped] =
        [(); 2].map(|()| Trainer::open(&model, &data, lora(), train(3)).unwrap());
    assert_eq!(whole.step().unwrap(), stopped.step().unwrap());
    let asked = Cell::new(0);
    let only_the_first = || asked.replace(asked.get() + 1) == 0;
    assert_eq!(stopped.step_while(&only_the_first).unwrap(), None);
    assert_eq!((asked.get(), stopped.step_number()), (2, 1));
    assert_eq!(whole.step().unwrap(), stopped.step().unwrap());
}

#[test]
fn a_run_keeps_to_its_threads_and_their_number_changes_nothing() {
    let (dir, model) = Tiny::default().gguf();
    let data = write_data(dir.path());
    let run = |threads: usize| {
        let work = || {
            assert_eq!(rayon::current_num_threads(), threads);
            let mut trainer = Trainer::open(&model, &data, lora(), train(2)).unwrap();
            [(); 2].map(|()| trainer.step().unwrap())
        };
        with_threads(threads, work).unwrap()
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn the_engine_serves_what_was_trained() {
    for dtype in [GgmlDType::Q8_0, GgmlDType::F32] {
        let (dir, model) = Tiny {
            dtype,
            ..Tiny::default()
        }
        .gguf();
        let data = write_data(dir.path());
        let mut trainer = Trainer::open(&model, &data, lora(), train(60)).unwrap();
        let losses: Vec<f64> = (0..60).map(|_| trainer.step().unwrap().loss).collect();
        assert!(
            losses[59] < 0.2 * losses[0],
            "loss from {} to {}",
            losses[0],
            losses[59]
        );
        let adapter = dir.path().join("adapter");
        trainer.save_adapter(&adapter, "abc").unwrap();
        let engine = load(&model);
        let plain = run(&engine, text_request("say six: ", 3)).text();
        engine.load_adapter("zq", &adapter).unwrap();
        let tuned = GenerateRequest {
            adapter: Some("zq".to_owned()),
            ignore_eos: false,
            ..text_request("say six: ", 8)
        };
        assert_eq!(run(&engine, tuned.clone()).text(), "zq");
        assert_ne!(plain, "zq");
        // Rows of one batch with and without adapter do not touch each other.
        assert_eq!(run(&engine, text_request("say six: ", 3)).text(), plain);
        assert!(engine.unload_adapter("zq") && !engine.unload_adapter("zq"));
        let refused = engine
            .generate(tuned, crate::support::channel_sink().0)
            .unwrap_err();
        assert_eq!(refused.code(), "adapter_unknown");
    }
}

#[test]
fn an_adapter_of_another_shape_is_refused() {
    let (dir, model) = Tiny::default().gguf();
    let data = write_data(dir.path());
    let adapter = dir.path().join("adapter");
    Trainer::open(&model, &data, lora(), train(1))
        .unwrap()
        .save_adapter(&adapter, "0")
        .unwrap();
    let (_other_dir, other) = Tiny {
        hidden: 128,
        ..Tiny::default()
    }
    .gguf();
    let error = load(&other).load_adapter("x", &adapter).unwrap_err();
    assert_eq!(error.code(), "adapter_mismatch");
    assert!(error.to_string().contains("down_proj.lora_A"), "{error}");
}

#[test]
fn bad_lines_are_named() {
    let (dir, model) = Tiny::default().gguf();
    let good = r#"{"prompt":"a","completion":"b"}"#;
    let path = dir.path().join("bad.jsonl");
    for (line, wanted_field) in [
        ("{", "(JSON)"),
        ("[1]", "(JSON)"),
        (r#"{"prompt":"a"}"#, "completion"),
        (r#"{"prompt":1,"completion":"b"}"#, "prompt"),
        (r#"{"prompt":"a","completion":"b","extra":1}"#, "extra"),
        (
            r#"{"messages":[{"role":"user","content":"x"}]}"#,
            "messages",
        ),
        (
            r#"{"messages":[{"role":"boss","content":"x"}]}"#,
            "messages[0].role",
        ),
        (r#"{"messages":[{"role":"user"}]}"#, "messages[0].content"),
    ] {
        std::fs::write(&path, format!("{good}\n\n{line}\n")).unwrap();
        let error = Trainer::open(&model, &path, lora(), train(1))
            .err()
            .unwrap();
        match error {
            EngineError::Data { line: 3, field, .. } => assert_eq!(field, wanted_field),
            other => unreachable!("{line}: {other}"),
        }
    }
    let rank = LoraConfig { rank: 0, ..lora() };
    let error = Trainer::open(&model, &path, rank, train(1)).err().unwrap();
    assert!(error.to_string().contains("rank"));
    let targets = LoraConfig {
        targets: vec!["w_proj".to_owned()],
        ..lora()
    };
    let error = Trainer::open(&model, &path, targets, train(1))
        .err()
        .unwrap();
    assert!(error.to_string().contains("w_proj"));
}

#[test]
fn a_real_model_learns() {
    let Some(model) = real_model(QWEN) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data.jsonl");
    let line = r#"{"messages":[{"role":"user","content":"企业申请算力券需要哪些材料？"},{"role":"assistant","content":"需要营业执照复印件、算力使用合同和申请表，共三份材料，可在网上提交。"}]}"#;
    std::fs::write(&data, line).unwrap();
    let config = TrainConfig {
        steps: 4,
        batch_size: 2,
        max_len: 128,
        warmup_steps: 0,
        learning_rate: 2e-3,
        schedule: Schedule::Constant,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::open(&model, &data, LoraConfig::default(), config).unwrap();
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let reports: Vec<_> = (0..4).map(|_| trainer.step().unwrap()).collect();
    eprintln!(
        "Qwen2.5-0.5B LoRA: {:.2} s/step ({:.2} CPU s) with {} tokens, loss {:.3} to {:.3}",
        begin.elapsed().as_secs_f64() / 4.0,
        (cpu_seconds() - cpu) / 4.0,
        reports[0].tokens,
        reports[0].loss,
        reports[3].loss
    );
    assert!(reports[3].loss < reports[0].loss);
}
