//! Tags name the obvious topics of a text in many languages, without debris, and whatever the text is.
#![allow(clippy::unwrap_used)]

use enrichment::{Tag, TagKind, detect_language, detect_languages, extract_tags, find_tags};

fn tags(text: &str, max_tags: usize) -> Vec<String> {
    let language = detect_language(text).map(|language| language.code);
    extract_tags(text, language.as_deref(), max_tags)
        .into_iter()
        .map(|tag| tag.value)
        .collect()
}

/// Each text with its language, words that some tag must contain, and words that none may contain.
const TEXTS: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "en",
        "Solar power for the town hall\n\nThe council wants solar panels on the roof of the town hall. An engineer has \
         checked the roof: it carries the solar panels without repairs. The panels will deliver 40,000 kWh a year, \
         about half of what the town hall uses. A battery in the cellar would store the energy of sunny days.\n\n\
         The council asked three companies for offers. Verify that each offer includes the battery. Verify that the \
         warranty covers the panels. Verify that the grid operator agrees. See https://www.example.com/solar.html and \
         page 3 of offer_final_v2.pdf.",
        &["solar", "panels", "roof", "town hall", "council"],
        &[
            "www", "html", "pdf", "page", "example", "40", "verify", "the", "year",
        ],
    ),
    (
        "de",
        "Protokoll der Mieterversammlung\n\nDie Heizung im Altbau fällt seit November immer wieder aus. Die \
         Hausverwaltung hat zugesagt, die Heizung vor dem Winter zu erneuern. Bis dahin mindern die Mieter die Miete \
         um 20 %. Der Vermieter widerspricht der Mietminderung, will aber die Heizungen in den oberen Wohnungen \
         prüfen lassen.\n\nDie Mieter wünschen sich außerdem neue Fenster. Die Hausverwaltung holt dazu Angebote ein. \
         Prüfen Sie bitte Seite 4 der Anlage (z.B. unter www.beispiel.de).",
        &["heizung", "mieter", "hausverwaltung"],
        &["www", "seite", "prüfen", "bitte", "bis", "die", "20"],
    ),
    (
        "fr",
        "Compte rendu du jardin partagé\n\nLe jardin partagé a besoin d'eau : la citerne est vide depuis juillet. \
         L'association du jardin demande à la mairie un nouveau raccordement. La mairie propose une citerne plus \
         grande, que l'association devra entretenir. Les récoltes de tomates sont bonnes malgré la sécheresse, car \
         l'arrosage du soir économise l'eau. La sécheresse devrait durer jusqu'en septembre.",
        &["jardin", "citerne", "mairie", "sécheresse"],
        &["qu", "jusqu", "l'", "depuis", "plus", "les"],
    ),
    (
        "es",
        "Informe de la biblioteca\n\nLa biblioteca municipal prestó más libros que nunca. Los lectores jóvenes piden \
         novelas gráficas y los mayores prefieren libros de historia. La biblioteca abrirá también los sábados si el \
         ayuntamiento contrata a otro bibliotecario. El préstamo de libros electrónicos crece cada mes, y los lectores \
         piden más libros electrónicos en la biblioteca.",
        &["biblioteca", "libros", "lectores"],
        &["más", "los", "cada", "también", "que"],
    ),
    (
        "ru",
        "Отчёт о состоянии моста\n\nСтарый мост через реку закрыт для грузовиков. Инженеры нашли трещины в опорах \
         моста. Ремонт опор начнётся весной, когда спадёт вода в реке. До окончания ремонта грузовики поедут через \
         новый мост у вокзала. Стоимость ремонта оплатит область.",
        &["мост", "ремонт", "опор"],
        &["для", "через", "когда"],
    ),
    (
        "zh",
        "会议纪要：图书馆扩建。图书馆的阅览室座位不足，学生经常找不到座位。学校决定扩建图书馆，新的阅览室将增加三百个座位。\
         预算由学校和基金会共同承担，基金会希望图书馆在明年九月开放。",
        &["图书馆", "座位", "阅览室"],
        &["的", "我们", "，", "。"],
    ),
    (
        "ja",
        "会議の記録。図書館の閲覧室は座席が足りません。学生は座席を見つけられないことがあります。大学は図書館を拡張することを決定しました。\
         新しい閲覧室には座席が三百席あります。予算は大学と財団が負担し、財団は図書館の開館を九月に希望しています。二時に集まり、二時に始めます。",
        &["図書館", "座席", "大学"],
        &["こと", "ます", "の", "です", "二時", "九月"],
    ),
    (
        "ko",
        "도서관 회의록. 도서관의 열람실은 좌석이 부족합니다. 학생들은 열람실에서 좌석을 찾지 못합니다. 대학은 도서관을 확장하기로 \
         결정했습니다. 새 열람실에는 좌석이 삼백 개 있습니다. 예산은 대학과 재단이 부담하고 재단은 도서관이 구월에 열리기를 희망합니다.",
        &["도서관", "좌석", "열람실"],
        &["도서관을", "좌석이"],
    ),
];

