//! Bytes as the bytes of a WebSocket after its handshake.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzzing::sieve(bytes));
