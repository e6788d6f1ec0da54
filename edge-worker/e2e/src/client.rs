//! A client on a network of its own, so that its limits are nobody else's.

use std::net::{IpAddr, Ipv4Addr};

use aap::paths::TRACES;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::description::Description;
use crate::fresh::seed;
use crate::{Agent, Answer, facts, raw};

/// Asks the edge, and compares each answer with the description.
pub struct Client {
    http: reqwest::Client,
    base: String,
    address: Ipv4Addr,
    /// The header that tells the host this client's address, and the address.
    told: Option<(String, Ipv4Addr)>,
}

impl Client {
    /// Of the edge that the suite is told of.
    #[expect(clippy::new_without_default, reason = "each has another network")]
    pub fn new() -> Self {
        Self::of(facts::base_url(), facts::address_header())
    }

    /// Of the edge at `base`, which takes the client's address from the header `address_header`, if it is named.
    pub fn of(base: String, address_header: Option<String>) -> Self {
        let address = a_network();
        let told = address_header.map(|name| (name, address));
        let mut http = reqwest::Client::builder().no_proxy();
        if told.is_none() {
            http = http.local_address(IpAddr::V4(address));
        }
        Self {
            http: http.build().expect("a client"),
            base,
            address,
            told,
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Host and port of the edge, for who opens a connection by hand.
    pub fn authority(&self) -> &str {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The header that tells the host this client's address, where the connection does not.
    pub fn address_header(&self) -> Option<(&str, Ipv4Addr)> {
        let (name, address) = self.told.as_ref()?;
        Some((name, *address))
    }

    /// The address that connections come from; none where a header tells it.
    pub fn own_address(&self) -> Option<IpAddr> {
        self.told.is_none().then_some(IpAddr::V4(self.address))
    }

    /// A request of this client's network, to be completed and sent.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().expect("a method");
        let request = self.http.request(method, self.url(path));
        match &self.told {
            Some((name, address)) => request.header(name, address.to_string()),
            None => request,
        }
    }

    /// Sends a request whose answer may be without end.
    pub async fn open(&self, request: RequestBuilder) -> Response {
        request.send().await.expect("an answer")
    }

    /// Sends a request, and takes its whole answer; of a stream only its head.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// The same, where the edge may end before it has answered.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let endless = headers
            .get("content-type")
            .is_some_and(|value| value == "text/event-stream");
        let bytes = if endless {
            Vec::new()
        } else {
            response.bytes().await?.into()
        };
        let answer = Answer::new(status, headers, &bytes);
        self.description().await.check(&method, &path, &answer);
        Ok(answer)
    }

    async fn description(&self) -> &'static Description {
        Description::of(&self.base).await
    }

    /// Says that a body of `length` bytes follows, and sends `begun` of it; with `ends`, nothing more can follow.
    /// None when the connection ended without an answer. The answer may be that of
    /// somebody in between, and is not compared with the description.
    pub async fn send_raw(
        &self,
        (method, path): (&str, &str),
        length: usize,
        begun: &[u8],
        ends: bool,
    ) -> Option<Answer> {
        raw::send(self, method, path, length, begun, ends).await
    }

    /// Announces a body of `length` bytes that never comes: what is too large is refused before it is sent.
    pub async fn announce(&self, method: &str, path: &str, length: usize) -> Answer {
        let answer = self.send_raw((method, path), length, b"", false).await;
        let answer = answer.expect("an answer before the body");
        let method: Method = method.parse().expect("a method");
        self.description().await.check(&method, path, &answer);
        answer
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// A page or document that must be there.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.expect(200).body
    }

    /// Submits a body of JSON.
    pub async fn submit(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.try_submit(body).await.expect("an answer")
    }

    /// The same, where the edge may end before it has answered.
    pub async fn try_submit(&self, body: impl Into<reqwest::Body>) -> reqwest::Result<Answer> {
        let request = self
            .request("POST", TRACES)
            .header("content-type", "application/json");
        self.try_send(request.body(body)).await
    }

    /// Submits traces as `{"batch": […]}` without a checkpoint.
    pub async fn submit_all(&self, traces: &[Value]) -> Answer {
        self.submit(serde_json::json!({ "batch": traces }).to_string())
            .await
    }

    /// Puts the agent's signed card.
    pub async fn put_card(&self, agent: &Agent) -> Answer {
        let path = aap::paths::card(agent.id);
        let request = self.request("PUT", &path);
        let request = request.header("content-type", "application/json");
        self.send(request.body(agent.signed_card().to_string()))
            .await
    }
}

/// A loopback address that is unlikely to be another test's.
fn a_network() -> Ipv4Addr {
    let [second, third, fourth] = seed();
    // Neither 127.0.0.1, where everybody else is, nor an address that is none of a host.
    Ipv4Addr::new(127, second | 1, third, fourth.clamp(1, 254))
}
