//! The simple dialect: a few methods, each answered with what it comes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

mod chat;
mod sessions;

use super::fault::{Code, Dialect, Fault};
use super::missing::not_served;
use super::out::Out;
use super::params::Params;
use crate::agent::{NO_MODEL, Run};
use crate::http::Room;

/// Bytes of a model's name.
const MAX_MODEL_BYTES: usize = 200;

/// One connection.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    room: Arc<Room>,
    out: Out,
    /// Runs under way, by the id of the request that began them.
    runs: Mutex<HashMap<String, Arc<Run>>>,
}

impl Client {
    pub(super) fn new(room: Arc<Room>, out: Out) -> Self {
        Self(Arc::new(Inner {
            room,
            out,
            runs: Mutex::default(),
        }))
    }

    /// Answers request `id`.
    pub(super) async fn answer(
        &self,
        id: &str,
        method: &str,
        params: Map<String, Value>,
    ) -> Result<Value, Fault> {
        let params = Params(params);
        match method {
            "ping" => Ok(json!({"pong": true})),
            "chat.send" => self.send(id, &params).await,
            "chat.abort" => self.abort(&params),
            "agent.status" => self.status().await,
            "agent.model" => self.model(&params).await,
            "sessions.list" => self.list(&params).await,
            "sessions.get" => self.get(&params).await,
            "sessions.history" => self.history(&params).await,
            "sessions.reset" => self.reset(&params).await,
            "sessions.delete" => self.delete(&params).await,
            other => Err(not_served(other, Dialect::Simple)),
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<String, Arc<Run>>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a run, by its own id or by that of the request that began it on this connection.
    fn abort(&self, params: &Params) -> Result<Value, Fault> {
        let run = match (params.text("req_id")?, params.text("run_id")?) {
            (Some(request), _) => self.runs().get(request).cloned(),
            (None, Some(run)) => self.0.room.agent.run(run),
            (None, None) => {
                return Err(Fault::new(Code::Params, "`req_id` or `run_id` is needed"));
            }
        };
        let run = run.ok_or_else(|| Fault::new(Code::NotFound, "there is no such run"))?;
        let aborted = run.answer().is_none();
        run.abort();
        Ok(json!({"aborted": aborted, "run_id": run.id()}))
    }

    async fn default_model(&self) -> Result<String, Fault> {
        let name = self.0.room.agent.default_name().await?;
        Ok(name.unwrap_or_else(|| NO_MODEL.to_owned()))
    }

    async fn status(&self) -> Result<Value, Fault> {
        let busy = !self.0.room.agent.under_way().is_empty();
        let status = if busy { "busy" } else { "idle" };
        let model = self.default_model().await?;
        Ok(json!({"agents": [{"id": "main", "model": model, "status": status}]}))
    }

    async fn model(&self, params: &Params) -> Result<Value, Fault> {
        let before = self.default_model().await?;
        let Some(name) = params.text("set")? else {
            return Ok(json!({"model": before}));
        };
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || !(1..=MAX_MODEL_BYTES).contains(&name.len()) {
            let what = format!("`set` is made of 1 to {MAX_MODEL_BYTES} visible ASCII characters");
            return Err(Fault::new(Code::Params, what));
        }
        let agent = &self.0.room.agent;
        // It is everybody's default from now on: one that nobody has would leave all chats without an answer.
        let Some(model) = agent.choose_model(name).await? else {
            let what = format!(
                "there is no model `{name}`; nothing was changed. There are: {}",
                agent.models().join(", ")
            );
            return Err(Fault::new(Code::Params, what));
        };
        Ok(json!({"model": model, "previous": before}))
    }
}
