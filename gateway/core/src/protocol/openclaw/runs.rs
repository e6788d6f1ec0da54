//! Beginning runs, waiting for them, ending them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{AGENT, CHANNEL, Client, MAIN, canonical};
use crate::agent::{Answer, Ask, Run, StopReason};
use crate::clock::now_ms;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::model::Thinking;
use crate::protocol::fault::{Code, Dialect, Fault};
use crate::protocol::frame;
use crate::protocol::params::Params;

/// Milliseconds that `agent.wait` waits when it is not told how long, and at most.
const DEFAULT_WAIT_MS: u32 = 30_000;
const MAX_WAIT_MS: u32 = 600_000;

impl Client {
    /// `chat.send`: begins, and says so at once.
    pub(super) fn send(&self, params: &Params) -> Result<Value, Fault> {
        let (run, new) = self.begin(params)?;
        let status = match (new, run.answer()) {
            (true, _) => "started",
            (false, None) => "in_flight",
            (false, Some(_)) => "ok",
        };
        Ok(json!({"runId": self.name(&run), "status": status}))
    }

    /// `agent`: says that it was accepted, and answers a second time at the end.
    pub(super) async fn agent(&self, id: &str, params: &Params) -> Result<Value, Fault> {
        let (run, _) = self.begin(params)?;
        let name = self.name(&run);
        let accepted = json!({"runId": name, "status": "accepted", "acceptedAt": now_ms()});
        let gone = |_| Fault::new(Code::Internal, "the connection is gone");
        let first = frame::res(id, Ok(accepted), Dialect::OpenClaw);
        self.0.out.text(first).await.map_err(gone)?;
        let answer = run.ended().await;
        let text = answer.reply.text();
        if answer.stop_reason == StopReason::Error {
            return Err(Fault::new(Code::Model, text).with(json!({"runId": name})));
        }
        Ok(json!({
            "runId": name,
            "status": "ok",
            "summary": "completed",
            "result": {"payloads": [{"text": text}], "meta": {"stopReason": answer.stop_reason,
                "agentMeta": {"sessionId": run.session(), "model": answer.model, "usage": usage(&answer)}}},
        }))
    }

    /// `agent.wait`.
    pub(super) async fn wait(&self, params: &Params) -> Result<Value, Fault> {
        let name = params.needed(&["runId"])?;
        let ms = params.count("timeoutMs", DEFAULT_WAIT_MS, MAX_WAIT_MS)?;
        let asked = self.0.room.sockets.asked();
        let run = asked.find(&self.0.room.agent, name).ok_or_else(|| {
            let what = format!("there is no run `{name}`, or it ended long ago");
            Fault::new(Code::NotFound, what)
        })?;
        let waited = timeout(Duration::from_millis(ms.into()), run.ended()).await;
        let mut told = json!({"runId": name, "startedAt": run.started_at()});
        match waited {
            Err(_) => told["status"] = "timeout".into(),
            Ok(answer) => {
                let failed = answer.stop_reason == StopReason::Error;
                told["status"] = if failed { "error" } else { "ok" }.into();
                told["stopReason"] = json!(answer.stop_reason);
                told["endedAt"] = now_ms().into();
                if failed {
                    told["error"] = answer.reply.text().into();
                }
            }
        }
        Ok(told)
    }

    /// `chat.abort`: one run, or all of a session.
    pub(super) fn abort(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["sessionKey"])?);
        let agent = &self.0.room.agent;
        let mut runs = agent.under_way();
        runs.retain(|run| run.session() == key);
        if let Some(name) = params.text("runId")? {
            let one = self.0.room.sockets.asked().find(agent, name);
            runs.retain(|run| one.as_ref().is_some_and(|one| one.id() == run.id()));
        }
        for run in &runs {
            run.abort();
        }
        let names: Vec<String> = runs.iter().map(|run| self.name(run)).collect();
        Ok(json!({"ok": true, "aborted": !names.is_empty(), "runIds": names}))
    }

    fn name(&self, run: &Run) -> String {
        self.0.room.sockets.asked().name(run)
    }

    /// Begins what `params` ask for, or finds what their key began. The gateway's stop waits for it.
    fn begin(&self, params: &Params) -> Result<(Arc<Run>, bool), Fault> {
        let key = params.needed(&["idempotencyKey"])?;
        let ask = read(params)?;
        let room = &self.0.room;
        let (run, new) = room
            .sockets
            .asked()
            .begin(key, || room.agent.start(ask).map_err(Fault::from))?;
        self.follow(&run);
        if new {
            let (seat, run, stop) = (room.sockets.hold_run(), Arc::clone(&run), room.stop.clone());
            tokio::spawn(async move {
                let _seat = seat;
                tokio::select! {
                    _ = run.ended() => {}
                    () = stop.cancelled() => run.abort(),
                }
            });
        }
        Ok((run, new))
    }
}

/// What is asked. What it may carry and this version does not do is told, not left out.
fn read(params: &Params) -> Result<Ask, Fault> {
    let message = params.text("message")?.unwrap_or_default();
    if message.trim().is_empty() {
        return Err(Fault::new(
            Code::Params,
            "`message` is what you want to say",
        ));
    }
    if message.len() > MAX_MESSAGE_BYTES {
        let what = format!(
            "the message has {} bytes, at most {MAX_MESSAGE_BYTES} are taken; put long texts into a file of the workspace",
            message.len()
        );
        return Err(Fault::new(Code::Params, what));
    }
    let filled = |name: &str| match params.0.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    for name in ["attachments", "extraSystemPrompt"] {
        if filled(name) {
            let what = format!("`{name}` is not available in this version of the gateway");
            return Err(Fault::new(Code::Unavailable, what));
        }
    }
    let agent = params.text("agentId")?.unwrap_or(AGENT);
    if agent != AGENT {
        let what = format!("unknown agent id `{agent}`; this gateway has `{AGENT}` alone");
        return Err(Fault::new(Code::Params, what));
    }
    let session = params
        .name("sessionKey")?
        .map_or_else(|| MAIN.to_owned(), canonical);
    Ok(Ask {
        model: params.text("model")?.map(str::to_owned),
        thinking: params.one_of("thinking", &Thinking::ALL, |level| level.name())?,
        asks: true,
        ..Ask::new(session, CHANNEL, message)
    })
}

/// What a run cost, in OpenClaw's words.
fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({"input": usage.input_tokens, "output": usage.output_tokens, "cacheRead": usage.cache_read_tokens,
        "cacheWrite": usage.cache_write_tokens})
}
