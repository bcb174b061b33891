//! Lists that are asked for too much.

use e2e::{Client, Embedded, Settings};
use serde_json::Value;

/// Every list of the API: its path, and the parameters that it takes.
async fn lists(client: &Client) -> Vec<(String, Vec<String>)> {
    let spec: Value = client.get("/openapi.json").await.status(200).json();
    let mut lists = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let names = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let names: Vec<String> = names
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        if names.iter().any(|name| name == "cursor") && !path.contains("/admin/") {
            let id = domain::ConversationId::new().to_string();
            lists.push((path.replace("{id}", &id), names));
        }
    }
    lists
}

#[tokio::test]
async fn no_list_can_be_made_endless() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let lists = lists(&ada).await;
    assert!(lists.len() >= 5, "{lists:?}");
    for (path, _) in &lists {
        for limit in ["0", "101", "1000000000", "18446744073709551615"] {
            ada.get(&format!("{path}?limit={limit}"))
                .await
                .refuses("query:limit");
        }
        for limit in ["-1", "1e9", "1e400", "0x10", "99999999999999999999999", "NaN", ""] {
            ada.get(&format!("{path}?limit={limit}"))
                .await
                .problem(400, "invalid_request");
        }
        for unknown in [
            "offset=1000000000",
            "page=5",
            "sort=id;DROP%20TABLE%20jobs",
            "order_by=1",
        ] {
            ada.get(&format!("{path}?{unknown}"))
                .await
                .problem(400, "invalid_request");
        }
        for forged in ["", "0", "AAAA", "..%2F..", "%F0%9F%92%A3", &"A".repeat(4000)] {
            ada.get(&format!("{path}?cursor={forged}"))
                .await
                .refuses("query:cursor");
        }
    }
}

#[tokio::test]
async fn a_thousand_filters_are_answered_like_one_or_refused() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    for (path, names) in lists(&ada).await {
        for name in names
            .iter()
            .filter(|name| !["cursor", "limit"].contains(&name.as_str()))
        {
            let thousand = vec![format!("{name}=x"); 1000].join("&");
            let answer = ada.get(&format!("{path}?{thousand}")).await;
            assert!(
                [200, 400, 404].contains(&answer.status),
                "{path} {name}: {}",
                answer.status
            );
            assert!(answer.bytes().len() < 4096, "{path} {name}");
        }
        let unknown: Vec<String> = (0..1000).map(|number| format!("filter{number}=x")).collect();
        let answer = ada.get(&format!("{path}?{}", unknown.join("&"))).await;
        answer.problem(400, "invalid_request");
        assert!(answer.bytes().len() < 4096, "{path}");
    }
}
