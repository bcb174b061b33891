//! Compound files (MS-CFB): a file system inside of a file, in which Office kept its documents until 2003, and keeps
//! messages, and documents with a password, until today.
//!
//! Chains of sectors are followed no further than the file has sectors, so that a chain that bites its own tail ends.

mod properties;

use std::collections::BTreeMap;

use crate::{Extracted, ExtractionError};

/// The first bytes of every compound file.
pub(crate) const SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Sector numbers from here on mean that there is no sector.
const NO_SECTOR: u32 = 0xFFFF_FFFA;
/// No entry of the directory.
const NO_ENTRY: u32 = 0xFFFF_FFFF;
const HEADER_BYTES: usize = 512;
const ENTRY_BYTES: usize = 128;
const MINI_SECTOR_BYTES: usize = 64;
/// Streams shorter than this lie in small sectors.
const MINI_STREAM_BYTES: u64 = 4096;
/// Entries of the directory that are looked at.
const ENTRIES_MAX: usize = 100_000;

/// An open compound file.
pub(crate) struct CompoundFile<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    /// For each sector the next one of its chain.
    next: Vec<u32>,
    /// The same for small sectors, and the stream that they are cut from.
    mini_next: Vec<u32>,
    mini_stream: Vec<u8>,
    /// What lies in which storage. Names do not differ by case, and are small here.
    entries: BTreeMap<(Storage, String), Entry>,
}

/// A folder of a compound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Storage(u32);

impl Storage {
    /// The one that holds all others.
    pub(crate) const TOP: Self = Self(0);
}

#[derive(Clone, Copy)]
enum Entry {
    Storage(Storage),
    Stream { first_sector: u32, length: u64 },
}

