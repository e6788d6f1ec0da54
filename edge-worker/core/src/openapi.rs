//! The API's description: one `OpenAPI` document, written in rooms (`openapi/*.json`), each a part of it in its place.
//!
//! A Worker's module is without the document: its host has it as a file.
#![cfg_attr(target_arch = "wasm32", allow(dead_code))]

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

/// The rooms, in the order in which their parts are shown.
const ROOMS: [&str; 16] = [
    include_str!("../openapi/info.json"),
    include_str!("../openapi/submitting.json"),
    include_str!("../openapi/otlp.json"),
    include_str!("../openapi/listing.json"),
    include_str!("../openapi/agents.json"),
    include_str!("../openapi/cards.json"),
    include_str!("../openapi/card_versions.json"),
    include_str!("../openapi/handshake.json"),
    include_str!("../openapi/counting.json"),
    include_str!("../openapi/exporting.json"),
    include_str!("../openapi/operating.json"),
    include_str!("../openapi/parameters.json"),
    include_str!("../openapi/problems.json"),
    include_str!("../openapi/schemas_in.json"),
    include_str!("../openapi/schemas_out.json"),
    include_str!("../openapi/schemas_agents.json"),
];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut whole = Map::new();
    for room in ROOMS {
        // A test reads them all, so that nothing is left out here.
        if let Ok(Value::Object(part)) = serde_json::from_str(room) {
            join(&mut whole, part);
        }
    }
    Value::Object(whole).to_string()
});

/// Puts `part` into `whole`; objects that are in both are joined.
fn join(whole: &mut Map<String, Value>, part: Map<String, Value>) {
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Object(whole)), Value::Object(part)) => join(whole, part),
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
}

/// The document as compact JSON.
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

/// `GET /openapi.json`.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}

/// `GET /openapi.json` without the document, which the host puts in.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn show() -> impl IntoResponse {
    [(header::CONTENT_TYPE, "application/json")]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pointers to everything in `value` that is no object.
    fn leaves(value: &Value, here: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (key, value) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    leaves(value, &format!("{here}/{key}"), found);
                }
            }
            _ => found.push(here.to_owned()),
        }
    }

    #[test]
    fn every_room_is_json_and_none_takes_anothers_place() {
        let whole: Value = serde_json::from_str(document()).unwrap();
        let mut found = Vec::new();
        for room in ROOMS {
            let part: Value = serde_json::from_str(room).unwrap();
            let before = found.len();
            leaves(&part, "", &mut found);
            for pointer in &found[before..] {
                assert_eq!(whole.pointer(pointer), part.pointer(pointer), "{pointer}");
            }
        }
        let told = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), told, "two rooms say the same thing");
    }

    #[test]
    fn every_file_is_a_room() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), ROOMS.len());
    }
}
