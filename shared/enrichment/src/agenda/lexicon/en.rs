//! English.

use super::Sign::*;
use super::Unit::*;
use super::Word::{self, Day as Days, Month as Months, Number, Sign, Unit, Weekday};

pub(super) const WORDS: &[(Word, &str)] = &[
    (Months(1), "january|jan"),
    (Months(2), "february|feb"),
    (Months(3), "march|mar"),
    (Months(4), "april|apr"),
    (Months(5), "may"),
    (Months(6), "june|jun"),
    (Months(7), "july|jul"),
    (Months(8), "august|aug"),
    (Months(9), "september|sept|sep"),
    (Months(10), "october|oct"),
    (Months(11), "november|nov"),
    (Months(12), "december|dec"),
    (Weekday(1), "monday|mon"),
    (Weekday(2), "tuesday|tue|tues"),
    (Weekday(3), "wednesday|wed"),
    (Weekday(4), "thursday|thu|thur|thurs"),
    (Weekday(5), "friday|fri"),
    (Weekday(6), "saturday|sat"),
    (Weekday(7), "sunday|sun"),
    (Sign(Shy), "march|mar|may|mon|wed|fri|sat|sun|jan|dec|sep|second"),
    (Number(1), "a|an|one"),
    (Number(2), "two"),
    (Number(3), "three"),
    (Number(4), "four"),
    (Number(5), "five"),
    (Number(6), "six"),
    (Number(7), "seven"),
    (Number(8), "eight"),
    (Number(9), "nine"),
    (Number(10), "ten"),
    (Number(11), "eleven"),
    (Number(12), "twelve"),
    (Unit(Minute), "minute|minutes"),
    (Unit(Hour), "hour|hours"),
    (Unit(Day), "day|days"),
    (Unit(Week), "week|weeks"),
    (Unit(Month), "month|months"),
    (Unit(Year), "year|years"),
    (Days(0), "today|tonight|this morning|this afternoon|this evening"),
    (Days(1), "tomorrow"),
    (Days(2), "day after tomorrow|the day after tomorrow"),
    (Days(-1), "yesterday|last night"),
    (Days(-2), "day before yesterday|the day before yesterday"),
    (
        Sign(Last),
        "yesterday|last night|day before yesterday|the day before yesterday",
    ),
    (
        Sign(Evening),
        "tonight|in the afternoon|in the evening|at night|evening|afternoon|night|this afternoon|this evening",
    ),
    (Sign(Morning), "morning|in the morning|this morning"),
    (Sign(Noon), "noon|midday"),
    (Sign(Midnight), "midnight"),
    (Sign(Am), "am"),
    (Sign(Pm), "pm"),
    (Sign(OClock), "o'clock|h"),
    (Sign(Next), "next|coming|upcoming"),
    (Sign(This), "this"),
    (Sign(Last), "last|past|previous"),
    (Sign(In), "in"),
    (Sign(Within), "within|in the next"),
    (Sign(Ago), "ago|earlier"),
    (
        Sign(By),
        "by|until|till|before|due|no later than|not later than|by the|before the|due by|due on",
    ),
    (Sign(On), "on|for|since|starting|from"),
    (Sign(At), "at"),
    (Sign(From), "from|between"),
    (Sign(To), "to|until|till|through|and"),
    (Sign(Article), "the"),
    (Sign(Of), "of"),
    (Sign(End), "end"),
    (Sign(Begin), "beginning|start"),
    (Sign(Middle), "mid|middle"),
    (Unit(Day), "eod|cob"),
    (Unit(Week), "eow"),
    (Unit(Month), "eom"),
    (Unit(Year), "eoy"),
    (Sign(EndOf), "eod|cob|eow|eom|eoy"),
    (
        Sign(Again),
        "every|each|weekly|daily|monthly|weekdays|mondays|tuesdays|wednesdays|thursdays|fridays|saturdays|sundays|always|\
         usually|opening hours|office hours",
    ),
    (
        Sign(Past),
        "was|were|had|held|met|went|did|took|said|told|agreed|opened|founded|born|died|wrote|sent|received|paid|has been|\
         have been|published|signed|built|became|came|got|saw|left|made|called|worked",
    ),
    (Sign(Please), "please|pls|plz|kindly"),
    (
        Sign(Ask),
        "can you|could you|would you|will you|can we|could we|are you able to|would you mind|can somebody|can someone|\
         could somebody|could someone",
    ),
    (
        Sign(Must),
        "must|has to|have to|needs to|need to|should|shall|ought to|is due|are due|is to|are to|has got to|somebody has to|\
         someone has to|we need",
    ),
    (
        Sign(Promise),
        "i'll|i will|i'm going to|i am going to|we'll|we will|let me",
    ),
    (Sign(Me), "i|we"),
    (Sign(Will), "will|is going to"),
    (Sign(ToDo), "to"),
    (Sign(With), "with|about"),
    (Sign(Not), "not|don't|never"),
    (Sign(Be), "be|am|is|are|been|being|see|have|has"),
    (
        Sign(Verb),
        "add|agree|announce|answer|approve|arrange|ask|assemble|attach|back|backup|book|bring|build|buy|call|cancel|change|\
         charge|check|choose|circulate|clean|clear|close|collect|complete|confirm|contact|copy|correct|count|create|decide|\
         deliver|discuss|distribute|do|download|draft|draw|edit|email|empty|enter|file|fill|finalise|finalize|find|finish|fix|\
         follow|forward|get|give|go|hand|hang|inform|install|invite|invoice|keep|label|lock|look|mail|make|measure|message|\
         move|mow|notify|order|organise|organize|pack|paint|pay|phone|pick|plan|post|prepare|print|publish|put|reach|read|\
         register|remind|remove|renew|rent|repaint|repair|replace|reply|report|request|reserve|return|review|ring|schedule|\
         scan|send|set|share|sign|sort|speak|store|submit|sweep|take|talk|tell|test|text|throw|tidy|transfer|translate|\
         turn|update|upload|verify|wait|wash|water|write",
    ),
    (
        Sign(Label),
        "to do|to-do|todos|action|actions|action item|action items|next step|next steps|task|tasks|open points|follow-up",
    ),
    (Sign(Deadline), "deadline|due date|due|closing date"),
    (
        Sign(Forget),
        "don't forget|do not forget|remember to|make sure|please ensure|remind me",
    ),
    (
        Sign(Urgent),
        "urgent|urgently|immediately|asap|important|critical|high priority|top priority|right away|as soon as possible|\
         at once|prio 1|p1",
    ),
    (
        Sign(Someday),
        "when you have time|when you find time|whenever you|no rush|no hurry|low priority|someday|some day|sometime|nice to \
         have|if you have time|when you get a chance|eventually|not urgent|at your leisure|optional",
    ),
    (Sign(Honorific), "mr|mrs|ms|miss|dr|prof"),
    (Sign(Attend), "join|attend|come|participate|visit"),
    (Sign(Thanks), "thanks|thank|thank you"),
    (
        Sign(Event),
        "appointment|appointments|assembly|audit|barbecue|birthday|breakfast|brunch|call|celebration|ceremony|class|\
         collection|concert|conference|course|dance|demo|demonstration|dentist|departure|dinner|drill|evening|event|exam|\
         excursion|exhibition|fair|festival|flight|funeral|game|gathering|handover|hearing|hike|holiday|inspection|\
         interview|kick-off|kickoff|launch|lecture|lesson|lunch|match|meet|meeting|meetings|opening|outing|party|\
         performance|picnic|premiere|presentation|race|reading|reception|rehearsal|release|retreat|retro|retrospective|\
         review|sale|market|school|screening|seminar|service|session|show|standup|stand-up|sync|talk|tasting|tour|\
         tournament|training|trip|viewing|visit|wedding|webinar|workshop|camp|flea market|general meeting",
    ),
    (
        Sign(Occurs),
        "takes place|will take place|take place|starts|begins|let's meet|we meet|meet|let's sync|will be held|is held|is on|\
         is scheduled for|scheduled for|arrives|arrive|comes|leaves|is ours|see you|moved to|postponed to|rescheduled to|rescheduled for|brought forward to",
    ),
    (
        Sign(Tbd),
        "to be confirmed|to be announced|to be determined|to be decided|to be fixed|date open|date not fixed|not yet fixed|\
         not fixed yet|date follows|no date yet|date will follow",
    ),
    (
        Sign(Header),
        "from|to|cc|bcc|sent|received|subject|date|updated|created|modified|printed|page|stand",
    ),
    (
        Sign(Stamped),
        "generated|printed|created|updated|modified|posted|retrieved|accessed|version|copyright|revision|as of",
    ),
    (
        Sign(Common),
        "the|a|an|this|that|these|those|it|he|she|they|we|you|i|there|here|our|my|your|his|her|their|its|all|and|or|but|if|\
         when|where|who|what|why|how|which|because|so|then|also|everyone|everybody|anyone|anybody|nobody|no|yes|ok|okay|not|\
         note|notes|hi|hello|hey|dear|thanks|please|tomorrow|today|tonight|yesterday|for|with|as|at|by|in|on|of|of|after|\
         before|until|since|from|somebody|someone|each|some|both|either|chapter|section|page|version|deadline|agenda|next|\
         last|owner|status|due|priority|low|high|subject|date|time|place|location|summary|decision|decisions|present|\
         apologies|attendees|participants|invoice|payment|rent|deposit|meeting|bring|maybe|perhaps|still|just|only|once|\
         while|although|however|urgent|important|reminder|update|question|answer|everything|nothing|something|people|may|\
         can|could|would|should|must|will|shall|do|does|did|is|are|was|were|has|have|had|let|let's|sorry|sure|good|great",
    ),
];
