//! A bounded number of threads for arithmetic.

use crate::error::EngineError;
pub(crate) use crate::kernel::pool::Pool;

/// How many threads to use: as asked, else what affinity and the cgroup's CPU quota leave
/// of the machine (the standard library reads both, version 2 and 1).
pub(crate) fn count(asked: Option<usize>) -> usize {
    asked
        .filter(|threads| *threads > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Threads of an engine's own; `None` lets the machine decide.
pub(crate) fn pool(threads: Option<usize>) -> Result<Pool, EngineError> {
    Pool::new(count(threads))
}

/// Runs `work` with all its arithmetic on `threads` threads of its own (0 lets the machine
/// decide) and blocks until it returns. A [`crate::Trainer`] that is opened and stepped inside
/// uses no other core. The number of threads changes no result.
pub fn with_threads<T: Send>(
    threads: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, EngineError> {
    let threads = count(Some(threads));
    // Training's own graph runs on rayon, the kernels below it on the engine's pool.
    let rayon = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("training-math-{i}"))
        .build()
        .map_err(|e| EngineError::Internal {
            detail: e.to_string(),
        })?;
    let kernels = Pool::new(threads)?;
    Ok(rayon.install(|| kernels.install(work)))
}
