#![allow(clippy::unwrap_used)]

use super::*;
use crate::ole::tests::compound;

fn record(number: u16, kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [
        &number.to_le_bytes()[..],
        &kind.to_le_bytes(),
        &length.to_le_bytes(),
        content,
    ]
    .concat()
}

fn container(kind: u16, content: &[Vec<u8>]) -> Vec<u8> {
    record(0xF, kind, &content.concat())
}

fn text(kind: u32, text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [
        record(0, TEXT_HEADER, &kind.to_le_bytes()),
        record(0, 0x0FA0, &units),
    ]
    .concat()
}

fn shape(content: &[Vec<u8>]) -> Vec<u8> {
    container(0xF004, &[container(0xF00D, content)])
}

fn placeholder(number: u8, content: &[Vec<u8>]) -> Vec<u8> {
    let about = record(0, 0x0BC3, &[0, 0, 0, 0, number, 0, 0, 0]);
    container(0xF004, &[container(0xF011, &[about]), container(0xF00D, content)])
}

fn entry(object: u32, id: u32) -> Vec<u8> {
    let numbers = [object, 0, 0, id, 0].map(u32::to_le_bytes);
    record(0, ENTRY, &numbers.concat())
}

fn list(instance: u16, content: &[Vec<u8>]) -> Vec<u8> {
    record((instance << 4) | 0xF, LIST_WITH_TEXT, &content.concat())
}

/// A show of these objects, numbered from one, the first of which is the document.
fn show(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut directory = Vec::new();
    let count = u32::try_from(objects.len()).unwrap();
    directory.extend(((count << 20) | 1).to_le_bytes());
    for object in objects {
        directory.extend(u32::try_from(stream.len()).unwrap().to_le_bytes());
        stream.extend(object);
    }
    let directory_at = u32::try_from(stream.len()).unwrap();
    stream.extend(record(0, DIRECTORY, &directory));
    let edit_at = u32::try_from(stream.len()).unwrap();
    let edit = [0, 0, 0, directory_at, 1, 0, 0].map(u32::to_le_bytes).concat();
    stream.extend(record(0, USER_EDIT, &edit));
    let current = [0, 0, 20, 0xE391_C05F, edit_at].map(u32::to_le_bytes).concat();
    compound(&[(STREAM, &stream), ("Current User", &current)])
}

fn read(file: &[u8]) -> Result<Extracted, ExtractionError> {
    extract(&CompoundFile::open(file).unwrap(), None, &Limits::default())
}

fn objects() -> Vec<Vec<u8>> {
    let about = |notes: u32| record(0, 0x03EF, &[[0; 16].as_slice(), &notes.to_le_bytes()].concat());
    let comment = container(
        0x2EE0,
        &[
            record(
                0,
                0x0FBA,
                &"Ida"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>(),
            ),
            record(
                1 << 4,
                0x0FBA,
                &"Too long"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>(),
            ),
        ],
    );
    let reference = |index: u32| record(0, 0x0F9E, &index.to_le_bytes());
    let document = container(
        DOCUMENT,
        &[
            list(
                0,
                &[
                    entry(3, 256),
                    text(0, "Second thoughts"),
                    entry(2, 257),
                    text(6, "Bees"),
                    text(1, "queen\rworkers\u{b}and drones"),
                    text(1, "nobody refers to this"),
                ],
            ),
            list(2, &[entry(4, 900)]),
        ],
    );
    let first = container(
        SLIDE,
        &[
            about(900),
            container(
                0xF003,
                &[
                    shape(&[reference(0)]),
                    container(0xF003, &[shape(&[text(4, "in a group")])]),
                    shape(&[reference(1)]),
                    placeholder(8, &[text(4, "17")]),
                ],
            ),
            container(0x1388, &[container(0x138A, &[record(0, 0x138B, &comment)])]),
        ],
    );
    let second = container(SLIDE, &[about(0), shape(&[reference(0)]), shape(&[text(4, "*")])]);
    let notes = container(
        slide::NOTES,
        &[
            placeholder(12, &[text(2, "Say it slowly")]),
            placeholder(9, &[text(4, "Club")]),
        ],
    );
    vec![document, first, second, notes]
}

#[test]
fn slides_come_in_the_order_of_the_show_with_notes_and_comments() {
    let read = read(&show(&objects())).unwrap();
    assert_eq!(
        read.pages,
        [
            "Second thoughts\n",
            "Bees\n\nin a group\n\nqueen\nworkers\nand drones\n\nnobody refers to this\n\nSay it slowly\n\nIda: Too long\n"
        ]
    );
    assert_eq!(read.metadata["slide_count"], "2");
    assert!(read.paged && !read.truncated);
    assert!(crate::markdown(&read).unwrap().contains("## Bees\n"));
}

#[test]
fn slides_whose_order_is_lost_are_read_as_they_lie() {
    let [_, first, second, _]: [Vec<u8>; 4] = objects().try_into().unwrap();
    let file = compound(&[(STREAM, &[second, first].concat())]);
    let read = read(&file).unwrap();
    assert_eq!(read.pages.len(), 2);
    assert!(read.pages[1].contains("in a group"));
}

#[test]
fn directories_and_records_in_circles_end() {
    let mut file = show(&objects());
    // The last edit says that the one before it was itself.
    let head = record(0, USER_EDIT, &[0; 28])[..8].to_vec();
    let at = file.windows(8).position(|bytes| bytes == head).unwrap();
    let stream_at = u32::try_from(at - 512 * 3).unwrap();
    file[at + 16..at + 20].copy_from_slice(&stream_at.to_le_bytes());
    assert_eq!(read(&file).unwrap().pages.len(), 2);
    let deep = (0..2_000).fold(text(4, "deep"), |inner, _| container(0xF003, &[inner]));
    let slide = container(SLIDE, &[deep]);
    let file = compound(&[(STREAM, &slide[..slide.len().min(50_000)])]);
    assert_eq!(read(&file).unwrap().pages.len(), 1);
}

#[test]
fn a_show_without_slides_or_with_an_unknown_lock_says_so() {
    let file = compound(&[(STREAM, b"nothing")]);
    assert_eq!(read(&file).unwrap_err().code(), "unreadable");
    let current = [0, 0, 20, LOCKED, 0].map(u32::to_le_bytes).concat();
    let file = compound(&[(STREAM, b"nothing"), ("Current User", &current)]);
    assert_eq!(read(&file).unwrap_err().code(), "unreadable");
}
