//! A model that says what it heard, calls a tool when told to, and can be slow.

use std::sync::Arc;

use gateway::Options;
use gateway::model::{
    Answering, Delta, Message, Model, Part, Reply, Request, Role, Sink, Stop, Usage,
};
use serde_json::json;

use crate::house::House;

pub(super) struct Parrot;

pub(super) async fn house() -> House {
    House::with(|options: &mut Options| options.model = Some(Arc::new(Parrot))).await
}

impl Model for Parrot {
    fn provider(&self) -> &'static str {
        "parrot"
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(async move {
            let last = request.messages.last().unwrap();
            let text = last.text();
            let model = if request.model.is_empty() {
                "grey".to_owned()
            } else {
                request.model.clone()
            };
            let (parts, stop) = if let Message {
                role: Role::User,
                parts,
            } = last
                && let Some(Part::ToolResult { content, .. }) = parts.first()
            {
                (words(&format!("it says: {content}"), sink), Stop::EndTurn)
            } else if let Some(path) = text.strip_prefix("read ") {
                let call = Part::ToolUse {
                    id: "c1".to_owned(),
                    name: "read_file".to_owned(),
                    input: json!({ "path": path }),
                };
                (vec![call], Stop::ToolUse)
            } else if text == "wait" {
                sink(Delta::Text("well…".to_owned()));
                std::future::pending().await
            } else if text == "much" {
                let piece = "x".repeat(64 * 1024);
                for _ in 0..200 {
                    sink(Delta::Text(piece.clone()));
                    tokio::task::yield_now().await;
                }
                let text = piece.repeat(200);
                (vec![Part::Text { text }], Stop::EndTurn)
            } else {
                (words(&format!("you said {text}"), sink), Stop::EndTurn)
            };
            Ok(Reply {
                model,
                parts,
                stop,
                usage: Usage {
                    input_tokens: 3,
                    output_tokens: 5,
                    ..Usage::default()
                },
            })
        })
    }
}

fn words(text: &str, sink: Sink<'_>) -> Vec<Part> {
    for word in text.split_inclusive(' ') {
        sink(Delta::Text(word.to_owned()));
    }
    vec![Part::Text {
        text: text.to_owned(),
    }]
}
