//! Past sessions: what runtimes have written down of their calls, read into the agent's own chain.
//!
//! **In scope.** Telling what a file is ([`Format::of`]), reading it piece by piece in bounded memory ([`read`]), and recording
//! each call once, as imported ([`Importer`]). **Out of scope.** Finding files, asking the edge what was recorded when it
//! happened, terminals: the app's.
//!
//! **What an imported call is.** A trace like any other, masked at the source, signed, with a place in the chain; its time is
//! when the call was made, its place when it was imported. Its metadata has `source: "imported"` and its outcome is `imported`:
//! nobody judged it and nobody watched it run, so no verdict is made up for it. Its `action_type` is what became of it. Scores
//! leave it out. A call that the runtime let nobody run is a refusal, with the runtime's reason.
//!
//! **Once.** Each call has a name that no other has, wherever it is written down: the runtime and its id of the call, and the
//! session where that id is a short one. What has been imported under a name is not imported again, also after an interruption.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;

use aap::{Timestamp, ToolCall};
use serde_json::Value;

use crate::event::Seen;

mod claude_code;
mod codex;
mod openclaw;
mod openclaw_database;
mod otlp;
mod record;
#[cfg(test)]
mod tests;

pub use record::{Importer, Recorded};

/// Bytes of one line: an image as a result is a few megabytes. Longer ones are passed over, and told.
pub const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of a file that can only be read as a whole: spans that are no NDJSON.
pub const MAX_WHOLE_BYTES: u64 = 256 * 1024 * 1024;
/// Calls of one file of which no end was seen yet. The oldest is told without one when there are more.
pub const MAX_OPEN: usize = 256;
/// Ids of calls that are at least this long are nobody else's: providers make them of 24 random characters and a prefix.
const OWN_ID_CHARS: usize = 20;

/// A call as it was written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The call.
    pub call: ToolCall,
    /// When it was made.
    pub at: Timestamp,
    /// Its end; none where none was written down.
    pub seen: Option<Seen>,
    /// Its name wherever it is written down.
    pub name: String,
}

impl Past {
    fn new(call: ToolCall, at: Timestamp, seen: Option<Seen>) -> Self {
        let id = call.call_id.as_deref().unwrap_or_default();
        let session = match call.session_id.as_deref() {
            Some(session) if id.len() < OWN_ID_CHARS => session,
            _ => "",
        };
        let name = format!("smoltbot/import\n{}\n{session}\n{id}", call.runtime);
        Self {
            call,
            at,
            seen,
            name,
        }
    }
}

/// Who wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Transcripts of Claude Code.
    ClaudeCode,
    /// Rollouts of Codex.
    Codex,
    /// Sessions of `OpenClaw`.
    OpenClaw,
    /// Spans, by whoever exports them.
    Otlp,
}

impl Format {
    /// The name that people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::OpenClaw => "openclaw",
            Self::Otlp => "otlp",
        }
    }

    /// What the file is, by its first lines; none when it is nothing that is known.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let mut begin = Vec::new();
        File::open(path)?
            .take(BEGIN_BYTES)
            .read_to_end(&mut begin)?;
        if openclaw_database::is_one(path, &begin) {
            return Ok(Some(Self::OpenClaw));
        }
        let whole_lines = begin.split_inclusive(|byte| *byte == b'\n');
        for line in whole_lines.take(BEGIN_LINES) {
            if let Some(format) = serde_json::from_slice(line)
                .ok()
                .and_then(|line| of_line(&line))
            {
                return Ok(Some(format));
            }
        }
        Ok(otlp::looks_like(&begin).then_some(Self::Otlp))
    }

    fn reader(self) -> Box<dyn Reader> {
        match self {
            Self::ClaudeCode => Box::<claude_code::Transcript>::default(),
            Self::Codex => Box::<codex::Rollout>::default(),
            Self::OpenClaw => Box::<openclaw::Session>::default(),
            Self::Otlp => Box::new(otlp::Spans),
        }
    }
}

/// How much of a file tells what it is. A first line that is longer tells it by its beginning.
const BEGIN_BYTES: u64 = 1024 * 1024;
const BEGIN_LINES: usize = 20;

fn of_line(line: &Value) -> Option<Format> {
    let kind = line.get("type").and_then(Value::as_str);
    let has = |key: &str| line.get(key).is_some();
    if has("resourceSpans") {
        Some(Format::Otlp)
    } else if has("payload") && kind.is_some() {
        Some(Format::Codex)
    } else if kind == Some("session") && has("version") {
        Some(Format::OpenClaw)
    } else if has("sessionId") || (kind == Some("summary") && has("leafUuid")) {
        Some(Format::ClaudeCode)
    } else if has("id") && has("timestamp") && has("instructions") && kind.is_none() {
        // A rollout of the first versions begins with what is `session_meta` now.
        Some(Format::Codex)
    } else {
        None
    }
}

