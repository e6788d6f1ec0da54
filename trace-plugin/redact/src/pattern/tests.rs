use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::string::string_regex;
use regex::Regex;

use super::*;
use crate::rules::{Origin, RULES};

/// A rule's name, its pattern, and both engines for it.
type Both = (&'static str, String, Pattern, Regex);

static BOTH: LazyLock<Vec<Both>> = LazyLock::new(|| {
    // What only stands near a word is not looked for in a Worker.
    let here = |rule: &&crate::rules::Rule| rule.accuses || rule.origin == Origin::Smoltbot;
    let both = RULES.iter().filter(here).map(|rule| {
        let pattern = rule.whole_pattern();
        let ours = Pattern::parse(&pattern).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let regex = Regex::new(&pattern).unwrap();
        (rule.id, pattern, ours, regex)
    });
    both.collect()
});

fn by_regex(regex: &Regex, text: &str) -> Vec<Range<usize>> {
    let captures = regex.captures_iter(text);
    captures
        .map(|found| found.get(1).unwrap().range())
        .collect()
}

fn agree((id, _, ours, regex): &Both, text: &str) -> Result<usize, TestCaseError> {
    let groups = ours.groups(text);
    prop_assert_eq!(&groups, &by_regex(regex, text), "{} in {:?}", id, text);
    Ok(groups.len())
}

/// Texts that match `pattern`, boundaries aside, which the generator does not know.
fn matching(pattern: &str) -> BoxedStrategy<String> {
    let plain = pattern.replace(r"(?-u:\b)", "").replace("(?:^|", "(?:|");
    string_regex(&plain).unwrap().boxed()
}

/// What stands between matches, and what spoils one.
fn between() -> impl Strategy<Value = String> {
    let told = vec![
        "", " ", "\n", "\\n", "\\", "\"", "'", "=", ": ", "-", "_", "a", "Z", "0", "é", "\u{a0}",
        "\u{2028}", "…", "ß", "K", "-----", "://", "@", ";", " -p ", " -u ", "login ",
    ];
    prop_oneof![
        4 => prop::sample::select(told).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ]
}

/// Some matches of one rule, some of them spoilt, and what stands between them.
fn texts() -> impl Strategy<Value = (usize, String)> {
    (0..BOTH.len()).prop_flat_map(|rule| {
        let part = (
            between(),
            matching(&BOTH[rule].1),
            between(),
            any::<prop::sample::Index>(),
            0..4_u8,
        );
        let part = part.prop_map(|(before, mut text, spoiling, at, how)| {
            let places: Vec<_> = text.char_indices().map(|(place, _)| place).collect();
            if let Some(&place) = (!places.is_empty()).then(|| at.get(&places)) {
                match how {
                    0 => text.insert_str(place, &spoiling),
                    1 => text.truncate(place),
                    2 => drop(text.remove(place)),
                    _ => {}
                }
            }
            before + &text
        });
        let parts = prop::collection::vec(part, 1..4);
        parts.prop_map(move |parts| (rule, parts.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn it_finds_what_regex_finds((rule, text) in texts()) {
        agree(&BOTH[rule], &text)?;
    }

    #[test]
    fn it_finds_what_regex_finds_of_other_rules((_, text) in texts()) {
        for both in BOTH.iter() {
            agree(both, &text)?;
        }
    }

    #[test]
    fn it_finds_what_regex_finds_in_any_text(text in "(\\PC|[\\n\\r\\t ]|[-A-Za-z0-9:/@=\"'.\\\\]{1,20}){0,12}") {
        for both in BOTH.iter() {
            agree(both, &text)?;
        }
    }
}

/// Otherwise the tests above would compare nothing with nothing.
#[test]
fn every_rule_is_found_in_what_is_made_for_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for both in BOTH.iter() {
        let found = (0..200).any(|_| {
            let text = matching(&both.1).new_tree(&mut runner).unwrap().current();
            agree(both, &format!(" {text} ")).unwrap() > 0
        });
        assert!(found, "{}", both.0);
    }
}

/// Found by chance: a no-break space is white space in Unicode, and none where a rule asks for ASCII.
#[test]
fn white_space_is_ascii_where_a_rule_says_so() {
    let text = "<ADD KEY=\"PASSWORD\"\u{a0}\tVALUE=\"0a identified\u{2003}by 'x'";
    for both in BOTH.iter() {
        agree(both, text).unwrap();
    }
}

#[test]
fn what_rules_do_not_use_is_refused() {
    for pattern in [
        "a.b",
        "a$",
        "*a",
        "a{x}",
        "(a",
        "a)",
        "[a",
        "[[:alpha:]]",
        "[a&&b]",
        r"\d",
        r"\w",
        r"\pL",
        "é",
        "(?i:a)é",
        "(?x:a)",
        "(?P<n>a)",
    ] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

/// Each would take a backtracking engine longer than anyone waits.
#[test]
fn no_text_takes_long() {
    let texts = [
        "docker login -p login ".repeat(3000),
        "curl -u http ".repeat(5000),
        "-----BEGIN A PRIVATE KEY-----".repeat(300),
        "://a".repeat(16_000),
        "aws_secret.".repeat(6000),
    ];
    for text in texts {
        for both in BOTH.iter() {
            agree(both, &text).unwrap();
        }
    }
}
