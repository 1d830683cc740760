//! The data folder of `up` and `demo`: owner only, used by one process at a time, remembers its keys.

use crate::config_file::{self, ConfigFile};
use crate::error::{Exit, Failure, Result};
use crate::words::{say, tr};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use zhisuan_scheduler::{NotPrivate, private_folder};

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
        private_folder(path).map_err(|refused| failed(&why(&refused)))?;
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

/// In the words of the user's language where it is a matter of words.
fn why(refused: &NotPrivate) -> String {
    match refused {
        NotPrivate::Shared => tr(
            "这是所有用户共用的文件夹(sticky 位),请指定其中的一个子文件夹",
            "all users share this folder (sticky bit), name one inside it",
        )
        .to_owned(),
        NotPrivate::Io(error) => error.to_string(),
    }
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
