//! The rules' patterns, read.

use std::iter::Peekable;
use std::str::Chars;

use super::program::{Class, Others};

/// Something in a pattern that rules do not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not understood")]
pub(crate) struct Unknown(&'static str);

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Node {
    One(Class),
    Begin,
    Boundary,
    /// One after the other.
    All(Vec<Node>),
    /// The first that leads to a match.
    Any(Vec<Node>),
    /// The group whose place is told.
    Group(Box<Node>),
    Repeat(Box<Node>, Count),
}

/// How often something stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) least: u32,
    pub(super) most: Option<u32>,
    /// Rather fewer than more.
    pub(super) lazy: bool,
}

/// Reads `pattern`.
pub(super) fn parse(pattern: &str) -> Result<Node, Unknown> {
    let mut parser = Parser {
        rest: pattern.chars().peekable(),
        any_case: false,
        dot_is_all: false,
        ascii_blanks: false,
    };
    let node = parser.alternatives()?;
    match parser.rest.next() {
        None => Ok(node),
        Some(_) => Err(Unknown("a `)` that closes nothing")),
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    any_case: bool,
    /// Whether `.` is also the end of a line.
    dot_is_all: bool,
    /// Whether `\s` is one of ASCII's alone.
    ascii_blanks: bool,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Node, Unknown> {
        let mut alternatives = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            alternatives.push(self.sequence()?);
        }
        Ok(Node::Any(alternatives))
    }

    fn sequence(&mut self) -> Result<Node, Unknown> {
        let mut nodes = Vec::new();
        while let Some(char) = self.rest.next_if(|char| !matches!(char, '|' | ')')) {
            let node = match char {
                '(' => self.group()?,
                '[' => Node::One(self.class()?),
                '^' => Node::Begin,
                '.' if self.dot_is_all => Node::One(Class::NONE.not()),
                '\\' => match self.rest.next_if_eq(&'b') {
                    Some(_) => Node::Boundary,
                    None => Node::One(self.escaped()?),
                },
                '.' | '$' | '*' | '+' | '?' | '{' => {
                    return Err(Unknown("`.`, `$` or a count alone"));
                }
                char => Node::One(self.one(char)?),
            };
            nodes.push(self.counted(node)?);
        }
        Ok(Node::All(nodes))
    }

    /// What stands behind a `(`.
    fn group(&mut self) -> Result<Node, Unknown> {
        let before = (self.any_case, self.dot_is_all, self.ascii_blanks);
        let captures = self.rest.next_if_eq(&'?').is_none();
        if !captures {
            let mut on = true;
            loop {
                match (self.rest.next(), on) {
                    (Some(':'), _) => break,
                    (Some('-'), true) => on = false,
                    (Some('i'), true) => self.any_case = true,
                    (Some('s'), true) => self.dot_is_all = true,
                    // Not Unicode but ASCII, which `\b` and cases are here in any case.
                    (Some('u'), false) => self.ascii_blanks = true,
                    _ => return Err(Unknown("a flag")),
                }
            }
        }
        let node = self.alternatives()?;
        (self.any_case, self.dot_is_all, self.ascii_blanks) = before;
        match self.rest.next() {
            Some(')') if captures => Ok(Node::Group(Box::new(node))),
            Some(')') => Ok(node),
            _ => Err(Unknown("a `(` without its end")),
        }
    }

    /// `node` as often as what stands behind it says.
    fn counted(&mut self, node: Node) -> Result<Node, Unknown> {
        let (least, most) = match self.rest.next_if(|char| "*+?{".contains(*char)) {
            None => return Ok(node),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some(_) => self.count()?,
        };
        let lazy = self.rest.next_if_eq(&'?').is_some();
        let count = Count { least, most, lazy };
        Ok(Node::Repeat(Box::new(node), count))
    }

    /// What stands behind a `{`.
    fn count(&mut self) -> Result<(u32, Option<u32>), Unknown> {
        let least = self.number().ok_or(Unknown("a count"))?;
        let most = match self.rest.next_if_eq(&',') {
            None => Some(least),
            Some(_) => self.number(),
        };
        match self.rest.next() {
            Some('}') => Ok((least, most)),
            _ => Err(Unknown("a count")),
        }
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.rest.peek().and_then(|char| char.to_digit(10)) {
            self.rest.next();
            number = Some(number.unwrap_or(0) * 10 + digit);
        }
        number
    }

    /// What stands behind a `[`.
    fn class(&mut self) -> Result<Class, Unknown> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut class = Class::NONE;
        loop {
            let one = match self.rest.next() {
                Some(']') => break,
                Some('\\') => self.escaped()?,
                // Of `a-z`; a `-` that ends the class is itself.
                Some(from) if self.is_range() => {
                    self.rest.next();
                    let to = self.rest.next().ok_or(Unknown("a `[` without its end"))?;
                    let mut range = (from..=to).map(|char| self.one(char));
                    range.try_fold(Class::NONE, |class, one| Ok(class.or(one?)))?
                }
                Some('[') => return Err(Unknown("a class within a class")),
                Some('&') if self.rest.peek() == Some(&'&') => {
                    return Err(Unknown("what two classes share"));
                }
                Some(char) => self.one(char)?,
                None => return Err(Unknown("a `[` without its end")),
            };
            class = class.or(one);
        }
        Ok(if negated { class.not() } else { class })
    }

    fn is_range(&mut self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next() == Some('-') && ahead.next().is_some_and(|char| char != ']')
    }

    /// What stands behind a `\`.
    fn escaped(&mut self) -> Result<Class, Unknown> {
        let blanks = " \t\n\r\x0b\x0c".chars();
        let blanks = blanks.fold(0, |ascii, blank| ascii | 1 << u32::from(blank));
        let blanks = Class {
            ascii: blanks,
            others: if self.ascii_blanks {
                Others::None
            } else {
                Others::Blanks
            },
        };
        match self.rest.next() {
            Some('s') => Ok(blanks),
            // Without Unicode it would match parts of a character.
            Some('S') if !self.ascii_blanks => Ok(blanks.not()),
            Some('n') => self.one('\n'),
            Some('r') => self.one('\r'),
            Some('t') => self.one('\t'),
            Some(char) if char.is_ascii_punctuation() => self.one(char),
            _ => Err(Unknown("a `\\` with what is behind it")),
        }
    }

    /// This character, in either case where that is asked for.
    fn one(&self, char: char) -> Result<Class, Unknown> {
        if !char.is_ascii() {
            return Err(Unknown("a character beyond ASCII"));
        }
        let bit = |char: char| 1 << u32::from(char);
        let mut ascii = bit(char);
        if self.any_case {
            ascii |= bit(char.to_ascii_lowercase()) | bit(char.to_ascii_uppercase());
        }
        let others = Others::None;
        Ok(Class { ascii, others })
    }
}
