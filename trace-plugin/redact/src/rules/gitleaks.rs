//! gitleaks' rules, read from their tables. The tables are data of gitleaks under the MIT licence; see
//! `rules/gitleaks/README.md`.

use super::{Keywords, Origin, Rule, token};
#[cfg(not(target_arch = "wasm32"))]
use crate::random;

/// Tokens that are known by their own look.
static TOKENS: &str = include_str!("../../rules/gitleaks/tokens.tsv");

/// Secrets that only a word beside them makes suspicious. An edge does not look for them: see [`near`].
#[cfg(not(target_arch = "wasm32"))]
static NEAR: &str = include_str!("../../rules/gitleaks/near.tsv");

/// What may stand between a provider's word and a secret: the rest of a name, a quote, what assigns, a quote. Quotes may be
/// escaped, because JSON stands in JSON.
#[cfg(not(target_arch = "wasm32"))]
const BETWEEN: &str =
    r#"[ \t\w.-]{0,20})[\s'"\\]{0,8}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=\\]{0,8}"#;

/// Adds the rules of `tokens.tsv`.
pub(super) fn tokens(rules: &mut Vec<Rule>) {
    for line in TOKENS.lines() {
        let [id, entropy, keywords, pattern] = columns(line);
        rules.push(Rule {
            keywords: Keywords::Joined(keywords),
            entropy: bits(entropy),
            origin: Origin::Gitleaks,
            ..token(id, &[], pattern)
        });
    }
}

/// Adds the rules of `near.tsv`, which mask and do not accuse: `linear: ` and 32 hexadecimal digits may be a secret, and may be
/// the digest of a picture. That is enough to leave them out and too little to reject somebody's trace.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn near(rules: &mut Vec<Rule>) {
    for line in NEAR.lines() {
        let [id, entropy, keywords, words, secret] = columns(line);
        let pattern = if words.is_empty() {
            secret.to_owned()
        } else {
            format!("(?i-u:(?:{words}){BETWEEN}((?i-u:{secret}))(?:[^A-Za-z0-9_-]|$)")
        };
        rules.push(Rule {
            keywords: Keywords::Joined(keywords),
            entropy: bits(entropy),
            origin: Origin::Gitleaks,
            exact: false,
            token: false,
            check: random::no_word,
            accuses: false,
            ..token(id, &[], pattern)
        });
    }
}

/// The columns of a line. The tables are fixed, and a test reads every line.
fn columns<const N: usize>(line: &'static str) -> [&'static str; N] {
    let mut columns = line.split('\t');
    std::array::from_fn(|_| columns.next().unwrap_or_default())
}

fn bits(entropy: &str) -> f64 {
    entropy.parse().unwrap_or_default()
}
