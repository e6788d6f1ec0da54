//! A pattern as steps that a search takes.

use super::parse::{Count, Node};

/// What one character may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    /// Of ASCII, a bit each.
    pub(super) ascii: u128,
    /// Of all others.
    pub(super) others: Others,
}

/// Which characters beyond ASCII a class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    None,
    Blanks,
    NoBlanks,
    All,
}

impl Class {
    pub(super) const NONE: Self = Self {
        ascii: 0,
        others: Others::None,
    };

    /// Whether `char` is of it.
    pub(super) fn has(&self, char: char) -> bool {
        if char.is_ascii() {
            return self.ascii >> u32::from(char) & 1 == 1;
        }
        match self.others {
            Others::None => false,
            Others::Blanks => char.is_whitespace(),
            Others::NoBlanks => !char.is_whitespace(),
            Others::All => true,
        }
    }

    /// What is of either.
    pub(super) fn or(self, other: Self) -> Self {
        let others = match (self.others, other.others) {
            (others, Others::None) | (Others::None, others) => others,
            (one, other) if one == other => one,
            _ => Others::All,
        };
        Self {
            ascii: self.ascii | other.ascii,
            others,
        }
    }

    /// What is not of it.
    pub(super) fn not(self) -> Self {
        let others = match self.others {
            Others::None => Others::All,
            Others::Blanks => Others::NoBlanks,
            Others::NoBlanks => Others::Blanks,
            Others::All => Others::None,
        };
        Self {
            ascii: !self.ascii,
            others,
        }
    }
}

/// One step.
#[derive(Debug)]
pub(super) enum Step {
    /// Reads a character.
    One(Class),
    /// Goes on at the first, and if that leads nowhere at the second.
    Either(usize, usize),
    Jump(usize),
    /// The group begins here.
    Open,
    /// The group ends here.
    Close,
    /// Only at the begin of the text.
    Begin,
    /// Only where a word of ASCII begins or ends.
    Boundary,
    Match,
}

/// Steps, from the first on.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// What a match may begin with.
    pub(super) first: Class,
}

impl Program {
    pub(super) fn of(node: &Node) -> Self {
        let mut steps = Vec::new();
        write(node, &mut steps);
        steps.push(Step::Match);
        let mut first = Class::NONE;
        firsts(&steps, 0, &mut first, &mut vec![false; steps.len()]);
        Self { steps, first }
    }
}

fn write(node: &Node, steps: &mut Vec<Step>) {
    match node {
        Node::One(class) => steps.push(Step::One(*class)),
        Node::Begin => steps.push(Step::Begin),
        Node::Boundary => steps.push(Step::Boundary),
        Node::All(nodes) => nodes.iter().for_each(|node| write(node, steps)),
        Node::Group(node) => {
            steps.push(Step::Open);
            write(node, steps);
            steps.push(Step::Close);
        }
        Node::Any(nodes) => {
            let mut ends = Vec::new();
            for (index, node) in nodes.iter().enumerate() {
                let fork = (index + 1 < nodes.len()).then(|| hole(steps));
                write(node, steps);
                if let Some(fork) = fork {
                    ends.push(hole(steps));
                    steps[fork] = Step::Either(fork + 1, steps.len());
                }
            }
            for end in ends {
                steps[end] = Step::Jump(steps.len());
            }
        }
        Node::Repeat(node, count) => repeat(node, *count, steps),
    }
}

/// A step that is written later.
fn hole(steps: &mut Vec<Step>) -> usize {
    steps.push(Step::Match);
    steps.len() - 1
}

fn repeat(node: &Node, count: Count, steps: &mut Vec<Step>) {
    for _ in 0..count.least {
        write(node, steps);
    }
    let fork = |one: usize, other: usize| {
        if count.lazy {
            Step::Either(other, one)
        } else {
            Step::Either(one, other)
        }
    };
    let Some(most) = count.most else {
        let begin = hole(steps);
        write(node, steps);
        steps.push(Step::Jump(begin));
        steps[begin] = fork(begin + 1, steps.len());
        return;
    };
    let forks: Vec<_> = (count.least..most)
        .map(|_| {
            let at = hole(steps);
            write(node, steps);
            at
        })
        .collect();
    for at in forks {
        steps[at] = fork(at + 1, steps.len());
    }
}

/// Adds to `first` what may be read first from the step `at` on.
fn firsts(steps: &[Step], at: usize, first: &mut Class, seen: &mut [bool]) {
    if std::mem::replace(&mut seen[at], true) {
        return;
    }
    match &steps[at] {
        Step::One(class) => *first = first.or(*class),
        Step::Either(one, other) => {
            firsts(steps, *one, first, seen);
            firsts(steps, *other, first, seen);
        }
        Step::Jump(to) => firsts(steps, *to, first, seen),
        Step::Open | Step::Close | Step::Begin | Step::Boundary => {
            firsts(steps, at + 1, first, seen);
        }
        // No rule matches nothing.
        Step::Match => {}
    }
}
