//! Every fault that a provider can have becomes an error that says what happened.

use std::time::Duration;

use gateway::limits::MAX_ERROR_BYTES;
use gateway::model::{Access, ErrorKind, Http, Patience, provider};
use model_upstream::{Answer, Gate, Upstream, Wire};

use crate::house::{KEY, WIRES, ask, client, kind, patience, patient, refused, request};

#[tokio::test]
async fn a_status_tells_the_kind_and_what_to_do() {
    let error = |message: &str| format!(r#"{{"error":{{"message":"{message}","type":"x"}}}}"#);
    for wire in WIRES {
        let name = kind(wire);
        for (status, kind, words) in [
            (
                401,
                ErrorKind::Auth,
                format!("the key in providers.{name}.api_key was not taken (401): why"),
            ),
            (
                402,
                ErrorKind::Billing,
                "no credit is left (402): why".into(),
            ),
            (
                404,
                ErrorKind::UnknownModel,
                "it has no model m-1 (404): why".into(),
            ),
            (
                429,
                ErrorKind::RateLimit,
                "too many requests (429): why".into(),
            ),
            (
                400,
                ErrorKind::Invalid,
                "it did not take the request (400): why".into(),
            ),
            (
                500,
                ErrorKind::Overloaded,
                "it has too much to do or fails (500): why".into(),
            ),
            (
                529,
                ErrorKind::Overloaded,
                "it has too much to do or fails (529): why".into(),
            ),
        ] {
            let body = error("why");
            let script = move |_: &_| Answer::status(status, body.clone());
            let upstream = Upstream::start(wire, script).await.unwrap();
            let error = refused(&*client(&upstream, wire)).await;
            assert_eq!(
                (error.kind, error.status, error.begun),
                (kind, Some(status), false)
            );
            assert_eq!(error.message, words);
            assert_eq!(error.provider, name);
        }
    }
}

#[tokio::test]
async fn a_time_to_wait_is_believed() {
    for wire in WIRES {
        let script = |_: &_| Answer::status(429, "{}").header("retry-after", "7");
        let upstream = Upstream::start(wire, script).await.unwrap();
        let error = refused(&*client(&upstream, wire)).await;
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)), "{wire:?}");
    }
}

