//! Bytes as a frame of the WebSocket, as text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzzing::frame(bytes));
