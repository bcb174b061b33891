//! What can be changed about a document.

use database::labels::Edit;
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;

use crate::operations::naming;
use crate::problem::Problem;

/// What changes; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename = "DocumentChange", deny_unknown_fields)]
pub(super) struct EditBody {
    /// A title of your own, 500 characters at most; `null` shows the one that was found again.
    title: MaybeUndefined<String>,
    /// All its labels: 20 at most, of 50 characters at most.
    labels: Option<Vec<String>>,
}

/// Reads a change.
///
/// # Errors
/// When a part of it is not fine.
pub(super) fn read(body: EditBody) -> Result<Edit, Problem> {
    let title = match body.title {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(title) => {
            let title = naming::title(&title).map_err(|rule| Problem::invalid("/title", rule))?;
            Some(Some(title))
        }
    };
    let labels = body.labels.as_deref().map(naming::labels).transpose();
    Ok(Edit {
        title,
        labels: labels.map_err(|rule| Problem::invalid("/labels", rule))?,
    })
}
