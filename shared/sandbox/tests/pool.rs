//! Documents and children that go wrong, with real processes.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{ByteSize, DocumentKind};
use extraction::{ExtractionError, Limits};
use futures::stream::{self, BoxStream, StreamExt};
use sandbox::{ChildProgram, ParseError, ParseRequest, ParserPool, SandboxSettings};

/// Nothing in these tests should take this long; a machine under load may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pool whose children can be told from those of other tests by their argument.
struct Mill {
    pool: ParserPool,
    tag: &'static str,
}

impl Mill {
    fn new(tag: &'static str, settings: SandboxSettings) -> Self {
        let program = ChildProgram {
            path: env!("CARGO_BIN_EXE_sandbox-test-child").into(),
            args: vec![tag.into()],
        };
        Self {
            pool: ParserPool::new(program, settings),
            tag,
        }
    }

    async fn parse(&self, file_name: &str, document: &[u8]) -> Result<String, ParseError> {
        let request = request(file_name, document.len());
        let extracted = self.pool.extract(&request, || in_pieces(document)).await?;
        Ok(extracted.pages.join("|"))
    }

    async fn is_well(&self) -> bool {
        self.parse("note.txt", "all is well".as_bytes()).await.unwrap() == "all is well"
    }

    /// Process ids of its children that are alive.
    fn children(&self) -> Vec<u32> {
        let mut children = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = command.split(|byte| *byte == 0).nth(1) == Some(self.tag.as_bytes());
            if let Some(id) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
                .filter(|_| ours)
            {
                children.push(id);
            }
        }
        children
    }
}

/// Children are few and quick to give up, so that tests are fast.
fn settings() -> SandboxSettings {
    SandboxSettings {
        children: NonZeroU32::new(1),
        wall_time_max: PATIENCE,
        ..SandboxSettings::default()
    }
}

fn request(file_name: &str, size: usize) -> ParseRequest {
    ParseRequest {
        kind: match file_name.ends_with(".pdf") {
            true => DocumentKind::Pdf,
            false => DocumentKind::Text,
        },
        file_name: file_name.to_owned(),
        size: u64::try_from(size).unwrap(),
        limits: Limits::default(),
        password: None,
    }
}

type Pieces = BoxStream<'static, Result<Bytes, Infallible>>;

