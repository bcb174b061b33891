//! The locks of Office 97 to 2003 (MS-OFFCRYPTO 2.3.5 to 2.3.7): RC4 with a key from MD5 or SHA-1, and before that bytes that are
//! only turned and mixed with the password.
//!
//! None of them keeps anything from anybody who wants it; they are opened so that their owners can read their documents.

use md5::{Digest, Md5};
use sha1::Sha1;

use crate::ExtractionError;
use crate::locked::unsupported;

/// With this password Excel locks workbooks that are only protected against changes. It opens them without asking.
const OPEN_TO_ALL: &str = "VelvetSweatshop";
/// The number of RC4 among ciphers.
const RC4: u32 = 0x6801;
/// Bytes of a key made of MD5 before the salt comes in: what the law allowed to be exported.
const EXPORT_BYTES: usize = 5;

/// What opens a document that is locked with RC4. Every block of it has a key of its own.
pub(crate) enum StreamLock {
    /// The first form, made with MD5.
    Md5([u8; EXPORT_BYTES]),
    /// That of Windows' own library, made with SHA-1.
    Sha1 { base: Vec<u8>, key_bytes: usize },
}

impl StreamLock {
    /// Tries the password on a description that begins with the version of the lock.
    ///
    /// # Errors
    /// When another password is needed, when the lock is of another kind, or when the description is damaged.
    pub(crate) fn open(about: &[u8], password: Option<&str>) -> Result<Self, ExtractionError> {
        let damaged =
            || ExtractionError::Unreadable("the description of its encryption is damaged".to_owned());
        let entered = password.unwrap_or(OPEN_TO_ALL);
        let entered: Vec<u8> = entered.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (version, rest) = about.split_at_checked(4).ok_or_else(damaged)?;
        let (lock, opens) = match (version[0], version[2]) {
            (1, 1) => Self::with_md5(rest, &entered).ok_or_else(damaged)?,
            (2..=4, 2) => {
                if number(rest, 8 + 8).ok_or_else(damaged)? != RC4 {
                    return Err(unsupported());
                }
                Self::with_sha1(rest, &entered).ok_or_else(damaged)?
            }
            _ => return Err(unsupported()),
        };
        if opens {
            Ok(lock)
        } else {
            Err(ExtractionError::locked(password))
        }
    }

    /// The lock, and whether the password opens it.
    fn with_md5(about: &[u8], entered: &[u8]) -> Option<(Self, bool)> {
        let (salt, rest) = about.split_at_checked(16)?;
        let mut verifier = rest.get(..32)?.to_vec();
        let hashed = Md5::digest(entered);
        let mut salted = Md5::new();
        for _ in 0..16 {
            salted.update(&hashed[..EXPORT_BYTES]);
            salted.update(salt);
        }
        let mut base = [0; EXPORT_BYTES];
        base.copy_from_slice(&salted.finalize()[..EXPORT_BYTES]);
        let lock = Self::Md5(base);
        lock.block(0).apply(&mut verifier);
        let (verifier, hash) = verifier.split_at(16);
        let opens = Md5::digest(verifier).as_slice() == hash;
        Some((lock, opens))
    }

    fn with_sha1(about: &[u8], entered: &[u8]) -> Option<(Self, bool)> {
        // Flags and the length of the header, then the header: flags, size, cipher, digest, bits of the key.
        let header_bytes = usize::try_from(number(about, 4)?).ok()?;
        let key_bits = match number(about, 8 + 16)? {
            0 => 40,
            bits => bits,
        };
        let rest = about.get(8_usize.checked_add(header_bytes)?..)?;
        // Before each of them stands its length.
        let salt = rest.get(4..20)?;
        let mut verifier = [rest.get(20..36)?, rest.get(40..60)?].concat();
        let mut base = Sha1::new();
        base.update(salt);
        base.update(entered);
        let lock = Self::Sha1 {
            base: base.finalize().to_vec(),
            key_bytes: usize::try_from(key_bits / 8)
                .ok()
                .filter(|bytes| (5..=16).contains(bytes))?,
        };
        lock.block(0).apply(&mut verifier);
        let (verifier, hash) = verifier.split_at(16);
        let opens = Sha1::digest(verifier).as_slice() == hash;
        Some((lock, opens))
    }

    /// What decrypts the block of that number, from its beginning.
    pub(crate) fn block(&self, block: u32) -> Keystream {
        let block = block.to_le_bytes();
        match self {
            Self::Md5(base) => {
                let key = Md5::new().chain_update(base).chain_update(block).finalize();
                Keystream::new(&key)
            }
            Self::Sha1 { base, key_bytes } => {
                let hashed = Sha1::new().chain_update(base).chain_update(block).finalize();
                let mut key = hashed[..*key_bytes].to_vec();
                if *key_bytes == EXPORT_BYTES {
                    key.resize(16, 0);
                }
                Keystream::new(&key)
            }
        }
    }

