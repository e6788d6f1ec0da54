//! Conversations, in OpenClaw's words.

use serde_json::{Value, json};

use super::{AGENT, CHANNEL, Client, canonical};
use crate::clock::{now_ms, unique};
use crate::model::{Part, Role, Thinking};
use crate::protocol::fault::{Code, Fault};
use crate::protocol::params::Params;
use crate::sessions::{Patch, Said, Session, Sessions};

/// Sessions and messages in one answer, and without being asked for a number.
const MAX_LISTED: u32 = 1000;
const DEFAULT_LISTED: u32 = 100;

fn row(session: &Session) -> Value {
    let usage = &session.usage;
    json!({
        "key": session.key, "kind": "direct", "sessionId": session.id, "channel": session.channel,
        "label": session.label, "displayName": session.label, "model": session.model,
        "thinkingLevel": session.thinking, "createdAt": session.created_at, "updatedAt": session.updated_at,
        "inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens,
        "totalTokens": usage.prompt_tokens().saturating_add(usage.output_tokens),
    })
}

fn missing(key: &str) -> Fault {
    Fault::new(Code::NotFound, format!("there is no session `{key}`"))
}

/// A message; a tool's answer is one of its own there.
fn messages(said: &Said) -> Vec<Value> {
    let mut content = Vec::new();
    let mut all = Vec::new();
    for part in &said.message.parts {
        match part {
            Part::Text { text } => content.push(json!({"type": "text", "text": text})),
            Part::Image { media_type, .. } => {
                content.push(json!({"type": "image", "mimeType": media_type, "omitted": true}));
            }
            Part::Thinking { text, .. } => content.push(json!({"type": "thinking", "thinking": text})),
            Part::Note { .. } | Part::RedactedThinking { .. } => {}
            Part::ToolUse { id, name, input } => {
                content.push(json!({"type": "toolCall", "id": id, "name": name, "arguments": input}));
            }
            Part::ToolResult {
                id,
                name,
                content,
                is_error,
            } => all.push(json!({"role": "toolResult", "toolCallId": id, "toolName": name, "isError": is_error,
                "content": [{"type": "text", "text": content}], "timestamp": said.at})),
        }
    }
    if !content.is_empty() {
        let role = match said.message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        all.push(
            json!({"role": role, "content": content, "timestamp": said.at, "runId": said.run_id}),
        );
    }
    all
}

impl Client {
    fn sessions(&self) -> &Sessions {
        self.0.room.agent.sessions()
    }

    async fn changed(&self, key: &str, reason: &str) {
        if self.watched().changes {
            let told = json!({"sessionKey": key, "reason": reason, "ts": now_ms()});
            // Whoever is gone hears nothing.
            let _ = self.0.out.event("sessions.changed", told).await;
        }
    }

