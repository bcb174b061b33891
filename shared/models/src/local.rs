//! The rules of `enrichment` behind the seam.

use async_trait::async_trait;
use enrichment::Question;
use futures::stream::{self, BoxStream, StreamExt};

use crate::costs::Usage;
use crate::failure::Failure;
use crate::{Ask, Claim, Findings, Piece, Provider, Subject};

/// Sentences of a summary.
const SUMMARY_SENTENCES: usize = 3;
/// Text that a summary is made of: the first pages say what a document is about.
const SUMMARY_LOOKS_AT: usize = 16 * 1024;
/// A shorter text is its own summary.
const SUMMARY_FROM_BYTES: usize = 600;

/// Rules, on this machine: the same text gives the same answer everywhere, and costs nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

#[async_trait]
impl Provider for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn analyse(&self, subject: Subject) -> Result<(Findings, Usage), Failure> {
        Ok((analyse(&subject), Usage::default()))
    }

    fn answer(&self, ask: Ask) -> BoxStream<'static, Result<Piece, Failure>> {
        let passages: Vec<&str> = ask.passages.iter().map(String::as_str).collect();
        let claims = enrichment::answer(&ask.question, &passages, ask.claims_max);
        let claims = claims.into_iter().map(|claim| Claim {
            text: passages[claim.passage][claim.range.clone()].to_owned(),
            passage: claim.passage,
            range: claim.range,
        });
        let pieces: Vec<_> = claims
            .map(Piece::Claim)
            .chain([Piece::End(Usage::default())])
            .map(Ok)
            .collect();
        stream::iter(pieces).boxed()
    }
}

/// What the rules find in a text. It takes the time of the processor; a long text wants a thread of its own.
#[must_use]
pub fn analyse(subject: &Subject) -> Findings {
    let text = &*subject.text;
    let main = subject.languages.main.as_ref().map(|it| it.code.as_str());
    let agenda = enrichment::extract_agenda(text, main, subject.context);
    let owners = agenda.todos.iter().filter_map(|todo| todo.owner.clone());
    let people: Vec<String> = subject
        .people
        .iter()
        .cloned()
        .chain(owners.filter(|owner| owner != enrichment::WRITER))
        .collect();
    let tags = enrichment::find_tags(
        text,
        &subject.languages,
        &subject.tag_languages,
        &people,
        subject.tags_max,
    );
    Findings {
        tags,
        agenda,
        summary: summary(text),
        looked_at_bytes: text.len(),
    }
}

/// The sentences whose words are the words of the whole.
fn summary(text: &str) -> Option<String> {
    if text.len() < SUMMARY_FROM_BYTES {
        return None;
    }
    let beginning = &text[..text.floor_char_boundary(SUMMARY_LOOKS_AT)];
    let claims = enrichment::answer(&Question::read("summary"), &[beginning], SUMMARY_SENTENCES);
    let sentences: Vec<String> = claims
        .into_iter()
        .map(|claim| {
            crate::grounding::one_line(&beginning[claim.range], crate::analysis::SUMMARY_CHARACTERS_MAX)
        })
        .collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
