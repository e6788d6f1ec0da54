//! Strangers' bytes, as a WebSocket gets them: what must hold whatever they are.

use serde_json::Value;

use super::fault::Dialect;
use super::frame::{self, Frame};
use super::handshake;
use super::sieve::Sieve;

/// Reads bytes as a frame's text: whatever it is, its answer can be read and carries its id.
///
/// # Panics
/// What must hold does not.
pub fn frame(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (id, answer) = match frame::read(&text) {
        Ok(Frame::Event) => return,
        Ok(Frame::Req(req)) => (req.id, Ok(Value::Object(req.params))),
        Err(unreadable) => (unreadable.id, Err(unreadable.fault)),
    };
    for dialect in [Dialect::Simple, Dialect::OpenClaw] {
        let told = frame::res(&id, answer.clone(), dialect);
        let told: Value = serde_json::from_str(&told).unwrap_or_default();
        assert_eq!(told["id"], id.as_str());
        assert_eq!(told["ok"], answer.is_ok());
    }
}

/// Sifts bytes as frames: the first two are the limit, the third how they are cut. However that is, the same passes.
///
/// # Panics
/// What must hold does not.
pub fn sieve(bytes: &[u8]) {
    let [high, low, cut, rest @ ..] = bytes else {
        return;
    };
    let limit = usize::from(u16::from_be_bytes([*high, *low]));
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let (mut one, mut many) = (Sieve::default(), Sieve::default());
    one.sift(rest, limit, &mut whole);
    for piece in rest.chunks(usize::from(*cut).max(1)) {
        many.sift(piece, limit, &mut pieces);
    }
    assert_eq!(whole, pieces);
    assert_eq!(one.is_over(), many.is_over());
    assert!(whole.len() <= rest.len());
}

/// Reads bytes as the parameters of `connect`: they can be read or not, and nobody from elsewhere is let in without a signature.
///
/// # Panics
/// What must hold does not.
pub fn connect(bytes: &[u8]) {
    if let Ok(params) = serde_json::from_slice(bytes) {
        handshake::probe(params);
    }
}
