//! What is read from the data folder, in the order in which it depends on each other.

use crate::access::Access;
use crate::actor::{Recovered, recover};
use crate::artifacts::Artifacts;
use crate::error::{Error, internal};
use crate::logs::Logs;
use crate::models::{Catalogue, Models};
use crate::options::Options;
use crate::private::private_folder;
use crate::secret::ClusterSecret;
use crate::store::{Reads, Records, Sqlite};
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
    private_folder(folder).map_err(|cause| Error::DataDir {
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
