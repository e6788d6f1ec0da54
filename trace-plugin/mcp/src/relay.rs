//! What a conversation is about: which calls are open, what is being asked, and what becomes of each message.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::message::{Call, Object, Said, Wrong, answered, said};
use crate::{ASK_FOR, Ask, MAX_OPEN_CALLS, Options};

/// What is to be done about a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// To the server, as it is.
    Pass(Vec<u8>),
    /// To the client.
    Say(Vec<u8>),
    /// To be told, in this order, and not waited for.
    Tell(String),
}

/// A call that was passed on.
struct Open {
    event: Value,
    since: Instant,
}

/// A call about which the person is asked.
struct Asked {
    /// The client's id of the call.
    id: String,
    frame: Vec<u8>,
    event: Value,
    until: Instant,
}

/// One conversation.
pub(crate) struct Relay {
    ask: Ask,
    name: Option<String>,
    server: String,
    session_id: String,
    calls: u64,
    can_ask: bool,
    hello: Option<String>,
    open: HashMap<String, Open>,
    asked: HashMap<String, Asked>,
}

impl Relay {
    /// A conversation with a server that is called `server` until it says its name.
    pub(crate) fn new(ask: Ask, options: &Options, server: &str) -> Self {
        Self {
            ask,
            name: options.name.clone(),
            server: plain(options.name.as_deref().unwrap_or(server)),
            session_id: options.session_id.clone(),
            calls: 0,
            can_ask: false,
            hello: None,
            open: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// Takes a frame of the client.
    pub(crate) async fn client(&mut self, frame: Vec<u8>) -> Vec<Do> {
        let Ok(text) = std::str::from_utf8(&frame) else {
            return vec![failure(None, -32700, "the message is not UTF-8")];
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return vec![Do::Pass(frame)];
        }
        if trimmed.starts_with('[') {
            return self.batch(trimmed).await;
        }
        let Some(object) = Object::read(trimmed) else {
            return vec![failure(None, -32700, "the message is not JSON")];
        };
        match said(&object) {
            Err(wrong) => vec![refused_message(&wrong)],
            Ok(Said::Call(call)) => self.call(&call, Some(&frame)).await,
            Ok(Said::Answer { id, accepted }) => match self.asked.remove(&id) {
                Some(asked) if accepted => self.granted(asked),
                Some(asked) => Self::not_granted(&asked, "denied"),
                None => vec![Do::Pass(frame)],
            },
            Ok(Said::Cancelled { id }) => self.cancelled(&id, frame),
            Ok(Said::Hello { can_ask }) => {
                self.can_ask = can_ask;
                self.hello = object
                    .get("id")
                    .ok()
                    .flatten()
                    .map(|id| id.get().to_owned());
                vec![Do::Pass(frame)]
            }
            Ok(Said::Other) => vec![Do::Pass(frame)],
        }
    }

    /// Several messages at once, as protocol version 2025-03-26 has them. What is refused is answered by itself; a person is not
    /// asked about one of many.
    async fn batch(&mut self, text: &str) -> Vec<Do> {
        let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(text) else {
            return vec![failure(None, -32700, "the batch is not JSON")];
        };
        let (mut passed, mut done) = (Vec::new(), Vec::new());
        for message in &messages {
            let read = Object::read(message.get());
            let Some(object) = read else {
                done.push(failure(None, -32600, "a message of the batch is no object"));
                continue;
            };
            match said(&object) {
                Err(wrong) => done.push(refused_message(&wrong)),
                Ok(Said::Call(call)) => {
                    let todo = self.call(&call, None).await;
                    if todo.is_empty() {
                        passed.push(message.get());
                    }
                    done.extend(todo);
                }
                Ok(_) => passed.push(message.get()),
            }
        }
        if passed.len() == messages.len() {
            done.push(Do::Pass(format!("{text}\n").into_bytes()));
        } else if !passed.is_empty() {
            done.push(Do::Pass(format!("[{}]\n", passed.join(",")).into_bytes()));
        }
        done
    }

    /// Judges a call. `frame` is what is passed on; none for a call of a batch, where nothing to be done means that it may be.
    async fn call(&mut self, call: &Call<'_>, frame: Option<&[u8]>) -> Vec<Do> {
        self.calls += 1;
        let id = call.id.map(RawValue::get);
        let event = json!({
            "server": self.server, "tool": call.tool, "params": call.arguments, "session_id": self.session_id,
            "call_id": format!("{}-{}", id.unwrap_or("none").trim_matches('"'), self.calls),
        });
        let can_ask = self.can_ask && frame.is_some() && id.is_some();
        let mut before = event.clone();
        before["hook"] = json!("before");
        before["can_ask"] = json!(can_ask);
        let answer = self.judge(before.to_string()).await;
        let decision = answer.get("decision").and_then(Value::as_str);
        match (decision, frame) {
            (None, _) => self.passed_on(id, event, frame),
            (Some("ask"), Some(frame)) if can_ask => {
                let question = format!("\"smoltbot-{}\"", self.calls);
                let reason = reason_of(&answer);
                let asked = Asked {
                    id: id.unwrap_or_default().to_owned(),
                    frame: frame.to_vec(),
                    event,
                    until: Instant::now() + ASK_FOR,
                };
                self.asked.insert(question.clone(), asked);
                vec![Do::Say(elicitation(&question, &call.tool, &reason))]
            }
            (Some(_), _) => id.map_or_else(
                // Nobody waits for an answer to a notification.
                || vec![Do::Say(Vec::new())],
                |id| vec![refusal(id, &reason_of(&answer))],
            ),
        }
    }

    async fn judge(&self, event: String) -> Value {
        let ask = self.ask.clone();
        let answer = tokio::task::spawn_blocking(move || ask(&event)).await;
        // What cannot be judged is refused.
        answer
            .ok()
            .and_then(|line| serde_json::from_str::<Value>(&line).ok())
            .filter(Value::is_object)
            .unwrap_or_else(
                || json!({"decision": "deny", "reason": "smoltbot could not judge this call"}),
            )
    }

    fn passed_on(&mut self, id: Option<&str>, event: Value, frame: Option<&[u8]>) -> Vec<Do> {
        if let Some(id) = id
            && self.open.len() < MAX_OPEN_CALLS
        {
            let since = Instant::now();
            self.open.insert(id.to_owned(), Open { event, since });
        }
        frame
            .map(|frame| Do::Pass(frame.to_vec()))
            .into_iter()
            .collect()
    }

    fn granted(&mut self, asked: Asked) -> Vec<Do> {
        let mut done = vec![tell(
            &asked.event,
            "answered",
            &[("answer", json!("approved"))],
        )];
        done.extend(self.passed_on(Some(&asked.id), asked.event, Some(&asked.frame)));
        done
    }

    fn not_granted(asked: &Asked, answer: &str) -> Vec<Do> {
        let why = match answer {
            "timeout" => "Nobody has answered whether this call may run",
            _ => "The person who was asked did not allow this call",
        };
        vec![
            tell(&asked.event, "answered", &[("answer", json!(answer))]),
            refusal(&asked.id, why),
        ]
    }

    /// A call that the client no longer wants and that waits for a person is over; the server has not heard of it.
    fn cancelled(&mut self, id: &str, frame: Vec<u8>) -> Vec<Do> {
        let question = self.asked.iter().find(|(_, asked)| asked.id == id);
        match question.map(|(question, _)| question.clone()) {
            Some(question) => self
                .asked
                .remove(&question)
                .map(|asked| tell(&asked.event, "answered", &[("answer", json!("denied"))]))
                .into_iter()
                .collect(),
            None => vec![Do::Pass(frame)],
        }
    }

    /// Takes a frame of the server, which is passed on whatever it is; what is to be told of it.
    pub(crate) fn server(&mut self, frame: &[u8]) -> Vec<String> {
        let Ok(text) = std::str::from_utf8(frame) else {
            return Vec::new();
        };
        let text = text.trim();
        if text.starts_with('[') {
            let messages = serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default();
            return messages
                .iter()
                .filter_map(|message| self.ended(message.get()))
                .collect();
        }
        self.ended(text).into_iter().collect()
    }

    fn ended(&mut self, text: &str) -> Option<String> {
        if self.open.is_empty() && self.hello.is_none() {
            return None;
        }
        let object = Object::read(text)?;
        let answer = answered(&object)?;
        if self.hello.as_ref() == Some(&answer.id) {
            self.hello = None;
            let result = Object::read(answer.result?.get())?;
            let says = result.object("serverInfo").ok()??.text("name").ok()??;
            if self.name.is_none() {
                self.server = plain(&says);
            }
            return None;
        }
        let Open { event, since } = self.open.remove(&answer.id)?;
        let took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut more = vec![("duration_ms", json!(took))];
        if let Some(result) = answer.result {
            more.push(("result", json!(result)));
        }
        if let Some(error) = answer.error {
            more.push(("error", json!(error)));
        }
        Some(line(&event, "after", &more))
    }

    /// When the next question has waited long enough.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        let next = self.asked.values().map(|asked| asked.until).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Ends the questions that have waited long enough.
    pub(crate) fn time_out(&mut self) -> Vec<Do> {
        let now = Instant::now();
        let late: Vec<String> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.until <= now)
            .map(|(question, _)| question.clone())
            .collect();
        let mut done = Vec::new();
        for question in late {
            if let Some(asked) = self.asked.remove(&question) {
                done.extend(Self::not_granted(&asked, "timeout"));
            }
        }
        done
    }

    /// What is told when the conversation is over: the ends of open calls will not be seen.
    pub(crate) fn over(&self) -> String {
        json!({"hook": "session", "change": "ended", "session_id": self.session_id}).to_string()
    }
}

fn reason_of(answer: &Value) -> String {
    let reason = answer.get("reason").and_then(Value::as_str);
    reason.unwrap_or("no reason was given").to_owned()
}

fn line(event: &Value, hook: &str, more: &[(&str, Value)]) -> String {
    let mut event = event.clone();
    event["hook"] = json!(hook);
    for (key, value) in more {
        event[*key] = value.clone();
    }
    event.to_string()
}

fn tell(event: &Value, hook: &str, more: &[(&str, Value)]) -> Do {
    Do::Tell(line(event, hook, more))
}

/// As it may stand in a tool's name.
fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    if plain.is_empty() {
        return "server".to_owned();
    }
    plain
}

