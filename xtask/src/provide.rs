//! What tests need beyond cargo: a Python environment with pinned packages, and the test models.
//!
//! Both live in the cache, not in the clone, so that a clean clone finds them again.

use crate::step::{Step, root};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The official client for Node that tests run.
const NODE_PACKAGE: &str = "openai@7.57.0";
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// What was provided.
pub(crate) struct Provided {
    cache: PathBuf,
    python: PathBuf,
    /// Folder of Node packages; `None` where there is no Node.
    node_modules: Option<PathBuf>,
}

impl Provided {
    /// Variables for test programs.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut env = vec![
            ("ZHISUAN_TEST_REQUIRE".to_owned(), "1".to_owned()),
            ("ZHISUAN_TEST_PYTHON".to_owned(), text(&self.python)),
            ("ZHISUAN_CACHE".to_owned(), text(&self.cache)),
        ];
        if let Some(folder) = &self.node_modules {
            env.push(("ZHISUAN_TEST_NODE_MODULES".to_owned(), text(folder)));
        }
        env
    }

    /// The same as lines for a shell.
    pub(crate) fn shell(&self) -> String {
        let line = |(name, value): &(String, String)| format!("export {name}='{value}'");
        self.env().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Provides everything; what is there already costs a second or two.
pub(crate) fn all() -> Result<Provided> {
    let cache = cache()?;
    let python = python(&cache)?;
    let script = format!("{}/xtask/models.py", root());
    let offered = format!("{}/scheduler/catalogue.toml", root());
    let for_tests = format!("{}/xtask/models.toml", root());
    let folder = cache.to_string_lossy();
    let interpreter = python.to_string_lossy();
    Step::new(
        "models",
        &interpreter,
        &[&script, &folder, &offered, &for_tests],
    )
    .run()?;
    let node_modules = node(&cache)?;
    Ok(Provided {
        cache,
        python,
        node_modules,
    })
}

/// The official client for Node, where there is Node. A folder named after its version.
fn node(cache: &Path) -> Result<Option<PathBuf>> {
    let npm = std::process::Command::new("npm").arg("--version").output();
    if !npm.is_ok_and(|answer| answer.status.success()) {
        println!("==> node: there is no npm; the tests of Node clients are skipped");
        return Ok(None);
    }
    let folder = cache.join(format!("node-{}", NODE_PACKAGE.replace('@', "-")));
    let modules = folder.join("node_modules");
    let complete = folder.join("complete");
    if complete.exists() && modules.join("openai").exists() {
        println!("==> node: {} is there", folder.display());
        return Ok(Some(modules));
    }
    std::fs::create_dir_all(&folder)?;
    let place = folder.to_string_lossy();
    let install = [
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        &place,
        NODE_PACKAGE,
    ];
    Step::new("node", "npm", &install).run()?;
    std::fs::write(&complete, NODE_PACKAGE)?;
    Ok(Some(modules))
}

/// The same folder as the product's own cache.
fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("ZHISUAN_CACHE").filter(|name| !name.is_empty());
    let cache = if let Some(named) = named {
        PathBuf::from(named)
    } else {
        let home = std::env::var_os("HOME").context("set HOME or ZHISUAN_CACHE")?;
        PathBuf::from(home).join(".cache/zhisuan")
    };
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    Ok(cache.canonicalize()?)
}

/// A virtual environment named after what is in it: other pins make another one.
fn python(cache: &Path) -> Result<PathBuf> {
    let pins = REQUIREMENTS.lines().filter(|line| line.contains("=="));
    let name = pins.map(|pin| pin.replace("==", "-")).collect::<Vec<_>>();
    let folder = cache.join(format!("python-{}", name.join("-")));
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    if complete.exists() && python.exists() {
        println!("==> python: {} is there", folder.display());
        return Ok(python);
    }
    // A half-made environment of an earlier run is made anew.
    let venv = ["-m", "venv", "--clear", &folder.to_string_lossy()];
    Step::new("python", "python3", &venv).run().context(
        "tests compare with Python programs: install Python 3.11 or newer with its venv module",
    )?;
    let requirements = format!("{}/xtask/requirements.txt", root());
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "-r",
        &requirements,
    ];
    Step::new("packages", &python.to_string_lossy(), &install).run()?;
    std::fs::write(&complete, REQUIREMENTS)?;
    Ok(python)
}
