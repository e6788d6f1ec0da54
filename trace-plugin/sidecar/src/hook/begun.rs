//! Which event an input begins that is too large to be read to its end.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

/// How the names of events begin that tell the end of a call, in every dialect.
const ENDS: [&str; 4] = ["Post", "post", "After", "after"];
/// Keys that only the end of a call has, where its event's name is not told.
const RESULTS: [&str; 2] = ["toolResult", "tool_result"];

/// Whether `input` begins an event that tells the end of a call, as far as it can be read. Keys within other keys say nothing.
pub(super) fn is_an_end(input: &[u8]) -> bool {
    let mut told = false;
    // It is cut off, so reading it ends with an error; what was read by then counts.
    let _ = serde_json::Deserializer::from_slice(input).deserialize_map(Keys(&mut told));
    told
}

struct Keys<'a>(&'a mut bool);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            if key == "hook_event_name" || key == "hook" {
                let name: String = fields.next_value()?;
                *self.0 = ENDS.iter().any(|end| name.starts_with(end));
                return Ok(());
            }
            if RESULTS.contains(&key.as_str()) {
                *self.0 = true;
                return Ok(());
            }
            fields.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_events_own_name_counts() {
        for (input, end) in [
            (
                r#"{"hook_event_name":"AfterTool","tool_response":{"llmContent":"xx"#,
                true,
            ),
            (
                r#"{"session_id":"s","hook_event_name":"PostToolUse","tool_input":{"#,
                true,
            ),
            (r#"{"hook":"after_tool_call","event":{"result":"x"#, true),
            (
                r#"{"sessionId":"s","toolName":"bash","toolArgs":"{}","toolResult":{"x"#,
                true,
            ),
            (r#"{"hook_event_name":"PreToolUse","tool_input":{"x"#, false),
            (
                r#"{"tool_input":{"hook_event_name":"PostToolUse","toolResult":1,"x":"yy"#,
                false,
            ),
            (r#"{"hook":"before","params":{"hook":"after"#, false),
            (
                r#"{"sessionId":"s","toolName":"bash","toolArgs":"{\"toolResult\":1"#,
                false,
            ),
            (r#"{"hook_event_name":7,"x":"#, false),
            ("[1,2", false),
            ("", false),
        ] {
            assert_eq!(is_an_end(input.as_bytes()), end, "{input}");
        }
    }
}
