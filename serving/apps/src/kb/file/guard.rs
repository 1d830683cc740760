//! A last guard around parsers that are not ours: a panic in one of them refuses the file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::unreadable::Unreadable;

/// Runs a parser; a panic in it becomes a refusal, because one hostile file must not take the
/// server with it. What the parser was writing to is dropped with the refusal.
pub(super) fn guarded<T>(
    code: &'static str,
    parse: impl FnOnce() -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
        let message = "文件的结构有误，解析时出错，没有读取，请重新导出后再放入";
        Err(Unreadable::new(code, message))
    })
}
