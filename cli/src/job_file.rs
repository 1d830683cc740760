//! `job.toml`: what it may say, strict reading, and its wire form. Relative paths start at the file.

use crate::error::{Failure, Result, io_text};
use crate::units;
use crate::words::{nearest, say, tr};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest job file, bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A job as its file or the command line writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobFile {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) project: String,
    pub(crate) tasks: u32,
    pub(crate) time_limit: String,
    pub(crate) priority: i32,
    pub(crate) max_attempts: u32,
    pub(crate) max_cost: Number,
    pub(crate) node_labels: BTreeMap<String, String>,
    pub(crate) resources: ResourcesTable,
    pub(crate) train: Option<TrainTable>,
    pub(crate) batch: Option<BatchTable>,
    pub(crate) command: Option<CommandTable>,
    /// Folder that relative paths start from.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// `[resources]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResourcesTable {
    pub(crate) cpus: Number,
    pub(crate) memory: String,
    pub(crate) devices: u32,
    pub(crate) device_kind: String,
    pub(crate) device_share: Number,
    pub(crate) device_memory: String,
}

/// `[train]`: a LoRA fine-tuning.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TrainTable {
    pub(crate) base_model: String,
    pub(crate) dataset: String,
    pub(crate) output_model: String,
    #[serde(default)]
    pub(crate) steps: u32,
    #[serde(default)]
    pub(crate) batch_size: u32,
    #[serde(default)]
    pub(crate) gradient_accumulation: u32,
    #[serde(default)]
    pub(crate) max_tokens_per_example: u32,
    #[serde(default)]
    pub(crate) learning_rate: f64,
    #[serde(default)]
    pub(crate) warmup_steps: u32,
    #[serde(default)]
    pub(crate) lora_rank: u32,
    #[serde(default)]
    pub(crate) lora_alpha: u32,
    #[serde(default)]
    pub(crate) lora_last_layers: u32,
    #[serde(default)]
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) checkpoint_every_steps: u32,
}

/// `[batch]`: a file of requests in the OpenAI batch form.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct BatchTable {
    pub(crate) model: String,
    pub(crate) input: String,
    #[serde(default)]
    pub(crate) max_tokens: u32,
}

/// `[command]`: a program of one's own.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct CommandTable {
    pub(crate) argv: Vec<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, String>,
}

/// A number kept as it was written, so that 0.5 and "0.5" are the same and exact.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(crate) struct Number(pub(crate) String);

impl TryFrom<toml::Value> for Number {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Integer(number) => Ok(Self(number.to_string())),
            toml::Value::Float(number) => Ok(Self(number.to_string())),
            other => Err(format!("expected a number, got {}", other.type_str())),
        }
    }
}

/// Every field, for suggestions.
const FIELDS: [&str; 43] = [
    "name",
    "queue",
    "project",
    "tasks",
    "time_limit",
    "priority",
    "max_attempts",
    "max_cost",
    "node_labels",
    "resources",
    "train",
    "batch",
    "command",
    "cpus",
    "memory",
    "devices",
    "device_kind",
    "device_share",
    "device_memory",
    "base_model",
    "dataset",
    "output_model",
    "steps",
    "batch_size",
    "gradient_accumulation",
    "max_tokens_per_example",
    "learning_rate",
    "warmup_steps",
    "lora_rank",
    "lora_alpha",
    "lora_last_layers",
    "seed",
    "checkpoint_every_steps",
    "model",
    "input",
    "max_tokens",
    "argv",
    "env",
    "inputs",
    "gpus",
    "cards",
    "time",
    "timeout",
];

/// Words from elsewhere and what they are called here.
fn our_word(word: &str) -> &str {
    match word {
        "gpus" | "cards" => "devices",
        "time" | "timeout" => "time_limit",
        other => other,
    }
}

