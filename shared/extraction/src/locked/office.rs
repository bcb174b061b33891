//! Office Open XML behind a password (MS-OFFCRYPTO): a compound file with the encrypted archive and a description of how it
//! was locked, in one of two forms.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{BLOCK_BYTES, Cipher, Hash, ROUNDS_MAX, sized, unsupported};
use crate::ExtractionError;
use crate::ole::CompoundFile;
use crate::xml::{Element, Node, XmlReader};

/// With this password Excel locks workbooks that are only protected against changes. It opens them without asking.
const OPEN_TO_ALL: &str = "VelvetSweatshop";
/// Bytes that are chained together, in the newer form.
const SEGMENT_BYTES: usize = 4096;
/// What the hash of a password is hashed with, depending on what the key is for.
const FOR_VERIFIER: [u8; 8] = [0xFE, 0xA7, 0xD2, 0x76, 0x3B, 0x4B, 0x9E, 0x79];
const FOR_VERIFIER_HASH: [u8; 8] = [0xD7, 0xAA, 0x0F, 0x6D, 0x30, 0x61, 0x34, 0x4E];
const FOR_KEY: [u8; 8] = [0x14, 0x6E, 0x0B, 0xE7, 0xAB, 0xAC, 0xD0, 0xD6];
/// How often the older form hashes a password.
const STANDARD_ROUNDS: u32 = 50_000;

/// The archive that lies behind the password.
pub(crate) fn unlock(file: &CompoundFile<'_>, password: Option<&str>) -> Result<Vec<u8>, ExtractionError> {
    let damaged = || ExtractionError::Unreadable("the description of its encryption is damaged".to_owned());
    let about = file.stream("EncryptionInfo").ok_or_else(damaged)?;
    let package = file.stream("EncryptedPackage").ok_or_else(damaged)?;
    let (length, content) = package.split_at_checked(8).ok_or_else(damaged)?;
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    let mut content = content.to_vec();
    drop(package);
    let (version, rest) = about.split_at_checked(8).ok_or_else(damaged)?;
    let entered = password.unwrap_or(OPEN_TO_ALL);
    let entered: Vec<u8> = entered.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let opened = match (version[0], version[2]) {
        (4, 4) => Agile::read(rest)?.unlock(&entered, &mut content),
        (2..=4, 2) => Standard::read(rest)
            .ok_or_else(damaged)?
            .unlock(&entered, &mut content),
        _ => return Err(unsupported()),
    };
    if opened.is_none() {
        return Err(ExtractionError::locked(password));
    }
    content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(content)
}

/// The form of Office 2010 and later: everything is described in XML.
struct Agile {
    package: Lock,
    password: Lock,
    rounds: u32,
    verifier: Vec<u8>,
    verifier_hash: Vec<u8>,
    key: Vec<u8>,
}

/// How something is locked.
struct Lock {
    salt: Vec<u8>,
    hash: Hash,
    key_bytes: usize,
}

impl Lock {
    fn read(element: &Element<'_>) -> Option<Self> {
        let is = |name: &str, value: &str| element.attribute(name).is_some_and(|it| it == value);
        let chained = is("cipherAlgorithm", "AES") && is("cipherChaining", "ChainingModeCBC");
        let hash = match element.attribute("hashAlgorithm")?.as_ref() {
            "SHA1" | "SHA-1" => Hash::Sha1,
            "SHA256" | "SHA-256" => Hash::Sha256,
            "SHA384" | "SHA-384" => Hash::Sha384,
            "SHA512" | "SHA-512" => Hash::Sha512,
            _ => return None,
        };
        let key_bits: usize = element.number("keyBits")?;
        Some(Self {
            salt: bytes(element, "saltValue")?,
            hash,
            key_bytes: key_bits / 8,
        })
        .filter(|_| chained && is("blockSize", "16"))
    }

    /// Decrypts with a key made of `secret`, and the vector that belongs to it.
    fn decrypt(&self, key: &[u8], content: &mut [u8], vector: &[u8]) -> Option<()> {
        let vector = sized(vector, BLOCK_BYTES, 0x36);
        Cipher::new(key)?.decrypt_chained(content, vector.try_into().ok()?);
        Some(())
    }
}

fn bytes(element: &Element<'_>, name: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(element.attribute(name)?.trim()).ok()
}

