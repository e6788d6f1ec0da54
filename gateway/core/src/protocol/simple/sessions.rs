//! Conversations.

use serde_json::{Value, json};

use super::Client;
use crate::protocol::fault::{Code, Fault};
use crate::protocol::params::Params;

/// Sessions in one answer.
const MAX_LISTED: u32 = 100;
/// Messages in one answer, and without being asked for a number.
const MAX_HISTORY: u32 = 1000;
const DEFAULT_HISTORY: u32 = 200;

fn missing(key: &str) -> Fault {
    Fault::new(Code::NotFound, format!("there is no session `{key}`"))
}

impl Client {
    pub(super) async fn list(&self, params: &Params) -> Result<Value, Fault> {
        let limit = params.count("limit", MAX_LISTED, MAX_LISTED)?;
        let sessions = self.0.room.agent.sessions().list(limit).await?;
        Ok(json!({ "sessions": sessions }))
    }

    pub(super) async fn get(&self, params: &Params) -> Result<Value, Fault> {
        let key = params.needed(&["session_key"])?;
        let session = self.0.room.agent.sessions().get(key).await?;
        let session = session.ok_or_else(|| missing(key))?;
        Ok(json!({ "session": session }))
    }

    pub(super) async fn history(&self, params: &Params) -> Result<Value, Fault> {
        let key = params.needed(&["session_key"])?;
        let limit = params.count("limit", DEFAULT_HISTORY, MAX_HISTORY)?;
        let before = params.count("before", u32::MAX, u32::MAX)?;
        let before = (before < u32::MAX).then(|| i64::from(before));
        let sessions = self.0.room.agent.sessions();
        if sessions.get(key).await?.is_none() {
            return Err(missing(key));
        }
        let messages = sessions.history(key, before, limit).await?;
        Ok(json!({ "messages": messages }))
    }

    pub(super) async fn reset(&self, params: &Params) -> Result<Value, Fault> {
        let key = params.needed(&["session_key"])?;
        let id = self.0.room.agent.sessions().reset(key).await?;
        let id = id.ok_or_else(|| missing(key))?;
        Ok(json!({"ok": true, "id": id}))
    }

    pub(super) async fn delete(&self, params: &Params) -> Result<Value, Fault> {
        let key = params.needed(&["session_key"])?;
        if self.0.room.agent.sessions().delete(key).await? {
            Ok(json!({"ok": true}))
        } else {
            Err(missing(key))
        }
    }
}