/// Reads a job file.
pub(crate) fn read(path: &Path) -> Result<JobFile> {
    let unreadable = |why: String| {
        Failure::usage(
            "ZS-JOBFILE-READ",
            say!(
                "读不了作业文件 {}:{}",
                "cannot read the job file {}: {}",
                path.display(),
                why
            ),
        )
        .hint(tr(
            "运行自己的程序请写在 -- 之后:zhisuan submit -- python3 train.py",
            "put a program of your own after --: zhisuan submit -- python3 train.py",
        ))
    };
    let meta = std::fs::metadata(path).map_err(|error| unreadable(io_text(&error)))?;
    if meta.len() > MAX_BYTES {
        return Err(unreadable("> 1 MiB".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(io_text(&error)))?;
    let mut file = parse(&path.display().to_string(), &text)?;
    path.parent()
        .unwrap_or_else(|| Path::new(""))
        .clone_into(&mut file.folder);
    Ok(file)
}

/// Reads the text of a job file; fields that do not exist are refused by their path.
pub(crate) fn parse(origin: &str, text: &str) -> Result<JobFile> {
    let broken = |path: String, message: &str| {
        let place = if path.is_empty() || path == "." {
            String::new()
        } else {
            format!(" `{path}`")
        };
        Failure::usage(
            "ZS-JOBFILE-SYNTAX",
            say!(
                "作业文件 {}{} 有误:{}",
                "job file {}{}: {}",
                origin,
                place,
                message.trim_end()
            ),
        )
        .field(path)
    };
    let document = toml::Deserializer::parse(text)
        .map_err(|error| broken(String::new(), &error.to_string()))?;
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let strict = serde_path_to_error::Deserializer::new(document, &mut track);
    let parsed = serde_ignored::deserialize(strict, |path| unknown.push(path.to_string()));
    let file: JobFile = match parsed {
        Ok(file) => file,
        Err(error) => return Err(broken(track.path().to_string(), &error.to_string())),
    };
    if let Some(path) = unknown.first() {
        return Err(unknown_field(origin, path));
    }
    Ok(file)
}

fn unknown_field(origin: &str, path: &str) -> Failure {
    let word = path.rsplit('.').next().unwrap_or(path);
    let failure = Failure::usage(
        "ZS-JOBFILE-FIELD",
        say!(
            "作业文件 {} 里没有 `{}` 这个字段",
            "job file {}: no field is called `{}`",
            origin,
            path
        ),
    )
    .field(path);
    match nearest(word, FIELDS).map(our_word) {
        Some(known) => failure.hint(say!("是否想用 {}?", "did you mean {}?", known)),
        None => failure.hint(tr("字段见 docs/cli.md", "the fields are in docs/cli.md")),
    }
}

impl JobFile {
    /// A path of the file, seen from the caller's folder.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// Exactly one kind of work is asked for.
    pub(crate) fn check_work(&self) -> Result<()> {
        let kinds = [
            self.train.is_some(),
            self.batch.is_some(),
            self.command.is_some(),
        ];
        if kinds.into_iter().filter(|set| *set).count() == 1 {
            return Ok(());
        }
        Err(Failure::usage(
            "ZS-JOBFILE-WORK",
            tr(
                "作业要有且只有一种工作:[train]、[batch]、[command] 之一",
                "a job has exactly one work: one of [train], [batch], [command]",
            ),
        )
        .field("train|batch|command")
        .hint(tr(
            "例如:zhisuan submit examples/jobs/train.toml,或 zhisuan submit -- python3 train.py",
            "such as: zhisuan submit examples/jobs/train.toml, or zhisuan submit -- python3 train.py",
        )))
    }

    /// Resources in wire units.
    pub(crate) fn wire_resources(&self) -> Result<zhisuan_proto::v1::Resources> {
        let table = &self.resources;
        let optional_memory = |what: &str, text: &str| match text {
            "" => Ok(0),
            text => units::memory_mib(what, text),
        };
        let optional_milli = |what: &str, text: &str| match text {
            "" => Ok(0),
            text => units::milli(what, text),
        };
        Ok(zhisuan_proto::v1::Resources {
            devices: table.devices,
            device_kind: table.device_kind.clone(),
            device_milli: optional_milli("resources.device_share", &table.device_share.0)?,
            device_memory_mib: optional_memory("resources.device_memory", &table.device_memory)?,
            cpu_milli: optional_milli("resources.cpus", &table.cpus.0)?,
            memory_mib: optional_memory("resources.memory", &table.memory)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn numbers_may_be_written_in_any_way() {
        for cpus in ["2", "2.0", "\"2\""] {
            let file = parse("j", &format!("[resources]\ncpus = {cpus}\n")).unwrap();
            assert_eq!(file.wire_resources().unwrap().cpu_milli, 2000, "{cpus}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_by_its_path() {
        let failure = parse("j", "[resources]\ngpus = 1\n").unwrap_err();
        assert_eq!(failure.code(), "ZS-JOBFILE-FIELD");
        assert_eq!(failure.json()["field"], "resources.gpus");
        assert!(failure.hints()[0].contains("devices"));
    }

    #[test]
    fn a_wrong_type_is_refused_by_its_path() {
        let failure = parse("j", "[resources]\ndevices = \"many\"\n").unwrap_err();
        assert_eq!(failure.json()["field"], "resources.devices");
    }

    #[test]
    fn two_kinds_of_work_are_refused() {
        let file = parse(
            "j",
            "[batch]\nmodel='a'\ninput='b'\n[command]\nargv=['c']\n",
        )
        .unwrap();
        assert_eq!(file.check_work().unwrap_err().code(), "ZS-JOBFILE-WORK");
    }
}
