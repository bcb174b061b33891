//! Chats written as text, one or more lines for each message.

use domain::{ChatLine, DateOrder};

use super::{Conversation, Message};

/// Reads the messages of a text; `None` when there are none.
pub(super) fn read(text: &str) -> Option<Conversation> {
    let heads: Vec<Option<ChatLine<'_>>> = text.lines().map(ChatLine::read).collect();
    let count = |which: fn(&ChatLine<'_>) -> bool| heads.iter().flatten().filter(|head| which(head)).count();
    let all = count(|_| true);
    // Where messages carry their time, a line without one belongs to the message before it, however it looks.
    let must_be_unmistakable = count(|head| head.unmistakable) >= 2;
    let stamped = count(|head| head.stamp.is_some());
    let must_be_stamped = stamped >= 2 && stamped * 2 >= all;
    let begins = |head: &ChatLine<'_>| {
        (head.unmistakable || !must_be_unmistakable) && (head.stamp.is_some() || !must_be_stamped)
    };
    let order = date_order(heads.iter().flatten());
    let mut conversation = Conversation::default();
    for (line, head) in text.lines().zip(&heads) {
        match (head.filter(begins), conversation.messages.last_mut()) {
            (Some(head), _) => conversation.messages.push(Message {
                time: head
                    .stamp
                    .map(|stamp| stamp.show(order))
                    .filter(|time| !time.is_empty()),
                speaker: head.speaker.and_then(super::name),
                text: head.text.to_owned(),
            }),
            (None, Some(message)) => {
                message.text.push('\n');
                message.text.push_str(line);
            }
            (None, None) => {
                conversation.preface.push_str(line);
                conversation.preface.push('\n');
            }
        }
    }
    (!conversation.messages.is_empty()).then_some(conversation)
}

/// How the chat writes its dates: the way in which all of them exist; if both will do, the way in which time does not run
/// backwards; if that decides nothing, by how it is written.
fn date_order<'a>(heads: impl Iterator<Item = &'a ChatLine<'a>>) -> DateOrder {
    let stamps: Vec<_> = heads
        .filter_map(|head| head.stamp)
        .filter_map(|stamp| Some((stamp.date?, stamp)))
        .filter(|(date, _)| !date.is_year_first())
        .collect();
    let faults = |order: DateOrder| {
        let missing = stamps
            .iter()
            .filter(|(date, _)| date.resolve(order).is_none())
            .count();
        let backwards = stamps
            .windows(2)
            .filter(|pair| pair[0].0.resolve(order) > pair[1].0.resolve(order))
            .count();
        (missing, backwards)
    };
    match faults(DateOrder::DayFirst).cmp(&faults(DateOrder::MonthFirst)) {
        std::cmp::Ordering::Less => DateOrder::DayFirst,
        std::cmp::Ordering::Greater => DateOrder::MonthFirst,
        std::cmp::Ordering::Equal => {
            // Who divides by slashes and counts hours twice a day writes the month first, mostly.
            let american = stamps
                .iter()
                .any(|(date, stamp)| stamp.twelve_hours && !date.has_points());
            if american {
                DateOrder::MonthFirst
            } else {
                DateOrder::DayFirst
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Vec<String> {
        let conversation = read(text).expect("the text has messages");
        conversation
            .messages
            .into_iter()
            .filter_map(|message| message.time)
            .collect()
    }

    #[test]
    fn the_order_of_dates_is_found_in_the_chat() {
        for (text, expected) in [
            (
                "3/4/26, 18:04 - A: x\n13/4/26, 18:04 - B: y",
                ["2026-04-03 18:04", "2026-04-13 18:04"],
            ),
            (
                "3/4/26, 18:04 - A: x\n3/14/26, 18:04 - B: y",
                ["2026-03-04 18:04", "2026-03-14 18:04"],
            ),
            (
                "9/3/26, 18:04 - A: x\n1/4/26, 18:04 - B: y",
                ["2026-03-09 18:04", "2026-04-01 18:04"],
            ),
            (
                "1/12/26, 18:04 - A: x\n2/1/26, 18:04 - B: y",
                ["2026-01-12 18:04", "2026-02-01 18:04"],
            ),
            (
                "3/4/26, 6:04 PM - A: x\n3/5/26, 6:04 PM - B: y",
                ["2026-03-04 18:04", "2026-03-05 18:04"],
            ),
            (
                "3/4/26, 18:04 - A: x\n4/4/26, 18:04 - B: y",
                ["2026-04-03 18:04", "2026-04-04 18:04"],
            ),
            (
                "[03.04.26, 18:04:00] A: x\n[04.04.26, 18:04:00] B: y",
                ["2026-04-03 18:04:00", "2026-04-04 18:04:00"],
            ),
            (
                "2026/03/04, 18:04 - A: x\n2026-03-05 18:04 - B: y",
                ["2026-03-04 18:04", "2026-03-05 18:04"],
            ),
        ] {
            assert_eq!(times(text), expected, "{text}");
        }
    }

    #[test]
    fn further_lines_belong_to_their_message() {
        let text = "Our chat\n\n14/03/2026, 18:04 - Nora: the list:\nBen: bread\nSam: soup\n\nthanks\n\
                    14/03/2026, 18:05 - Ben: ok\n";
        let conversation = read(text).expect("the text has messages");
        assert_eq!(conversation.messages.len(), 2);
        assert_eq!(
            conversation.messages[0].text,
            "the list:\nBen: bread\nSam: soup\n\nthanks"
        );
        assert_eq!(conversation.preface, "Our chat\n\n");
    }
}
