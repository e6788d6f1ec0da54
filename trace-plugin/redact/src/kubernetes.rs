//! What `kubectl get secret` prints: every value of a Secret's `data` and `stringData`, as YAML or JSON.
//!
//! Read by hand, because the word that says it is a Secret may stand behind its values.

use std::ops::Range;

use crate::random::stands_in;
use crate::scan::Hit;

/// The rule's name.
pub(crate) const RULE: &str = "kubernetes-secret";

/// Where a Secret's values stand.
pub(crate) const MEMBERS: [&str; 2] = ["data", "stringData"];

/// Adds the values of every Secret in `text`, in whose `names` the word would stand.
pub(crate) fn secrets(text: &str, names: &[Range<usize>], hits: &mut Vec<Hit>) {
    let is_kind = |name: &Range<usize>| {
        let before = text[..name.start].trim_end_matches(['"', '\'', ' ', '\t']);
        let kind = before
            .strip_suffix(':')
            .map(|t| t.trim_end_matches(['"', '\'']));
        let goes_on = text[name.end..].starts_with(|c: char| c.is_ascii_alphanumeric());
        &text[name.clone()] == "Secret"
            && !goes_on
            && kind.is_some_and(|kind| kind.ends_with("kind"))
    };
    // A document with one is read as a whole.
    let mut done = 0;
    for name in names.iter().filter(|name| is_kind(name)) {
        if name.start < done {
            continue;
        }
        let start = text[..name.start].rfind("\n---").map_or(0, |at| at + 4);
        done = text[name.start..]
            .find("\n---")
            .map_or(text.len(), |at| name.start + at);
        yaml(text, start..done, hits);
        json(text, start..done, hits);
    }
}

/// Whether a member that masks its neighbours says so: `"kind": "Secret"`.
pub(crate) fn is_secret(members: &serde_json::Map<String, serde_json::Value>) -> bool {
    members.get("kind").and_then(serde_json::Value::as_str) == Some("Secret")
}

/// The lines below `data:` that are further in.
fn yaml(text: &str, document: Range<usize>, hits: &mut Vec<Hit>) {
    let mut at = document.start;
    // How far in the block began, and the value of several lines in it.
    let mut block: Option<usize> = None;
    while at < document.end {
        let rest = &text[at..document.end];
        let (length, end) = line(rest);
        let (start, line) = (at, &rest[..length]);
        let content = line.trim();
        at += length + end;
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() {
            continue;
        }
        if let Some(begin) = block.filter(|begin| indent > *begin) {
            let from = start + indent;
            let to = from + content.len();
            // `key: value`, or a line of a value that was begun above.
            let value = match content.split_once(": ") {
                Some((key, _)) => from + key.len() + 2..to,
                None if content.ends_with(':') => continue,
                None => from..to,
            };
            let value = trimmed(text, value);
            let shown = &text[value.clone()];
            let is_marker = matches!(shown, "|" | ">" | "|-" | ">-" | "|+" | ">+" | "{}");
            if indent > begin && !is_marker && !stands_in(shown) {
                hits.push(Hit::by_name(RULE, value));
            }
            continue;
        }
        block = MEMBERS
            .iter()
            .any(|member| content.strip_suffix(':') == Some(member))
            .then_some(indent);
    }
}

/// Bytes of a line and of its end, which is escaped where JSON stands in JSON.
fn line(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return (at, 1),
            b'\\' if at == 0 || bytes[at - 1] != b'\\' => {
                let slashes = bytes[at..].iter().take_while(|&&b| b == b'\\').count();
                if bytes.get(at + slashes) == Some(&b'n') {
                    return (at, slashes + 1);
                }
            }
            _ => {}
        }
    }
    (text.len(), 0)
}

/// Without blanks and quotes around it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let outer = &text[range.clone()];
    let left = outer.trim_start_matches([' ', '"', '\'', '\\']);
    let inner = left.trim_end_matches([' ', '"', '\'', '\\', '}']);
    let start = range.start + outer.len() - left.len();
    start..start + inner.len()
}

/// The strings behind colons between `"data": {` and its `}`.
fn json(text: &str, document: Range<usize>, hits: &mut Vec<Hit>) {
    for member in MEMBERS {
        let quoted = format!("\"{member}\"");
        for (at, _) in text[document.clone()].match_indices(&quoted) {
            let begin = document.start + at + quoted.len();
            let rest = text[begin..document.end].trim_start();
            let Some(rest) = rest.strip_prefix(':').map(str::trim_start) else {
                continue;
            };
            if let Some(members) = rest.strip_prefix('{') {
                object(text, document.end - members.len()..document.end, hits);
            }
        }
    }
}

/// The strings that are no names, up to the brace that closes.
fn object(text: &str, range: Range<usize>, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = range.start;
    let mut is_value = false;
    while at < range.end {
        match bytes[at] {
            b'}' => return,
            b':' => is_value = true,
            b',' => is_value = false,
            b'"' => {
                let start = at + 1;
                at = start;
                while at < range.end && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let end = at.min(range.end);
                // A backslash may stand before a character of several bytes.
                if is_value && text.is_char_boundary(end) && !stands_in(&text[start..end]) {
                    hits.push(Hit::by_name(RULE, start..end));
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    fn masked(text: &str) -> String {
        crate::Redactor::new(crate::Level::Full)
            .text(text)
            .into_inner()
    }

    #[test]
    fn every_value_of_a_secret_and_of_nothing_else() {
        let text = "apiVersion: v1\ndata:\n  a: aHVudGVy\n  b: \"dG9tYXRv\"\nkind: Secret\nmetadata:\n  name: x\n---\nkind: ConfigMap\ndata:\n  c: visible\n";
        assert_eq!(
            masked(text),
            "apiVersion: v1\ndata:\n  a: [redacted:kubernetes-secret]\n  b: \"[redacted:kubernetes-secret]\"\nkind: Secret\nmetadata:\n  name: x\n---\nkind: ConfigMap\ndata:\n  c: visible\n"
        );
        let text = "kind: Secret\nstringData:\n  conf: |\n    first line\n    second: line\ntype: Opaque\n";
        assert_eq!(
            masked(text),
            "kind: Secret\nstringData:\n  conf: |\n    [redacted:kubernetes-secret]\n    second: [redacted:kubernetes-secret]\ntype: Opaque\n"
        );
    }

    #[test]
    fn as_json_too() {
        let text = r#"{"apiVersion":"v1","data":{"a":"aHVudGVy","b":"dG9tYXRv"},"kind":"Secret","metadata":{"name":"x"}}"#;
        assert_eq!(
            masked(text),
            r#"{"apiVersion":"v1","data":{"a":"[redacted:kubernetes-secret]","b":"[redacted:kubernetes-secret]"},"kind":"Secret","metadata":{"name":"x"}}"#
        );
    }

    #[test]
    fn other_kinds_and_talk_of_secrets_stay() {
        for text in [
            "kind: ConfigMap\ndata:\n  a: visible\n",
            "a Secret has data:\n  such as this\n",
            "kind: SecretStore\ndata:\n  a: visible\n",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
