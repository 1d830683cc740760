//! The files on disk and the rows that say whose they are. Methods block; the service runs them
//! off the async threads.

use super::error::ArtifactError;
use super::is_digest;
use super::sweep::{self, Swept};
use super::upload::Upload;
use crate::store::Records;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use zhisuan_proto::v1;

const KIND: &str = "artifact";

/// A file that a tenant may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) tenant: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) name: String,
    pub(crate) created_at_ms: i64,
    /// The job whose output it is; 0 for an upload.
    #[serde(default)]
    pub(crate) job_id: u64,
}

impl Row {
    /// Sorts the newest first.
    fn age(&self) -> (i64, &String) {
        (-self.created_at_ms, &self.sha256)
    }

    pub(crate) fn to_proto(&self) -> v1::Artifact {
        v1::Artifact {
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            name: self.name.clone(),
            tenant: self.tenant.clone(),
            created_at_ms: self.created_at_ms,
            job_id: self.job_id,
        }
    }
}

/// How much may be kept, bytes.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "every name ends with its unit")]
pub(super) struct Limits {
    pub(super) file_bytes: u64,
    /// Of all files that one tenant may see.
    pub(super) quota_bytes: u64,
    /// What must stay free on the file system: the journal lies there too.
    pub(super) reserve_bytes: u64,
}

struct Inner {
    folder: PathBuf,
    records: Arc<dyn Records>,
    /// By tenant and digest.
    rows: RwLock<BTreeMap<(String, String), Row>>,
    limits: Limits,
    /// Read while somebody is given sight of bytes, written while bytes are removed.
    sweeping: RwLock<()>,
}

/// Handle to the files; cheap to clone.
#[derive(Clone)]
pub(crate) struct Artifacts(Arc<Inner>);

impl Artifacts {
    /// Most bytes of one file, unless the operator says otherwise.
    pub(crate) const DEFAULT_LIMIT_BYTES: u64 = 8 << 30;
    /// Most bytes of all files of one tenant.
    pub(crate) const DEFAULT_QUOTA_BYTES: u64 = 64 << 30;
    /// Least bytes that an upload leaves free on the disk.
    pub(crate) const RESERVE_BYTES: u64 = 1 << 30;

    /// Opens `<data_dir>/artifacts`, loads the rows and clears what an earlier process left half
    /// written.
    pub(crate) fn open(
        data_dir: &Path,
        records: Arc<dyn Records>,
        limit_bytes: u64,
    ) -> Result<Self, ArtifactError> {
        let limits = Limits {
            file_bytes: limit_bytes,
            quota_bytes: Self::DEFAULT_QUOTA_BYTES,
            reserve_bytes: Self::RESERVE_BYTES,
        };
        Self::open_with(data_dir, records, limits)
    }

    pub(super) fn open_with(
        data_dir: &Path,
        records: Arc<dyn Records>,
        limits: Limits,
    ) -> Result<Self, ArtifactError> {
        let folder = data_dir.join("artifacts");
        let partial = folder.join("partial");
        fs::create_dir_all(&partial)?;
        for entry in fs::read_dir(&partial)? {
            fs::remove_file(entry?.path())?;
        }
        let mut rows = BTreeMap::new();
        for (id, json) in records.all(KIND)? {
            let row: Row = serde_json::from_str(&json)
                .map_err(|cause| ArtifactError::Damaged { id, cause })?;
            rows.insert((row.tenant.clone(), row.sha256.clone()), row);
        }
        Ok(Self(Arc::new(Inner {
            folder,
            records,
            rows: RwLock::new(rows),
            limits,
            sweeping: RwLock::new(()),
        })))
    }

    /// Starts to take a file for `tenant` (`None`: for nobody yet); refuses a header that cannot
    /// come true and what there is no room for.
    pub(crate) fn begin(
        &self,
        tenant: Option<&str>,
        header: &v1::Artifact,
    ) -> Result<Upload, ArtifactError> {
        check_digest("header.sha256", &header.sha256)?;
        check_name(&header.name)?;
        if header.bytes > self.0.limits.file_bytes {
            return Err(ArtifactError::TooLarge {
                bytes: header.bytes,
                limit: self.0.limits.file_bytes,
            });
        }
        self.check_quota(tenant, header)?;
        self.check_disk(header.bytes)?;
        Upload::begin(&self.0.folder.join("partial"), &header.sha256, header.bytes)
    }

