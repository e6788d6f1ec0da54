//! Output of any size in bounded memory: the beginning and the end are kept, the middle is counted.

use std::collections::VecDeque;

/// Keeps at most `limit` bytes of all that is pushed.
#[derive(Debug)]
pub(crate) struct Capped {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Capped {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            half: limit / 2,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
        }
    }

    /// Takes `bytes` in.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        let last = &rest[rest.len().saturating_sub(self.half)..];
        let over = (self.tail.len() + last.len()).saturating_sub(self.half);
        self.tail.drain(..over);
        self.tail.extend(last);
    }

    /// What was kept as text with a mark where the middle was, and how many bytes are missing.
    ///
    /// Characters are never split; what is not UTF-8 shows as U+FFFD.
    pub(crate) fn finish(mut self) -> (String, u64) {
        self.tail.make_contiguous();
        let tail = self.tail.as_slices().0;
        let kept = (self.head.len() + tail.len()) as u64;
        if kept == self.total {
            self.head.extend_from_slice(tail);
            return (lossy(&self.head), 0);
        }
        let head = &self.head[..self.head.len() - unfinished(&self.head)];
        let tail = &tail[tail
            .iter()
            .take(3)
            .take_while(|byte| continues(**byte))
            .count()..];
        let cut = self.total - (head.len() + tail.len()) as u64;
        let mark = format!("\n… [{cut} bytes cut here] …\n");
        (lossy(head) + &mark + &lossy(tail), cut)
    }
}

/// `text` in at most `limit` bytes and the mark of the cut, and how many bytes are missing.
pub(crate) fn cut(text: &str, limit: usize) -> (String, u64) {
    let mut capped = Capped::new(limit);
    capped.push(text.as_bytes());
    capped.finish()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this byte goes on with a character rather than starting one.
fn continues(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// Bytes at the end that start a character without finishing it.
fn unfinished(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        if continues(byte) {
            continue;
        }
        let needs = match byte {
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            _ => 1,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_all_that_fits() {
        let mut capped = Capped::new(8);
        capped.push(b"abcd");
        capped.push(b"efgh");
        assert_eq!(capped.finish(), ("abcdefgh".to_owned(), 0));
    }

    #[test]
    fn cuts_the_middle_and_says_how_much() {
        let mut capped = Capped::new(8);
        capped.push(b"abcdefghi");
        assert_eq!(
            capped.finish(),
            ("abcd\n… [1 bytes cut here] …\nfghi".to_owned(), 1)
        );
    }

    proptest! {
        #[test]
        fn never_splits_a_character(text in "[a-zäöü€😀]{0,60}", limit in 2_usize..40, step in 1_usize..9) {
            let mut capped = Capped::new(limit);
            for piece in text.as_bytes().chunks(step) {
                capped.push(piece);
            }
            let (out, cut) = capped.finish();
            prop_assert!(!out.contains('\u{fffd}'), "{out}");
            if cut == 0 {
                prop_assert_eq!(out, text);
            } else {
                let (head, rest) = out.split_once("\n… [").unwrap();
                let tail = rest.split_once("] …\n").unwrap().1;
                prop_assert!(text.starts_with(head) && text.ends_with(tail));
                prop_assert_eq!((head.len() + tail.len()) as u64 + cut, text.len() as u64);
                prop_assert!(head.len() + tail.len() <= limit);
            }
        }
    }
}
