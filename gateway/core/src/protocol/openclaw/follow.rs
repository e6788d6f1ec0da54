//! A run as OpenClaw's clients see it: events `chat` for what is said, `agent` for what is done.
//!
//! Whoever watches a session, or has begun a run, is told all of it. Whoever watches what changes in any session
//! (`sessions.subscribe`) is told of tools alone, by `session.tool`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Client, Watched};
use crate::agent::{Answer, Event, Reply, Run, Step, StopReason};
use crate::clock::now_ms;
use crate::model::ErrorKind;
use crate::protocol::out::Gone;

/// How a run is told to one connection.
pub(super) struct Told {
    /// All of it, and not only its tools.
    whole: watch::Sender<bool>,
    /// Cancelled when everything was told, or there is nobody to hear it.
    done: CancellationToken,
}

/// A run that is told to one connection.
struct Telling {
    client: Client,
    /// Whether it is to be told whole.
    wanted: watch::Receiver<bool>,
    /// Whether it is told whole.
    whole: bool,
    /// What the client calls it.
    name: String,
    session: String,
    /// Numbers of its own, one for each event.
    seq: u64,
    /// Everything that was said.
    said: String,
    /// Tools of the calls under way.
    calls: HashMap<String, String>,
}

/// A message of the assistant.
pub(super) fn message(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": now_ms()})
}

/// The sort of a failure, of the few that the protocol has.
fn kind(answer: &Answer) -> &'static str {
    match answer.failure.map(|failure| failure.kind) {
        Some(ErrorKind::RateLimit) => "rate_limit",
        Some(ErrorKind::Timeout) => "timeout",
        Some(ErrorKind::ContextLength) => "context_length",
        _ => "unknown",
    }
}

impl Client {
    /// Tells this connection of `run`, once: all of it, or of its tools alone until somebody asks for all. What is returned is
    /// cancelled when everything was told, or there is nobody to hear it.
    pub(super) fn tell_of(
        &self,
        watched: &mut Watched,
        run: &Arc<Run>,
        whole: bool,
    ) -> CancellationToken {
        let told = match watched.runs.entry(run.id().to_owned()) {
            Entry::Occupied(told) => {
                let told = told.get();
                if whole {
                    told.whole.send_replace(true);
                }
                return told.done.clone();
            }
            Entry::Vacant(free) => free.insert(Told {
                whole: watch::Sender::new(whole),
                done: CancellationToken::new(),
            }),
        };
        let done = told.done.clone();
        let guard = done.clone().drop_guard();
        let telling = Telling {
            client: self.clone(),
            wanted: told.whole.subscribe(),
            whole: false,
            name: self.0.room.sockets.asked().name(run),
            session: run.session().to_owned(),
            seq: 0,
            said: String::new(),
            calls: HashMap::new(),
        };
        let (client, run) = (self.clone(), Arc::clone(run));
        let mine = telling.wanted.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = client.0.out.gone() => {}
                // Whoever is gone hears nothing.
                _ = telling.tell(&run) => {}
            }
            client.watched().forget(run.id(), &mine);
            drop(guard);
        });
        done
    }
}

impl Watched {
    /// The run is told no more by whom `mine` belongs to; whoever asks for it from now on is told from the beginning.
    fn forget(&mut self, run: &str, mine: &watch::Receiver<bool>) {
        let told = self.runs.get(run);
        if told.is_some_and(|told| told.whole.subscribe().same_channel(mine)) {
            self.runs.remove(run);
        }
    }
}

/// Waits until a run is to be told whole.
async fn wanted(whole: &mut watch::Receiver<bool>) {
    if whole.wait_for(|whole| *whole).await.is_err() {
        // The connection is ending: what tells the run is dropped with it.
        std::future::pending::<()>().await;
    }
}

impl Telling {
    async fn tell(mut self, run: &Arc<Run>) -> Result<(), Gone> {
        let mut following = run.follow();
        loop {
            let event = tokio::select! {
                biased;
                () = wanted(&mut self.wanted), if !self.whole => {
                    self.begin(run).await?;
                    continue;
                }
                event = following.next() => event,
            };
            match event {
                Some(Event::Text(text)) => {
                    self.said.push_str(&text);
                    if self.whole {
                        self.more(&text).await?;
                    }
                }
                Some(Event::Thinking(_)) => {}
                Some(Event::Step(step)) => self.step(&step).await?,
                Some(Event::Ended(answer)) => {
                    if !self.whole && self.is_wanted_at_last(run) {
                        self.begin(run).await?;
                    }
                    self.end(&answer, run.is_out_of_time()).await?;
                }
                None => return Ok(()),
            }
        }
    }

    /// Whether somebody has asked for all of it just now; if not, nobody can any more.
    fn is_wanted_at_last(&self, run: &Run) -> bool {
        let mut watched = self.client.watched();
        let wanted = *self.wanted.borrow();
        if !wanted {
            watched.forget(run.id(), &self.wanted);
        }
        wanted
    }

