//! `Range` of downloads (RFC 9110, section 14): one range of bytes; anything else is answered with everything.

use std::ops::Range;

/// What a client wants of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Everything,
    /// These bytes, which it has.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// Reads a `Range` header for an object of `size` bytes.
pub(crate) fn parse(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::Everything;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Wanted::Everything;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.trim().is_empty() && suffix > 0 => size.saturating_sub(suffix)..size,
        (Err(_), Ok(0)) if first.trim().is_empty() => return Wanted::Outside,
        _ => return Wanted::Everything,
    };
    if range.is_empty() {
        Wanted::Outside
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_understood() {
        for (header, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=4-", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=8-99", Wanted::Part(8..10)),
            ("bytes=10-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
        ] {
            assert_eq!(parse(Some(header), 10), expected, "{header}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=1-2",
            "bytes=x-2",
        ] {
            assert_eq!(parse(Some(header), 10), Wanted::Everything, "{header}");
        }
        assert_eq!(parse(None, 10), Wanted::Everything);
    }

    #[test]
    fn an_empty_object_has_no_ranges() {
        assert_eq!(parse(Some("bytes=0-"), 0), Wanted::Outside);
        assert_eq!(parse(None, 0), Wanted::Everything);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_lies_inside(
            header in prop_oneof![".{0,60}", "bytes=[0-9]{0,25}-[0-9]{0,25}", "bytes=[0-9, -]{0,40}"],
            size in prop_oneof![0_u64..100, any::<u64>()],
        ) {
            if let Wanted::Part(part) = parse(Some(&header), size) {
                prop_assert!(part.start < part.end && part.end <= size, "{part:?} of {size}");
            }
        }
    }
}
