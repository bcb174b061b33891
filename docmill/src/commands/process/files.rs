//! Which files to read.

use std::path::{Path, PathBuf};

/// A file to be read.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// What it is called in tables and results: its path below the folder that was named.
    pub(super) label: String,
}

/// A path that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read {path}")]
pub(super) struct FilesError {
    path: String,
    #[source]
    source: std::io::Error,
}

/// Every file that the paths name or hold, in the order of their names.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<File>, FilesError> {
    let mut files = Vec::new();
    for path in paths {
        let root = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        collect(root, path, &mut files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    Ok(files)
}

fn collect(root: &Path, path: &Path, files: &mut Vec<File>) -> Result<(), FilesError> {
    let failed = |source| FilesError {
        path: path.display().to_string(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        let label = path.strip_prefix(root).unwrap_or(path).display().to_string();
        files.push(File {
            path: path.to_owned(),
            label,
        });
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link to a folder could lead in circles.
        let is_link_to_folder = entry.path().is_symlink() && entry.path().is_dir();
        if !entry.file_name().to_string_lossy().starts_with('.') && !is_link_to_folder {
            collect(root, &entry.path(), files)?;
        }
    }
    Ok(())
}

/// Paths as a list for people.
pub(super) fn names(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_and_hidden_files_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a/c.txt", ".hidden", "a/.git/config"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
        let twice = [folder.path().to_owned(), folder.path().join("b.txt")];
        let labels: Vec<_> = find(&twice).unwrap().into_iter().map(|file| file.label).collect();
        assert_eq!(labels, ["a/c.txt", "b.txt"]);
    }

    #[test]
    fn a_path_that_is_not_there_is_named() {
        let error = find(&[PathBuf::from("no/such/file")]).unwrap_err();
        assert_eq!(error.to_string(), "could not read no/such/file");
    }
}
