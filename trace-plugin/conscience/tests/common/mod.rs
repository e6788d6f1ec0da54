//! The labelled corpus.

#![allow(dead_code, reason = "each test file uses its part")]

use aap::ToolCall;
use serde_json::{Value, json};

/// One labelled call.
pub(crate) struct Sample {
    pub(crate) class: String,
    pub(crate) text: String,
    pub(crate) call: ToolCall,
}

pub(crate) fn shell(line: &str) -> ToolCall {
    ToolCall::new("test", "exec", json!({ "command": line }))
}

/// Reads a corpus file: `class<TAB>call` a line, `#` for comments.
pub(crate) fn corpus(text: &str) -> Vec<Sample> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| {
            let (class, text) = line
                .split_once('\t')
                .unwrap_or_else(|| panic!("no tab in {line:?}"));
            let call = if text.starts_with("{\"tool\"") {
                let value: Value =
                    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
                let mut call = ToolCall::new(
                    "test",
                    value["tool"].as_str().expect("a tool"),
                    value["params"].clone(),
                );
                call.cwd = value["cwd"].as_str().map(str::to_owned);
                call
            } else {
                shell(text)
            };
            Sample {
                class: class.to_owned(),
                text: text.to_owned(),
                call,
            }
        })
        .collect()
}

pub(crate) const DANGEROUS: &str = include_str!("../corpus/dangerous.tsv");
pub(crate) const BENIGN: &str = include_str!("../corpus/benign.tsv");
