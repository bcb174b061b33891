//! Words of the calendar and the clock. A text is full of them without being about them.

/// By language: days of the week, months, parts of the day and units of time.
const WORDS: &[(&str, &str)] = &[
    (
        "en",
        "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun mondays tuesdays \
         wednesdays thursdays fridays saturdays sundays january february march april may june july august september october \
         november december jan feb mar apr jun jul aug sept sep oct nov dec second seconds minute minutes hour hours day days week \
         weeks weekend month months year years morning mornings afternoon afternoons evening evenings night noon midnight \
         today tomorrow yesterday tonight o'clock",
    ),
    (
        "de",
        "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag montags dienstags mittwochs donnerstags freitags \
         samstags sonntags januar jänner februar märz april mai juni juli august september oktober november dezember sekunde \
         sekunden minute minuten stunde stunden tag tage tagen tages woche wochen wochenende monat monate monaten monats quartal \
         jahr jahre jahren jahres morgen morgens vormittag mittag nachmittag abend abends nacht heute gestern uhr uhrzeit",
    ),
    (
        "fr",
        "lundi mardi mercredi jeudi vendredi samedi dimanche lundis mardis mercredis jeudis vendredis samedis dimanches janvier \
         février mars avril mai juin juillet août septembre octobre novembre décembre seconde secondes minute minutes heure heures \
         jour jours journée semaine semaines week-end mois trimestre année années matin matinée midi après-midi soir soirée nuit \
         demain hier aujourd'hui",
    ),
    (
        "es",
        "lunes martes miércoles jueves viernes sábado sábados domingo domingos enero febrero marzo abril mayo junio julio agosto \
         septiembre setiembre octubre noviembre diciembre segundo segundos minuto minutos hora horas día días semana semanas mes \
         meses trimestre año años mañana mañanas mediodía tarde tardes noche noches hoy ayer",
    ),
    (
        "it",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio marzo aprile maggio giugno luglio agosto \
         settembre ottobre novembre dicembre minuto minuti ora ore giorno giorni settimana settimane mese mesi anno anni mattina \
         pomeriggio sera notte oggi domani ieri",
    ),
    (
        "pt",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo janeiro fevereiro março abril maio junho \
         julho agosto setembro outubro novembro dezembro minuto minutos hora horas dia dias semana semanas mês meses ano anos manhã \
         tarde noite hoje amanhã ontem",
    ),
    (
        "nl",
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag januari februari maart april mei juni juli augustus september \
         oktober november december minuut minuten uur uren dag dagen week weken maand maanden jaar jaren ochtend middag avond nacht \
         vandaag morgen gisteren",
    ),
    (
        "pl",
        "poniedziałek wtorek środa czwartek piątek sobota niedziela stycznia lutego marca kwietnia maja czerwca lipca sierpnia \
         września października listopada grudnia minut godzina godziny godzin dzień dni tydzień tygodnie miesiąc miesiące rok lata \
         dziś jutro wczoraj rano wieczór wieczorem",
    ),
];

/// The words of a language.
pub(super) fn words(language: Option<&str>) -> impl Iterator<Item = &'static str> {
    let list = WORDS.iter().find(|(code, _)| Some(*code) == language);
    list.into_iter().flat_map(|(_, words)| words.split_whitespace())
}
