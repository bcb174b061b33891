//! The bytes as they came in, whole and in part.

use e2e::texts;

use crate::support::on_both;

on_both! {
    async fn the_original_comes_back_as_it_was(mill: &Mill) {
        let ada = mill.user().await;
        // Bytes that no decoder may touch: Latin-1 and Windows line ends.
        let content = b"Gr\xfc\xdfe aus K\xf6ln\r\nund ein Text, der lang genug ist.\r\n";
        let document = ada.processed("Größe \"1\"; a.txt", content).await;
        let original = ada.get(document["links"]["original"].as_str().unwrap()).await.status(200);
        assert_eq!(original.bytes(), content);
        assert_eq!(original.header("content-type"), Some("text/plain"));
        assert_eq!(original.header("content-length"), Some(content.len().to_string().as_str()));
        assert_eq!(original.header("accept-ranges"), Some("bytes"));
        assert_eq!(original.header("content-security-policy"), Some("sandbox; default-src 'none'"));
        assert_eq!(original.header("cache-control"), Some("private, no-store"));
        let disposition = original.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert!(disposition.ends_with("filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%3B%20a.txt"), "{disposition}");

        let text = ada.get(document["links"]["text"].as_str().unwrap()).await.status(200).text();
        assert!(text.contains("Grüße aus Köln\nund"), "{text:?}");
    }

    async fn a_part_of_the_original_can_be_asked_for(mill: &Mill) {
        let ada = mill.user().await;
        let content = texts::LIGHTHOUSE.as_bytes();
        let document = ada.processed("lighthouse.txt", content).await;
        let path = document["links"]["original"].as_str().unwrap();
        let size = content.len();
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=100-199", 100, 199),
            ("bytes=100-", 100, size - 1),
            ("bytes=-10", size - 10, size - 1),
            ("bytes=100-9999999", 100, size - 1),
        ] {
            let part = ada.get_with(path, "range", range).await.status(206);
            assert_eq!(part.bytes(), &content[first..=last], "{range}");
            let shown = format!("bytes {first}-{last}/{size}");
            assert_eq!(part.header("content-range"), Some(shown.as_str()), "{range}");
            assert_eq!(part.header("content-security-policy"), Some("sandbox; default-src 'none'"), "{range}");
            assert!(part.header("content-disposition").unwrap().starts_with("attachment"), "{range}");
        }
        for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
            ada.get_with(path, "range", &range).await.problem(416, "range_not_satisfiable");
        }
        // What is not understood is ignored, as HTTP wants it.
        assert_eq!(ada.get_with(path, "range", "lines=1-2").await.status(200).bytes(), content);
    }
}