impl<'a> CompoundFile<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ExtractionError> {
        Self::read(bytes).ok_or_else(|| {
            ExtractionError::Unreadable("the compound file is damaged beyond reading".to_owned())
        })
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(SIGNATURE) {
            return None;
        }
        let sector_bytes = match number_u16(bytes, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut file = Self {
            bytes,
            sector_bytes,
            next: Vec::new(),
            mini_next: Vec::new(),
            mini_stream: Vec::new(),
            entries: BTreeMap::new(),
        };
        file.next = file.read_chains()?;
        let directory = file.chain(number_u32(bytes, 48)?, usize::MAX);
        let mini_next = file.chain(number_u32(bytes, 60)?, usize::MAX);
        file.mini_next = mini_next
            .as_chunks::<4>()
            .0
            .iter()
            .map(|number| u32::from_le_bytes(*number))
            .collect();
        file.read_directory(&directory)?;
        Some(file)
    }

    /// Whether there is a stream of that name at the top.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.length(Storage::TOP, name).is_some()
    }

    /// The content of a stream at the top, as far as it is there; `None` when there is none.
    pub(crate) fn stream(&self, name: &str) -> Option<Vec<u8>> {
        self.stream_in(Storage::TOP, name, usize::MAX)
    }

    /// The content of a stream in a storage, as far as it is there, and up to so many bytes; `None` when there is none.
    pub(crate) fn stream_in(&self, at: Storage, name: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let Entry::Stream { first_sector, length } = self.find(at, name)? else {
            return None;
        };
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(bytes_max);
        Some(if length < MINI_STREAM_BYTES {
            self.mini_chain(first_sector, wanted)
        } else {
            self.chain(first_sector, wanted)
        })
    }

    /// How many bytes a stream in a storage says that it has; `None` when there is none.
    pub(crate) fn length(&self, at: Storage, name: &str) -> Option<u64> {
        match self.find(at, name)? {
            Entry::Stream { length, .. } => Some(length),
            Entry::Storage(_) => None,
        }
    }

    /// The storage of that name in another.
    pub(crate) fn storage(&self, at: Storage, name: &str) -> Option<Storage> {
        match self.find(at, name)? {
            Entry::Storage(storage) => Some(storage),
            Entry::Stream { .. } => None,
        }
    }

    /// The storages in another whose names begin so, in the order of their names. The beginning is written small.
    pub(crate) fn storages<'s>(
        &'s self,
        at: Storage,
        beginning: &'s str,
    ) -> impl Iterator<Item = Storage> + 's {
        self.entries
            .range((at, beginning.to_owned())..)
            .take_while(move |((within, name), _)| *within == at && name.starts_with(beginning))
            .filter_map(|(_, entry)| match entry {
                Entry::Storage(storage) => Some(*storage),
                Entry::Stream { .. } => None,
            })
    }

    /// Notes what the document says of itself.
    pub(crate) fn describe(&self, extracted: &mut Extracted) {
        if let Some(content) = self.stream("\u{5}SummaryInformation") {
            properties::note(&content, extracted);
        }
    }

    fn find(&self, at: Storage, name: &str) -> Option<Entry> {
        self.entries.get(&(at, name.to_ascii_lowercase())).copied()
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = HEADER_BYTES.max(self.sector_bytes)
            + usize::try_from(number).ok()?.checked_mul(self.sector_bytes)?;
        let end = start.checked_add(self.sector_bytes)?.min(self.bytes.len());
        self.bytes.get(start..end).filter(|sector| !sector.is_empty())
    }

    fn sectors(&self) -> usize {
        self.bytes.len() / self.sector_bytes + 1
    }

    /// For each sector the next one: the table lies in sectors of its own, of which the header lists the first ones, and
    /// other sectors the rest.
    fn read_chains(&self) -> Option<Vec<u32>> {
        let mut tables: Vec<u32> = (0..109)
            .filter_map(|index| number_u32(self.bytes, 76 + 4 * index))
            .collect();
        let mut list = number_u32(self.bytes, 68)?;
        let mut lists = 0;
        while list < NO_SECTOR && lists < self.sectors() {
            let Some(sector) = self.sector(list) else { break };
            let (numbers, _) = sector.as_chunks::<4>();
            let (last, numbers) = numbers.split_last()?;
            tables.extend(numbers.iter().map(|number| u32::from_le_bytes(*number)));
            list = u32::from_le_bytes(*last);
            lists += 1;
        }
        let mut next = Vec::new();
        for table in tables.into_iter().filter(|table| *table < NO_SECTOR) {
            if next.len() > self.sectors() {
                break;
            }
            let sector = self.sector(table).unwrap_or_default();
            next.extend(
                sector
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|number| u32::from_le_bytes(*number)),
            );
        }
        Some(next)
    }

    /// The content of a chain of sectors, up to so many bytes.
    fn chain(&self, first: u32, bytes_max: usize) -> Vec<u8> {
        let mut content = Vec::new();
        let mut number = first;
        for _ in 0..self.sectors() {
            if content.len() >= bytes_max {
                break;
            }
            let Some(sector) = self.sector(number).filter(|_| number < NO_SECTOR) else {
                break;
            };
            content.extend_from_slice(sector);
            number = next_of(&self.next, number);
        }
        content.truncate(bytes_max);
        content
    }

    fn mini_chain(&self, first: u32, bytes_max: usize) -> Vec<u8> {
        let mut content = Vec::new();
        let mut number = first;
        for _ in 0..=self.mini_stream.len() / MINI_SECTOR_BYTES {
            if content.len() >= bytes_max {
                break;
            }
            let start = usize::try_from(number)
                .unwrap_or(usize::MAX)
                .saturating_mul(MINI_SECTOR_BYTES);
            let end = start
                .saturating_add(MINI_SECTOR_BYTES)
                .min(self.mini_stream.len());
            let Some(sector) = self
                .mini_stream
                .get(start..end)
                .filter(|sector| !sector.is_empty())
            else {
                break;
            };
            content.extend_from_slice(sector);
            number = next_of(&self.mini_next, number);
        }
        content.truncate(bytes_max);
        content
    }

    /// Finds what lies where: the children of a storage hang on each other as a tree.
    fn read_directory(&mut self, directory: &[u8]) -> Option<()> {
        let (entries, _) = directory.as_chunks::<ENTRY_BYTES>();
        let root = entries.first()?;
        self.mini_stream = self.chain(number_u32(root, 116)?, usize::MAX);
        let mut waiting = vec![(Storage::TOP, number_u32(root, 76)?)];
        let mut seen = vec![false; entries.len().min(ENTRIES_MAX)];
        // Nothing holds the one that holds all others.
        seen[0] = true;
        while let Some((at, number)) = waiting.pop() {
            let index = usize::try_from(number).ok()?;
            // Neither out of the directory, nor in circles.
            if number == NO_ENTRY || seen.get(index).is_none_or(|seen| *seen) {
                continue;
            }
            seen[index] = true;
            let bytes = &entries[index];
            waiting.extend([(at, number_u32(bytes, 68)?), (at, number_u32(bytes, 72)?)]);
            let entry = match bytes[66] {
                1 => {
                    let storage = Storage(number);
                    waiting.push((storage, number_u32(bytes, 76)?));
                    Entry::Storage(storage)
                }
                2 => Entry::Stream {
                    first_sector: number_u32(bytes, 116)?,
                    // Files of version 3 leave nonsense in the upper half.
                    length: u64::from(number_u32(bytes, 120)?),
                },
                _ => continue,
            };
            let name_bytes = usize::from(number_u16(bytes, 64)?).saturating_sub(2).min(62);
            let name = encoding_rs::UTF_16LE
                .decode_without_bom_handling(&bytes[..name_bytes])
                .0;
            self.entries.insert((at, name.to_ascii_lowercase()), entry);
        }
        Some(())
    }
}

