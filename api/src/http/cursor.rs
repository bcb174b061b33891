//! Where a list goes on. Opaque and signed: clients cannot make one up, and ours may change its form at any time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;
use uuid::Uuid;

use crate::AuthSettings;
use crate::problem::Problem;

/// Bytes of the signature that are kept: guessing 64 bits over HTTP is hopeless, and short cursors are pleasant.
const SIGNATURE_BYTES: usize = 8;

/// Signs cursors. The same on every replica, for it follows from the keys in the settings.
#[derive(Clone)]
pub(crate) struct CursorKey([u8; 32]);

/// Where a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// After this item.
    After(Uuid),
    /// After so many items of a ranked list.
    Offset(u64),
    /// After this item of a list in the order of time: its second and its id.
    Behind(i64, Uuid),
}

impl CursorKey {
    pub(crate) fn derive(auth: &AuthSettings) -> Self {
        let secret = auth
            .keys
            .first()
            .map(|key| key.expose_secret().to_owned())
            .unwrap_or_default();
        let mut mac = mac(secret.as_bytes());
        mac.update(b"docmill cursor");
        Self(mac.finalize().into_bytes().into())
    }

    /// The text of a cursor for the list called `list`.
    pub(crate) fn write(&self, list: &str, position: Position) -> String {
        let payload = match position {
            Position::After(id) => [b"a".as_slice(), id.as_bytes()].concat(),
            Position::Offset(offset) => [b"o".as_slice(), &offset.to_be_bytes()].concat(),
            Position::Behind(second, id) => [b"b".as_slice(), &second.to_be_bytes(), id.as_bytes()].concat(),
        };
        let signature = self.sign(list, &payload);
        URL_SAFE_NO_PAD.encode([&signature[..SIGNATURE_BYTES], &payload].concat())
    }

    /// The position that a cursor of the list called `list` stands for.
    pub(crate) fn read(&self, list: &str, cursor: &str) -> Result<Position, Problem> {
        self.parse(list, cursor).ok_or_else(|| {
            Problem::invalid("query:cursor", "is not a cursor of this list; begin without one")
        })
    }

    fn parse(&self, list: &str, cursor: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signature, payload) = bytes.split_at_checked(SIGNATURE_BYTES)?;
        if self.sign(list, payload)[..SIGNATURE_BYTES] != *signature {
            return None;
        }
        match payload.split_first()? {
            (b'a', id) => Uuid::from_slice(id).ok().map(Position::After),
            (b'o', offset) => offset
                .try_into()
                .ok()
                .map(u64::from_be_bytes)
                .map(Position::Offset),
            (b'b', rest) => {
                let (second, id) = rest.split_at_checked(8)?;
                let second = i64::from_be_bytes(second.try_into().ok()?);
                Some(Position::Behind(second, Uuid::from_slice(id).ok()?))
            }
            _ => None,
        }
    }

    fn sign(&self, list: &str, payload: &[u8]) -> [u8; 32] {
        let mut mac = mac(&self.0);
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(payload);
        mac.finalize().into_bytes().into()
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> CursorKey {
        CursorKey([7; 32])
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        for position in [
            Position::After(Uuid::now_v7()),
            Position::Offset(50),
            Position::Behind(-7, Uuid::now_v7()),
        ] {
            let cursor = key().write("jobs", position);
            assert_eq!(key().parse("jobs", &cursor), Some(position));
            assert_eq!(key().parse("documents", &cursor), None);
            assert_eq!(CursorKey([8; 32]).parse("jobs", &cursor), None);
        }
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        let honest = key().write("jobs", Position::Offset(50));
        for cursor in [
            "",
            "x",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
            &honest[1..],
            &format!("{honest}AA"),
            "ä",
            "../..",
        ] {
            assert_eq!(key().parse("jobs", cursor), None, "{cursor}");
        }
    }

    proptest! {
        #[test]
        fn no_text_but_our_own_is_a_cursor(
            garbage in ".{0,200}",
            digits in "[A-Za-z0-9_-]{0,80}",
            offset in any::<u64>(),
            place in any::<prop::sample::Index>(),
            digit in "[A-Za-z0-9_-]",
        ) {
            prop_assert_eq!(key().parse("jobs", &garbage), None);
            prop_assert_eq!(key().parse("jobs", &digits), None);
            let honest = key().write("jobs", Position::Offset(offset));
            prop_assert_eq!(key().parse("jobs", &honest), Some(Position::Offset(offset)));
            let place = place.index(honest.len());
            let mut changed = honest.clone();
            changed.replace_range(place..=place, &digit);
            prop_assert!(changed == honest || key().parse("jobs", &changed).is_none());
            prop_assert_eq!(key().parse("jobs", &honest[..place]), None);
            changed.insert_str(place, &digit);
            prop_assert_eq!(key().parse("jobs", &changed), None);
        }
    }
}
