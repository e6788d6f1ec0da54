//! What an agent does to its own conscience, to the settings that decide what it may do, and to the hooks that see it.
//!
//! In scope: programs and their words. Not in scope: which files those are (`place`), the files' writing and deleting
//! (`shell`), servers' tools (`tools_verdict`).

use crate::{
    effect::{Effect, EffectKind},
    place::Place,
    programs::Call,
    shell::{Shell, flow::Flow},
    verbs::{self, Doing},
};

/// Runtimes whose settings and plugins decide what an agent may do.
#[rustfmt::skip]
const AGENTS: &[&str] = &[
    "claude", "claude-code", "codex", "gemini", "openclaw", "clawdbot", "moltbot", "copilot", "cursor-agent",
    "cursor", "opencode", "aider", "goose", "qwen", "amp", "crush", "droid", "kiro", "auggie",
];
/// What a runtime is told so that nobody looks at what it does.
#[rustfmt::skip]
const UNWATCHED: &[&str] = &[
    "--dangerously-", "--yolo", "--allow-all-tools", "--allow-all", "bypassPermissions", "danger-full-access",
    "disableAllHooks", "--yes-always", "approval_policy=never", "approval_policy=\"never\"", "--trust-all-tools",
    "--no-hooks", "--skip-permissions", "--full-auto", "--approval-mode=yolo", "--setting-sources=",
];
/// Parts of a runtime's settings that decide what it may do.
#[rustfmt::skip]
const SETTINGS: &[&str] = &[
    "plugins", "plugin", "hooks", "hook", "permissions", "permission", "approvals", "mcp", "mcpservers", "tools",
    "security", "sandbox", "extensions", "extension", "gateway", "disableallhooks", "exec", "policy", "agents",
    "allowedtools",
];
/// Programs that take software away.
#[rustfmt::skip]
const REMOVERS: &[&str] = &[
    "npm", "pnpm", "yarn", "bun", "cargo", "brew", "apt", "apt-get", "dnf", "yum", "pacman", "apk", "zypper", "pip",
    "pip3", "pipx", "uv", "snap", "flatpak", "gem", "nix-env", "port", "choco", "scoop", "winget", "dpkg", "rpm",
    "volta", "asdf", "mise",
];
/// Subcommands of smoltbot that look, and nothing else.
#[rustfmt::skip]
const LOOKS: &[&str] = &[
    "check", "completions", "db", "doctor", "edge", "export", "gateway", "help", "hook", "init", "logs", "sidecar",
    "status", "up", "verify", "version", "--help", "--version", "-V", "-h", "",
];

/// Notes what `call` does to the conscience, apart from what any program of its name does.
pub(crate) fn read(shell: &mut Shell<'_>, call: &Call<'_>) {
    let off = |target: &str| {
        Effect::new(EffectKind::TamperConscience, target)
            .manner("switch_off")
            .program(call.name)
    };
    if call.name == "smoltbot" {
        if changes_itself(call) {
            shell.emit(off("smoltbot"));
        }
        return;
    }
    if AGENTS.contains(&call.name) {
        agent(shell, call);
        return;
    }
    let listed = |arg: &crate::shell::flow::Field| arg.taint.listing.as_deref().is_some_and(names);
    let named = call.args.iter().any(|arg| names(&arg.text) || listed(arg));
    if named && takes_away(call) {
        shell.emit(off("smoltbot"));
    }
    if let Some(place) = hits(shell, call) {
        shell.emit(
            Effect::new(
                EffectKind::TamperConscience,
                call.args.last().map_or("", |arg| arg.text.as_str()),
            )
            .place(place)
            .manner("replace")
            .program(call.name),
        );
    }
    if call.name == "unset" {
        for arg in call.args {
            variable(shell, &arg.text, "");
        }
    }
    if call.name == "git"
        && call.operand(0) == "config"
        && call.word("core.hooksPath")
        && (call.word("--global")
            || call.word("--system")
            || call
                .args
                .last()
                .is_some_and(|path| path.text.starts_with(['/', '~']) || path.text.is_empty()))
        && call.args.len() > 2
        && !call.any(&["--get", "--list", "-l"])
    {
        shell.emit(
            Effect::new(EffectKind::Persistence, "core.hooksPath")
                .place(Place::StartUp)
                .manner("replace")
                .program("git"),
        );
    }
}

/// Whether a word names smoltbot: itself, its service, its container, its host, its files.
fn names(text: &str) -> bool {
    text.len() < 4096
        && text
            .as_bytes()
            .windows(8)
            .any(|window| window.eq_ignore_ascii_case(b"smoltbot"))
}

