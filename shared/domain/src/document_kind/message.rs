//! Whether a text is a message as mail programs send it (RFC 5322), or a mailbox of them (RFC 4155).

/// Fields that machines write, and that no letter of a person begins with.
const OF_MACHINES: [&str; 8] = [
    "received",
    "message-id",
    "mime-version",
    "return-path",
    "delivered-to",
    "dkim-signature",
    "x-mailer",
    "content-transfer-encoding",
];

/// Fields that every message has.
const OF_MESSAGES: [&str; 4] = ["from", "to", "subject", "date"];

/// Whether the text begins with the header of a message.
pub(super) fn looks_like_message(text: &str) -> bool {
    let (mut machines, mut people) = (0, 0);
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim().is_empty() {
            break;
        }
        if index > 0 && line.starts_with([' ', '\t']) {
            continue;
        }
        let Some(name) = field_name(line) else {
            return false;
        };
        machines += usize::from(OF_MACHINES.iter().any(|known| name.eq_ignore_ascii_case(known)));
        people += usize::from(OF_MESSAGES.iter().any(|known| name.eq_ignore_ascii_case(known)));
    }
    machines >= 1 && people >= 1 || machines >= 3
}

/// Whether the text begins with the line that divides the messages of a mailbox: who, and when as C writes it.
pub(super) fn looks_like_mailbox(text: &str) -> bool {
    let mut lines = text.lines();
    let Some(rest) = lines.next().and_then(|line| line.strip_prefix("From ")) else {
        return false;
    };
    let days = ["Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "];
    let dated = days.iter().any(|day| rest.contains(day)) && rest.contains(':');
    dated
        && lines
            .next()
            .is_some_and(|line| line.starts_with('>') || field_name(line).is_some())
}

/// The name of a header field: printable ASCII up to a colon.
fn field_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    let fits = !name.is_empty() && name.len() <= 76 && name.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_known_by_what_machines_wrote() {
        assert!(looks_like_message(
            "Return-Path: <a@b.example>\nFrom: a@b.example\nTo: c@d.example\n\nhello"
        ));
        assert!(looks_like_message(
            "From: a@b.example\r\nMIME-Version: 1.0\r\n\r\nhello"
        ));
        assert!(looks_like_message("Received: from x\n\tby y\nSubject: z\n\n"));
        assert!(
            !looks_like_message("From: Ana\nTo: Ben\nSubject: the party\n\nDear Ben"),
            "typed by a person"
        );
        assert!(!looks_like_message(
            "Dear Ben,\nMessage-ID: is a field of mails\n"
        ));
        assert!(!looks_like_message(""));
    }

    #[test]
    fn a_mailbox_begins_with_a_sender_and_a_time() {
        assert!(looks_like_mailbox(
            "From a@b.example Mon Mar  2 18:04:11 2026\nFrom: a@b.example\n\nhello"
        ));
        assert!(looks_like_mailbox(
            "From - Mon Mar 02 18:04:11 2026\nX-Mozilla-Status: 0001\n"
        ));
        assert!(!looks_like_mailbox(
            "From here it is not far.\nSubject: walking\n"
        ));
        assert!(!looks_like_mailbox(
            "From Mon to Wed: closed at 18:00\nWe are sorry.\n"
        ));
    }
}