fn in_pieces(document: &[u8]) -> Ready<Result<Pieces, Infallible>> {
    let pieces: Vec<_> = document
        .chunks(1000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    ready(Ok(stream::iter(pieces).boxed()))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is_alive(process: u32) -> bool {
    // A zombie has no command line but is still listed.
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

#[tokio::test]
async fn a_document_is_read_in_a_child() {
    let mill = Mill::new("good", settings());
    assert!(
        mill.children().is_empty(),
        "nothing is started before the first document"
    );
    let long = "Zeile mit Umlauten: äöü\n".repeat(10_000);
    assert_eq!(mill.parse("lang.txt", long.as_bytes()).await.unwrap(), long);
    assert_eq!(mill.parse("leer.txt", b"").await.unwrap(), "");
    assert_eq!(mill.children().len(), 1, "the child is used again");
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_refused_with_its_reason() {
    let mill = Mill::new("refused", settings());
    let error = mill
        .parse("broken.pdf", b"%PDF-1.7 and nothing else")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ParseError::Refused(ExtractionError::Unreadable(_))),
        "{error}"
    );
    assert!(!error.code().is_transient());
    assert_eq!(error.code(), "unreadable");
    assert!(mill.is_well().await);
}

#[tokio::test]
async fn a_panic_costs_no_child_and_says_nothing_of_the_document() {
    let mill = Mill::new("panic", settings());
    let before = mill.parse("process id", b"").await.unwrap();
    let error = mill.parse("panic", b"").await.unwrap_err();
    assert_eq!(error.code(), "unreadable");
    assert!(!error.to_string().contains("content"), "{error}");
    assert_eq!(mill.parse("process id", b"").await.unwrap(), before);
}

#[tokio::test]
async fn a_child_that_dies_is_replaced_and_its_document_gets_the_reason() {
    let mill = Mill::new("dies", settings());
    for (document, reason) in [
        ("abort", "aborted"),
        ("overflow", "overflow"),
        ("allocate", "memory allocation"),
    ] {
        let error = mill.parse(document, b"").await.unwrap_err();
        assert_eq!(error.code(), "crashed_parser");
        assert!(
            !error.code().is_transient() && error.to_string().contains(reason),
            "{error}"
        );
        assert!(mill.is_well().await);
    }
}

#[tokio::test]
async fn a_document_whose_child_dies_is_tried_once_more_in_a_fresh_one() {
    let mill = Mill::new("once more", settings());
    let first = mill.parse("process id", b"").await.unwrap();
    // Not the fault of this document: the child that it was given to would have died of any.
    let second = mill.parse("abort unless first", b"").await.unwrap();
    assert_ne!(first, second, "in another child");
    assert_eq!(mill.parse("process id", b"").await.unwrap(), second);
    assert_eq!(mill.children().len(), 1);
}

#[tokio::test]
async fn a_fork_bomb_begets_nobody() {
    let mill = Mill::new("bomb", settings());
    let confined = mill.pool.warm_up().await.unwrap().seccomp;
    if !confined {
        eprintln!("skipped: this kernel has no seccomp, and the superuser may start processes without it");
        return;
    }
    assert_eq!(mill.parse("fork bomb", b"").await.unwrap(), "0");
    assert_eq!(mill.children().len(), 1);
    assert!(mill.is_well().await);
}

/// The promise is a second. What a machine under load does to one run, the best of three does not show.
#[tokio::test]
async fn the_next_document_does_not_wait_for_what_became_of_the_last_one() {
    let mill = Mill::new(
        "next",
        SandboxSettings {
            wall_time_max: Duration::from_secs(2),
            ..settings()
        },
    );
    for misbehaviour in ["abort", "overflow", "allocate", "flood", "spin", "panic"] {
        let mut fastest = PATIENCE;
        for _ in 0..3 {
            mill.parse(misbehaviour, b"").await.unwrap_err();
            let ended = Instant::now();
            assert!(mill.is_well().await);
            fastest = fastest.min(ended.elapsed());
        }
        assert!(
            fastest < Duration::from_secs(1),
            "after {misbehaviour}: {fastest:?}"
        );
    }
}

#[tokio::test]
async fn what_was_read_until_the_time_is_over_is_kept() {
    let mill = Mill::new(
        "time over",
        SandboxSettings {
            wall_time_max: Duration::from_secs(3),
            ..settings()
        },
    );
    let child = mill.parse("process id", b"").await.unwrap();
    let document = endless_page();
    let request = request("endless.pdf", document.len());
    let extracted = mill
        .pool
        .extract(&request, || in_pieces(document.as_bytes()))
        .await
        .unwrap();
    assert_eq!(extracted.pages, ["Beginning"]);
    assert!(extracted.truncated);
    assert_eq!(
        mill.parse("process id", b"").await.unwrap(),
        child,
        "nobody had to die"
    );
}

/// A page that begins with a word, and goes on with drawings that draw each other, 10,000,000,000 in all.
fn endless_page() -> String {
    const LAST: usize = 14;
    let font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
    let all = "/X Do ".repeat(10);
    let stream = |about: &str, content: &str| {
        format!(
            "<< {about} /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        )
    };
    let mut file = format!(
        "%PDF-1.7\n\
         1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n\
         3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << {font} /XObject << /X 5 0 R \
         >> >> >> endobj\n\
         4 0 obj {} endobj\n",
        stream("", &format!("BT /F 12 Tf 72 700 Td (Beginning) Tj ET {all}"))
    );
    for number in 5..=LAST {
        let about = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 999 999] /Resources << /XObject << /X {} 0 R >> >>",
            number + 1
        );
        let content = if number == LAST { "0 0 9 9 re f" } else { &all };
        file += &format!("{number} 0 obj {} endobj\n", stream(&about, content));
    }
    file + &format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n0\n%%EOF\n",
        LAST + 1
    )
}

#[tokio::test]
async fn a_document_that_needs_too_much_memory_kills_only_its_child() {
    let mill = Mill::new(
        "memory",
        SandboxSettings {
            address_space_max: ByteSize::from_mib(128),
            ..settings()
        },
    );
    let error = mill
        .parse("widths.pdf", wide_range_of_widths().as_bytes())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "crashed_parser", "{error}");
    assert!(mill.is_well().await);
}

