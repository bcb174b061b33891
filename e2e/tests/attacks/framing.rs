//! Requests whose end two servers could see in different places, and heads without an end.

use e2e::{Embedded, PATIENCE, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a smuggler hides behind the end that the other server sees.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

/// Everything that is answered to these bytes until the server closes the connection.
async fn answers(mill: &Embedded, bytes: &[u8]) -> String {
    let host = mill.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answers = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            answers.extend_from_slice(&buffer[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&answers).into_owned()
}

/// The one answer that there is, whose status begins so.
#[track_caller]
fn assert_one(answers: &str, status: &str) {
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.starts_with(&format!("HTTP/1.1 {status}")), "{answers}");
}

fn login(headers: &str, body: &str) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn a_request_that_says_twice_where_it_ends_is_the_last_of_its_connection() {
    let mill = Embedded::start(&Settings::new()).await;
    let chunks = format!("0\r\n\r\n{HIDDEN}");
    let length = chunks.len();
    for (what, headers) in [
        (
            "CL.TE",
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        ),
        (
            "TE.CL",
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        ),
        (
            "TE.TE",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned(),
        ),
        ("TE of another kind", "transfer-encoding: xchunked\r\n".to_owned()),
        (
            "CL.CL",
            format!("content-length: 0\r\ncontent-length: {length}\r\n"),
        ),
        (
            "CL.CL alike",
            format!("content-length: {length}\r\ncontent-length: {length}\r\n"),
        ),
        ("a list of lengths", format!("content-length: 0, {length}\r\n")),
        ("a length with a sign", format!("content-length: +{length}\r\n")),
    ] {
        let answers = answers(&mill, login(&headers, &chunks).as_bytes()).await;
        println!("{what}: {}", answers.lines().next().unwrap_or_default());
        assert_one(&answers, "400");
    }
    // Chunks alone are fine, and nothing behind them is read either: of a length that stood there nobody would know.
    let body = "2\r\n{}\r\n0\r\n\r\n";
    let chunked = login("transfer-encoding: chunked\r\n", &format!("{body}{HIDDEN}"));
    let answers = answers(&mill, chunked.as_bytes()).await;
    assert_one(&answers, "400");
    assert!(answers.to_lowercase().contains("connection: close"), "{answers}");
}

#[tokio::test]
async fn a_head_that_is_not_written_as_it_should_be_is_refused() {
    let mill = Embedded::start(&Settings::new()).await;
    let head =
        |lines: &str| format!("GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
    for (what, lines, status) in [
        ("obs-fold", "x-folded: a\r\n b\r\n", "400"),
        ("a space before the colon", "content-length : 5\r\n", "400"),
        ("a name that is none", "x y: 1\r\n", "400"),
        ("NUL", "x-nul: a\0b\r\n", "400"),
        ("a lone CR", "x-cr: a\rb\r\n", "400"),
    ] {
        let answers = answers(&mill, head(lines).as_bytes()).await;
        println!("{what}: {}", answers.lines().next().unwrap_or_default());
        assert_one(&answers, status);
    }
    // A lone LF ends a line for everybody here: what it hides from another server is no secret.
    let hidden = login(
        "x-hidden: a\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "0\r\n\r\n",
    );
    assert_one(&answers(&mill, hidden.as_bytes()).await, "400");
    let answers = answers(&mill, b"GET /livez HTTP/1.1\nhost: x\nconnection: close\n\n").await;
    assert_one(&answers, "200");
}

#[tokio::test]
async fn a_head_has_a_bound() {
    let mill = Embedded::start(&Settings::new()).await;
    let with =
        |lines: &str| format!("GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
    let large = format!("x-large: {}\r\n", "a".repeat(64 * 1024));
    let answer = answers(&mill, with(&large).as_bytes()).await;
    assert_one(&answer, "431");
    assert!(answer.contains("head_too_large"), "{answer}");
    let endless = format!("x-large: {}\r\n", "a".repeat(1024 * 1024));
    assert_one(&answers(&mill, with(&endless).as_bytes()).await, "431");
    let many: String = (0..1000).map(|number| format!("x-{number}: a\r\n")).collect();
    assert_one(&answers(&mill, with(&many).as_bytes()).await, "431");
    let line = format!(
        "GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    assert_one(&answers(&mill, line.as_bytes()).await, "4");
    // What a request may need is far below.
    let fits = format!("x-large: {}\r\n", "a".repeat(16 * 1024));
    assert_one(&answers(&mill, with(&fits).as_bytes()).await, "401");
}
