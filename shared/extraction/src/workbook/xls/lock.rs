//! Workbooks behind a password: what lies in their records is hidden, the types and lengths of the records are not, nor what
//! Excel reads before it asks (MS-XLS 2.2.10).

use super::Records;
use crate::ExtractionError;
use crate::locked::binary::{MixedLock, StreamLock};
use crate::locked::unsupported;

/// The record that describes the lock.
const FILE_PASS: u16 = 0x002F;
/// The record that names a sheet; where the sheet begins is not hidden.
const BOUND_SHEET: u16 = 0x0085;
/// Records that are not hidden at all: beginnings, the lock itself, and who has the workbook open.
const OPEN: [u16; 7] = [0x0809, FILE_PASS, 0x00E1, 0x0194, 0x0195, 0x0196, 0x0138];
/// Bytes that share a key.
const BLOCK_BYTES: usize = 1024;

/// Shows what is hidden in the stream of a workbook, if anything is.
///
/// # Errors
/// When it needs another password, or is locked in an unknown way.
pub(super) fn undo(stream: &mut [u8], password: Option<&str>) -> Result<(), ExtractionError> {
    let Some(about) = description(stream) else {
        return Ok(());
    };
    let damaged = || ExtractionError::Unreadable("the description of its encryption is damaged".to_owned());
    let pair = |bytes: &[u8]| match *bytes {
        [a, b, c, d, ..] => Ok((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))),
        _ => Err(damaged()),
    };
    match about.as_slice() {
        // Before Excel 97 there was only one way, and no need to name it.
        [_, _, _, _] | [0, 0, ..] => {
            let (key, verifier) = pair(if about.len() == 4 { &about } else { &about[2..] })?;
            let lock = MixedLock::open(key, verifier, password)?;
            each_hidden(stream, |at, length, content| lock.decrypt(content, at + length));
        }
        [1, 0, rest @ ..] => {
            let lock = StreamLock::open(rest, password)?;
            // The key goes on over what is not hidden.
            let mut shown = stream.to_vec();
            lock.decrypt(&mut shown, BLOCK_BYTES);
            each_hidden(stream, |at, _, content| {
                content.copy_from_slice(&shown[at..at + content.len()]);
            });
        }
        _ => return Err(unsupported()),
    }
    Ok(())
}

/// What the workbook says of its lock; `None` without one. It stands before everything that is hidden.
fn description(stream: &[u8]) -> Option<Vec<u8>> {
    /// Nothing but a few records of a program's own stands before it.
    const RECORDS_MAX: usize = 100;
    let mut records = Records::new(stream, 0);
    for _ in 0..RECORDS_MAX {
        let record = records.next()?;
        if record.kind == FILE_PASS {
            return Some(record.bytes.to_vec());
        }
    }
    None
}

/// Calls `show` with every hidden piece: where it begins, the length of its record, and the piece itself.
fn each_hidden(stream: &mut [u8], mut show: impl FnMut(usize, usize, &mut [u8])) {
    let mut at = 0;
    while let Some([k0, k1, l0, l1]) = stream.get(at..at + 4) {
        let kind = u16::from_le_bytes([*k0, *k1]);
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        let start = at + 4;
        let end = (start + length).min(stream.len());
        let open = match kind {
            _ if OPEN.contains(&kind) => length,
            BOUND_SHEET => 4,
            _ => 0,
        };
        let hidden = (start + open).min(end);
        show(hidden, length, &mut stream[hidden..end]);
        at = end;
    }
}
