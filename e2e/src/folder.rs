//! Temporary folders that go when the test ends, also when it is killed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A temporary folder, deleted when it is dropped.
pub struct Folder(tempfile::TempDir);

struct Root {
    path: PathBuf,
    /// Waits for the end of its input, which comes with the end of this process, and takes the folder away.
    _janitor: Child,
}

static ROOT: OnceLock<Root> = OnceLock::new();

impl Folder {
    /// A new folder. Those of shared things are never dropped; they go with the test executable.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    #[allow(clippy::new_without_default)] // two defaults would not be equal
    pub fn new() -> Self {
        let root = &ROOT.get_or_init(Root::new).path;
        Self(tempfile::Builder::new().tempdir_in(root).unwrap())
    }

    /// Lets other users pass through it, so that a server that runs as another user reaches its own part.
    pub(crate) fn let_others_pass(&self) {
        let pass = || Permissions::from_mode(0o711);
        std::fs::set_permissions(self.path().parent().unwrap(), pass()).unwrap();
        std::fs::set_permissions(self.path(), pass()).unwrap();
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into it and says where.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// The content of every file below a folder, with its path. What goes meanwhile is left out.
pub(crate) fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if let Ok(content) = std::fs::read(&path) {
            files.push((path.display().to_string(), content));
        }
    }
    files
}

impl Root {
    fn new() -> Self {
        let path = tempfile::Builder::new()
            .prefix("docmill-e2e-")
            .tempdir()
            .unwrap()
            .keep();
        // Once more after a moment, for a process that is just being killed may still write.
        let script = r#"cat > /dev/null; rm -rf "$0" 2> /dev/null || { sleep 1; rm -rf "$0"; }"#;
        let janitor = Command::new("sh")
            .args(["-c", script])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            path,
            _janitor: janitor,
        }
    }
}
