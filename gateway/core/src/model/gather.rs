//! A stream's pieces, told as they come and kept for the whole answer.

use serde_json::{Map, Value};

use super::{Delta, Part, Reply, Sink, Stop, Usage};
use crate::limits::{KEPT_OF_OVERLONG_INPUT, MAX_TOOL_INPUT_BYTES};

enum Piece {
    Text(String),
    Thinking { text: String, signature: String },
    Redacted(String),
    Call(Call),
}

struct Call {
    id: String,
    name: String,
    /// The arguments' text; of overlong ones only their beginning.
    input: String,
    /// Bytes of arguments that came.
    bytes: usize,
}

/// An answer that is coming.
pub(super) struct Gather<'s> {
    sink: Sink<'s>,
    pieces: Vec<Piece>,
    /// Where in `pieces` each call is.
    calls: Vec<usize>,
    /// The next piece begins a block, though the last one is of its sort.
    fresh: bool,
    begun: bool,
    pub(super) model: String,
    pub(super) stop: Option<Stop>,
    pub(super) usage: Usage,
}

impl<'s> Gather<'s> {
    /// `model` is who was asked, for providers that don't say who answers.
    pub(super) fn new(model: &str, sink: Sink<'s>) -> Self {
        Self {
            sink,
            pieces: Vec::new(),
            calls: Vec::new(),
            fresh: true,
            begun: false,
            model: model.to_owned(),
            stop: None,
            usage: Usage::default(),
        }
    }

    /// Whether words went out that somebody may have read; calls are told to nobody before they are whole.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    fn tell(&mut self, delta: Delta) {
        self.begun |= matches!(delta, Delta::Text(_) | Delta::Thinking(_));
        (self.sink)(delta);
    }

    /// What comes next doesn't continue what was before.
    pub(super) fn block(&mut self) {
        self.fresh = true;
    }

    pub(super) fn text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Text(so_far)) if !self.fresh => so_far.push_str(&text),
            _ => self.pieces.push(Piece::Text(text.clone())),
        }
        self.fresh = false;
        self.tell(Delta::Text(text));
    }

    pub(super) fn thinking(&mut self, thought: String) {
        if thought.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Thinking { text, .. }) if !self.fresh => text.push_str(&thought),
            _ => self.pieces.push(Piece::Thinking {
                text: thought.clone(),
                signature: String::new(),
            }),
        }
        self.fresh = false;
        self.tell(Delta::Thinking(thought));
    }

    /// More of the seal over the thoughts of this block, which may be kept from us.
    pub(super) fn sign(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Thinking { signature, .. }) if !self.fresh => signature.push_str(more),
            _ => self.pieces.push(Piece::Thinking {
                text: String::new(),
                signature: more.to_owned(),
            }),
        }
        self.fresh = false;
    }

    pub(super) fn redacted(&mut self, data: String) {
        self.pieces.push(Piece::Redacted(data));
        self.fresh = true;
    }

    /// A call begins; the number is for [`Self::input`].
    pub(super) fn call(&mut self, id: Option<String>, name: String) -> usize {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(made_id);
        let index = self.calls.len();
        self.calls.push(self.pieces.len());
        self.pieces.push(Piece::Call(Call {
            id: id.clone(),
            name: name.clone(),
            input: String::new(),
            bytes: 0,
        }));
        self.fresh = true;
        self.tell(Delta::ToolUse { index, id, name });
        index
    }

    /// More of the arguments of call `index`. What is beyond the limit is counted, and neither kept nor told.
    pub(super) fn input(&mut self, index: usize, json: &str) {
        let place = self
            .calls
            .get(index)
            .and_then(|at| self.pieces.get_mut(*at));
        let Some(Piece::Call(call)) = place else {
            return;
        };
        if json.is_empty() {
            return;
        }
        call.bytes = call.bytes.saturating_add(json.len());
        if call.bytes > MAX_TOOL_INPUT_BYTES {
            if call.input.len() < KEPT_OF_OVERLONG_INPUT {
                call.input.push_str(clip(json, KEPT_OF_OVERLONG_INPUT));
            }
            let keep = clip(&call.input, KEPT_OF_OVERLONG_INPUT).len();
            call.input.truncate(keep);
            call.input.shrink_to_fit();
            return;
        }
        call.input.push_str(json);
        let json = json.to_owned();
        self.tell(Delta::ToolInput { index, json });
    }

    /// The whole answer.
    pub(super) fn finish(self) -> Reply {
        let called = !self.calls.is_empty();
        let stop = match self.stop {
            // Some end a call of a tool as they end a sentence, and some tell of calls that are none.
            Some(Stop::EndTurn | Stop::ToolUse) | None if called => Stop::ToolUse,
            Some(Stop::ToolUse) | None => Stop::EndTurn,
            Some(stop) => stop,
        };
        Reply {
            model: self.model,
            parts: self.pieces.into_iter().map(part).collect(),
            stop,
            usage: self.usage,
        }
    }
}