fn changes_itself(call: &Call<'_>) -> bool {
    let words: Vec<&str> = call
        .operands(&["--config", "--home"])
        .iter()
        .map(|field| field.text.as_str())
        .collect();
    if call.any(&["--help", "-h"]) {
        return false;
    }
    let switches = call.args.iter().any(|arg| {
        let name = arg.text.trim_start_matches('-');
        arg.text.starts_with("--")
            && ["disable", "enable", "off", "set", "unset", "remove"]
                .contains(&name.split('=').next().unwrap_or(name))
    });
    if switches {
        return true;
    }
    match words.as_slice() {
        [] => false,
        ["conscience", rest @ ..] => !matches!(
            rest,
            [] | [
                "list"
                    | "explain"
                    | "test"
                    | "packs"
                    | "lint"
                    | "show"
                    | "check"
                    | "status"
                    | "new",
                ..
            ]
        ),
        ["card", rest @ ..] => !matches!(
            rest,
            [] | [
                "show" | "validate" | "history" | "diff" | "list" | "verify",
                ..
            ]
        ),
        ["config", rest @ ..] => !matches!(
            rest,
            [] | ["show" | "get" | "list" | "validate" | "path", ..]
        ),
        ["db", rest @ ..] => matches!(rest, ["erase", ..]),
        [first, rest @ ..] => {
            // A subcommand that nobody told us about may look, too.
            let looks = rest
                .first()
                .is_some_and(|verb| verbs::doing(verb) == Some(Doing::Reads));
            !LOOKS.contains(first) && !looks
        }
    }
}

fn agent(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text = call.joined();
    let elsewhere = [
        "SMOLTBOT_HOME",
        "CLAUDE_CONFIG_DIR",
        "OPENCLAW_STATE_DIR",
        "OPENCLAW_CONFIG_PATH",
        "CODEX_HOME",
    ]
    .iter()
    .any(|name| shell.scope.variables.contains_key(*name));
    let forced = call.name == "cursor-agent" && call.any(&["--force", "-f"]);
    if UNWATCHED.iter().any(|word| text.contains(word)) || forced || elsewhere {
        shell.emit(
            Effect::new(EffectKind::TamperConscience, call.name)
                .manner("switch_off")
                .program(call.name),
        );
        return;
    }
    // `claude config set hooks …`, `openclaw plugins disable x`, `codex mcp add …`.
    let words: Vec<String> = call
        .args
        .iter()
        .take_while(|arg| arg.text != "--" && !arg.text.contains(' '))
        .filter(|arg| !arg.text.starts_with('-'))
        .take(6)
        .flat_map(|arg| verbs::words(&arg.text))
        .collect();
    let about = words.iter().any(|word| SETTINGS.contains(&word.as_str())) || names(&text);
    let first = words.first().map_or("", String::as_str);
    let section = matches!(
        first,
        "config"
            | "plugins"
            | "plugin"
            | "mcp"
            | "hooks"
            | "permissions"
            | "approvals"
            | "gateway"
            | "extensions"
            | "extension"
            | "reset"
            | "uninstall"
            | "configure"
            | "agents"
            | "security"
            | "sandbox"
    );
    // `gateway call config.patch` changes the settings from afar.
    let patches = words.windows(2).any(|pair| {
        pair[0] == "config" && matches!(pair[1].as_str(), "patch" | "apply" | "set" | "write")
    });
    let reads = !patches
        && words.iter().skip(1).any(|word| {
            matches!(
                word.as_str(),
                "get"
                    | "list"
                    | "ls"
                    | "status"
                    | "info"
                    | "show"
                    | "logs"
                    | "help"
                    | "run"
                    | "start"
                    | "restart"
                    | "probe"
                    | "doctor"
                    | "call"
                    | "inspect"
            )
        });
    if section
        && !reads
        && (words.len() > 1 || matches!(first, "reset" | "uninstall"))
        && (about || matches!(first, "reset" | "uninstall"))
    {
        shell.emit(
            Effect::new(
                EffectKind::TamperConscience,
                text.chars().take(80).collect::<String>(),
            )
            .place(Place::AgentConfig)
            .manner("replace")
            .program(call.name),
        );
    }
}

