//! The files that come with docmill: every one of them can be read, and every broken one has its reason.

use std::path::{Path, PathBuf};

use crate::support::on_both;

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Files that nobody can read.
pub(crate) fn broken() -> Vec<(String, Vec<u8>)> {
    let files = files("fixtures/broken");
    assert!(!files.is_empty(), "fixtures/broken has no file");
    files
}