    /// Begins to tell all of it, with what was said so far.
    async fn begin(&mut self, run: &Run) -> Result<(), Gone> {
        self.whole = true;
        let told = json!({"phase": "start", "startedAt": run.started_at()});
        self.agent("lifecycle", told).await?;
        if !self.said.is_empty() {
            let said = self.said.clone();
            self.more(&said).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Gone> {
        match step {
            Step::Judging {
                call_id,
                tool,
                params,
            } => {
                self.calls.insert(call_id.clone(), tool.clone());
                let told =
                    json!({"phase": "start", "name": tool, "toolCallId": call_id, "args": params});
                self.tool(told).await
            }
            Step::Called { call_id, reply } => self.called(call_id, reply).await,
            Step::Asking(question) => {
                let told = json!({"phase": "update", "name": question.tool,
                    "partialResult": {"question": question}});
                self.tool(told).await
            }
            Step::Note { text } if self.whole => {
                self.agent("item", json!({"kind": "note", "text": text}))
                    .await
            }
            Step::Note { .. } | Step::Running { .. } => Ok(()),
        }
    }

    async fn called(&mut self, call_id: &str, reply: &Reply) -> Result<(), Gone> {
        let Some(name) = self.calls.remove(call_id) else {
            return Ok(());
        };
        let mut result = json!({"content": [{"type": "text", "text": reply.text()}]});
        if let Reply::Refusal(call) = reply {
            result["details"] = json!({"status": "blocked", "reason": call.verdict.reason,
                "traceUrl": call.trace_url});
        }
        let told = json!({"phase": "result", "name": name, "toolCallId": call_id,
            "isError": !matches!(reply, Reply::Result(_)), "result": result});
        self.tool(told).await
    }

    async fn end(&mut self, answer: &Answer, is_out_of_time: bool) -> Result<(), Gone> {
        // A call that the message itself made ends with the run.
        if matches!(
            answer.reply,
            Reply::Result(_) | Reply::Failure(_) | Reply::Refusal(_)
        ) {
            let ids: Vec<String> = self.calls.keys().cloned().collect();
            for id in ids {
                self.called(&id, &answer.reply).await?;
            }
        }
        if !self.whole {
            return Ok(());
        }
        let text = answer.reply.text();
        if answer.stop_reason == StopReason::Error {
            let told = json!({"phase": "error", "error": text, "endedAt": now_ms()});
            self.agent("lifecycle", told).await?;
            let kind = kind(answer);
            return self
                .chat(json!({"state": "error", "errorMessage": text, "errorKind": kind}))
                .await;
        }
        // What the gateway itself says comes in one piece.
        if self.said.is_empty() && !text.is_empty() {
            self.said.clone_from(&text);
            self.more(&text).await?;
        }
        let aborted = answer.stop_reason == StopReason::Aborted;
        let told = json!({"phase": "end", "endedAt": now_ms(), "aborted": aborted});
        self.agent("lifecycle", told).await?;
        let state = if aborted { "aborted" } else { "final" };
        let reason = if aborted && is_out_of_time {
            json!("timeout")
        } else {
            json!(answer.stop_reason)
        };
        self.chat(json!({"state": state, "message": message(&text), "stopReason": reason}))
            .await
    }

    /// More words; beside them everything so far, from which some clients draw.
    async fn more(&mut self, text: &str) -> Result<(), Gone> {
        let said = json!({"text": self.said, "delta": text});
        self.agent("assistant", said).await?;
        self.chat(json!({"state": "delta", "deltaText": text, "message": message(&self.said)}))
            .await
    }

    /// What a tool does: with the run, to who asked for that in `connect`; else by an event of its own, to who watches sessions.
    async fn tool(&mut self, data: Value) -> Result<(), Gone> {
        if self.whole && self.client.0.tool_events {
            return self.agent("tool", data).await;
        }
        if self.client.watched().changes {
            return self.by("session.tool", "tool", data).await;
        }
        Ok(())
    }

    async fn agent(&mut self, stream: &str, data: Value) -> Result<(), Gone> {
        self.by("agent", stream, data).await
    }

    async fn by(&mut self, event: &'static str, stream: &str, data: Value) -> Result<(), Gone> {
        self.seq += 1;
        let told = json!({"runId": self.name, "sessionKey": self.session, "seq": self.seq, "stream": stream,
            "ts": now_ms(), "data": data});
        self.client.0.out.event(event, told).await
    }

    async fn chat(&mut self, mut told: Value) -> Result<(), Gone> {
        self.seq += 1;
        told["runId"] = self.name.clone().into();
        told["sessionKey"] = self.session.clone().into();
        told["seq"] = self.seq.into();
        self.client.0.out.event("chat", told).await
    }
}
