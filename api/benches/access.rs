//! What it costs to prove who somebody is: a token, a key, a password.
//!
//! `cargo bench -p docmill-api --bench access`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::AuthSettings;
use api::auth::access_tokens::{Claims, Tokens};
use api::auth::keys::generate_key;
use api::auth::passwords::{PasswordSettings, Passwords};
use domain::{ApiKeyText, SessionId, SystemClock, UserId, UserRole};
use secrecy::{ExposeSecret, SecretString};

/// The middle of many times that something is done.
fn middle(times: usize, mut work: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[times / 2]
}

fn tell(what: &str, took: Duration) {
    println!("{what:<48} {took:>10.1?}");
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    // As many keys as during a rotation, and the token made with the older one.
    let (old, new) = (generate_key(), generate_key());
    let settings = |keys: &[&SecretString]| AuthSettings {
        keys: keys.iter().map(|key| (*key).clone()).collect(),
        ..AuthSettings::default()
    };
    let clock = Arc::new(SystemClock);
    let tokens = Tokens::new(&settings(&[&new, &old]), clock.clone()).unwrap();
    let before = Tokens::new(&settings(&[&old]), clock).unwrap();
    let claims = Claims {
        user: UserId::new(),
        session: SessionId::new(),
        role: UserRole::User,
    };
    let (token, older) = (tokens.issue(claims), before.issue(claims));
    tell(
        "make an access token",
        middle(20_000, || drop(black_box(tokens.issue(claims)))),
    );
    tell(
        "verify an access token",
        middle(20_000, || assert!(tokens.verify(black_box(&token)).is_ok())),
    );
    tell(
        "verify one of the key before",
        middle(20_000, || assert!(tokens.verify(black_box(&older)).is_ok())),
    );
    let forged = format!("{}A{}", &token[..30], &token[31..]);
    tell(
        "refuse a forged one",
        middle(20_000, || assert!(tokens.verify(black_box(&forged)).is_err())),
    );
    let key = ApiKeyText::draw(getrandom::fill).expose();
    tell(
        "read and hash an API key",
        middle(20_000, || {
            let _ = black_box(ApiKeyText::parse(black_box(key.expose_secret())).unwrap().hash());
        }),
    );

    let passwords = Passwords::new(&PasswordSettings::default()).unwrap();
    let secret = || SecretString::from("correct horse battery staple");
    let hash = passwords.hash(secret()).await.unwrap();
    let mut took = Vec::new();
    for (known, bcrypt) in [(Some(hash.as_str()), None), (None, None), (None, Some(12))] {
        let started = Instant::now();
        for _ in 0..20 {
            let _ = passwords.verify_login(secret(), known, bcrypt).await.unwrap();
        }
        took.push(started.elapsed() / 20);
    }
    tell("compare a password with a hash (Argon2id)", took[0]);
    tell("the same for an account that is not there", took[1]);
    tell("while others have hashes of bcrypt (cost 12)", took[2]);
}
