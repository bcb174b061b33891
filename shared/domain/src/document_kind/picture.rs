//! What the first bytes tell of pictures.

use super::DocumentKind;

/// The kind of pictures with this media type, under which their signature is listed; `None` for what is no picture, or one
/// that nobody here decodes.
pub(super) fn of_media_type(content: &str) -> Option<DocumentKind> {
    let mut pictures = DocumentKind::ALL.iter().copied().filter(|kind| kind.is_picture());
    pictures.find(|kind| kind.media_type() == content)
}

/// Bitmaps of Windows begin with two letters with which a text may begin as well, so their header has to make sense, too:
/// four bytes that are nothing, and one of the lengths that a header can have.
pub(super) fn is_bitmap(head: &[u8]) -> bool {
    const HEADER_BYTES: [u8; 7] = [12, 40, 52, 56, 64, 108, 124];

    head.starts_with(b"BM")
        && head.get(6..10) == Some(&[0; 4])
        && head
            .get(14..18)
            .is_some_and(|length| HEADER_BYTES.contains(&length[0]) && length[1..] == [0; 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_content_whatever_its_name() {
        let bitmap = [b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".as_slice(), &[0; 40]].concat();
        for (head, kind) in [
            (b"\x89PNG\r\n\x1A\n....".as_slice(), DocumentKind::Png),
            (b"\xFF\xD8\xFF\xE0....", DocumentKind::Jpeg),
            (b"II*\0....", DocumentKind::Tiff),
            (b"MM\0*....", DocumentKind::Tiff),
            (b"RIFF....WEBPVP8 ", DocumentKind::Webp),
            (b"GIF89a....", DocumentKind::Gif),
            (&bitmap, DocumentKind::Bmp),
        ] {
            for name in ["scan", "scan.pdf", "scan.txt"] {
                assert_eq!(DocumentKind::recognize(head, name), Ok(kind), "{name}");
            }
        }
    }

    #[test]
    fn a_text_that_begins_like_a_bitmap_stays_a_text() {
        let text = b"BMW and other makers met in Munich.";
        assert_eq!(DocumentKind::recognize(text, "news.txt"), Ok(DocumentKind::Text));
    }
}
