//! Words that never are a tag: stop lists per language, loaded once.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use foldhash::fast::RandomState;

use super::calendar;

/// Words of one language that say nothing about a text.
#[derive(Debug)]
pub(crate) struct StopWords {
    words: HashSet<&'static str, RandomState>,
    times: HashSet<&'static str, RandomState>,
    known: bool,
}

/// What is left of addresses, files and references, in any language.
const DEBRIS: &[&str] = &[
    "abb", "adobe", "asp", "com", "docx", "edu", "etc", "fig", "ftp", "gif", "gov", "htm", "html", "http",
    "https", "ibid", "inc", "jpeg", "jpg", "mailto", "org", "pdf", "php", "png", "pptx", "svg", "tbd",
    "todo", "txt", "usw", "vol", "www", "xlsx", "xml", "zzgl",
];

/// English is quoted in texts of every language, and its small words would be strangers there.
const ENGLISH: &[&str] = &[
    "about", "all", "and", "any", "are", "been", "but", "can", "for", "from", "had", "has", "have", "her",
    "his", "into", "its", "not", "off", "one", "our", "out", "shall", "should", "such", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "was", "were", "which", "will", "with",
    "would", "you", "your",
];

/// Words that documents use about themselves, and common verbs and adjectives that the lists forget.
const ADDED: &[(&str, &str)] = &[
    (
        "en",
        "based chapter check contact draft easily ensure etc figure figures including page pages paragraph please \
         regarding required requires several table tables tbd todo total used using various verify",
    ),
    (
        "de",
        "abbildung abschnitt absatz bereits bzw entsprechend entsprechende entsprechenden ggf gemäß insbesondere \
         jeweils jeweilige jeweiligen kapitel können lassen mithilfe müssen prüfe prüfen seite seiten sicherstellen \
         sowie stellen stets tabelle usw verwenden verwendet vgl wurde wurden bitte hinweis",
    ),
    (
        "fr",
        "afin ainsi chapitre doivent doit figure merci page pages peut peuvent section tableau toutefois utiliser \
         utilisé utilisée vérifier vérifiez veuillez",
    ),
    (
        "es",
        "capítulo debe deben figura página páginas sección tabla utilizar utiliza verificar verifique",
    ),
    (
        "it",
        "capitolo deve devono essere figura pagina pagine può possono sezione tabella verificare utilizzare",
    ),
    (
        "pt",
        "capítulo deve devem figura página páginas seção secção tabela verificar verifique utilizar",
    ),
    (
        "nl",
        "bladzijde controleer figuur hoofdstuk pagina paragraaf tabel gebruik gebruikt",
    ),
    ("pl", "rozdział rysunek strona strony tabela należy sprawdź"),
    (
        "ru",
        "глава рисунок рис стр страница страницы таблица проверить проверьте убедитесь должны может могут",
    ),
    ("sv", "kapitel figur sida sidor tabell"),
    ("da", "kapitel figur side sider tabel"),
    ("no", "kapittel figur side sider tabell"),
    ("fi", "kuva luku sivu sivut taulukko"),
    ("cs", "kapitola obrázek strana strany tabulka"),
    ("tr", "bölüm sayfa tablo şekil"),
    ("id", "bab gambar halaman tabel"),
];

/// Words on the lists that are topics all the same.
const TOPICS: &[(&str, &str)] = &[
    (
        "en",
        "computer goods group groups importance information interest interests invention member members microsoft \
         mill netscape order orders problem problems research room rooms shell state states system test website world",
    ),
    ("de", "jahr mensch menschen ordnung gott schluss"),
    ("fr", "droite essai cher importe"),
    (
        "es",
        "cuenta empleo estado estados informo trabajo trabajos valor verdad",
    ),
    (
        "it",
        "città comprare consiglio futuro gruppo mondo paese persone registrazione scopo stato titolo vita",
    ),
    (
        "pt",
        "apoio conselho grupo obra povo questão sistema trabalho viagem valor",
    ),
    (
        "ru",
        "вода война город дверь деньги дом дорога душа женщина жена жизнь земля книга комната лицо любить машина мир \
         москва народ отец ребенок россия рука советский стол страна улица утро работа",
    ),
];

impl StopWords {
    /// The list of `language`; of no language, or one without a list, only what is debris everywhere.
    pub(crate) fn of(language: Option<&str>) -> &'static Self {
        static UNKNOWN: LazyLock<StopWords> = LazyLock::new(|| StopWords::load(None));
        static KNOWN: LazyLock<HashMap<&'static str, OnceLock<StopWords>>> = LazyLock::new(|| {
            stop_words::available_languages()
                .iter()
                .map(|code| (*code, OnceLock::new()))
                .collect()
        });
        match language.and_then(|code| KNOWN.get_key_value(code)) {
            Some((code, list)) => list.get_or_init(|| Self::load(Some(code))),
            None => &UNKNOWN,
        }
    }

    /// Whether `word`, in lower case, is on the list.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Whether `word`, in lower case, is a word of the calendar or the clock: no topic, though it may be asked for.
    pub(super) fn tells_time(&self, word: &str) -> bool {
        self.times.contains(word)
    }

    /// Whether there is a list for the language at all.
    pub(super) fn knows_the_language(&self) -> bool {
        self.known
    }

    fn load(language: Option<&str>) -> Self {
        let list = language.and_then(stop_words::lookup);
        let own = |lists: &'static [(&str, &str)]| {
            let list = lists.iter().find(|(code, _)| Some(*code) == language);
            list.into_iter().flat_map(|(_, words)| words.split_whitespace())
        };
        let mut words: HashSet<&str, RandomState> = DEBRIS.iter().chain(ENGLISH).copied().collect();
        words.extend(list.into_iter().flatten());
        words.extend(own(ADDED));
        for topic in own(TOPICS) {
            words.remove(topic);
        }
        Self {
            words,
            times: calendar::words(language).collect(),
            known: list.is_some(),
        }
    }
}
