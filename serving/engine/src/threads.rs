//! A bounded number of threads for arithmetic.

use crate::error::EngineError;
pub(crate) use rayon::ThreadPool as Pool;

/// Threads of an engine's or a training's own; `None` lets the machine decide.
pub(crate) fn pool(threads: Option<usize>) -> Result<Pool, EngineError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .thread_name(|i| format!("engine-math-{i}"))
        .build()
        .map_err(|e| EngineError::Internal {
            detail: e.to_string(),
        })
}

/// Runs `work` with all its arithmetic on `threads` threads of its own (0 lets the machine
/// decide) and blocks until it returns. A [`crate::Trainer`] that is opened and stepped inside
/// uses no other core. The number of threads changes no result.
pub fn with_threads<T: Send>(
    threads: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, EngineError> {
    Ok(pool(Some(threads))?.install(work))
}
