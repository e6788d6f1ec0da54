//! What a request is answered with.

use std::time::Duration;

use serde_json::Value;

use crate::Gate;

/// What an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Read anew.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Put into the cache; only Anthropic's wire tells it.
    pub cache_write: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Say {
    Text(String),
    Think(String),
    Redacted(String),
    Call {
        id: Option<String>,
        name: String,
        input: String,
    },
    Raw(Vec<u8>),
    Hold(Hold),
    Cut,
}

#[derive(Debug, Clone)]
pub(crate) enum Hold {
    Until(Gate),
    For(Duration),
    Forever,
}

/// An answer, built piece by piece; each piece is sent by itself.
///
/// It ends as the wire's own answers do, unless [`Answer::cut`] says otherwise. The reason for its end is "a tool is called" if one is.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// In place of a stream.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) before: Option<Hold>,
    pub(crate) says: Vec<Say>,
    pub(crate) stop: Option<String>,
    pub(crate) tokens: Tokens,
    /// Bytes of one write, if the pieces are cut up.
    pub(crate) write: Option<usize>,
    /// Bytes of a piece of a call's arguments.
    pub(crate) input_piece: usize,
}

impl Default for Answer {
    fn default() -> Self {
        Self::new()
    }
}

impl Answer {
    /// An answer that says nothing yet.
    pub fn new() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: None,
            before: None,
            says: Vec::new(),
            stop: None,
            tokens: Tokens {
                input: 10,
                output: 5,
                cache_read: 0,
                cache_write: 0,
            },
            write: None,
            input_piece: 4096,
        }
    }

    /// One that says `text` in one piece.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().say(text)
    }

    /// A plain answer of that status with that body, and no stream: an error, a page, rubbish.
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: Some(body.into()),
            ..Self::new()
        }
    }

    /// Adds a header; `content-type` replaces the wire's own.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn with(mut self, say: Say) -> Self {
        self.says.push(say);
        self
    }

    /// Says a piece of text.
    pub fn say(self, text: impl Into<String>) -> Self {
        self.with(Say::Text(text.into()))
    }

    /// Says `text` word by word, a piece each.
    pub fn words(self, text: &str) -> Self {
        let words = text.split_inclusive(' ');
        words.fold(self, Self::say)
    }

    /// Thinks a piece of a thought.
    pub fn think(self, text: impl Into<String>) -> Self {
        self.with(Say::Think(text.into()))
    }

    /// Thoughts that the provider keeps to itself; Anthropic's wire alone has them.
    pub fn redacted(self, data: impl Into<String>) -> Self {
        self.with(Say::Redacted(data.into()))
    }

    /// Calls a tool; the id is made by the request's and the call's number.
    pub fn call(self, name: &str, input: impl Into<Value>) -> Self {
        self.call_raw(None, name, input.into().to_string())
    }

    /// Calls a tool with arguments of any text, JSON or not, and an id of its own. On Ollama's wire the text must be JSON.
    pub fn call_raw(self, id: Option<&str>, name: &str, input: impl Into<String>) -> Self {
        self.with(Say::Call {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            input: input.into(),
        })
    }

    /// Sends these bytes as they are, at this point of the stream.
    pub fn raw(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Say::Raw(bytes.into()))
    }

    /// Waits at this point until `gate` is opened.
    pub fn hold(self, gate: &Gate) -> Self {
        self.with(Say::Hold(Hold::Until(gate.clone())))
    }

    /// Waits at this point for a while: for measurements of a provider's pace.
    pub fn pause(self, pause: Duration) -> Self {
        self.with(Say::Hold(Hold::For(pause)))
    }

    /// Says nothing more from here on, and keeps the connection.
    pub fn silence(self) -> Self {
        self.with(Say::Hold(Hold::Forever))
    }

    /// Closes the connection at this point, in the middle of the stream.
    pub fn cut(self) -> Self {
        self.with(Say::Cut)
    }

    /// Sends nothing, the status line neither, until `gate` is opened.
    pub fn late(mut self, gate: &Gate) -> Self {
        self.before = Some(Hold::Until(gate.clone()));
        self
    }

    /// Sends nothing at all, and keeps the connection.
    pub fn never(mut self) -> Self {
        self.before = Some(Hold::Forever);
        self
    }

    /// Ends for this reason, in the wire's own word.
    pub fn stop(mut self, reason: &str) -> Self {
        self.stop = Some(reason.to_owned());
        self
    }

    /// What it cost; 10 in and 5 out if not said.
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Cuts everything into writes of so many bytes, wherever that falls.
    pub fn in_writes_of(mut self, bytes: usize) -> Self {
        self.write = Some(bytes.max(1));
        self
    }

    /// Cuts the arguments of calls into pieces of about so many bytes; 4096 if not said.
    pub fn input_in_pieces_of(mut self, bytes: usize) -> Self {
        self.input_piece = bytes.max(1);
        self
    }
}
