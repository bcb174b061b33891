//! Alternative texts: what the author of a document wrote of a picture for those who cannot see it.

use crate::xml::Element;

/// Endings of the files that pictures come from.
const ENDINGS: [&str; 16] = [
    "avif", "bmp", "emf", "eps", "gif", "heic", "ico", "jfif", "jpeg", "jpg", "png", "svg", "tif", "tiff",
    "webp", "wmf",
];
/// What programs and cameras call pictures, mostly with a number.
const NAMES: [&str; 8] = ["", "dsc", "graphic", "image", "img", "photo", "pic", "picture"];

/// What is said of a picture: its description, behind the title where it has one. `None` where that is only where
/// a file lies, or a name that nobody chose.
pub(crate) fn text(name: &str, title: &str, description: &str) -> Option<String> {
    let told = |text: &str| Some(text.trim().to_owned()).filter(|text| tells_something(text, name));
    match (told(title), told(description)) {
        (Some(title), Some(description)) if repeats(&description, &title) => Some(description),
        (Some(title), Some(description)) if repeats(&title, &description) => Some(title),
        (Some(title), Some(description)) => Some(format!("{title}: {description}")),
        (title, description) => description.or(title),
    }
}

/// The same for an element of Office Open XML that names a drawing.
pub(crate) fn of_drawing(element: &Element<'_>) -> Option<String> {
    let [name, title, description] =
        ["name", "title", "descr"].map(|name| element.attribute(name).unwrap_or_default());
    text(&name, &title, &description)
}

fn repeats(longer: &str, shorter: &str) -> bool {
    longer.to_lowercase().contains(&shorter.to_lowercase())
}

fn tells_something(text: &str, name: &str) -> bool {
    // Programs count the pictures of a document in the language of its author.
    let is_counted = text == name && text.ends_with(|c: char| c.is_ascii_digit());
    !is_counted && !is_place(text) && !is_usual_name(text) && !is_unchosen_file(text)
}

/// Whether this is the path or address of a file.
fn is_place(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_address = ["http://", "https://", "file:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
        && !lower.contains(char::is_whitespace);
    let is_path = matches!(lower.as_bytes(), [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic());
    is_path || is_address || (file_stem(text).is_some() && text.contains(['/', '\\']))
}

/// Whether this is the name of a file that nobody chose: what programs and cameras call pictures, numbers, times. A name with
/// words of its own is all that there is to find the picture by.
fn is_unchosen_file(text: &str) -> bool {
    file_stem(text).is_some_and(|stem| {
        let letters = stem.chars().filter(|c| c.is_alphabetic()).count();
        let digits = stem.chars().filter(|c| c.is_numeric()).count();
        is_usual_name(stem) || letters < 3 || letters < 2 * digits
    })
}

/// The name of a picture file without its ending; `None` for other texts. Names may have spaces, sentences end otherwise.
fn file_stem(text: &str) -> Option<&str> {
    let (stem, ending) = text.rsplit_once('.')?;
    let is_one = ENDINGS.contains(&&*ending.to_ascii_lowercase()) && !text.contains('\n');
    is_one.then_some(stem)
}

fn is_usual_name(text: &str) -> bool {
    let word =
        text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '_' | '-' | '(' | ')'));
    NAMES.iter().any(|name| word.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_kept_with_the_title_that_it_does_not_repeat() {
        let described = |title, description| text("Picture 3", title, description);
        assert_eq!(described("", " The press. "), Some("The press.".to_owned()));
        assert_eq!(described("Visit us", ""), Some("Visit us".to_owned()));
        assert_eq!(
            described("Press", "It stands in the barn."),
            Some("Press: It stands in the barn.".to_owned())
        );
        assert_eq!(
            described("Press", "The press in the barn"),
            Some("The press in the barn".to_owned())
        );
        assert_eq!(
            described("Press in the barn", "Press"),
            Some("Press in the barn".to_owned())
        );
        assert_eq!(described("image1.png", "The press"), Some("The press".to_owned()));
    }

    #[test]
    fn places_of_files_and_names_that_nobody_chose_tell_nothing() {
        for (name, description) in [
            ("", ""),
            ("", "image1.png"),
            ("", "media/barn.png"),
            ("", "Screenshot 2026-03-14 at 18.04.22.png"),
            ("", "3f09a1c2.JPG"),
            ("", r"C:\Users\ana\Pictures\barn"),
            ("", "https://a.example/barn?size=3"),
            ("", "Picture 12"),
            ("", "IMG_2041"),
            ("", "Image"),
            ("", "17"),
            ("Grafik 5", "Grafik 5"),
        ] {
            assert_eq!(text(name, "", description), None, "{description}");
        }
        for (name, description) in [
            ("Logo", "Logo"),
            ("", "Photo of the barn.JPG"),
            ("Picture 1", "Grafik 5 zeigt die Ernte"),
            ("", "Windows 11"),
            ("", "The barn, see barn.png for more."),
            ("", "https://a.example/ on a poster"),
            ("", "barn.png:\nthe barn from the south.png"),
        ] {
            assert_eq!(text(name, "", description).as_deref(), Some(description));
        }
    }
}
