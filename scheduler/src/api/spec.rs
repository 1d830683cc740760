//! A submitted job spec: defaults filled in, every field checked, and the core's view of it.

use zhisuan_core::{JobSpec, Refusal, Resources, WorkKind};
use zhisuan_proto::v1::{self, job_spec::Work};

const HOUR_MS: u64 = 3_600_000;
const MAX_COMMAND_BYTES: usize = 128 * 1024;

/// Returns the spec as it is kept, and what the core must know of it.
pub(crate) fn normalise(
    mut spec: v1::JobSpec,
    path: &str,
) -> Result<(v1::JobSpec, JobSpec), Refusal> {
    let resources = spec.resources.get_or_insert_default();
    if resources.cpu_milli == 0 {
        resources.cpu_milli = 1000;
    }
    if resources.devices > 0 && resources.device_milli == 0 {
        resources.device_milli = 1000;
    }
    let fill = |value: &mut u32, default: u32| {
        if *value == 0 {
            *value = default;
        }
    };
    fill(&mut spec.tasks, 1);
    fill(&mut spec.max_attempts, 3);
    if spec.queue.is_empty() {
        "default".clone_into(&mut spec.queue);
    }
    let work = match &mut spec.work {
        None => {
            let accepted = "one of train, batch, command";
            return Err(Refusal::invalid(format!("{path}.work"), "empty", accepted));
        }
        Some(Work::Train(train)) => train_work(train, path)?,
        Some(Work::Batch(batch)) => batch_work(batch, path)?,
        Some(Work::Command(command)) => command_work(command, path)?,
        Some(Work::Serve(_)) => WorkKind::Serve,
    };
    if spec.time_limit_ms == 0 && work != WorkKind::Serve {
        spec.time_limit_ms = HOUR_MS;
    }
    if work != WorkKind::Command && spec.tasks != 1 {
        let accepted = "1 for this kind of work";
        return Err(Refusal::invalid(
            format!("{path}.tasks"),
            spec.tasks,
            accepted,
        ));
    }
    short(&spec.project, 128, path, "project")?;
    let core = core_spec(&spec, work);
    core.validate(path)?;
    Ok((spec, core))
}

fn core_spec(spec: &v1::JobSpec, work: WorkKind) -> JobSpec {
    let ask = spec.resources.clone().unwrap_or_default();
    JobSpec {
        name: spec.name.clone(),
        queue: spec.queue.clone(),
        work,
        resources: Resources {
            devices: ask.devices,
            device_kind: ask.device_kind,
            device_milli: ask.device_milli,
            device_memory_mib: ask.device_memory_mib,
            cpu_milli: ask.cpu_milli,
            memory_mib: ask.memory_mib,
        },
        tasks: spec.tasks,
        time_limit_ms: (spec.time_limit_ms > 0).then_some(spec.time_limit_ms),
        priority: spec.priority,
        max_attempts: spec.max_attempts,
        max_cost_micro: spec.max_cost_micro,
        node_labels: spec.node_labels.clone().into_iter().collect(),
    }
}

fn train_work(train: &mut v1::TrainWork, path: &str) -> Result<WorkKind, Refusal> {
    let path = format!("{path}.train");
    let default = |value: &mut u32, default: u32| {
        if *value == 0 {
            *value = default;
        }
    };
    default(&mut train.batch_size, 4);
    default(&mut train.gradient_accumulation, 1);
    default(&mut train.max_tokens_per_example, 512);
    default(&mut train.lora_rank, 8);
    default(&mut train.lora_alpha, train.lora_rank.saturating_mul(2));
    if train.learning_rate_nano == 0 {
        train.learning_rate_nano = 200_000;
    }
    name(&train.base_model, &path, "base_model")?;
    name(&train.output_model, &path, "output_model")?;
    digest(&train.dataset_sha256, &path, "dataset_sha256")?;
    range(train.steps.into(), 1, 1_000_000, &path, "steps")?;
    range(train.batch_size.into(), 1, 4096, &path, "batch_size")?;
    range(
        train.gradient_accumulation.into(),
        1,
        4096,
        &path,
        "gradient_accumulation",
    )?;
    range(
        train.max_tokens_per_example.into(),
        8,
        131_072,
        &path,
        "max_tokens_per_example",
    )?;
    range(
        train.learning_rate_nano,
        1,
        1_000_000_000,
        &path,
        "learning_rate_nano",
    )?;
    range(
        train.warmup_steps.into(),
        0,
        train.steps.into(),
        &path,
        "warmup_steps",
    )?;
    range(train.lora_rank.into(), 1, 256, &path, "lora_rank")?;
    range(train.lora_alpha.into(), 1, 4096, &path, "lora_alpha")?;
    Ok(WorkKind::Train)
}

