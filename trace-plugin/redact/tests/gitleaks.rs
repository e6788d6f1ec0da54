//! The tables hold what upstream's configuration says, and find what its patterns find.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use redact::{Level, Origin, Redactor, find_secret, rules};
use serde::Deserialize;

const UPSTREAM: &str = include_str!("../rules/gitleaks/gitleaks.toml");
const TOKENS: &str = include_str!("../rules/gitleaks/tokens.tsv");
const NEAR: &str = include_str!("../rules/gitleaks/near.tsv");
const ELSEWHERE: &str = include_str!("../rules/gitleaks/elsewhere.tsv");
/// Upstream takes any 40 hexadecimal digits for a token of Sourcegraph where that word occurs; most of them are commits.
const PARTLY: [&str; 1] = ["sourcegraph-access-token"];
/// Examples that are made of each pattern.
const EXAMPLES: usize = 24;

#[derive(Deserialize)]
struct Upstream {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    #[serde(default)]
    keywords: Vec<String>,
    regex: Option<String>,
    #[serde(default)]
    entropy: f64,
}

fn upstream() -> BTreeMap<String, Rule> {
    let upstream: Upstream = toml::from_str(UPSTREAM).unwrap();
    let rules = upstream.rules.into_iter();
    rules.map(|rule| (rule.id.clone(), rule)).collect()
}

/// A table's rows by their first column.
fn rows(table: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = table.lines().map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        (columns[0], columns)
    });
    rows.collect()
}

