//! Bytes as a tool's name and its parameters.

#![no_main]

use aap::ToolCall;
use conscience::{Conscience, NoWorld};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (tool, params) = text.split_once('\n').unwrap_or((&text, ""));
    let params: Value = serde_json::from_str(params).unwrap_or_else(
        |_| json!({"path": params, "content": params, "query": params, "url": params}),
    );
    Conscience::builtin().explain(&ToolCall::new("fuzz", tool, params), &NoWorld);
});