#[tokio::test]
async fn no_error_holds_the_key_or_a_page() {
    for wire in WIRES {
        for answer in [
            Answer::status(500, format!("<html>{KEY}</html>")).header("content-type", "text/html"),
            Answer::status(200, format!("<html>{KEY}</html>")).header("content-type", "text/html"),
            Answer::status(401, format!(r#"{{"error":"bad key {KEY}"}}"#)),
            Answer::status(400, format!("{KEY} {}", "é".repeat(100_000))),
            Answer::status(301, "").header("location", "http://127.0.0.1:1/"),
            Answer::status(404, "no such page").header("content-type", "text/plain"),
        ] {
            let upstream = Upstream::script(wire, vec![answer]).await.unwrap();
            let error = refused(&*client(&upstream, wire)).await;
            let told = format!("{error} {error:?}");
            assert!(!told.contains(KEY) && !told.contains("<html"), "{told}");
            assert!(
                error.message.len() <= MAX_ERROR_BYTES && !error.message.is_empty(),
                "{told}"
            );
            assert_eq!(upstream.requests().len(), 1, "{told}");
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_told_so() {
    for wire in WIRES {
        for answer in [
            Answer::status(200, "hello there").header("content-type", "text/plain"),
            Answer::status(200, r#"{"status":"ok"}"#),
            Answer::status(200, "data: rubbish\n\n").header("content-type", "text/event-stream"),
            Answer::status(200, "<!doctype html>").header("content-type", "text/html"),
            Answer::new().raw("data: {\"choices\": 7, \"type\": 7}\n\n{\"done\": 7}\n"),
        ] {
            let upstream = Upstream::script(wire, vec![answer.clone()]).await.unwrap();
            let error = refused(&*client(&upstream, wire)).await;
            assert_eq!(
                error.kind,
                ErrorKind::Protocol,
                "{wire:?} {answer:?}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_with_its_kind() {
    for (wire, raw, kind) in [
        (
            Wire::Anthropic,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
            ErrorKind::Overloaded,
        ),
        (
            Wire::Anthropic,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Overloaded\"}}\n\n",
            ErrorKind::RateLimit,
        ),
        (
            Wire::OpenAi,
            "data: {\"error\":{\"code\":429,\"message\":\"Overloaded\"},\"choices\":[]}\n\n",
            ErrorKind::RateLimit,
        ),
        (
            Wire::Ollama,
            "{\"error\":\"Overloaded\"}\n",
            ErrorKind::Overloaded,
        ),
    ] {
        for begun in [false, true] {
            let answer = if begun {
                Answer::text("so")
            } else {
                Answer::new()
            };
            let upstream = Upstream::script(wire, vec![answer.raw(raw)]).await.unwrap();
            let error = refused(&*client(&upstream, wire)).await;
            assert_eq!((error.kind, error.begun), (kind, begun), "{wire:?}");
            assert_eq!(error.message, "Overloaded");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_no_answer() {
    for wire in WIRES {
        let half = match wire {
            Wire::Anthropic => "event: content_block_delta\ndata: {\"type\":\"conte",
            Wire::OpenAi => "data: {\"choices\":[{\"del",
            Wire::Ollama => "{\"model\":\"m-1\",\"mess",
        };
        for answer in [Answer::text("so").cut(), Answer::text("so").raw(half).cut()] {
            let upstream = Upstream::script(wire, vec![answer]).await.unwrap();
            let (reply, deltas) = ask(&*client(&upstream, wire), &request()).await;
            let error = reply.unwrap_err();
            assert_eq!(
                (error.kind, error.begun),
                (ErrorKind::Network, true),
                "{wire:?}: {error}"
            );
            assert_eq!(deltas.len(), 1);
        }
        let upstream = Upstream::script(wire, vec![Answer::new().cut()])
            .await
            .unwrap();
        let error = refused(&*client(&upstream, wire)).await;
        assert_eq!(
            (error.kind, error.begun),
            (ErrorKind::Network, false),
            "{wire:?}: {error}"
        );
    }
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    // Long enough for a busy machine to bring what is said before the silence.
    let short = Duration::from_secs(3);
    let mut all = tokio::task::JoinSet::new();
    for wire in WIRES {
        for (answer, patience, begun, words) in [
            (
                Answer::new().never(),
                Patience {
                    first_byte: short,
                    ..patience()
                },
                false,
                "no answer came within 3 s",
            ),
            (
                Answer::text("so").silence(),
                Patience {
                    idle: short,
                    ..patience()
                },
                true,
                "nothing more came for 3 s",
            ),
            (
                Answer::text("so").silence(),
                Patience {
                    whole: short,
                    ..patience()
                },
                true,
                "longer than 3 s",
            ),
        ] {
            all.spawn(async move {
                let upstream = Upstream::script(wire, vec![answer]).await.unwrap();
                let error = refused(&*patient(&upstream, wire, patience)).await;
                let told = (error.kind, error.begun);
                assert_eq!(told, (ErrorKind::Timeout, begun), "{wire:?}: {error}");
                assert!(error.message.contains(words), "{error}");
            });
        }
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn who_is_late_is_waited_for() {
    for wire in WIRES {
        let gate = Gate::new();
        let upstream = Upstream::script(wire, vec![Answer::text("so").late(&gate)])
            .await
            .unwrap();
        let model = client(&upstream, wire);
        let request = request();
        let mut asked = Box::pin(ask(&*model, &request));
        tokio::select! {
            _ = &mut asked => panic!("answered before it was let"),
            () = async { while upstream.requests().is_empty() { tokio::task::yield_now().await } } => {}
        }
        gate.open();
        asked.await.0.unwrap();
    }
}

#[tokio::test]
async fn nobody_there_and_no_url_are_told_with_the_place() {
    let nobody = Upstream::script(Wire::OpenAi, vec![Answer::new()])
        .await
        .unwrap()
        .url();
    for (base, kind, words) in [
        (
            nobody.as_str(),
            ErrorKind::Network,
            "/v1/chat/completions can't be reached",
        ),
        (
            "ftp://example.org",
            ErrorKind::Invalid,
            "providers.openai.base_url is no http or https URL",
        ),
        (
            "not a url",
            ErrorKind::Invalid,
            "providers.openai.base_url is no http or https URL",
        ),
    ] {
        let access = Access::with_key("openai", KEY).at(base);
        let model = provider("openai", access, &Http::new(patience())).unwrap();
        let error = refused(&*model).await;
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}