/// The sector after another; none where the table ends.
fn next_of(table: &[u32], number: u32) -> u32 {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    table.get(index).copied().unwrap_or(NO_ENTRY)
}

fn number_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// A compound file with these streams, each padded to the length at which streams have sectors of their own.
    pub(crate) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let padded: Vec<Vec<u8>> = streams
            .iter()
            .map(|(_, content)| {
                let mut content = content.to_vec();
                content.resize(content.len().max(4096).next_multiple_of(512), 0);
                content
            })
            .collect();
        // Sector 0 is the table, sector 1 and following the directory, then come the streams.
        let directory_sectors = (streams.len() + 1).div_ceil(4);
        let mut table = vec![0xFFFF_FFFD_u32];
        let chain = |table: &mut Vec<u32>, sectors: usize| {
            let first = u32::try_from(table.len()).unwrap();
            for offset in 1..sectors {
                table.push(first + u32::try_from(offset).unwrap());
            }
            table.push(0xFFFF_FFFE);
            first
        };
        let directory_first = chain(&mut table, directory_sectors);
        let firsts: Vec<u32> = padded
            .iter()
            .map(|content| chain(&mut table, content.len() / 512))
            .collect();
        assert!(table.len() <= 128, "one table is enough for tests");
        table.resize(128, NO_ENTRY);

        let entry = |name: &str, kind: u8, right: u32, child: u32, first: u32, length: usize| {
            let mut entry = vec![0; ENTRY_BYTES];
            let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            entry[..units.len()].copy_from_slice(&units);
            entry[64..66].copy_from_slice(&u16::try_from(units.len() + 2).unwrap().to_le_bytes());
            entry[66] = kind;
            for (at, number) in [(68, NO_ENTRY), (72, right), (76, child), (116, first)] {
                entry[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            entry[120..124].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            entry
        };
        let mut directory = entry("Root Entry", 5, NO_ENTRY, 1, 0xFFFF_FFFE, 0);
        for (index, (name, _)) in streams.iter().enumerate() {
            let right = if index + 1 < streams.len() {
                u32::try_from(index + 2).unwrap()
            } else {
                NO_ENTRY
            };
            directory.extend(entry(
                name,
                2,
                right,
                NO_ENTRY,
                firsts[index],
                padded[index].len(),
            ));
        }
        directory.resize(directory_sectors * 512, 0);

        let mut file = vec![0; HEADER_BYTES];
        file[..8].copy_from_slice(SIGNATURE);
        file[30..32].copy_from_slice(&9_u16.to_le_bytes());
        file[32..34].copy_from_slice(&6_u16.to_le_bytes());
        for (at, number) in [
            (44, 1),
            (48, directory_first),
            (60, 0xFFFF_FFFE),
            (68, 0xFFFF_FFFE),
            (76, 0),
        ] {
            file[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
        }
        file[80..].fill(0xFF);
        file.extend(table.iter().flat_map(|number| number.to_le_bytes()));
        file.extend(directory);
        file.extend(padded.concat());
        file
    }

    #[test]
    fn streams_are_found_by_name() {
        let long = vec![7; 5000];
        let file = compound(&[("Workbook", b"cells"), ("Other", &long)]);
        let opened = CompoundFile::open(&file).unwrap();
        assert!(opened.contains("WORKBOOK") && !opened.contains("Book"));
        assert!(opened.stream("Workbook").unwrap().starts_with(b"cells"));
        assert!(opened.stream("other").unwrap().starts_with(&long));
        assert!(opened.stream("none").is_none());
    }

    #[test]
    fn storages_hold_streams_of_their_own() {
        let mut file = compound(&[
            ("Part_2", b""),
            ("Part_1", b""),
            ("Text", b"inner"),
            ("Text", b"outer"),
        ]);
        // The first two become storages; the first of them holds what hung behind the second.
        let entry = |number: usize, at: usize| 1024 + 128 * number + at;
        for number in [1, 2] {
            file[entry(number, 66)] = 1;
        }
        file[entry(1, 76)..][..4].copy_from_slice(&3_u32.to_le_bytes());
        file[entry(2, 72)..][..4].copy_from_slice(&4_u32.to_le_bytes());
        file[entry(3, 72)..][..4].copy_from_slice(&NO_ENTRY.to_le_bytes());
        let opened = CompoundFile::open(&file).unwrap();
        let storages: Vec<_> = opened.storages(Storage::TOP, "part_").collect();
        assert_eq!(storages, [Storage(2), Storage(1)], "in the order of their names");
        assert_eq!(opened.storage(Storage::TOP, "PART_2"), Some(Storage(1)));
        assert_eq!(opened.storage(Storage::TOP, "Text"), None);
        let text = |at, max| opened.stream_in(at, "Text", max);
        assert_eq!(text(Storage::TOP, 5).unwrap(), b"outer");
        assert_eq!(text(Storage(1), 2).unwrap(), b"in");
        assert_eq!(text(Storage(2), 5), None);
        assert_eq!(opened.length(Storage(1), "text"), Some(4096));
        assert_eq!(opened.stream("Part_1"), None);
    }

    #[test]
    fn chains_in_circles_end() {
        let mut file = compound(&[("Workbook", &[1; 5000]), ("Other", b"x")]);
        // The first sector of the first stream follows itself; the second entry is its own neighbour.
        file[512 + 4 * 2..][..4].copy_from_slice(&2_u32.to_le_bytes());
        file[1024 + 256 + 72..][..4].copy_from_slice(&2_u32.to_le_bytes());
        let opened = CompoundFile::open(&file).unwrap();
        assert!(opened.stream("Workbook").unwrap().len() <= file.len());
        assert!(opened.contains("Other"));
    }

    #[test]
    fn damaged_files_are_refused_or_read_as_far_as_they_go() {
        let file = compound(&[("Workbook", &[1; 5000])]);
        for length in 0..file.len() {
            if let Ok(opened) = CompoundFile::open(&file[..length]) {
                assert!(
                    opened
                        .stream("Workbook")
                        .is_none_or(|content| content.len() <= length)
                );
            }
        }
        assert_eq!(
            CompoundFile::open(&file[..100]).err().unwrap().code(),
            "unreadable"
        );
    }
}
