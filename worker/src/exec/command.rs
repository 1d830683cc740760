//! A user's own program: its own folder, process group and environment, but no sandbox. It runs
//! only where the operator has switched commands on.

use super::{Context, ExecError, Finish, outputs};
use crate::lease::Outcome;
use crate::logs::TaskLog;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use zhisuan_proto::v1::CommandWork;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// After the group is dead, what is left in the pipes is read for at most this long.
const DRAIN: Duration = Duration::from_secs(2);
const MAX_INPUTS: usize = 256;

/// Runs the program to its end.
pub(crate) async fn run(context: Context, work: CommandWork) -> Result<Finish, ExecError> {
    if !context.node.allow_commands {
        return Err(ExecError::new(
            "ZS-COMMAND-NOT-ALLOWED",
            "本节点不允许运行用户程序。可换到允许的节点，或请运维用 --allow-commands 打开",
        ));
    }
    let Some((program, arguments)) = work.argv.split_first() else {
        return Err(ExecError::new(
            "ZS-COMMAND-ARGV",
            "argv 为空，应至少写出程序名",
        ));
    };
    place_inputs(&context, &work).await?;
    let out = context.folder.join("out");
    tokio::fs::create_dir_all(&out)
        .await
        .map_err(|error| ExecError::new("ZS-WORKER-IO", error.to_string()))?;
    let mut child = spawn(&context, &work, program, arguments)?;
    context.events.send(super::TaskEvent::Started).await;
    let status = supervise(&context, &mut child).await?;
    let mut finish = finish_of(&context, status);
    match outputs::put_folder(&context, &out).await {
        Ok(found) => finish.outputs = found,
        // A program that had failed anyway keeps its own reason.
        Err(error) if finish.outcome == Outcome::Succeeded => return Err(error),
        Err(error) => context.log.line(&format!("[zhisuan] {error}")),
    }
    Ok(finish)
}

/// Inputs are copied: a program may write to its files, the cache may not change.
async fn place_inputs(context: &Context, work: &CommandWork) -> Result<(), ExecError> {
    if work.inputs.len() > MAX_INPUTS {
        return Err(ExecError::new(
            "ZS-COMMAND-INPUT",
            format!("inputs 有 {} 个，最多 {MAX_INPUTS} 个", work.inputs.len()),
        ));
    }
    for (name, digest) in &work.inputs {
        let plain = !name.is_empty()
            && name.len() <= 255
            && !matches!(name.as_str(), "." | ".." | "out")
            && !name
                .chars()
                .any(|c| c == '/' || c == '\\' || c.is_control());
        if !plain {
            return Err(ExecError::new(
                "ZS-COMMAND-INPUT",
                format!("输入文件名“{name}”不可用，应为不含路径分隔符的文件名，且不是 out"),
            ));
        }
        let fetched = context
            .stop
            .unless_stopped(context.artifacts.get(digest))
            .await?;
        let cached = fetched.map_err(|error| {
            ExecError::new(error.code(), format!("输入 {name} 无法取得：{error}"))
        })?;
        tokio::fs::copy(cached, context.folder.join(name))
            .await
            .map_err(|error| ExecError::new("ZS-WORKER-IO", format!("{name}:{error}")))?;
    }
    Ok(())
}

/// Nothing of the worker's environment is inherited: it may hold the worker's key.
fn environment(context: &Context, work: &CommandWork) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from([
        ("HOME".into(), context.folder.display().to_string()),
        ("PATH".into(), PATH.into()),
    ]);
    env.extend(work.env.clone());
    let task = context.assign.task.unwrap_or_default();
    let list = |devices: &[u32]| {
        let names: Vec<String> = devices.iter().map(u32::to_string).collect();
        names.join(",")
    };
    env.insert("ZHISUAN_JOB_ID".into(), task.job_id.to_string());
    env.insert("ZHISUAN_ATTEMPT".into(), task.attempt.to_string());
    env.insert("ZHISUAN_TASK".into(), task.task.to_string());
    env.insert("ZHISUAN_DEVICES".into(), list(&context.assign.devices));
    if context.node.simulated {
        env.insert("ZHISUAN_SIMULATED".into(), "1".into());
    } else {
        // A program sees the devices that it was given and no others.
        let given = context.node.devices.iter().filter(|device| {
            context.assign.devices.contains(&device.index) && device.kind.starts_with("nvidia")
        });
        let names: Vec<&str> = given.map(|device| device.uuid.as_str()).collect();
        env.insert("CUDA_VISIBLE_DEVICES".into(), names.join(","));
    }
    env
}

fn spawn(
    context: &Context,
    work: &CommandWork,
    program: &str,
    arguments: &[String],
) -> Result<Child, ExecError> {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment(context, work))
        .current_dir(&context.folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            ExecError::new(
                "ZS-COMMAND-SPAWN",
                format!("无法启动“{program}”：{error}。请检查程序名和路径"),
            )
        })
}

/// Kills the whole group when the executor ends, however it ends.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // The group may be gone already, which is what we want.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn supervise(context: &Context, child: &mut Child) -> Result<ExitStatus, ExecError> {
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    let group = Group(pid);
    super::leftovers::remember(&context.folder, pid);
    let stdout = child
        .stdout
        .take()
        .map(|s| tokio::spawn(copy(s, context.log.clone())));
    let stderr = child
        .stderr
        .take()
        .map(|s| tokio::spawn(copy(s, context.log.clone())));
    let mut stop = context.stop.clone();
    let waited = tokio::select! {
        status = child.wait() => status,
        _ = stop.wait() => {
            group.signal(Signal::TERM);
            tokio::select! {
                status = child.wait() => status,
                () = stop.past_deadline(Duration::ZERO) => {
                    context.log.line("[zhisuan] 宽限时间已到，强制结束程序 (SIGKILL)");
                    group.signal(Signal::KILL);
                    child.wait().await
                }
            }
        }
    };
    // Children of the program die with it; only then do the pipes close.
    drop(group);
    for reader in [stdout, stderr].into_iter().flatten() {
        let abort = reader.abort_handle();
        if tokio::time::timeout(DRAIN, reader).await.is_err() {
            abort.abort();
        }
    }
    waited.map_err(|error| ExecError::new("ZS-WORKER-IO", format!("等待程序结束时出错：{error}")))
}

async fn copy(mut stream: impl AsyncRead + Unpin, log: TaskLog) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        log.write(&buffer[..count]);
    }
}

fn finish_of(context: &Context, status: ExitStatus) -> Finish {
    use std::os::unix::process::ExitStatusExt as _;
    // As shells do: 128 and the number of the signal.
    let exit_code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1);
    let (outcome, code, message) = if context.stop.requested() {
        (Outcome::Stopped, "", String::new())
    } else if status.success() {
        (Outcome::Succeeded, "", String::new())
    } else {
        let message = match status.signal() {
            Some(signal) => format!("程序被信号 {signal} 终止"),
            None => format!("程序退出码 {exit_code}，请查看日志"),
        };
        (Outcome::Failed, "ZS-COMMAND-EXIT", message)
    };
    Finish {
        exit_code,
        code: code.into(),
        message,
        ..Finish::of(outcome)
    }
}
