//! What a server answered, as a tool's result: its texts, and of everything else what it is.

use std::fmt::Write as _;

use rmcp::model::{CallToolResponse, ContentBlock, ResourceContents};
use rmcp::service::ServiceError;
use serde_json::json;

use super::web;
use crate::limits::{MAX_ERROR_BYTES, MAX_OUTPUT_BYTES};
use crate::tools::{Failure, Output, cut};

/// Reads an answer of the server `name`.
pub(super) fn read(name: &str, answer: CallToolResponse) -> Result<Output, Failure> {
    let answer = match answer {
        CallToolResponse::Complete(answer) => answer,
        CallToolResponse::InputRequired(_) => {
            return Err(Failure::new(format!(
                "the MCP server `{name}` wants more input from a person first, which nobody here can give"
            )));
        }
        _ => {
            return Err(Failure::new(format!(
                "the MCP server `{name}` answered in a way that is not understood here"
            )));
        }
    };
    let mut text = String::new();
    for block in &answer.content {
        if !text.is_empty() {
            text.push('\n');
        }
        add(&mut text, block);
    }
    if text.is_empty()
        && let Some(value) = answer.structured_content.filter(|value| !value.is_null())
    {
        text = value.to_string();
    }
    let (text, missing) = cut(&text, MAX_OUTPUT_BYTES);
    if answer.is_error == Some(true) {
        let said = if text.is_empty() {
            "it did not say why"
        } else {
            &text
        };
        return Err(Failure::new(said));
    }
    let mut result = json!({ "text": text });
    if missing > 0 {
        result["bytes_cut"] = json!(missing);
    }
    Ok(Output {
        result,
        exit_code: None,
    })
}

fn add(text: &mut String, block: &ContentBlock) {
    // Writing to a String does not fail.
    let _ = match block {
        ContentBlock::Text(block) => {
            text.push_str(&block.text);
            Ok(())
        }
        ContentBlock::Image(image) => {
            write!(
                text,
                "[an image, {}, {} bytes in base64]",
                image.mime_type,
                image.data.len()
            )
        }
        ContentBlock::Audio(audio) => {
            write!(
                text,
                "[a sound, {}, {} bytes in base64]",
                audio.mime_type,
                audio.data.len()
            )
        }
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { uri, text: own, .. } => {
                write!(text, "[the resource {uri}]\n{own}")
            }
            ResourceContents::BlobResourceContents { uri, blob, .. } => {
                write!(text, "[the resource {uri}, {} bytes in base64]", blob.len())
            }
            _ => write!(text, "[a resource of an unknown kind]"),
        },
        ContentBlock::ResourceLink(link) => write!(text, "[a link to {}, {}]", link.uri, link.name),
        _ => write!(text, "[something of an unknown kind]"),
    };
}

/// Why a call of the server `name` failed.
pub(super) fn trouble(name: &str, error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => {
            let (message, _) = cut(&error.message, MAX_ERROR_BYTES);
            format!("the MCP server `{name}` refused: {message}")
        }
        ServiceError::TransportSend(error) if web::is_web(error.error.as_ref()) => format!(
            "the MCP server `{name}` failed: {}; whether the call did anything is not known",
            web::words(error.error.as_ref())
        ),
        ServiceError::TransportClosed | ServiceError::TransportSend(_) => format!(
            "the MCP server `{name}` ended during the call; it is started again, and whether the call did anything is not known"
        ),
        other => format!("the MCP server `{name}` failed: {other}"),
    }
}

/// Whether the server has to be greeted anew before anybody can call it again.
pub(super) fn is_gone(error: &ServiceError) -> bool {
    matches!(error, ServiceError::TransportSend(error) if web::is_gone(error.error.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answer(value: Value) -> Result<Output, Failure> {
        let answer = serde_json::from_value(value).expect("an answer");
        read("s", CallToolResponse::Complete(answer))
    }

    #[test]
    fn texts_are_joined_and_the_rest_is_told() {
        let content = json!([
            {"type": "text", "text": "one"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "audio", "data": "AA", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "A"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "AAA"}},
            {"type": "resource_link", "uri": "file:///c", "name": "c"},
        ]);
        assert_eq!(
            answer(json!({ "content": content })).unwrap().result["text"],
            "one\n[an image, image/png, 4 bytes in base64]\n[a sound, audio/wav, 2 bytes in base64]\n[the resource file:///a]\nA\n\
             [the resource file:///b, 3 bytes in base64]\n[a link to file:///c, c]"
        );
        let structured = json!({"content": [], "structuredContent": {"a": 1}});
        assert_eq!(answer(structured).unwrap().result["text"], r#"{"a":1}"#);
        let failed =
            json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        assert_eq!(answer(failed).unwrap_err().message, "no such file");
        let long = "€".repeat(MAX_OUTPUT_BYTES);
        let result = answer(json!({"content": [{"type": "text", "text": long}]}))
            .unwrap()
            .result;
        assert!(result["text"].as_str().unwrap().len() <= MAX_OUTPUT_BYTES + 64);
        assert!(result["bytes_cut"].as_u64().unwrap() > 0);
    }
}
