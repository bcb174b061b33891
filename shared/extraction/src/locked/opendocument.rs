//! OpenDocument behind a password: the parts of the archive are encrypted one by one, and its list of parts says how.

use std::collections::HashMap;
use std::io::{Cursor, Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{BLOCK_BYTES, Cipher, Hash, ROUNDS_MAX, unsupported};
use crate::ExtractionError;
use crate::archive::{Archive, PART_BYTES_MAX, TOTAL_BYTES_MAX, too_large};
use crate::xml::{Element, Node};

const MANIFEST: &str = "META-INF/manifest.xml";

/// The same document as an archive of readable parts; `None` when it is not locked.
pub(crate) fn unlock(archive: &mut Archive<'_>, password: &str) -> Result<Option<Vec<u8>>, ExtractionError> {
    // Newer programs can wrap the whole document into one encrypted part, with a key derivation of another kind.
    if archive.contains("encrypted-package") {
        return Err(unsupported());
    }
    let locks = read_locks(archive)?;
    if locks.is_empty() {
        return Ok(None);
    }
    let mut names: Vec<String> = archive.names().map(str::to_owned).collect();
    names.sort();
    let mut open = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut keys = HashMap::new();
    let mut bytes_left = TOTAL_BYTES_MAX;
    for name in names.iter().filter(|name| !name.eq_ignore_ascii_case(MANIFEST)) {
        let lock = locks.get(name.as_str());
        // Pictures and the like are not read, so they stay behind.
        if lock.is_some() && !name.ends_with(".xml") {
            continue;
        }
        let Some(mut content) = archive.read(name)? else {
            continue;
        };
        if let Some(lock) = lock {
            content = lock.open(name, content, password, &mut keys)?;
        }
        bytes_left = bytes_left
            .checked_sub(u64::try_from(content.len()).unwrap_or(u64::MAX))
            .ok_or_else(|| too_large(name))?;
        let written = open
            .start_file(name.as_str(), options)
            .map_err(std::io::Error::other)
            .and_then(|()| open.write_all(&content));
        written.map_err(|_| too_large(name))?;
    }
    let bytes = open.finish().map_err(|_| too_large(MANIFEST))?;
    Ok(Some(bytes.into_inner()))
}

/// How a part is locked; `None` in a field that is missing, or names something unknown.
#[derive(Default)]
struct Lock {
    vector: Option<[u8; BLOCK_BYTES]>,
    salt: Option<Vec<u8>>,
    rounds: Option<u32>,
    key_bytes: usize,
    is_known: bool,
    /// What the password is hashed with first.
    start: Option<Hash>,
    /// The digest of the first kilobyte, if it is there and of a known kind.
    check: Option<(Hash, Vec<u8>)>,
}

fn read_locks(archive: &mut Archive<'_>) -> Result<HashMap<String, Lock>, ExtractionError> {
    let mut locks: HashMap<String, Lock> = HashMap::new();
    let Some(mut xml) = archive.xml(MANIFEST)? else {
        return Ok(locks);
    };
    let mut part = String::new();
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        if element.name() == "file-entry" {
            part = element.attribute("full-path").unwrap_or_default().to_lowercase();
            continue;
        }
        if element.name() == "encryption-data" {
            locks.insert(part.clone(), Lock::new(&element));
        } else if let Some(lock) = locks.get_mut(&part) {
            lock.learn(&element);
        }
    }
    Ok(locks)
}

fn bytes(element: &Element<'_>, name: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(element.attribute(name)?.trim()).ok()
}

/// Digests by the last word of their names, which are addresses.
fn hash(element: &Element<'_>, name: &str) -> Option<Hash> {
    let address = element.attribute(name)?;
    match address.rsplit(['#', '/']).next()? {
        "SHA1" | "sha1" => Some(Hash::Sha1),
        "SHA256" | "sha256" => Some(Hash::Sha256),
        _ => None,
    }
}

impl Lock {
    fn new(element: &Element<'_>) -> Self {
        let kind = element.attribute("checksum-type").unwrap_or_default();
        // `SHA1/1K`, `…#sha256-1k`
        let hash = match kind.rsplit('#').next().unwrap_or_default() {
            "SHA1/1K" | "sha1-1k" => Some(Hash::Sha1),
            "sha256-1k" => Some(Hash::Sha256),
            _ => None,
        };
        Self {
            check: hash.zip(bytes(element, "checksum")),
            start: Some(Hash::Sha1),
            ..Self::default()
        }
    }

    fn learn(&mut self, element: &Element<'_>) {
        let name = |name| element.attribute(name).unwrap_or_default();
        match element.name() {
            "algorithm" => {
                let algorithm = name("algorithm-name");
                self.is_known = matches!(algorithm.rsplit('#').next(), Some("aes256-cbc" | "aes128-cbc"));
                self.key_bytes = if algorithm.ends_with("aes128-cbc") { 16 } else { 32 };
                self.vector = bytes(element, "initialisation-vector").and_then(|it| it.try_into().ok());
            }
            "key-derivation" => {
                let derivation = name("key-derivation-name");
                self.is_known &= derivation
                    .rsplit('#')
                    .next()
                    .is_some_and(|it| it.eq_ignore_ascii_case("pbkdf2"));
                self.salt = bytes(element, "salt");
                self.rounds = element
                    .number("iteration-count")
                    .filter(|rounds| *rounds <= ROUNDS_MAX);
            }
            "start-key-generation" => self.start = hash(element, "start-key-generation-name"),
            _ => {}
        }
    }

    /// Decrypts and unpacks a part.
    fn open(
        &self,
        part: &str,
        mut content: Vec<u8>,
        password: &str,
        keys: &mut HashMap<(Vec<u8>, u32), Vec<u8>>,
    ) -> Result<Vec<u8>, ExtractionError> {
        let (Some(vector), Some(salt), Some(rounds), Some(start), true) =
            (self.vector, &self.salt, self.rounds, self.start, self.is_known)
        else {
            return Err(unsupported());
        };
        // Programs that lock all parts with one salt spare their readers the time.
        let key = keys.entry((salt.clone(), rounds)).or_insert_with(|| {
            let mut key = vec![0; self.key_bytes];
            pbkdf2_hmac::<Sha1>(&start.of(&[password.as_bytes()]), salt, rounds, &mut key);
            key
        });
        let cipher = Cipher::new(key).ok_or_else(unsupported)?;
        cipher.decrypt_chained(&mut content, vector);
        // The last byte counts what fills up the last block.
        let filled = usize::from(content.last().copied().unwrap_or(0));
        content.truncate(content.len().saturating_sub(filled.min(BLOCK_BYTES)));
        let locked = || ExtractionError::locked(Some(password));
        if let Some((hash, expected)) = &self.check {
            let first = &content[..content.len().min(1024)];
            if hash.of(&[first]) != *expected {
                return Err(locked());
            }
        }
        inflate(part, &content).map(|plain| plain.ok_or_else(locked))?
    }
}

/// Unpacks a part, within the bound for parts. `None` when it is not packed data.
fn inflate(part: &str, packed: &[u8]) -> Result<Option<Vec<u8>>, ExtractionError> {
    let mut plain = Vec::new();
    let mut unpacking = flate2::read::DeflateDecoder::new(packed).take(PART_BYTES_MAX + 1);
    if unpacking.read_to_end(&mut plain).is_err() {
        return Ok(None);
    }
    if u64::try_from(plain.len()).unwrap_or(u64::MAX) > PART_BYTES_MAX {
        return Err(too_large(part));
    }
    Ok(Some(plain))
}