/// A refused call's answer: a result, so that the model reads the reason. `id` stays the text that it is.
fn refusal(id: &str, reason: &str) -> Do {
    let result = json!({"content": [{"type": "text", "text": format!("smoltbot refused this call: {reason}")}], "isError": true});
    Do::Say(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n").into_bytes())
}

fn refused_message(wrong: &Wrong<'_>) -> Do {
    failure(wrong.id.map(RawValue::get), wrong.code, &wrong.why)
}

fn failure(id: Option<&str>, code: i32, why: &str) -> Do {
    let error = json!({"code": code, "message": format!("smoltbot did not pass this on: {why}")});
    let id = id.unwrap_or("null");
    Do::Say(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}\n").into_bytes())
}

/// What is answered to a client's frame that is too long.
pub(crate) fn too_long() -> Do {
    failure(
        None,
        -32600,
        &format!("it is longer than {} bytes", crate::MAX_FRAME_BYTES),
    )
}

/// An error in the place of an answer that will not come.
pub(crate) fn no_answer(frame: &[u8], why: &str) -> Option<Vec<u8>> {
    let object = Object::read(std::str::from_utf8(frame).ok()?.trim())?;
    let id = object.get("id").ok()??;
    object.get("method").ok()??;
    let error = json!({"code": -32000, "message": why});
    let id = id.get();
    Some(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}\n").into_bytes())
}

/// The question, as a form without fields: accepting it is the yes.
fn elicitation(question: &str, tool: &str, reason: &str) -> Vec<u8> {
    let message = format!("smoltbot asks whether `{tool}` may run. {reason}");
    let params =
        json!({"message": message, "requestedSchema": {"type": "object", "properties": {}}});
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{question},\"method\":\"elicitation/create\",\"params\":{params}}}\n")
        .into_bytes()
}

#[cfg(test)]
mod tests;
