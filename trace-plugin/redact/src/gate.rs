//! The first look: one pass of an automaton over the text says which rules are worth trying.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::names;
use crate::rules::RULES;

/// What an occurrence of a keyword calls for.
#[derive(Clone, Copy)]
enum Target {
    /// The rule at this place of the table.
    Rule(usize),
    /// A look at the name around it.
    Name,
    /// A closer look at an escape, in raw JSON.
    Escape,
}

struct Gate {
    automaton: AhoCorasick,
    keywords: Vec<(&'static str, bool, Target)>,
}

/// Percent-encoded ASCII and JSON's escapes of it: what may hide a keyword from the automaton.
const ESCAPES: &[&str] = &["%2", "%3", "%4", "%5", "%6", "%7", "\\u00"];

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let mut keywords = Vec::new();
    for (at, rule) in RULES.iter().enumerate() {
        keywords.extend(
            rule.keywords
                .iter()
                .map(|&word| (word, rule.exact, Target::Rule(at))),
        );
    }
    keywords.extend(
        names::KEYWORDS
            .iter()
            .map(|&word| (word, false, Target::Name)),
    );
    keywords.extend(ESCAPES.iter().map(|&word| (word, false, Target::Escape)));
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(keywords.iter().map(|(word, ..)| word))
        // A few hundred short literals are far from the automaton's limits, and every test builds it.
        .unwrap_or_else(|error| unreachable!("keyword automaton: {error}"));
    Gate {
        automaton,
        keywords,
    }
});

/// What a text calls for.
pub(crate) struct Look {
    /// Rules to try, a bit each.
    rules: u128,
    /// Keywords of names, in order of their end.
    pub(crate) names: Vec<Range<usize>>,
}

// `Look::rules` is one word.
const _: () = assert!(RULES.len() <= 128);

impl Look {
    /// The rules to try, in order of precedence.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        let rules = self.rules;
        (0..RULES.len()).filter(move |at| rules & (1 << at) != 0)
    }
}

/// Looks at `text` once.
pub(crate) fn look(text: &str) -> Look {
    let gate = &*GATE;
    let mut look = Look {
        rules: 0,
        names: Vec::new(),
    };
    for found in gate.automaton.find_overlapping_iter(text) {
        let (word, exact, target) = gate.keywords[found.pattern().as_usize()];
        match target {
            Target::Rule(at) => {
                if !exact || &text.as_bytes()[found.range()] == word.as_bytes() {
                    look.rules |= 1 << at;
                }
            }
            Target::Name => look.names.push(found.range()),
            Target::Escape => {}
        }
    }
    look
}

/// Whether any keyword or escape occurs at all; the fast way to "no".
pub(crate) fn occurs(text: &str) -> bool {
    GATE.automaton.is_match(text)
}
