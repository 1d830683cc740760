//! How the memory that a task was given is divided between weights and the cache of keys and
//! values. Pure; what the machine has besides is not looked at.

use super::ExecError;

const MIB: u64 = 1024 * 1024;
/// Program, tokenizer, activations of a step.
const WORK_MIB: u64 = 160;
/// Less than this would not hold one conversation.
const LEAST_MIB: u64 = 32;

/// Bytes for keys and values under a limit; `None` when there is no limit. Weights take up to
/// 1.15 times their file: they are repacked once and kept once.
pub(crate) fn for_cache(limit_mib: u64, weight_bytes: u64) -> Result<Option<u64>, ExecError> {
    if limit_mib == 0 {
        return Ok(None);
    }
    let weights_mib = weight_bytes.div_ceil(MIB).saturating_mul(23).div_ceil(20);
    let taken = weights_mib.saturating_add(WORK_MIB);
    let left = limit_mib.saturating_sub(taken);
    if left >= LEAST_MIB {
        return Ok(Some(left.saturating_mul(MIB)));
    }
    let least = taken.saturating_add(LEAST_MIB);
    Err(ExecError::new(
        "ZS-MODEL-MEMORY",
        format!(
            "内存上限 {limit_mib} MiB 放不下该模型：权重约 {weights_mib} MiB，运行约 {WORK_MIB} MiB，\
             键值缓存至少 {LEAST_MIB} MiB。请把 memory 设为 {least} MiB 或更多"
        ),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{MIB, for_cache};

    #[test]
    fn the_cache_gets_what_the_limit_leaves() {
        assert_eq!(for_cache(0, 500 * MIB).unwrap(), None);
        assert_eq!(
            for_cache(1215, 469 * MIB).unwrap(),
            Some((1215 - 540 - 160) * MIB)
        );
        let small = for_cache(700, 469 * MIB).unwrap_err();
        assert!(small.message.contains("732 MiB"), "{}", small.message);
        assert!(for_cache(u64::MAX, u64::MAX).is_ok() || for_cache(1, u64::MAX).is_err());
    }
}
