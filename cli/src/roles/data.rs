//! The data folder of `up` and `demo`: owner only, used by one process at a time, remembers its keys.

use crate::config_file::{self, ConfigFile};
use crate::error::{Exit, Failure, Result};
use crate::words::{say, tr};
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// An open data folder. The lock ends with this value, also when the process is killed.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if needed and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(
                Exit::Failed,
                "ZS-DATA-DIR",
                say!(
                    "数据文件夹 {} 用不了:{}",
                    "the data folder {} cannot be used: {}",
                    path.display(),
                    error
                ),
            )
        };
        make_private(path).map_err(|error| failed(&error))?;
        let path = path.canonicalize().map_err(|error| failed(&error))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Exit::Failed,
                "ZS-DATA-LOCKED",
                say!(
                    "数据文件夹 {} 正被另一个 zhisuan 进程使用",
                    "the data folder {} is in use by another zhisuan process",
                    path.display()
                ),
            )
            .hint(tr(
                "先停止它,或用 --data-dir 换一个文件夹",
                "stop it first, or name another folder with --data-dir",
            ))),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The profile that clients use: `--config <data_dir>/client.toml`.
    pub(crate) fn profile_path(&self) -> PathBuf {
        self.path.join("client.toml")
    }

    /// What the last start wrote.
    pub(crate) fn profile(&self) -> Result<ConfigFile> {
        let path = self.profile_path();
        Ok(config_file::read(&path)?.unwrap_or_else(|| ConfigFile::empty(&path)))
    }
}

/// Makes a folder that only its owner may read, or makes one that is there already so.
fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o1000 != 0 {
        // Closing /tmp would break the machine.
        return Err(io::Error::other(tr(
            "这是所有用户共用的文件夹(sticky 位),请指定其中的一个子文件夹",
            "all users share this folder (sticky bit), name one inside it",
        )));
    }
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The default data folder of `up`.
pub(crate) fn default_path() -> Result<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    var("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&var("HOME")?).join(".local/share")))
        .map(|folder| folder.join("zhisuan"))
        .ok_or_else(|| {
            Failure::usage("ZS-DATA-DIR", tr("没有设置 HOME", "HOME is not set")).hint(tr(
                "用 --data-dir 指定数据文件夹",
                "name a folder with --data-dir",
            ))
        })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests fail by panicking"
    )]

    use super::*;

    #[test]
    fn a_folder_that_others_could_read_is_closed_and_a_shared_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = |mode| {
            std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        };
        let mode = || {
            std::fs::metadata(folder.path())
                .unwrap()
                .permissions()
                .mode()
                & 0o7777
        };
        set(0o755);
        drop(DataDir::open(folder.path()).unwrap());
        assert_eq!(mode(), 0o700);
        set(0o1777);
        assert!(DataDir::open(folder.path()).is_err());
        assert_eq!(mode(), 0o1777);
    }
}
