//! What names say that is done: tools, subcommands and API operations by the verb in them, however it is spelled
//! (`deleteRepo`, `delete_repo`, `repo:delete`, `repo-delete`, `DeleteRepo`).
//!
//! In scope: words and the order in which they decide. Not in scope: what a call is given (`tools_remote` for servers'
//! tools, `programs::tree` for command lines).

/// What a verb does to what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Looks, or only tells what it would do.
    Reads,
    /// Makes something new.
    Makes,
    /// Takes something away for good.
    Destroys,
    /// Takes something away that is small when nothing else says how much: `remove`, `clear`, `reset`.
    Removes,
    /// Takes something out of service.
    Stops,
    /// Gives rights or opens something to others.
    Grants,
    /// Moves money or orders something.
    Pays,
    /// Sends words to people.
    Sends,
    /// Puts something out for everybody, or into production.
    Publishes,
}

#[rustfmt::skip]
const READS: &[&str] = &[
    "analyse", "analyze", "audit", "browse", "check", "compare", "count", "describe", "diff", "download", "dump",
    "echo", "estimate", "examine", "explain", "export", "fetch", "find", "get", "has", "help", "history", "info",
    "inspect", "introspect", "is", "lint", "list", "locate", "lookup", "ls", "monitor", "peek", "ping", "plan",
    "poll", "preview", "print", "query", "read", "recall", "receive", "resolve", "retrieve", "review", "scan",
    "search", "select", "show", "simulate", "stat", "status", "summarize", "summary", "synth", "tail", "test", "tree",
    "validate", "verify", "version", "versions", "view", "wait", "watch", "whatif", "whoami",
];
#[rustfmt::skip]
const MAKES: &[&str] = &[
    "add", "append", "autogenerate", "build", "capture", "clone", "copy", "create", "draft", "duplicate", "generate",
    "import", "init", "insert", "make", "new", "recover", "register", "reply", "restore", "revision", "scaffold",
    "start", "unarchive", "undelete", "undrop", "unpause", "upsert", "write", "undo",
];
#[rustfmt::skip]
const DESTROYS: &[&str] = &[
    "annihilate", "decommission", "delete", "deleteall", "deletes", "deleting", "deletion", "deregister", "destroy",
    "discard", "drop", "dropall", "empty", "erase", "expunge", "flush", "flushall", "flushdb", "nuke", "obliterate",
    "overwrite", "purge", "shred", "teardown", "terminate", "trash", "truncate", "undefine", "undeploy", "uninstall",
    "unpublish", "unregister", "wipe", "zap",
];
#[rustfmt::skip]
const REMOVES: &[&str] = &[
    "archive", "cancel", "clean", "cleanup", "clear", "del", "detach", "forget", "invalidate", "prune", "rb",
    "rebuild", "reimage", "remove", "reset", "revert", "revoke", "rm", "rollback", "unlink", "unset", "void",
];
#[rustfmt::skip]
const STOPS: &[&str] = &[
    "cordon", "deactivate", "deallocate", "disable", "drain", "evict", "halt", "hibernate", "kick", "kill", "pause",
    "poweroff", "quarantine", "reboot", "seal", "shutdown", "stop", "suspend", "ban", "unprotect",
];
#[rustfmt::skip]
const GRANTS: &[&str] = &[
    "assign", "attach", "authorize", "chmod", "chown", "elevate", "escalate", "expose", "grant", "impersonate",
    "invite", "promote", "share", "unlock",
];
#[rustfmt::skip]
const PAYS: &[&str] = &[
    "buy", "charge", "donate", "finalize", "pay", "payout", "payouts", "purchase", "refund", "sell", "trade",
    "transact", "transfer", "transfers", "withdraw",
];
const SENDS: &[&str] = &["broadcast", "send", "tweet"];
const PUBLISHES: &[&str] = &["deploy", "merge", "promote", "publish", "release"];

/// What one word says is done; none for nouns and for verbs that say nothing of it (`run`, `update`, `set`).
pub(crate) fn doing(word: &str) -> Option<Doing> {
    // The commonest first; the lists are short, and most words are told by their first letters.
    let within = |list: &[&str]| list.contains(&word);
    Some(if within(READS) {
        Doing::Reads
    } else if within(DESTROYS) {
        Doing::Destroys
    } else if within(REMOVES) {
        Doing::Removes
    } else if within(MAKES) {
        Doing::Makes
    } else if within(STOPS) {
        Doing::Stops
    } else if within(PAYS) {
        Doing::Pays
    } else if within(GRANTS) {
        Doing::Grants
    } else if within(SENDS) {
        Doing::Sends
    } else if within(PUBLISHES) {
        Doing::Publishes
    } else {
        return compound(word);
    })
}

/// `removenode`, `deletevm`: a verb and a thing written as one.
fn compound(word: &str) -> Option<Doing> {
    [
        ("delete", Doing::Destroys),
        ("destroy", Doing::Destroys),
        ("drop", Doing::Destroys),
        ("purge", Doing::Destroys),
        ("wipe", Doing::Destroys),
        ("terminate", Doing::Destroys),
        ("remove", Doing::Removes),
    ]
    .into_iter()
    .find(|(verb, _)| {
        word.strip_prefix(verb)
            .is_some_and(|thing| LASTING.contains(&singular(thing)))
    })
    .map(|(_, doing)| doing)
}

