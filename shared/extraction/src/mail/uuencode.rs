//! Files within the text of a message (uuencode), as they were sent before there were attachments, and by some programs long
//! after.

/// Files that are taken out of one text; the rest stays in it.
const FILES_MAX: usize = 200;

/// A file that stood in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Takes the files out of a text. What only begins like one, or is damaged, stays where it is.
pub(super) fn take_out(text: &str) -> (String, Vec<File>) {
    let mut files = Vec::new();
    let mut kept = String::new();
    let mut rest = text;
    while let Some((line, after)) = first_line(rest) {
        let name = name(line).filter(|_| files.len() < FILES_MAX);
        if let Some((file, behind)) = name.and_then(|name| file(name, after)) {
            files.push(file);
            rest = behind;
        } else {
            kept.push_str(&rest[..rest.len() - after.len()]);
            rest = after;
        }
    }
    (kept, files)
}

/// The name after `begin` and the rights of the file.
fn name(line: &str) -> Option<&str> {
    let (rights, name) = line.strip_prefix("begin ")?.split_once(' ')?;
    let is_octal = matches!(rights.len(), 3 | 4) && rights.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    Some(name.trim()).filter(|name| is_octal && !name.is_empty())
}

/// The file that begins here, and what stands behind its end.
fn file<'t>(name: &str, text: &'t str) -> Option<(File, &'t str)> {
    let mut file = File {
        name: name.to_owned(),
        bytes: Vec::new(),
    };
    let mut rest = text;
    loop {
        let (line, after) = first_line(rest)?;
        rest = after;
        if line.trim_end() == "end" {
            return Some((file, rest));
        }
        append_line(line, &mut file.bytes)?;
    }
}

/// Appends the bytes of a line: their number, then four characters for each three. Spaces at its end may have been lost.
fn append_line(line: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let mut values = line
        .bytes()
        .map(|c| matches!(c, b' '..=b'`').then(|| (c - b' ') & 0x3F));
    let mut left = usize::from(values.next().unwrap_or(Some(0))?);
    let mut next = || values.next().unwrap_or(Some(0));
    while left > 0 {
        let (a, b, c, d) = (next()?, next()?, next()?, next()?);
        let three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        bytes.extend(three.into_iter().take(left));
        left = left.saturating_sub(3);
    }
    Some(())
}

/// The first line without its end, and what stands behind it.
fn first_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    Some((line.strip_suffix('\r').unwrap_or(line), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_out_of_the_text_around_it() {
        let text = "See below.\r\nbegin 644 a b.txt\r\n#0V%T\r\n(:&5L;&\\@>6\\\r\n`\r\nend\r\nBye\r\n";
        let (kept, files) = take_out(text);
        assert_eq!(kept, "See below.\r\nBye\r\n");
        let file = File {
            name: "a b.txt".to_owned(),
            bytes: b"Cathello yo".to_vec(),
        };
        assert_eq!(files, [file]);
    }

    #[test]
    fn what_only_begins_like_a_file_stays() {
        for text in [
            "begin 644 a.txt\n#0V%T\n`\nno end",
            "begin 644 a.txt\nlower case letters are none\nend\n",
            "begin with 644 words\n`\nend\n",
            "begin 999 a.txt\n`\nend\n",
            "begin 644 \n`\nend",
            "",
        ] {
            assert_eq!(take_out(text), (text.to_owned(), Vec::new()));
        }
    }
}
