//! Properties that office files declare of themselves (`docProps/core.xml`).

use super::archive::Archive;
use super::draft::Draft;
use super::unreadable::Unreadable;
use super::xml::{Node, walk};

const PART: &str = "docProps/core.xml";

/// Declares title, creator and dates; a file without properties declares nothing.
pub(super) fn declare(archive: &mut Archive<'_>, draft: &mut Draft) -> Result<(), Unreadable> {
    let Some(bytes) = archive.part(PART)? else {
        return Ok(());
    };
    let mut value = String::new();
    walk(PART, &bytes, |node| {
        match node {
            Node::Start(..) => value.clear(),
            Node::Text(text) if value.len() < 4000 => value.push_str(text),
            Node::Text(_) => {}
            Node::End(name) => {
                let known = [
                    "title", "subject", "creator", "created", "modified", "keywords",
                ];
                if known.contains(&name) {
                    draft.declare(name, &value);
                }
                value.clear();
            }
        }
        Ok(())
    })
}

/// How many parts of an archive would act if they were opened: macros, controls, embedded objects.
pub(super) fn active_parts(archive: &Archive<'_>) -> usize {
    let active = |name: &&String| {
        let name = name.to_ascii_lowercase();
        name.contains("vbaproject") || name.contains("/activex/") || name.contains("/embeddings/")
    };
    archive.names().iter().filter(active).count()
}
