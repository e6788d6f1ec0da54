//! The way to the functions that write: the Durable Object that holds a connection, or PostgREST.

use std::rc::Rc;

use aap::AgentId;
use serde::de::DeserializeOwned;
use trace_store::StoreError;
use trace_store_postgres::rpc::{Function, Refused, Rpc};
use worker::js_sys::Uint8Array;
use worker::send::{SendFuture, SendWrapper};
use worker::{Env, Method, Request, RequestInit, Response, Result};

use super::agent_limiter::{ADDRESS, Asked};
use super::news::{self, News};
use super::postgrest;
use crate::limits::agent_object_name;
use crate::memory::Run;
use crate::settings::{Settings, WRITERS, Way, bindings};

/// Statuses by which a `Writer` tells why it refused.
pub(super) const DATA: u16 = 422;
/// See [`DATA`].
pub(super) const UNAVAILABLE: u16 = 503;

/// Calls functions.
#[derive(Clone)]
pub(super) struct Calls {
    env: Env,
    settings: SendWrapper<Rc<Settings>>,
}

impl Calls {
    pub(super) fn new(env: Env, settings: Rc<Settings>) -> Self {
        let settings = SendWrapper::new(settings);
        Self { env, settings }
    }

    async fn to_writer(
        &self,
        function: Function,
        agent: AgentId,
        arguments: &str,
    ) -> Result<std::result::Result<String, Refused>> {
        let writers = self.env.durable_object(bindings::WRITER)?;
        let writer = writers.get_by_name(&writer_name(agent))?;
        let request = post(
            &format!("https://writer/{}", function.name()),
            arguments.as_bytes(),
        )?;
        let mut response = writer.fetch_with_request(request).await?;
        let told = response.text().await?;
        Ok(match response.status_code() {
            200 => Ok(told),
            DATA => Err(Refused::Data(told)),
            UNAVAILABLE => Err(Refused::Store(StoreError::Unavailable(told))),
            _ => Err(Refused::Store(StoreError::Failed(told))),
        })
    }
}

/// Those of one agent wait for each other in the database, so they share a connection.
fn writer_name(agent: AgentId) -> String {
    let low = agent.uuid().as_u64_pair().1;
    format!("writer {}", low % u64::from(WRITERS))
}

/// A request with a body for a Durable Object.
pub(super) fn post(url: &str, body: &[u8]) -> Result<Request> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post);
    init.with_body(Some(Uint8Array::from(body).into()));
    Request::new_with_init(url, &init)
}

impl Rpc for Calls {
    fn call(
        &self,
        function: Function,
        agent: AgentId,
        arguments: String,
    ) -> impl Future<Output = std::result::Result<String, Refused>> + Send {
        SendFuture::new(async move {
            let called = match &self.settings.way {
                Way::Hyperdrive => self.to_writer(function, agent, &arguments).await,
                Way::PostgRest(url) => postgrest::call(&self.env, url, function, &arguments).await,
            };
            // The object, or the network before it, failed: whether the call went through is not known, and it can be repeated.
            called.unwrap_or_else(|error| {
                let told = format!("{} was not reached: {error}", function.name());
                Err(Refused::Store(StoreError::Unavailable(told)))
            })
        })
    }
}

/// An agent's object, asked for what it remembers.
pub(super) struct Remembers<'a> {
    pub(super) env: &'a Env,
    pub(super) agent: AgentId,
}

impl Remembers<'_> {
    async fn send(&self, path: &str, asked: &Asked) -> Result<Response> {
        let objects = self.env.durable_object(bindings::AGENT_LIMITER)?;
        let object = objects.get_by_name(&agent_object_name(self.agent))?;
        let request = post(&format!("{ADDRESS}{path}"), &serde_json::to_vec(asked)?)?;
        let response = object.fetch_with_request(request).await?;
        if response.status_code() >= 300 {
            return Err(format!("{path} was answered {}", response.status_code()).into());
        }
        Ok(response)
    }

    /// Has it hear of a batch now, and of what waited.
    pub(super) async fn tell(&self, last: News) -> Result<()> {
        let mut news = news::take(self.agent);
        news.push(last);
        self.send("/learn", &Asked { news, run: None })
            .await
            .map(drop)
    }

    /// Has it hear of a batch with the next question, unless too much waits.
    pub(super) async fn tell_later(&self, last: News) -> Result<()> {
        let news = news::add(self.agent, last);
        if news.is_empty() {
            return Ok(());
        }
        self.send("/learn", &Asked { news, run: None })
            .await
            .map(drop)
    }

    /// Asks it, after it has heard what waited.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        run: Option<&Run>,
    ) -> Result<T> {
        let asked = Asked {
            news: news::take(self.agent),
            run: run.cloned(),
        };
        let answer = self.send(path, &asked).await?.bytes().await?;
        Ok(serde_json::from_slice(&answer)?)
    }
}