    /// `chat.history`.
    pub(super) async fn history(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["sessionKey"])?);
        let limit = params.count("limit", DEFAULT_LISTED, MAX_LISTED)?;
        let session = self.sessions().get(&key).await?;
        let said = self.sessions().history(&key, None, limit).await?;
        let messages: Vec<Value> = said.iter().flat_map(messages).collect();
        Ok(
            json!({"sessionKey": key, "sessionId": session.as_ref().map(|session| &session.id),
            "messages": messages, "thinkingLevel": session.as_ref().and_then(|session| session.thinking)}),
        )
    }

    /// `sessions.list`.
    pub(super) async fn list(&self, params: &Params) -> Result<Value, Fault> {
        let limit = params.count("limit", DEFAULT_LISTED, MAX_LISTED)?;
        let sessions: Vec<Value> = self.sessions().list(limit).await?.iter().map(row).collect();
        Ok(
            json!({"ts": now_ms(), "count": sessions.len(), "sessions": sessions,
            "defaults": {"model": self.model().await?, "contextTokens": null}}),
        )
    }

    /// `sessions.messages.subscribe` and its end.
    pub(super) fn watch(&self, params: &Params, on: bool) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["key", "sessionKey"])?);
        let mut watched = self.watched();
        if on {
            watched.sessions.insert(key.clone());
            for run in self.0.room.agent.under_way() {
                if run.session() == key {
                    self.tell_of(&mut watched, &run, true);
                }
            }
        } else {
            watched.sessions.remove(&key);
        }
        Ok(json!({"subscribed": on, "key": key}))
    }

    /// `sessions.subscribe` and its end: what changes in any session, and what tools do in all of them.
    pub(super) fn watch_all(&self, on: bool) -> Value {
        let mut watched = self.watched();
        watched.changes = on;
        if on {
            for run in self.0.room.agent.under_way() {
                self.tell_of(&mut watched, &run, false);
            }
        }
        json!({"subscribed": on})
    }

    /// `sessions.describe`.
    pub(super) async fn describe(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["key"])?);
        let session = self.sessions().get(&key).await?;
        Ok(json!({"session": session.as_ref().map(row)}))
    }

    /// `sessions.resolve`: by key, id or label.
    pub(super) async fn resolve(&self, params: &Params) -> Result<Value, Fault> {
        if let Some(key) = params.name("key")? {
            let key = canonical(key);
            let session = self.sessions().get(&key).await?;
            return session.map_or_else(
                || Err(missing(&key)),
                |_| Ok(json!({"ok": true, "key": key})),
            );
        }
        let (id, label) = (params.text("sessionId")?, params.text("label")?);
        let wanted = id
            .or(label)
            .ok_or_else(|| Fault::new(Code::Params, "`key`, `sessionId` or `label` is needed"))?;
        let all = self.sessions().list(MAX_LISTED).await?;
        let found = all.iter().find(|session| {
            Some(session.id.as_str()) == id
                || (label.is_some() && session.label.as_deref() == label)
        });
        found.map_or_else(
            || Err(missing(wanted)),
            |session| Ok(json!({"ok": true, "key": session.key})),
        )
    }

    /// `sessions.create`.
    pub(super) async fn create(&self, params: &Params) -> Result<Value, Fault> {
        let key = params
            .name("key")?
            .map_or_else(|| format!("agent:{AGENT}:{}", unique()), canonical);
        self.change(&key, params, "create").await
    }

    /// `sessions.patch`.
    pub(super) async fn patch(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["key"])?);
        self.change(&key, params, "patch").await
    }

    async fn change(&self, key: &str, params: &Params, reason: &str) -> Result<Value, Fault> {
        // A null takes a value back.
        let said = |name: &str| params.0.contains_key(name);
        let text = |name: &str| -> Result<_, Fault> {
            let text = params.text(name)?.map(str::to_owned);
            Ok(said(name).then_some(text))
        };
        let level = params.one_of("thinkingLevel", &Thinking::ALL, |level| level.name())?;
        let model = text("model")?;
        if let Some(Some(name)) = &model
            && !self.0.room.agent.has_model(name)
        {
            let all = self.0.room.agent.models().join(", ");
            let what = format!("there is no model `{name}`; nothing was changed. There are: {all}");
            return Err(Fault::new(Code::Params, what));
        }
        let patch = Patch {
            label: text("label")?,
            model,
            thinking: said("thinkingLevel").then_some(level),
        };
        self.sessions().patch(key, CHANNEL, patch).await?;
        self.changed(key, reason).await;
        let session = self
            .sessions()
            .get(key)
            .await?
            .ok_or_else(|| missing(key))?;
        Ok(json!({"ok": true, "key": key, "sessionId": session.id, "entry": row(&session)}))
    }

    /// Names the session of a run.
    pub(super) async fn label(&self, key: &str, label: &str) -> Result<(), Fault> {
        let patch = Patch {
            label: Some(Some(label.to_owned())),
            ..Patch::default()
        };
        self.sessions().patch(key, CHANNEL, patch).await?;
        self.changed(key, "patch").await;
        Ok(())
    }

    /// `sessions.reset`.
    pub(super) async fn reset(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["key"])?);
        self.sessions().reset(&key).await?;
        self.changed(&key, "reset").await;
        let session = self.sessions().get(&key).await?;
        Ok(json!({"ok": true, "key": key, "entry": session.as_ref().map(row)}))
    }

    /// `sessions.delete`.
    pub(super) async fn delete(&self, params: &Params) -> Result<Value, Fault> {
        let key = canonical(params.needed(&["key"])?);
        let deleted = self.sessions().delete(&key).await?;
        self.changed(&key, "delete").await;
        Ok(json!({"ok": true, "key": key, "deleted": deleted}))
    }
}
