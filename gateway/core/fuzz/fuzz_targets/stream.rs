//! Bytes as a provider's answer, in one of three wire formats.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzzing::stream(bytes));
