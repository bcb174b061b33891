//! How numbers are shown: cells hold bare numbers, and formats say which of them are dates, shares or sums of money
//! (ECMA-376, part 1, 18.8.30).
//!
//! Numbers are written as the sheet shows them. Dates and times are written in one way for all sheets, for only the reader's
//! own computer knows in which order a sheet would show day and month.

mod date;

use std::collections::HashMap;

pub(crate) use date::{iso_date_time, rfc_3339};

/// Decimals of a number; more are noise.
const DECIMALS_MAX: usize = 30;

/// The formats of a workbook, and which style of a cell has which of them.
#[derive(Default)]
pub(crate) struct NumberFormats {
    /// Codes by their number.
    codes: HashMap<u32, String>,
    /// The formats of the styles in their order.
    styles: Vec<Format>,
    /// Whether days are counted from 1904, as on the first Macintosh.
    pub(crate) from_1904: bool,
}

impl NumberFormats {
    /// Learns a format code. All codes come before all styles.
    pub(crate) fn add_code(&mut self, number: u32, code: String) {
        self.codes.insert(number, code);
    }

    /// Learns the next style, which has the format of that number.
    pub(crate) fn add_style(&mut self, number: u32) {
        let code = self
            .codes
            .get(&number)
            .map_or_else(|| built_in(number), String::as_str);
        self.styles.push(Format::parse(code));
    }

    /// What a cell with that style shows for a number.
    pub(crate) fn show(&self, style: usize, number: f64) -> String {
        match self.styles.get(style) {
            Some(format) => format.show(number, self.from_1904),
            None => general(number),
        }
    }
}

/// The codes that every program knows by number. Those of dates differ by country; what they have in common is that they
/// are dates.
fn built_in(number: u32) -> &'static str {
    match number {
        1 => "0",
        2 => "0.00",
        3 => "#,##0",
        4 => "#,##0.00",
        5..=8 | 41..=44 => "#,##0.00",
        9 => "0%",
        10 => "0.00%",
        11 => "0.00E+00",
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => "yyyy-mm-dd",
        18..=21 | 32..=35 | 55 | 56 => "hh:mm:ss",
        22 => "yyyy-mm-dd hh:mm",
        37 | 38 => "#,##0;(#,##0)",
        39 | 40 => "#,##0.00;(#,##0.00)",
        45 | 47 => "mm:ss",
        46 => "[h]:mm:ss",
        48 => "##0.0E+0",
        _ => "",
    }
}

/// A format code, ready to be used.
#[derive(Debug, Clone, PartialEq)]
enum Format {
    /// As the number is.
    General,
    Date(date::Shape),
    /// For numbers above zero, below, and zero itself; those that are missing are like the first.
    Numbers(Vec<Pattern>),
}

/// A section of a format code.
#[derive(Debug, Clone, PartialEq, Default)]
struct Pattern {
    before: String,
    after: String,
    integer_digits: usize,
    decimals_min: usize,
    decimals_max: usize,
    groups: bool,
    /// Digits of the exponent of scientific notation, if it is that.
    exponent_digits: Option<usize>,
    /// Times a hundred.
    percents: i32,
    /// By a thousand each.
    divisions: i32,
    /// Whether any digit is shown at all.
    has_digits: bool,
    /// Whether it is a fraction, or something else that is shown as a plain number here.
    is_plain: bool,
}

impl Format {
    fn parse(code: &str) -> Self {
        if code.is_empty() || code.eq_ignore_ascii_case("general") || code == "@" {
            return Self::General;
        }
        let sections = sections(code);
        if let Some(shape) = sections.first().and_then(|section| date::Shape::of(section)) {
            return Self::Date(shape);
        }
        Self::Numbers(
            sections
                .iter()
                .take(3)
                .map(|section| Pattern::parse(section))
                .collect(),
        )
    }

    fn show(&self, number: f64, from_1904: bool) -> String {
        match self {
            Self::General => general(number),
            Self::Date(shape) => shape.show(number, from_1904).unwrap_or_else(|| general(number)),
            Self::Numbers(patterns) => {
                let (pattern, number) = match (number, patterns.as_slice()) {
                    (_, []) => return general(number),
                    (_, [only]) => (only, number),
                    (0.0, [_, _, zero, ..]) => (zero, number),
                    // The section for negative numbers brings its own sign.
                    (_, [_, negative, ..]) if number < 0.0 => (negative, -number),
                    (_, [positive, ..]) => (positive, number),
                };
                pattern.show(number)
            }
        }
    }
}

