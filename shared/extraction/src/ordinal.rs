//! Numbers as lists write them: digits, letters, Roman numerals.

/// A number as a list writes it; as digits where the way of writing is none of the Latin ones.
pub(crate) fn number(number: u32, format: &str) -> String {
    match format {
        "lowerLetter" => letters(number),
        "upperLetter" => letters(number).to_uppercase(),
        "lowerRoman" => roman(number),
        "upperRoman" => roman(number).to_uppercase(),
        "decimalZero" => format!("{number:02}"),
        _ => number.to_string(),
    }
}

/// a to z, then aa, bb and so on.
fn letters(number: u32) -> String {
    let Some(index) = number.checked_sub(1) else {
        return "0".to_owned();
    };
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
    let times = usize::try_from(index / 26 + 1).unwrap_or(1).min(30);
    std::iter::repeat_n(letter, times).collect()
}

fn roman(number: u32) -> String {
    const SIGNS: [(u32, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    if !(1..4000).contains(&number) {
        return number.to_string();
    }
    let (mut left, mut text) = (number, String::new());
    for (value, sign) in SIGNS {
        while left >= value {
            text.push_str(sign);
            left -= value;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_every_latin_way() {
        assert_eq!(number(4, "decimal"), "4");
        assert_eq!(number(4, "decimalZero"), "04");
        assert_eq!([1, 26, 27].map(|n| number(n, "lowerLetter")), ["a", "z", "aa"]);
        assert_eq!([4, 1999].map(|n| number(n, "upperRoman")), ["IV", "MCMXCIX"]);
        assert_eq!(number(5000, "lowerRoman"), "5000");
        assert_eq!(number(0, "upperLetter"), "0");
    }
}
