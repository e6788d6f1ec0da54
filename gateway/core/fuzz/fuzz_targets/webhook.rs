//! Bytes as a webhook: a line for each header that may prove it, then its body.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzzing::webhook(bytes));
