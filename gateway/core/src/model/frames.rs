//! Bytes of a stream to the pieces of JSON in it: Server-Sent Events, or a line each.
//!
//! A chunk may end anywhere: in a character, between CR and LF, in a string. Nothing is looked at twice, so that the time is linear
//! in the bytes; how many there may be is the caller's limit.

use super::fault::Fault;

/// How the pieces of JSON are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-Sent Events, of which only the data counts: every provider tells the event's name in it too.
    Events,
    /// A piece a line.
    Lines,
    /// The whole body is one.
    Whole,
}

/// Gets one piece of JSON.
pub(super) type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Fault>;

pub(super) struct Frames {
    framing: Framing,
    /// The line so far.
    line: Vec<u8>,
    /// The event's data so far, each line with its end.
    data: Vec<u8>,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    first_line: bool,
}

impl Frames {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            line: Vec::new(),
            data: Vec::new(),
            after_cr: false,
            first_line: true,
        }
    }

    /// Takes the next bytes and tells `each` what they complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: Each<'_>) -> Result<(), Fault> {
        if self.framing == Framing::Whole {
            self.data.extend_from_slice(bytes);
            return Ok(());
        }
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&rest[..at]);
            let cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if cr {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.end_line(each)?;
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Takes what is left when the stream ends: the last line or event may lack its end.
    pub(super) fn end(&mut self, each: Each<'_>) -> Result<(), Fault> {
        if !self.line.is_empty() {
            self.end_line(each)?;
        }
        self.dispatch(each)
    }

    fn end_line(&mut self, each: Each<'_>) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.line);
        let mut text = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            // A byte order mark may begin a stream.
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        match self.framing {
            Framing::Lines if !text.trim_ascii().is_empty() => each(text)?,
            Framing::Events if text.is_empty() => self.dispatch(each)?,
            Framing::Events => {
                if let Some(value) = text.strip_prefix(b"data:") {
                    self.data
                        .extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
                    self.data.push(b'\n');
                }
                // Names, ids, times to reconnect and comments say nothing that the data doesn't.
            }
            Framing::Lines | Framing::Whole => {}
        }
        // The line's room is used again, unless it was a huge one.
        self.line = line;
        self.line.clear();
        self.line.shrink_to(64 * 1024);
        Ok(())
    }

    fn dispatch(&mut self, each: Each<'_>) -> Result<(), Fault> {
        let data = std::mem::take(&mut self.data);
        let text = data.strip_suffix(b"\n").unwrap_or(&data);
        if !text.is_empty() {
            each(text)?;
        }
        self.data = data;
        self.data.clear();
        self.data.shrink_to(64 * 1024);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(framing: Framing, chunks: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut each = |data: &[u8]| {
            found.push(String::from_utf8_lossy(data).into_owned());
            Ok(())
        };
        let mut frames = Frames::new(framing);
        for chunk in chunks {
            frames.push(chunk, &mut each).unwrap();
        }
        frames.end(&mut each).unwrap();
        found
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let text = "\u{feff}: hello\r\nevent: a\r\ndata: one\r\n\r\ndata:two\rdata: more\r\rid: 7\n\ndata:  x\n\ndata\n\ndata: last";
        let events = read(Framing::Events, &[text.as_bytes()]);
        assert_eq!(events, ["one", "two\nmore", " x", "last"]);
    }

    #[test]
    fn lines_are_read_without_the_empty_ones() {
        let lines = read(Framing::Lines, &[b"{\"a\":1}\n\n  \r\n{\"b\":2}"]);
        assert_eq!(lines, ["{\"a\":1}", "{\"b\":2}"]);
    }

    proptest! {
        #[test]
        fn where_a_chunk_ends_does_not_matter(
            text in "(data: [aé€😀\"\\\\]{0,6}|event: x|: c|id: 1|)((\r\n|\n|\r)(data: [aé€😀]{0,6}|))*",
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
            lines in any::<bool>(),
        ) {
            let framing = if lines { Framing::Lines } else { Framing::Events };
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(framing, &chunks), read(framing, &[bytes]));
        }
    }
}
