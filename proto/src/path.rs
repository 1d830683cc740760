//! What `ModelFile.path` may be: it becomes a place under a folder of a worker.

/// Most bytes of the whole path, and of one part (a file system's own limit).
const LONGEST: usize = 255;
/// Most folders around a file, itself included.
const DEEPEST: usize = 4;

/// Whether `path` names a file inside a model's folder and never leaves it: one to four names
/// between single slashes, none of them `.` or `..`, no backslash and no control character.
pub fn is_model_path(path: &str) -> bool {
    let name = |part: &str| {
        let plain = |c: char| c != '\\' && !c.is_control();
        !matches!(part, "" | "." | "..") && part.chars().all(plain)
    };
    path.len() <= LONGEST && path.split('/').count() <= DEEPEST && path.split('/').all(name)
}

#[cfg(test)]
mod tests {
    use super::is_model_path;

    #[test]
    fn a_path_stays_in_its_folder() {
        for good in [
            "model.gguf",
            "1_Pooling/config.json",
            "a/b/c/d",
            ".hidden",
            "...",
            "权重.bin",
            &"x".repeat(255),
        ] {
            assert!(is_model_path(good), "{good:?}");
        }
        for bad in [
            "",
            ".",
            "..",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a/",
            "/",
            "a\\..\\b",
            "C:\\x",
            "a/b\0",
            "a\n/b",
            "a/b/c/d/e",
            &"x".repeat(256),
            &"x/".repeat(128),
        ] {
            assert!(!is_model_path(bad), "{bad:?}");
        }
    }
}
