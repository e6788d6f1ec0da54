//! `chat.send`: a message, what happens on the way, and the answer. When the connection goes, the run goes with it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Client, MAX_MODEL_BYTES};
use crate::agent::{Answer, Ask, CallReply, Event, NO_MODEL, Reply, Run, Step, StopReason};
use crate::limits::{MAX_MESSAGE_BYTES, MAX_SHOWN_OUTPUT_CHARS};
use crate::model::Thinking;
use crate::protocol::fault::{Code, Fault};
use crate::protocol::out::Gone;
use crate::protocol::params::Params;

/// The channel of who names none.
const CHANNEL: &str = "web";
/// Characters of a call's label.
const MAX_LABEL_CHARS: usize = 80;

/// A run that somebody on this connection waits for.
struct Waiting<'a> {
    client: &'a Client,
    request: &'a str,
    run: Arc<Run>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        {
            let mut runs = self.client.runs();
            // Another request of the same id may have taken its place.
            if let Some(run) = runs.get(self.request)
                && Arc::ptr_eq(run, &self.run)
            {
                runs.remove(self.request);
            }
        }
        if self.run.answer().is_none() {
            self.run.abort();
        }
    }
}

/// A call that has begun: what it is called, for its end.
struct Call {
    id: String,
    name: String,
    label: String,
}

impl Client {
    pub(super) async fn send(&self, id: &str, params: &Params) -> Result<Value, Fault> {
        let (ask, stream) = read(params)?;
        let run = self.0.room.agent.start(ask)?;
        if self
            .runs()
            .insert(id.to_owned(), Arc::clone(&run))
            .is_some()
        {
            tracing::debug!(id, "gateway: two requests of one id are under way");
        }
        let waiting = Waiting {
            client: self,
            request: id,
            run,
        };
        let mut following = waiting.run.follow();
        let mut calls = Vec::new();
        let gone = |_: Gone| Fault::new(Code::Internal, "the connection is gone");
        while let Some(event) = following.next().await {
            match event {
                Event::Ended(answer) => {
                    if stream
                        && let (Some(call), Some(begun)) = (called(&answer.reply), calls.pop())
                    {
                        self.done(id, &begun, &answer.reply, call)
                            .await
                            .map_err(gone)?;
                    }
                    return content(&waiting.run, &answer);
                }
                Event::Text(text) if stream => {
                    let delta = json!({"req_id": id, "text": text});
                    self.0.out.event("chat.delta", delta).await.map_err(gone)?;
                }
                Event::Step(step) if stream => {
                    self.step(id, &step, &mut calls).await.map_err(gone)?;
                }
                _ => {}
            }
        }
        Err(Fault::new(Code::Internal, "the run has no end"))
    }

    async fn step(&self, id: &str, step: &Step, calls: &mut Vec<Call>) -> Result<(), Gone> {
        match step {
            Step::Judging {
                call_id,
                tool,
                params,
            } => calls.push(Call {
                id: call_id.clone(),
                name: tool.clone(),
                label: label(tool, params),
            }),
            Step::Running {
                call_id, trace_id, ..
            } => {
                if let Some(call) = calls.iter().find(|call| call.id == *call_id) {
                    let told = json!({"req_id": id, "call_id": call_id, "name": call.name, "label": call.label,
                        "status": "running", "trace_id": trace_id});
                    self.0.out.event("chat.tool", told).await?;
                }
            }
            Step::Called { call_id, reply } => {
                let begun = calls.iter().position(|call| call.id == *call_id);
                if let (Some(begun), Some(call)) = (begun, called(reply)) {
                    let begun = calls.remove(begun);
                    self.done(id, &begun, reply, call).await?;
                }
            }
            Step::Asking(question) => {
                let told = json!({"req_id": id, "question": question});
                self.0.out.event("chat.question", told).await?;
            }
            Step::Note { text } => {
                let told = json!({"req_id": id, "text": text});
                self.0.out.event("chat.note", told).await?;
            }
        }
        Ok(())
    }

    async fn done(
        &self,
        id: &str,
        begun: &Call,
        reply: &Reply,
        call: &CallReply,
    ) -> Result<(), Gone> {
        let refused = matches!(reply, Reply::Refusal(_));
        let output: String = if refused {
            call.verdict.reason.clone()
        } else if let Some(error) = &call.error {
            error.clone()
        } else if let Value::String(text) = &call.result {
            text.clone()
        } else {
            call.result.to_string()
        };
        let output: String = output.chars().take(MAX_SHOWN_OUTPUT_CHARS).collect();
        let is_error = !matches!(reply, Reply::Result(_));
        let told = json!({"req_id": id, "call_id": begun.id, "name": begun.name, "label": begun.label,
            "status": "done", "output": output, "is_error": is_error, "refused": refused,
            "trace_id": call.trace_id, "trace_url": call.trace_url});
        self.0.out.event("chat.tool", told).await
    }
}

fn called(reply: &Reply) -> Option<&CallReply> {
    match reply {
        Reply::Result(call) | Reply::Failure(call) | Reply::Refusal(call) => Some(call),
        _ => None,
    }
}

fn read(params: &Params) -> Result<(Ask, bool), Fault> {
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
    let channel = params.name("channel")?;
    let sender = params.name("sender_id")?;
    let session = match params.name("session_key")? {
        Some(key) => key.to_owned(),
        None => format!(
            "{}:{}",
            channel.unwrap_or(CHANNEL),
            sender.unwrap_or("default")
        ),
    };
    let model = params.text("model")?.map(str::to_owned);
    if model
        .as_ref()
        .is_some_and(|model| model.len() > MAX_MODEL_BYTES)
    {
        let what = format!("`model` has at most {MAX_MODEL_BYTES} bytes");
        return Err(Fault::new(Code::Params, what));
    }
    let thinking = params.one_of("thinking_level", &Thinking::ALL, |level| level.name())?;
    let stream = params.flag("stream", true)?;
    let ask = Ask {
        user: sender.map(str::to_owned),
        model,
        thinking,
        asks: stream,
        ..Ask::new(session, channel.unwrap_or(CHANNEL), message)
    };
    Ok((ask, stream))
}

/// The answer to the request.
fn content(run: &Run, answer: &Answer) -> Result<Value, Fault> {
    let text = answer.reply.text();
    if answer.stop_reason == StopReason::Error {
        return Err(Fault::new(Code::Model, text));
    }
    let model = if answer.model.is_empty() {
        NO_MODEL
    } else {
        &answer.model
    };
    Ok(json!({
        "content": text,
        "model": model,
        "usage": {"input_tokens": answer.usage.prompt_tokens(), "output_tokens": answer.usage.output_tokens},
        "stop_reason": answer.stop_reason,
        "session_key": run.session(),
        "run_id": run.id(),
    }))
}

/// What a person sees of a call: the tool, and the first text among its arguments.
fn label(tool: &str, params: &Value) -> String {
    let first = params
        .as_object()
        .and_then(|params| params.values().find_map(Value::as_str));
    match first {
        Some(first) => {
            let line = first.lines().next().unwrap_or_default();
            let shown: String = line.chars().take(MAX_LABEL_CHARS).collect();
            format!("{tool} {shown}")
        }
        None => tool.to_owned(),
    }
}
