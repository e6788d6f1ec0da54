//! Frames: reading a client's, and the three kinds that we send.

use aap::limits::MAX_ID_CHARS;
use serde_json::{Map, Value, json};

use super::fault::{Code, Dialect, Fault};

/// Characters of a method's name.
const MAX_METHOD_CHARS: usize = 128;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Req {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

/// A frame of a client's.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Req(Req),
    /// Something that it tells; nothing is to be said.
    Event,
}

/// A frame that is none, with the id that its answer carries: empty where there was none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unreadable {
    pub(super) id: String,
    pub(super) fault: Fault,
}

/// Reads the text of a frame.
pub(super) fn read(text: &str) -> Result<Frame, Unreadable> {
    let bad = |id: &str, what: String| {
        Err(Unreadable {
            id: id.to_owned(),
            fault: Fault::new(
                Code::Protocol,
                format!(
                    r#"{what}; send for example {{"type":"req","id":"1","method":"connect","params":{{…}}}}"#
                ),
            ),
        })
    };
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return bad("", format!("the frame is not JSON: {error}")),
    };
    let Value::Object(mut frame) = value else {
        return bad("", "a frame is a JSON object".to_owned());
    };
    let id = match frame.remove("id") {
        Some(Value::String(id)) if (1..=MAX_ID_CHARS).contains(&id.chars().count()) => Some(id),
        _ => None,
    };
    let known = id.as_deref().unwrap_or_default();
    match frame.get("type").and_then(Value::as_str) {
        Some("req") => {}
        Some("event") => return Ok(Frame::Event),
        Some("res") => {
            return bad(
                known,
                "the gateway asks nothing, so `res` is no answer".to_owned(),
            );
        }
        _ => return bad(known, "`type` is \"req\" or \"event\"".to_owned()),
    }
    let Some(id) = id else {
        return bad(
            "",
            format!("`id` is a string of 1 to {MAX_ID_CHARS} characters"),
        );
    };
    let method = match frame.remove("method") {
        Some(Value::String(name)) if (1..=MAX_METHOD_CHARS).contains(&name.chars().count()) => name,
        _ => {
            return bad(
                &id,
                format!("`method` is a string of 1 to {MAX_METHOD_CHARS} characters"),
            );
        }
    };
    let params = match frame.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return bad(&id, "`params` is an object".to_owned()),
    };
    Ok(Frame::Req(Req { id, method, params }))
}

/// The answer to request `id`.
pub(super) fn res(id: &str, answer: Result<Value, Fault>, dialect: Dialect) -> String {
    match answer {
        Ok(payload) => json!({"type": "res", "id": id, "ok": true, "payload": payload}),
        Err(fault) => json!({"type": "res", "id": id, "ok": false, "error": fault.told(dialect)}),
    }
    .to_string()
}

/// An event, with its place among those of a connection that has shown the token.
pub(super) fn event(name: &str, payload: &Value, seq: Option<u64>) -> String {
    let mut event = json!({"type": "event", "event": name, "payload": payload});
    if let Some(seq) = seq {
        event["seq"] = seq.into();
    }
    event.to_string()
}

/// An event of presence or health, whose payload is written already; with the version of either.
pub(super) fn news(name: &str, payload: &str, seq: u64, [presence, health]: [u64; 2]) -> String {
    format!(
        r#"{{"type":"event","event":"{name}","payload":{payload},"seq":{seq},"stateVersion":{{"presence":{presence},"health":{health}}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read() {
        let text = r#"{"type":"req","id":"1","method":"ping","traceparent":"x"}"#;
        let Ok(Frame::Req(req)) = read(text) else {
            panic!("it is one")
        };
        assert_eq!((req.id.as_str(), req.method.as_str()), ("1", "ping"));
        assert!(req.params.is_empty());
        assert_eq!(read(r#"{"type":"event"}"#), Ok(Frame::Event));
    }

    #[test]
    fn what_is_none_is_told_with_its_id() {
        let long = "x".repeat(MAX_ID_CHARS + 1);
        for (text, id) in [
            ("", ""),
            ("{", ""),
            ("[]", ""),
            ("1", ""),
            (r#"{"type":"req","method":"ping"}"#, ""),
            (r#"{"type":"req","id":7,"method":"ping"}"#, ""),
            (r#"{"type":"req","id":"","method":"ping"}"#, ""),
            (r#"{"type":"req","id":"a"}"#, "a"),
            (r#"{"type":"req","id":"a","method":1}"#, "a"),
            (
                r#"{"type":"req","id":"a","method":"ping","params":[]}"#,
                "a",
            ),
            (r#"{"type":"poke","id":"a"}"#, "a"),
            (r#"{"type":"res","id":"a","ok":true}"#, "a"),
            (
                &format!(r#"{{"type":"req","id":"{long}","method":"ping"}}"#),
                "",
            ),
            (&"[".repeat(10_000), ""),
        ] {
            assert_eq!(read(text).unwrap_err().id, id, "{text}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "req|event|res|connect|\\PC{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec(("type|id|method|params|\\PC{0,5}", inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Whatever comes, there is an answer that can be read again.
    fn answered(text: &str) -> Result<(), TestCaseError> {
        let (id, answer) = match read(text) {
            Ok(Frame::Event) => return Ok(()),
            Ok(Frame::Req(req)) => (req.id, Ok(Value::Object(req.params))),
            Err(unreadable) => (unreadable.id, Err(unreadable.fault)),
        };
        for dialect in [Dialect::Simple, Dialect::OpenClaw] {
            let told: Value = serde_json::from_str(&res(&id, answer.clone(), dialect)).unwrap();
            prop_assert_eq!(&told["id"], &id);
            prop_assert_eq!(told.get("error").is_some(), answer.is_err());
            prop_assert_eq!(told.get("payload").is_some(), answer.is_ok());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,200}") {
            answered(&text)?;
        }

        #[test]
        fn any_json_has_an_answer(value in json()) {
            answered(&value.to_string())?;
        }

        #[test]
        fn a_cut_frame_has_an_answer(cut in 0usize..80) {
            let whole = r#"{"type":"req","id":"1","method":"chat.send","params":{"message":"hi \u00e4"}}"#;
            answered(&whole[..cut.min(whole.len())])?;
        }
    }
}
