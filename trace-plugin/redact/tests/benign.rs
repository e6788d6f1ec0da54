//! What agents do all day goes through untouched.

use std::path::{Path, PathBuf};

use redact::{Level, Redactor, find_secret};
use serde_json::json;

const BENIGN: &[&str] = &[
    "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a",
    "git show 3f786850e387550fdab836ed7e6dc881de23001b --stat",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "/usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstvideoconvertscale.so",
    "cargo test -p smoltbot-config --test loading -- --nocapture",
    "ls -la && cat README.md | head -20; cd ../src",
    "for i in 1 2 3; do echo \"item $i\"; done",
    "fn token_count(tokens: &[Token]) -> usize { tokens.len() }",
    "let token = lexer.next_token();\nlet key = map.keys().next();",
    "if password == null { return Err(Error::NoPassword) }",
    "password = get_password(user)\napi_key = os.environ['API_KEY']\ntoken = request.headers.get('x')",
    "def login(self, password: str, token: Optional[str] = None) -> bool:",
    "export API_KEY=$OTHER_KEY; export TOKEN=${TOKEN:-}; curl -H \"Authorization: Bearer $TOKEN\" https://api.example.org/v1",
    "postgres://$USER:$PASS@db/x and https://example.org:8080/a@b and mailto:someone@example.org",
    "PWD=/home/agent/ws OLDPWD=/home/agent",
    "token=abc",
    "max_tokens: 4096, next_page_token: CAUQAAbbccdd1234",
    "{\"key\": \"value\", \"public_key\": \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\"}",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    "The secret of good code is a key insight: pass tokens by name, and keep the password manager open.",
    "class=\"sk-folding-cube sk-cube1 sk-circle-fade-dot-animation\"",
    "the task-management-system-integration and disk-usage-analyzer-20231231",
    "test result: ok. pass: 12 fail: 0",
    "SELECT id, password_hash FROM users WHERE token IS NOT NULL",
    "https://github.com/rust-lang/rust/blob/3f786850e387550fdab836ed7e6dc881de23001b/src/main.rs#L10-L20",
    "2026-11-21T02:10:00.123Z ERROR [main] connection refused (os error 111) at 127.0.0.1:5432",
    "AccountName=devstore;BlobEndpoint=http://127.0.0.1:10000/devstore",
    "grep -rn 'BEGIN CERTIFICATE' /etc/ssl",
    "docker run -p 8080:80 -u 1000:1000 nginx; ssh -p 2222 me@host; mkdir -p a/b",
    "mysql -u root -p < dump.sql",
    "naïve café 日本語 🎉 — “quotes” … and more",
    "sk-pro…ABCD",
    "[string, 11 chars]",
];

#[test]
fn ordinary_work_is_not_masked() {
    let redactor = Redactor::new(Level::Full);
    for text in BENIGN {
        assert_eq!(*redactor.text(text), *text);
        let value = json!({"command": text, "nested": [{"text": text}]});
        assert_eq!(*redactor.params("exec", &value), value);
        assert_eq!(find_secret(&value.to_string()), None, "{text}");
    }
}

/// Files of this repository that hold secrets on purpose: canaries, and what tests of masking feed.
const WITH_SECRETS: [&str; 6] = [
    "trace-plugin/redact",
    "tests",
    "fixtures",
    "tests.rs",
    "redaction.md",
    "CHANGELOG.md",
];

/// The texts of this repository, as an agent that works on it reads them.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut rest = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(path) = rest.pop() {
        let inner = path
            .strip_prefix(&root)
            .expect("a file of this repository")
            .to_str()
            .expect("a file of this repository");
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let skipped = name.starts_with('.') && !inner.is_empty()
            || matches!(
                name,
                "target" | "node_modules" | "Cargo.lock" | "package-lock.json"
            )
            || WITH_SECRETS
                .iter()
                .any(|part| inner.ends_with(part) || inner.starts_with(part));
        if skipped {
            continue;
        }
        if path.is_dir() {
            rest.extend(
                std::fs::read_dir(&path)
                    .expect("a file of this repository")
                    .map(|entry| entry.expect("a file of this repository").path()),
            );
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            // Code's own tests stand behind this.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            sources.push((path, code.to_owned()));
        }
    }
    sources
}

/// Masks in 100 KB of our own code and documents that may be wrong. Measured: see the message of the test below.
const MAX_FALSE_PER_100_KB: f64 = 1.0;

#[test]
fn few_places_of_ordinary_code_are_masked() {
    let redactor = Redactor::new(Level::Full);
    let (mut bytes, mut masked, mut rejected) = (0, 0, 0);
    let mut told = Vec::new();
    for (path, text) in sources() {
        bytes += text.len();
        for line in text.lines() {
            let done = redactor.text(line);
            let count: u32 = done.masked().iter().map(|masked| masked.count).sum();
            if count > 0 {
                told.push(format!(
                    "{}: {} became {}",
                    path.display(),
                    line.trim(),
                    done.trim()
                ));
            }
            masked += count;
            rejected += u32::from(find_secret(line).is_some());
        }
    }
    let per_100_kb =
        |count: u32| f64::from(count) * 100_000.0 / f64::from(u32::try_from(bytes).unwrap());
    let rates = (per_100_kb(masked), per_100_kb(rejected));
    assert!(bytes > 1_000_000, "only {bytes} bytes were read");
    assert!(
        rates.0 <= MAX_FALSE_PER_100_KB && rates.1 <= MAX_FALSE_PER_100_KB / 2.0,
        "{masked} masked, {rejected} rejected of {bytes} bytes, in 100 KB {rates:?}:\n{}",
        told.join("\n")
    );
}
