//! Tools nobody told us about: what they do by the verb in their name and in their arguments, and what they are given, read
//! as what it looks like: a command line, a program, a statement, an address, a path.
//!
//! Not in scope: tools of this machine that are known by name (`tools`), requests (`tools_remote`), the words (`verbs`).

use aap::ToolCall;
use serde_json::Value;

use crate::{
    code::Language,
    effect::{Effect, EffectKind},
    secret,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    tools::{COMMAND_KEYS, SQL_KEYS, URL_KEYS, texts},
    tools_files::paths,
    tools_remote,
    tools_verdict::decide,
    verbs::{self, Doing},
};

/// Arguments that hold the verb when the name doesn't: `{"operation": "delete"}`.
const OPERATION_KEYS: &[&str] = &[
    "operation",
    "action",
    "op",
    "method",
    "verb",
    "subcommand",
    "command",
    "service",
    "mode",
    "type",
];
/// Arguments that say that nothing is to be done yet.
const REHEARSALS: &[&str] = &[
    "dry_run",
    "dryRun",
    "dryrun",
    "dry-run",
    "preview",
    "simulate",
    "whatIf",
    "what_if",
    "check_only",
    "validate_only",
    "plan_only",
];
/// Arguments that hold a program of a language.
const CODE_KEYS: &[&str] = &[
    "code",
    "source",
    "script",
    "cell",
    "snippet",
    "program",
    "expression",
    "function",
    "js",
];
/// Command lines whose name in a server's name says whose words its arguments are.
#[rustfmt::skip]
const PROGRAMS: &[&str] = &[
    "kubectl", "helm", "terraform", "tofu", "pulumi", "aws", "gcloud", "az", "gsutil", "docker", "podman", "gh",
    "glab", "heroku", "fly", "flyctl", "vercel", "netlify", "wrangler", "doctl", "hcloud", "redis", "mongosh", "psql",
    "mysql", "ansible", "cdk", "npm", "git", "argocd", "flux",
];
/// A tool and what is known of its name.
pub(crate) struct Tool<'a> {
    pub(crate) call: &'a ToolCall,
    /// The words of its own name, then those of the operation that its arguments name.
    pub(crate) words: Vec<String>,
    /// The words of the server's name.
    pub(crate) server: Vec<String>,
    /// Whether a server offers it.
    pub(crate) remote: bool,
    /// Whether the call says that nothing is to be done yet.
    pub(crate) rehearsal: bool,
    pub(crate) doing: Option<Doing>,
}

impl<'a> Tool<'a> {
    pub(crate) fn new(call: &'a ToolCall) -> Self {
        let (server, own) = call.tool.rsplit_once("__").unwrap_or(("", &call.tool));
        let mut words = verbs::words(own);
        let params = &call.params;
        let named = doing(&words);
        // `Reads` by name and `delete` by argument is a delete.
        if !matches!(named, Some(Doing::Destroys | Doing::Removes)) {
            for key in OPERATION_KEYS {
                let Some(text) = params.get(*key).and_then(Value::as_str) else {
                    continue;
                };
                if text.len() <= 40 && !text.contains(' ') && !text.contains('/') {
                    let more = verbs::words(text);
                    let sets = more
                        .iter()
                        .any(|word| matches!(word.as_str(), "patch" | "apply" | "set" | "update"));
                    if *key != "type"
                        && (sets || doing(&more).is_some_and(|doing| doing != Doing::Reads))
                    {
                        words.splice(0..0, more);
                        break;
                    }
                }
            }
        }
        let all = |key: &String, value: &Value| {
            key.to_ascii_lowercase().contains("everything") && value.as_bool().is_none_or(|yes| yes)
                || key == "all" && value.as_bool() == Some(true)
        };
        if params
            .as_object()
            .is_some_and(|map| map.iter().any(|(key, value)| all(key, value)))
        {
            words.push("everything".to_owned());
        }
        let rehearsal = REHEARSALS.iter().any(|key| match params.get(*key) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => !matches!(text.as_str(), "" | "false" | "none" | "no"),
            _ => false,
        });
        Self {
            call,
            doing: doing(&words),
            remote: call.tool.contains("__") || call.tool.contains('.'),
            server: verbs::words(server),
            words,
            rehearsal,
        }
    }

    /// Whether the tool's or the server's name has one of these words.
    pub(crate) fn named(&self, any: &[&str]) -> bool {
        self.has(any) || self.server.iter().any(|word| any.contains(&word.as_str()))
    }

    /// Whether the tool's own name has one of these words.
    pub(crate) fn has(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }
}

