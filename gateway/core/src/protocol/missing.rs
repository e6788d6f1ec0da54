//! Methods that are not served: in one place for both dialects, each told in its own words.
//!
//! A method of a family that this version does not have, or has only in part, is told apart from one that nobody has: a client may well
//! ask for it again of a later version.

use super::fault::{Code, Dialect, Fault};

/// Families that both dialects have and this version does not.
const COMING: [&str; 3] = ["memory.", "cron.", "terminal."];
/// Families of OpenClaw's methods, and some without one, that this version does not have or has in part.
const OPENCLAW: [&str; 46] = [
    "agent.",
    "agents.",
    "approval.",
    "artifacts.",
    "audit.",
    "browser.",
    "channels.",
    "chat.",
    "config.",
    "conversations.",
    "device.",
    "diagnostics.",
    "doctor.",
    "environments.",
    "exec.",
    "fs.",
    "gateway.",
    "hooks.",
    "last-heartbeat",
    "logs.",
    "mcp.",
    "mentions.",
    "message.",
    "models.",
    "node.",
    "plugin.",
    "plugins.",
    "projects.",
    "push.",
    "question.",
    "secrets.",
    "session.",
    "sessions.",
    "set-heartbeats",
    "skills.",
    "system-event",
    "talk.",
    "taskSuggestions.",
    "tasks.",
    "tools.",
    "tts.",
    "update.",
    "usage.",
    "users.",
    "wake",
    "wizard.",
];

/// What a request for `method` is answered with, which `dialect` does not serve here.
pub(super) fn not_served(method: &str, dialect: Dialect) -> Fault {
    let of =
        |family: &&str| method == *family || (family.ends_with('.') && method.starts_with(*family));
    let known = COMING.iter().any(&of) || (dialect == Dialect::OpenClaw && OPENCLAW.iter().any(of));
    if known {
        let what = format!("`{method}` is not available in this version of the gateway");
        return Fault::new(Code::Unavailable, what);
    }
    let what = match dialect {
        Dialect::Simple => format!("there is no method `{method}`"),
        // As OpenClaw says it: clients look for these words.
        Dialect::OpenClaw => format!("unknown method: {method}"),
    };
    Fault::new(Code::NoMethod, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own_words() {
        for (method, simple, openclaw) in [
            ("memory.search", "UNAVAILABLE", "UNAVAILABLE"),
            ("cron.add", "UNAVAILABLE", "UNAVAILABLE"),
            ("config.apply", "METHOD_NOT_FOUND", "UNAVAILABLE"),
            ("wake", "METHOD_NOT_FOUND", "UNAVAILABLE"),
            ("wake.up", "METHOD_NOT_FOUND", "INVALID_REQUEST"),
            ("fly", "METHOD_NOT_FOUND", "INVALID_REQUEST"),
        ] {
            for (dialect, code) in [(Dialect::Simple, simple), (Dialect::OpenClaw, openclaw)] {
                let told = not_served(method, dialect).told(dialect);
                assert_eq!(told["code"], code, "{method}: {told}");
                assert!(told["message"].as_str().unwrap().contains(method));
            }
        }
    }
}
