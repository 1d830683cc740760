//! The gateway's operations file.

use crate::error::{Failure, Result};
use crate::words::say;
use std::path::Path;
use zhisuan_serving::{AuditOptions, Operations};

/// The settings in a file, or the usual ones.
pub(crate) fn read(path: Option<&Path>) -> Result<Operations> {
    let Some(path) = path else {
        return Ok(Operations::default());
    };
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = say!("读不了 {}:{}", "cannot read {}: {}", shown, error);
        Failure::usage("ZS-GATEWAY-OPTION", message).field("operations")
    })?;
    toml::from_str(&text).map_err(|error| {
        let message = say!("{} 写得不对:{}", "{} is not right: {}", shown, error);
        Failure::usage("ZS-GATEWAY-OPTION", message)
            .field("operations")
            .hint("docs/gateway.md")
    })
}

/// With an audit in the data folder, unless the file says where.
pub(crate) fn with_audit(mut operations: Operations, data: &Path) -> Operations {
    operations
        .audit
        .get_or_insert_with(|| AuditOptions::in_folder(data.join("gateway").join("audit")));
    operations
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{read, with_audit};
    use std::path::Path;
    use zhisuan_serving::{Decision, Operations};

    #[test]
    fn the_example_of_the_page_is_read_and_a_wrong_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations.toml");
        let page = include_str!("../../../docs/gateway.md");
        let example = page
            .split("```toml\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        std::fs::write(&path, example).unwrap();
        let operations = read(Some(&path)).unwrap();
        assert_eq!(operations.queue.patience.as_secs(), 60);
        assert_eq!(operations.guard.policy.prompt.secrecy, Decision::Refuse);
        assert!(operations.label.explicit && operations.audit.is_some());
        std::fs::write(&path, "[queue]\nwaitin = 3\n").unwrap();
        let error = read(Some(&path)).unwrap_err();
        assert!(error.to_string().contains("waitin"), "{error}");
        let usual = with_audit(read(None).unwrap(), Path::new("data"));
        assert_ne!(usual, Operations::default());
    }
}