#[test]
fn tags_name_the_obvious_topics_and_no_debris() {
    for (language, text, topics, debris) in TEXTS {
        assert_eq!(detect_language(text).unwrap().code, *language);
        let tags = tags(text, 10);
        for topic in *topics {
            assert!(
                tags.iter().any(|tag| tag.contains(topic)),
                "{language}: no {topic} in {tags:?}"
            );
        }
        for word in *debris {
            assert!(
                !tags.iter().any(|tag| tag.split(' ').any(|part| part == *word)),
                "{language}: {word} in {tags:?}"
            );
        }
    }
}

#[test]
fn days_and_hours_are_no_topics() {
    let text = "The choir sings on Thursday evening. On Thursday evening the choir needs chairs, from March to June, every week. \
        Thursday is the day of the choir; the chairs stand in the hall all day. Every month the choir moves the chairs.";
    let tags = tags(text, 10);
    assert!(tags.iter().any(|tag| tag.contains("choir")), "{tags:?}");
    for time in ["thursday", "evening", "march", "june", "week", "day", "month"] {
        assert!(
            !tags.iter().any(|tag| tag.split(' ').any(|word| word == time)),
            "{time} in {tags:?}"
        );
    }
}

#[test]
fn what_the_program_of_a_chat_says_is_no_topic() {
    let chat = "[2026-05-12 09:14] - Messages and calls are end-to-end encrypted. Only people in this chat can read them.\n\
                [2026-05-12 09:14] - create group (Marta)\n\
                [2026-05-12 09:15] Marta: The curry pots are in the shed, and the curry is mild.\n\
                [2026-05-12 09:16] - Messages and calls are end-to-end encrypted, says the program again.\n\
                [2026-05-12 09:21] Jonas: Then the shed needs a key before the curry is cold.\n";
    let found = tags(chat, 10);
    assert!(found.iter().any(|tag| tag.contains("curry")), "{found:?}");
    assert!(
        !found
            .iter()
            .any(|tag| tag.contains("encrypted") || tag.contains("group")),
        "{found:?}"
    );
    // In a log, where nobody else speaks, such lines are all there is.
    let log = "[2026-05-12 09:14] - The harvester engine is hot.\n[2026-05-12 09:15] - The harvester engine stops.\n";
    let found = tags(log, 10);
    assert!(found.iter().any(|tag| tag.contains("harvester")), "{found:?}");
}

#[test]
fn only_what_is_written_as_a_name_is_a_person() {
    let text = "How the village library is run. The library lends books, and the roses of the library are watered by Nora. \
        Nora counts the books of the library. The roses bloom; the library is open when Nora is there. The committee meets in \
        the library, and the library keeps the minutes of the committee.";
    let people = ["Library Committee", "Nora Felix", "Roses Smith"].map(str::to_owned);
    let found = find_tags(text, &detect_languages(text), &[], &people, 20);
    let kind = |value: &str| found.iter().find(|tag| tag.value == value).map(|tag| tag.kind);
    assert_eq!(kind("nora"), Some(TagKind::Person), "{found:?}");
    for topic in ["library", "roses"] {
        assert_eq!(kind(topic), Some(TagKind::Topic), "{found:?}");
    }
}

#[test]
fn tags_are_lower_case_without_digits_and_repeated_words() {
    for (language, text, ..) in TEXTS {
        let tags = tags(text, 50);
        for tag in &tags {
            assert_eq!(*tag, tag.to_lowercase(), "{language}");
            assert!(!tag.chars().any(char::is_numeric), "{language}: {tag}");
            assert!(tag.chars().count() >= 2, "{language}: {tag}");
            assert_eq!(tag.trim(), tag, "{language}");
        }
        let mut distinct = tags.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), tags.len(), "{language}: {tags:?}");
    }
}

#[test]
fn inflections_of_a_word_are_one_tag_in_its_most_frequent_form() {
    let text = "The contracts were signed. Two contracts are missing. One contract is old. All contracts expire in May.";
    let tags = tags(text, 10);
    assert_eq!(
        tags.iter().filter(|tag| tag.contains("contract")).count(),
        1,
        "{tags:?}"
    );
    assert!(tags.iter().any(|tag| tag.contains("contracts")), "{tags:?}");
}

#[test]
fn no_tag_is_contained_in_another() {
    for (language, text, ..) in TEXTS {
        let tags = tags(text, 30);
        for tag in &tags {
            let words: Vec<&str> = tag.split(' ').collect();
            let containing = tags
                .iter()
                .filter(|other| words.iter().all(|word| other.split(' ').any(|w| w == *word)));
            assert_eq!(containing.count(), 1, "{language}: {tag} in {tags:?}");
        }
    }
}

