//! Ids of files. Pure.

use crate::openai::ApiError;
use std::fmt;

/// Which lines of a file are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Whole,
    /// Of a batch's output: lines with an answer.
    Good,
    /// Of a batch's output: lines with an error.
    Bad,
}

/// "file-" and the digest of the content, with "-output" or "-errors" for a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) sha256: String,
    pub(crate) view: View,
}

impl FileId {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let absent = || {
            let shown: String = text.chars().take(100).collect();
            ApiError::absent(&shown)
        };
        let rest = text.strip_prefix("file-").ok_or_else(absent)?;
        let (sha256, view) = match rest.split_once('-') {
            None => (rest, View::Whole),
            Some((sha256, "output")) => (sha256, View::Good),
            Some((sha256, "errors")) => (sha256, View::Bad),
            Some(_) => return Err(absent()),
        };
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(hex) {
            return Err(absent());
        }
        Ok(Self {
            sha256: sha256.to_owned(),
            view,
        })
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = match self.view {
            View::Whole => "",
            View::Good => "-output",
            View::Bad => "-errors",
        };
        write!(f, "file-{}{tail}", self.sha256)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{FileId, View};

    #[test]
    fn ids_are_read_as_they_are_written_and_nothing_else() {
        let digest = "0123456789abcdef".repeat(4);
        for (tail, view) in [
            ("", View::Whole),
            ("-output", View::Good),
            ("-errors", View::Bad),
        ] {
            let text = format!("file-{digest}{tail}");
            let id = FileId::parse(&text).unwrap();
            assert_eq!((id.view, id.to_string()), (view, text));
        }
        for bad in [
            "",
            "file-",
            "file-abc",
            &digest,
            &format!("file-{digest}-x"),
            "file-../../etc",
        ] {
            assert!(FileId::parse(bad).is_err(), "{bad}");
        }
        assert!(FileId::parse(&format!("file-{}", digest.to_uppercase())).is_err());
    }
}
