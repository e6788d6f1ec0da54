//! What a server says of its tools' arguments, as models can be told it: one tool that providers do not take would make every
//! request fail.

use serde_json::{Map, Value, json};

use crate::limits::{MAX_MCP_SCHEMA_BYTES, MAX_MCP_SCHEMA_DEPTH};

/// Words at the top that providers refuse. Without them the schema says less; the server itself knows better and checks.
const NOT_AT_TOP: [&str; 5] = ["oneOf", "anyOf", "allOf", "enum", "not"];

/// The schema as models are told it, or why there is none.
pub(super) fn told(said: &Map<String, Value>) -> Result<Value, &'static str> {
    let mut schema = said.clone();
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        None => {
            schema.insert("type".to_owned(), json!("object"));
        }
        Some(_) => return Err("its schema is not an object's"),
    }
    for word in NOT_AT_TOP {
        schema.remove(word);
    }
    match schema.get("properties") {
        None => {
            schema.insert("properties".to_owned(), json!({}));
        }
        Some(Value::Object(all)) if all.values().all(is_schema) => {}
        Some(_) => return Err("its schema's properties are none"),
    }
    match schema.get("required") {
        None => {}
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => {}
        Some(_) => return Err("its schema requires what is no name"),
    }
    let schema = Value::Object(schema);
    if depth(&schema) > MAX_MCP_SCHEMA_DEPTH {
        return Err("its schema is too deep");
    }
    if schema.to_string().len() > MAX_MCP_SCHEMA_BYTES {
        return Err("its schema is too large");
    }
    Ok(schema)
}

fn is_schema(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Bool(_))
}

/// How many objects and lists lie within one another. The JSON was read, so it is bounded.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: Value) -> Result<Value, &'static str> {
        let Value::Object(said) = schema else {
            panic!("{schema}");
        };
        told(&said)
    }

    #[test]
    fn what_is_missing_is_put_in_and_what_providers_refuse_is_left_out() {
        let empty = json!({"type": "object", "properties": {}});
        assert_eq!(of(json!({})), Ok(empty.clone()));
        let odd = json!({"type": "object", "oneOf": [{"required": ["a"]}], "anyOf": [], "properties": {}});
        assert_eq!(of(odd), Ok(empty));
        let good = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "b": true}, "required": ["a"]});
        assert_eq!(of(good.clone()), Ok(good));
    }

    #[test]
    fn what_is_no_schema_of_arguments_is_refused() {
        let mut deep = json!({"type": "string"});
        for _ in 0..MAX_MCP_SCHEMA_DEPTH {
            deep = json!({"items": deep});
        }
        for (schema, why) in [
            (json!({"type": "string"}), "not an object"),
            (json!({"type": ["object"]}), "not an object"),
            (json!({"properties": []}), "properties"),
            (json!({"properties": {"a": "string"}}), "properties"),
            (json!({"required": "a"}), "requires"),
            (json!({"required": [1]}), "requires"),
            (json!({"properties": {"a": deep}}), "too deep"),
            (
                json!({"description": "x".repeat(MAX_MCP_SCHEMA_BYTES)}),
                "too large",
            ),
        ] {
            let told = of(schema);
            assert!(
                told.as_ref().is_err_and(|told| told.contains(why)),
                "{why}: {told:?}"
            );
        }
    }
}