#[test]
fn scores_fall_from_one_and_every_tag_is_a_topic_in_the_language_of_the_text() {
    for (language, text, ..) in TEXTS {
        let tags = extract_tags(text, Some(language), 10);
        assert_eq!(tags[0].score, 1.0);
        assert!(tags.is_sorted_by(|a, b| a.score >= b.score), "{tags:?}");
        assert!(
            tags.iter()
                .all(|tag| tag.score > 0.0 && tag.kind == TagKind::Topic)
        );
        assert!(tags.iter().all(|tag| tag.lang.as_deref() == Some(*language)));
    }
}

#[test]
fn no_more_tags_than_asked_for_and_fewer_are_the_first_of_many() {
    for (language, text, ..) in TEXTS {
        assert!(extract_tags(text, Some(language), 0).is_empty());
        for max_tags in [1, 3, 7] {
            assert_eq!(tags(text, max_tags).len(), max_tags, "{language}");
        }
        assert!(tags(text, usize::MAX).len() >= 10, "{language}");
    }
}

#[test]
fn the_same_text_always_has_the_same_tags() {
    for (language, text, ..) in TEXTS {
        let first: Vec<Tag> = extract_tags(text, Some(language), 20);
        for _ in 0..5 {
            assert_eq!(extract_tags(text, Some(language), 20), first);
        }
    }
}

#[test]
fn an_unknown_language_still_has_tags() {
    for (language, text, topics, _) in TEXTS {
        let tags: Vec<String> = extract_tags(text, None, 20)
            .into_iter()
            .map(|tag| tag.value)
            .collect();
        assert!(
            tags.iter()
                .any(|tag| topics.iter().any(|topic| tag.contains(topic))),
            "{language}: {tags:?}"
        );
        assert!(extract_tags(text, None, 1)[0].lang.is_none());
        assert_eq!(extract_tags(text, Some("xx"), 20).len(), tags.len());
    }
}

#[test]
fn words_hyphenated_over_lines_and_decomposed_accents_are_whole() {
    let text = "The founda-\ntion pays for the restau\u{ad}ration. The foundation of the caf\u{65}\u{301} owns the caf\u{e9}.";
    let tags: Vec<String> = extract_tags(text, Some("en"), 10)
        .into_iter()
        .map(|tag| tag.value)
        .collect();
    let all = tags.join(" ");
    assert!(
        all.contains("foundation") && all.contains("restauration") && all.contains("café"),
        "{tags:?}"
    );
    assert!(
        !all.split(' ')
            .any(|word| matches!(word, "founda" | "tion" | "cafe" | "ration")),
        "{tags:?}"
    );
}

#[test]
fn texts_without_words_have_no_tags() {
    for text in [
        "",
        "   \n\n\t",
        "12 34 56",
        "!!! ??? ...",
        "a b c d e",
        "\u{fffd}\u{fffd}\u{fffd} ---",
        "the of and",
    ] {
        assert_eq!(extract_tags(text, Some("en"), 10), [], "{text:?}");
    }
}

#[test]
fn topics_late_in_a_long_text_are_seen() {
    let filler = "Nothing much happened and they went on with what they were doing. ".repeat(2_000);
    let text = format!(
        "{filler}{}",
        "The lighthouse keeper repaired the lighthouse. ".repeat(3_000)
    );
    assert!(tags(&text, 5).iter().any(|tag| tag.contains("lighthouse")));
}

#[test]
fn hostile_texts_are_answered_with_bounded_work() {
    let distinct: String = (0..100_000_u32).map(letters_of).collect();
    let hyphens = "a-".repeat(500_000);
    let halves = "wo-\n".repeat(250_000);
    let texts = [
        "a".repeat(1_000_000),
        " ".repeat(1_000_000),
        "\n".repeat(1_000_000),
        "字".repeat(300_000),
        "東京 ".repeat(150_000),
        "مرحبا بالعالم ".repeat(40_000),
        "שלום עולם ".repeat(50_000),
        "🙂👩‍👩‍👧‍👦 ".repeat(40_000),
        "e\u{301}\u{302}\u{303} ".repeat(100_000),
        "\u{301}".repeat(400_000),
        "\u{fdfa} ".repeat(200_000),
        "İI ıi ".repeat(100_000),
        "l'".repeat(500_000),
        "a.b ".repeat(250_000),
        "ประเทศไทย".repeat(40_000),
        "the cat sat ".repeat(80_000),
        distinct,
        hyphens,
        halves,
    ];
    for text in &texts {
        for language in [None, Some("en")] {
            assert!(extract_tags(text, language, 50).len() <= 50);
        }
        detect_language(text);
    }
}

/// A word of letters for a number, followed by a space.
fn letters_of(mut number: u32) -> String {
    let mut word = String::from("w");
    while number > 0 {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word.push(' ');
    word
}
