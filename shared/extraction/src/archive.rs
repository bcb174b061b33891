//! Zip archives, in which office documents and e-books come, read as if each were made to do harm.
//!
//! Nothing is ever written to a disk, and no archive inside the archive is opened. What is inflated is counted while it
//! comes; the sizes that the archive itself gives are not trusted.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use zip::ZipArchive;
use zip::read::{ZipFile, ZipReadOptions};
use zip::result::ZipError;

use crate::ExtractionError;
use crate::xml::XmlReader;

/// Entries of an archive. The largest real documents have a few thousand pictures.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of a name. Parts of real documents have short ones.
const NAME_BYTES_MAX: usize = 1_024;
/// Bytes that one part may have when it is read as a whole.
pub(crate) const PART_BYTES_MAX: u64 = 64 << 20;
/// Bytes that one part may have when it is read piece by piece. The text of so large a sheet is beyond every limit.
const STREAM_BYTES_MAX: u64 = 128 << 20;
/// Bytes that all parts together may have, those included that are read piece by piece.
pub(crate) const TOTAL_BYTES_MAX: u64 = 256 << 20;
/// How many times its packed size a part may have, beyond the first [`RATIO_FREE_BYTES`]. Sparse tables reach a hundred;
/// bombs begin at a thousand.
const RATIO_MAX: u64 = 250;
/// Bytes up to which the ratio does no harm.
const RATIO_FREE_BYTES: u64 = 8 << 20;

/// An archive whose parts can be asked for by name. Names are compared without regard to case, as the packaging standards
/// want it, and whichever slash they are written with.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    indices: HashMap<String, usize>,
    budget: Rc<Cell<u64>>,
    password: Option<&'a str>,
}

impl<'a> Archive<'a> {
    /// Reads the list of parts, and refuses what no honest archive has.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ExtractionError> {
        // Before the library makes room for them.
        let entries = bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count();
        if entries > ENTRIES_MAX {
            return Err(ExtractionError::TooLarge(format!(
                "the archive has more than {ENTRIES_MAX} entries"
            )));
        }
        let unreadable =
            |_| ExtractionError::Unreadable("this is not a zip archive, or its end is missing".to_owned());
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
        let mut indices = HashMap::with_capacity(zip.len());
        for index in 0..zip.len() {
            let entry = zip
                .by_index_data(index)
                .map_err(|_| ExtractionError::Unreadable("the archive is damaged".to_owned()))?;
            let name = part_name(&String::from_utf8_lossy(entry.name_raw()))?;
            if entry.is_symlink() {
                return Err(ExtractionError::Unreadable(
                    "the archive has a link in place of a file".to_owned(),
                ));
            }
            // Of two parts with one name, every reader takes another one; this one takes the first.
            indices.entry(name).or_insert(index);
        }
        // Where this cannot be told, the entry cannot be read either.
        if zip.has_overlapping_files().unwrap_or(false) {
            return Err(ExtractionError::Unreadable(
                "entries of the archive lie over each other".to_owned(),
            ));
        }
        Ok(Self {
            zip,
            indices,
            budget: Rc::new(Cell::new(TOTAL_BYTES_MAX)),
            password: None,
        })
    }

    /// The same archive, whose locked parts this password opens.
    pub(crate) fn with_password(mut self, password: Option<&'a str>) -> Self {
        self.password = password;
        self
    }

    /// Whether there is such a part.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.indices.contains_key(&name.to_lowercase())
    }

    /// The names of all parts in small letters, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.indices.keys().map(String::as_str)
    }

    /// A part as a whole; `None` when there is none of that name, or only in the list of parts. Of a damaged part, what comes
    /// before the damage.
    ///
    /// # Errors
    /// When the part is encrypted, packed in a way that documents do not use, or too large.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, ExtractionError> {
        let Some(mut part) = self.open_part(name, PART_BYTES_MAX)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        match part.read_to_end(&mut content) {
            Err(error) if is_too_large(&error) => Err(too_large(name)),
            _ => Ok(Some(content)),
        }
    }

    /// A part to be read piece by piece, for those that may be larger than the memory.
    pub(crate) fn stream(&mut self, name: &str) -> Result<Option<PartStream<'_, 'a>>, ExtractionError> {
        let part = self.open_part(name, STREAM_BYTES_MAX)?;
        Ok(part.map(|part| BufReader::with_capacity(32 << 10, part)))
    }

    /// A part as XML; `None` when there is none of that name.
    pub(crate) fn xml(&mut self, name: &str) -> Result<Option<XmlReader<Cursor<Vec<u8>>>>, ExtractionError> {
        let part = self.read(name)?;
        Ok(part.map(|content| XmlReader::of_part(name, content)))
    }

    fn open_part(&mut self, name: &str, bytes_max: u64) -> Result<Option<Part<'_, 'a>>, ExtractionError> {
        let Some(index) = self.indices.get(&name.to_lowercase()).copied() else {
            return Ok(None);
        };
        let encrypted = self.zip.by_index_data(index).is_ok_and(|entry| entry.encrypted());
        // A wrong check sum tells that something is damaged, not that nothing can be read; of a locked part, that the password
        // is not the right one.
        let options = match (encrypted, self.password) {
            (false, _) => ZipReadOptions::new().ignore_crc32(true),
            (true, Some(password)) => ZipReadOptions::new().password(Some(password.as_bytes())),
            (true, None) => return Err(ExtractionError::locked(None)),
        };
        let file = match self.zip.by_index_with_options(index, options) {
            Ok(file) => file,
            Err(ZipError::InvalidPassword) => return Err(ExtractionError::locked(self.password)),
            Err(ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_))
                if encrypted =>
            {
                return Err(ExtractionError::Encrypted(
                    "its encryption is not supported".to_owned(),
                ));
            }
            Err(ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_)) => {
                return Err(ExtractionError::Unreadable(format!(
                    "{name} is packed in a way that documents do not use"
                )));
            }
            // It is not where the list of parts says: as good as not there.
            Err(_) => return Ok(None),
        };
        let by_ratio = file
            .compressed_size()
            .saturating_mul(RATIO_MAX)
            .max(RATIO_FREE_BYTES);
        Ok(Some(Part {
            file,
            left: by_ratio.min(bytes_max),
            budget: Rc::clone(&self.budget),
        }))
    }
}