fn batch_work(batch: &mut v1::BatchWork, path: &str) -> Result<WorkKind, Refusal> {
    let path = format!("{path}.batch");
    if batch.max_tokens == 0 {
        batch.max_tokens = 256;
    }
    name(&batch.model, &path, "model")?;
    digest(&batch.input_sha256, &path, "input_sha256")?;
    range(batch.max_tokens.into(), 1, 131_072, &path, "max_tokens")?;
    range(batch.endpoint.len() as u64, 0, 64, &path, "endpoint")?;
    if !batch.source_sha256.is_empty() {
        digest(&batch.source_sha256, &path, "source_sha256")?;
    }
    Ok(WorkKind::Batch)
}

fn command_work(command: &v1::CommandWork, path: &str) -> Result<WorkKind, Refusal> {
    let path = format!("{path}.command");
    if command.argv.first().is_none_or(String::is_empty) {
        let accepted = "a program and its arguments";
        return Err(Refusal::invalid(format!("{path}.argv"), "empty", accepted));
    }
    let bytes: usize = command
        .argv
        .iter()
        .chain(command.env.values())
        .map(String::len)
        .sum();
    if bytes > MAX_COMMAND_BYTES {
        let accepted = format!("at most {MAX_COMMAND_BYTES} bytes of arguments and environment");
        return Err(Refusal::invalid(format!("{path}.argv"), bytes, accepted));
    }
    if command
        .argv
        .iter()
        .chain(command.env.values())
        .any(|text| text.contains('\0'))
    {
        return Err(Refusal::invalid(
            format!("{path}.argv"),
            "a NUL byte",
            "text without NUL",
        ));
    }
    for (key, value) in &command.inputs {
        let plain = !key.is_empty()
            && key.len() <= 255
            && !key.contains(['/', '\\', '\0'])
            && !key.starts_with('.');
        if !plain {
            let accepted = "a file name without '/' that does not begin with '.'";
            return Err(Refusal::invalid(format!("{path}.inputs"), key, accepted));
        }
        digest(value, &path, &format!("inputs[{key}]"))?;
    }
    Ok(WorkKind::Command)
}

fn range(value: u64, least: u64, most: u64, path: &str, field: &str) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid(
        format!("{path}.{field}"),
        value,
        format!("{least} to {most}"),
    ))
}

fn short(value: &str, most: usize, path: &str, field: &str) -> Result<(), Refusal> {
    if value.chars().count() <= most && !value.chars().any(char::is_control) {
        return Ok(());
    }
    let accepted = format!("at most {most} printable characters");
    Err(Refusal::invalid(format!("{path}.{field}"), value, accepted))
}

fn name(value: &str, path: &str, field: &str) -> Result<(), Refusal> {
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if !value.is_empty() && value.len() <= 96 && value.chars().all(plain) {
        return Ok(());
    }
    let accepted = "a model name: 1 to 96 lower-case letters, digits, '.', '-', '_'";
    Err(Refusal::invalid(format!("{path}.{field}"), value, accepted))
}

fn digest(value: &str, path: &str, field: &str) -> Result<(), Refusal> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if value.len() == 64 && value.chars().all(hex) {
        return Ok(());
    }
    let accepted = "a SHA-256 in 64 lower-case hex digits, as Artifacts.Put returned it";
    Err(Refusal::invalid(format!("{path}.{field}"), value, accepted))
}
