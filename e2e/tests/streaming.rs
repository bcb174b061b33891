//! Large uploads flow through; too large ones are stopped at the door.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use bytes::Bytes;
use e2e::{Client, Embedded, Fleet, Mill, PATIENCE, Settings, eventually, texts};
use reqwest::{Body, Method, multipart};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1 << 20;
/// What an API may need for an upload of any size.
const MEMORY_MAX: u64 = 32 << 20;
/// Larger than any reader takes, in MiB.
const LARGE: usize = 1024;

/// So many MiB of English, made while they are sent.
fn prose(mib: usize) -> Body {
    let text: String = texts::LIGHTHOUSE
        .chars()
        .cycle()
        .filter(char::is_ascii)
        .take(MIB)
        .collect();
    let chunk = Bytes::from(text);
    Body::wrap_stream(futures::stream::iter(
        (0..mib).map(move |_| Ok::<_, std::io::Error>(chunk.clone())),
    ))
}

#[tokio::test]
async fn a_large_upload_takes_little_memory() {
    let fleet = Fleet::start(1, &Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    // Whatever is set up once is set up now.
    ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())
        .await;
    let upload = || ada.request(Method::POST, "/api/v1/documents?file_name=large.txt");
    let length = (LARGE * MIB) as u64;
    let part = multipart::Part::stream_with_length(prose(LARGE), length).file_name("large.txt");
    let requests = [
        (
            "as it comes",
            upload().header("content-type", "text/plain").body(prose(LARGE)),
        ),
        (
            "as a form of known length",
            upload().multipart(multipart::Form::new().part("file", part)),
        ),
    ];
    for (how, request) in requests {
        let api = &fleet.apis[0].process;
        api.reset_memory_peak();
        let before = api.memory_peak();
        let started = Instant::now();
        let job = ada.send(request).await.status(202).json();
        let (added, took) = (api.memory_peak().saturating_sub(before), started.elapsed());
        println!("{LARGE} MiB {how}: {} KiB more memory, {took:.1?}", added / 1024);
        assert!(added <= MEMORY_MAX, "{how}: {added} bytes more");

        let job = ada.ended(&job).await;
        let document = ada.documents(&job).await.remove(0);
        assert_eq!(document["size_bytes"], length);
        match job["status"].as_str().unwrap() {
            "completed" => assert_eq!(document["truncated"], true, "{document}"),
            _ => assert_eq!(document["error"]["code"], "too_large", "{document}"),
        }
        let _ = ada
            .delete(job["links"]["self"].as_str().unwrap())
            .await
            .status(204);
    }
}

/// Sends a head and some of the body that it promises, no more, and reads what comes back.
async fn answer_to_beginning(mill: &Mill, user: &Client, head: &str, body: &[u8]) -> String {
    let host = mill.bases()[0].trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let token = user.token();
    let head = format!("POST {head}\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        // The body of a problem ends with a brace; its headers have none.
        while !answer.ends_with(b"}") && stream.read_buf(&mut answer).await.unwrap() > 0 {}
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("an answer before the rest of the body was sent");
    String::from_utf8(answer).unwrap()
}

async fn an_upload_that_is_too_large_is_stopped(mill: &Mill) {
    let ada = mill.user().await;
    let text = vec![b'a'; MIB + 64 * 1024];
    let chunk = [format!("{:x}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat();
    let part = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";
    let form = [part.as_slice(), &text].concat();
    let path = "/api/v1/documents?file_name=a.txt HTTP/1.1\r\ncontent-type: ";
    for (head, body) in [
        (format!("{path}text/plain\r\ncontent-length: {}", 64 * MIB), &text),
        (format!("{path}text/plain\r\ntransfer-encoding: chunked"), &chunk),
        (
            format!(
                "{path}multipart/form-data; boundary=x\r\ncontent-length: {}",
                64 * MIB
            ),
            &form,
        ),
    ] {
        let answer = answer_to_beginning(mill, &ada, &head, body).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{head}: {answer}");
        assert!(
            answer.contains("\"code\":\"too_large\"") && answer.contains("more than 1MiB"),
            "{answer}"
        );
    }
    // Exactly as much as is allowed is fine.
    let document = ada.processed("fits.txt", &text[..MIB]).await;
    let _ = ada
        .delete(&format!("/api/v1/jobs/{}", document["job_id"].as_str().unwrap()))
        .await
        .status(204);
    nothing_is_left(mill, &ada).await;
}

async fn an_upload_that_breaks_off_leaves_nothing(mill: &Mill) {
    let ada = mill.user().await;
    let host = mill.bases()[0].trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let token = ada.token();
    let head = format!(
        "POST /api/v1/documents?file_name=a.txt HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-type: text/plain\r\ncontent-length: {MIB}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'a'; MIB / 2]).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    nothing_is_left(mill, &ada).await;
}

async fn nothing_is_left(mill: &Mill, user: &Client) {
    let no_object = async || match mill {
        // Not even something half-written.
        Mill::Embedded(embedded) => embedded.keys().is_empty(),
        Mill::Fleet(_) => mill.objects_of(user.user_id()).await.is_empty(),
    };
    eventually("nothing is left in storage", PATIENCE, no_object).await;
    assert_eq!(user.jobs().await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn embedded_uploads_have_a_limit() {
    let settings = Settings::new().with("http.upload_bytes_max", "1MiB");
    let mill = Mill::Embedded(Embedded::start(&settings).await);
    an_upload_that_is_too_large_is_stopped(&mill).await;
    an_upload_that_breaks_off_leaves_nothing(&mill).await;
}

#[tokio::test]
async fn fleet_uploads_have_a_limit() {
    let settings = Settings::new().with("http.upload_bytes_max", "1MiB");
    let mill = Mill::Fleet(Fleet::start(1, &settings).await);
    an_upload_that_is_too_large_is_stopped(&mill).await;
    an_upload_that_breaks_off_leaves_nothing(&mill).await;
}
