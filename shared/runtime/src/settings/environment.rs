//! Variables of the environment, laid over the tree.

use std::ffi::OsString;
use std::fs;

use super::fault::nearest;
use super::node::{self, Node, Table};
use super::{CONFIG_VARIABLE, SECTIONS};

const PREFIX: &str = "DOCMILL_";

/// Between a section and its key, and between a key and the key inside it.
const SEPARATOR: &str = "__";

/// At the end of a variable that names a file with the value.
const FILE_SUFFIX: &str = "_FILE";

/// Settings whose own names end like that: what they are set to is the name of the file.
const NAMES_OF_FILES: [&str; 1] = ["DOCMILL_MAIL__CA_FILE"];

/// No secret is longer; a larger file was named by mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Names that are ours and no settings.
const OTHER_NAMES: [&str; 3] = [CONFIG_VARIABLE, "DOCMILL_DATA", "DOCMILL_PASSWORD"];

/// What the variables of the tests begin with.
const TEST_PREFIX: &str = "DOCMILL_TEST_";

/// Our variables that are set to something, by name.
pub(super) fn ours(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut ours = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => ours.push((name.to_owned(), value)),
            Err(_) => problems.push(format!("{name}: is not UTF-8")),
        }
    }
    // The order of the environment is chance; problems are told in the same order every time.
    ours.sort();
    ours
}

/// Puts the values into the tree, over those of the file.
pub(super) fn lay_over(tree: &mut Table, variables: Vec<(String, String)>, problems: &mut Vec<String>) {
    let names: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in variables {
        let is_other = OTHER_NAMES.contains(&name.as_str()) || name.starts_with(TEST_PREFIX);
        if is_other || is_service_link(&name, &value) {
            continue;
        }
        let holds_value = !NAMES_OF_FILES.contains(&name.as_str());
        let (key, text) = match name.strip_suffix(FILE_SUFFIX).filter(|_| holds_value) {
            None => (name.as_str(), value),
            Some(key) if names.iter().any(|other| other == key) => {
                problems.push(format!("{name}: {key} is set as well; one of them must go"));
                continue;
            }
            Some(key) => match read_secret(&value) {
                Ok(text) => (key, text),
                Err(reason) => {
                    problems.push(format!("{name}: {reason}"));
                    continue;
                }
            },
        };
        let Some(path) = path_of(key) else {
            problems.push(unknown_name(&name, key));
            continue;
        };
        let value = Node::Untyped {
            text,
            variable: name.clone(),
        };
        if node::insert(tree, &path, value).is_err() {
            problems.push(format!(
                "{name}: leads into a value that is set elsewhere, not into a section"
            ));
        }
    }
}

/// `DOCMILL_AUTH__PASSWORD__PASSES` leads to `auth.password.passes`.
fn path_of(name: &str) -> Option<Vec<String>> {
    let path: Vec<String> = name
        .strip_prefix(PREFIX)?
        .split(SEPARATOR)
        .map(|part| part.to_ascii_lowercase())
        .collect();
    (path.len() >= 2 && path.iter().all(|part| !part.is_empty())).then_some(path)
}

fn unknown_name(name: &str, key: &str) -> String {
    let rest = key.strip_prefix(PREFIX).unwrap_or(key).to_ascii_lowercase();
    let section = rest.split('_').next().unwrap_or_default();
    // The usual slip is one underscore where two belong.
    match nearest(section, SECTIONS.iter().copied()) {
        Some(section) => {
            let section = section.to_ascii_uppercase();
            format!("{name}: names no setting; those of this section begin with {PREFIX}{section}{SEPARATOR}")
        }
        None => format!("{name}: names no setting; settings are named {PREFIX}SECTION{SEPARATOR}KEY"),
    }
}

/// Kubernetes tells every container about the services beside it, in variables that begin with the service's name:
/// a service called `docmill-api` makes `DOCMILL_API_SERVICE_HOST` and more. Nobody set these.
fn is_service_link(name: &str, value: &str) -> bool {
    if name.contains(SEPARATOR) {
        return false;
    }
    let address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let port = ["_TCP", "_UDP", "_SCTP"]
        .iter()
        .any(|protocol| name.contains(protocol))
        && name.contains("_PORT_");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || port
        || (name.ends_with("_PORT") && address)
}

fn read_secret(path: &str) -> Result<String, String> {
    let size = fs::metadata(path)
        .map_err(|error| format!("could not read {path}: {error}"))?
        .len();
    if size > SECRET_BYTES_MAX {
        return Err(format!("{path} is larger than {SECRET_BYTES_MAX} bytes"));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("could not read {path}: {error}"))?;
    // Editors and `echo` end a file with a line break that is not part of the secret.
    let text = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        Err(format!("{path} is empty"))
    } else {
        Ok(text.to_owned())
    }
}
