//! German.

use super::Sign::*;
use super::Unit::*;
use super::Word::{self, Day as Days, Month as Months, Number, Sign, Unit, Weekday};

/// Behind another noun: "Mitgliederversammlung", "Elternabend".
pub(super) const EVENT_ENDINGS: &[&str] = &[
    "abend",
    "abgabe",
    "abnahme",
    "ausflug",
    "ausstellung",
    "besichtigung",
    "besprechung",
    "besuch",
    "eröffnung",
    "essen",
    "fahrt",
    "feier",
    "fest",
    "flug",
    "frühstück",
    "führung",
    "gespräch",
    "gottesdienst",
    "konferenz",
    "konzert",
    "kurs",
    "lager",
    "lauf",
    "lesung",
    "markt",
    "party",
    "probe",
    "prüfung",
    "reise",
    "runde",
    "schulung",
    "seminar",
    "sitzung",
    "spiel",
    "sprechstunde",
    "tagung",
    "telefonat",
    "termin",
    "training",
    "treffen",
    "turnier",
    "übergabe",
    "unterricht",
    "veranstaltung",
    "vernissage",
    "verhandlung",
    "versammlung",
    "vorlesung",
    "vorstellung",
    "vortrag",
    "wanderung",
    "workshop",
];

pub(super) const WORDS: &[(Word, &str)] = &[
    (Months(1), "januar|jänner|jan"),
    (Months(2), "februar|feber|feb"),
    (Months(3), "märz|mär|mrz"),
    (Months(4), "april|apr"),
    (Months(5), "mai"),
    (Months(6), "juni|jun"),
    (Months(7), "juli|jul"),
    (Months(8), "august|aug"),
    (Months(9), "september|sept|sep"),
    (Months(10), "oktober|okt"),
    (Months(11), "november|nov"),
    (Months(12), "dezember|dez"),
    (
        Weekday(1),
        "montag|mo|montagmorgen|montagabend|montagvormittag|montagnachmittag",
    ),
    (
        Weekday(2),
        "dienstag|di|dienstagmorgen|dienstagabend|dienstagvormittag|dienstagnachmittag",
    ),
    (
        Weekday(3),
        "mittwoch|mi|mittwochmorgen|mittwochabend|mittwochvormittag|mittwochnachmittag",
    ),
    (
        Weekday(4),
        "donnerstag|do|donnerstagmorgen|donnerstagabend|donnerstagvormittag|donnerstagnachmittag",
    ),
    (
        Weekday(5),
        "freitag|fr|freitagmorgen|freitagabend|freitagvormittag|freitagnachmittag",
    ),
    (
        Weekday(6),
        "samstag|sa|sonnabend|samstagmorgen|samstagabend|samstagvormittag|samstagnachmittag",
    ),
    (
        Weekday(7),
        "sonntag|so|sonntagmorgen|sonntagabend|sonntagvormittag|sonntagnachmittag",
    ),
    (Sign(Shy), "mo|di|mi|do|fr|sa|so|mai|mär"),
    (
        Sign(Evening),
        "montagabend|dienstagabend|mittwochabend|donnerstagabend|freitagabend|samstagabend|sonntagabend|montagnachmittag|\
         dienstagnachmittag|mittwochnachmittag|donnerstagnachmittag|freitagnachmittag|samstagnachmittag|sonntagnachmittag",
    ),
    (Number(1), "ein|eine|einem|einer|eins"),
    (Number(2), "zwei"),
    (Number(3), "drei"),
    (Number(4), "vier"),
    (Number(5), "fünf"),
    (Number(6), "sechs"),
    (Number(7), "sieben"),
    (Number(8), "acht"),
    (Number(9), "neun"),
    (Number(10), "zehn"),
    (Number(11), "elf"),
    (Number(12), "zwölf"),
    (Unit(Minute), "minute|minuten"),
    (Unit(Hour), "stunde|stunden"),
    (Unit(Day), "tag|tage|tagen"),
    (Unit(Week), "woche|wochen"),
    (Unit(Month), "monat|monate|monaten|monats"),
    (Unit(Year), "jahr|jahre|jahren|jahres"),
    (
        Days(0),
        "heute|heute abend|heute morgen|heute vormittag|heute nachmittag|heute nacht",
    ),
    (
        Days(1),
        "morgen|morgen früh|morgen abend|morgen vormittag|morgen nachmittag|morgen mittag",
    ),
    (Days(2), "übermorgen"),
    (Days(-1), "gestern|gestern abend"),
    (Days(-2), "vorgestern"),
    (Sign(Last), "gestern|vorgestern|gestern abend"),
    (
        Sign(Evening),
        "am abend|am nachmittag|abend|abends|nachmittag|nachmittags|nachts|heute abend|morgen abend|heute nachmittag|morgen nachmittag",
    ),
    (
        Sign(Morning),
        "früh|am morgen|am vormittag|vormittag|vormittags|morgens",
    ),
    (Sign(Noon), "mittag|mittags"),
    (Sign(Midnight), "mitternacht"),
    (Sign(OClock), "uhr|h"),
    (
        Sign(Next),
        "nächsten|nächste|nächster|nächstes|nächstem|kommenden|kommende|kommender|kommendes",
    ),
    (Sign(This), "diesen|diese|dieser|dieses|diesem"),
    (
        Sign(Last),
        "letzten|letzte|letzter|letztes|letztem|vergangenen|vergangene|vergangener|vergangenes|vorigen|vorige|voriger",
    ),
    (Sign(In), "in"),
    (Sign(Within), "binnen|innerhalb von|innerhalb|in den nächsten"),
    (Sign(AgoBefore), "vor"),
    (
        Sign(By),
        "bis|bis zum|bis zur|bis zu|vor dem|spätestens|bis spätestens|bis spätestens zum|spätestens am|fällig am|fällig",
    ),
    (Sign(On), "am|ab|zum|für|den|vom|seit"),
    (Sign(At), "um|gegen|ab"),
    (Sign(From), "von|vom|zwischen"),
    (Sign(To), "bis|bis zum|und"),
    (Sign(Article), "der|die|das|dem|den|des"),
    (Sign(Of), "von"),
    (Sign(End), "ende"),
    (Sign(Begin), "anfang|beginn"),
    (Sign(Middle), "mitte"),
    (Unit(Month), "monatsende"),
    (Unit(Week), "wochenende"),
    (Unit(Year), "jahresende"),
    (Unit(Day), "tagesende|feierabend"),
    (
        Sign(EndOf),
        "monatsende|jahresende|wochenende|tagesende|feierabend",
    ),
    (
        Sign(Again),
        "jeden|jede|jedes|täglich|wöchentlich|monatlich|montags|dienstags|mittwochs|donnerstags|freitags|samstags|sonntags|\
         werktags|immer|öffnungszeiten|alle",
    ),
    (
        Sign(Past),
        "war|waren|wurde|wurden|hatte|hatten|fand|fanden|ging|gingen|sagte|kam|kamen|traf|trafen|haben wir|bezahlt|eröffnet|\
         geboren|gegründet|gestorben|geschrieben|erhalten|schrieb|schrieben",
    ),
    (Sign(Please), "bitte"),
    (
        Sign(Ask),
        "kannst du|könntest du|könnten sie|können sie|könnt ihr|könntet ihr|würdest du|würden sie|magst du|kann jemand|\
         könnte jemand|du kannst bitte|können wir",
    ),
    (
        Sign(Must),
        "muss|müssen|müsste|müssten|soll|sollen|sollte|sollten|ist zu|sind zu",
    ),
    (Sign(Promise), "ich werde|wir werden|ich kümmere mich|ich will"),
    (Sign(Me), "ich|wir"),
    (Sign(Will), "wird|werden"),
    (Sign(ToDo), "zu"),
    (Sign(With), "mit"),
    (Sign(Not), "nicht|kein|keine|nie|niemals"),
    (Sign(Be), "sein|haben|bin|sind|ist"),
    (
        Sign(Verb),
        "abgeben|abholen|ablesen|absagen|abschicken|anfragen|anmelden|anrufen|anschauen|ansehen|antworten|aufräumen|ausfüllen|\
         bauen|beantragen|beantworten|bearbeiten|beauftragen|bereitstellen|beschriften|besorgen|bestätigen|bestellen|\
         bezahlen|bringen|buchen|drucken|einholen|einkaufen|einladen|einreichen|einrichten|entlüften|entsorgen|erledigen|\
         erneuern|erstellen|fertigstellen|fragen|freigeben|gießen|hochladen|informieren|kaufen|kontrollieren|kopieren|\
         kündigen|leeren|liefern|löschen|mähen|melden|messen|mitbringen|mitteilen|nachreichen|nachstellen|ordnen|\
         organisieren|packen|planen|prüfen|putzen|reinigen|renovieren|reparieren|reservieren|sammeln|schicken|schreiben|\
         sortieren|streichen|suchen|tauschen|teilen|überarbeiten|übergeben|überprüfen|übersetzen|überweisen|unterschreiben|\
         verlängern|verschicken|verschieben|versenden|verteilen|vorbereiten|vorlegen|wechseln|weiterleiten|zahlen|zählen|\
         zurückgeben|zurückrufen|zurückschicken|zusagen|zusammenstellen|zuschicken|stellen|schick|schicke|ruf|bring|kauf|sag|\
         gib|schreib|prüf|prüfe|bestell|frag|hol|mach|denk",
    ),
    (
        Sign(Doing),
        "schicke|sende|mache|melde|rufe|bringe|kaufe|besorge|schreibe|frage|prüfe|erledige|hole|bestelle|buche|reserviere|\
         überweise|bezahle|zahle|kümmere|drucke|räume|repariere|suche|lade|gebe|stelle|kläre|organisiere|übernehme|reiche|\
         antworte|baue|putze|teile|leite|bereite|schaue|sage|fahre|sammle|messe|scanne|schau",
    ),
    (
        Sign(Label),
        "to do|to-do|aufgabe|aufgaben|offene punkte|zu erledigen|nächste schritte|maßnahmen|maßnahme|vereinbarungen|erledigen",
    ),
    (
        Sign(Deadline),
        "deadline|frist|abgabe|abgabetermin|einsendeschluss|abgabefrist|anmeldeschluss|fällig|stichtag|fälligkeit|zahlbar",
    ),
    (
        Sign(Forget),
        "nicht vergessen|vergiss nicht|denk daran|denkt daran|denken sie daran|vergessen sie nicht|erinnere mich",
    ),
    (
        Sign(Urgent),
        "dringend|dringende|eilig|sofort|umgehend|wichtig|unverzüglich|so schnell wie möglich|schnellstmöglich|eilt|\
         baldmöglichst|höchste priorität|hohe priorität",
    ),
    (
        Sign(Someday),
        "irgendwann|wenn du zeit hast|wenn sie zeit haben|wenn zeit ist|eilt nicht|nicht dringend|bei gelegenheit|\
         niedrige priorität|gelegentlich|hat zeit|optional|keine eile",
    ),
    (Sign(Honorific), "herr|herrn|frau|dr|prof"),
    (Sign(Attend), "kommen|kommt|komm|teilnehmen|besuchen|dabei"),
    (Sign(Thanks), "danke|dank"),
    (
        Sign(Event),
        "abendessen|abnahme|anruf|arzttermin|ausflug|ausstellung|besichtigung|besprechung|besuch|chorprobe|einweihung|\
         elternabend|eröffnung|feier|ferien|ferienlager|fest|flohmarkt|flug|frühstück|führung|geburtstag|generalprobe|\
         gespräch|gottesdienst|hochzeit|interview|jahrestag|jour fixe|konferenz|konzert|kurs|lesung|mittagessen|\
         mitgliederversammlung|party|premiere|probe|prüfung|reise|schulung|seminar|sitzung|sommerfest|sperrmüll|\
         sprechstunde|tagung|telefonat|telefonkonferenz|termin|training|treffen|turnier|übergabe|unterricht|\
         veranstaltung|versammlung|vorlesung|vorstellung|vortrag|wanderung|weihnachtsfeier|workshop|urlaub|feiertag|markt",
    ),
    (
        Sign(Occurs),
        "findet statt|statt|beginnt|startet|treffen wir uns|wir treffen uns|treffen uns|kommt|kommen|bis dann|ist am|verschoben auf|verlegt auf|verschoben|verlegt",
    ),
    (
        Sign(Tbd),
        "steht noch nicht fest|noch offen|noch unbekannt|datum folgt|termin folgt|wird noch bekannt gegeben|\
         wird noch bekanntgegeben|noch nicht festgelegt|noch zu klären|termin offen|datum offen|wird noch festgelegt",
    ),
    (
        Sign(Header),
        "von|an|gesendet|betreff|datum|seite|stand|erstellt|geändert",
    ),
    (
        Sign(Stamped),
        "stand|erstellt|gedruckt|geändert|ausgedruckt|version|abgerufen|fassung|seite",
    ),
    (
        Sign(Common),
        "der|die|das|ein|eine|er|sie|es|wir|ihr|ich|du|man|dies|diese|dieser|dieses|jeder|jede|alle|und|oder|aber|wenn|wann|wo|\
         wer|was|warum|wie|weil|dann|auch|niemand|nein|ja|nicht|hallo|liebe|lieber|danke|bitte|morgen|heute|gestern|für|mit|als|\
         bei|in|im|an|am|auf|aus|nach|vor|bis|seit|von|vom|zum|zur|jemand|kapitel|abschnitt|seite|version|frist|tagesordnung|\
         nächste|nächster|letzte|zuständig|stand|fällig|priorität|betreff|datum|zeit|ort|beschluss|anwesend|entschuldigt|\
         rechnung|zahlung|miete|kaution|noch|nur|schon|dringend|wichtig|hinweis|frage|antwort|alles|nichts|etwas|leute|\
         beide|übergeben|schlüssel|unser|unsere|mein|meine|dein|deine|kein|keine|abgabe|kann|muss|soll|wird|ist|sind|war|hat|\
         haben|ab|um|gegen|nicht",
    ),
];
