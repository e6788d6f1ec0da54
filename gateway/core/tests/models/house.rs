//! A provider in front of a server of ours, and what it tells.

use std::sync::Arc;
use std::time::Duration;

use gateway::model::{
    Access, Delta, Http, Message, Model, ModelError, Patience, Reply, Request, ToolSpec, provider,
};
use model_upstream::{Upstream, Wire};
use serde_json::json;

pub(crate) const KEY: &str = "sk-very-secret";

pub(crate) const WIRES: [Wire; 3] = [Wire::Anthropic, Wire::OpenAi, Wire::Ollama];

/// The provider's kind whose wire that is.
pub(crate) fn kind(wire: Wire) -> &'static str {
    match wire {
        Wire::Anthropic => "anthropic",
        Wire::OpenAi => "openai",
        Wire::Ollama => "ollama",
    }
}

/// Waits short enough for a test that runs into them, and long enough for all others on a busy machine.
pub(crate) fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(30),
        first_byte: Duration::from_mins(1),
        idle: Duration::from_mins(1),
        whole: Duration::from_mins(2),
    }
}

pub(crate) fn client(upstream: &Upstream, wire: Wire) -> Arc<dyn Model> {
    patient(upstream, wire, patience())
}

pub(crate) fn patient(upstream: &Upstream, wire: Wire, patience: Patience) -> Arc<dyn Model> {
    let access = Access::with_key(kind(wire), KEY).at(&upstream.url());
    provider(kind(wire), access, &Http::new(patience)).unwrap()
}

pub(crate) fn request() -> Request {
    Request {
        model: "m-1".into(),
        messages: vec![Message::user("hello")].into(),
        tools: vec![Arc::new(ToolSpec {
            name: "list_files".into(),
            description: "Lists files".into(),
            schema: json!({"type": "object", "properties": {"path": {"type": "string"}}}),
        })],
        ..Request::default()
    }
}

/// Asks, and gives the pieces that came with the answer.
pub(crate) async fn ask(
    model: &dyn Model,
    request: &Request,
) -> (Result<Reply, ModelError>, Vec<Delta>) {
    let mut deltas = Vec::new();
    let mut sink = |delta| deltas.push(delta);
    let reply = model.answer(request, &mut sink).await;
    (reply, deltas)
}

pub(crate) async fn refused(model: &dyn Model) -> ModelError {
    let (reply, _) = ask(model, &request()).await;
    reply.unwrap_err()
}