/// A piece of a section, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign<'c> {
    /// A character that means something to formats.
    Code(char),
    /// Text to be shown as it is.
    Literal(&'c str),
    /// What stands in brackets: colours, conditions, currencies, elapsed time.
    Bracket(&'c str),
}

/// Cuts a code at the semicolons that are not quoted.
fn sections(code: &str) -> Vec<Vec<Sign<'_>>> {
    let mut sections = vec![Vec::new()];
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (sign, next) = match first {
            ';' => {
                sections.push(Vec::new());
                rest = after;
                continue;
            }
            '"' => {
                let (text, next) = after.split_once('"').unwrap_or((after, ""));
                (Some(Sign::Literal(text)), next)
            }
            '[' => {
                let (text, next) = after.split_once(']').unwrap_or((after, ""));
                (Some(Sign::Bracket(text)), next)
            }
            '\\' | '!' => {
                let length = after.chars().next().map_or(0, char::len_utf8);
                (Some(Sign::Literal(&after[..length])), &after[length..])
            }
            // As wide as the character behind it, or filled with it.
            '_' | '*' => {
                let length = after.chars().next().map_or(0, char::len_utf8);
                (None, &after[length..])
            }
            _ => (Some(Sign::Code(first)), after),
        };
        if let (Some(sign), Some(section)) = (sign, sections.last_mut()) {
            section.push(sign);
        }
        rest = next;
    }
    sections
}

