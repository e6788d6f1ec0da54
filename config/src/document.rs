//! The files' shape, and reading it: everything that can be read, and each thing that can't.

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::agent::Agent;
use crate::error::in_plain_words;
use crate::faults::Faults;
use crate::mcp::McpSection;
use crate::named::in_order;
use crate::otlp::Otlp;
use crate::providers::ProviderSection;
use crate::publish::Publish;
use crate::sections::{Conscience, Edge, Gateway, Sidecar, Spool};
use crate::tools::{HttpFetch, Webhook};

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "an object"
)]
pub(crate) struct Document {
    pub(crate) agent_id: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) gateway: Gateway,
    pub(crate) agent: Agent,
    #[serde(deserialize_with = "in_order")]
    pub(crate) providers: Vec<ProviderSection>,
    #[serde(rename = "http_fetch")]
    pub(crate) http_fetch: HttpFetch,
    #[serde(deserialize_with = "in_order")]
    pub(crate) mcp: Vec<McpSection>,
    #[serde(deserialize_with = "in_order")]
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) sidecar: Sidecar,
    pub(crate) edge: Edge,
    pub(crate) conscience: Conscience,
    pub(crate) publish: Publish,
    pub(crate) spool: Spool,
    pub(crate) otlp: Otlp,
}

/// Reads `members`. What cannot be read is told to `faults`, and left out: so the next thing is seen, too.
pub(crate) fn read(members: Map<String, Value>, faults: &mut Faults) -> Document {
    let mut members = Value::Object(members);
    loop {
        let error = match serde_path_to_error::deserialize(&members) {
            Ok(document) => return document,
            Err(error) => error,
        };
        let path = error.path().to_string();
        let path = if path == "." { "" } else { &path };
        faults.unreadable(path, in_plain_words(&error.inner().to_string()));
        // Each time there is less to read, so this ends.
        if !take_out(&mut members, error.path()) {
            return Document::default();
        }
    }
}

/// Takes the key at `path` out, a list as a whole; false when there is none.
fn take_out(members: &mut Value, path: &Path) -> bool {
    let keys = path.iter().map_while(|segment| match segment {
        Segment::Map { key } => Some(key),
        _ => None,
    });
    let keys: Vec<&String> = keys.collect();
    let Some((last, tables)) = keys.split_last() else {
        return false;
    };
    let mut at = members;
    for table in tables {
        match at.get_mut(table.as_str()) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    let Value::Object(table) = at else {
        return false;
    };
    table.shift_remove(last.as_str()).is_some()
}
