//! Which passwords are good enough.

use super::passwords::PASSWORD_BYTES_MAX;

/// Characters of a password at least.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Whether a new password is good enough for the account.
///
/// Length is what counts; beside it only those are refused that are tried first. Rules about kinds of characters are
/// left out on purpose: they make passwords alike.
///
/// # Errors
/// With everything that is wrong, as sentences for the person who chose it.
pub fn check_strength(password: &str, email: &str) -> Result<(), Vec<&'static str>> {
    let mut faults = Vec::new();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        faults.push("must have at least 8 characters");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        // The rest would be work on a text of any size.
        return Err(vec!["must have at most 1024 bytes"]);
    }
    let lower = password.to_lowercase();
    let email = email.to_lowercase();
    let name = email.split('@').next().unwrap_or_default();
    let is_name = !bare(name).is_empty() && bare(&lower) == bare(name);
    if !email.is_empty() && (lower == email || lower == name || is_name) {
        faults.push("must not be the e-mail address or its name");
    }
    if is_common(&lower) {
        faults.push("is among the passwords that are tried first");
    } else if is_sequence(&lower) {
        faults.push("must not be one character or one row of the keyboard repeated");
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Without the digits and signs that people put at the end of a word.
fn bare(word: &str) -> &str {
    word.trim_end_matches(|c: char| !c.is_alphabetic())
}

/// Whether the password is a common one, also in disguise: `P@ssw0rd1!` is `password`.
fn is_common(lower: &str) -> bool {
    /// Longer endings are no decoration any more, they carry the password.
    const ENDING_CHARS_MAX: usize = 4;
    let listed = |word: &str| COMMON.binary_search(&word).is_ok();
    if listed(lower) {
        return true;
    }
    let word = bare(lower);
    let ending = lower[word.len()..].chars().count();
    let plain: String = word
        .chars()
        .map(|c| match c {
            '@' | '4' => 'a',
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '$' | '5' => 's',
            '7' => 't',
            other => other,
        })
        .collect();
    ending <= ENDING_CHARS_MAX && (listed(word) || listed(&plain))
}

/// Whether the password is one to three characters repeated, or neighbours in one of the usual rows.
fn is_sequence(lower: &str) -> bool {
    const ROWS: [&str; 6] = [
        "01234567890",
        "abcdefghijklmnopqrstuvwxyz",
        "qwertyuiop",
        "qwertzuiop",
        "asdfghjkl",
        "azertyuiop",
    ];
    let chars: Vec<char> = lower.chars().collect();
    let repeats = |period: usize| {
        chars.len() >= 2 * period && chars.iter().zip(&chars[period..]).all(|(one, next)| one == next)
    };
    let backwards: String = chars.iter().rev().collect();
    (1..=3).any(repeats)
        || ROWS
            .iter()
            .any(|row| row.contains(lower) || row.contains(backwards.as_str()))
}

/// Sorted, in small letters, without digits and signs at the end unless they are all there is: endings and disguises
/// are taken off before a password is looked up here. Stems may be shorter than a password.
#[rustfmt::skip] // one word a line would be hundreds of lines
const COMMON: &[&str] = &[
    "00000000", "01234567", "0987654321", "10203040", "11111111", "11112222", "11223344", "112233445566",
    "12121212", "12131415", "12312312", "123123123", "12341234", "12344321", "123454321", "12345678",
    "123456789", "1234567890", "123456789a", "123456abc", "12345qwert", "1234qwer", "123654789", "123qwe123",
    "123qweasd", "123qweasdzxc", "13131313", "14725836", "147258369", "14789632", "19841984", "1a2b3c4d",
    "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz1qaz", "1qaz2wsx", "1qaz2wsx3edc", "1qazxsw2", "22222222",
    "23456789", "55555555", "66666666", "69696969", "77777777", "78945612", "87654321", "88888888",
    "98765432", "987654321", "99999999", "a1b2c3d4", "a1s2d3f4", "aa123456", "aaaaaaaa", "abc123abc",
    "abcd1234", "abcdabcd", "abcdefgh", "access", "admin", "adminadmin", "administrator", "alexander",
    "alexandra", "amanda", "america", "anderson", "andrea", "angel", "anthony", "arsenal", "asdasdasd",
    "asdf1234", "asdfasdf", "asdfgh", "asdfghjk", "asdfghjkl", "ashley", "austin", "babygirl", "backspace",
    "barcelona", "baseball", "basketball", "batman", "benjamin", "bismillah", "blink", "bonjour", "brandon",
    "bubbles", "business", "buster", "butterfly", "carolina", "caroline", "changeit", "changeme", "charlie",
    "charlotte", "chelsea", "chester", "chocolate", "christian", "christine", "christopher", "cocacola",
    "computer", "consumer", "cookie", "corvette", "cowboys", "creative", "daniel", "danielle", "database",
    "default", "diamond", "dictionary", "docmill", "dolphin", "dragon", "einstein", "elephant", "elizabeth",
    "engineer", "enterprise", "everton", "explorer", "facebook", "ferrari", "firebird", "flower", "football",
    "forever", "francesco", "freedom", "friends", "fuckyou", "garfield", "gateway", "google", "guest",
    "hallo", "hannover", "hardcore", "harrypotter", "hello", "hellohello", "hockey", "hunter", "ilovegod",
    "iloveyou", "internet", "isabella", "jasmine", "jennifer", "jessica", "johndoe", "jonathan", "jordan",
    "joshua", "justin", "killer", "kimberly", "krishna", "letmein", "letmeinnow", "liverpool", "login",
    "lovelove", "loveme", "loveyou", "manchester", "marlboro", "martin", "master", "matrix", "matthew",
    "maverick", "mercedes", "metallica", "michael", "michelle", "microsoft", "midnight", "minecraft",
    "monkey", "motorola", "mustang", "myspace", "naruto", "natalie", "nicholas", "nicole", "ninja",
    "nintendo", "nothing", "november", "oliver", "operator", "orange", "pakistan", "parola", "pass",
    "passport", "passw", "password", "passwordpassword", "passwort", "patricia", "pepper", "platinum",
    "playstation", "pokemon", "porsche", "portugal", "princesa", "princess", "private", "q1w2e3r4",
    "q1w2e3r4t5", "qazwsx", "qazwsxedc", "qazxsw", "qwer", "qwerasdf", "qwert", "qwerty", "qwertyui",
    "qwertyuiop", "qwertz", "rainbow", "rangers", "realmadrid", "rebecca", "root", "rootroot", "rosebud",
    "samantha", "samsung", "scooter", "scorpion", "secret", "security", "september", "service", "shadow",
    "simpsons", "slipknot", "snickers", "snoopy", "soccer", "sommer", "spiderman", "starwars", "steelers",
    "stephanie", "student", "summer", "sunflower", "sunshine", "superman", "superstar", "support",
    "swordfish", "system", "teacher", "temp", "test", "testing", "testtest", "thomas", "thunder", "tigger",
    "trustno", "universe", "user", "username", "vanessa", "veronica", "victoria", "welcome", "whatever",
    "william", "winter", "wordpass", "yamaha", "yankees", "zaq12wsx", "zaqxsw", "zxcvbn", "zxcvbnm",
    "zxcvbnma",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_tried_first_are_refused() {
        let email = "anna.schmidt@example.com";
        for weak in [
            "password",
            "Password1!",
            "P@ssw0rd2024",
            "iloveyou",
            "12345678",
            "qwertyuiop",
            "aaaaaaaa",
            "abcabcabc",
            "87654321",
            "hijklmnop",
            "Sunshine1",
            "letmein123",
            "anna.schmidt",
            "Anna.Schmidt99",
            "anna.schmidt@example.com",
            "short",
            "Trustno1",
            "docmill123",
        ] {
            assert!(check_strength(weak, email).is_err(), "{weak}");
        }
    }

    #[test]
    fn other_passwords_are_accepted_whatever_they_are_made_of() {
        for good in [
            "correct horse",
            "tulip-ferry-nine",
            "xkqzwvbn",
            "пароль-для-меня",
            "sunshine-84x-moon",
            "𝄞𝄞𝄢𝄢𝄡𝄞𝄢𝄡",
        ] {
            assert_eq!(check_strength(good, "anna@example.com"), Ok(()), "{good}");
        }
        assert_eq!(check_strength("tulip-ferry-nine", ""), Ok(()));
        assert_eq!(check_strength("2749-5830-1", "2749@example.com"), Ok(()));
    }

    #[test]
    fn every_fault_is_told() {
        assert_eq!(check_strength("anna", "anna@example.com").unwrap_err().len(), 2);
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert_eq!(
            check_strength(&long, "anna@example.com"),
            Err(vec!["must have at most 1024 bytes"])
        );
    }

    #[test]
    fn the_list_of_common_passwords_can_be_searched() {
        let mut sorted = COMMON.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(COMMON, sorted);
    }
}
