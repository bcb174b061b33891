//! Words that only hold a question together. Fewer than those that never are a tag: "open" is no topic, but "When are you
//! open?" asks for nothing else.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use crate::tags::StopWords;

const ENGLISH: &str = "a about after all also am an and any are as at be been before being between both but by can could did do \
    does done each few for from had has have having he her here him his how i if in into is it its just many may me might mine \
    more most much must my no not of on only or other our own please same says shall she should so some such tell than that \
    the their them then there these they this those to too under us very was we were what when where which who whom whose why \
    will with would you your yours";
const GERMAN: &str = "aber alle als also am an auch auf aus bei bis bitte da dann das dass dein deine dem den denn der des die dies \
    diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es euch euer für gibt haben habt hat \
    hatte hatten hier hin hoch ich ihm ihn ihr ihre ihrem ihren ihrer im in ins ist jede jedem jeden jeder jedes kann kannst können \
    man mein meine mich mir mit muss müssen nach nicht noch nun nur ob oder sehr sein seine seinem seinen seiner seit sich sie \
    sind so soll sollen sollte sondern um und uns unser unsere unter viel viele vom von vor wann war waren warum was welche \
    welchem welchen welcher welches wem wen wenn wer werden wessen wie wieviel wir wird wo woher wohin wozu wurde wurden zu zum \
    zur zwischen über";
const FRENCH: &str = "a ai as au aux avec avez avons ce ceci cela celle celui ces cet cette ceux chez combien comme comment dans de \
    depuis des doit doivent donc du elle elles en entre est et eu eux fait faut il ils je l la le les leur leurs lui ma mais me \
    mes moi mon même ne nos notre nous on ont or ou où par pas peut peuvent plus pour pourquoi qu quand que quel quelle quelles \
    quels qui quoi sa sans se sera ses si son sont sous sur ta te tes toi ton tous tout toute toutes tu un une va vers vos votre \
    vous y à été être d c n s j m t";
const SPANISH: &str = "a al algo ante antes aquel aquella como con cuando cuanta cuantas cuanto cuantos cuál cuáles cuándo cuánta \
    cuántas cuánto cuántos cómo de debe deben del desde donde dónde durante e el ella ellas ellos en entre era es esa esas ese \
    eso esos esta estas este esto estos está están fue fueron ha han hasta hay la las le les lo los me mi mis muy más ni no nos \
    nosotros o os para pero por porque puede pueden que quien quienes quién quiénes qué se sea ser si sin sobre son su sus sí \
    también te tiene tienen todo todos tu tus un una unas uno unos y ya yo él";

/// The small words of a language.
#[derive(Debug, Clone, Copy)]
pub(super) enum SmallWords {
    /// Of a language that is known here.
    Known(&'static HashSet<&'static str, RandomState>),
    /// Of any other: the words that never are a tag.
    Others(&'static StopWords),
}

impl SmallWords {
    pub(super) fn of(language: Option<&str>) -> Self {
        static KNOWN: LazyLock<[(&str, HashSet<&str, RandomState>); 4]> = LazyLock::new(|| {
            [("en", ENGLISH), ("de", GERMAN), ("fr", FRENCH), ("es", SPANISH)]
                .map(|(code, words)| (code, words.split_ascii_whitespace().collect()))
        });
        match KNOWN.iter().find(|(code, _)| Some(*code) == language) {
            Some((_, words)) => Self::Known(words),
            None => Self::Others(StopWords::of(language)),
        }
    }

    /// Whether `word`, in lower case, is one of them.
    pub(super) fn contains(self, word: &str) -> bool {
        match self {
            Self::Known(words) => words.contains(word),
            Self::Others(words) => words.contains(word),
        }
    }
}
