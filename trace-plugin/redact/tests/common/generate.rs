//! An example for every row of gitleaks' tables, made from the row's own pattern: the same at each run.

/// A rule's name, a text with its secret in it, and the secret.
pub(crate) type Example = (&'static str, String, String);

/// One example a row.
pub(crate) fn gitleaks() -> Vec<Example> {
    let tokens = include_str!("../../rules/gitleaks/tokens.tsv").lines();
    let tokens = tokens.map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let secret = Maker::of(columns[0]).make(columns[3]);
        (columns[0], format!("before {secret} after"), secret)
    });
    let near = include_str!("../../rules/gitleaks/near.tsv").lines();
    let near = near.map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let mut maker = Maker::of(columns[0]);
        if columns[3].is_empty() {
            let whole = maker.make(columns[4]);
            let secret = maker.group.clone();
            return (columns[0], format!("{} {whole} ", columns[2]), secret);
        }
        let word = maker.make(columns[3]);
        let mut secret = maker.make(columns[4]);
        // Beside a word, a word is no secret.
        while !secret.bytes().any(|b| b.is_ascii_digit()) {
            secret = maker.make(columns[4]);
        }
        (columns[0], format!("{word}_value = \"{secret}\""), secret)
    });
    tokens.chain(near).collect()
}

/// Makes what a pattern of the tables matches.
struct Maker {
    state: u64,
    /// What the group that captures has made.
    group: String,
}

impl Maker {
    fn of(name: &str) -> Self {
        let state = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |state: u64, byte| {
                (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let group = String::new();
        Self { state, group }
    }

    /// Below `below`.
    fn next(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).expect("a pattern of ours") % below
    }

    fn make(&mut self, pattern: &str) -> String {
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        let made = self.alternatives(&chars, &mut at);
        assert_eq!(at, chars.len(), "{pattern} is not understood");
        made
    }

    /// The first alternative that is not empty; where a text begins and ends says nothing.
    fn alternatives(&mut self, chars: &[char], at: &mut usize) -> String {
        let mut made = self.sequence(chars, at);
        while chars.get(*at) == Some(&'|') {
            *at += 1;
            let other = self.sequence(chars, at);
            if made.is_empty() {
                made = other;
            }
        }
        made
    }

    fn sequence(&mut self, chars: &[char], at: &mut usize) -> String {
        let mut made = String::new();
        while let Some(char) = chars.get(*at).filter(|char| !matches!(char, '|' | ')')) {
            *at += 1;
            let begin = *at;
            let part = self.part(*char, chars, at);
            let end = *at;
            let (least, most) = count(chars, at);
            // A few of what may be many.
            let times = least + self.next(most.unwrap_or(least + 3) - least + 1);
            for time in 0..times {
                if time == 0 {
                    made.push_str(&part);
                } else {
                    let mut again = begin;
                    made.push_str(&self.part(*char, chars, &mut again));
                    assert_eq!(again, end);
                }
            }
        }
        made
    }

    fn part(&mut self, char: char, chars: &[char], at: &mut usize) -> String {
        match char {
            '^' | '$' => String::new(),
            '[' => self.class(chars, at).to_string(),
            '\\' => {
                *at += 1;
                match chars[*at - 1] {
                    'b' => String::new(),
                    's' => " ".to_owned(),
                    escaped => escaped.to_string(),
                }
            }
            '(' => {
                let captures = chars.get(*at) != Some(&'?');
                if !captures {
                    while chars[*at] != ':' {
                        *at += 1;
                    }
                    *at += 1;
                }
                let made = self.alternatives(chars, at);
                assert_eq!(chars[*at], ')');
                *at += 1;
                if captures {
                    self.group.clone_from(&made);
                }
                made
            }
            char => char.to_string(),
        }
    }

    /// One character of a class; of a negated one, a digit.
    fn class(&mut self, chars: &[char], at: &mut usize) -> char {
        let negated = chars[*at] == '^';
        let mut members: Vec<char> = Vec::new();
        *at += usize::from(negated);
        while chars[*at] != ']' {
            let char = chars[*at];
            *at += 1;
            if char == '\\' {
                let escaped = chars[*at];
                *at += 1;
                if !matches!(escaped, 's' | 'n' | 'r' | '\\') {
                    members.push(escaped);
                }
            } else if chars[*at] == '-' && chars[*at + 1] != ']' {
                members.extend(char..=chars[*at + 1]);
                *at += 2;
            } else {
                members.push(char);
            }
        }
        *at += 1;
        if negated {
            return char::from(b'0' + u8::try_from(self.next(10)).expect("a pattern of ours"));
        }
        // Letters and digits, where there are any: quotes and signs end a secret in some of the places it is put.
        let plain: Vec<char> = members
            .iter()
            .copied()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let members = if plain.is_empty() { members } else { plain };
        members[self.next(members.len())]
    }
}

/// How often what stands before `at` is made.
fn count(chars: &[char], at: &mut usize) -> (usize, Option<usize>) {
    let simple = match chars.get(*at) {
        Some('*') => Some((0, None)),
        Some('+') => Some((1, None)),
        Some('?') => Some((0, Some(1))),
        _ => None,
    };
    if let Some(count) = simple {
        *at += 1;
        return count;
    }
    if chars.get(*at) != Some(&'{') {
        return (1, Some(1));
    }
    let close = *at
        + chars[*at..]
            .iter()
            .position(|char| *char == '}')
            .expect("a pattern of ours");
    let text: String = chars[*at + 1..close].iter().collect();
    *at = close + 1;
    match text.split_once(',') {
        None => (
            text.parse().expect("a pattern of ours"),
            Some(text.parse().expect("a pattern of ours")),
        ),
        Some((least, "")) => (least.parse().expect("a pattern of ours"), None),
        Some((least, most)) => (
            least.parse().expect("a pattern of ours"),
            Some(most.parse().expect("a pattern of ours")),
        ),
    }
}
