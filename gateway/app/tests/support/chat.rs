//! The real binary with a model behind it: a local server that speaks OpenAI's wire format and answers as a test says.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::fs;
use std::process::Command;

use model_upstream::{Answer, Asked, Upstream, Wire};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{Home, Up};

/// The model that is asked when nobody names one.
pub(crate) const MODEL: &str = "gpt-5.2";

pub(crate) struct Chat {
    pub(crate) up: Up,
    pub(crate) upstream: Upstream,
    pub(crate) home: Home,
    pub(crate) client: Client,
}

impl Chat {
    /// Everything runs; each request to the model is answered by `respond`.
    pub(crate) async fn start(respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::with("", respond).await
    }

    /// The same, with this in `smoltbot.toml`.
    pub(crate) async fn with(
        toml: &str,
        respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let home = Home::new();
        fs::create_dir_all(home.path().join("workspace")).unwrap();
        fs::write(home.path().join("workspace/notes.txt"), "hello").unwrap();
        fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
        Self::of(home, respond).await
    }

    /// The same, in a home that is furnished.
    pub(crate) async fn of(
        home: Home,
        respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let upstream = Upstream::start(Wire::OpenAi, respond).await.unwrap();
        let up = Up::start(talking(&home, &upstream, &["up"]));
        Self {
            up,
            upstream,
            home,
            client: client(),
        }
    }

    /// A request without the token.
    pub(crate) fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.up.gateway);
        self.client.request(method, url)
    }

    /// A request with JSON that shows the token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.plain(Method::POST, path)
            .bearer_auth(&self.up.token)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// What a path answers to who shows the token.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.plain(Method::GET, path).bearer_auth(&self.up.token);
        json_of(request.send().await.unwrap()).await
    }

    /// The answer to a message, whole.
    pub(crate) async fn say(&self, message: &str) -> Value {
        let body = json!({"message": message, "session_id": "s1"});
        json_of(self.post("/api/chat", &body).send().await.unwrap()).await
    }

    /// What a tool comes to that a person calls.
    pub(crate) async fn run(&self, tool: &str, params: &Value) -> Value {
        self.say(&format!("/run {tool} {params}")).await
    }
}

/// A client that goes nowhere by itself.
pub(crate) fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A command whose model is `upstream`.
pub(crate) fn talking(home: &Home, upstream: &Upstream, arguments: &[&str]) -> Command {
    let mut command = home.smoltbot(arguments);
    command
        .env("OPENAI_API_KEY", "sk-test-of-nobody")
        .env("SMOLTBOT_PROVIDERS__OPENAI__BASE_URL", upstream.url());
    command
}

pub(crate) async fn json_of(answer: Response) -> Value {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status}: {error}: {text}"))
}

/// What was said last to the model, as text; `None` if that is a tool's result.
pub(crate) fn last_said(asked: &Asked) -> Option<String> {
    let last = asked.body["messages"].as_array()?.last()?;
    (last["role"] == "user").then(|| match &last["content"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}