impl Agile {
    fn read(about: &[u8]) -> Result<Self, ExtractionError> {
        let mut xml = XmlReader::of_part("EncryptionInfo", about.to_vec());
        let mut package = None;
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            match element.name() {
                "keyData" => package = Lock::read(&element),
                // Of several ways to open it, that with a password.
                "encryptedKey" => {
                    let read = || {
                        Some(Self {
                            package: package.take()?,
                            password: Lock::read(&element)?,
                            rounds: element
                                .number("spinCount")
                                .filter(|rounds| *rounds <= ROUNDS_MAX)?,
                            verifier: bytes(&element, "encryptedVerifierHashInput")?,
                            verifier_hash: bytes(&element, "encryptedVerifierHashValue")?,
                            key: bytes(&element, "encryptedKeyValue")?,
                        })
                    };
                    return { read }().ok_or_else(unsupported);
                }
                _ => {}
            }
        }
        Err(unsupported())
    }

    /// `None` when the password is another one.
    fn unlock(mut self, password: &[u8], content: &mut [u8]) -> Option<()> {
        let Lock {
            salt,
            hash,
            key_bytes,
        } = &self.password;
        let mut hashed = hash.of(&[salt, password]);
        for round in 0..self.rounds {
            hashed = hash.of(&[&round.to_le_bytes(), &hashed]);
        }
        let open = |locked: &mut [u8], purpose: [u8; 8]| {
            let key = sized(&hash.of(&[&hashed, &purpose]), *key_bytes, 0x36);
            self.password.decrypt(&key, locked, salt)
        };
        open(&mut self.verifier, FOR_VERIFIER)?;
        open(&mut self.verifier_hash, FOR_VERIFIER_HASH)?;
        let expected = hash.of(&[&self.verifier]);
        if self.verifier_hash.get(..expected.len()) != Some(&expected) {
            return None;
        }
        open(&mut self.key, FOR_KEY)?;
        let Lock {
            salt,
            hash,
            key_bytes,
        } = &self.package;
        let key = self.key.get(..*key_bytes)?;
        for (number, segment) in (0_u32..).zip(content.chunks_mut(SEGMENT_BYTES)) {
            let vector = hash.of(&[salt, &number.to_le_bytes()]);
            self.package.decrypt(key, segment, &vector)?;
        }
        Some(())
    }
}

/// The form of Office 2007: a few numbers, AES and SHA-1.
struct Standard {
    key_bytes: usize,
    salt: [u8; 16],
    verifier: [u8; 16],
    verifier_hash: [u8; 32],
}

impl Standard {
    fn read(about: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = about.get(at..at + 4)?;
            usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
        };
        let header = number(0)?;
        // After the length: flags, size, cipher, digest, bits of the key.
        let key_bits = number(4 + 16)?;
        let verifier = about.get(header.checked_add(4)?..)?;
        Some(Self {
            key_bytes: key_bits / 8,
            // Before each of them stands its length.
            salt: verifier.get(4..20)?.try_into().ok()?,
            verifier: verifier.get(20..36)?.try_into().ok()?,
            verifier_hash: verifier.get(40..72)?.try_into().ok()?,
        })
    }

    /// `None` when the password is another one.
    fn unlock(mut self, password: &[u8], content: &mut [u8]) -> Option<()> {
        let hash = Hash::Sha1;
        let mut hashed = hash.of(&[&self.salt, password]);
        for round in 0..STANDARD_ROUNDS {
            hashed = hash.of(&[&round.to_le_bytes(), &hashed]);
        }
        let hashed = hash.of(&[&hashed, &0_u32.to_le_bytes()]);
        let half = |with: u8| {
            let mut half = [with; 64];
            for (byte, of_hash) in half.iter_mut().zip(&hashed) {
                *byte ^= of_hash;
            }
            hash.of(&[&half])
        };
        let key = [half(0x36), half(0x5C)].concat();
        let cipher = Cipher::new(key.get(..self.key_bytes)?)?;
        cipher.decrypt(&mut self.verifier);
        cipher.decrypt(&mut self.verifier_hash);
        let expected = hash.of(&[&self.verifier]);
        if self.verifier_hash[..expected.len()] != expected {
            return None;
        }
        cipher.decrypt(content);
        Some(())
    }
}
