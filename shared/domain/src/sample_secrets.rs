//! Secrets that stand in examples and manuals, and are tried first by whoever wants to get in.

/// Sorted, in small letters.
const SAMPLES: &[&str] = &[
    "admin",
    "change-me",
    "change_me",
    "changeit",
    "changeme",
    "default",
    "docker",
    "docmill",
    "example",
    "foobared",
    "minio",
    "minio123",
    "minioadmin",
    "pass",
    "passw0rd",
    "password",
    "postgres",
    "redis",
    "replace-me",
    "root",
    "s3cr3t",
    "sample",
    "secret",
    "test",
    "todo",
    "your-password",
    "your-secret",
];

/// Whether a secret protects nothing: one from an example, or one that is shorter than 6 bytes.
#[must_use]
pub fn is_sample_secret(secret: &str) -> bool {
    let lower = secret.to_lowercase();
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    secret.len() < 6
        || [lower.as_str(), bare]
            .iter()
            .any(|text| SAMPLES.binary_search(text).is_ok())
}

/// Whether a host is this machine: what does not leave it need not be protected from others.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_examples_are_known_also_with_digits_at_the_end() {
        for sample in [
            "",
            "x",
            "secret",
            "ChangeMe",
            "password123",
            "minioadmin",
            "Docmill2024!",
        ] {
            assert!(is_sample_secret(sample), "{sample}");
        }
        for good in ["hunter2", "9f2c77aa01", "my-docmill-secret"] {
            assert!(!is_sample_secret(good), "{good}");
        }
        assert!(SAMPLES.is_sorted());
    }

    #[test]
    fn this_machine_has_several_names() {
        for here in [
            "localhost",
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["redis", "10.0.0.1", "localhost.example.com", "0.0.0.0", ""] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
