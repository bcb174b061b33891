//! What a folder needs beyond what a store in the network does: it has to be made, and tidied after a crash.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;

/// Makes the folder, which nobody but this user may enter. One that is there already is left as it is.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads a part of a file into memory. Blocks.
pub(crate) fn read_range(mut file: File, range: Range<u64>) -> io::Result<Bytes> {
    let size = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let mut bytes = vec![0; size];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// Removes what uploads left behind that ended with their process, if it was last touched before `before`, and folders
/// without content. Returns how many files it removed. Blocks.
pub(crate) fn remove_unfinished(root: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    // Deepest last, so that folders are empty when their turn comes.
    let mut folders = vec![root.to_path_buf()];
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        for entry in gone_is_empty(fs::read_dir(&folder).map(Iterator::collect::<Vec<_>>))? {
            let entry = entry?;
            let Some(metadata) = gone_is_none(entry.metadata())? else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if is_unfinished(&entry.path()) && metadata.modified()? < before {
                removed += u64::from(gone_is_none(fs::remove_file(entry.path()))?.is_some());
            }
        }
    }
    for folder in folders.iter().skip(1).rev() {
        // Fails for every folder that holds something, which is how most of them stay. A new upload that meets this
        // makes its folders again.
        let is_old = |metadata: fs::Metadata| Ok(metadata.modified()? < before);
        if fs::metadata(folder).and_then(is_old).unwrap_or(false) {
            let _ = fs::remove_dir(folder);
        }
    }
    Ok(removed)
}

/// An upload is written to `name#1` (or 2, or 3) and gets its name when it is complete. No key of ours has a `#`.
fn is_unfinished(path: &Path) -> bool {
    let name: Option<&str> = path.file_name().and_then(std::ffi::OsStr::to_str);
    name.and_then(|name| name.rsplit_once('#'))
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone_is_empty<T>(result: io::Result<Vec<T>>) -> io::Result<Vec<T>> {
    Ok(gone_is_none(result)?.unwrap_or_default())
}
