//! What a server's tool does to what it is given, by the verb and the things in its name: takes away, takes out of service,
//! gives rights, pays, writes to people, publishes, shows secrets.
//!
//! Not in scope: what the arguments hold beside that (`tools_server`), the words themselves (`verbs`).

use serde_json::Value;

use crate::{
    effect::{Effect, EffectKind},
    secret,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    tools_money::pays,
    tools_server::Tool,
    verbs::{self, Doing},
};

/// Things that others miss at once when they stand still.
#[rustfmt::skip]
const RUNNING: &[&str] = &[
    "account", "alarm", "alert", "app", "branch", "campaign", "cluster", "database", "deployment", "device",
    "firewall", "function", "host", "instance", "instances", "logging", "machine", "member", "mfa", "monitor",
    "monitoring", "node", "policy", "project", "protection", "rule", "security", "site", "subscription", "trail",
    "user", "vm", "vault", "virtual",
];
/// What gives power to whom it is given.
#[rustfmt::skip]
const POWERS: &[&str] = &[
    "access", "acl", "admin", "collaborator", "credential", "credentials", "iam", "license", "member", "owner",
    "permission", "permissions", "policy", "privilege", "privileges", "role", "roles", "sudo", "superuser",
];
/// What is cancelled for others too.
#[rustfmt::skip]
const ENGAGEMENTS: &[&str] = &[
    "account", "appointment", "booking", "event", "invoice", "meeting", "membership", "order", "payment", "plan",
    "reservation", "subscription", "transfer",
];
/// What goes to people.
const LETTERS: &[&str] = &[
    "campaign",
    "email",
    "emails",
    "fax",
    "invoice",
    "letter",
    "mail",
    "newsletter",
    "sms",
    "text",
    "whatsapp",
];

/// Notes what the name says. `readOnlyHint` lifts nothing: it would come from the very call that is judged.
pub(crate) fn decide(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let params = &tool.call.params;
    let settings = tool.named(&["config", "settings", "gateway", "plugin", "plugins"])
        && tool.has(&[
            "patch",
            "apply",
            "set",
            "update",
            "write",
            "disable",
            "remove",
            "uninstall",
        ]);
    if settings && !tool.remote
        || names_conscience(params)
            && matches!(
                tool.doing,
                Some(Doing::Destroys | Doing::Removes | Doing::Stops)
            )
    {
        shell.emit(
            Effect::new(EffectKind::TamperConscience, "smoltbot")
                .manner("switch_off")
                .program(name),
        );
    }
    let service = |manner: &'static str| {
        Effect::new(EffectKind::DestroyService, tool.call.tool.clone())
            .manner(manner)
            .program(name)
    };
    let hinted = [Some(params), params.get("annotations"), params.get("_meta")]
        .into_iter()
        .flatten()
        .any(|at| at.get("destructiveHint").and_then(Value::as_bool) == Some(true));
    let told_to_read = tool.doing == Some(Doing::Reads);
    if hinted || destroys(tool) {
        shell.emit(service("tool"));
    } else if !told_to_read && stops(tool) {
        shell.emit(service("stop"));
    }
    if tool.has(&["process"])
        && tool.has(&["kill", "terminate", "stop"])
        && let Some(pid) = params.get("pid").and_then(Value::as_u64)
    {
        let words = ["kill".to_owned(), "-9".to_owned(), pid.to_string()];
        let argv: Vec<Field> = words.into_iter().map(Field::known).collect();
        shell.invoke(&argv, &Flow::default());
    }
    if told_to_read {
        shows(shell, tool, name);
        return;
    }
    let mounts_root = ["volumes", "mounts", "binds"].iter().any(|key| {
        params
            .get(*key)
            .is_some_and(|value| value.to_string().contains("\"/:"))
    });
    if params.get("privileged").and_then(Value::as_bool) == Some(true) || mounts_root {
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, tool.call.tool.clone())
                .manner("escape")
                .program(name),
        );
    }
    if pays(tool) {
        shell.emit(service("pay"));
    }
    if grants(tool) {
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, tool.call.tool.clone())
                .manner("service")
                .program(name),
        );
    }
    if writes_to_people(tool) {
        shell.emit(
            Effect::new(EffectKind::SendData, tool.call.tool.clone())
                .manner("message")
                .program(name),
        );
    }
    if publishes(tool) {
        shell.emit(service("publish"));
    }
    applies(shell, tool, name);
}

