//! Every rule sees its secret, wherever it stands, and nothing of it is left.

mod common;

use base64::Engine as _;
use common::{TOKENS, canaries, leaks, percent};
use redact::{Level, Origin, Redactor, find_secret, rules};
use serde_json::{Value, json};

fn full() -> Redactor {
    Redactor::new(Level::Full)
}

#[test]
fn every_rule_has_a_canary() {
    let tested: Vec<_> = canaries().into_iter().map(|(rule, ..)| rule).collect();
    // Those of gitleaks are made from their patterns in gitleaks.rs; personal data has tests of its own.
    for rule in rules() {
        let elsewhere = rule.origin == Origin::Gitleaks || rule.personal;
        assert!(
            tested.contains(&rule.name) || rule.name == "unsettled" || elsewhere,
            "no canary for {}",
            rule.name
        );
    }
}

#[test]
fn every_row_of_gitleaks_has_an_example_that_it_finds() {
    let mut same = Vec::new();
    for (rule, text, secret) in common::generate::gitleaks() {
        let masked = full().text(&text);
        assert!(
            secret.len() >= 8 && !masked.contains(&secret),
            "{rule}: {text} became {}",
            *masked
        );
        assert_eq!(find_secret(&masked), None, "{rule}: {}", *masked);
        if masked.masked().iter().all(|masked| masked.rule != rule) {
            same.push(rule);
        }
    }
    // Its pattern is that of the rule before it.
    assert_eq!(same, ["bittrex-secret-key"]);
}

#[test]
fn in_a_text_the_rule_is_named_and_the_secret_gone() {
    for (rule, text, secret) in canaries() {
        let masked = full().text(&text);
        assert!(
            masked.contains(&format!("[redacted:{rule}]")),
            "{rule}: {text} became {}",
            *masked
        );
        assert!(
            !leaks(&masked, &secret),
            "{rule}: {text} became {}",
            *masked
        );
        assert!(
            masked
                .masked()
                .iter()
                .any(|m| m.rule == rule && m.count == 1),
            "{rule}: {:?}",
            masked.masked()
        );
    }
}

/// All the places of a value that a secret may stand in.
fn hidden_in(text: &str) -> Vec<Value> {
    let in_json = json!({"note": text}).to_string();
    vec![
        json!({"command": text}),
        json!({"a": [1, {"b": [null, text]}]}),
        json!({text: 1}),
        json!({"body": in_json}),
        json!({"body": json!({"body": in_json}).to_string()}),
        json!(text),
        json!([text]),
    ]
}

#[test]
fn in_parameters_and_results_at_every_level() {
    for level in Level::ALL {
        let redactor = Redactor::new(level);
        for (rule, text, secret) in canaries() {
            for value in hidden_in(&text) {
                for masked in [
                    redactor.params("exec", &value),
                    redactor.result("exec", &value, b"salt"),
                ] {
                    let json = masked.to_string();
                    assert!(
                        !leaks(&json, &secret),
                        "{level} {rule}: {value} became {json}"
                    );
                    assert_eq!(find_secret(&json), None, "{level} {rule}: {json}");
                }
            }
        }
    }
}

#[test]
fn sealed() {
    for (rule, text, secret) in canaries() {
        for value in hidden_in(&text) {
            let sealed = full().seal(value.clone()).unwrap();
            assert!(
                !leaks(&sealed.to_string(), &secret),
                "{rule}: {value} became {}",
                *sealed
            );
            assert!(!sealed.masked().is_empty());
        }
    }
}

#[test]
fn url_encoded() {
    for (rule, text, secret) in canaries() {
        let masked = full().text(&format!("https://x.org/?q={}", percent(&text)));
        assert!(!leaks(&masked, &percent(&secret)), "{rule}: {}", *masked);
    }
}

#[test]
fn base64_encoded_with_either_alphabet_and_behind_a_path() {
    for (rule, text, _) in canaries() {
        for engine in [
            base64::engine::general_purpose::STANDARD,
            base64::engine::general_purpose::URL_SAFE_NO_PAD,
        ] {
            let encoded = engine.encode(format!("{text} and more"));
            for before in ["echo ", "x/", "ab/", "abc/"] {
                let masked = full().text(&format!("{before}{encoded} | base64 -d"));
                assert!(
                    !leaks(&masked, &encoded),
                    "{rule}: {text} became {}",
                    *masked
                );
            }
        }
    }
}

