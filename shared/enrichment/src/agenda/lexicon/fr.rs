//! French.

use super::Sign::*;
use super::Unit::*;
use super::Word::{self, Day as Days, Month as Months, Number, Sign, Unit, Weekday};

pub(super) const WORDS: &[(Word, &str)] = &[
    (Months(1), "janvier|janv"),
    (Months(2), "février|févr"),
    (Months(3), "mars"),
    (Months(4), "avril|avr"),
    (Months(5), "mai"),
    (Months(6), "juin"),
    (Months(7), "juillet|juil"),
    (Months(8), "août"),
    (Months(9), "septembre|sept"),
    (Months(10), "octobre|oct"),
    (Months(11), "novembre|nov"),
    (Months(12), "décembre|déc"),
    (Weekday(1), "lundi|lun"),
    (Weekday(2), "mardi"),
    (Weekday(3), "mercredi"),
    (Weekday(4), "jeudi|jeu"),
    (Weekday(5), "vendredi|ven"),
    (Weekday(6), "samedi|sam"),
    (Weekday(7), "dimanche|dim"),
    (Sign(Shy), "mars|mai|jeu|sam|lun|ven|dim"),
    (Number(1), "un|une"),
    (Number(2), "deux"),
    (Number(3), "trois"),
    (Number(4), "quatre"),
    (Number(5), "cinq"),
    (Number(6), "six"),
    (Number(7), "sept"),
    (Number(8), "huit"),
    (Number(9), "neuf"),
    (Number(10), "dix"),
    (Number(11), "onze"),
    (Number(12), "douze"),
    (Number(15), "quinze"),
    (Unit(Minute), "minute|minutes"),
    (Unit(Hour), "heure|heures"),
    (Unit(Day), "jour|jours"),
    (Unit(Week), "semaine|semaines"),
    (Unit(Month), "mois"),
    (Unit(Year), "an|ans|année|années"),
    (Days(0), "aujourd'hui|ce soir|ce matin|cet après-midi|ce midi"),
    (Days(1), "demain"),
    (Days(2), "après-demain"),
    (Days(-1), "hier|hier soir|d'hier"),
    (Days(-2), "avant-hier"),
    (Sign(Last), "hier|hier soir|d'hier|avant-hier"),
    (
        Sign(Evening),
        "soir|dans l'après-midi|en soirée|dans la soirée|soirée|après-midi|nuit|du soir|ce soir|cet après-midi|de l'après-midi",
    ),
    (Sign(Morning), "matin|dans la matinée|matinée|du matin|ce matin"),
    (Sign(Noon), "midi|ce midi"),
    (Sign(Midnight), "minuit"),
    (Sign(OClock), "h|heures|heure"),
    (Sign(Next), "prochain|prochaine|prochains|prochaines"),
    (Sign(This), "ce|cet|cette"),
    (Sign(Last), "dernier|dernière|derniers|dernières|passé|passée"),
    (Sign(In), "dans|d'ici"),
    (Sign(Within), "sous|d'ici|dans les"),
    (Sign(AgoBefore), "il y a"),
    (
        Sign(By),
        "avant|avant le|avant la|d'ici|d'ici le|d'ici la|d'ici à|jusqu'au|jusqu'à|au plus tard|au plus tard le|pour le|pour|\
         avant ce|d'ici au",
    ),
    (Sign(On), "le|du|à partir du|dès|pour|en"),
    (Sign(At), "à|vers|dès"),
    (Sign(From), "de|du|entre"),
    (Sign(To), "à|au|et|jusqu'à|jusqu'au"),
    (Sign(Article), "le|la|les|l'|ce"),
    (Sign(Of), "de|du|d'"),
    (Sign(End), "fin"),
    (Sign(Begin), "début"),
    (Sign(Middle), "mi|milieu"),
    (
        Sign(Again),
        "chaque|tous les|toutes les|quotidien|hebdomadaire|mensuel|lundis|mardis|mercredis|jeudis|vendredis|samedis|\
         dimanches|toujours|horaires",
    ),
    (
        Sign(Past),
        "était|étaient|a été|ont été|avait|avaient|a eu lieu|fut|a ouvert|a dit|avons|est venu|est né|est mort|ai|a marché|\
         s'est|payée|payé|a écrit",
    ),
    (
        Sign(Please),
        "merci de|merci d'|veuillez|s'il te plaît|s'il vous plaît|s’il te plaît|stp|svp|prière de|pense à|pensez à|merci de bien vouloir",
    ),
    (
        Sign(Ask),
        "peux-tu|pouvez-vous|pourrais-tu|pourriez-vous|tu peux|vous pouvez|tu pourrais|vous pourriez|peut-on|est-ce que tu peux|\
         est-ce que vous pouvez|quelqu'un peut",
    ),
    (
        Sign(Must),
        "doit|doivent|devra|devront|devons|dois|devez|faut|faudra|il faut|il faudra|est à|sont à|a besoin de",
    ),
    (Sign(Promise), "je vais|nous allons|on va|je vais vous|je vais te"),
    (Sign(Me), "je|nous|j'"),
    (Sign(With), "avec"),
    (Sign(Not), "pas|ne|jamais"),
    (Sign(Be), "être|avoir|suis|ai|sera"),
    (
        Sign(Verb),
        "acheter|afficher|aller|appeler|apporter|arroser|attribuer|changer|chercher|choisir|classer|commander|compléter|\
         confirmer|contacter|contrôler|copier|corriger|demander|déposer|distribuer|donner|écrire|effectuer|envoyer|établir|\
         faire|fermer|finir|fournir|imprimer|informer|inscrire|installer|inviter|laver|lire|livrer|mettre|modifier|nettoyer|\
         noter|organiser|ouvrir|payer|poster|prendre|préparer|prévenir|prévoir|publier|ranger|rappeler|recontacter|récupérer|\
         rédiger|régler|relancer|relire|remplacer|remplir|rendre|renouveler|renvoyer|réparer|répondre|réserver|retourner|\
         sauvegarder|scanner|signaler|signer|soumettre|téléphoner|terminer|tondre|traduire|transférer|transmettre|trier|\
         trouver|valider|vérifier|vider|virer|envoie|envoyez|appelle|appelez|réserve|réservez|vérifie|vérifiez|achète|achetez|\
         apporte|apportez|préparez|prépare|demande|demandez|confirmez|confirme|réponds|répondez|relance",
    ),
    (
        Sign(Doing),
        "envoie|appelle|rappelle|fais|prends|apporte|achète|prépare|réserve|commande|demande|vérifie|écris|réponds|relance|\
         m'occupe|transmets|renvoie|paie|paye|passe|dépose|imprime|organise|finis|termine|rends|répare|cherche|contacte|enverrai|\
         appellerai|ferai|apporterai|préparerai|rappellerai",
    ),
    (
        Sign(Label),
        "à faire|tâche|tâches|action|actions|prochaines étapes|points ouverts|todo|à traiter|reste à faire",
    ),
    (
        Sign(Deadline),
        "date limite|échéance|délai|dernier délai|clôture|à rendre|à payer",
    ),
    (
        Sign(Forget),
        "n'oublie pas|n'oubliez pas|ne pas oublier|rappelle-moi|penser à",
    ),
    (
        Sign(Urgent),
        "urgent|urgente|urgence|immédiatement|important|importante|dès que possible|au plus vite|le plus vite possible|\
         tout de suite|prioritaire|critique|sans délai",
    ),
    (
        Sign(Someday),
        "quand tu auras le temps|quand vous aurez le temps|quand tu as le temps|si tu as le temps|un jour|rien ne presse|\
         pas urgent|sans urgence|à l'occasion|facultatif|basse priorité|priorité basse",
    ),
    (Sign(Honorific), "m|mme|mlle|monsieur|madame|dr|maître|me"),
    (
        Sign(Attend),
        "venez|viens|venir|participer|participez|assister|rejoindre|rejoignez",
    ),
    (Sign(Thanks), "merci pour|merci à|merci beaucoup|remercie"),
    (
        Sign(Event),
        "anniversaire|appel|apéritif|assemblée|atelier|audience|brocante|bal|cérémonie|concert|conférence|congé|cours|\
         déjeuner|démonstration|départ|dîner|entretien|événement|évènement|examen|excursion|exposition|festival|fête|foire|\
         formation|inauguration|inspection|kermesse|lancement|lecture|marché|mariage|match|ouverture|petit-déjeuner|\
         pique-nique|point|pot|première|présentation|projection|randonnée|rencontre|rendez-vous|repas|répétition|répétitions|\
         représentation|réunion|séance|séminaire|sortie|spectacle|stage|tournoi|vernissage|vide-grenier|visite|vol|voyage|\
         webinaire|colonie|rdv|vacances|livraison|soirée",
    ),
    (
        Sign(Occurs),
        "aura lieu|a lieu|auront lieu|se tiendra|se tient|commence|commencent|débute|on se retrouve|on se voit|nous nous \
         retrouvons|rendez-vous|arrive|passe|reportée au|reporté au|est déplacée au|avancée au",
    ),
    (
        Sign(Tbd),
        "à confirmer|à définir|à déterminer|à préciser|à fixer|pas encore fixée|pas encore fixé|date inconnue|sera communiquée|\
         à venir|à convenir",
    ),
    (Sign(Header), "de|à|cc|envoyé|objet|date|page|créé|modifié"),
    (
        Sign(Stamped),
        "imprimé|créé|modifié|généré|version|consulté|mise à jour|mis à jour|page",
    ),
    (
        Sign(Common),
        "le|la|les|un|une|des|il|elle|ils|elles|nous|vous|je|tu|on|ce|cette|ces|cet|tout|tous|toute|et|ou|mais|si|quand|où|qui|\
         quoi|pourquoi|comment|car|donc|alors|aussi|personne|non|oui|pas|note|bonjour|bonsoir|cher|chère|merci|demain|\
         aujourd'hui|hier|pour|avec|comme|chez|dans|en|à|au|aux|sur|après|avant|jusqu'à|depuis|de|du|chapitre|section|page|\
         version|date|heure|lieu|objet|décision|présents|présent|absents|facture|paiement|loyer|caution|encore|seulement|\
         urgent|important|question|réponse|rien|notre|nos|mon|ma|mes|ton|ta|son|sa|leur|leurs|votre|vos|aucun|aucune|peut|doit|\
         sera|est|sont|était|a|ont|voici|voilà|responsable|ouvert|fermé|veuillez|ordre|prochain|prochaine|échéance|d'ici",
    ),
];
