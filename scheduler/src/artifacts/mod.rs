//! Files by content: put, get, and who may see them.

mod error;
mod grpc;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;

pub(crate) use grpc::ArtifactService;
pub(crate) use store::Artifacts;
pub(crate) use sweep::Swept;

/// 64 lower-case hexadecimal characters: safe as a file name.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
