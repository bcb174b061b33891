//! Uploads that are refused, and leave nothing behind.

use e2e::{Client, Mill, PATIENCE, eventually, texts};
use reqwest::{Method, RequestBuilder, multipart};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::on_both;

/// No job, no object.
async fn assert_nothing_stored(mill: &Mill, user: &Client) {
    assert_eq!(user.jobs().await, Vec::<serde_json::Value>::new());
    let gone = async || mill.objects_of(user.user_id()).await.is_empty();
    eventually("refused files are deleted", PATIENCE, gone).await;
}

fn raw_form(user: &Client, boundary: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let content_type = format!("multipart/form-data{boundary}");
    user.request(Method::POST, "/api/v1/documents")
        .header("content-type", content_type)
        .body(body)
}

on_both! {
    async fn an_unknown_kind_of_file_is_refused_with_those_that_are_known(mill: &Mill) {
        let ada = mill.user().await;
        for (name, content) in [
            ("film.mp4", texts::FILM),
            ("archive.zip", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0"),
            ("words.docx", b"only words, whatever the name says"),
            ("liar.txt", texts::FILM),
            ("noise.bin", &[1, 2, 3, 4, 5, 6, 7, 8]),
            ("words.pdf", b"only words, whatever the name says"),
        ] {
            let problem = ada.send(ada.form("", &[(name, content)])).await.problem(415, "unsupported_media_type");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(name), "{detail}");
            for known in ["pdf", "docx", "epub", "html", "markdown", "csv", "text"] {
                assert!(detail.contains(known), "{detail}");
            }
        }
        // One bad file spoils the upload, and the good ones before it are not kept.
        let files = [("lighthouse.txt", texts::LIGHTHOUSE.as_bytes()), ("film.mp4", texts::FILM)];
        ada.send(ada.form("", &files)).await.problem(415, "unsupported_media_type");
        assert_nothing_stored(mill, &ada).await;
    }

    async fn a_form_without_files_is_refused(mill: &Mill) {
        let ada = mill.user().await;
        ada.send(ada.form("", &[])).await.problem(400, "invalid_request");
        ada.send(raw_form(&ada, "; boundary=x", "--x--\r\n")).await.problem(400, "invalid_request");

        let fields = multipart::Form::new().text("comment", "this is no file");
        let fields = ada.request(Method::POST, "/api/v1/documents").multipart(fields);
        ada.send(fields).await.refuses("/comment");
        assert_nothing_stored(mill, &ada).await;
    }

    async fn a_broken_form_is_refused(mill: &Mill) {
        let ada = mill.user().await;
        let head = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";
        for (boundary, body) in [
            ("", format!("{head}words\r\n--x--\r\n")),
            ("; boundary=y", format!("{head}words\r\n--x--\r\n")),
            ("; boundary=x", format!("{head}words that never en")),
            ("; boundary=x", format!("{head}words\r\n--x\r\ncontent-disp")),
            ("; boundary=x", "no form at all".to_owned()),
            ("; boundary=x", String::new()),
        ] {
            let answer = ada.send(raw_form(&ada, boundary, body.clone())).await;
            assert_eq!(answer.status, 400, "{boundary:?} {body:?}: {}", answer.text());
        }
        assert_nothing_stored(mill, &ada).await;
    }

    async fn too_many_files_are_refused(mill: &Mill) {
        let ada = mill.user().await;
        let names: Vec<String> = (0..101).map(|number| format!("{number}.txt")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"words".as_slice())).collect();
        let problem = ada.send(ada.form("", &files)).await.problem(400, "invalid_request");
        assert!(problem["detail"].as_str().unwrap().contains("100 files"), "{problem}");
        assert_nothing_stored(mill, &ada).await;
        let job = ada.upload(&files[..100]).await;
        assert_eq!(job["progress"]["total"], 100);
        assert_eq!(ada.ended(&job).await["status"], "completed");
    }

    async fn a_deadline_must_be_possible(mill: &Mill) {
        let ada = mill.user().await;
        for refused in ["0", "86401", "-1", "soon"] {
            let query = format!("?deadline_seconds={refused}");
            let upload = ada.form(&query, &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]);
            ada.send(upload).await.problem(400, "invalid_request");
        }
        let upload = ada.form("?deadline_seconds=86400", &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]);
        let job = ada.send(upload).await.status(202).json();
        assert_eq!(ada.ended(&job).await["status"], "completed");
    }

    async fn a_file_name_is_only_a_label(mill: &Mill) {
        let ada = mill.user().await;
        let long = format!("{}.txt", "long ".repeat(200));
        for (name, shown) in [("../../../etc/passwd", "passwd"), ("C:\\Users\\ada\\notes.txt", "notes.txt"), ("..", "document")] {
            assert_eq!(ada.processed(name, b"a few words").await["file_name"], shown);
        }
        let shown = ada.processed(&long, b"a few words").await;
        assert!(shown["file_name"].as_str().unwrap().len() <= 255, "{shown}");
    }

    async fn whoever_sends_everything_before_listening_hears_the_refusal_too(mill: &Mill) {
        let ada = mill.user().await;
        let content = [texts::FILM, &vec![0; 20 << 20]].concat();
        let part = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
        let form = [part.as_slice(), &content, b"\r\n--x--\r\n"].concat();
        for (content_type, body) in [("image/png", &content), ("multipart/form-data; boundary=x", &form)] {
            let host = mill.bases()[0].trim_start_matches("http://").to_owned();
            let head = format!(
                "POST /api/v1/documents?file_name=a.png HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
                 content-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                ada.token(),
                body.len()
            );
            let mut stream = TcpStream::connect(&host).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body).await.expect("the connection stands until everything is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
        }
        assert_nothing_stored(mill, &ada).await;
    }
}
