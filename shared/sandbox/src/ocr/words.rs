//! From the table that `tesseract` writes to a text.

use extraction::Reading;

/// The level of the table's lines that are words; the others are what words stand in.
const WORD: &str = "5";
/// Below, a word is a guess at a stain.
const CONFIDENCE_MIN: f64 = 25.0;
/// A page whose words are this unsure on the whole has no text: it is a photograph, or in a script that is not known.
const PAGE_CONFIDENCE_MIN: f64 = 40.0;

/// The words of a table, line by line and paragraph by paragraph. Columns: level, page, block, paragraph, line, word,
/// left, top, width, height, confidence, text.
pub(super) fn reading(table: &str) -> Reading {
    let mut reading = Reading::default();
    let mut last: Option<[&str; 3]> = None;
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(12, '\t').collect();
        let [WORD, _, block, paragraph, line, _, _, _, _, _, confidence, word] = columns.as_slice() else {
            continue;
        };
        let confidence: f64 = confidence
            .parse()
            .ok()
            .filter(|it: &f64| it.is_finite())
            .unwrap_or(0.0);
        let word = word.trim();
        if word.is_empty() || confidence < CONFIDENCE_MIN {
            continue;
        }
        let place = [*block, *paragraph, *line];
        match last {
            None => {}
            Some(last) if last == place => reading.text.push(' '),
            Some(last) if last[..2] == place[..2] => reading.text.push('\n'),
            Some(_) => reading.text.push_str("\n\n"),
        }
        reading.text.push_str(word);
        reading.words += 1;
        reading.confidence_sum += confidence.min(100.0);
        last = Some(place);
    }
    if reading.confidence_sum < PAGE_CONFIDENCE_MIN * f64::from(reading.words) {
        return Reading::default();
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
        1\t1\t0\t0\t0\t0\t0\t0\t1654\t2339\t-1\t\n2\t1\t1\t0\t0\t0\t10\t10\t20\t20\t-1\t\n";

    fn word(place: &str, confidence: &str, word: &str) -> String {
        format!("5\t1\t{place}\t1\t10\t10\t20\t20\t{confidence}\t{word}\n")
    }

    #[test]
    fn lines_and_paragraphs_come_out_as_such() {
        let table = [
            HEAD.to_owned(),
            word("1\t1\t1", "96.1", "Rent"),
            word("1\t1\t1", "91", "for"),
            word("1\t1\t2", "88", "May"),
            word("1\t2\t1", "90", "Paid"),
            word("2\t1\t1", "90", "Signed"),
        ]
        .concat();
        let reading = reading(&table);
        assert_eq!(reading.text, "Rent for\nMay\n\nPaid\n\nSigned");
        assert_eq!(reading.words, 5);
        assert!((reading.confidence_sum - 455.1).abs() < 0.01);
    }

    #[test]
    fn stains_are_no_words_and_photographs_have_no_text() {
        let table = [
            HEAD.to_owned(),
            word("1\t1\t1", "90", "Rent"),
            word("1\t1\t1", "4.5", "~|'"),
        ]
        .concat();
        assert_eq!(reading(&table).text, "Rent");
        let table = [
            HEAD.to_owned(),
            word("1\t1\t1", "31", "~|'"),
            word("1\t1\t1", "30", "Ee"),
        ]
        .concat();
        assert_eq!(reading(&table), Reading::default());
    }

    #[test]
    fn what_is_no_table_has_no_words() {
        for table in [
            "",
            "\n\n",
            "5\t1\t1",
            "5\t1\t1\t1\t1\t1\t1\t1\t1\t1\tNaN\tword",
            "\u{0}\t5",
        ] {
            assert_eq!(reading(table), Reading::default(), "{table:?}");
        }
    }
}
