//! `response_format`: an answer as JSON, with a schema or without.

use serde_json::Value;

use super::error::OpenAiError;
use crate::model::Format;

const PARAM: &str = "response_format";

/// The format that is asked for; none for plain text.
pub(super) fn read(sent: Option<Value>) -> Result<Option<Format>, OpenAiError> {
    let wrong = |text: &str| Err(OpenAiError::param(PARAM, text));
    let Some(sent) = sent else {
        return Ok(None);
    };
    match sent["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::Json)),
        Some("json_schema") => {
            let named = &sent["json_schema"];
            match (named["name"].as_str(), &named["schema"]) {
                (Some(name), schema @ Value::Object(_)) => Ok(Some(Format::Schema {
                    name: name.to_owned(),
                    schema: schema.clone(),
                    strict: named["strict"].as_bool(),
                })),
                _ => wrong(
                    r#"needs {"type": "json_schema", "json_schema": {"name": "…", "schema": {…}}}"#,
                ),
            }
        }
        _ => wrong("`type` must be text, json_object or json_schema"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formats_are_read_and_odd_ones_are_told() {
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some(json!({"type": "text"}))).unwrap(), None);
        let json = read(Some(json!({"type": "json_object"}))).unwrap();
        assert_eq!(json, Some(Format::Json));
        let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}});
        let expected = Format::Schema {
            name: "n".to_owned(),
            schema: json!({"type": "object"}),
            strict: Some(true),
        };
        assert_eq!(read(Some(schema)).unwrap(), Some(expected));
        for odd in [
            json!(5),
            json!({}),
            json!({"type": "xml"}),
            json!({"type": "json_schema"}),
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": "s"}}),
            json!({"type": "json_schema", "json_schema": {"schema": {}}}),
        ] {
            assert!(read(Some(odd.clone())).is_err(), "{odd}");
        }
    }
}
