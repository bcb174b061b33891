//! The password that opens documents, as a person or a script hands it over: never as an argument, which every user of the
//! machine could read.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use domain::limits;
use secrecy::SecretString;

#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct DocumentPassword {
    /// A file with the password that opens locked documents, on one line.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password that opens locked documents from standard input, one line.
    #[arg(long)]
    password_stdin: bool,
}

impl DocumentPassword {
    /// The password, if one is given.
    pub(crate) fn read(&self) -> Result<Option<SecretString>, String> {
        let mut bytes = Vec::new();
        let bytes_max = u64::try_from(limits::DOCUMENT_PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 2;
        let read = match &self.password_file {
            Some(path) => {
                std::fs::File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes))
            }
            None if self.password_stdin => std::io::stdin().take(bytes_max).read_to_end(&mut bytes),
            None => return Ok(None),
        };
        read.map_err(|error| format!("could not read the password: {error}"))?;
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let fits = (1..=limits::DOCUMENT_PASSWORD_BYTES_MAX).contains(&line.len());
        match std::str::from_utf8(line) {
            Ok(password) if fits => Ok(Some(password.to_owned().into())),
            _ => Err(format!(
                "the password must be a line of 1 to {} bytes of UTF-8",
                limits::DOCUMENT_PASSWORD_BYTES_MAX
            )),
        }
    }
}