/// Reads one file, line by line.
trait Reader {
    /// Takes the next line, and hands on the calls that are complete with it. What is no line of this format is said.
    fn line(&mut self, number: u64, line: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String>;

    /// Hands on what no end was seen of.
    fn end(&mut self, tell: &mut dyn FnMut(Past));
}

/// A line that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Which, from 1; of a database the row. 0 is the file as a whole.
    pub number: u64,
    /// What is wrong with it.
    pub why: String,
}

/// What a reader hands on.
#[derive(Debug)]
pub enum Read {
    /// A call.
    Call(Box<Past>),
    /// A line that is lost.
    Bad(BadLine),
    /// So many bytes of the file have been read.
    Bytes(u64),
}

/// Reads a file, and hands on its calls and what cannot be read. `take` stops it by answering false.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path, format: Format, take: &mut dyn FnMut(Read) -> bool) -> io::Result<()> {
    let mut file = File::open(path)?;
    if format == Format::Otlp && !otlp::is_lines(&mut file)? {
        return whole(file, take);
    }
    if format == Format::OpenClaw && openclaw_database::is_file(&mut file)? {
        return openclaw_database::read(path, take);
    }
    file.rewind()?;
    let mut lines = BufReader::with_capacity(256 * 1024, file);
    let mut reader = format.reader();
    let (mut line, mut bytes, mut go_on) = (Vec::new(), 0, true);
    for number in 1.. {
        line.clear();
        let read = lines
            .by_ref()
            .take(MAX_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let mut length = read as u64;
        let outcome = if read > MAX_LINE_BYTES {
            length += skip_line(&mut lines)?;
            Err(format!("it is longer than {MAX_LINE_BYTES} bytes"))
        } else if line.trim_ascii().is_empty() {
            Ok(())
        } else {
            let mut tell = |past| go_on = go_on && take(Read::Call(Box::new(past)));
            reader.line(number, line.trim_ascii(), &mut tell)
        };
        if let Err(why) = outcome {
            go_on = go_on && take(Read::Bad(BadLine { number, why }));
        }
        bytes += length;
        if !go_on || !take(Read::Bytes(bytes)) {
            return Ok(());
        }
    }
    reader.end(&mut |past| go_on = go_on && take(Read::Call(Box::new(past))));
    Ok(())
}

/// Passes over the rest of a line, and says how long that was.
fn skip_line(lines: &mut BufReader<File>) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(used);
        skipped += used as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}

fn whole(mut file: File, take: &mut dyn FnMut(Read) -> bool) -> io::Result<()> {
    let length = file.metadata()?.len();
    let bad = |why: String| Read::Bad(BadLine { number: 0, why });
    if length > MAX_WHOLE_BYTES {
        take(bad(format!(
            "spans that are no NDJSON are read as a whole, and this file is larger than {MAX_WHOLE_BYTES} bytes"
        )));
        return Ok(());
    }
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut go_on = true;
    let outcome = otlp::message(&bytes, &mut |past| {
        go_on = go_on && take(Read::Call(Box::new(past)));
    });
    if let Err(why) = outcome {
        take(bad(why));
    }
    take(Read::Bytes(length));
    Ok(())
}

/// Calls whose end is still to come, in the order in which they were made.
#[derive(Debug, Default)]
struct Open(Vec<Past>);

impl Open {
    /// Keeps a call until its end comes. One that was kept before is kept once.
    fn begin(&mut self, call: ToolCall, at: Timestamp, tell: &mut dyn FnMut(Past)) {
        if self.0.iter().any(|open| open.call.call_id == call.call_id) {
            return;
        }
        if self.0.len() == MAX_OPEN {
            tell(self.0.remove(0));
        }
        self.0.push(Past::new(call, at, None));
    }

    /// The call that has ended, if its beginning was seen.
    fn end(&mut self, id: &str, seen: Seen) -> Option<Past> {
        let ended = |open: &Past| open.call.call_id.as_deref() == Some(id);
        let place = self.0.iter().position(ended)?;
        let mut past = self.0.remove(place);
        past.seen = Some(seen);
        Some(past)
    }

    fn all(&mut self, tell: &mut dyn FnMut(Past)) {
        self.0.drain(..).for_each(tell);
    }
}

fn json(line: &[u8]) -> Result<Value, String> {
    let read: Value =
        serde_json::from_slice(line).map_err(|error| format!("it is no JSON: {error}"))?;
    if read.is_object() {
        Ok(read)
    } else {
        Err("it is no JSON object".to_owned())
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// The time in a line's `timestamp`, as RFC 3339 or in milliseconds.
fn time(line: &Value) -> Option<Timestamp> {
    match line.get("timestamp")? {
        Value::String(text) => Timestamp::parse(text).ok(),
        Value::Number(millis) => millis.as_i64().map(Timestamp::from_millis),
        _ => None,
    }
}

/// The texts of a message's content, one below the other.
fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            parts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
