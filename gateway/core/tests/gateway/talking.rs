//! A house whose agent has a model, and what is said there.

use std::sync::Arc;

use gateway::Options;
use gateway::model::{
    Access, Anthropic, Dialect, Http, Model, Ollama, OpenAi, Patience, Retries, Router, Slot,
};
use model_upstream::{Answer, Asked, Upstream, Wire};
use serde_json::{Value, json};

use crate::house::{House, TOKEN};

pub(crate) const MODEL: &str = "test-model";

/// A house and its provider.
pub(crate) struct Talking {
    pub(crate) house: House,
    pub(crate) upstream: Upstream,
}

/// A router in front of `upstream`, which never asks the same model twice.
pub(crate) fn router(upstream: &Upstream, wire: Wire) -> Arc<dyn Model> {
    let http = Http::new(Patience::default());
    let access = |name| Access::with_key(name, "sk-test-key").at(&upstream.url());
    let provider: Arc<dyn Model> = match wire {
        Wire::Anthropic => Arc::new(Anthropic::new(access("anthropic"), &http)),
        Wire::OpenAi => Arc::new(OpenAi::new(
            access("openai"),
            Dialect::named("openai").unwrap(),
            &http,
        )),
        Wire::Ollama => Arc::new(Ollama::new(access("ollama"), &http)),
    };
    let retries = Retries {
        times: 0,
        ..Retries::default()
    };
    Arc::new(Router::new(vec![Slot::new(provider, MODEL)], retries, 7).unwrap())
}

impl Talking {
    pub(crate) async fn script(wire: Wire, answers: Vec<Answer>) -> Self {
        let upstream = Upstream::script(wire, answers).await.unwrap();
        Self::over(upstream, wire, |_| ()).await
    }

    pub(crate) async fn with(
        respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let upstream = Upstream::start(Wire::Anthropic, respond).await.unwrap();
        Self::over(upstream, Wire::Anthropic, change).await
    }

    async fn over(upstream: Upstream, wire: Wire, change: impl FnOnce(&mut Options)) -> Self {
        let model = router(&upstream, wire);
        let house = House::with(|options| {
            options.model = Some(model);
            change(options);
        })
        .await;
        Self { house, upstream }
    }

    /// Says `message` in `session` and returns every line of the answer's stream.
    pub(crate) async fn lines(&self, session: &str, message: &str) -> Vec<Value> {
        let response = self
            .house
            .client
            .post(self.house.url("/api/chat"))
            .bearer_auth(TOKEN)
            .header("content-type", "application/json")
            .header("accept", "application/x-ndjson")
            .body(json!({"message": message, "session_id": session}).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The answer alone.
    pub(crate) async fn say(&self, session: &str, message: &str) -> Value {
        self.lines(session, message).await.pop().unwrap()
    }
}

/// The events of a stream, by name.
pub(crate) fn events(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect()
}

/// The lines of one event.
pub(crate) fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}
