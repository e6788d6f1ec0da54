//! The first look: one pass over the text says which rules are worth trying.
//!
//! Keywords are found by the hash of their first three bytes. An automaton would say the same, but takes longer to build
//! than a process that masks one call lives; this table is filled in microseconds, and no slower to search.

use std::ops::Range;
use std::sync::LazyLock;

use crate::names;
use crate::rules::RULES;

/// What an occurrence of a keyword calls for.
#[derive(Clone, Copy)]
enum Target {
    /// The rule at this place of the table.
    Rule(usize),
    /// A look at the name around it.
    Name,
}

/// A word that is looked for.
struct Keyword {
    word: &'static [u8],
    /// Whether it must have exactly this case.
    exact: bool,
    target: Target,
}

impl Keyword {
    /// Whether `text` begins with it.
    fn begins(&self, text: &[u8]) -> bool {
        let Some(start) = text.get(..self.word.len()) else {
            return false;
        };
        if self.exact {
            start == self.word
        } else {
            start.eq_ignore_ascii_case(self.word)
        }
    }
}

/// The bytes of a keyword that are hashed; none is shorter.
const GRAM: usize = 3;
/// Bits of the hash: 4096 buckets for some 400 different beginnings leave 9 of 10 places of a text without a candidate.
const HASH_BITS: u32 = 12;
const BUCKETS: usize = 1 << HASH_BITS;

struct Gate {
    /// Where each bucket's keywords begin in `keywords`; its end is the next one's begin.
    buckets: Box<[u16]>,
    keywords: Vec<Keyword>,
}

/// The hash of the first three of four bytes: a text is read four at a time, because that is one load.
fn bucket(four: [u8; 4]) -> usize {
    // The case of letters goes, and what else this merges only costs a comparison.
    let gram = u32::from_le_bytes(four) & 0x00ff_ffff | 0x0020_2020;
    // Fibonacci hashing: the top bits of a product with 2^32 divided by the golden ratio.
    (gram.wrapping_mul(0x9e37_79b9) >> (u32::BITS - HASH_BITS)) as usize
}

fn bucket_of(word: &[u8]) -> usize {
    bucket([word[0], word[1], word[2], 0])
}

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let mut keywords = Vec::new();
    for (at, rule) in RULES.iter().enumerate() {
        keywords.extend(rule.keywords().map(|word| Keyword {
            word: word.as_bytes(),
            exact: rule.exact,
            target: Target::Rule(at),
        }));
    }
    keywords.extend(names::KEYWORDS.iter().map(|word| Keyword {
        word: word.as_bytes(),
        exact: false,
        target: Target::Name,
    }));
    keywords.sort_by_cached_key(|keyword| bucket_of(keyword.word));
    let mut buckets = vec![0_u16; BUCKETS + 1].into_boxed_slice();
    for keyword in &keywords {
        buckets[bucket_of(keyword.word) + 1] += 1;
    }
    let mut begin = 0;
    for bucket in &mut buckets {
        begin += *bucket;
        *bucket = begin;
    }
    Gate { buckets, keywords }
});

impl Gate {
    /// Tells `found` of every keyword and where it begins, until it says to stop.
    fn search(&self, text: &[u8], mut found: impl FnMut(&Keyword, usize) -> bool) {
        for (begin, four) in text.array_windows().enumerate() {
            if !self.visit(bucket(*four), &text[begin..], |keyword| {
                found(keyword, begin)
            }) {
                return;
            }
        }
        // The last three bytes have none behind them.
        if let Some(begin) = text.len().checked_sub(GRAM) {
            let last = &text[begin..];
            self.visit(bucket_of(last), last, |keyword| found(keyword, begin));
        }
    }

    /// Tells `found` of every keyword of a bucket that `text` begins with, until it says to stop.
    fn visit(&self, bucket: usize, text: &[u8], mut found: impl FnMut(&Keyword) -> bool) -> bool {
        let (from, to) = (self.buckets[bucket], self.buckets[bucket + 1]);
        from == to
            || self.keywords[usize::from(from)..usize::from(to)]
                .iter()
                .all(|keyword| !keyword.begins(text) || found(keyword))
    }
}

/// What a text calls for.
pub(crate) struct Look {
    /// Rules to try, a bit each.
    rules: [u64; WORDS],
    /// Keywords of names, in order of their end.
    pub(crate) names: Vec<Range<usize>>,
}

