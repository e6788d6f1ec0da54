//! Bytes as a shell line.

#![no_main]

use aap::ToolCall;
use conscience::{Conscience, NoWorld};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let line = String::from_utf8_lossy(bytes);
    let mut call = ToolCall::new("fuzz", "exec", serde_json::json!({ "command": line }));
    call.cwd = Some("/home/dev/project".to_owned());
    let conscience = Conscience::builtin();
    let found = conscience.explain(&call, &NoWorld);
    // The same call always gets the same verdict, by whichever way.
    assert_eq!(found.verdict, conscience.judge(&call, &NoWorld));
});