/// What the first verb says; `get_and_delete` deletes.
fn doing(words: &[String]) -> Option<Doing> {
    let (at, first) = verbs::verb_of(words)?;
    let second = words[at + 1..]
        .iter()
        .position(|word| matches!(word.as_str(), "and" | "or" | "then"))
        .and_then(|and| verbs::verb_of(&words[at + 2 + and..]));
    match (first, second) {
        (Doing::Reads | Doing::Makes, Some((_, second))) => Some(second),
        _ => Some(first),
    }
}

/// Notes what a tool that is not known by name would do.
pub(crate) fn read(shell: &mut Shell<'_>, call: &ToolCall, name: &str) {
    let tool = Tool::new(call);
    let params = &call.params;
    commands(shell, &tool, name);
    programs(shell, &tool, name);
    statements(shell, &tool, name);
    for url in texts(params, URL_KEYS) {
        if let Some(path) = url.strip_prefix("file://") {
            let path = shell.path(path);
            shell.secret_at(&path, name);
        } else {
            tools_remote::fetch(shell, params, &url, name);
        }
    }
    let here = paths(shell, &tool, name);
    if tool.rehearsal {
        return;
    }
    if !here {
        decide(shell, &tool, name);
    }
    sends(shell, &tool, name);
}

/// Command lines: those of a shell, and those of a program that the server is named after.
fn commands(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let runs = tool.named(&[
        "exec",
        "execute",
        "run",
        "command",
        "commands",
        "terminal",
        "shell",
        "bash",
        "zsh",
        "process",
        "ssh",
        "cmd",
        "cli",
        "powershell",
        "console",
        "subprocess",
        "call",
        "kubectl",
        "tty",
        "pty",
    ]);
    let mut keys: Vec<&str> = vec![
        "command",
        "cmd",
        "cli_command",
        "cliCommand",
        "commandLine",
        "command_line",
        "shell_command",
        "bash_command",
        "commands",
        "argv",
        "args",
        "arguments",
    ];
    if !tool.has(&["code", "js", "python", "cell", "sql"]) {
        keys.push("script");
    }
    if tool.named(&[
        "terminal", "process", "tty", "pty", "session", "keys", "stdin", "iterm", "tmux",
    ]) {
        keys.extend(["input", "text", "keys", "data"]);
    }
    let program = tool
        .words
        .iter()
        .chain(&tool.server)
        .find(|word| PROGRAMS.contains(&word.as_str()))
        .map(|word| {
            if word == "redis" {
                "redis-cli"
            } else {
                word.as_str()
            }
        });
    if tool.words.first().is_some_and(|word| word == "git") {
        git(shell, tool);
    }
    let mut opaque = false;
    for key in keys {
        let text = match tool.call.params.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) => {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                let mark = if key == "commands" { "\n" } else { " " };
                words.join(mark)
            }
            _ => continue,
        };
        let first = text.split_whitespace().next().unwrap_or_default();
        match program {
            Some(program) if first != program => {
                let verb = tool
                    .words
                    .iter()
                    .rfind(|word| key == "args" && verbs::doing(word).is_some());
                let verb = verb.map_or("", String::as_str);
                shell.subshell(&format!("{program} {verb} {text}"), &Flow::default());
            }
            _ if runs || program.is_some() => {
                shell.subshell(&text, &Flow::default());
            }
            // What is not known to be a command is not read as one.
            _ => opaque |= COMMAND_KEYS.contains(&key) && text.contains(' '),
        }
    }
    if opaque {
        shell.opaque("unknown_tool", name);
    }
}

/// `git_push {"force": true}` is `git push --force`.
fn git(shell: &mut Shell<'_>, tool: &Tool<'_>) {
    let mut argv: Vec<Field> = tool
        .words
        .iter()
        .map(|word| Field::known(word.as_str()))
        .collect();
    for (key, value) in tool.call.params.as_object().into_iter().flatten() {
        match value {
            Value::Bool(true) => argv.push(Field::known(format!("--{key}"))),
            Value::String(mode) if key == "mode" => argv.push(Field::known(format!("--{mode}"))),
            Value::String(text) if key == "branch" => {
                argv.push(Field::known("origin"));
                argv.push(Field::known(text.as_str()));
            }
            _ => {}
        }
    }
    shell.invoke(&argv, &Flow::default());
}