/// What a tool puts into force without a look at it: manifests, infrastructure, workflows that a forge runs by itself.
fn applies(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let params = &tool.call.params;
    let service = |manner: &'static str| {
        Effect::new(EffectKind::DestroyService, tool.call.tool.clone())
            .manner(manner)
            .program(name)
    };
    let fetched = ["url", "manifest_url", "chart_url"]
        .iter()
        .any(|key| params.get(*key).is_some());
    if fetched
        && tool.has(&["apply", "install"])
        && tool.named(&["k8s", "kubernetes", "kubectl", "helm", "manifest"])
    {
        shell.emit(service("apply_unseen"));
    }
    if pipelines(params)
        && tool.has(&["create", "update", "push", "write", "put", "commit", "edit"])
    {
        shell.emit(
            Effect::new(EffectKind::Persistence, "a workflow of the repository")
                .manner("schedule")
                .program(name),
        );
    }
    if tool.has(&["apply", "up", "deploy"])
        && tool.named(&["terraform", "tofu", "pulumi", "cdk", "terragrunt"])
    {
        shell.emit(service("apply_unseen"));
    }
}

/// Whether the arguments name a file that a forge runs by itself.
fn pipelines(params: &Value) -> bool {
    let runs = |path: &str| {
        path.contains(".github/workflows/")
            || path.ends_with(".gitlab-ci.yml")
            || path.contains(".circleci/")
            || path.ends_with("Jenkinsfile")
    };
    let at = |value: &Value| {
        ["path", "file_path", "filePath"]
            .iter()
            .any(|key| value.get(*key).and_then(Value::as_str).is_some_and(runs))
    };
    at(params)
        || ["files", "changes", "actions"]
            .iter()
            .filter_map(|key| params.get(*key)?.as_array())
            .any(|items| items.iter().any(at))
}

/// Whether any short text among the arguments names the conscience itself.
fn names_conscience(params: &Value) -> bool {
    params.as_object().is_some_and(|map| {
        map.values()
            .filter_map(Value::as_str)
            .any(|text| text.len() < 128 && text.to_ascii_lowercase().contains("smoltbot"))
    })
}

fn destroys(tool: &Tool<'_>) -> bool {
    let words = &tool.words;
    let everything = tool.has(&["everything", "all", "factory"]);
    let fleeting = verbs::fleeting(words) && !everything;
    match tool.doing {
        // A tool of the runtime's own that deletes a thing without a lasting name is housekeeping.
        Some(Doing::Destroys) => !fleeting && (tool.remote || verbs::lasting(words) || everything),
        Some(Doing::Removes) if fleeting => false,
        Some(Doing::Removes) if tool.has(&["cancel"]) => tool.has(ENGAGEMENTS),
        Some(Doing::Removes) if tool.has(&["archive"]) => tool.has(&[
            "repository",
            "repo",
            "project",
            "channel",
            "account",
            "page",
            "space",
            "board",
            "workspace",
            "database",
            "team",
        ]),
        Some(Doing::Removes) if tool.has(&["revoke"]) => true,
        Some(Doing::Removes)
            if tool.has(&["reset", "cleanup", "clean", "clear", "prune", "forget"]) =>
        {
            verbs::lasting(words) || everything || words.len() == 1 && tool.remote
        }
        Some(Doing::Removes) => verbs::lasting(words) || everything,
        _ => false,
    }
}

fn stops(tool: &Tool<'_>) -> bool {
    let params = &tool.call.params;
    let to_nothing = tool.has(&["scale", "resize", "autoscale"])
        && [
            "replicas",
            "count",
            "desired_count",
            "desiredCount",
            "min",
            "instances",
        ]
        .iter()
        .any(|key| {
            params
                .get(*key)
                .is_some_and(|count| count.as_u64() == Some(0) || count.as_str() == Some("0"))
        });
    let unprotected = tool.has(&["protection", "rules", "ruleset"])
        && tool.has(&["update", "edit", "set", "modify", "change"])
        && !tool.has(&["enable"]);
    to_nothing
        || unprotected
        || tool.has(&["unprotect"])
        || tool.has(&["turn", "switch"])
            && tool.has(&["off"])
            && tool
                .words
                .iter()
                .any(|word| RUNNING.contains(&word.as_str()))
        || tool.remote
            && tool.words.len() == 1
            && tool.has(&[
                "seal",
                "disable",
                "deactivate",
                "shutdown",
                "halt",
                "poweroff",
                "drain",
            ])
        || tool.doing == Some(Doing::Stops)
            && tool.words.iter().any(|word| {
                RUNNING.contains(&word.as_str())
                    || word
                        .strip_suffix('s')
                        .is_some_and(|one| RUNNING.contains(&one))
            })
}