#[test]
fn each_of_upstreams_rules_stands_in_exactly_one_table() {
    let upstream = upstream();
    assert_eq!(upstream.len(), 222);
    let mut seen = BTreeSet::new();
    for table in [TOKENS, NEAR, ELSEWHERE] {
        assert_eq!(rows(table).len(), table.lines().count(), "no name twice");
        for (id, columns) in rows(table) {
            assert!(upstream.contains_key(id), "{id} is not upstream's");
            assert!(seen.insert(id), "{id} stands in two tables");
            if table != ELSEWHERE {
                let entropy: f64 = columns[1].parse().unwrap();
                assert!(
                    (entropy - upstream[id].entropy).abs() < f64::EPSILON,
                    "{id}"
                );
            }
        }
    }
    let missing: Vec<_> = upstream
        .keys()
        .filter(|id| !seen.contains(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_stands_elsewhere_is_a_rule_of_ours_or_says_why_not() {
    let ours: BTreeSet<_> = rules().iter().map(|rule| rule.name).collect();
    for (id, columns) in rows(ELSEWHERE) {
        match columns[1] {
            "" => assert!(columns.get(2).is_some_and(|why| !why.is_empty()), "{id}"),
            name => assert!(ours.contains(name), "{id}: {name}"),
        }
    }
}

#[test]
fn the_rows_are_rules_and_near_ones_accuse_nobody() {
    let rules = rules();
    for (table, accuses) in [(TOKENS, true), (NEAR, false)] {
        for id in rows(table).keys() {
            let rule = rules.iter().find(|rule| rule.name == *id).unwrap();
            assert_eq!(
                (rule.origin, rule.accuses),
                (Origin::Gitleaks, accuses),
                "{id}"
            );
        }
    }
}

/// Upstream's pattern in what the generator understands: no places, prefixes in their documented case.
fn generator(regex: &str) -> String {
    let mut regex = words(regex);
    for (from, to) in [
        (r"\b", ""),
        (r"\B", ""),
        (r"\z", ""),
        ("|$|)", ")"),
        ("|$)", ")"),
        ("(?:$|", "(?:"),
        ("(?:^|", "(?:"),
        (r"[\S]", "[!#-&(-~]"),
        (r"\d", "[0-9]"),
        (r"\s", " "),
    ] {
        regex = regex.replace(from, to);
    }
    // Cases are told by the pattern's own letters, and by classes of small ones.
    regex
        .replace("(?i)", "")
        .replace("(?-i:", "(?:")
        .replace("(?i:", "(?:")
        .replace("A-Za-z0-9_]{0,50}?", "A-Za-z0-9_]{0,3}")
        .replace("[.*", "[")
}

/// `\w` written out, within a class and outside.
fn words(regex: &str) -> String {
    let mut written = String::new();
    let (mut in_class, mut at) = (false, 0);
    while let Some(char) = regex[at..].chars().next() {
        let escaped = regex[at..]
            .strip_prefix('\\')
            .and_then(|rest| rest.chars().next());
        match (escaped, in_class) {
            (Some('w'), true) => written.push_str("A-Za-z0-9_"),
            (Some('w'), false) => written.push_str("[A-Za-z0-9_]"),
            (Some(escaped), _) => written.extend(['\\', escaped]),
            (None, _) => {
                in_class = char == '[' || in_class && char != ']';
                written.push(char);
            }
        }
        at += 1 + escaped.map_or(char.len_utf8() - 1, char::len_utf8);
    }
    written
}

/// What upstream would call by this rule: a text, and the secret in it.
fn examples(rule: &Rule, runner: &mut TestRunner) -> Vec<(String, String)> {
    let upstreams = rule.regex.as_deref().unwrap();
    let pattern = generator(upstreams);
    let strategy =
        string_regex(&pattern).unwrap_or_else(|error| panic!("{}: {pattern}: {error}", rule.id));
    let judge = regex::bytes::RegexBuilder::new(upstreams)
        .unicode(false)
        .build()
        .unwrap();
    let is_near = rows(NEAR).contains_key(rule.id.as_str());
    let mut examples = Vec::new();
    for _ in 0..50 * EXAMPLES {
        let text = format!("{} ", strategy.new_tree(runner).unwrap().current());
        // Upstream looks at nothing that has none of its keywords.
        let lower = text.to_lowercase();
        let has_keyword = rule.keywords.iter().any(|keyword| lower.contains(keyword));
        let text = if has_keyword {
            text
        } else {
            format!("{} {text}", rule.keywords[0])
        };
        let Some(found) = judge.captures(text.as_bytes()) else {
            continue;
        };
        // A short group is a part that repeats.
        let groups = found
            .iter()
            .skip(1)
            .flatten()
            .find(|group| group.len() >= 8);
        // A class may end within a character.
        let Ok(secret) = std::str::from_utf8(groups.unwrap_or(found.get(0).unwrap()).as_bytes())
        else {
            continue;
        };
        // A check of ours: beside a word, a word is no secret.
        let is_word = is_near && !secret.bytes().any(|b| b.is_ascii_digit());
        if entropy(secret) >= rule.entropy.max(2.0) && !is_word {
            examples.push((text.clone(), secret.trim().to_owned()));
        }
        if examples.len() == EXAMPLES {
            break;
        }
    }
    assert!(
        !examples.is_empty(),
        "{}: {pattern} makes no example",
        rule.id
    );
    examples
}

/// Shannon's, in bits a character, as upstream counts.
fn entropy(text: &str) -> f64 {
    let mut counts = BTreeMap::new();
    text.chars()
        .for_each(|c| *counts.entry(c).or_insert(0_u32) += 1);
    let length = f64::from(u32::try_from(text.chars().count()).unwrap());
    counts
        .values()
        .map(|&count| -f64::from(count) / length * (f64::from(count) / length).log2())
        .sum()
}

#[test]
fn what_upstreams_patterns_match_is_masked() {
    let mut runner = TestRunner::deterministic();
    let elsewhere = rows(ELSEWHERE);
    let redactor = Redactor::new(Level::Full);
    let near = rows(NEAR);
    let mut told = Vec::new();
    for (id, rule) in upstream() {
        if elsewhere
            .get(id.as_str())
            .is_some_and(|columns| columns.len() > 2)
        {
            continue;
        }
        let name = elsewhere
            .get(id.as_str())
            .map_or(id.as_str(), |columns| columns[1]);
        let mut named = 0;
        let mut masked = 0;
        let examples = examples(&rule, &mut runner);
        for (text, secret) in &examples {
            let text = format!(" {text}");
            let done = redactor.text(&text);
            masked += usize::from(!done.contains(secret));
            named += usize::from(done.masked().iter().any(|masked| masked.rule == name));
            assert_eq!(find_secret(&done), None, "{id}: {text}");
        }
        let as_another = near.iter().any(|(other, columns)| {
            *other < name && near.get(name).is_some_and(|row| row[3..] == columns[3..])
        });
        let is_masked = masked == examples.len() || PARTLY.contains(&id.as_str());
        // Another rule may fit as well and stand before it.
        if !is_masked || named == 0 && !as_another {
            told.push(format!(
                "{id} ({name}): {masked} masked, {named} named of {}: {}",
                examples.len(),
                examples[0].0
            ));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn what_misses_a_pattern_by_little_is_no_hit_of_its_rule() {
    let mut runner = TestRunner::deterministic();
    let redactor = Redactor::new(Level::Full);
    let (tokens, near) = (rows(TOKENS), rows(NEAR));
    for (id, rule) in upstream() {
        if !tokens.contains_key(id.as_str()) && !near.contains_key(id.as_str()) {
            continue;
        }
        for (text, secret) in examples(&rule, &mut runner) {
            // Cut to a few characters, and one digit all over.
            let short = text.replace(&secret, &secret[..secret.len().min(6)]);
            let flat = text.replace(&secret, &"1".repeat(secret.len()));
            for miss in [short, flat] {
                let done = redactor.text(&format!(" {miss}"));
                let is_named = done.masked().iter().any(|masked| masked.rule == id);
                assert!(!is_named, "{id}: {miss}");
            }
        }
    }
}
