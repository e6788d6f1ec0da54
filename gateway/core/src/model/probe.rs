//! A provider's bytes: what must hold whatever they are.

use super::Delta;
use super::anthropic::stream::Messages;
use super::caller::Wire;
use super::frames::Frames;
use super::gather::Gather;
use super::ollama::stream::Lines;
use super::openai::stream::Completions;

/// Reads bytes as an answer's stream; the first chooses the wire format, the second how the rest is cut. However that is, the same
/// words come out, and the same is an error.
pub fn stream(bytes: &[u8]) {
    let [wire, cut, rest @ ..] = bytes else {
        return;
    };
    let cut = usize::from(*cut).max(1);
    match wire % 3 {
        0 => same(Messages::default, rest, cut),
        1 => same(Completions::default, rest, cut),
        _ => same(Lines::default, rest, cut),
    }
}

fn same<W: Wire>(wire: fn() -> W, bytes: &[u8], cut: usize) {
    let whole = read(wire(), bytes, bytes.len().max(1));
    assert_eq!(whole, read(wire(), bytes, cut));
}

/// The words of a stream, and whether it was one.
fn read<W: Wire>(mut wire: W, bytes: &[u8], cut: usize) -> (String, bool) {
    let mut words = String::new();
    let mut sink = |delta: Delta| {
        if let Delta::Text(text) = delta {
            words.push_str(&text);
        }
    };
    let mut gather = Gather::new("m", &mut sink);
    let mut frames = Frames::new(W::FRAMING);
    let mut each = |data: &[u8]| wire.take(data, &mut gather);
    let pieces = bytes.chunks(cut);
    let read = || {
        for piece in pieces {
            frames.push(piece, &mut each)?;
        }
        frames.end(&mut each)
    };
    let is_one = read().is_ok();
    gather.finish();
    (words, is_one)
}
