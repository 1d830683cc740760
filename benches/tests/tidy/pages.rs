//! Links lead somewhere, and every error code has a page that explains it.

use crate::none;
use crate::tree::{File, Tree};
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn relative_links_resolve() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    for file in tree.files.iter().filter(|file| file.is("md")) {
        for target in links(&file.text) {
            let folder = Path::new(&file.path)
                .parent()
                .unwrap_or_else(|| Path::new(""));
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !tree.root.join(folder).join(path).exists() {
                offences.push(format!("{} links to {target}", file.path));
            }
        }
    }
    none(&offences, "a link leads somewhere");
}

/// Targets of `[text](target)` outside code, without those of other sites.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        // Every second part lies between backticks.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        if fenced {
            continue;
        }
        for part in plain.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                targets.push(target.to_owned());
            }
        }
    }
    targets
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let tree = Tree::read();
    let mut used: BTreeMap<String, &str> = BTreeMap::new();
    for file in tree.rust().filter(|file| speaks(file)) {
        for code in codes(&file.text) {
            used.entry(code).or_insert(&file.path);
        }
    }
    assert!(
        !used.is_empty(),
        "no error code was found: the search is broken"
    );
    let page = |file: &File| {
        let name = file.path.strip_prefix("docs/errors/")?;
        let name = name.strip_suffix(".md")?;
        (name != "README").then(|| name.to_owned())
    };
    let pages = tree.files.iter();
    let pages: BTreeMap<String, &str> = pages
        .filter_map(|file| Some((page(file)?, file.text.as_str())))
        .collect();
    let mut offences = Vec::new();
    for (code, path) in &used {
        // `ZS-ENGINE-` in the source is a family: one page explains every code of it.
        let explained = |(name, text): (&String, &&str)| {
            name == code || (code.starts_with(name.as_str()) && text.contains(code.as_str()))
        };
        if !pages.iter().any(explained) {
            offences.push(format!("{code} ({path}) has no page docs/errors/{code}.md"));
        }
    }
    for page in pages.keys().filter(|page| !used.contains_key(*page)) {
        offences.push(format!("docs/errors/{page}.md: no source uses that code"));
    }
    for file in tree.files.iter().filter(|file| page(file).is_some()) {
        let code = page(file).unwrap_or_default();
        if !file.text.starts_with(&format!("# {code}\n")) {
            offences.push(format!("{} does not begin with `# {code}`", file.path));
        }
    }
    none(&offences, "docs/errors explains every code");
}

/// Product source, as opposed to tests, which may invent codes.
fn speaks(file: &File) -> bool {
    let test = file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    !test && !file.path.starts_with("xtask/")
}

/// Codes inside string literals, and families that a format string completes.
fn codes(text: &str) -> Vec<String> {
    let prefix = concat!("\"", "ZS-");
    let product = text.split("\nmod tests {").next().unwrap_or_default();
    let code = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '-');
        let tail = part[..end.unwrap_or(part.len())].trim_end_matches('-');
        (!tail.is_empty()).then(|| format!("ZS-{tail}"))
    };
    product.split(prefix).skip(1).filter_map(code).collect()
}