fn part(piece: Piece) -> Part {
    match piece {
        Piece::Text(text) => Part::Text { text },
        Piece::Thinking { text, signature } => Part::Thinking {
            text,
            signature: Some(signature).filter(|signature| !signature.is_empty()),
        },
        Piece::Redacted(data) => Part::RedactedThinking { data },
        Piece::Call(call) => Part::ToolUse {
            input: input(call.input, call.bytes),
            id: call.id,
            name: call.name,
        },
    }
}

/// Arguments as an object, or as a string with the model's own text where that was none.
fn input(text: String, bytes: usize) -> Value {
    if bytes > MAX_TOOL_INPUT_BYTES {
        return Value::String(format!(
            "{text}… [{bytes} bytes of arguments; at most {MAX_TOOL_INPUT_BYTES} are taken, so the call was not made]"
        ));
    }
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Value::Object(object),
        // Some write "no arguments" so.
        Ok(Value::Null) => Value::Object(Map::new()),
        _ => Value::String(text),
    }
}

/// The beginning of `text` in at most `bytes`, cut between characters.
pub(super) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// An id for a call that has none: unlike any other, as results are told by it.
fn made_id() -> String {
    let id = crate::clock::unique();
    format!("call_{}", id.simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(tell: impl FnOnce(&mut Gather<'_>)) -> (Reply, Vec<Delta>) {
        let mut deltas = Vec::new();
        let mut sink = |delta| deltas.push(delta);
        let mut gather = Gather::new("m", &mut sink);
        tell(&mut gather);
        (gather.finish(), deltas)
    }

    #[test]
    fn pieces_of_one_sort_become_one_part_unless_a_block_begins() {
        let (reply, deltas) = gathered(|gather| {
            gather.thinking("a".into());
            gather.thinking("b".into());
            gather.sign("s1");
            gather.block();
            gather.sign("s2");
            gather.text("c".into());
            gather.text(String::new());
            gather.text("d".into());
        });
        let thinking = |text: &str, signature: &str| Part::Thinking {
            text: text.into(),
            signature: Some(signature.into()),
        };
        assert_eq!(
            reply.parts,
            [
                thinking("ab", "s1"),
                thinking("", "s2"),
                Part::Text { text: "cd".into() }
            ]
        );
        assert_eq!(deltas.len(), 4);
        assert_eq!(reply.stop, Stop::EndTurn);
    }

    #[test]
    fn arguments_are_an_object_or_the_models_own_text() {
        for (text, expected) in [
            ("", serde_json::json!({})),
            ("null", serde_json::json!({})),
            ("{\"a\":[1]}", serde_json::json!({"a": [1]})),
            ("[1]", Value::String("[1]".into())),
            ("{\"a\":", Value::String("{\"a\":".into())),
        ] {
            assert_eq!(input(text.into(), text.len()), expected, "{text}");
        }
    }

    #[test]
    fn arguments_beyond_the_limit_are_not_kept() {
        let (reply, deltas) = gathered(|gather| {
            let call = gather.call(None, "t".into());
            gather.input(call, "{\"text\":\"é");
            for _ in 0..1100 {
                gather.input(call, &"x".repeat(1024));
            }
        });
        let [
            Part::ToolUse {
                input: Value::String(text),
                id,
                ..
            },
        ] = &reply.parts[..]
        else {
            panic!("{:?}", reply.parts);
        };
        assert!(text.starts_with("{\"text\":\"éxxx"), "{text}");
        assert!(text.contains("1126411 bytes"), "{text}");
        assert!(text.len() < KEPT_OF_OVERLONG_INPUT + 200);
        assert!(id.starts_with("call_"));
        let told: usize = deltas
            .iter()
            .map(|delta| match delta {
                Delta::ToolInput { json, .. } => json.len(),
                _ => 0,
            })
            .sum();
        assert!(told <= MAX_TOOL_INPUT_BYTES);
    }

    #[test]
    fn at_the_limit_arguments_are_taken() {
        let text = format!("{{\"t\":\"{}\"}}", "x".repeat(MAX_TOOL_INPUT_BYTES - 8));
        assert_eq!(text.len(), MAX_TOOL_INPUT_BYTES);
        let (reply, _) = gathered(|gather| {
            let call = gather.call(Some("1".into()), "t".into());
            gather.input(call, &text);
        });
        let Part::ToolUse { input, .. } = &reply.parts[0] else {
            panic!("{:?}", reply.parts);
        };
        assert!(input.is_object());
        assert_eq!(reply.stop, Stop::ToolUse);
    }
}