/// Programs of a language, and scripts that a browser's page runs.
fn programs(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let params = &tool.call.params;
    let named = params
        .get("language")
        .or_else(|| params.get("runtime"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is = |words: &[&str]| tool.named(words) || words.contains(&named.as_str());
    let page = is(&[
        "browser",
        "puppeteer",
        "playwright",
        "page",
        "chrome",
        "devtools",
    ]);
    let language = if is(&[
        "js",
        "javascript",
        "node",
        "nodejs",
        "ts",
        "typescript",
        "deno",
        "bun",
    ]) || page
    {
        Language::JavaScript
    } else if is(&["ruby"]) {
        Language::Ruby
    } else if is(&["php"]) {
        Language::Php
    } else if is(&["perl"]) {
        Language::Perl
    } else {
        Language::Python
    };
    let runs =
        page || is(&[
            "python",
            "jupyter",
            "cell",
            "notebook",
            "code",
            "ipython",
            "repl",
            "interpreter",
            "sandbox",
            "evaluate",
            "eval",
        ]) || language != Language::Python;
    if !runs || tool.has(&["replace", "write", "edit", "search", "find"]) {
        return;
    }
    for text in texts(params, CODE_KEYS) {
        if matches!(named.as_str(), "bash" | "sh" | "shell") {
            shell.subshell(&text, &Flow::default());
            continue;
        }
        shell.read_code(&text, language, name);
        let takes = ["document.cookie", "localStorage", "sessionStorage"]
            .iter()
            .any(|word| text.contains(word));
        let gives = [
            "fetch(",
            "sendBeacon",
            "XMLHttpRequest",
            "new Image",
            "WebSocket",
        ]
        .iter()
        .any(|word| text.contains(word));
        if page && takes && gives {
            shell.emit(
                Effect::new(EffectKind::SendData, "the page's script")
                    .manner("secret")
                    .program(name),
            );
        }
    }
}

/// Statements of a database. A search for "delete from x" is none; a database's tool, or a shouted keyword, makes it one.
fn statements(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let database = tool.named(&[
        "sql",
        "query",
        "db",
        "database",
        "databases",
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "sqlite",
        "bigquery",
        "snowflake",
        "redshift",
        "clickhouse",
        "duckdb",
        "supabase",
        "neon",
        "planetscale",
        "turso",
        "d1",
        "statement",
        "migration",
        "mssql",
        "sqlserver",
        "oracle",
        "trino",
        "athena",
        "databricks",
        "spanner",
        "cockroach",
        "pg",
    ]);
    if tool.has(&["explain"]) || tool.rehearsal {
        return;
    }
    for text in texts(&tool.call.params, SQL_KEYS) {
        let start = text.trim_start();
        let shouted = start
            .chars()
            .take(2)
            .filter(char::is_ascii_uppercase)
            .count()
            == 2;
        let graph = tool.named(&["cypher", "neo4j", "graph", "memgraph"]);
        if graph && crate::sql::empties_graph(&text) {
            shell.emit(
                Effect::new(EffectKind::DropDatabase, "the graph")
                    .manner("table")
                    .program(name),
            );
        }
        // Who searches for a statement does not run it.
        let searched = tool.has(&["search", "find", "grep", "lookup"]);
        if (database || shouted) && !searched && crate::sql::looks_like_sql(&text) {
            crate::sql::read(shell, &text, name);
        }
    }
}

/// Secrets in what a tool sends to its server: a key or a token spelled out.
fn sends(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) {
    let outward = tool.has(&[
        "send",
        "post",
        "create",
        "comment",
        "upload",
        "message",
        "publish",
        "add",
        "update",
        "share",
        "reply",
        "tweet",
        "push",
        "submit",
        "write",
        "append",
        "email",
        "notify",
        "broadcast",
        "gist",
    ]);
    if outward
        && !tool.named(&[
            "file",
            "filesystem",
            "fs",
            "directory",
            "vault",
            "terminal",
            "code",
        ])
        && secret::in_any(&tool.call.params, 0)
    {
        shell.emit(
            Effect::new(EffectKind::SendData, tool.call.tool.clone())
                .manner("secret")
                .program(name),
        );
    }
}
