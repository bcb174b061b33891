//! Documents that open only with a password, other than PDF, which is unlocked where it is read.
//!
//! A password is only ever used to make a key, and the key only to make the document that lies behind it, which is then
//! read like any other. How often a password is hashed on the way is written in the document; the bounds here keep a
//! stranger from having it done for hours.

pub(crate) mod binary;
pub(crate) mod office;
pub(crate) mod opendocument;

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::ExtractionError;

/// Bytes that the cipher takes at once.
const BLOCK_BYTES: usize = 16;
/// How often a password may be hashed. Office asks for a hundred thousand, LibreOffice for as many.
const ROUNDS_MAX: u32 = 2_000_000;

/// AES with a key of one of its three lengths.
enum Cipher {
    Short(Aes128),
    Middle(Aes192),
    Long(Aes256),
}

impl Cipher {
    /// `None` for a key of another length.
    fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(Self::Short),
            24 => Aes192::new_from_slice(key).ok().map(Self::Middle),
            32 => Aes256::new_from_slice(key).ok().map(Self::Long),
            _ => None,
        }
    }

    fn decrypt_block(&self, block: &mut [u8; BLOCK_BYTES]) {
        let block = block.into();
        match self {
            Self::Short(cipher) => cipher.decrypt_block(block),
            Self::Middle(cipher) => cipher.decrypt_block(block),
            Self::Long(cipher) => cipher.decrypt_block(block),
        }
    }

    /// Each block by itself. What is left of a last block that is not whole stays as it is.
    fn decrypt(&self, content: &mut [u8]) {
        for block in content.as_chunks_mut().0 {
            self.decrypt_block(block);
        }
    }

    /// Each block with the one before it (CBC), beginning with `vector`.
    fn decrypt_chained(&self, content: &mut [u8], vector: [u8; BLOCK_BYTES]) {
        let mut before = vector;
        for block in content.as_chunks_mut().0 {
            let locked = *block;
            self.decrypt_block(block);
            for (byte, with) in block.iter_mut().zip(before) {
                *byte ^= with;
            }
            before = locked;
        }
    }
}

/// The digests that documents name.
#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            for part in parts {
                digest.update(part);
            }
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha1 => digest::<Sha1>(parts),
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
        }
    }
}

/// The first bytes of something, filled up if there are fewer.
fn sized(bytes: &[u8], length: usize, fill: u8) -> Vec<u8> {
    let mut sized = bytes[..bytes.len().min(length)].to_vec();
    sized.resize(length, fill);
    sized
}

pub(crate) fn unsupported() -> ExtractionError {
    ExtractionError::Encrypted("its encryption is not supported".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_decrypted_as_the_standard_wants_it() {
        // FIPS 197, appendix C.3; and chained with a vector of ones.
        let key: Vec<u8> = (0..32).collect();
        let locked = [
            0x8E, 0xA2, 0xB7, 0xCA, 0x51, 0x67, 0x45, 0xBF, 0xEA, 0xFC, 0x49, 0x90, 0x4B, 0x49, 0x60, 0x89,
        ];
        let plain: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
        let cipher = Cipher::new(&key).expect("a key of 32 bytes");
        let mut content = [locked, locked].concat();
        cipher.decrypt(&mut content);
        assert_eq!(content, [plain.clone(), plain.clone()].concat());
        let mut content = [locked, locked].concat();
        cipher.decrypt_chained(&mut content, [1; 16]);
        let turned: Vec<u8> = plain.iter().map(|byte| byte ^ 1).collect();
        let chained: Vec<u8> = plain.iter().zip(locked).map(|(byte, with)| byte ^ with).collect();
        assert_eq!(content, [turned, chained].concat());
        assert!(Cipher::new(&key[..20]).is_none());
    }
}
