//! Reads one file without any server, through the same confined child as a worker.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use domain::{Content, DocumentKind};
use extraction::{Extracted, Limits};
use runtime::Process;
use sandbox::{ChildProgram, ParseRequest, ParserPool};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::Done;
use super::document_password::DocumentPassword;
use crate::output;
use crate::settings::Settings;

#[derive(Args)]
pub(crate) struct Options {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    form: Form,
    /// How much of a web page is read: all of it, or without what only surrounds its main content.
    #[arg(long, value_name = "full|main", default_value_t = Content::Full)]
    content: Content,
    #[command(flatten)]
    password: DocumentPassword,
}

#[derive(Args)]
#[group(multiple = false)]
struct Form {
    /// Print the text, with form feeds between pages; this is the default.
    #[arg(long)]
    text: bool,
    /// Print Markdown, for kinds of documents whose structure is known.
    #[arg(long)]
    markdown: bool,
    /// Print one JSON object: kind, title, metadata, the text of each page, and where each part lies in the whole text.
    #[arg(long)]
    json: bool,
}

/// Bytes of the file that travel to the child at once.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) async fn run(process: Process<Settings>, options: Options) -> Done {
    match read(process.settings, &options).await {
        Ok(found) => {
            output::whole(&found);
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("docmill: {}: {reason}", options.file.display());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What is to be printed, or the reason why there is nothing.
async fn read(settings: Settings, options: &Options) -> Result<String, String> {
    let path = options.file.as_path();
    let file_name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (head, size) = begin(path)
        .await
        .map_err(|error| format!("could not be read: {error}"))?;
    let kind = DocumentKind::recognize(&head, &file_name).map_err(|mismatch| mismatch.to_string())?;
    let request = ParseRequest {
        kind,
        file_name,
        size,
        limits: Limits {
            content: options.content,
            ..Limits::default()
        },
        password: options.password.read()?,
    };
    let extracted = parse(settings, &request, path).await?;
    if options.form.json {
        Ok(format!("{:#}\n", as_json(&request, &extracted)))
    } else if options.form.markdown {
        extraction::markdown(&extracted).ok_or_else(|| {
            format!("nothing is known of the structure of a document of kind {kind}; use --text")
        })
    } else {
        Ok(extraction::full_text(&extracted))
    }
}

/// The first bytes of a file, and its size.
async fn begin(path: &Path) -> std::io::Result<(Vec<u8>, u64)> {
    let file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let mut head = Vec::new();
    let wanted = u64::try_from(DocumentKind::HEAD_BYTES).unwrap_or(u64::MAX);
    file.take(wanted).read_to_end(&mut head).await?;
    Ok((head, size))
}

async fn parse(settings: Settings, request: &ParseRequest, path: &Path) -> Result<Extracted, String> {
    let program = ChildProgram::this().map_err(|error| format!("no child to read it: {error}"))?;
    let pool = ParserPool::new(program, settings.sandbox).with_ocr(settings.ocr);
    let open = || async move {
        let file = File::open(path).await?;
        Ok::<_, std::io::Error>(ReaderStream::with_capacity(file, CHUNK_BYTES))
    };
    let parsed = pool.extract(request, open).await;
    pool.shut_down().await;
    parsed.map_err(|error| format!("{}: {}", error.code(), telemetry::chain(&error)))
}

/// Everything that was found, without the marks that only serve to write Markdown.
fn as_json(request: &ParseRequest, extracted: &Extracted) -> Value {
    let mut object = json!({
        "file_name": request.file_name,
        "kind": request.kind,
        "media_type": request.kind.media_type(),
        "size_bytes": request.size,
    });
    let found = serde_json::to_value(extracted).unwrap_or_default();
    if let (Value::Object(object), Value::Object(found)) = (&mut object, found) {
        object.extend(found.into_iter().filter(|(key, _)| key != "structure"));
        let parts = extraction::parts(request.kind, extracted);
        object.insert("parts".to_owned(), json!(parts));
    }
    object
}
