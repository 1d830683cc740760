//! What is read from the data folder, in the order in which it depends on each other.

use crate::access::Access;
use crate::actor::{Recovered, recover};
use crate::artifacts::Artifacts;
use crate::error::{Error, internal};
use crate::logs::Logs;
use crate::models::{Catalogue, Models};
use crate::options::Options;
use crate::secret::ClusterSecret;
use crate::store::{Reads, Records, Sqlite};
use std::path::Path;
use std::sync::Arc;

/// What is kept on the disk beside the core's journal. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) reads: Arc<dyn Reads>,
    /// The dispatcher's own connection: a long report never delays an order.
    pub(crate) order_reads: Arc<dyn Reads>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) access: Access,
    pub(crate) artifacts: Artifacts,
    pub(crate) logs: Logs,
    pub(crate) secret: ClusterSecret,
    pub(crate) models: Models,
}

/// Everything that was opened: the journal with the state in it, and the rest.
pub(crate) struct Opened {
    pub(crate) store: Sqlite,
    pub(crate) recovered: Recovered,
    pub(crate) kept: Kept,
}

/// Opens the data folder. Blocks, for seconds after a crash under load.
pub(crate) fn open(options: &Options) -> Result<Opened, Error> {
    let folder = &options.data_dir;
    make_folder(folder).map_err(|cause| Error::DataDir {
        path: folder.clone(),
        cause,
    })?;
    let catalogue = options
        .catalogue
        .as_deref()
        .map(std::fs::read_to_string)
        .transpose();
    let catalogue = catalogue.map_err(|error| Error::Catalogue(error.to_string()))?;
    let catalogue = Catalogue::load(catalogue.as_deref());
    let catalogue = catalogue.map_err(|error| Error::Catalogue(error.to_string()))?;
    let mut store = Sqlite::open(&folder.join("zhisuan.db"))?;
    let recovered = recover(&mut store, options.limits())?;
    let records: Arc<dyn Records> = Arc::new(store.again()?);
    let limit = Artifacts::DEFAULT_LIMIT_BYTES;
    let kept = Kept {
        reads: Arc::new(store.again()?),
        order_reads: Arc::new(store.again()?),
        access: Access::open(records.clone()).map_err(internal)?,
        artifacts: Artifacts::open(folder, records.clone(), limit).map_err(internal)?,
        logs: Logs::open(folder, options.log_limit_bytes),
        secret: ClusterSecret::open(records.as_ref())?,
        models: Models::open(records.clone(), &catalogue).map_err(internal)?,
        records,
    };
    Ok(Opened {
        store,
        recovered,
        kept,
    })
}

/// Only its owner may read what a centre keeps, also in a folder that was there before.
fn make_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o1000 != 0 {
        // Closing /tmp would break the machine.
        let why = "all users share this folder (sticky bit), name one inside it";
        return Err(std::io::Error::other(why));
    }
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
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

    use super::make_folder;
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_others_could_read_is_closed_and_a_shared_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mode = || metadata(folder.path()).unwrap().permissions().mode() & 0o7777;
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(mode(), 0o700);
        set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(make_folder(folder.path()).is_err());
        assert_eq!(mode(), 0o1777);
    }
}
