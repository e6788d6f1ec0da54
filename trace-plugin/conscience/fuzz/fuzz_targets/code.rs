//! Bytes as the text of an interpreter, a database client or PowerShell; the first one chooses.

#![no_main]

use aap::ToolCall;
use conscience::{Conscience, NoWorld};
use libfuzzer_sys::fuzz_target;

const PROGRAMS: [[&str; 2]; 10] = [
    ["python3", "-c"],
    ["node", "-e"],
    ["perl", "-e"],
    ["ruby", "-e"],
    ["php", "-r"],
    ["awk", "--"],
    ["pwsh", "-c"],
    ["psql", "-c"],
    ["bash", "-c"],
    ["cmd", "/c"],
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let [program, option] = PROGRAMS[usize::from(*first) % PROGRAMS.len()];
    let text = String::from_utf8_lossy(rest);
    let command = serde_json::json!({ "command": [program, option, text] });
    Conscience::builtin().explain(&ToolCall::new("fuzz", "exec", command), &NoWorld);
});
