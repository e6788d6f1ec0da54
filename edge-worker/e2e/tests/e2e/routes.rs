//! Methods and paths: HEAD, OPTIONS, what is not there, what a path does not take.

use reqwest::header::ALLOW;
use serde_json::Value;

use edge_e2e::{Client, Description, unproven_agent};

/// A path of the description with an id that is well formed.
fn filled(template: &str) -> String {
    template.replace("{id}", &unproven_agent().to_string())
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_with_those_it_takes() {
    let client = Client::new();
    let description = Description::get().await;
    for (template, _) in description.document["paths"].as_object().expect("paths") {
        let has = |method: &str| {
            description.document["paths"][template]
                .get(method)
                .is_some()
        };
        for method in ["post", "put", "patch", "delete"] {
            if has(method) {
                continue;
            }
            let answer = client
                .send(client.request(method.to_uppercase().as_str(), &filled(template)))
                .await;
            answer.problem(405);
            let allow = answer.headers[ALLOW].to_str().expect("text");
            for (word, method) in [("GET", "get"), ("POST", "post"), ("PUT", "put")] {
                assert_eq!(allow.contains(word), has(method), "{template}: {allow}");
            }
        }
    }
    for page in ["/", "/refusals", "/agent/x", "/badge/x"] {
        let answer = client.send(client.request("POST", page)).await;
        assert_eq!(answer.status, 405, "{page}");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let client = Client::new();
    for path in [
        "/",
        "/refusals",
        "/health",
        "/ready",
        "/openapi.json",
        "/v1/traces",
        "/v1/stats",
        "/v1/refusals",
    ] {
        let (head, get) = (
            client.send(client.request("HEAD", path)).await,
            client.get(path).await,
        );
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert_eq!(head.text, "", "{path}");
    }
    let missing = client
        .send(client.request("HEAD", &filled("/v1/traces/{id}")))
        .await;
    assert_eq!((missing.status.as_u16(), missing.text.as_str()), (404, ""));
}

#[tokio::test]
async fn preflights_are_answered_for_the_whole_api() {
    let client = Client::new();
    let description = Description::get().await;
    for (template, _) in description.document["paths"].as_object().expect("paths") {
        let request = client
            .request("OPTIONS", &filled(template))
            .header("origin", "https://example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let answer = client.send(request).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(
            answer
                .header("access-control-allow-methods")
                .contains("POST")
        );
        assert!(
            answer
                .header("access-control-allow-headers")
                .contains("Content-Type")
        );
    }
    let taken = client
        .request("POST", "/v1/traces")
        .header("origin", "https://example.com");
    let answer = client.send(taken.body("{")).await;
    answer.problem(400);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "*",
        "who may write may read the answer"
    );
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("Retry-After") && exposed.contains("RateLimit"));
}

#[tokio::test]
async fn below_v1_what_is_not_there_is_a_problem() {
    let client = Client::new();
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/traces/",
        "/v1/agents",
        "/v1/agents/",
        "/v1/a/b/c/d/e",
        "/v1/Traces",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = client.send(client.request(method, path)).await;
            assert!(
                answer.problem(404).contains("/openapi.json"),
                "{method} {path}"
            );
        }
    }
    let agent = unproven_agent();
    client
        .get(&format!("/v1/agents/{agent}/nothing"))
        .await
        .problem(404);
    client
        .get(&format!("/v1/agents/{agent}/card/x"))
        .await
        .problem(404);
}

#[tokio::test]
async fn operators_routes_say_what_they_should() {
    let client = Client::new();
    assert_eq!(client.json("/health").await["status"], "ok");
    assert_eq!(client.json("/ready").await["status"], "ready");
    let metrics = client.get("/metrics").await.expect(200);
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let document: Value = client.json("/openapi.json").await;
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1."))
    );
}

#[tokio::test]
async fn the_apis_answers_cannot_be_made_into_pages() {
    let client = Client::new();
    for path in ["/v1/traces", "/v1/nothing", "/health", "/v1/traces/x"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}
