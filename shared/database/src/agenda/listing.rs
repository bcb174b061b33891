//! The list of todos or events in the order of their moments, while its conditions come together.

use domain::UserId;
use sea_orm::{FromQueryResult, Value};

use super::{After, Span, UNSCHEDULED};
use crate::{Database, Result, sql};

/// A statement that grows.
pub(crate) struct Listing {
    statement: String,
    values: Vec<Value>,
    /// The column with the moment, in seconds, that comes before the id in the order.
    moment: &'static str,
}

impl Listing {
    /// Everything of a user that `select` names.
    pub(crate) fn of(user: UserId, select: &str, moment: &'static str) -> Self {
        Self {
            statement: format!("{select} WHERE user_id = $1"),
            values: vec![user.uuid().into()],
            moment,
        }
    }

    /// Only what meets a condition on one value, which stands for its `?`.
    pub(crate) fn only(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.only_if(&condition.replace('?', &place));
    }

    /// Only what meets a condition as it is.
    pub(crate) fn only_if(&mut self, condition: &str) {
        self.statement += &format!(" AND {condition}");
    }

    /// Only what begins before the end of a stretch of time, and has a moment or none, as it says. What has none lies in no
    /// stretch.
    pub(crate) fn only_until_the_end_of(&mut self, span: &Span) {
        let moment = self.moment;
        if let Some(to) = span.to {
            self.only(&format!("{moment} <= ?"), to.min(UNSCHEDULED - 1));
        }
        match span.scheduled.or(span.from.is_some().then_some(true)) {
            Some(true) => self.only(&format!("{moment} < ?"), UNSCHEDULED),
            Some(false) => self.only(&format!("{moment} >= ?"), UNSCHEDULED),
            None => {}
        }
    }

    /// Only what comes behind this place.
    pub(crate) fn only_behind(&mut self, after: Option<After>) {
        let Some((second, id)) = after else { return };
        let moment = self.moment;
        // This part alone is what the index needs.
        self.only(&format!("{moment} >= ?"), second);
        self.values.extend([second.into(), id.into()]);
        let (second, id) = (self.values.len() - 1, self.values.len());
        self.only_if(&format!("({moment} > ${second} OR id > ${id})"));
    }

    /// The first rows; at most `limit`.
    pub(crate) async fn rows<R: FromQueryResult>(mut self, db: &Database, limit: u64) -> Result<Vec<R>> {
        self.values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        self.statement += &format!(" ORDER BY {}, id LIMIT ${}", self.moment, self.values.len());
        sql::all(db.connection(), self.statement, self.values).await
    }
}