fn grants(tool: &Tool<'_>) -> bool {
    let params = &tool.call.params;
    let powers = tool.has(POWERS);
    let key = tool.has(&["key", "keys", "token"])
        && tool.has(&[
            "access", "api", "ssh", "deploy", "private", "signing", "personal", "service",
        ]);
    let by_name = match tool.doing {
        Some(Doing::Grants) if tool.has(&["assign", "attach", "invite"]) => {
            powers || tool.has(&["invite", "user"]) && tool.has(&["invite"])
        }
        Some(Doing::Grants) => tool.remote && !tool.has(&["screen"]),
        Some(Doing::Pays) => {
            tool.has(&["transfer"])
                && tool.has(&["ownership", "repository", "repo", "project", "domain"])
        }
        Some(Doing::Makes)
            if tool.has(&["add"])
                && tool.has(&["group", "team", "org", "organization", "groups"]) =>
        {
            tool.has(&["user", "member", "users", "members"])
        }
        Some(Doing::Makes) => {
            powers && tool.has(&["add", "create", "register", "attach", "insert"]) || key
        }
        None => powers && tool.has(&["set", "put", "update", "change", "bind", "modify"]),
        _ => false,
    };
    let text = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default();
    let opened = tool.has(&[
        "update", "edit", "set", "put", "modify", "change", "patch", "share", "manage",
    ]) && (text("visibility") == "public"
        || params.get("private").and_then(Value::as_bool) == Some(false)
        || text("acl").starts_with("public")
        || text("type") == "anyone"
        || matches!(text("role"), "admin" | "owner" | "superuser"));
    tool.remote && (by_name || opened)
        || by_name && tool.has(&["grant", "elevate", "superuser", "sudo"])
}

fn writes_to_people(tool: &Tool<'_>) -> bool {
    let mailer = tool.server.iter().any(|word| {
        matches!(
            word.as_str(),
            "gmail"
                | "email"
                | "mail"
                | "sendgrid"
                | "mailgun"
                | "twilio"
                | "ses"
                | "outlook"
                | "postmark"
                | "resend"
                | "smtp"
                | "mailchimp"
                | "whatsapp"
                | "sms"
                | "twitter"
                | "x"
        )
    });
    let social = tool.named(&[
        "twitter",
        "linkedin",
        "facebook",
        "instagram",
        "mastodon",
        "bluesky",
        "reddit",
        "tiktok",
        "youtube",
        "threads",
        "medium",
        "x",
    ]);
    let sends = tool.has(&["send", "broadcast", "tweet", "mass"]);
    if social
        && tool.has(&[
            "post", "publish", "comment", "reply", "upload", "status", "toot", "thread",
        ])
        && tool.doing != Some(Doing::Reads)
    {
        return true;
    }
    matches!(tool.doing, Some(Doing::Sends) | None)
        && (sends && (tool.has(LETTERS) || mailer)
            || tool.has(&["tweet", "broadcast"])
            || tool
                .words
                .first()
                .is_some_and(|word| matches!(word.as_str(), "email" | "sms"))
                && !tool.has(&["list"])
            || mailer && tool.has(&["post", "reply", "forward"]))
}

fn publishes(tool: &Tool<'_>) -> bool {
    if !tool.remote {
        return false;
    }
    let live = tool.call.params.as_object().is_some_and(|map| {
        map.values()
            .filter_map(Value::as_str)
            .any(|text| matches!(text, "production" | "prod" | "live"))
    });
    tool.has(&["publish", "unpublish"]) && !tool.has(&["draft"])
        || tool.words.first().is_some_and(|word| word == "merge")
            && tool.has(&["pull", "pr", "request", "mr", "branch"])
        || live
            && tool.has(&[
                "deploy",
                "deployment",
                "release",
                "promote",
                "rollback",
                "trigger",
            ])
}

/// Tools that show a credential.
fn shows(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let only_about = tool.has(&[
        "list", "describe", "search", "policy", "metadata", "scanning", "alert", "alerts",
        "rotation", "versions", "usage", "status", "check", "validate", "find", "audit",
    ]);
    let keeper = tool.named(&[
        "1password",
        "onepassword",
        "bitwarden",
        "lastpass",
        "keychain",
        "keyring",
    ]) && tool.has(&["item", "get", "read", "reveal", "field"]);
    let vault = tool.named(&["vault", "secretsmanager", "keyvault"]) && tool.has(&["read", "get"]);
    let asked = tool.has(&[
        "secret",
        "secrets",
        "password",
        "credential",
        "credentials",
        "passwords",
    ]);
    if !only_about && (keeper || vault || asked && tool.remote) {
        shell.emit(
            Effect::new(EffectKind::ReadSecret, tool.call.tool.clone())
                .manner(secret::STORE)
                .program(name),
        );
    }
}
