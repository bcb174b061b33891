//! What every list has in common: a limit, a cursor, and links to its other pages (RFC 8288).

use domain::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use uuid::Uuid;

use crate::context::Api;
use crate::http::cursor::Position;
use crate::problem::Problem;

/// Which page of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) limit: u64,
    pub(super) from: Option<Position>,
}

impl Page {
    /// Reads `limit` and `cursor`.
    pub(super) fn read(
        api: &Api,
        list: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(Problem::invalid(
                "query:limit",
                format!("must be between 1 and {PAGE_ITEMS_MAX}"),
            ));
        }
        let from = cursor.map(|cursor| api.cursors.read(list, cursor)).transpose()?;
        Ok(Self { limit, from })
    }

    /// The item after which the page begins.
    pub(super) fn after(&self) -> Option<Uuid> {
        match self.from {
            Some(Position::After(id)) => Some(id),
            _ => None,
        }
    }

    /// The item of a list in the order of time after which the page begins.
    pub(super) fn behind(&self) -> Option<(i64, Uuid)> {
        match self.from {
            Some(Position::Behind(second, id)) => Some((second, id)),
            _ => None,
        }
    }

    /// How many items of a ranked list lie before the page.
    pub(super) fn offset(&self) -> u64 {
        match self.from {
            Some(Position::Offset(offset)) => offset,
            _ => 0,
        }
    }

    /// One more than fits, to know whether there is another page.
    pub(super) fn fetch(&self) -> u64 {
        self.limit + 1
    }

    /// Cuts the extra item off. Where it was there, gives the cursor of the next page, which begins behind the place of the last
    /// item that stays.
    pub(super) fn end<T>(
        &self,
        api: &Api,
        list: &str,
        items: &mut Vec<T>,
        place: impl FnOnce(&T) -> Position,
    ) -> Option<String> {
        let more = self.cut(items);
        let last = items.last().filter(|_| more)?;
        Some(api.cursors.write(list, place(last)))
    }

    /// Cuts the extra item off and says whether it was there.
    pub(super) fn cut<T>(&self, items: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        more
    }
}

/// The `Link` header of a page: its first page, and the next one if there is one.
pub(super) fn links(path: &str, parameters: &[(&str, Option<String>)], next_cursor: Option<&str>) -> String {
    let given: Vec<String> = parameters
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encode(value))))
        .collect();
    let link = |cursor: Option<&str>, relation: &str| {
        let mut query = given.clone();
        query.extend(cursor.map(|cursor| format!("cursor={cursor}")));
        let mark = if query.is_empty() { "" } else { "?" };
        format!("<{path}{mark}{}>; rel=\"{relation}\"", query.join("&"))
    };
    let mut links = vec![link(None, "first")];
    links.extend(next_cursor.map(|cursor| link(Some(cursor), "next")));
    links.join(", ")
}

/// Percent-encodes everything that is not unreserved (RFC 3986, section 2.3).
fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filters() {
        let parameters = [
            ("limit", Some("2".to_owned())),
            ("status", None),
            ("q", Some("a b&c".to_owned())),
        ];
        assert_eq!(
            links("/api/v1/jobs", &parameters, Some("xyz")),
            "</api/v1/jobs?limit=2&q=a%20b%26c>; rel=\"first\", \
             </api/v1/jobs?limit=2&q=a%20b%26c&cursor=xyz>; rel=\"next\""
        );
        assert_eq!(links("/api/v1/jobs", &[], None), "</api/v1/jobs>; rel=\"first\"");
    }
}
