//! The page behind the `type` of every problem.

use poem::endpoint::make_sync;
use poem::web::Html;

use crate::problem::Code;

/// Lists every kind of problem with its status and title.
pub(super) fn page() -> impl poem::Endpoint {
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            let (status, word, title) = code.meaning();
            format!(
                "<tr id=\"{word}\"><td><code>{word}</code></td><td>{}</td><td>{title}</td><td><code>{}</code></td></tr>\n",
                status.as_u16(),
                code.kind()
            )
        })
        .collect();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Problems of docmill</title>\n\
         <h1>Problems</h1>\n<table>\n<tr><th>code</th><th>status</th><th>meaning</th><th>type</th></tr>\n{rows}</table>\n</html>\n"
    );
    make_sync(move |_| Html(page.clone()))
}
