//! Encodings within encodings, command lines in arrays, and what limits them.

#![allow(clippy::format_collect, reason = "short texts of tests")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::TOKENS;
use redact::limits::{MAX_ARGV_ITEMS, MAX_CONTENT_DEPTH, MAX_ENCODINGS};
use redact::{Level, Redactor, find_secret};
use serde_json::{Value, json};

type Encoding = (&'static str, fn(&str) -> String);

/// Each puts every character of its own kind in disguise.
const ENCODINGS: [Encoding; 8] = [
    ("percent", |text| common::percent(text)),
    ("base64", |text| STANDARD.encode(text)),
    ("base64url", |text| URL_SAFE_NO_PAD.encode(text)),
    ("hex", |text| {
        text.bytes().map(|b| format!("{b:02x}")).collect()
    }),
    ("unicode", |text| {
        text.bytes().map(|b| format!("\\u{b:04x}")).collect()
    }),
    ("hex escape", |text| {
        text.bytes().map(|b| format!("\\x{b:02x}")).collect()
    }),
    ("html", |text| {
        text.bytes().map(|b| format!("&#{b};")).collect()
    }),
    ("json", |text| json!({"text": text}).to_string()),
];

fn full() -> Redactor {
    Redactor::new(Level::Full)
}

#[test]
fn three_encodings_deep_nothing_is_left_and_the_edge_finds_it_too() {
    assert_eq!(MAX_ENCODINGS, 3);
    let (_, _, a, b) = TOKENS
        .iter()
        .find(|canary| canary.0 == "github-pat")
        .unwrap();
    let secret = format!("export X={a}{b}");
    for (first, one) in ENCODINGS {
        for (second, two) in ENCODINGS {
            for (third, three) in ENCODINGS {
                let text = format!("echo '{}'", three(&two(&one(&secret))));
                let masked = full().text(&text);
                let way = format!("{first} in {second} in {third}: {text} became {}", *masked);
                assert!(!masked.masked().is_empty(), "{way}");
                assert_eq!(find_secret(&masked), None, "{way}");
                assert!(find_secret(&text).is_some(), "{way}");
                let in_json = json!({"params": {"command": text}}).to_string();
                assert!(find_secret(&in_json).is_some(), "{way}");
            }
        }
    }
}

#[test]
fn every_token_in_each_encoding() {
    for (rule, _, a, b) in TOKENS {
        for (name, encode) in ENCODINGS {
            let encoded = encode(&format!("x {a}{b} y"));
            let masked = full().text(&format!("echo {encoded} end"));
            assert!(!masked.contains(&encoded), "{rule} in {name}: {}", *masked);
            assert!(!masked.masked().is_empty(), "{rule} in {name}");
        }
    }
}

#[test]
fn deeper_than_the_limit_is_not_looked_at() {
    let (_, _, a, b) = TOKENS
        .iter()
        .find(|canary| canary.0 == "github-pat")
        .unwrap();
    let mut text = format!("{a}{b}");
    for _ in 0..=MAX_ENCODINGS {
        text = STANDARD.encode(text);
    }
    assert!(full().text(&text).masked().is_empty());
}

#[test]
fn a_key_in_wrapped_base64_goes_with_all_its_lines() {
    let body: String = (0..40)
        .map(|n| format!("Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd{n:02}\n"))
        .collect();
    let key = format!(
        "-----BEGIN OPENSSH PRIVATE{} KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n",
        ""
    );
    let encoded = STANDARD.encode(key);
    for (width, end) in [(76, "\n"), (64, "\n"), (76, "\r\n"), (76, "\\n")] {
        let lines: Vec<_> = encoded
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let text = format!("$ base64 id{end}{}{end}$ ", lines.join(end));
        let masked = full().text(&text);
        assert!(masked.contains("[redacted:private-key]"), "{width} {end:?}");
        assert!(masked.len() < 60, "{width} {end:?}: {}", *masked);
    }
}

#[test]
fn what_a_great_effort_would_be_needed_for_is_withheld() {
    // Escapes within escapes within escapes of one long run.
    let mut text = "%252525".repeat(3000);
    text.push_str(&STANDARD.encode("x".repeat(9000)));
    let masked = full().text(&text);
    assert!(masked.len() < text.len());
    assert_eq!(find_secret(&masked), None);
}

#[test]
fn a_command_line_in_an_array_is_read_as_one() {
    for (argv, expected) in [
        (
            json!(["curl", "-u", "me:hunter2", "https://x.org"]),
            json!(["curl", "-u", "me:[redacted:password]", "https://x.org"]),
        ),
        (
            json!(["mysql", "-u", "root", "-p", "hunter2"]),
            json!(["mysql", "-u", "root", "-p", "hunter2"]),
        ),
        (
            json!(["sshpass", "-p", "hunter2", "ssh", "x"]),
            json!(["sshpass", "-p", "[redacted:password]", "ssh", "x"]),
        ),
        (
            json!(["docker", "login", "-u", "me", "-p", "hunter2"]),
            json!(["docker", "login", "-u", "me", "-p", "[redacted:password]"]),
        ),
        (
            json!(["tool", "--password", "hunter2"]),
            json!(["tool", "--password", "[redacted:password]"]),
        ),
        (
            json!(["tool", "--token", "a8f3k2l9x7y6z5", "x"]),
            json!(["tool", "--token", "[redacted:token]", "x"]),
        ),
        (
            json!(["-H", "Authorization: Bearer opaque-one"]),
            json!(["-H", "Authorization: Bearer [redacted:authorization]"]),
        ),
        (
            json!([["X-Api-Key", "a8f3k2l9x7y6z5"], ["Accept", "text/html"]]),
            json!([["X-Api-Key", "[redacted:api-key]"], ["Accept", "text/html"]]),
        ),
        (
            json!(["password", "token", "secret"]),
            json!(["password", "token", "secret"]),
        ),
        (json!(["ls", "-la", "/tmp"]), json!(["ls", "-la", "/tmp"])),
        // Numbers are words of the line, and stay numbers where nothing is secret in them.
        (
            json!(["sshpass", "-p", "hunter2", "ssh", "-p", 2222, "x"]),
            json!([
                "sshpass",
                "-p",
                "[redacted:password]",
                "ssh",
                "-p",
                2222,
                "x"
            ]),
        ),
        (
            json!(["sshpass", "-p", 12_345_678, "ssh", "x"]),
            json!(["sshpass", "-p", "[redacted:password]", "ssh", "x"]),
        ),
        // One that a double cannot hold becomes a string: a second reading sees the line that the first saw.
        (
            json!([
                -9_007_199_254_740_993_i64,
                "kind: Secret\ndata:\n  a: ",
                "b"
            ]),
            json!([
                "-9007199254740993",
                "kind: Secret\ndata:\n  a: ",
                "[redacted:kubernetes-secret]"
            ]),
        ),
    ] {
        let masked = full().params("exec", &json!({"argv": argv}));
        assert_eq!(masked["argv"], expected);
        assert_eq!(*full().params("exec", &masked), *masked);
    }
}

#[test]
fn a_longer_array_is_read_item_by_item() {
    let mut argv = vec!["x".to_owned(); MAX_ARGV_ITEMS];
    argv.extend(["sshpass", "-p", "hunter2"].map(str::to_owned));
    let value = json!({"argv": argv});
    assert_eq!(*full().params("exec", &value), value);
}

#[test]
fn a_kubernetes_secret_as_json_keeps_its_keys_alone() {
    let secret = json!({"kind": "Secret", "data": {"a": "aHVudGVyMg==", "b": {"c": "x"}}, "stringData": {"d": "hunter2"}, "metadata": {"name": "db"}});
    let masked = full().params("x", &secret);
    let hidden = Value::from("[redacted:kubernetes-secret]");
    assert_eq!(
        *masked,
        json!({"kind": "Secret", "data": {"a": hidden, "b": hidden}, "stringData": {"d": hidden}, "metadata": {"name": "db"}})
    );
}

#[test]
fn of_many_long_strings_not_all_are_read() {
    let secret = format!("PASSWORD='{}'", "x1".repeat(8000));
    let value = json!(vec![secret; 500]);
    let masked = full().params("x", &value).to_string();
    assert!(
        masked.contains("[redacted:password]") && masked.contains("…[cut, 16011 bytes in all]"),
        "{masked}"
    );
    assert!(!masked.contains("x1x1"));
}

#[test]
fn personal_data_is_kept_unless_masking_it_is_asked_for() {
    let value = json!({
        "text": "ask ann@example.org or call +49 30 1234567", "ip": "from 203.0.113.9", "card": "4111 1111 1111 1111",
        "phone": "555 1234", "user": {"firstName": "Ann", "age": 41}, "encoded": "to=ann%40example.org",
        "base64": STANDARD.encode("write to ann.lee@example.org please"),
    });
    assert_eq!(*full().params("x", &value), value);
    let masker = full().with_personal_masked(true);
    let masked = masker.params("x", &value);
    assert_eq!(
        *masked,
        json!({
            "text": "ask [redacted:email] or call [redacted:phone-number]", "ip": "from [redacted:ip-address]",
            "card": "[redacted:credit-card]", "phone": "[redacted:personal-data]",
            "user": {"firstName": "[redacted:personal-data]", "age": 41}, "encoded": "to=[redacted:email]",
            "base64": "[redacted:email]",
        })
    );
    assert_eq!(*masker.params("x", &masked), *masked);
    assert_eq!(
        *masker.text("mail ann@example.org"),
        "mail [redacted:email]"
    );
    let sealed = masker
        .seal(json!({"session_id": "ann@example.org"}))
        .unwrap();
    assert_eq!(*sealed, json!({"session_id": "[redacted:email]"}));
}

/// Of what was cut a second reading would otherwise see a line where the first saw none: too many bytes, something that is no
/// word, arrays in arrays.
#[test]
fn what_was_cut_is_no_command_line() {
    let manifest = "kind: Secret\ndata:\n  a: ";
    let long = format!("b\\n{}", "a ".repeat(4_500));
    let mut deep = json!([manifest, "b", []]);
    for _ in 0..MAX_CONTENT_DEPTH - 2 {
        deep = json!([deep]);
    }
    let many: Vec<_> = (0..30_000).map(|_| json!("b")).collect();
    let many: Vec<_> = [json!(manifest)].into_iter().chain(many).collect();
    for argv in [json!([manifest, long, long]), deep, json!(many)] {
        let redactor = Redactor::new(Level::Preview);
        let once = redactor
            .params("exec", &json!({ "argv": argv }))
            .into_inner();
        assert!(once.to_string().contains("[cut, "), "{once}");
        assert_eq!(*redactor.params("exec", &once), once);
    }
}
