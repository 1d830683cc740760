//! Programs that a killed worker left behind: found again by their process group at the next start
//! and ended, since nobody renews a lease for them.

use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;
use std::time::Duration;

/// Checkpoints of jobs that never came back.
const KEEP: Duration = Duration::from_hours(7 * 24);
const EXTENSION: &str = "process-group";

/// Notes the group and the time of birth of its leader, which together are never reused.
pub(crate) fn remember(folder: &Path, leader: Option<Pid>) {
    let Some(leader) = leader else { return };
    let Some(born) = born_at(leader) else { return };
    let text = format!("{} {born}", leader.as_raw_nonzero());
    // The note lies beside the folder: the program cannot change it by accident.
    if let Err(error) = std::fs::write(folder.with_extension(EXTENSION), text) {
        tracing::warn!(%error, "cannot note a process group");
    }
}

/// Forgets the note of a task that has ended.
pub(crate) fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.with_extension(EXTENSION));
}

/// Ends every noted group that still lives and empties `tasks`. Call before any task starts.
pub(crate) fn sweep(tasks: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(tasks)?;
    for entry in std::fs::read_dir(tasks)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path)?;
            continue;
        }
        if let Some(leader) = std::fs::read_to_string(&path).ok().and_then(|t| alive(&t)) {
            tracing::warn!(
                pid = leader.as_raw_nonzero(),
                "ending a program of an earlier worker"
            );
            let _ = kill_process_group(leader, Signal::KILL);
        }
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

/// Removes checkpoints that nobody came back for within a week.
pub(crate) fn expire(checkpoints: &Path) {
    let Ok(entries) = std::fs::read_dir(checkpoints) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|data| data.modified());
        let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > KEEP));
        if old && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(%error, "cannot remove an old checkpoint");
        }
    }
}

/// The leader, if the process with this number was born when the note says.
fn alive(note: &str) -> Option<Pid> {
    let (pid, born) = note.split_once(' ')?;
    let pid = Pid::from_raw(pid.parse().ok()?)?;
    (born_at(pid)?.to_string() == born).then_some(pid)
}

/// Start time in clock ticks since boot: field 22 of the status line, counted after the name,
/// which may hold spaces and brackets.
fn born_at(pid: Pid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{remember, sweep};
    use rustix::process::Pid;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};

    #[test]
    fn a_left_program_is_ended_and_its_folder_removed() {
        let tasks = tempfile::tempdir().unwrap();
        let folder = tasks.path().join("1-1-0-1");
        std::fs::create_dir(&folder).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap();
        remember(&folder, Pid::from_raw(child.id() as i32));
        sweep(tasks.path()).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert_eq!(std::fs::read_dir(tasks.path()).unwrap().count(), 0);
    }
}
