//! The control words that matter (Rich Text Format Specification 1.9.1), and the code pages that fonts stand for.

use encoding_rs::Encoding;

/// Where the text of a group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// To the reader.
    Text,
    /// Nowhere: settings, pictures, instructions.
    Nowhere,
    /// Nowhere, but the fonts are learned.
    Fonts,
    /// Among the document's properties, under that key.
    Property(&'static str),
    /// A point in time among the properties, written with a word for each field.
    Time(&'static str),
}

/// What a control word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A character by its Unicode number.
    Unicode,
    /// How many characters stand behind such a number for old readers.
    Fallback,
    /// The code page of the document.
    CodePage,
    /// The code page of old Macintosh computers.
    Macintosh,
    /// A font by its number.
    Font,
    /// The character set of the font that is described.
    CharacterSet,
    /// Everything as at the beginning.
    Plain,
    /// Text that is not shown, or that was deleted.
    Hidden,
    /// The group's text goes there.
    Destination(Destination),
    /// The group is a footnote, an annotation or a footer: its text comes behind that of the body.
    Note,
    /// Year, month, day, hour or minute of a point in time.
    TimeField(usize),
    /// Stands for that text.
    Text(&'static str),
    Tab,
    Line,
    Paragraph,
    /// Paragraphs are as usual again.
    UsualParagraph,
    /// The paragraph is a heading of this level, counted from zero; nine means none.
    OutlineLevel,
    /// Lists around the list of the paragraph.
    ListLevel,
    /// The group holds the bullet or number of the paragraph.
    Label,
    /// The row names the columns.
    HeaderRow,
    /// A paragraph in a table.
    RowBegins,
    /// A cell ends.
    Cell,
    RowEnds,
    /// Nothing that matters.
    Nothing,
}

/// Groups that say they may be passed over, and hold text nevertheless.
pub(super) const STARRED_WITH_TEXT: &[&[u8]] = &[b"annotation", b"shpinst", b"shptxt"];

pub(super) fn meaning(word: &[u8]) -> Word {
    use Destination::{Fonts, Nowhere, Property, Time};
    match word {
        b"u" => Word::Unicode,
        b"uc" => Word::Fallback,
        b"ansicpg" => Word::CodePage,
        b"mac" => Word::Macintosh,
        b"f" => Word::Font,
        b"fcharset" => Word::CharacterSet,
        b"plain" => Word::Plain,
        b"v" | b"deleted" => Word::Hidden,
        b"footnote" | b"annotation" | b"footer" | b"footerl" | b"footerr" | b"footerf" => Word::Note,
        b"yr" => Word::TimeField(0),
        b"mo" => Word::TimeField(1),
        b"dy" => Word::TimeField(2),
        b"hr" => Word::TimeField(3),
        b"min" => Word::TimeField(4),
        b"tab" => Word::Tab,
        b"line" | b"lbr" | b"softline" => Word::Line,
        b"par" | b"sect" | b"page" | b"column" => Word::Paragraph,
        b"pard" => Word::UsualParagraph,
        b"outlinelevel" => Word::OutlineLevel,
        b"ilvl" => Word::ListLevel,
        b"listtext" | b"pntext" => Word::Label,
        b"trhdr" => Word::HeaderRow,
        b"trowd" | b"intbl" => Word::RowBegins,
        b"cell" | b"nestcell" => Word::Cell,
        b"row" => Word::RowEnds,
        b"emdash" => Word::Text("—"),
        b"endash" => Word::Text("–"),
        b"lquote" => Word::Text("‘"),
        b"rquote" => Word::Text("’"),
        b"ldblquote" => Word::Text("“"),
        b"rdblquote" => Word::Text("”"),
        b"bullet" => Word::Text("•"),
        b"emspace" | b"enspace" | b"qmspace" => Word::Text(" "),
        b"title" => Word::Destination(Property("title")),
        b"author" => Word::Destination(Property("author")),
        b"subject" => Word::Destination(Property("subject")),
        b"keywords" => Word::Destination(Property("keywords")),
        b"creatim" => Word::Destination(Time("created_at")),
        b"revtim" => Word::Destination(Time("modified_at")),
        b"fonttbl" => Word::Destination(Fonts),
        _ if WITHOUT_TEXT.contains(&word) => Word::Destination(Nowhere),
        _ => Word::Nothing,
    }
}

/// Groups whose text is not for readers. Those that begin with a star are passed over anyway.
const WITHOUT_TEXT: &[&[u8]] = &[
    b"atnauthor",
    b"atndate",
    b"atnicn",
    b"atnid",
    b"atnparent",
    b"atnref",
    b"atntime",
    b"atrfend",
    b"atrfstart",
    b"background",
    b"bkmkend",
    b"bkmkstart",
    b"buptim",
    b"category",
    b"colortbl",
    b"comment",
    b"company",
    b"doccomm",
    b"falt",
    b"filetbl",
    b"fldinst",
    b"fname",
    b"fontemb",
    b"formfield",
    b"ftncn",
    b"ftnsep",
    b"ftnsepc",
    b"aftncn",
    b"aftnsep",
    b"aftnsepc",
    b"generator",
    b"hlinkbase",
    b"keycode",
    b"listname",
    b"listoverridetable",
    b"listtable",
    b"leveltext",
    b"levelnumbers",
    b"manager",
    b"mmathPr",
    b"nonesttables",
    b"nonshppict",
    b"objalias",
    b"objclass",
    b"objdata",
    b"objname",
    b"objsect",
    b"objtime",
    b"operator",
    b"panose",
    b"pict",
    b"picprop",
    b"printim",
    b"private",
    b"revtbl",
    b"rsidtbl",
    b"rxe",
    b"shprslt",
    b"sn",
    b"sp",
    b"stylesheet",
    b"sv",
    b"tc",
    b"tcn",
    b"template",
    b"txe",
    b"userprops",
    b"xe",
    b"xmlnstbl",
];

/// The encoding of a Windows code page; the western one stands in for those that are unknown.
pub(crate) fn code_page(number: i32) -> &'static Encoding {
    let label = match number {
        // The old western pages share their letters with none of today's; of the Cyrillic one this is the name.
        866 => "ibm866".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10_000 => "macintosh".to_owned(),
        10_007 => "x-mac-cyrillic".to_owned(),
        65_001 => "utf-8".to_owned(),
        _ => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252)
}

/// The encoding of a font's character set; `None` for that of the document.
pub(super) fn character_set(number: i32) -> Option<&'static Encoding> {
    let page = match number {
        77 => 10_000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    Some(code_page(page))
}