impl Pattern {
    fn parse(section: &[Sign<'_>]) -> Self {
        let mut pattern = Self::default();
        let (mut in_decimals, mut commas) = (false, 0);
        let mut index = 0;
        while let Some(sign) = section.get(index) {
            index += 1;
            match *sign {
                Sign::Code(digit @ ('0' | '#' | '?')) => {
                    if let Some(digits) = &mut pattern.exponent_digits {
                        *digits += 1;
                    } else if in_decimals {
                        pattern.decimals_max += 1;
                        if digit == '0' {
                            pattern.decimals_min = pattern.decimals_max;
                        }
                    } else {
                        pattern.integer_digits += usize::from(digit == '0');
                        pattern.groups |= commas > 0;
                        commas = 0;
                    }
                    pattern.has_digits = true;
                }
                Sign::Code('.') if !in_decimals => in_decimals = true,
                Sign::Code(',') if pattern.has_digits => commas += 1,
                Sign::Code('%') => {
                    pattern.percents += 1;
                    pattern.literal("%");
                }
                Sign::Code('E' | 'e') if matches!(section.get(index), Some(Sign::Code('+' | '-'))) => {
                    pattern.exponent_digits = Some(0);
                    index += 1;
                }
                Sign::Code('/') => pattern.is_plain = true,
                Sign::Code('G' | 'g') => {
                    pattern.is_plain = true;
                    // The other letters of the word.
                    let letters = section[index..]
                        .iter()
                        .take_while(|sign| matches!(sign, Sign::Code(c) if c.is_ascii_alphabetic()));
                    index += letters.count();
                }
                Sign::Code('@') => {}
                Sign::Code(c) => pattern.literal(c.encode_utf8(&mut [0; 4])),
                Sign::Literal(text) => pattern.literal(text),
                Sign::Bracket(text) => {
                    // A currency, with the number of a language behind it.
                    if let Some(currency) = text.strip_prefix('$') {
                        pattern.literal(currency.split('-').next().unwrap_or_default());
                    }
                }
            }
        }
        pattern.divisions = commas;
        pattern.decimals_max = pattern.decimals_max.min(DECIMALS_MAX);
        pattern.decimals_min = pattern.decimals_min.min(DECIMALS_MAX);
        pattern
    }

    fn literal(&mut self, text: &str) {
        let side = if self.has_digits {
            &mut self.after
        } else {
            &mut self.before
        };
        side.push_str(text);
    }

    fn show(&self, number: f64) -> String {
        if !self.has_digits || self.is_plain || !number.is_finite() {
            // A section of words alone hides the number; here it is more use than the words.
            let words = [self.before.trim(), self.after.trim()].join("");
            return if self.has_digits || self.is_plain || words.is_empty() {
                general(number)
            } else {
                words
            };
        }
        let scaled = number * 100_f64.powi(self.percents) / 1000_f64.powi(self.divisions);
        let digits = match self.exponent_digits {
            Some(width) => scientific(scaled, self.decimals_max, width),
            None => self.fixed(scaled),
        };
        let (sign, digits) = match digits.strip_prefix('-') {
            // What rounds to nothing has no sign.
            Some(digits) if digits.chars().any(|c| matches!(c, '1'..='9')) => ("-", digits),
            Some(digits) => ("", digits),
            None => ("", digits.as_str()),
        };
        format!("{sign}{}{digits}{}", self.before, self.after)
            .trim()
            .to_owned()
    }

    /// The number with as many digits as wanted on both sides of the point.
    fn fixed(&self, number: f64) -> String {
        let rounded = format!("{:.*}", self.decimals_max, half_away(number, self.decimals_max));
        let (sign, rounded) = rounded
            .strip_prefix('-')
            .map_or(("", rounded.as_str()), |digits| ("-", digits));
        let (integer, decimals) = rounded.split_once('.').unwrap_or((rounded, ""));
        let kept = decimals.trim_end_matches('0').len().max(self.decimals_min);
        let integer = match integer {
            "0" if self.integer_digits == 0 && kept > 0 => "",
            _ => integer,
        };
        let mut text = sign.to_owned();
        text.extend(std::iter::repeat_n(
            '0',
            self.integer_digits
                .saturating_sub(integer.len())
                .min(DECIMALS_MAX),
        ));
        for (index, digit) in integer.chars().enumerate() {
            if self.groups && index > 0 && (integer.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if kept > 0 {
            text.push('.');
            text.push_str(&decimals[..kept]);
        }
        text
    }
}

fn scientific(number: f64, decimals: usize, exponent_digits: usize) -> String {
    let written = format!("{:.decimals$e}", half_away(number, decimals));
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}E{sign}{exponent:0>exponent_digits$}")
}

/// A number as it is, without the noise that computing leaves behind its fifteenth digit.
fn general(number: f64) -> String {
    /// Where fifteen digits are more than this, nothing is hidden behind them but more of the number.
    const PLAIN_DIGITS_MAX: usize = 12;

    if !number.is_finite() {
        return String::new();
    }
    let rounded = fifteen_digits(number);
    let digits = format!("{rounded:e}")
        .bytes()
        .take_while(|byte| *byte != b'e')
        .filter(u8::is_ascii_digit)
        .count();
    let number = if digits > PLAIN_DIGITS_MAX {
        number
    } else {
        rounded
    };
    let size = number.abs();
    if size >= 1e21 || (size > 0.0 && size < 1e-9) {
        let shortest = format!("{number:e}");
        let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        return format!("{mantissa}E{sign}{exponent}");
    }
    // Zero has no sign.
    if size == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// A number as it is written in a file, without that noise; other text as it is.
pub(crate) fn tidy(written: &str) -> String {
    match written.trim().parse() {
        Ok(number) => general(number),
        Err(_) => written.to_owned(),
    }
}

/// The number, moved away from zero by less than it can tell, so that halves are rounded up, as sheets do it, and not to the
/// even neighbour, as computers do.
fn half_away(number: f64, decimals: usize) -> f64 {
    /// With more decimals than this, the move itself would be seen.
    const VISIBLE_FROM: usize = 8;

    let number = fifteen_digits(number);
    if decimals < VISIBLE_FROM {
        number * (1.0 + 2e-15)
    } else {
        number
    }
}

fn fifteen_digits(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(code: &str, number: f64) -> String {
        Format::parse(code).show(number, false)
    }

    #[test]
    fn numbers_without_a_format_are_as_they_are() {
        for (number, shown) in [
            (0.0, "0"),
            (-0.0, "0"),
            (42.0, "42"),
            (0.1 + 0.2, "0.3"),
            (4.4_f64.next_up(), "4.4"),
            (-1234.5, "-1234.5"),
            (1e15, "1000000000000000"),
            (1.5e300, "1.5E+300"),
            (2e-12, "2E-12"),
            (1.041_392_685_158_225, "1.041392685158225"),
            (1_234_567_890_123_451.0, "1234567890123451"),
        ] {
            assert_eq!(show("General", number), shown);
        }
    }

    #[test]
    fn numbers_are_shown_with_their_format() {
        for (code, number, shown) in [
            ("0", 2.6, "3"),
            ("0.00", 1599.99, "1599.99"),
            ("#,##0.00", 1_234_567.891, "1,234,567.89"),
            ("#,##0", -999.0, "-999"),
            ("000", 7.0, "007"),
            ("#.##", 0.5, ".5"),
            ("0.0#", 2.5, "2.5"),
            ("0%", 0.256, "26%"),
            ("0%", 0.025, "3%"),
            ("0.00", 1.005, "1.01"),
            ("0", -0.5, "-1"),
            ("0.00E+00", 198_356_388.0, "1.98E+08"),
            ("#,##0,", 12_345_678.0, "12,346"),
            ("0.00 \"kg\"", 3.0, "3.00 kg"),
            ("[$€-407] #,##0.00", 5.5, "€ 5.50"),
            ("_($* #,##0.00_);_($* (#,##0.00)", -7.5, "$(7.50)"),
            ("0.00;[Red]-0.00;\"none\"", 0.0, "none"),
            ("0;-0;;@", 0.0, "0"),
            ("# ?/?", 2.5, "2.5"),
            ("0.00", -0.001, "0.00"),
        ] {
            assert_eq!(show(code, number), shown, "{code}");
        }
    }

    #[test]
    fn styles_find_their_formats() {
        let mut formats = NumberFormats::default();
        formats.add_code(164, "0.0\" km\"".to_owned());
        for number in [0, 164, 14, 9] {
            formats.add_style(number);
        }
        assert_eq!(formats.show(0, 1.25), "1.25");
        assert_eq!(formats.show(1, 1.25), "1.3 km");
        assert_eq!(formats.show(2, 44_197.0), "2021-01-01");
        assert_eq!(formats.show(3, 0.5), "50%");
        assert_eq!(formats.show(99, 7.0), "7", "a style that is not there");
    }

    #[test]
    fn strange_codes_do_no_harm() {
        let long = "0".repeat(500);
        for code in [
            "\"", "[", "\\", "_", "*", ";;;;", "0.", ".", "E+", "%", "[$", "@", "é\\é", &long,
        ] {
            for number in [0.0, -1.5, 1e300, f64::NAN, f64::INFINITY] {
                assert!(show(code, number).len() < 1000, "{code}");
            }
        }
    }
}
