use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Json<'_> {
    serde_json::from_str(text).unwrap()
}

/// Any JSON value, with the names that matter among its keys.
fn value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("context".to_owned()),
        Just("metadata".to_owned()),
        Just("seq".to_owned()),
        Just("salt".to_owned()),
        "[a-c]{1,2}",
        "\\PC{0,3}",
        // Where the order by UTF-16 and the one by code points differ.
        "[\u{e000}\u{ffff}\u{10000}\u{10ffff}a]{1,2}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-9..9_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The content by taking the link out of a copy.
fn without_link(document: &Value) -> Value {
    let mut content = document.clone();
    let metadata = content
        .get_mut("context")
        .and_then(|context| context.get_mut("metadata"))
        .and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        metadata.retain(|key, _| !LINK_KEYS.contains(&key.as_str()));
    }
    content
}

proptest! {
    #[test]
    fn it_reads_and_writes_what_serde_json_does(value in value()) {
        let text = value.to_string();
        let value: Value = serde_json::from_str(&text).unwrap();
        let json = read(&text);
        prop_assert_eq!(json.to_value(), value.clone());
        prop_assert_eq!(json.to_text(), value.to_string());
        prop_assert_eq!(&Json::from(&value), &json);
    }

    #[test]
    fn it_is_as_canonical_as_the_canonicalizer(value in value()) {
        let json = Json::from(&value);
        prop_assert_eq!(json.to_canonical().unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        let content = without_link(&value);
        prop_assert_eq!(json.to_canonical_content().unwrap(), serde_json_canonicalizer::to_vec(&content).unwrap());
    }

    #[test]
    fn the_last_of_several_members_with_one_name_counts(
        names in prop::collection::vec("[a-z]{0,2}", 0..200)
    ) {
        let members: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(at, name)| format!("\"{name}\":{at}"))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read(&text).to_text(), value.to_string());
    }
}

#[test]
fn texts_are_borrowed_unless_they_are_escaped() {
    let json = read(r#"{"plain":"as it is","escaped":"line\nbreak"}"#);
    let borrowed = |key| matches!(json.get(key), Some(Json::Text(Cow::Borrowed(_))));
    assert!(borrowed("plain") && !borrowed("escaped"));
    assert_eq!(
        json.get("escaped").and_then(Json::as_str),
        Some("line\nbreak")
    );
}

#[test]
fn what_is_no_json_is_told_in_the_same_words() {
    let deep = "[".repeat(200);
    for text in [
        "",
        "{",
        "[1,]",
        r#"{"a":1e999}"#,
        r#""\ud800""#,
        "tru",
        &deep,
    ] {
        let ours = serde_json::from_str::<Json<'_>>(text).unwrap_err();
        let theirs = serde_json::from_str::<Value>(text).unwrap_err();
        assert_eq!(ours.to_string(), theirs.to_string(), "{text}");
    }
}

#[test]
fn only_the_link_in_the_metadata_is_no_content() {
    let document =
        json!({"seq": 1, "context": {"seq": 2, "metadata": {"seq": 3, "a": {"seq": 4}}}});
    assert_eq!(
        Json::from(&document).to_canonical_content().unwrap(),
        br#"{"context":{"metadata":{"a":{"seq":4}},"seq":2},"seq":1}"#
    );
}
