//! A small engine for the rules' patterns, for where the crate `regex` is too large: in a Worker its tables and compilers would
//! be a seventh of the module.
//!
//! **In scope.** What the rules are written in, and no more: literals, ASCII classes with `\s` among them, `.`, alternatives,
//! one capturing group, counted and lazy repetition, `^`, ASCII's word boundary, ASCII letters in any case. The same matches as
//! `regex` has, the leftmost, and of those the one that comes first in the pattern; tests hold both engines to that. Time is
//! bounded by the product of text and pattern, whatever the text.
//!
//! **Out of scope.** Any other expression: [`Pattern::parse`] refuses it, and a test parses every rule.

use std::ops::Range;

mod parse;
mod program;

pub(crate) use parse::Unknown;
use program::{Program, Step};

/// A compiled pattern.
pub(crate) struct Pattern(Program);

/// A state of a search: the step to take next, and where the group began and ended on the way to it.
#[derive(Clone, Copy)]
struct Thread {
    at: usize,
    group: (usize, usize),
}

/// The threads at one place of the text, in order of preference; at most one for each step.
#[derive(Default)]
struct Threads {
    list: Vec<Thread>,
    /// For each step, the place of the text, plus one, at which it was added last.
    added: Vec<usize>,
}

impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// When there is something in it that rules do not use.
    pub(crate) fn parse(pattern: &str) -> Result<Self, Unknown> {
        Ok(Self(Program::of(&parse::parse(pattern)?)))
    }

    /// Where the group stands in every match, in order; matches do not overlap.
    pub(crate) fn groups(&self, text: &str) -> Vec<Range<usize>> {
        let mut search = Search {
            program: &self.0,
            text,
            now: Threads::default(),
            next: Threads::default(),
        };
        search.now.added.resize(self.0.steps.len(), 0);
        search.next.added.resize(self.0.steps.len(), 0);
        let mut groups = Vec::new();
        let mut from = 0;
        while let Some((group, end)) = search.first(from) {
            groups.push(group);
            // No rule matches nothing, so this goes on.
            from = end;
        }
        groups
    }
}

struct Search<'a> {
    program: &'a Program,
    text: &'a str,
    now: Threads,
    next: Threads,
}

impl Search<'_> {
    /// The group of the first match behind `from`, and where that match ends.
    fn first(&mut self, from: usize) -> Option<(Range<usize>, usize)> {
        let mut found = None;
        let mut place = from;
        self.now.list.clear();
        self.now.added.fill(0);
        self.next.added.fill(0);
        loop {
            if self.now.list.is_empty() {
                if found.is_some() {
                    return found;
                }
                place = self.candidate(place)?;
            }
            if found.is_none() {
                let begin = Thread {
                    at: 0,
                    group: (0, 0),
                };
                add(self.program, self.text, &mut self.now, begin, place);
            }
            let char = self.text[place..].chars().next();
            let behind = place + char.map_or(0, char::len_utf8);
            self.next.list.clear();
            for thread in &self.now.list {
                match &self.program.steps[thread.at] {
                    Step::Match => {
                        found = Some((thread.group.0..thread.group.1, place));
                        // Whatever comes behind is liked less.
                        break;
                    }
                    Step::One(class) if char.is_some_and(|char| class.has(char)) => {
                        let on = Thread {
                            at: thread.at + 1,
                            ..*thread
                        };
                        add(self.program, self.text, &mut self.next, on, behind);
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut self.now, &mut self.next);
            if char.is_none() {
                return found;
            }
            place = behind;
        }
    }

    /// The next place from `place` on where a match may begin.
    fn candidate(&self, place: usize) -> Option<usize> {
        let first = &self.program.first;
        let begins = |(_, char): &(usize, char)| first.has(*char);
        let found = self.text[place..].char_indices().find(begins);
        found.map(|(on, _)| place + on)
    }
}

/// Adds `thread`, and what can be reached from it without reading on, to the threads at `place`.
fn add(program: &Program, text: &str, threads: &mut Threads, mut thread: Thread, place: usize) {
    loop {
        let added = &mut threads.added[thread.at];
        if *added == place + 1 {
            return;
        }
        *added = place + 1;
        match &program.steps[thread.at] {
            Step::One(_) | Step::Match => {
                threads.list.push(thread);
                return;
            }
            Step::Either(first, second) => {
                let first = Thread {
                    at: *first,
                    ..thread
                };
                add(program, text, threads, first, place);
                thread.at = *second;
                continue;
            }
            Step::Jump(to) => {
                thread.at = *to;
                continue;
            }
            Step::Open => thread.group.0 = place,
            Step::Close => thread.group.1 = place,
            Step::Begin if place == 0 => {}
            Step::Boundary if is_boundary(text.as_bytes(), place) => {}
            Step::Begin | Step::Boundary => return,
        }
        thread.at += 1;
    }
}

/// Whether ASCII's letters, digits and `_` end or begin at `place`.
fn is_boundary(text: &[u8], place: usize) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = place.checked_sub(1).and_then(|before| text.get(before));
    word(before) != word(text.get(place))
}

#[cfg(test)]
mod tests;
