//! Breaks lines in ways that nobody writes, the same each time.

/// What mutants are spliced with: the beginnings of what nests, quotes and continues.
const PIECES: &[&str] = &[
    "$(",
    "`",
    "${",
    "((",
    "<<E\n",
    "<<<",
    "'",
    "\"",
    "\\",
    "$'\\x",
    "{a,{b,",
    ">(",
    "| sh",
    "\0",
    "\u{202e}",
    "\n",
    "eval ",
    "case x in ",
    "f(){ f|f& };f",
    "[[",
    "/*",
    "--",
    ";",
    "&&",
    "é",
];

/// xorshift64: enough to choose places, and the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).expect("below a usize")
    }
}

/// The largest character boundary of `text` that isn't beyond `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// `text` with up to five breaks: cut, spliced with pieces or with `other`.
pub(crate) fn mutate(text: &str, other: &str, dice: &mut Dice) -> String {
    let mut out = text.to_owned();
    for _ in 0..=dice.below(4) {
        let at = boundary(&out, dice.below(out.len() + 1));
        match dice.below(5) {
            0 => out.truncate(at),
            1 => out.insert_str(at, PIECES[dice.below(PIECES.len())]),
            2 => out.insert_str(at, other),
            3 => {
                let piece = PIECES[dice.below(PIECES.len())];
                out.insert_str(at, &piece.repeat(1 + dice.below(400)));
            }
            _ => out = out[at..].to_owned(),
        }
    }
    out
}
