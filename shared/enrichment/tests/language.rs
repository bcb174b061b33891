//! Languages are recognised from a few sentences, and nothing is claimed about what is in no language.
#![allow(clippy::unwrap_used)]

use enrichment::detect_language;

/// The same three sentences everywhere.
const SENTENCES: &[(&str, &str)] = &[
    (
        "en",
        "The bakery at the corner opens at six in the morning. Its owner has known most of the customers since they \
         were children. On Sundays there is a queue that reaches the church.",
    ),
    (
        "de",
        "Die Bäckerei an der Ecke öffnet um sechs Uhr morgens. Die Besitzerin kennt die meisten Kunden, seit sie \
         Kinder waren. Am Sonntag reicht die Schlange bis zur Kirche.",
    ),
    (
        "fr",
        "La boulangerie du coin ouvre à six heures du matin. Sa propriétaire connaît la plupart des clients depuis \
         leur enfance. Le dimanche, la file d'attente va jusqu'à l'église.",
    ),
    (
        "es",
        "La panadería de la esquina abre a las seis de la mañana. Su dueña conoce a la mayoría de los clientes desde \
         que eran niños. Los domingos la cola llega hasta la iglesia.",
    ),
    (
        "it",
        "Il panificio all'angolo apre alle sei del mattino. La proprietaria conosce quasi tutti i clienti da quando \
         erano bambini. La domenica la fila arriva fino alla chiesa.",
    ),
    (
        "pt",
        "A padaria da esquina abre às seis horas da manhã. A dona conhece a maioria dos clientes desde que eram \
         crianças. Aos domingos a fila chega até à igreja.",
    ),
    (
        "nl",
        "De bakkerij op de hoek gaat om zes uur 's ochtends open. De eigenares kent de meeste klanten al sinds hun \
         jeugd. Op zondag staat er een rij tot aan de kerk.",
    ),
    (
        "pl",
        "Piekarnia na rogu otwiera się o szóstej rano. Właścicielka zna większość klientów od czasu, gdy byli \
         dziećmi. W niedzielę kolejka sięga aż do kościoła.",
    ),
    (
        "sv",
        "Bageriet på hörnet öppnar klockan sex på morgonen. Ägaren har känt de flesta av kunderna sedan de var barn. \
         På söndagarna når kön ända fram till kyrkan.",
    ),
    (
        "tr",
        "Köşedeki fırın sabah saat altıda açılıyor. Sahibi müşterilerin çoğunu çocukluklarından beri tanıyor. Pazar \
         günleri kuyruk kiliseye kadar uzanıyor.",
    ),
    (
        "ru",
        "Пекарня на углу открывается в шесть часов утра. Её хозяйка знает большинство покупателей с детства. По \
         воскресеньям очередь тянется до самой церкви.",
    ),
    (
        "uk",
        "Пекарня на розі відчиняється о шостій годині ранку. Її власниця знає більшість покупців ще з дитинства. \
         У неділю черга сягає аж до церкви.",
    ),
    (
        "el",
        "Ο φούρνος στη γωνία ανοίγει στις έξι το πρωί. Η ιδιοκτήτρια ξέρει τους περισσότερους πελάτες από παιδιά. \
         Τις Κυριακές η ουρά φτάνει ως την εκκλησία.",
    ),
    (
        "ar",
        "يفتح المخبز الواقع في الزاوية أبوابه في السادسة صباحا. وتعرف صاحبته معظم الزبائن منذ طفولتهم. وفي يوم الأحد \
         يصل الصف إلى الكنيسة.",
    ),
    (
        "hi",
        "कोने की बेकरी सुबह छह बजे खुलती है। उसकी मालकिन ज़्यादातर ग्राहकों को बचपन से जानती है। रविवार को कतार गिरजाघर तक पहुँच जाती है।",
    ),
    (
        "zh",
        "街角的面包店早上六点开门。老板娘从小就认识大多数顾客。每到星期天，排队的人一直排到教堂门口。",
    ),
    (
        "ja",
        "角のパン屋は朝六時に開きます。店主はほとんどのお客を子どものころから知っています。日曜日には教会まで行列ができます。",
    ),
    (
        "ko",
        "모퉁이 빵집은 아침 여섯 시에 문을 엽니다. 주인은 손님 대부분을 어릴 때부터 알고 있습니다. 일요일에는 교회까지 줄이 이어집니다.",
    ),
];

fn code(text: &str) -> Option<String> {
    detect_language(text).map(|language| language.code)
}

#[test]
fn a_few_sentences_are_enough() {
    for (expected, text) in SENTENCES {
        assert_eq!(code(text).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn capitals_numbers_and_addresses_do_not_confuse() {
    // Turkish capitals depend on the language, which `to_uppercase` does not know.
    for (expected, text) in SENTENCES.iter().filter(|(code, _)| *code != "tr") {
        let noisy = format!(
            "INV-2041/77 https://example.com/en/the-and-of {} 12 %, 4.50 user@example.org",
            text.to_uppercase()
        );
        assert_eq!(code(&noisy).as_deref(), Some(*expected), "{noisy}");
    }
}

#[test]
fn the_confidence_is_between_zero_and_one() {
    for (_, text) in SENTENCES {
        let confidence = detect_language(text).unwrap().confidence;
        assert!((0.0..=1.0).contains(&confidence), "{confidence}: {text}");
    }
}

#[test]
fn too_little_text_has_no_language() {
    for text in [
        "",
        " ",
        "ok",
        "Meeting at ten",
        "发票",
        "12.5 17.9 2026-03-04 1.000,00",
        "🙂🙂🙂",
        "https://example.com/a-long-path/to/something",
    ] {
        assert_eq!(code(text), None, "{text}");
    }
}

#[test]
fn nonsense_has_no_language() {
    let keys = "xkqj wvzz bhtr plkm qqzx vbnw rtgh zzxk mnbv qwrt plkj hgfd xcvb nmqw zxpl kjhg fdsa qwzx vbgt yhnm ";
    for text in [
        keys.repeat(5),
        "QmFzZTY0IGlzIG5vdCBhIGxhbmd1YWdlIGF0IGFsbCwganVzdCBlbmNvZGVkIGJ5dGVz".to_owned(),
        "x".repeat(100_000),
        "0123456789 ".repeat(1_000),
        "\u{fffd}".repeat(1_000),
    ] {
        assert_eq!(code(&text), None, "{}", &text[..60]);
    }
}

#[test]
fn the_main_language_wins_over_quotations() {
    let (_, english) = SENTENCES[0];
    let (_, german) = SENTENCES[1];
    let text = format!("{german} {german} {german} \"{english}\" {german}");
    assert_eq!(code(&text).as_deref(), Some("de"));
}

#[test]
fn a_long_preface_of_numbers_does_not_hide_the_language() {
    let text = format!("{}{}", "17,3\t4,5\n".repeat(1_000), SENTENCES[4].1);
    assert_eq!(code(&text).as_deref(), Some("it"));
}

#[test]
fn a_megabyte_of_anything_is_answered() {
    for part in ["a", " ", "字", "\u{301}", "مرحبا ", "🙂", "a\n", "<b>"] {
        detect_language(&part.repeat(1_000_000 / part.len()));
    }
}
