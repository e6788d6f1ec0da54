//! Where in a JSON text something stands: the line of every key and item, and keys that are written twice.

use std::collections::HashMap;

/// Lines by path; a path is written like `autonomy.forbidden_actions[2]`, the whole is the empty path.
pub(super) struct Places {
    lines: HashMap<String, usize>,
    /// Paths of keys that their object has twice.
    pub(super) doubles: Vec<String>,
}

impl Places {
    /// Walks through `text`, which must be JSON.
    pub(super) fn of(text: &str) -> Self {
        let mut walk = Walk {
            text: text.as_bytes(),
            at: 0,
            line: 1,
            places: Self {
                lines: HashMap::new(),
                doubles: Vec::new(),
            },
        };
        walk.value(&mut String::new());
        walk.places
    }

    /// Whether something is at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// The line of `path`, or of the nearest that it lies in.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The path of the member `key` of what is at `path`.
pub(super) fn member(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    places: Places,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at)?.is_ascii_whitespace() {
            self.next();
        }
        self.text.get(self.at).copied()
    }

    /// A value at `path`. `serde_json` has read the text before, so its depth is bounded.
    fn value(&mut self, path: &mut String) {
        let first = self.peek();
        self.places.lines.entry(path.clone()).or_insert(self.line);
        match first {
            Some(b'{') => self.items(path, b'}'),
            Some(b'[') => self.items(path, b']'),
            Some(b'"') => drop(self.string()),
            _ => {
                while self.text.get(self.at).is_some_and(|byte| {
                    !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace()
                }) {
                    self.next();
                }
            }
        }
    }

    /// What an object or a list holds, up to its end.
    fn items(&mut self, path: &mut String, end: u8) {
        self.next();
        let whole = path.len();
        for index in 0_usize.. {
            match self.peek() {
                None => return,
                Some(byte) if byte == end => {
                    self.next();
                    return;
                }
                Some(b',') => {
                    self.next();
                    self.peek();
                }
                Some(_) => {}
            }
            if end == b'}' {
                let key = self.string();
                let here = member(path, &key);
                if self.places.lines.insert(here.clone(), self.line).is_some() {
                    self.places.doubles.push(here.clone());
                }
                self.peek();
                self.next();
                *path = here;
            } else {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            let before = self.at;
            self.value(path);
            path.truncate(whole);
            if self.at == before {
                // No JSON after all: never stand still.
                self.next();
            }
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.next();
        while let Some(byte) = self.next() {
            match byte {
                b'\\' => drop(self.next()),
                b'"' => break,
                _ => {}
            }
        }
        serde_json::from_slice(&self.text[start..self.at]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_doubles_are_found() {
        let text =
            "{\n \"a\": {\"b\\\"\": [1,\n  {\"c\": \"}\"}]},\n \"d\": true,\n \"a\": null\n}";
        let places = Places::of(text);
        for (path, line) in [
            ("", 1),
            ("a.b\"[1].c", 3),
            ("a.b\"[0]", 2),
            ("d", 4),
            ("d.no.such", 4),
            ("absent", 1),
        ] {
            let found = places.line(path).or_else(|| places.line(""));
            assert_eq!(found, Some(line), "{path}");
        }
        assert_eq!(places.doubles, ["a"]);
    }

    proptest! {
        #[test]
        fn every_text_is_walked_through(text in ".{0,200}") {
            Places::of(&text);
        }
    }
}
