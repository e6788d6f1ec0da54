use proptest::prelude::*;
use serde_json::json;

use super::*;

fn hook(command: &str) -> Value {
    json!({ "matcher": "*", "hooks": [{ "type": "command", "command": command, "timeout": 10 }] })
}

fn wants() -> Vec<Want> {
    ["PreToolUse", "PostToolUse"]
        .iter()
        .map(|event| Want::Element {
            path: vec!["hooks".to_owned(), (*event).to_owned()],
            value: hook("smoltbot hook x"),
            mark: "smoltbot hook x".to_owned(),
        })
        .collect()
}

fn key(path: &[&str], value: Value) -> Want {
    Want::Key {
        path: path.iter().map(|&key| key.to_owned()).collect(),
        value,
    }
}

/// `text` with `wants`, after checking that a second time changes nothing and that taking out gives `text` again.
fn there_and_back(text: &str, wants: &[Want]) -> String {
    let (with, undo) = insert(text, wants).unwrap();
    let (again, _) = insert(&with, wants).unwrap();
    assert_eq!(again, with, "twice is once");
    assert_eq!(remove(&with, &undo).unwrap(), text, "from {with}");
    with
}

#[test]
fn a_file_with_comments_keeps_all_of_them_and_its_indent() {
    let text = "// mine\n{\n\t\"model\": \"x\", // why\n\t\"hooks\": {\n\t\t/* before */\n\t\t\"PreToolUse\": [\n\t\t\t{ \"matcher\": \"Bash\", \"hooks\": [{ \"type\": \"command\", \"command\": \"lint\" }] }, // theirs\n\t\t]\n\t}\n}\n// end";
    let with = there_and_back(text, &wants());
    assert_eq!(
        with,
        "// mine\n{\n\t\"model\": \"x\", // why\n\t\"hooks\": {\n\t\t/* before */\n\t\t\"PreToolUse\": [\n\t\t\t{ \"matcher\": \"Bash\", \"hooks\": [{ \"type\": \"command\", \"command\": \"lint\" }] }, // theirs\n\t\t\t{\n\t\t\t\t\"matcher\": \"*\",\n\t\t\t\t\"hooks\": [\n\t\t\t\t\t{\n\t\t\t\t\t\t\"type\": \"command\",\n\t\t\t\t\t\t\"command\": \"smoltbot hook x\",\n\t\t\t\t\t\t\"timeout\": 10\n\t\t\t\t\t}\n\t\t\t\t]\n\t\t\t},\n\t\t],\n\t\t\"PostToolUse\": [\n\t\t\t{\n\t\t\t\t\"matcher\": \"*\",\n\t\t\t\t\"hooks\": [\n\t\t\t\t\t{\n\t\t\t\t\t\t\"type\": \"command\",\n\t\t\t\t\t\t\"command\": \"smoltbot hook x\",\n\t\t\t\t\t\t\"timeout\": 10\n\t\t\t\t\t}\n\t\t\t\t]\n\t\t\t}\n\t\t]\n\t}\n}\n// end"
    );
}

#[test]
fn layouts_that_people_have_come_back_byte_for_byte() {
    for text in [
        "{}",
        "{}\n",
        "{\"a\":1}",
        "{ \"a\": 1 }\n",
        "\u{feff}{\r\n  \"a\": 1\r\n}\r\n",
        "{\n    \"a\": 1,\n}",
        "{\n  \"a\": 1 // last\n}",
        "{\n  \"a\": 1, // last\n}",
        "{\n  \"a\": 1 /* x */ , /* y */ // z\n\n\n}",
        "{\"a\": 1 // why\n}",
        "{a: 'b', 'hooks': {PreToolUse: [{x: .5}]}}",
        "{\"hooks\":{\"PreToolUse\":[1,2]}}",
        "{\n\"a\": {\n\"b\": []\n}\n}",
        "{\n  \"hooks\": {\n    \"Stop\": [\n      1\n    ]\n  }\n}\n",
    ] {
        there_and_back(text, &wants());
    }
}