#[test]
fn tokens_are_found_in_any_surroundings() {
    for (rule, _, a, b) in TOKENS {
        let secret = format!("{a}{b}");
        for (before, after) in [
            ("\"", "\""),
            ("'", "'"),
            ("(", ")"),
            ("=", "&x=1"),
            ("\\n", "\\n"),
            (">", "<"),
            ("", ""),
            ("ü", "ü"),
            (",", ","),
        ] {
            let masked = full().text(&format!("{before}{secret}{after}"));
            assert!(!leaks(&masked, &secret), "{rule}: {}", *masked);
        }
    }
}

#[test]
fn the_edge_finds_every_token_in_a_trace() {
    for (rule, text, secret) in canaries() {
        let trace = json!({"id": "x", "params": {"command": text}}).to_string();
        if TOKENS
            .iter()
            .any(|(_, _, a, b)| format!("{a}{b}") == secret)
        {
            let finding = find_secret(&trace).unwrap_or_else(|| panic!("{rule}: {trace}"));
            assert_eq!(finding.rule, rule);
            assert!(
                trace[finding.at..].starts_with(&secret) || secret.contains('\\'),
                "{rule}: {trace}"
            );
        }
    }
}

#[test]
fn the_edge_accuses_by_name_only_what_looks_like_a_secret() {
    for trace in [
        r#"{"params":{"password":"hunter2"}}"#,
        r#"{"params":{"command":"export DB_PASSWORD=hunter2"}}"#,
        r#"{"params":{"api_key":"a8f3k2l9x7y6z5"}}"#,
        r#"{"params":{"command":"\u0073k-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"}}"#,
        "not json: ghp_0123456789012345678901234567890123456789",
    ] {
        assert!(find_secret(trace).is_some(), "{trace}");
    }
    for trace in [
        r#"{"params":{"token":"abc"}}"#,
        r#"{"params":{"text":"password: see the manual"}}"#,
        r#"{"password":{"type":"string"},"next":"hunter2"}"#,
        r#"{"password":1,"next":"hunter2"}"#,
        r#"{"password":"[string, 7 chars]"}"#,
    ] {
        assert_eq!(find_secret(trace), None, "{trace}");
    }
}

#[test]
fn members_with_a_secret_name_lose_their_whole_string() {
    let masked = full().params("x", &json!({
        "headers": {"authorization": "Bearer x", "X-Api-Key": "k", "Cookie": "a=b"},
        "deep": [{"client_secret": "abc", "sessionToken": "two words"}],
        "PASSWORD": 123_456,
        "tokens": "ten", "max_tokens": 5, "next_page_token": "CAUQAA", "token_count": "7",
        "args": ["login", "--password", "hunter2", "--user", "me"],
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "HOME", "value": "/root"}],
        "secrets_list": {"secret": ["one", "two"]},
    }));
    assert_eq!(
        *masked,
        json!({
            "headers": {"authorization": "[redacted:authorization]", "X-Api-Key": "[redacted:api-key]", "Cookie": "[redacted:cookie]"},
            "deep": [{"client_secret": "[redacted:secret]", "sessionToken": "[redacted:token]"}],
            "PASSWORD": "[redacted:password]",
            "tokens": "ten", "max_tokens": 5, "next_page_token": "CAUQAA", "token_count": "7",
            "args": ["login", "--password", "[redacted:password]", "--user", "me"],
            "env": [{"name": "DB_PASSWORD", "value": "[redacted:password]"}, {"name": "HOME", "value": "/root"}],
            "secrets_list": {"secret": ["[redacted:secret]", "[redacted:secret]"]},
        })
    );
}

#[test]
fn an_exported_key_as_openclaw_passes_it_leaves_nothing() {
    let key = TOKENS.iter().find(|canary| canary.2 == "sk-proj-").unwrap();
    let key = format!("{}{}", key.2, key.3);
    let params = json!({"command": format!("export MY_API_KEY={key}; echo $MY_API_KEY")});
    let masked = Redactor::new(Level::Preview).params("exec", &params);
    assert_eq!(
        *masked,
        json!({"command": "export MY_API_KEY=[redacted:openai-api-key]; echo $MY_API_KEY"})
    );
    // What OpenClaw itself has masked already is no secret any more.
    let result = json!({"content": [{"type": "text", "text": "sk-pro…ABCD"}], "details": {"status": "completed", "exitCode": 0}});
    let masked = Redactor::new(Level::Preview).result("exec", &result, b"salt");
    assert_eq!(masked["preview"], "sk-pro…ABCD");
    assert_eq!(masked["exit_code"], 0);
    assert_eq!(masked["status"], "completed");
}