    /// Keeps a complete upload. `tenant` may see it from now on; `None` leaves that to
    /// [`Artifacts::grant`]. The bytes are checked even when the store has them already: knowing
    /// a digest is not having the file.
    pub(crate) fn keep(
        &self,
        upload: Upload,
        header: &v1::Artifact,
        tenant: Option<&str>,
        now_ms: i64,
    ) -> Result<Row, ArtifactError> {
        // Again: other uploads may have ended since this one began.
        self.check_quota(tenant, header)?;
        upload.finish(&self.path(&header.sha256))?;
        match tenant {
            Some(tenant) => self.grant(tenant, &header.sha256, &header.name, 0, now_ms),
            None => Ok(Row {
                tenant: String::new(),
                sha256: header.sha256.clone(),
                bytes: header.bytes,
                name: header.name.clone(),
                created_at_ms: now_ms,
                job_id: 0,
            }),
        }
    }

    /// Lets `tenant` see a file that the store has, as the output of a job or (0) as an upload. A
    /// second time returns the first row; only an upload that a job makes too becomes its output.
    pub(crate) fn grant(
        &self,
        tenant: &str,
        sha256: &str,
        name: &str,
        job_id: u64,
        now_ms: i64,
    ) -> Result<Row, ArtifactError> {
        check_digest("sha256", sha256)?;
        check_name(name)?;
        let known = self.row(tenant, sha256);
        if let Some(row) = known.filter(|row| job_id == 0 || row.job_id != 0) {
            return Ok(row);
        }
        let _stays = self
            .0
            .sweeping
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let row = Row {
            tenant: tenant.to_owned(),
            sha256: sha256.to_owned(),
            bytes: self.len(sha256)?,
            name: name.to_owned(),
            created_at_ms: now_ms,
            job_id,
        };
        let id = format!("{tenant}/{sha256}");
        let json = serde_json::to_string(&row).map_err(|cause| ArtifactError::Damaged {
            id: id.clone(),
            cause,
        })?;
        self.0.records.put(KIND, &id, &json)?;
        let mut rows = self.0.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.insert((row.tenant.clone(), row.sha256.clone()), row.clone());
        Ok(row)
    }

    /// The row of a tenant, if it may see the file.
    pub(crate) fn row(&self, tenant: &str, sha256: &str) -> Option<Row> {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.get(&(tenant.to_owned(), sha256.to_owned())).cloned()
    }

    /// The file as `tenant` sees it; `None` sees every file.
    pub(crate) fn stat(&self, tenant: Option<&str>, sha256: &str) -> Result<Row, ArtifactError> {
        check_digest("sha256", sha256)?;
        if let Some(tenant) = tenant {
            let row = self.row(tenant, sha256);
            return row.ok_or_else(|| ArtifactError::Unknown(sha256.to_owned()));
        }
        let bytes = self.len(sha256)?;
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        let first = rows.values().find(|row| row.sha256 == sha256).cloned();
        Ok(first.unwrap_or_else(|| Row {
            tenant: String::new(),
            sha256: sha256.to_owned(),
            bytes,
            name: String::new(),
            created_at_ms: 0,
            job_id: 0,
        }))
    }

    /// Files of a tenant, newest first, that come after `after` in that order.
    pub(crate) fn list(&self, tenant: &str, after: Option<&(i64, String)>) -> Vec<Row> {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mine = rows.range((tenant.to_owned(), String::new())..);
        let mut mine: Vec<Row> = mine
            .take_while(|((owner, _), _)| owner == tenant)
            .map(|(_, row)| row.clone())
            .filter(|row| after.is_none_or(|after| row.age() > (-after.0, &after.1)))
            .collect();
        mine.sort_by(|a, b| a.age().cmp(&b.age()));
        mine
    }

