//! Where in the text of a file each key stands; read here from JSON, told by the reader of TOML.

use std::collections::HashMap;

/// Line and column of each key, by its path (`gateway.listen`).
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_path: HashMap<String, (usize, usize)>,
    /// The first key that is there twice.
    pub(crate) double: Option<(String, usize, usize)>,
}

impl Places {
    /// Reads `text`, which is valid JSON.
    pub(crate) fn of(text: &str) -> Self {
        let mut places = Self::default();
        let mut reader = Reader {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        };
        places.value(&mut reader, "");
        places
    }

    /// Notes where `path` stands.
    pub(crate) fn put(&mut self, path: &str, place: (usize, usize)) {
        self.by_path.insert(path.to_owned(), place);
    }

    /// Where `path` stands; where its closest parent does if it is nowhere itself. With the length of the path that was found.
    pub(crate) fn deepest(&self, path: &str) -> (usize, (usize, usize)) {
        let mut path = path;
        loop {
            if let Some(place) = self.by_path.get(path) {
                return (path.len(), *place);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return (0, (1, 1)),
            }
        }
    }

    fn value(&mut self, reader: &mut Reader<'_>, path: &str) {
        match reader.peek() {
            Some('{') => {
                reader.next();
                while let Some('"') = reader.peek() {
                    let (line, column) = reader.place();
                    let key = reader.string();
                    let path = if path.is_empty() {
                        key
                    } else {
                        format!("{path}.{key}")
                    };
                    if self.by_path.insert(path.clone(), (line, column)).is_some()
                        && self.double.is_none()
                    {
                        self.double = Some((path.clone(), line, column));
                    }
                    reader.peek();
                    reader.next(); // the colon
                    self.value(reader, &path);
                    if reader.peek() == Some(',') {
                        reader.next();
                    }
                }
                reader.peek();
                reader.next();
            }
            Some('[') => {
                reader.next();
                let mut index = 0;
                while !matches!(reader.peek(), Some(']') | None) {
                    let before = reader.at;
                    self.value(reader, &format!("{path}[{index}]"));
                    if reader.at == before {
                        return; // no JSON after all
                    }
                    index += 1;
                    if reader.peek() == Some(',') {
                        reader.next();
                    }
                }
                reader.next();
            }
            Some('"') => {
                reader.string();
            }
            _ => {
                while reader
                    .current()
                    .is_some_and(|c| !matches!(c, ',' | '}' | ']') && !c.is_whitespace())
                {
                    reader.next();
                }
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
}

impl Reader<'_> {
    fn current(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        while self.current().is_some_and(char::is_whitespace) {
            self.next();
        }
        self.current()
    }

    fn next(&mut self) {
        if let Some(c) = self.current() {
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn place(&self) -> (usize, usize) {
        (
            self.line,
            self.text[self.line_start..self.at].chars().count() + 1,
        )
    }

    /// The content of the string here, without its escapes undone where they are wrong.
    fn string(&mut self) -> String {
        let start = self.at;
        self.next();
        while let Some(c) = self.current() {
            self.next();
            match c {
                '\\' => self.next(),
                '"' => break,
                _ => {}
            }
        }
        let raw = &self.text[start..self.at];
        serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Places {
        fn find(&self, path: &str) -> (usize, usize) {
            self.deepest(path).1
        }
    }

    #[test]
    fn keys_are_found_by_their_path() {
        let places = Places::of(
            "{\n  \"ä\": 1, \"b\": {\n\t\"c\\u0064\": [1, {\"e\": \"}\"}],\n    \"f\": true}}",
        );
        assert_eq!(places.find("ä"), (2, 3));
        assert_eq!(places.find("b"), (2, 11));
        assert_eq!(places.find("b.cd"), (3, 2));
        assert_eq!(places.find("b.f"), (4, 5));
        assert_eq!(places.find("b.nowhere"), (2, 11));
        assert_eq!(places.find("nowhere"), (1, 1));
        assert!(places.double.is_none());
        let places = Places::of("{\"a\": {\"x\": 1},\n \"b\": {\"x\": 1, \"x\": 2}}");
        assert_eq!(places.double, Some(("b.x".to_owned(), 2, 16)));
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "[\\[\\]{}\",:\\\\ a1\n]{0,60}|\\PC{0,40}") {
            Places::of(&text);
        }
    }
}
