//! What the framework leaves out of the OpenAPI document: which values the routes take.
//!
//! The routes check values themselves, so that an answer points at what is wrong and says the rule. Here the same rules are said
//! to programs. That the two are the same is tested from outside: values that fit are sent to every route and have to be
//! taken, values that do not have to be refused.

use domain::schedules::{MissedRuns, Overlap, WorkKind};
use domain::{TaskKind, limits};
use serde_json::{Map, Value, json};

use crate::auth::password_strength::PASSWORD_CHARS_MIN;
use crate::auth::passwords::PASSWORD_BYTES_MAX;
use crate::operations::answering::{DOCUMENTS_MAX, QUESTION_CHARACTERS_MAX};
use crate::operations::api_keys::{DAYS_MAX, NAME_CHARS_MAX, OVERLAP_MAX};

/// Text on one line: no control characters.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same, and something that can be seen.
const SEEN_LINE: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// Something that can be seen.
const SEEN: &str = r"[^\s\u0000-\u001f\u007f-\u009f]";
const ADDRESS: &str = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@.\s\u0000-\u001f\u007f-\u009f]+(\.[^@.\s\u0000-\u001f\u007f-\u009f]+)*$";
const USER_NAME: &str = r"^[A-Za-z0-9._-]{3,50}$";
const LANGUAGES: &str = r"^[a-z]{2}(,[a-z]{2}){0,9}$";
const FACETS: &str = r"^(kind|language|tag|label)(,(kind|language|tag|label))*$";
const PAGES: &str = r"^[1-9]\d{0,5}(-([1-9]\d{0,5})?)?(,[1-9]\d{0,5}(-([1-9]\d{0,5})?)?){0,99}$";
const SCHEDULE_NAME: &str = r"^[a-z][a-z0-9_-]{0,99}$";

/// Completes a document.
pub(super) fn complete(document: &mut Value) {
    let bodies = schemas_of_bodies(document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas.iter_mut() {
            bound_numbers(schema);
            if bodies.contains(name) {
                close(name, schema);
            }
        }
    }
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in methods.as_object_mut().into_iter().flatten() {
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                complete_parameter(path, parameter);
            }
            name_contents(path, operation);
        }
    }
}

/// The names of all schemas that are part of a body.
fn schemas_of_bodies(document: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for methods in document["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, methods)| methods)
    {
        for (_, operation) in methods.as_object().into_iter().flatten() {
            gather(document, &operation["requestBody"], &mut names);
        }
    }
    names
}

fn gather(document: &Value, part: &Value, names: &mut Vec<String>) {
    match part {
        Value::Object(fields) => {
            if let Some(name) = fields
                .get("$ref")
                .and_then(|path| path.as_str()?.rsplit('/').next())
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
                gather(document, &document["components"]["schemas"][name], names);
            }
            fields.values().for_each(|inner| gather(document, inner, names));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(document, item, names)),
        _ => {}
    }
}

/// The bounds that follow from the type of a number.
fn bound_numbers(part: &mut Value) {
    let bounds = match part["format"].as_str() {
        Some("uint8") => Some((0, u64::from(u8::MAX))),
        Some("uint16") => Some((0, u64::from(u16::MAX))),
        Some("uint32") => Some((0, u64::from(u32::MAX))),
        Some("uint64") => Some((0, u64::MAX)),
        _ => None,
    };
    if let (Some((least, most)), Some(schema)) = (bounds, part.as_object_mut()) {
        schema.entry("minimum").or_insert_with(|| least.into());
        schema.entry("maximum").or_insert_with(|| most.into());
    }
    match part {
        Value::Object(fields) => fields.values_mut().for_each(bound_numbers),
        Value::Array(items) => items.iter_mut().for_each(bound_numbers),
        _ => {}
    }
}

/// Says of the schema of a body that nothing else may be in it, that what may be absent may be null too, and what its texts and
/// numbers have to be.
fn close(name: &str, schema: &mut Value) {
    let required = schema["required"].clone();
    let required: Vec<&str> = required
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (field, property) in properties.iter_mut() {
        extend(property, field_rules(name, field));
        if !required.contains(&field.as_str()) && !property.as_object().is_some_and(Map::is_empty) {
            let reference = property
                .as_object_mut()
                .and_then(|property| property.remove("$ref"));
            if let Some(reference) = reference {
                // Nothing beside a reference counts.
                property["allOf"] = json!([{ "$ref": reference }]);
            }
            property["nullable"] = true.into();
            if let Some(words) = property.get_mut("enum").and_then(Value::as_array_mut) {
                words.push(Value::Null);
            }
        }
    }
    fields.insert("additionalProperties".to_owned(), false.into());
    extend(schema, body_rules(name));
}

/// What the fields of a body have to be together.
fn body_rules(schema: &str) -> Value {
    let alone = |field: &str| json!({ "required": [field], "properties": { field: { "type": "string" } } });
    match schema {
        "LoginBody" => json!({ "oneOf": [alone("email"), alone("username")] }),
        _ => json!({}),
    }
}