/// Words of [`Look::rules`].
const WORDS: usize = 5;
/// The most rules that there may be.
#[cfg(test)]
const MAX_RULES: usize = WORDS * 64;

impl Look {
    /// The rules to try, in order of precedence.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        let words = self.rules.into_iter().enumerate();
        words.flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

/// Looks at `text` once.
pub(crate) fn look(text: &str) -> Look {
    let mut look = Look {
        rules: [0; WORDS],
        names: Vec::new(),
    };
    GATE.search(text.as_bytes(), |keyword, begin| {
        match keyword.target {
            Target::Rule(at) => look.rules[at / 64] |= 1 << (at % 64),
            Target::Name => look.names.push(begin..begin + keyword.word.len()),
        }
        true
    });
    look.names
        .sort_unstable_by_key(|name| (name.end, name.start));
    look
}

/// Whether any keyword occurs in what may be a text.
pub(crate) fn occurs(bytes: &[u8]) -> bool {
    let mut occurs = false;
    GATE.search(bytes, |_, _| {
        occurs = true;
        false
    });
    occurs
}

/// Adds where keywords begin.
pub(crate) fn marks(text: &str, marks: &mut Vec<usize>) {
    GATE.search(text.as_bytes(), |_, begin| {
        marks.push(begin);
        true
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Iterator<Item = (&'static str, bool, Option<usize>)> {
        let rules = RULES.iter().enumerate().flat_map(|(at, rule)| {
            rule.keywords()
                .map(move |word| (word, rule.exact, Some(at)))
        });
        rules.chain(names::KEYWORDS.iter().map(|word| (*word, false, None)))
    }

    fn is_marked(text: &str) -> bool {
        let mut found = Vec::new();
        marks(text, &mut found);
        !found.is_empty()
    }

    /// The same by looking for every keyword at every place.
    fn slowly(text: &str) -> ([u64; WORDS], Vec<Range<usize>>) {
        let (mut rules, mut names) = ([0_u64; WORDS], Vec::new());
        for (word, exact, rule) in words() {
            for at in 0..text.len() {
                let Some(here) = text.as_bytes().get(at..at + word.len()) else {
                    break;
                };
                let same = if exact {
                    here == word.as_bytes()
                } else {
                    here.eq_ignore_ascii_case(word.as_bytes())
                };
                match rule {
                    Some(rule) if same => rules[rule / 64] |= 1 << (rule % 64),
                    None if same => names.push(at..at + word.len()),
                    _ => {}
                }
            }
        }
        names.sort_unstable_by_key(|name| (name.end, name.start));
        (rules, names)
    }

    #[test]
    fn no_keyword_is_shorter_than_what_is_hashed() {
        for (word, ..) in words() {
            assert!(word.len() >= GRAM && word.is_ascii(), "{word}");
        }
        assert!(u16::try_from(words().count()).is_ok());
        assert!(RULES.len() <= MAX_RULES, "{}", RULES.len());
    }

    #[test]
    fn every_keyword_is_found_at_either_end_of_a_text() {
        for (word, exact, rule) in words() {
            for text in [word.to_owned(), format!("é{word}"), format!("{word}é")] {
                let look = look(&text);
                match rule {
                    Some(rule) => assert!(look.rules().any(|at| at == rule), "{text}"),
                    None => assert!(!look.names.is_empty(), "{text}"),
                }
                assert!(occurs(text.as_bytes()) && is_marked(&text), "{text}");
            }
            let upper = word.to_ascii_uppercase();
            if !exact {
                assert!(occurs(upper.as_bytes()), "{upper}");
            }
        }
        assert!(!is_marked("") && !is_marked("ls -la /var"));
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_search_word_by_word_finds(
            parts in prop::collection::vec((any::<prop::sample::Index>(), "[ -~é]{0,3}", any::<bool>()), 0..12)
        ) {
            let all: Vec<_> = words().collect();
            let mut text = String::new();
            for (word, between, upper) in &parts {
                let word = word.get(&all).0;
                // Cut short, so that beginnings and overlaps come up as well.
                let word = &word[..word.len() - between.len().min(word.len())];
                text.push_str(between);
                text.push_str(&if *upper { word.to_ascii_uppercase() } else { word.to_owned() });
            }
            let look = look(&text);
            let (rules, names) = slowly(&text);
            prop_assert_eq!(look.rules, rules);
            prop_assert_eq!(look.names, names);
        }
    }
}