    /// Takes a file from a tenant's sight. The bytes stay while jobs or models are made of them,
    /// and for a time after the last one: see [`Artifacts::sweep`].
    pub(crate) fn forget(&self, tenant: &str, sha256: &str) -> Result<Row, ArtifactError> {
        let row = self.stat(Some(tenant), sha256)?;
        // A sweep either finds the row, or the time of grace, which begins now.
        let _stays = self
            .0
            .sweeping
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Ok(file) = fs::File::options().write(true).open(self.path(sha256)) {
            file.set_modified(SystemTime::now())?;
        }
        self.0.records.delete(KIND, &format!("{tenant}/{sha256}"))?;
        let mut rows = self.0.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.remove(&(row.tenant.clone(), row.sha256.clone()));
        Ok(row)
    }

    /// Removes bytes that no tenant sees, that are not in `wanted` (what jobs under way and models
    /// are made of), and that were neither stored nor taken from sight lately.
    pub(crate) fn sweep(
        &self,
        wanted: &BTreeSet<String>,
        now_ms: i64,
    ) -> Result<Swept, ArtifactError> {
        let mut swept = Swept::default();
        let seen = self.seen();
        for found in sweep::files(&self.0.folder)? {
            if seen.contains(&found.sha256) || !sweep::goes(&found, wanted, now_ms) {
                continue;
            }
            let _alone = self
                .0
                .sweeping
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            // Again, now that nobody can be given sight of it meanwhile.
            let path = self.path(&found.sha256);
            let Some(now) = sweep::look(&path, found.sha256)? else {
                continue;
            };
            if sweep::goes(&now, wanted, now_ms) && !self.is_seen(&now.sha256) {
                fs::remove_file(&path)?;
                swept.files += 1;
                swept.bytes = swept.bytes.saturating_add(now.bytes);
            }
        }
        Ok(swept)
    }

    /// Digests that any tenant sees.
    fn seen(&self) -> BTreeSet<String> {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.keys().map(|(_, sha256)| sha256.clone()).collect()
    }

    fn is_seen(&self, sha256: &str) -> bool {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.values().any(|row| row.sha256 == sha256)
    }

    /// Where the bytes of a digest are; the caller has checked that it is one.
    pub(crate) fn path(&self, sha256: &str) -> PathBuf {
        let shelf = sha256.get(..2).unwrap_or("00");
        self.0.folder.join(shelf).join(sha256)
    }

    /// A file that the tenant has already costs nothing more.
    fn check_quota(
        &self,
        tenant: Option<&str>,
        header: &v1::Artifact,
    ) -> Result<(), ArtifactError> {
        let Some(tenant) = tenant else { return Ok(()) };
        if self.row(tenant, &header.sha256).is_some() {
            return Ok(());
        }
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mine = rows.range((tenant.to_owned(), String::new())..);
        let used = mine
            .take_while(|((owner, _), _)| owner == tenant)
            .fold(0_u64, |sum, (_, row)| sum.saturating_add(row.bytes));
        let quota = self.0.limits.quota_bytes;
        if used.saturating_add(header.bytes) <= quota {
            return Ok(());
        }
        Err(ArtifactError::Quota {
            used,
            bytes: header.bytes,
            quota,
        })
    }

    fn check_disk(&self, bytes: u64) -> Result<(), ArtifactError> {
        let disk = rustix::fs::statvfs(&self.0.folder).map_err(std::io::Error::from)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= self.0.limits.reserve_bytes.saturating_add(bytes) {
            return Ok(());
        }
        Err(ArtifactError::Disk { bytes })
    }

    fn len(&self, sha256: &str) -> Result<u64, ArtifactError> {
        match fs::metadata(self.path(sha256)) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(ArtifactError::Unknown(sha256.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn check_digest(field: &'static str, sha256: &str) -> Result<(), ArtifactError> {
    if is_digest(sha256) {
        return Ok(());
    }
    Err(ArtifactError::Field {
        field,
        value: sha256.to_owned(),
        zh: "64 个小写十六进制字符".to_owned(),
        accepted: "64 lower-case hexadecimal characters".to_owned(),
    })
}

fn check_name(name: &str) -> Result<(), ArtifactError> {
    if name.chars().count() <= 255 && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ArtifactError::Field {
        field: "header.name",
        value: name.to_owned(),
        zh: "最多 255 个可见字符".to_owned(),
        accepted: "at most 255 printable characters".to_owned(),
    })
}
