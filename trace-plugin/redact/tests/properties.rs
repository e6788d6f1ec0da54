//! What holds for any input.

mod common;

use proptest::prelude::*;
use redact::{Level, Redactor, find_secret};
use serde_json::Value;

/// Text that is made of what rules look for, so that they meet in odd ways.
fn spiky() -> impl Strategy<Value = String> {
    let canaries = common::canaries();
    let piece = prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9_+/=-]{0,40}",
        prop::sample::select(canaries).prop_map(|(_, text, _)| text),
        prop::sample::select(vec![
            "password",
            "token",
            "api_key",
            "secret",
            "=",
            ": ",
            "\"",
            "'",
            "\\\"",
            "\\",
            "--",
            "[redacted:jwt]",
            "[redacted:",
            "]",
            "sk-",
            "ghp_",
            "AKIA",
            "Authorization: Bearer ",
            "Cookie: ",
            "://",
            ":",
            "@",
            "%3D",
            "%22",
            "<",
            ">",
            "…",
            "[cut, 5 bytes in all]",
            " ",
            "\n",
            "\\n",
            "{",
            "}",
            "$",
            "-----BEGIN PRIVATE KEY-----",
            "/home/ann",
            "\0",
            "ann@example.org",
            "+49 30 1234567",
            "4111 1111 1111 1111",
            "kind: Secret\ndata:\n  a: ",
            "sentry: ",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "\\u0070assword",
            "%70assword",
            "curl -u me:",
            "-----END PRIVATE KEY-----",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        spiky().prop_map(Value::from),
        "[a-z \"\\\\]{0,9000}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((spiky(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn redactor(level: Level) -> Redactor {
    let redactor = Redactor::new(level).with_home(Some("/home/ann".to_owned()));
    // Personal data takes the same way.
    redactor.with_personal_masked(level == Level::Full)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_twice_is_text_once_and_the_edge_finds_nothing(text in spiky()) {
        let redactor = redactor(Level::Full);
        let once = redactor.text(&text).into_inner();
        let twice = redactor.text(&once);
        prop_assert_eq!(&*twice, &once);
        prop_assert!(twice.masked().is_empty());
        prop_assert_eq!(find_secret(&once), None);
        prop_assert_eq!(find_secret(&Value::from(once).to_string()), None);
    }

    #[test]
    fn values_twice_are_values_once_and_the_edge_finds_nothing(value in value()) {
        for level in Level::ALL {
            let redactor = redactor(level);
            let once = redactor.params("x", &value).into_inner();
            prop_assert_eq!(find_secret(&once.to_string()), None);
            let result = redactor.result("x", &value, b"salt");
            prop_assert_eq!(find_secret(&result.to_string()), None);
            if level > Level::None {
                prop_assert_eq!(&*redactor.params("x", &once), &once);
            }
            let sealed = redactor.seal(once.clone()).unwrap();
            prop_assert_eq!(&*sealed, &once, "what was masked for publishing is sealed as it is");
        }
    }

    #[test]
    fn sealing_twice_is_sealing_once(value in value()) {
        let redactor = redactor(Level::None);
        let once = redactor.seal(value).unwrap().into_inner();
        prop_assert_eq!(find_secret(&once.to_string()), None);
        prop_assert_eq!(&*redactor.seal(once.clone()).unwrap(), &once);
    }

    #[test]
    fn no_canary_survives_between_other_text(before in spiky(), after in spiky(), at in 0..common::TOKENS.len()) {
        let (rule, _, a, b) = common::TOKENS[at];
        let secret = format!("{a}{b}");
        let masked = redactor(Level::Full).text(&format!("{before} {secret} {after}"));
        prop_assert!(!masked.contains(&secret), "{rule}: {}", *masked);
    }

    #[test]
    fn the_edge_never_panics(text in any::<String>(), json in "[\\[{\"]([a-z\":,\\\\u0{}\\[\\] ]|password|token=|%3D){0,60}") {
        find_secret(&text);
        find_secret(&json);
    }
}
