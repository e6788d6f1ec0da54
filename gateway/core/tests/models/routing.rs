//! Who is asked, how often, and who isn't for a while. Providers are played here: what they do on sockets is tested beside.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::model::{
    Answering, Delta, ErrorKind, Model, ModelError, Part, Reply, Request, Retries, Router,
    RouterError, Sink, Slot, SlotState, Stop, Usage, order,
};
use tokio::time::Instant;

use crate::house::ask;

/// Fails in the ways that it is told, then answers.
struct Player {
    name: &'static str,
    fails: Mutex<VecDeque<ModelError>>,
    asked: Mutex<Vec<String>>,
}

impl Player {
    fn new(name: &'static str, fails: Vec<ModelError>) -> Arc<Self> {
        Arc::new(Self {
            name,
            fails: Mutex::new(fails.into()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn fail(&self, fails: impl IntoIterator<Item = ModelError>) {
        self.fails.lock().unwrap().extend(fails);
    }
}

impl Model for Player {
    fn provider(&self) -> &str {
        self.name
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(request.model.clone());
            let fails = self.fails.lock().unwrap().pop_front();
            let begun = fails.as_ref().is_none_or(|error| error.begun);
            if begun {
                sink(Delta::Text(self.name.to_owned()));
            }
            fails.map_or_else(
                || {
                    Ok(Reply {
                        model: request.model.clone(),
                        parts: vec![Part::Text {
                            text: self.name.to_owned(),
                        }],
                        stop: Stop::EndTurn,
                        usage: Usage::default(),
                    })
                },
                Err,
            )
        })
    }
}

fn failure(kind: ErrorKind) -> ModelError {
    ModelError {
        provider: "p".into(),
        kind,
        status: None,
        retry_after: None,
        message: format!("{kind:?}"),
        begun: false,
    }
}

fn router(slots: Vec<Slot>) -> Router {
    Router::new(slots, Retries::default(), 7).unwrap()
}

fn two(one: Vec<ModelError>, other: Vec<ModelError>) -> (Arc<Player>, Arc<Player>, Router) {
    let (one, other) = (Player::new("one", one), Player::new("other", other));
    let slots = vec![Slot::new(one.clone(), "m1"), Slot::new(other.clone(), "m2")];
    (one, other, router(slots))
}

fn of(session: &str) -> Request {
    Request {
        session: Some(session.into()),
        ..Request::default()
    }
}

fn named(model: &str) -> Request {
    Request {
        model: model.into(),
        ..Request::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_after_a_short_wait() {
    let (one, other, router) = two(vec![failure(ErrorKind::Overloaded); 2], vec![]);
    let before = Instant::now();
    let reply = ask(&router, &Request::default()).await.0.unwrap();
    assert_eq!(reply.model, "m1");
    assert_eq!((one.asked().len(), other.asked().len()), (3, 0));
    let waited = before.elapsed();
    assert!(
        waited > Duration::ZERO && waited <= Duration::from_millis(1500),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn waits_differ_and_are_the_same_for_the_same_seed() {
    let waits = |seed| async move {
        let player = Player::new("one", vec![failure(ErrorKind::Network); 2]);
        let router = Router::new(vec![Slot::new(player, "m")], Retries::default(), seed).unwrap();
        let before = Instant::now();
        ask(&router, &Request::default()).await.0.unwrap();
        before.elapsed()
    };
    assert_eq!(waits(1).await, waits(1).await);
    assert_ne!(waits(1).await, waits(2).await);
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_failure_keeps_the_next_session_away_for_its_time() {
    for (kind, seconds, tries) in [
        (ErrorKind::RateLimit, 30, 3),
        (ErrorKind::Overloaded, 20, 3),
        (ErrorKind::Network, 10, 3),
        (ErrorKind::Protocol, 30, 3),
        (ErrorKind::Timeout, 60, 1),
        (ErrorKind::Auth, 600, 1),
        (ErrorKind::Billing, 1800, 1),
        (ErrorKind::UnknownModel, 600, 1),
    ] {
        let (one, other, router) = two(vec![failure(kind); tries], vec![]);
        let reply = ask(&router, &Request::default()).await.0.unwrap();
        assert_eq!(reply.model, "m2", "{kind:?}");
        assert_eq!(one.asked().len(), tries, "{kind:?}");
        let status = router.status();
        assert!(
            matches!(&status[0].state, SlotState::Cooling { kind: of, .. } if *of == kind),
            "{status:?}"
        );
        assert_eq!(status[1].state, SlotState::Well);
        // A little before its time it is not asked, at its time it is.
        tokio::time::advance(Duration::from_secs(seconds - 1)).await;
        ask(&router, &Request::default()).await.0.unwrap();
        assert!(one.asked().is_empty(), "{kind:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        ask(&router, &Request::default()).await.0.unwrap();
        assert_eq!(one.asked().len(), 1, "{kind:?}");
        assert_eq!(router.status()[0].state, SlotState::Well);
        assert_eq!(other.asked().len(), 2, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_request_is_held_against_nobody() {
    let (_, other, router) = two(vec![failure(ErrorKind::Invalid)], vec![]);
    assert_eq!(
        ask(&router, &Request::default()).await.0.unwrap().model,
        "m2"
    );
    assert_eq!(router.status()[0].state, SlotState::Well);
    // Who asks can make a conversation shorter; another model can't.
    let (_, _, router) = two(vec![failure(ErrorKind::ContextLength)], vec![]);
    other.asked();
    let error = ask(&router, &Request::default()).await.0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ContextLength);
    assert!(other.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_time_to_wait_is_kept() {
    let limit = |seconds| ModelError {
        retry_after: Some(Duration::from_secs(seconds)),
        ..failure(ErrorKind::RateLimit)
    };
    // A short one is waited for.
    let player = Player::new("one", vec![limit(3)]);
    let alone = router(vec![Slot::new(player.clone(), "m")]);
    let before = Instant::now();
    ask(&alone, &Request::default()).await.0.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(3));
    // A long one is told, and nobody is asked before it is over.
    player.fail([limit(90)]);
    assert!(ask(&alone, &Request::default()).await.0.is_err());
    player.asked();
    let error = ask(&alone, &Request::default()).await.0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimit);
    assert_eq!(error.retry_after, Some(Duration::from_secs(90)));
    assert!(
        error.message.starts_with("not asked for another"),
        "{error}"
    );
    assert!(player.asked().is_empty());
    tokio::time::advance(Duration::from_secs(90)).await;
    ask(&alone, &Request::default()).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_is_asked_though_it_failed() {
    let player = Player::new("one", vec![failure(ErrorKind::Auth)]);
    let router = router(vec![Slot::new(player.clone(), "m")]);
    let error = ask(&router, &Request::default()).await.0.unwrap_err();
    assert_eq!(error, failure(ErrorKind::Auth));
    ask(&router, &Request::default()).await.0.unwrap();
    assert_eq!(router.status()[0].state, SlotState::Well);
}

#[tokio::test(start_paused = true)]
async fn once_begun_nobody_else_is_asked() {
    let begun = ModelError {
        begun: true,
        ..failure(ErrorKind::Network)
    };
    let (one, other, router) = two(vec![begun.clone()], vec![]);
    let (reply, deltas) = ask(&router, &Request::default()).await;
    assert_eq!(reply.unwrap_err(), begun);
    assert_eq!(deltas, [Delta::Text("one".into())]);
    assert_eq!((one.asked().len(), other.asked().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_answered_a_session_stays_first_for_it_while_well() {
    let (one, other, router) = two(vec![failure(ErrorKind::Timeout)], vec![]);
    ask(&router, &of("a")).await.0.unwrap();
    tokio::time::advance(Duration::from_hours(1)).await;
    one.asked();
    other.asked();
    assert_eq!(router.resolve("a", "").as_deref(), Some("other/m2"));
    assert_eq!(router.resolve("b", "").as_deref(), Some("one/m1"));
    assert_eq!(ask(&router, &of("a")).await.0.unwrap().model, "m2");
    assert_eq!(ask(&router, &of("b")).await.0.unwrap().model, "m1");
    other.fail([failure(ErrorKind::Auth)]);
    assert_eq!(ask(&router, &of("a")).await.0.unwrap().model, "m1");
    assert_eq!(router.resolve("a", "").as_deref(), Some("one/m1"));
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_models_is_gone_along() {
    let limit = failure(ErrorKind::RateLimit);
    let player = Player::new("openrouter", vec![limit.clone(), limit.clone(), limit]);
    let chain = ["a/x:free", "b/y:free"].map(str::to_owned);
    let slot = Slot {
        chain: chain.to_vec(),
        ..Slot::new(player.clone(), "")
    };
    let router = router(vec![slot]);
    assert_eq!(
        ask(&router, &Request::default()).await.0.unwrap().model,
        "b/y:free"
    );
    assert_eq!(
        player.asked(),
        ["a/x:free", "a/x:free", "a/x:free", "b/y:free"]
    );
    // The limit is the model's, a wrong key the provider's.
    player.fail([failure(ErrorKind::Auth)]);
    let error = ask(&router, &named("openrouter/b/y:free"))
        .await
        .0
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(
        router
            .status()
            .iter()
            .all(|status| status.state != SlotState::Well)
    );
}

#[tokio::test(start_paused = true)]
async fn all_failures_are_told() {
    let (_, _, router) = two(
        vec![failure(ErrorKind::Auth)],
        vec![failure(ErrorKind::Overloaded); 3],
    );
    let error = ask(&router, &Request::default()).await.0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert_eq!(
        error.message,
        "p/m1: Auth; p/m2: Overloaded (asked 3 times)"
    );
    let none = Router::new(vec![], Retries::default(), 7).unwrap();
    let error = ask(&none, &Request::default()).await.0.unwrap_err();
    assert!(
        error.message.contains("providers.anthropic.api_key"),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_means_who_has_that_model() {
    let players = ["anthropic", "openai", "openrouter"].map(|name| Player::new(name, vec![]));
    let slots = players
        .iter()
        .map(|player| Slot::new(player.clone(), "default"));
    let mut slots: Vec<Slot> = slots.collect();
    slots[2].others.push("shared".into());
    slots[1].others.push("shared".into());
    let router = router(slots);
    for (name, full) in [
        ("", Some("anthropic/default")),
        ("opus", Some("anthropic/claude-opus-5-5")),
        ("Haiku", Some("anthropic/claude-haiku-5-5")),
        ("openai/anything", Some("openai/anything")),
        ("shared", Some("openai/shared")),
        ("gpt-9", Some("openai/gpt-9")),
        ("claude-next", Some("anthropic/claude-next")),
        (
            "meta-llama/llama:free",
            Some("openrouter/meta-llama/llama:free"),
        ),
        ("nobodys", None),
    ] {
        assert_eq!(router.resolve("", name).as_deref(), full, "{name}");
    }
    let error = ask(&router, &named("nobodys")).await.0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnknownModel);
    assert!(
        error.message.contains("nobodys") && error.message.contains("openai/default"),
        "{error}"
    );
    // Who names a model gets that one or its failure.
    players[1].fail([failure(ErrorKind::Auth)]);
    assert!(ask(&router, &named("openai/x")).await.0.is_err());
    assert!(players[0].asked().is_empty());
}

#[test]
fn the_order_is_the_priority_and_then_the_config() {
    let configured = ["anthropic", "openai", "ollama"];
    for (priority, expected) in [
        (None, ["anthropic", "openai", "ollama"]),
        (Some(""), ["anthropic", "openai", "ollama"]),
        (Some("ollama"), ["ollama", "anthropic", "openai"]),
        (
            Some(" OpenAI, ollama,openai "),
            ["openai", "ollama", "anthropic"],
        ),
    ] {
        assert_eq!(order(priority, &configured).unwrap(), expected);
    }
    let error = order(Some("ollama,groq"), &configured).unwrap_err();
    assert_eq!(
        error.to_string(),
        "AI_PROVIDER_PRIORITY names `groq`, which is not configured; there are: anthropic, openai, ollama"
    );
}

#[test]
fn slots_that_cannot_be_asked_are_refused() {
    let slot = |name| Slot::new(Player::new(name, vec![]), "m");
    let none = Slot {
        chain: vec![],
        ..slot("one")
    };
    let error = Router::new(vec![none], Retries::default(), 0).err();
    assert_eq!(error, Some(RouterError::NoModel { name: "one".into() }));
    let error = Router::new(vec![slot("one"), slot("one")], Retries::default(), 0).err();
    assert_eq!(error, Some(RouterError::Twice { name: "one".into() }));
}
