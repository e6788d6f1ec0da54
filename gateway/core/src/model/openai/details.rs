//! OpenRouter's `reasoning_details`: what it tells of a model's thoughts beside their words (seals, encrypted parts), and wants
//! back unchanged and in order when the conversation goes on. They are kept in a thought's seal.

use serde_json::Value;

use crate::model::OPENROUTER_SEAL;

/// The details of an answer that is coming.
#[derive(Debug, Default)]
pub(super) struct Reasoning(Vec<Value>);

impl Reasoning {
    /// Takes more of them: words that go on are joined to those before, everything else stands as it came.
    pub(super) fn take(&mut self, more: Vec<Value>) {
        for detail in more {
            let goes_on = self.0.last_mut().filter(|last| is_continued(last, &detail));
            match goes_on {
                Some(last) => join(last, &detail),
                None => self.0.push(detail),
            }
        }
    }

    /// All of them as a seal over the thoughts of `model`, if there are any. There are none afterwards.
    pub(super) fn seal(&mut self, model: &str) -> Option<String> {
        let details = std::mem::take(&mut self.0);
        (!details.is_empty())
            .then(|| format!("{OPENROUTER_SEAL}{model}\n{}", Value::Array(details)))
    }
}

/// What a seal holds; nothing if it is another provider's, or another model's: that one would not take them.
pub(super) fn of(signature: Option<&str>, model: &str) -> Vec<Value> {
    let sealed = signature.and_then(|seal| seal.strip_prefix(OPENROUTER_SEAL));
    let Some((by, details)) = sealed.and_then(|sealed| sealed.split_once('\n')) else {
        return Vec::new();
    };
    if by != model {
        return Vec::new();
    }
    // We wrote it ourselves.
    serde_json::from_str(details).unwrap_or_default()
}

/// The member that holds a detail's words; none where it is no words.
fn words(detail: &Value) -> Option<&'static str> {
    match detail["type"].as_str()? {
        "reasoning.text" => Some("text"),
        "reasoning.summary" => Some("summary"),
        _ => None,
    }
}

fn is_continued(last: &Value, detail: &Value) -> bool {
    words(last).is_some()
        && words(last) == words(detail)
        && last["index"] == detail["index"]
        && (detail["id"].is_null() || last["id"] == detail["id"])
        // After its seal a thought is whole.
        && last["signature"].is_null()
}

fn join(last: &mut Value, detail: &Value) {
    if let Some(key) = words(detail) {
        let before = last[key].as_str().unwrap_or_default();
        let more = detail[key].as_str().unwrap_or_default();
        last[key] = format!("{before}{more}").into();
    }
    let Value::Object(members) = detail else {
        return;
    };
    for (key, value) in members {
        if last[key].is_null() {
            last[key] = value.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_become_what_they_are_pieces_of() {
        let mut details = Reasoning::default();
        let text = |text: &str, index: u32| json!({"type": "reasoning.text", "text": text, "index": index, "format": "anthropic-claude-v1"});
        details.take(vec![text("Let ", 0), text("me ", 0)]);
        details.take(vec![text("see.", 0)]);
        details.take(vec![
            json!({"type": "reasoning.text", "signature": "s1", "index": 0}),
        ]);
        details.take(vec![text("More.", 1)]);
        let encrypted =
            json!({"type": "reasoning.encrypted", "data": "AAA", "id": "e1", "index": 2});
        details.take(vec![encrypted.clone(), encrypted.clone()]);
        let seal = details.seal("a/b").unwrap();
        assert_eq!(details.seal("a/b"), None);
        let mut first = text("Let me see.", 0);
        first["signature"] = json!("s1");
        let whole = vec![first, text("More.", 1), encrypted.clone(), encrypted];
        assert_eq!(of(Some(&seal), "a/b"), whole);
        assert_eq!(of(Some(&seal), "a/c"), Vec::<Value>::new());
        for other in [None, Some("google:x"), Some("plain")] {
            assert_eq!(of(other, "a/b"), Vec::<Value>::new());
        }
    }
}