/// What a field of a body has to be.
fn field_rules(schema: &str, field: &str) -> Value {
    let text = |least: usize, most: usize, pattern: &str| json!({ "minLength": least, "maxLength": most, "pattern": pattern });
    match (schema, field) {
        ("RegistrationBody" | "AddressBody" | "AddressChange", "email") => text(3, 255, ADDRESS),
        ("RegistrationBody", "password") | ("PasswordChange" | "PasswordReset", "new_password") => {
            json!({ "minLength": PASSWORD_CHARS_MIN, "maxLength": PASSWORD_BYTES_MAX })
        }
        (_, "username") if schema != "LoginBody" => json!({ "pattern": USER_NAME }),
        (_, "full_name") => text(0, 255, LINE),
        (_, "organization") => text(0, 100, LINE),
        ("NewApiKey" | "ApiKeyChange", "name") => text(1, NAME_CHARS_MAX, SEEN_LINE),
        (_, "scopes") => json!({ "minItems": 1 }),
        (_, "expires_in_days") => json!({ "minimum": 1, "maximum": DAYS_MAX }),
        (_, "overlap_seconds") => json!({ "maximum": OVERLAP_MAX.as_secs() }),
        ("ConversationChange", "title") => text(1, database::conversations::TITLE_CHARACTERS_MAX, SEEN_LINE),
        ("Question", "question") => text(1, QUESTION_CHARACTERS_MAX, SEEN),
        ("Question", "document_ids") => {
            json!({ "maxItems": DOCUMENTS_MAX, "items": { "type": "string", "format": "uuid" } })
        }
        ("Question", "document_id" | "conversation_id") | ("RequeueFilter", "user_id") => {
            json!({ "format": "uuid" })
        }
        ("QuotaChange", _) => json!({ "maximum": domain::QUOTA_MAX }),
        ("Requeue", "expected_count") => json!({ "maximum": database::tasks::REQUEUED_MAX }),
        ("RequeueFilter", "kind") => json!({ "enum": words(TaskKind::ALL, TaskKind::as_str) }),
        ("TenantChange", "weight") => json!({ "minimum": 1, "maximum": database::WEIGHT_MAX }),
        ("TenantChange", "running_max") => json!({ "minimum": 1, "maximum": i32::MAX }),
        ("TenantChange", "queued_max") => json!({ "maximum": i32::MAX }),
        ("TodoChange", "text") => text(1, super::todos::TEXT_CHARACTERS_MAX, SEEN),
        ("TodoChange", "owner") => text(1, super::todos::OWNER_CHARACTERS_MAX, SEEN),
        ("TodoChange", "due") => moment(),
        ("DocumentChange", "title") => text(1, limits::TITLE_CHARACTERS_MAX, SEEN_LINE),
        ("DocumentChange", "labels") => json!({ "maxItems": limits::LABELS_MAX, "items": label() }),
        ("NewSearch" | "SearchChange", "name") => text(1, limits::SEARCH_NAME_CHARACTERS_MAX, SEEN_LINE),
        ("NewSearch" | "SearchChange", "q") => text(1, limits::QUERY_CHARACTERS_MAX, SEEN_LINE),
        ("DocumentFilters", "from" | "to") => instant(),
        ("NewSchedule", "name") => json!({ "pattern": SCHEDULE_NAME }),
        ("NewSchedule" | "ScheduleChanges", "retries") => {
            json!({ "minimum": 0, "maximum": domain::schedules::RETRIES_MAX })
        }
        ("NewSchedule" | "ScheduleChanges", "every_seconds") => {
            json!({ "minimum": 1, "maximum": domain::schedules::EVERY_SECONDS_MAX })
        }
        ("NewSchedule", "work") => {
            json!({ "enum": words(WorkKind::ALL, WorkKind::as_str) })
        }
        ("NewSchedule" | "ScheduleChanges", "missed") => {
            json!({ "enum": words(MissedRuns::ALL, MissedRuns::as_str) })
        }
        ("NewSchedule" | "ScheduleChanges", "overlap") => {
            json!({ "enum": words(Overlap::ALL, Overlap::as_str) })
        }
        ("NewSchedule" | "ScheduleChanges" | "RunRequest", "options") => json!({ "type": "object" }),
        _ => json!({}),
    }
}