/// The words of a name in lower case: `deleteRepository`, `delete_repository`, `Delete-Repository` and `repository:delete`
/// alike; runs of capitals are one word (`listDNSRecords`).
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let chars: Vec<char> = name.chars().take(MAX_NAME).collect();
    for (at, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            fresh = true;
            continue;
        }
        let before = at.checked_sub(1).map(|at| chars[at]);
        let starts = c.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || before.is_some_and(char::is_uppercase)
                    && chars.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if fresh || starts {
            words.push(String::new());
        }
        fresh = false;
        if let Some(last) = words.last_mut() {
            last.extend(c.to_lowercase());
        }
    }
    words
}

/// Longest name that is taken apart, in characters; what follows says nothing more of what is done.
const MAX_NAME: usize = 256;

/// The first word that says what is done, and where it stands.
pub(crate) fn verb_of(words: &[String]) -> Option<(usize, Doing)> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| doing(word).map(|doing| (at, doing)))
}

/// What is gone for good, or for everybody, when it is removed; the singular.
#[rustfmt::skip]
const LASTING: &[&str] = &[
    "account", "addon", "agent", "alias", "app", "application", "archive", "backup", "base", "bench", "blob", "board",
    "bot", "branch", "bucket", "calendar", "card", "cert", "certificate", "channel", "chart", "cluster",
    "collaborator", "collection", "contact", "container", "credential", "customer", "dashboard", "data", "database",
    "dataset", "db", "deployment", "device", "directory", "disk", "distribution", "dns", "document", "domain", "envelope", "contract", "agreement",
    "email", "entity", "environment", "event", "everything", "factory", "file", "folder", "function", "group",
    "history", "image", "index", "indices", "instance", "inventory", "invoice", "issue", "job", "key", "keyspace",
    "kv", "ledger", "limit", "log", "machine", "mail", "member", "memory", "message", "mfa", "model", "namespace",
    "network", "node", "note", "notebook", "object", "order", "org", "organisation", "organization", "owner", "page",
    "password", "payment", "permission", "photo", "playlist", "policy", "pool", "post", "product", "project",
    "protection", "queue", "record", "recordset", "release", "replica", "repo", "repository", "resource", "role",
    "route", "row", "rule", "schema", "script", "secret", "server", "service", "session", "share", "site", "snapshot",
    "space", "stack", "storage", "store", "stream", "subnet", "subscription", "table", "team", "tenant", "ticket",
    "topic", "trash", "user", "vault", "vhost", "video", "vm", "volume", "vpc", "webhook", "worker", "workflow",
    "workspace", "zone",
];

/// Things that come back by themselves, or that are a matter of a moment.
#[rustfmt::skip]
const FLEETING: &[&str] = &[
    "annotation", "assignee", "bookmark", "breakpoint", "cache", "cell", "character", "line", "symbol", "selection",
    "import", "console", "cookie", "cursor", "emoji", "favorite", "favourite", "field", "filter", "focus", "form",
    "handler", "highlight", "input", "label", "listener", "mark", "marker", "mock", "notification", "overlay",
    "reaction", "reminder", "screen", "star", "style", "tab", "terminal", "todo", "view", "viewport", "watch",
    "watcher", "zoom",
];

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if !word.ends_with("ss") => stem,
        _ => word,
    }
}

/// Whether any of `words` names something that lasts.
pub(crate) fn lasting(words: &[String]) -> bool {
    words.iter().any(|word| {
        LASTING.contains(&singular(word))
            || LASTING.contains(&word.as_str())
            || word.strip_suffix("ies").is_some_and(|stem| {
                LASTING
                    .iter()
                    .any(|known| known.strip_suffix('y') == Some(stem))
            })
    })
}

/// Whether any of `words` names something fleeting.
pub(crate) fn fleeting(words: &[String]) -> bool {
    words.iter().any(|word| FLEETING.contains(&singular(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<Doing> {
        verb_of(&words(name)).map(|(_, doing)| doing)
    }

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("s3_delete_bucket"), ["s3", "delete", "bucket"]);
        assert_eq!(words("deleteRepository"), ["delete", "repository"]);
        assert_eq!(words("undeleted-x"), ["undeleted", "x"]);
        assert_eq!(words("listDNSRecords"), ["list", "dns", "records"]);
        assert_eq!(words("s3DeleteBucket"), ["s3", "delete", "bucket"]);
        assert_eq!(words("API-delete-a-block"), ["api", "delete", "a", "block"]);
        assert_eq!(words("__"), Vec::<String>::new());
    }

    #[test]
    fn the_first_verb_decides() {
        for name in [
            "deleteRepo",
            "repo.delete",
            "batch_delete_emails",
            "hubspot-batch-delete-objects",
            "DropTable",
        ] {
            assert_eq!(read(name), Some(Doing::Destroys), "{name}");
        }
        for name in [
            "list_deleted_branches",
            "getDropSafety",
            "search_delete_logs",
            "check_drop_safety",
        ] {
            assert_eq!(read(name), Some(Doing::Reads), "{name}");
        }
        assert_eq!(read("undelete_email"), Some(Doing::Makes));
        assert_eq!(read("sequentialthinking"), None);
    }

    #[test]
    fn things_last_or_pass() {
        assert!(lasting(&words("remove_repositories")));
        assert!(lasting(&words("clearIndices")));
        assert!(fleeting(&words("remove_reactions")));
        assert!(!lasting(&words("clear_console")));
    }
}
