//! The rule for folders that hold what only their owner may read.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Why a folder cannot be kept private.
#[derive(Debug, thiserror::Error)]
pub enum NotPrivate {
    /// It has the sticky bit: all users of the machine share it.
    #[error("all users share this folder (sticky bit), name one inside it")]
    Shared,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Makes a folder that only its owner may read, or makes one that is there already so.
pub fn private_folder(path: &Path) -> Result<(), NotPrivate> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o1000 != 0 {
        // Closing /tmp would break the machine.
        return Err(NotPrivate::Shared);
    }
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests fail by panicking"
    )]

    use super::private_folder;
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_others_could_read_is_closed_and_a_shared_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mode = || metadata(folder.path()).unwrap().permissions().mode() & 0o7777;
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        private_folder(folder.path()).unwrap();
        assert_eq!(mode(), 0o700);
        set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(private_folder(folder.path()).is_err());
        assert_eq!(mode(), 0o1777);
    }
}
