//! Requests byte by byte, for whatever a well-behaved client cannot do.

use e2e::{Client, PATIENCE, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that has begun and not ended.
pub(crate) struct Begun(TcpStream);

impl Begun {
    /// Sends a head with the token of `user`, and as much of a body as is given.
    pub(crate) async fn send(
        api: &Service,
        user: &Client,
        line: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Self {
        let host = api.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.unwrap();
        let mut head = format!(
            "{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n",
            user.token()
        );
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        Self(stream)
    }

    /// Begins an upload of so many bytes, of which some have come.
    pub(crate) async fn upload(api: &Service, user: &Client, bytes: usize, come: usize) -> Self {
        let length = format!("content-length: {bytes}");
        let line = "POST /api/v1/documents?file_name=a.txt";
        let body = vec![b'a'; come];
        Self::send(api, user, line, &["content-type: text/plain", &length], &body).await
    }

    /// Sends more of the body.
    pub(crate) async fn more(&mut self, body: &[u8]) {
        self.0.write_all(body).await.unwrap();
    }

    /// The answer, as soon as its head and some of its body have come.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let read = async {
            // A body of JSON ends with a brace; heads have none.
            while !answer.ends_with(b"}") && self.0.read_buf(&mut answer).await.unwrap() > 0 {}
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an answer");
        String::from_utf8(answer).unwrap()
    }
}

/// A figure of a process, summed over its labels.
pub(crate) async fn metric(service: &Service, name: &str, label: &str) -> f64 {
    let metrics = reqwest::get(format!("{}/metrics", service.health)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    metrics
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}