/// Whether a program that was told of smoltbot takes away, stops, hides or replaces something.
fn takes_away(call: &Call<'_>) -> bool {
    let operand = |words: &[&str]| {
        call.args
            .iter()
            .any(|arg| words.contains(&arg.text.as_str()))
    };
    let text = || call.joined();
    match call.name {
        name if REMOVERS.contains(&name) => operand(&[
            "remove",
            "uninstall",
            "purge",
            "rm",
            "un",
            "unlink",
            "erase",
            "del",
            "delete",
            "autoremove",
            "-R",
            "-Rns",
            "-r",
            "-e",
            "unpublish",
            "r",
            "disable",
            "-P",
            "deprecate",
            "--remove",
            "--uninstall",
        ]),
        "docker" | "podman" | "nerdctl" | "docker-compose" => {
            operand(&[
                "stop",
                "rm",
                "kill",
                "pause",
                "down",
                "rmi",
                "disconnect",
                "remove",
            ]) && !operand(&["--help"])
        }
        "kubectl" | "helm" | "k" | "oc" => operand(&["delete", "scale", "uninstall", "drain"]),
        "iptables" | "ip6tables" | "nft" | "ufw" | "firewall-cmd" | "pfctl" | "route" => {
            let text = text().to_ascii_lowercase();
            ["drop", "reject", "deny", "blackhole"]
                .iter()
                .any(|word| text.contains(word))
        }
        "ip" => text().contains("blackhole") || text().contains("unreachable"),
        "rm" | "mv" | "unlink" | "shred" | "truncate" | "chmod" | "chown" | "cp" | "ln"
        | "install" | "tee" | "dd" => {
            // `rm $(which smoltbot)`; paths that are known are told by their place.
            call.args.iter().any(|arg| {
                arg.taint.listing.as_deref().is_some_and(names)
                    || names(&arg.text)
                        && [
                            "which",
                            "command -v",
                            "type -p",
                            "readlink",
                            "whereis",
                            "realpath",
                        ]
                        .iter()
                        .any(|word| arg.text.contains(word))
            })
        }
        "update-alternatives" | "hash" => operand(&["--remove", "--set", "--install", "-p"]),
        "kill" | "pkill" | "killall" | "taskkill" | "skill" | "fuser" => true,
        "xargs" => operand(&["kill", "pkill"]),
        "alias" => call
            .args
            .iter()
            .any(|arg| arg.text.starts_with("smoltbot=")),
        "schtasks" | "sc" | "Stop-Service" | "Remove-Service" | "Stop-Process"
        | "Uninstall-Package" => true,
        _ => false,
    }
}

/// The place of the conscience's or a runtime's files that a program changes which writes in ways of its own.
fn hits(shell: &Shell<'_>, call: &Call<'_>) -> Option<Place> {
    let changes = match call.name {
        "chmod" | "chown" | "chgrp" | "chattr" | "setfacl" | "icacls" => true,
        "yq" | "jq" | "sd" | "perl" | "ruby" | "prettier" | "dasel" | "crudini" => {
            call.has('i', "in-place") || call.name == "sd"
        }
        "vim" | "vi" | "nvim" | "ex" | "ed" | "emacs" | "nano" => {
            call.name == "ed" || call.any(&["-c", "+wq", "-es", "--batch", "-s"])
        }
        "tar" | "bsdtar" => {
            call.has('x', "extract")
                || call
                    .args
                    .first()
                    .is_some_and(|arg| arg.text.starts_with('x'))
        }
        "unzip" | "git-restore" | "patch" | "mount" | "umount" | "setfattr" => true,
        "git" => {
            let verb = call.operands(&["-C", "-c", "--git-dir", "--work-tree"]);
            verb.first().is_some_and(|verb| {
                matches!(
                    verb.text.as_str(),
                    "rm" | "checkout"
                        | "restore"
                        | "mv"
                        | "reset"
                        | "clean"
                        | "apply"
                        | "am"
                        | "stash"
                        | "switch"
                )
            })
        }
        _ => false,
    };
    if !changes {
        return None;
    }
    call.args
        .iter()
        .filter(|arg| {
            arg.text.contains('.') && !arg.text.starts_with('-') || arg.text.contains("smoltbot")
        })
        .map(|arg| shell.place(&shell.path(&arg.text), true))
        .filter(|place| matches!(place, Place::Conscience | Place::AgentConfig))
        .max()
}

/// Setting or unsetting a variable that the conscience is set up by.
pub(crate) fn variable(shell: &mut Shell<'_>, name: &str, value: &str) {
    let Some(key) = name.strip_prefix("SMOLTBOT_") else {
        return;
    };
    let decides = [
        "MODE",
        "ENABLE",
        "DISABLE",
        "CONSCIENCE",
        "PACK",
        "CARD",
        "SKIP",
        "BYPASS",
        "OFF",
        "HOOK",
        "POLIC",
        "URL",
        "TOKEN",
        "FAIL",
    ]
    .iter()
    .any(|word| key.contains(word));
    let negative = ["DISABLE", "SKIP", "BYPASS", "OFF"]
        .iter()
        .any(|word| key.contains(word));
    let strict = matches!(value, "enforce" | "true" | "1" | "on") != negative;
    if decides && !strict || value == "off" {
        shell.emit(Effect::new(EffectKind::TamperConscience, name).manner("switch_off"));
    }
}

/// Marks the output of a search for the conscience's processes, so that ending what it names is seen.
pub(crate) fn mark(call: &Call<'_>, flow: &mut Flow) {
    let searches = matches!(
        call.name,
        "pgrep"
            | "pidof"
            | "grep"
            | "egrep"
            | "rg"
            | "awk"
            | "gawk"
            | "lsof"
            | "ps"
            | "which"
            | "command"
            | "whereis"
            | "docker"
            | "podman"
    );
    let named = call.args.iter().any(|arg| names(&arg.text)) && !call.has('v', "invert-match");
    let before = call.stdin.taint.listing.as_deref().is_some_and(names);
    if flow.text.is_none() && (searches && named || before) {
        flow.taint.listing = Some("$(pgrep smoltbot)".to_owned());
    }
}