/// A PDF of a few hundred bytes whose table of widths is a range over two thousand million codes.
fn wide_range_of_widths() -> String {
    let font = "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type /Font \
                /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) \
                /Supplement 0 >> /W [0 2147483647 500] >>] >>";
    format!(
        "%PDF-1.7\n\
         1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n\
         3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F {font} \
         >> >> >> endobj\n\
         4 0 obj << /Length 34 >>\nstream\nBT /F 12 Tf 72 700 Td <0041> Tj ET\nendstream endobj\n\
         trailer << /Size 5 /Root 1 0 R >>\n%%EOF\n"
    )
}

#[tokio::test]
async fn a_child_that_never_ends_is_killed() {
    let wall = Mill::new(
        "wall time",
        SandboxSettings {
            wall_time_max: Duration::from_secs(2),
            ..settings()
        },
    );
    let error = wall.parse("spin", b"").await.unwrap_err();
    assert!(
        matches!(error, ParseError::TimedOut { after } if after == Duration::from_secs(2)),
        "{error}"
    );
    assert!(wall.children().is_empty());

    let processor = Mill::new(
        "processor time",
        SandboxSettings {
            cpu_time_max: Duration::from_secs(1),
            ..settings()
        },
    );
    let error = processor.parse("spin", b"").await.unwrap_err();
    assert!(
        matches!(error, ParseError::TimedOut { after } if after == Duration::from_secs(1)),
        "{error}"
    );
    assert!(processor.is_well().await);
}

#[tokio::test]
async fn a_child_that_floods_is_killed() {
    let mill = Mill::new("flood", settings());
    let error = mill.parse("flood", b"").await.unwrap_err();
    assert_eq!(error.code(), "crashed_parser", "{error}");
    assert!(mill.children().is_empty());
    assert!(mill.is_well().await);
}

#[tokio::test]
async fn children_are_replaced_after_some_documents_or_when_they_grow() {
    let mill = Mill::new(
        "recycled",
        SandboxSettings {
            documents_per_child: NonZeroU32::new(2).unwrap(),
            ..settings()
        },
    );
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(mill.parse("process id", b"").await.unwrap());
    }
    assert!(
        ids[0] == ids[1] && ids[1] != ids[2] && ids[2] == ids[3],
        "{ids:?}"
    );

    let mill = Mill::new(
        "grows",
        SandboxSettings {
            resident_max: ByteSize::from_mib(100),
            ..settings()
        },
    );
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(mill.parse("leak", b"").await.unwrap());
    }
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn giving_up_on_a_document_kills_its_child() {
    let mill = Mill::new("dropped", settings());
    assert!(mill.is_well().await);
    let child = mill.children()[0];
    tokio::select! {
        _ = mill.parse("spin", b"") => panic!("it never ends"),
        // The child of the first document is the one that is busy now.
        () = until("the child is busy", || processor_ticks(child) > 20) => {}
    }
    until("it is dead and reaped", || !is_alive(child)).await;
    assert!(mill.is_well().await);
}

/// Hundredths of a second for which a process has run.
fn processor_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(11)
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_hanging_document_does_not_hold_up_others() {
    let mill = Mill::new(
        "beside",
        SandboxSettings {
            children: NonZeroU32::new(2),
            ..settings()
        },
    );
    let mill = Arc::new(mill);
    let hanging = tokio::spawn({
        let mill = mill.clone();
        async move { mill.parse("spin", b"").await }
    });
    for _ in 0..5 {
        assert!(mill.is_well().await);
    }
    assert!(!hanging.is_finished());
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    until("only the other child is left", || mill.children().len() == 1).await;
}

#[tokio::test]
async fn a_child_that_died_between_documents_is_not_used() {
    let mill = Mill::new("gone", settings());
    assert!(mill.is_well().await);
    let child = mill.children()[0];
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &child.to_string()])
        .status()
        .unwrap();
    assert!(killed.success() && mill.is_well().await);
}