/// What a parameter has to be. `path` tells apart those that have the same name.
fn parameter_rules(path: &str, name: &str) -> Value {
    let seconds =
        |least: u64, most: std::time::Duration| json!({ "minimum": least, "maximum": most.as_secs() });
    match name {
        "id" | "user_id" | "document_id" | "job_id" | "resource_id" | "request_id" | "api_key_id" => {
            json!({ "format": "uuid" })
        }
        "limit" => json!({ "minimum": 1, "maximum": limits::PAGE_ITEMS_MAX }),
        "wait" => seconds(0, limits::WAIT_MAX),
        "max_tags" => json!({ "maximum": limits::TAGS_MAX }),
        "deadline_seconds" => seconds(1, limits::DEADLINE_MAX),
        "unique_for" => seconds(1, limits::UNIQUE_FOR_MAX),
        "unique_key" => json!({ "minLength": 1, "maxLength": limits::UNIQUE_KEY_CHARS_MAX, "pattern": LINE }),
        "languages" => json!({ "items": { "type": "string", "pattern": LANGUAGES } }),
        "run_at" => json!({ "format": "date-time" }),
        "kind" if path.ends_with("/admin/tasks") => json!({ "enum": words(TaskKind::ALL, TaskKind::as_str) }),
        "facets" => json!({ "pattern": FACETS }),
        "pages" => json!({ "pattern": PAGES }),
        "from" | "to" if path.ends_with("/usage") => json!({ "format": "date" }),
        "from" | "to" if path.ends_with("/documents") => instant(),
        "from" | "to" if path.contains("/todos") || path.contains("/events") => moment(),
        "q" if path.ends_with("/admin/users") => json!({ "maxLength": super::people::SEARCH_CHARS_MAX }),
        _ => json!({}),
    }
}

/// A day that is in the calendar, and a time.
const DAY: &str =
    r"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))";
const HOUR: &str = r"([01]\d|2[0-3])";

/// A day, or a day and a time with or without a zone.
fn moment() -> Value {
    json!({ "pattern": format!(r"^[1-9]\d{{3}}-{DAY}(T{HOUR}:[0-5]\d:[0-5]\d(Z|[+-]{HOUR}:[0-5]\d)?)?$") })
}

/// A day, or a day and a time with a zone.
fn instant() -> Value {
    json!({ "pattern": format!(r"^[1-9]\d{{3}}-{DAY}(T{HOUR}:[0-5]\d:[0-5]\d(Z|[+-]{HOUR}:[0-5]\d))?$") })
}

/// What a document is called for oneself.
fn label() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": limits::LABEL_CHARACTERS_MAX, "pattern": SEEN_LINE })
}

/// Every word of a closed set.
fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(word).collect()
}

fn complete_parameter(path: &str, parameter: &mut Value) {
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    bound_numbers(&mut parameter["schema"]);
    extend(&mut parameter["schema"], parameter_rules(path, &name));
    // A list may be empty, which the framework takes and does not say.
    if parameter["in"] == "query" && parameter["schema"]["type"] == "array" {
        parameter["required"] = false.into();
        if name == "label" {
            extend(
                &mut parameter["schema"],
                json!({ "maxItems": limits::LABELS_MAX, "items": label() }),
            );
        }
    }
    if name.eq_ignore_ascii_case("if-match") {
        parameter["required"] = true.into();
    }
}

/// Says of which kind a body is where that depends: an original is what it was when it came, and usage is JSON or CSV.
fn name_contents(path: &str, operation: &mut Value) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
        let Some(contents) = response.get_mut("content").and_then(Value::as_object_mut) else {
            continue;
        };
        if path.ends_with("/original")
            && let Some(bytes) = contents.remove("application/octet-stream")
        {
            contents.insert("*/*".to_owned(), bytes);
        }
        if path.ends_with("/admin/usage") {
            let table = json!({ "schema": { "type": "string" } });
            contents.insert("text/csv; charset=utf-8".to_owned(), table);
        }
    }
}

fn extend(schema: &mut Value, rules: Value) {
    if let (Some(schema), Value::Object(rules)) = (schema.as_object_mut(), rules) {
        schema.extend(rules);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(&crate::routes::openapi_document()).unwrap()
    }

    #[test]
    fn every_object_in_a_body_is_closed_and_no_object_of_an_answer() {
        let document = document();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let bodies = schemas_of_bodies(&document);
        assert!(bodies.len() > 20, "{bodies:?}");
        for (name, schema) in schemas.iter().filter(|(_, schema)| schema["type"] == "object") {
            // More may come in answers: that is no new version.
            assert_eq!(
                schema.get("additionalProperties").is_some(),
                bodies.contains(name),
                "{name}"
            );
        }
    }

    #[test]
    fn every_rule_is_about_something_that_is_there() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        for (schema, field, rule) in [
            ("RegistrationBody", "email", "pattern"),
            ("NewApiKey", "name", "maxLength"),
            ("ApiKeyRotation", "overlap_seconds", "maximum"),
            ("ConversationChange", "title", "maxLength"),
            ("Question", "question", "maxLength"),
            ("QuotaChange", "storage_bytes", "maximum"),
            ("RequeueFilter", "kind", "enum"),
            ("TenantChange", "weight", "minimum"),
            ("TodoChange", "due", "pattern"),
            ("NewSchedule", "name", "pattern"),
            ("ScheduleChanges", "every_seconds", "maximum"),
        ] {
            let property = &schemas[schema]["properties"][field];
            assert!(property.get(rule).is_some(), "{schema}.{field}: {property}");
        }
        assert_eq!(schemas["LoginBody"]["oneOf"].as_array().unwrap().len(), 2);
        let limit = &document["paths"]["/api/v1/jobs"]["get"]["parameters"][2];
        assert_eq!(
            (&limit["name"], &limit["schema"]["maximum"]),
            (&json!("limit"), &json!(100))
        );
    }
}
