//! Documents that tests hand in.

/// English prose about one thing, long enough for its language and tags to be clear.
pub const LIGHTHOUSE: &str = "\
The keeper of the lighthouse climbed the spiral stairs every evening before sunset. The lighthouse stood on a granite
rock at the mouth of the harbour, and its lamp could be seen for twenty nautical miles. When fog came in from the sea,
the keeper started the foghorn and wrote the hour into the logbook.

Ships that entered the harbour at night relied on the lighthouse. In winter the waves broke over the granite rock, and
the supply boat could not land for weeks. The keeper then lived on dried fish and potatoes, cleaned the lenses of the
lamp, and waited for the storm to pass. The logbook of the lighthouse names every storm of those years.
";

/// German prose about another thing.
pub const BAKERY: &str = "\
Die Bäckerei in der Gerbergasse öffnet um sechs Uhr morgens. Der Sauerteig für das Roggenbrot wird schon am Abend
vorher angesetzt und ruht über Nacht in großen Holztrögen. Wenn der Ofen heiß genug ist, schiebt die Bäckerin die Laibe
hinein, und nach einer Stunde duftet die ganze Gasse nach frischem Brot.

Am Samstag gibt es außerdem Brezeln und Hefezopf. Das Roggenbrot der Bäckerei hält sich eine Woche lang, weil der
Sauerteig langsam geführt wird. Die Kundschaft kommt auch aus den Nachbardörfern in die Gerbergasse.
";

/// A small table.
pub const HARVEST: &str = "\
orchard,variety,crates,picked
Hilltop,Boskoop,120,2025-09-28
Hilltop,Gravenstein,84,2025-09-02
Riverside,Boskoop,66,2025-10-01
Riverside,Cox Orange,91,2025-09-20
";

/// The beginning of a film, which is nothing to read.
pub const FILM: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";

/// An English page with this title and one more paragraph.
#[must_use]
pub fn page(title: &str, paragraph: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n<body>\n\
         <h1>Notes</h1>\n<p>{paragraph}</p>\n<p>{LIGHTHOUSE}</p>\n</body>\n</html>\n"
    )
}
