//! A request in Anthropic's words.

use serde_json::{Map, Value, json};

mod messages;
mod thinking;

use super::version;
use crate::model::{Request, ToolChoice};
use messages::messages;
use thinking::limits;

/// Marks for the system prompt; the API takes four, and the last tool and the last message have one each.
const SYSTEM_MARKS: usize = 2;

pub(super) fn body(request: &Request) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("stream", json!(true));
    let tools = !request.tools.is_empty();
    set("messages", messages(&request.messages, tools));
    let system = system(request);
    if !system.is_empty() {
        set("system", Value::Array(system));
    }
    if tools {
        set("tools", specs(request));
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
        };
        set("tool_choice", choice);
    }
    let stop: Vec<&String> = request
        .stop
        .iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    if !stop.is_empty() {
        set("stop_sequences", json!(stop));
    }
    let thinks = limits(request, &mut set);
    if !thinks && !version::is_strict(version::of(&request.model)) {
        // Its range ends at 1, and newer models take only one of the two.
        match (request.temperature, request.top_p) {
            (Some(temperature), _) => drop(set("temperature", json!(temperature.clamp(0.0, 1.0)))),
            (None, Some(top_p)) => drop(set("top_p", json!(top_p))),
            (None, None) => {}
        }
    }
    Value::Object(body)
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({"type": "ephemeral"});
}

fn system(request: &Request) -> Vec<Value> {
    let pieces = request
        .system
        .iter()
        .filter(|piece| !piece.text.trim().is_empty());
    let pieces: Vec<_> = pieces.collect();
    let marked: Vec<usize> = (0..pieces.len()).filter(|at| pieces[*at].cache).collect();
    // The first, which lasts longest, and the last, which reaches farthest.
    let kept = |at: usize| {
        let order = marked.iter().position(|of| *of == at);
        order.is_some_and(|order| order + 1 < SYSTEM_MARKS || order + 1 == marked.len())
    };
    let blocks = pieces.iter().enumerate().map(|(at, piece)| {
        let mut block = json!({"type": "text", "text": piece.text});
        if kept(at) {
            mark(&mut block);
        }
        block
    });
    blocks.collect()
}

fn specs(request: &Request) -> Value {
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
        .collect();
    if let Some(last) = tools.last_mut() {
        mark(last);
    }
    Value::Array(tools)
}

#[cfg(test)]
mod tests;
