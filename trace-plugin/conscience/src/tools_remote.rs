//! Tools that act on other machines: requests by method and body, and servers' tools that say that they destroy something.
//! Not in scope: which tool is which (`tools`), programs that talk to other machines (`programs::net`).

use aap::ToolCall;
use serde_json::Value;

use crate::{
    effect::{Effect, EffectKind},
    host,
    shell::Shell,
};

/// Arguments that hold what a request sends.
const BODY_KEYS: &[&str] = &["body", "data", "json", "form", "payload", "files"];
/// What is gone for good, or for everybody, when a server's tool removes it.
const LASTING: &[&str] = &[
    "volume",
    "bucket",
    "database",
    "repository",
    "repo",
    "project",
    "namespace",
    "cluster",
    "instance",
    "table",
    "user",
    "member",
    "backup",
    "account",
];

/// A request by a tool: what its method does, what its body sends.
pub(crate) fn fetch(shell: &mut Shell<'_>, params: &Value, to: &str, name: &str) {
    shell.request(to, name);
    let method = params
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if method.eq_ignore_ascii_case("DELETE") && !host::is_local(to) {
        shell.emit(
            Effect::new(EffectKind::DestroyService, to)
                .manner("request")
                .program(name),
        );
    }
    let bodies: Vec<&Value> = BODY_KEYS
        .iter()
        .filter_map(|key| params.get(key))
        .filter(|body| !body.is_null() && body.as_str() != Some(""))
        .collect();
    let key = bodies.iter().any(|body| {
        let text = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
        text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----")
    });
    if key {
        shell.emit(
            Effect::new(EffectKind::SendData, to)
                .manner("secret")
                .program(name),
        );
    } else if !bodies.is_empty()
        || ["POST", "PUT", "PATCH"]
            .iter()
            .any(|word| method.eq_ignore_ascii_case(word))
    {
        shell.send_plain(to, name);
    }
}

/// A tool whose own name, or whose server's annotation, says that it destroys something. `readOnlyHint` lifts nothing: it
/// would come from the very call that is judged.
pub(crate) fn destroys(shell: &mut Shell<'_>, call: &ToolCall, name: &str) {
    let hinted = [
        Some(&call.params),
        call.params.get("annotations"),
        call.params.get("_meta"),
    ]
    .into_iter()
    .flatten()
    .any(|at| at.get("destructiveHint").and_then(Value::as_bool) == Some(true));
    let from_server = call.tool.contains("__") || call.tool.contains('.');
    let own = &call.tool[call.tool.len().saturating_sub(name.len())..];
    let words = name_words(own);
    let verb = words
        .iter()
        .enumerate()
        .any(|(at, word)| match word.as_str() {
            "destroy" | "purge" | "wipe" | "truncate" => true,
            "drop" => at == 0 && words.len() > 1 && words[1] != "file" && words[1] != "files",
            "delete" | "remove" if !from_server => false,
            "delete" => true,
            "remove" => words
                .iter()
                .any(|word| LASTING.contains(&word.trim_end_matches('s'))),
            _ => false,
        });
    if hinted || verb {
        shell.emit(
            Effect::new(EffectKind::DestroyService, call.tool.clone())
                .manner("tool")
                .program(name),
        );
    }
}

/// The words of a tool's name, `deleteRepository` and `delete_repository` alike, in lower case.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && lower {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(last) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::name_words;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(name_words("s3_delete_bucket"), ["s3", "delete", "bucket"]);
        assert_eq!(name_words("deleteRepository"), ["delete", "repository"]);
        assert_eq!(name_words("undeleted-x"), ["undeleted", "x"]);
    }
}
