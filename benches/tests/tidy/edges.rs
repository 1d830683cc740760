//! Which crate may use which: the walls of the architecture.

use crate::none;
use crate::tree::Tree;

/// Crate, and what it may use of ours. The two last may use everything.
const EDGES: [(&str, &[&str]); 11] = [
    ("zhisuan-chain", &[]),
    ("zhisuan-proto", &[]),
    ("zhisuan-core", &[]),
    ("zhisuan-engine", &[]),
    ("zhisuan-web", &[]),
    ("xtask", &[]),
    (
        "zhisuan-scheduler",
        &["zhisuan-core", "zhisuan-proto", "zhisuan-web"],
    ),
    ("zhisuan-worker", &["zhisuan-engine", "zhisuan-proto"]),
    ("zhisuan-serving", &["zhisuan-chain", "zhisuan-proto"]),
    ("zhisuan-apps", &["zhisuan-chain", "zhisuan-web"]),
    (
        "zhisuan-fuzz",
        &["zhisuan-apps", "zhisuan-engine", "zhisuan-serving"],
    ),
];
const FREE: [&str; 2] = ["zhisuan-cli", "zhisuan-benches"];
/// Nothing is built on these.
const TOPS: [&str; 4] = ["zhisuan-cli", "zhisuan-benches", "zhisuan-fuzz", "xtask"];

/// Name of each crate and its path dependencies of every kind.
pub(crate) fn crates(tree: &Tree) -> Vec<(String, Vec<String>)> {
    let mut crates = Vec::new();
    for file in &tree.files {
        if !file.path.ends_with("/Cargo.toml") {
            continue;
        }
        let manifest: toml::Table = file.text.parse().expect("a manifest that cargo reads");
        let name = manifest["package"]["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let mut uses = Vec::new();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(kind).and_then(toml::Value::as_table);
            uses.extend(table.into_iter().flat_map(toml::Table::keys).cloned());
        }
        crates.push((name, uses));
    }
    crates
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let tree = Tree::read();
    let crates = crates(&tree);
    let ours: Vec<&String> = crates.iter().map(|(name, _)| name).collect();
    let mut offences = Vec::new();
    for (name, uses) in &crates {
        let allowed = EDGES.iter().find(|(known, _)| known == name);
        if allowed.is_none() && !FREE.contains(&name.as_str()) {
            offences.push(format!("{name} has no rule in benches/tests/tidy/edges.rs"));
        }
        for used in uses.iter().filter(|used| ours.contains(used)) {
            let free = FREE.contains(&name.as_str()) && !TOPS.contains(&used.as_str());
            let listed = allowed.is_some_and(|(_, list)| list.contains(&used.as_str()));
            // A bench may start the product as its users do.
            let bench = name == "zhisuan-benches" && used == "zhisuan-cli";
            if !(free || listed || bench) {
                offences.push(format!("{name} uses {used}"));
            }
        }
    }
    none(&offences, "a wall of ARCHITECTURE.md");
}

#[test]
fn the_map_names_every_crate_and_every_top_folder() {
    let tree = Tree::read();
    let map = &tree.get("ARCHITECTURE.md").expect("ARCHITECTURE.md").text;
    let mut offences = Vec::new();
    for (name, _) in crates(&tree) {
        if !map.contains(&format!("`{name}`")) {
            offences.push(format!("crate {name} is missing"));
        }
    }
    let tops = tree
        .files
        .iter()
        .filter_map(|file| file.path.split_once('/'));
    let mut tops: Vec<&str> = tops.map(|(top, _)| top).collect();
    tops.dedup();
    for top in tops.into_iter().filter(|top| !top.starts_with('.')) {
        if !map.contains(&format!("`{top}/`")) {
            offences.push(format!("folder {top}/ is missing"));
        }
    }
    none(&offences, "ARCHITECTURE.md is the map that is true today");
}
