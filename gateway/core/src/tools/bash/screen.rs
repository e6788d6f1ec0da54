//! What a terminal would show of a program's output, as plain text: no colours, no moves, and of a line that is written
//! over and over its last state.

use crate::tools::capped::Capped;

/// Bytes of a line that can still be written over. What is longer stands as it is.
const LINE: usize = 16 * 1024;

/// Takes output in pieces and keeps its text, capped in the middle.
pub(super) struct Screen {
    kept: Capped,
    line: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Text,
    /// After a carriage return: a line feed ends the line, anything else writes over it.
    Return,
    /// After an escape.
    Escape,
    /// In `ESC [ …`, until a letter.
    Control,
    /// In `ESC ] …` and the like, until BEL or `ESC \`.
    Words,
    /// After an escape in those.
    WordsEscape,
    /// One more byte belongs to the escape.
    One,
}

impl Screen {
    /// Room for `limit` bytes of text.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kept: Capped::new(limit),
            line: Vec::new(),
            state: State::Text,
        }
    }

    /// Takes `bytes` in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.next(*byte);
        }
    }

    fn next(&mut self, byte: u8) -> State {
        match (self.state, byte) {
            (State::Words, 0x1b) => State::WordsEscape,
            (State::Words, 0x07)
            | (State::WordsEscape, b'\\')
            | (State::One, _)
            | (State::Control, 0x40..=0x7e) => State::Text,
            (State::Words | State::WordsEscape, _)
            | (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Words,
            (State::Control, 0x20..=0x3f) | (State::Escape, b'[') => State::Control,
            (State::Escape, b' '..=b'/') => State::One,
            (State::Escape, 0x30..=0x7e) => State::Text,
            (_, 0x1b) => State::Escape,
            (_, b'\r') => State::Return,
            (_, b'\n') => {
                self.line.push(b'\n');
                self.flush();
                State::Text
            }
            (State::Return, byte) => {
                self.line.clear();
                self.text(byte)
            }
            (_, byte) => self.text(byte),
        }
    }

    fn text(&mut self, byte: u8) -> State {
        match byte {
            0x08 => while self.line.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
            b'\t' | 0x20..=0x7e | 0x80.. => {
                self.line.push(byte);
                if self.line.len() >= LINE {
                    self.flush();
                }
            }
            _ => {}
        }
        State::Text
    }

    fn flush(&mut self) {
        self.kept.push(&self.line);
        self.line.clear();
    }

    /// The text, and how many bytes of it are missing.
    pub(super) fn finish(mut self) -> (String, u64) {
        self.flush();
        self.kept.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut screen = Screen::new(1000);
        for piece in pieces {
            screen.push(piece);
        }
        screen.finish().0
    }

    #[test]
    fn only_text_is_kept() {
        for (output, text) in [
            ("a\x1b[1;31mred\x1b[0m b", "ared b"),
            (
                "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
                "alink",
            ),
            ("\x1b(Ba\x1b=b\x1bPq#\x1b\\c", "abc"),
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("10%\r20%\r100%\n", "100%\n"),
            ("10%\r\r\nx", "10%\nx"),
            ("abä\x08\x08c", "ac"),
            ("bell\x07 \x00tab\tä€😀", "bell tab\tä€😀"),
            ("\x1b[?25l\x1b[2K\x1b[1Gdone", "done"),
        ] {
            assert_eq!(shown(&[output.as_bytes()]), text, "{output:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(output in "[a-zä€\r\n\u{8}\u{7}\u{1b}\\[\\];0-9m\\\\]{0,60}", at in 0_usize..60) {
            let bytes = output.as_bytes();
            let (one, two) = bytes.split_at(at.min(bytes.len()));
            let whole = shown(&[bytes]);
            prop_assert_eq!(shown(&[one, two]), whole.clone());
            let moves = whole.contains(['\u{1b}', '\r', '\u{7}', '\u{8}']);
            prop_assert!(!moves, "{:?}", whole);
        }
    }
}
