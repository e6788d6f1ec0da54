//! Beginning runs, waiting for them, ending them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::attached::{attachments, extra};
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
    pub(super) async fn send(&self, params: &Params) -> Result<Value, Fault> {
        let (run, new, _) = self.begin(params).await?;
        let status = match (new, run.answer()) {
            (true, _) => "started",
            (false, None) => "in_flight",
            (false, Some(_)) => "ok",
        };
        Ok(json!({"runId": self.name(&run), "status": status}))
    }

    /// `agent`: says that it was accepted, and answers a second time at the end.
    pub(super) async fn agent(&self, id: &str, params: &Params) -> Result<Value, Fault> {
        let (run, _, told) = self.begin(params).await?;
        let name = self.name(&run);
        let accepted = json!({"runId": name, "status": "accepted", "acceptedAt": now_ms()});
        let gone = |_| Fault::new(Code::Internal, "the connection is gone");
        let first = frame::res(id, Ok(accepted), Dialect::OpenClaw);
        self.0.out.text(first).await.map_err(gone)?;
        let answer = run.ended().await;
        // Clients stop listening at the answer.
        told.cancelled().await;
        let text = answer.reply.text();
        if answer.stop_reason == StopReason::Error {
            return Err(Fault::new(Code::Model, text).with(json!({"runId": name})));
        }
        let (status, summary) = match answer.stop_reason {
            StopReason::Aborted => ("timeout", "aborted"),
            _ => ("ok", "completed"),
        };
        Ok(json!({
            "runId": name,
            "status": status,
            "summary": summary,
            "stopReason": reason(&run, &answer),
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
                told["status"] = match answer.stop_reason {
                    StopReason::Aborted if run.is_out_of_time() => "timeout",
                    StopReason::Aborted | StopReason::Error => "error",
                    _ => "ok",
                }
                .into();
                told["stopReason"] = reason(&run, &answer);
                told["endedAt"] = now_ms().into();
                match answer.stop_reason {
                    StopReason::Aborted => told["error"] = "the run was ended".into(),
                    StopReason::Error => told["error"] = answer.reply.text().into(),
                    _ => {}
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

    /// Begins what `params` ask for, or finds what their key began: the run, whether it is new, and what is cancelled once all of
    /// it was told here. The gateway's stop waits for it.
    async fn begin(&self, params: &Params) -> Result<(Arc<Run>, bool, CancellationToken), Fault> {
        let key = params.name("idempotencyKey")?;
        let mut ask = read(params)?;
        ask.model = self.wanted(params)?;
        let time = time(params)?;
        if let Some(label) = params.text("label")? {
            self.label(&ask.session, label).await?;
        }
        let room = &self.0.room;
        let start = || room.agent.start(ask).map_err(Fault::from);
        let (run, new, told) = {
            // Held until it is known that all of the run is told here: whoever watches sessions hears of it at the same time.
            let mut watched = self.watched();
            let (run, new) = match key {
                Some(key) => room.sockets.asked().begin(key, start)?,
                None => (start()?, true),
            };
            let told = self.tell_of(&mut watched, &run, true);
            (run, new, told)
        };
        if new {
            let (seat, run, stop) = (room.sockets.hold_run(), Arc::clone(&run), room.stop.clone());
            tokio::spawn(async move {
                let _seat = seat;
                tokio::select! {
                    _ = run.ended() => {}
                    () = stop.cancelled() => run.abort(),
                    () = sleep(time.unwrap_or(Duration::MAX)), if time.is_some() => {
                        run.time_out();
                        run.ended().await;
                    }
                }
            });
        }
        Ok((run, new, told))
    }

    /// The model that is asked for; a provider alone means its first.
    fn wanted(&self, params: &Params) -> Result<Option<String>, Fault> {
        let model = params.text("model")?.filter(|name| !name.is_empty());
        let Some(provider) = params.text("provider")?.filter(|name| !name.is_empty()) else {
            return Ok(model.map(str::to_owned));
        };
        let start = format!("{provider}/");
        if let Some(model) = model {
            let whole = model.starts_with(&start);
            return Ok(Some(if whole {
                model.to_owned()
            } else {
                start + model
            }));
        }
        let all = self.0.room.agent.models();
        let first = all.iter().find(|name| name.starts_with(&start)).cloned();
        first.map(Some).ok_or_else(|| {
            let what = format!(
                "there is no provider `{provider}`; the models are {}",
                all.join(", ")
            );
            Fault::new(Code::Params, what)
        })
    }
}

/// Why a run ended, in a word.
fn reason(run: &Run, answer: &Answer) -> Value {
    if answer.stop_reason == StopReason::Aborted && run.is_out_of_time() {
        return json!("timeout");
    }
    json!(answer.stop_reason)
}

/// How long the run may take: `timeoutMs`, or `timeout` in seconds; 0 means as long as it likes.
fn time(params: &Params) -> Result<Option<Duration>, Fault> {
    let number = |name: &str| match params.0.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            let what = format!("`{name}` is a whole number; 0 means no limit");
            Fault::new(Code::Params, what)
        }),
    };
    let time = match number("timeoutMs")? {
        Some(ms) => Some(Duration::from_millis(ms)),
        None => number("timeout")?.map(Duration::from_secs),
    };
    Ok(time.filter(|time| !time.is_zero()))
}

/// What is asked. What it may carry and this version does not do is told, not left out.
fn read(params: &Params) -> Result<Ask, Fault> {
    let message = params.text("message")?.unwrap_or_default();
    let attached = attachments(params)?;
    if message.trim().is_empty() && attached.is_empty() {
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
    if params.flag("deliver", false)? {
        let what = "`deliver` is not available in this version of the gateway, which has no channels to send an answer to: leave \
            it out, and read the answer here";
        return Err(Fault::new(Code::Unavailable, what));
    }
    let agent = params.text("agentId")?.unwrap_or(AGENT);
    if agent != AGENT {
        let what = format!("unknown agent id `{agent}`; this gateway has `{AGENT}` alone");
        return Err(Fault::new(Code::Params, what));
    }
    let session = params
        .name("sessionKey")?
        .map_or_else(|| MAIN.to_owned(), canonical);
    let mut ask = Ask::new(session, CHANNEL, message);
    ask.attach(attached);
    Ok(Ask {
        thinking: params.one_of("thinking", &Thinking::ALL, |level| level.name())?,
        asks: true,
        extra: extra(params)?,
        ..ask
    })
}

/// What a run cost, in OpenClaw's words.
fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({"input": usage.input_tokens, "output": usage.output_tokens, "cacheRead": usage.cache_read_tokens,
        "cacheWrite": usage.cache_write_tokens})
}