#[tokio::test]
async fn a_document_that_is_too_large_or_breaks_off_is_not_the_childs_fault() {
    let mill = Mill::new(
        "bodies",
        SandboxSettings {
            input_max: ByteSize::from_kib(4),
            ..settings()
        },
    );
    let error = mill.parse("large.txt", &[b'x'; 5000]).await.unwrap_err();
    assert!(
        matches!(error, ParseError::TooLarge { bytes_max: 4096 }),
        "{error}"
    );

    let understated = request("large.txt", 10);
    let error = mill
        .pool
        .extract(&understated, || in_pieces(&[b'x'; 5000]))
        .await
        .unwrap_err();
    assert!(matches!(error, ParseError::TooLarge { .. }), "{error}");

    let broken = || {
        ready(Ok::<_, Infallible>(stream::iter([
            Ok(Bytes::from_static(b"beginning")),
            Err("disk on fire"),
        ])))
    };
    let error = mill
        .pool
        .extract(&request("broken.txt", 10), broken)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ParseError::Body(source) if source.to_string() == "disk on fire"),
        "{error}"
    );
    assert!(error.code().is_transient());

    let missing = || ready(Err::<Pieces, _>("no such object"));
    let error = mill
        .pool
        .extract(&request("missing.txt", 10), missing)
        .await
        .unwrap_err();
    assert!(matches!(error, ParseError::Body(_)), "{error}");
    assert!(mill.is_well().await);
}

#[tokio::test]
async fn a_program_that_is_no_child_is_unavailable() {
    for path in ["/nonexistent", "/bin/true", "/bin/cat"] {
        let program = ChildProgram {
            path: path.into(),
            args: Vec::new(),
        };
        let pool = ParserPool::new(program, settings());
        let error = pool.warm_up().await.unwrap_err();
        assert!(
            matches!(error, ParseError::Unavailable(_)) && error.code().is_transient(),
            "{path}: {error}"
        );
    }
}

#[tokio::test]
async fn shutting_down_leaves_no_child_and_accepts_no_document() {
    let mill = Mill::new("shut down", settings());
    let confinement = mill.pool.warm_up().await.unwrap();
    eprintln!("confinement: {confinement}");
    let child = mill.children()[0];
    mill.pool.shut_down().await;
    assert!(!is_alive(child));
    let error = mill.parse("note.txt", b"late").await.unwrap_err();
    assert!(matches!(error, ParseError::Unavailable(_)), "{error}");
    mill.pool.shut_down().await;
}

#[tokio::test]
async fn a_child_has_no_environment_no_files_and_no_network() {
    let mill = Mill::new("confined", settings());
    assert_eq!(mill.parse("environment", b"").await.unwrap(), "[]");
    assert_ne!(mill.parse("file", b"").await.unwrap(), "allowed");
    assert_ne!(mill.parse("network", b"").await.unwrap(), "allowed");

    let confinement = mill.pool.warm_up().await.unwrap();
    if confinement.seccomp {
        assert_eq!(mill.parse("file", b"").await.unwrap(), "PermissionDenied");
        assert_eq!(mill.parse("network", b"").await.unwrap(), "PermissionDenied");
        assert_ne!(mill.parse("program", b"").await.unwrap(), "allowed");
        assert_ne!(mill.parse("thread", b"").await.unwrap(), "allowed");
    } else {
        eprintln!("skipped: this kernel has no seccomp");
    }
}

#[tokio::test]
async fn a_child_lives_within_limits_that_it_cannot_lift() {
    let mill = Mill::new("limits", settings());
    let confinement = mill.pool.warm_up().await.unwrap();
    let child = mill.children()[0];
    let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    for (limit, value) in [
        ("Max address space", 512 << 20),
        ("Max core file size", 0),
        ("Max file size", 0),
        ("Max open files", 3),
        ("Max processes", 0),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).unwrap();
        let values: Vec<&str> = line.split_whitespace().take(2).collect();
        let value = value.to_string();
        assert_eq!(
            values,
            [&value, &value],
            "{limit}: what holds now, and what it may be raised to"
        );
    }
    // Of processor time each document gets its own, so that one may be raised.
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max cpu time"))
        .unwrap();
    assert_ne!(line.split_whitespace().next(), Some("unlimited"));

    let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    let has = |line: &str| {
        status
            .lines()
            .any(|it| it.split_whitespace().eq(line.split_whitespace()))
    };
    assert_eq!(confinement.seccomp, has("Seccomp: 2"), "{status}");
    assert!(!confinement.seccomp || has("NoNewPrivs: 1"), "{status}");
}