#[test]
fn one_line_stays_one_line() {
    let with = there_and_back("{\"a\":1}", &[key(&["b", "c"], json!([1]))]);
    assert_eq!(with, "{\"a\":1,\"b\":{\"c\":[1]}}");
}

#[test]
fn a_file_without_content_gets_some() {
    for (text, expected) in [
        ("", "{\n  \"version\": 1\n}\n"),
        ("\n\n", "\n\n{\n  \"version\": 1\n}\n"),
        ("// later", "// later\n{\n  \"version\": 1\n}\n"),
    ] {
        let (with, _) = insert(text, &[key(&["version"], json!(1))]).unwrap();
        assert_eq!(with, expected);
    }
}

#[test]
fn what_others_did_since_stays() {
    let (with, undo) = insert("{\n  \"a\": 1\n}\n", &wants()).unwrap();
    let changed = with
        .replace("\"a\": 1", "\"a\": 2, \"c\": [3]")
        // Another hook in our group, and another group after ours.
        .replacen(
            "          {\n            \"type\"",
            "          { \"type\": \"command\", \"command\": \"theirs\" },\n          {\n            \"type\"",
            1,
        )
        .replacen("      }\n    ]\n  }", "      },\n      { \"hooks\": [] } // mine\n    ]\n  }", 1);
    let left = remove(&changed, &undo).unwrap();
    assert_eq!(
        left,
        "{\n  \"a\": 2, \"c\": [3],\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\n        \"matcher\": \"*\",\n        \"hooks\": [\n          { \"type\": \"command\", \"command\": \"theirs\" }\n        ]\n      }\n    ],\n    \"PostToolUse\": [\n      { \"hooks\": [] } // mine\n    ]\n  }\n}\n"
    );
}

#[test]
fn a_key_that_is_there_is_not_ours() {
    let text = "{\"version\": 2}";
    let (with, undo) = insert(text, &[key(&["version"], json!(1))]).unwrap();
    assert_eq!(with, text);
    assert_eq!(undo, Undo::default());
    assert_eq!(remove(&with, &undo).unwrap(), text);
}

#[test]
fn an_empty_object_that_was_theirs_stays() {
    let (with, undo) = insert("{\"hooks\": {}, \"b\": 1}", &wants()).unwrap();
    assert_eq!(remove(&with, &undo).unwrap(), "{\"hooks\": {}, \"b\": 1}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let said = |text: &str| insert(text, &wants()).unwrap_err().to_string();
    assert_eq!(
        said("{\n  \"a\": 1\n  \"b\": 2\n}"),
        "line 2, column 9: expected comma"
    );
    assert_eq!(
        said("{\"a\": "),
        "line 1, column 7: expected value after colon in object property"
    );
    assert_eq!(
        said("[]"),
        "line 1, column 1: the file is an array, and must be an object"
    );
    assert_eq!(
        said("{\n  \"hooks\": \"off\" }"),
        "line 2, column 12: `hooks` is a string, and must be an object"
    );
    assert_eq!(
        said("{\"hooks\": {\"PreToolUse\": {}}}"),
        "line 1, column 26: `hooks.PreToolUse` is an object, and must be an array"
    );
}

#[test]
fn a_program_that_moved_is_written_in_place_of_the_old_one() {
    let text = "{\"hooks\": [\"old \\\"x\\\"\", {\"a\": \"old \\\"x\\\"\"}], \"old \\\"x\\\"\": 1}";
    assert_eq!(
        replace_strings(text, "old \"x\"", "new").unwrap(),
        "{\"hooks\": [\"new\", {\"a\": \"new\"}], \"old \\\"x\\\"\": 1}"
    );
}

/// White space and comments between two tokens.
fn trivia() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        4 => Just(" ".to_owned()),
        4 => Just("\n  ".to_owned()),
        1 => Just("\r\n\t".to_owned()),
        1 => Just(" /* c, } */ ".to_owned()),
        1 => Just(" // [ \" c\n    ".to_owned()),
        1 => Just("\n\n".to_owned()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("\"hooks\"".to_owned()),
        2 => Just("\"PreToolUse\"".to_owned()),
        1 => Just("'PostToolUse'".to_owned()),
        1 => Just("hooks".to_owned()),
        2 => "\"[a-z,/ ü]{0,4}\"",
    ]
}