    /// Decrypts what is cut into blocks of so many bytes, the first of which has the number 0.
    pub(crate) fn decrypt(&self, content: &mut [u8], block_bytes: usize) {
        for (number, block) in (0_u32..).zip(content.chunks_mut(block_bytes)) {
            self.block(number).apply(block);
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// RC4: bytes that hide others, and show them again.
pub(crate) struct Keystream {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Keystream {
    /// The key has at least one byte.
    fn new(key: &[u8]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|index| u8::try_from(index).unwrap_or(0));
        let mut j = 0_u8;
        for (index, with) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[index]).wrapping_add(*with);
            state.swap(index, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    pub(crate) fn apply(&mut self, content: &mut [u8]) {
        for byte in content {
            self.i = self.i.wrapping_add(1);
            self.j = self.j.wrapping_add(self.state[usize::from(self.i)]);
            self.state.swap(usize::from(self.i), usize::from(self.j));
            let sum = self.state[usize::from(self.i)].wrapping_add(self.state[usize::from(self.j)]);
            *byte ^= self.state[usize::from(sum)];
        }
    }
}

/// What opens a workbook whose bytes are turned and mixed with sixteen others, which the password makes.
pub(crate) struct MixedLock([u8; 16]);

impl MixedLock {
    /// The key and the verifier are what the workbook holds of the password.
    ///
    /// # Errors
    /// When another password is needed.
    pub(crate) fn open(key: u16, verifier: u16, password: Option<&str>) -> Result<Self, ExtractionError> {
        /// What fills up a password that is shorter than the longest.
        const FILL: [u8; 15] = [
            0xBB, 0xFF, 0xFF, 0xBA, 0xFF, 0xFF, 0xB9, 0x80, 0x00, 0xBE, 0x0F, 0x00, 0xBF, 0x0F, 0x00,
        ];
        let entered: Vec<u8> = password
            .unwrap_or(OPEN_TO_ALL)
            .encode_utf16()
            .map(|unit| {
                let [low, high] = unit.to_le_bytes();
                if low == 0 { high } else { low }
            })
            .collect();
        let too_long = entered.len() > FILL.len();
        if too_long || mixed_key(&entered) != key || mixed_verifier(&entered) != verifier {
            return Err(ExtractionError::locked(password));
        }
        let mut bytes = [0; 16];
        for (index, (byte, from)) in bytes.iter_mut().zip(entered.iter().chain(&FILL)).enumerate() {
            *byte = (from ^ key.to_le_bytes()[index % 2]).rotate_left(2);
        }
        Ok(Self(bytes))
    }

    /// Decrypts the content of a record. The first byte is mixed with that of sixteen which follows from where it lies in the
    /// stream, plus the length of the record.
    pub(crate) fn decrypt(&self, content: &mut [u8], first: usize) {
        for (index, byte) in content.iter_mut().enumerate() {
            *byte = byte.rotate_left(3) ^ self.0[first.wrapping_add(index) % 16];
        }
    }
}

fn mixed_key(entered: &[u8]) -> u16 {
    /// The taps of a shift register of 16 bits.
    const TAPS: u16 = 0x1020;
    let turn = |register: u16| {
        let turned = register.rotate_left(1);
        if turned & 1 == 1 { turned ^ TAPS } else { turned }
    };
    if entered.is_empty() {
        return 0;
    }
    let (mut key, mut base, mut end) = (0, 0x8000, 0xFFFF);
    for byte in entered.iter().rev() {
        for bit in 0..8 {
            base = turn(base);
            if (byte & 0x7F) >> bit & 1 == 1 {
                key ^= base;
            }
            end = turn(end);
        }
    }
    key ^ end
}

fn mixed_verifier(entered: &[u8]) -> u16 {
    if entered.is_empty() {
        return 0;
    }
    let length = u16::try_from(entered.len()).unwrap_or(u16::MAX);
    entered
        .iter()
        .zip(1_u32..)
        .fold(length ^ 0xCE4B, |verifier, (byte, turns)| {
            // Turned to the left within fifteen bits.
            let (wide, turns) = (u32::from(*byte), turns % 15);
            let turned = (wide << turns | wide >> (15 - turns)) & 0x7FFF;
            verifier ^ u16::try_from(turned).unwrap_or(0)
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_cipher_gives_what_its_specification_says() {
        // RFC 6229: keys of 40 and of 128 bits.
        for (key_bytes, first) in [
            (5, [0xB2, 0x39, 0x63, 0x05, 0xF0, 0x3D, 0xC0, 0x27]),
            (16, [0x9A, 0xC7, 0xCC, 0x9A, 0x60, 0x9D, 0x1E, 0xF7]),
        ] {
            let key: Vec<u8> = (1..=key_bytes).collect();
            let mut content = [0; 8];
            Keystream::new(&key).apply(&mut content);
            assert_eq!(content, first);
        }
    }

    #[test]
    fn mixing_is_undone_with_the_right_password_only() {
        let (key, verifier) = (mixed_key(b"Obst"), mixed_verifier(b"Obst"));
        assert!(MixedLock::open(key, verifier, Some("obst")).is_err());
        assert!(MixedLock::open(key, verifier, Some("a password too long for it")).is_err());
        assert!(MixedLock::open(key, verifier, None).is_err());
        let lock = MixedLock::open(key, verifier, Some("Obst")).unwrap();
        let plain = *b"twelve bytes";
        let mut content = plain;
        for (index, byte) in content.iter_mut().enumerate() {
            *byte = (*byte ^ lock.0[(112 + index) % 16]).rotate_right(3);
        }
        assert_ne!(content, plain);
        lock.decrypt(&mut content, 112);
        assert_eq!(content, plain);
    }

    #[test]
    fn descriptions_that_break_off_are_damaged() {
        for about in [&[][..], &[1, 0, 1, 0], &[2, 0, 2, 0, 0, 0, 0, 0, 9]] {
            let error = StreamLock::open(about, Some("x")).err().unwrap();
            assert_eq!(error.code(), "unreadable");
        }
        let error = StreamLock::open(&[9, 0, 9, 0], Some("x")).err().unwrap();
        assert_eq!(error.code(), "encrypted");
    }
}