/// A part that is read piece by piece.
pub(crate) type PartStream<'s, 'a> = BufReader<Part<'s, 'a>>;

/// Inflates, and counts what comes out.
pub(crate) struct Part<'s, 'a> {
    file: ZipFile<'s, Cursor<&'a [u8]>>,
    /// Bytes that may still come of this part.
    left: u64,
    /// Bytes that may still come of the whole archive.
    budget: Rc<Cell<u64>>,
}

impl Read for Part<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        let budget = self.budget.get();
        if bytes > self.left || bytes > budget {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.left -= bytes;
        self.budget.set(budget - bytes);
        Ok(read)
    }
}

/// Whether reading ended because there was more than there may be.
pub(crate) fn is_too_large(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

/// The error for a part with more bytes than there may be.
pub(crate) fn too_large(name: &str) -> ExtractionError {
    ExtractionError::TooLarge(format!("{name} grows beyond all bounds when it is unpacked"))
}

/// The name under which a part is found.
fn part_name(raw: &str) -> Result<String, ExtractionError> {
    let name = raw.replace('\\', "/");
    let nonsense =
        name.len() > NAME_BYTES_MAX || name.contains('\0') || name.split('/').any(|step| step == "..");
    if nonsense {
        return Err(ExtractionError::Unreadable(
            "the archive has an entry whose name is no name of a part".to_owned(),
        ));
    }
    Ok(name.trim_start_matches('/').to_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// Packs parts as an office program would.
    pub(crate) fn pack(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let stored = *name == "mimetype";
            let method = if stored {
                CompressionMethod::Stored
            } else {
                CompressionMethod::Deflated
            };
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn refusal(bytes: &[u8]) -> ExtractionError {
        Archive::open(bytes).err().unwrap()
    }

    #[test]
    fn parts_are_found_whatever_their_case_and_slashes() {
        let packed = pack(&[("Word\\Document.xml", b"one"), ("/docProps/core.xml", b"two")]);
        let mut archive = Archive::open(&packed).unwrap();
        assert_eq!(archive.read("word/document.xml").unwrap().unwrap(), b"one");
        assert_eq!(archive.read("docprops/CORE.xml").unwrap().unwrap(), b"two");
        assert!(archive.read("word/styles.xml").unwrap().is_none());
    }

    #[test]
    fn a_part_that_grows_a_thousandfold_is_refused_quickly() {
        let zeros = vec![b' '; 200 << 20];
        let packed = pack(&[("bomb.xml", &zeros)]);
        drop(zeros);
        assert!(packed.len() < 1 << 20);
        let started = Instant::now();
        let mut archive = Archive::open(&packed).unwrap();
        assert_eq!(archive.read("bomb.xml").unwrap_err().code(), "too_large");
        let mut stream = archive.stream("bomb.xml").unwrap().unwrap();
        let error = io::copy(&mut stream, &mut io::sink()).unwrap_err();
        assert!(is_too_large(&error));
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn many_parts_share_one_budget() {
        // Each stays within its own bounds.
        let part = vec![b' '; usize::try_from(RATIO_FREE_BYTES).unwrap()];
        let names: Vec<String> = (0..40).map(|number| format!("{number}.xml")).collect();
        let parts: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), part.as_slice()))
            .collect();
        let packed = pack(&parts);
        let mut archive = Archive::open(&packed).unwrap();
        let read = names.iter().take_while(|name| archive.read(name).is_ok()).count();
        assert_eq!(u64::try_from(read).unwrap(), TOTAL_BYTES_MAX / RATIO_FREE_BYTES);
    }

    #[test]
    fn a_million_entries_are_refused_before_they_are_read() {
        let header = [b"PK\x01\x02".as_slice(), &[0; 42]].concat();
        let bytes = header.repeat(1_000_000);
        let started = Instant::now();
        assert_eq!(refusal(&bytes).code(), "too_large");
        assert!(started.elapsed() < Duration::from_secs(10), "unoptimised");
    }

    #[test]
    fn names_that_lead_out_of_the_archive_are_refused() {
        for name in ["../word/document.xml", "a/../../b", "a\\..\\b", "a\0b"] {
            assert_eq!(refusal(&pack(&[(name, b"x")])).code(), "unreadable", "{name:?}");
        }
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(refusal(&pack(&[(&long, b"x")])).code(), "unreadable");
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_symlink("word/document.xml", "/etc/passwd", SimpleFileOptions::default())
            .unwrap();
        let packed = writer.finish().unwrap().into_inner();
        assert!(refusal(&packed).to_string().contains("a link in place of a file"));
    }

    #[test]
    fn entries_that_lie_over_each_other_are_refused() {
        // Two entries of the list, one place: the second header is made to point where the first one does.
        let mut packed = pack(&[("a.xml", &[b'a'; 100]), ("b.xml", &[b'a'; 100])]);
        let headers: Vec<usize> = (0..packed.len() - 4)
            .filter(|at| packed[*at..].starts_with(b"PK\x01\x02"))
            .collect();
        let first: [u8; 4] = packed[headers[0] + 42..][..4].try_into().unwrap();
        packed[headers[1] + 42..][..4].copy_from_slice(&first);
        assert!(refusal(&packed).to_string().contains("lie over each other"));
    }

    #[test]
    fn an_encrypted_part_says_so() {
        let mut packed = pack(&[("content.xml", b"<a/>")]);
        for signature in [b"PK\x03\x04", b"PK\x01\x02"] {
            let at = packed.windows(4).position(|window| window == signature).unwrap();
            packed[at + if signature == b"PK\x03\x04" { 6 } else { 8 }] |= 1;
        }
        let error = Archive::open(&packed).unwrap().read("content.xml").unwrap_err();
        assert_eq!(error.code(), "encrypted");
    }

    #[test]
    fn what_comes_before_the_damage_is_kept() {
        let text: Vec<u8> = (0..20_000_u32)
            .flat_map(|n| format!("{n} ").into_bytes())
            .collect();
        let mut packed = pack(&[("content.xml", &text)]);
        let middle = packed.len() / 2;
        packed[middle..middle + 4].copy_from_slice(&[0xFF; 4]);
        let mut archive = Archive::open(&packed).unwrap();
        let read = archive.read("content.xml").unwrap().unwrap();
        assert!(read.starts_with(&text[..1000]));
    }
}