fn list(
    open: char,
    close: char,
    items: Vec<(String, String, String)>,
    end: &str,
    comma: bool,
) -> String {
    let last = items.len().saturating_sub(1);
    let mut text = String::from(open);
    for (index, (before, item, after)) in items.into_iter().enumerate() {
        let separator = if index < last || comma { "," } else { "" };
        text.extend([&before, &item, &after, separator]);
    }
    text + end + &close.to_string()
}

/// JSON as people write it.
fn jsonc() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("null".to_owned()),
        Just("-.5".to_owned()),
        "\"[a-z,/{ \u{1f600}]{0,5}\"",
        Just("'it'".to_owned()),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        let item = (trivia(), inner.clone(), trivia());
        let array = (prop::collection::vec(item, 0..4), trivia(), any::<bool>());
        let member = (trivia(), name(), trivia(), inner, trivia()).prop_map(
            |(before, name, gap, value, after)| (before, format!("{name}:{gap}{value}"), after),
        );
        let object = (prop::collection::vec(member, 0..4), trivia(), any::<bool>());
        prop_oneof![
            array.prop_map(|(items, end, comma)| list('[', ']', items, &end, comma)),
            object.prop_map(|(items, end, comma)| list('{', '}', items, &end, comma)),
        ]
    });
    let member = (trivia(), name(), trivia(), value, trivia()).prop_map(
        |(before, name, gap, value, after)| (before, format!("{name}:{gap}{value}"), after),
    );
    let file = (prop::collection::vec(member, 0..4), trivia(), any::<bool>())
        .prop_map(|(items, end, comma)| list('{', '}', items, &end, comma));
    (any::<bool>(), trivia(), file, trivia()).prop_map(|(mark, before, file, after)| {
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{before}{file}{after}")
    })
}

/// Whether `long` has all of `short`'s characters, in order.
fn is_within(short: &str, long: &str) -> bool {
    let mut long = long.chars();
    short.chars().all(|one| long.any(|other| other == one))
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever stands in a file: it is refused and nothing is changed, or everything stays and ours is there, once; and taking
    /// out leaves what was there.
    #[test]
    fn edits_add_and_take_away_nothing_else(text in jsonc()) {
        let before = read(&text);
        let Ok((with, undo)) = insert(&text, &wants()) else {
            return Ok(());
        };
        prop_assert!(is_within(&text, &with), "{with}");
        let value = read(&with).unwrap().unwrap();
        for event in ["PreToolUse", "PostToolUse"] {
            let groups = value["hooks"][event].as_array().unwrap();
            prop_assert_eq!(groups.iter().filter(|group| **group == hook("smoltbot hook x")).count(), 1);
        }
        let (again, _) = insert(&with, &wants()).unwrap();
        prop_assert_eq!(&again, &with);
        let left = remove(&with, &undo).unwrap();
        prop_assert_eq!(without_space(&left), without_space(&text), "via {}", with);
        prop_assert_eq!(read(&left), before);
    }

    /// Nothing that can be written makes an edit panic.
    #[test]
    fn any_text_is_edited_or_refused(text in ".{0,60}") {
        if let Ok((with, undo)) = insert(&text, &wants()) {
            prop_assert!(read(&with).is_ok());
            remove(&with, &undo).unwrap();
        }
    }
}
