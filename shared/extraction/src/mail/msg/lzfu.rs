//! Compressed RTF (MS-OXRTFCP), in which Outlook keeps the body of a message that was written with formatting.
//!
//! Pieces of the text that stood there before are told by their place in a ring of the last four thousand bytes, which
//! begins with what most such texts begin with.

/// Bytes of the ring.
const RING_BYTES: usize = 4096;
/// With what it begins.
const BEGINNING: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
/// Lengths, kind and check sum, before the content.
const HEADER_BYTES: usize = 16;
const COMPRESSED: &[u8] = b"LZFu";
const PLAIN: &[u8] = b"MELA";
/// A piece is 17 bytes at most and takes two, and an eighth of the byte that says so: more than this is never made of them.
const RATIO_MAX: usize = 9;

/// The RTF; `None` when it is not such a thing. Of a damaged one what comes before the damage, at most `bytes_max`.
pub(super) fn unpack(packed: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let (header, content) = packed.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let length = usize::try_from(length)
        .ok()?
        .min(bytes_max)
        .min(content.len().saturating_mul(RATIO_MAX));
    match &header[8..12] {
        COMPRESSED => Some(inflate(content, length)),
        PLAIN => Some(content[..content.len().min(length)].to_vec()),
        _ => None,
    }
}

fn inflate(content: &[u8], length: usize) -> Vec<u8> {
    let mut ring = [b' '; RING_BYTES];
    ring[..BEGINNING.len()].copy_from_slice(BEGINNING);
    let mut at = BEGINNING.len();
    let mut plain = Vec::with_capacity(length);
    let mut bytes = content.iter().copied();
    'runs: while let Some(kinds) = bytes.next() {
        for bit in 0..8 {
            if plain.len() >= length {
                break 'runs;
            }
            let Some(first) = bytes.next() else { break 'runs };
            if kinds >> bit & 1 == 0 {
                plain.push(first);
                ring[at] = first;
                at = (at + 1) % RING_BYTES;
                continue;
            }
            let Some(second) = bytes.next() else { break 'runs };
            // Twelve bits of place, four of length.
            let mut place = usize::from(first) << 4 | usize::from(second >> 4);
            if place == at {
                break 'runs;
            }
            for _ in 0..usize::from(second & 0x0F) + 2 {
                let byte = ring[place];
                place = (place + 1) % RING_BYTES;
                plain.push(byte);
                ring[at] = byte;
                at = (at + 1) % RING_BYTES;
            }
        }
    }
    plain.truncate(length);
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of MS-OXRTFCP, section 4.
    const SIMPLE: &[u8] = &[
        0x2D, 0, 0, 0, 0x2B, 0, 0, 0, 0x4C, 0x5A, 0x46, 0x75, 0xF1, 0xC5, 0xC7, 0xA7, 0x03, 0x00, 0x0A, 0x00,
        0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0A, 0xF3, 0x20, 0x68, 0x65, 0x6C, 0x09, 0x00,
        0x20, 0x62, 0x77, 0x05, 0xB0, 0x6C, 0x64, 0x7D, 0x0A, 0x80, 0x0F, 0xA0,
    ];
    const RING: &[u8] = &[
        0x1A, 0, 0, 0, 0x1C, 0, 0, 0, 0x4C, 0x5A, 0x46, 0x75, 0xE2, 0xD4, 0x4B, 0x51, 0x41, 0x00, 0x04, 0x20,
        0x57, 0x58, 0x59, 0x5A, 0x0D, 0x6E, 0x7D, 0x01, 0x0E, 0xB0,
    ];

    /// Packs without looking for repetitions, as a lazy program may.
    pub(in crate::mail::msg) fn pack(plain: &[u8]) -> Vec<u8> {
        let mut content: Vec<u8> = plain.chunks(8).flat_map(|run| [&[0], run].concat()).collect();
        let end = u16::try_from((BEGINNING.len() + plain.len()) % RING_BYTES).unwrap() << 4;
        match plain.len() % 8 {
            0 => content.push(1),
            used => {
                let kinds = content.len() - used - 1;
                content[kinds] = 1 << used;
            }
        }
        content.extend_from_slice(&end.to_be_bytes());
        let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let lengths = [number(content.len() + 12), number(plain.len())].concat();
        [&lengths, COMPRESSED, &[0; 4], &content].concat()
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        assert_eq!(
            unpack(SIMPLE, 1000).unwrap(),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
        assert_eq!(unpack(RING, 1000).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn what_is_not_packed_is_taken_as_it_is() {
        let plain = [
            &[0; 4],
            5_u32.to_le_bytes().as_slice(),
            PLAIN,
            &[0; 4],
            b"{\\rt}and more",
        ]
        .concat();
        assert_eq!(unpack(&plain, 1000).unwrap(), b"{\\rt}");
        assert!(unpack(b"LZFu", 1000).is_none());
        assert!(unpack(&[7; 40], 1000).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_packed_comes_out_again(plain in prop::collection::vec(any::<u8>(), 0..9000)) {
            prop_assert_eq!(unpack(&pack(&plain), 10_000).unwrap(), plain);
        }

        #[test]
        fn whatever_the_bytes_are_the_bound_holds(
            content in prop::collection::vec(any::<u8>(), 0..3000), length in any::<u32>(), bytes_max in 0..20_000_usize,
        ) {
            let packed = [&[0; 4], length.to_le_bytes().as_slice(), COMPRESSED, &[0; 4], &content].concat();
            let plain = unpack(&packed, bytes_max).unwrap();
            prop_assert!(plain.len() <= bytes_max && plain.len() <= content.len() * RATIO_MAX);
        }
    }
}
