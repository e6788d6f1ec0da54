//! `git`: work thrown away, history replaced, commands smuggled in through settings.

use super::{args::Call, files::bulk, git_settings::setting};
use crate::{
    effect::{Effect, EffectKind},
    shell::{
        Shell,
        flow::{Field, Flow},
    },
};

/// Branches that others build on.
const SHARED: &[&str] = &[
    "main",
    "master",
    "develop",
    "trunk",
    "production",
    "prod",
    "release",
    "stable",
];

#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each program"
)]
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let mut at = 0;
    while let Some(arg) = call.args.get(at) {
        match arg.text.as_str() {
            "-C" | "--git-dir" | "--work-tree" | "--namespace" | "--exec-path" => at += 2,
            "-c" => {
                if let Some((name, value)) = call
                    .args
                    .get(at + 1)
                    .and_then(|arg| arg.text.split_once('='))
                {
                    setting(shell, name, value, false);
                }
                at += 2;
            }
            text if text.starts_with('-') => at += 1,
            _ => break,
        }
    }
    let Some((verb, rest)) = call.args.get(at..).and_then(<[Field]>::split_first) else {
        return Flow::unforeseen();
    };
    let inner = Call {
        name: verb.text.as_str(),
        args: rest,
        stdin: call.stdin,
    };
    let discard = |target: &str, manner: &'static str| {
        Effect::new(EffectKind::DiscardWork, target)
            .manner(manner)
            .program("git")
    };
    let rewrite = |target: &str, manner: &'static str| {
        Effect::new(EffectKind::RewriteHistory, target)
            .manner(manner)
            .program("git")
    };
    let first = inner.operand(0);
    match inner.name {
        "reset" if inner.has('\0', "hard") || inner.word("--merge") => shell.emit(discard(
            if first.is_empty() { "HEAD" } else { first },
            "reset_hard",
        )),
        "clean"
            if (inner.has('f', "force") || call.word("clean.requireForce=false"))
                && !inner.has('n', "dry-run") =>
        {
            let all = inner.has('x', "") || inner.has('X', "") || inner.has('d', "");
            shell.emit(
                discard("untracked files", "clean")
                    .recursive(all)
                    .forced(true),
            );
        }
        "checkout" => checkout(shell, &inner, &discard),
        "switch" if inner.has('f', "force") || inner.word("--discard-changes") => {
            shell.emit(discard(first, "checkout_force").forced(true));
        }
        "restore" => {
            let staged_only = inner.has('S', "staged") && !inner.has('W', "worktree");
            if !staged_only && !inner.operands(&["-s", "--source"]).is_empty() {
                let operands = inner.operands(&["-s", "--source"]);
                let named = operands.iter().map(|field| field.text.as_str());
                shell.emit(discard(&targets(&inner), restore_manner(named)));
            }
        }
        "stash" if matches!(first, "drop" | "clear") => {
            let manner = if first == "clear" {
                "stash_clear"
            } else {
                "stash_drop"
            };
            shell.emit(discard("stash", manner));
        }
        "branch" if inner.has('D', "") || inner.has('d', "delete") && inner.has('f', "force") => {
            shell.emit(discard(&targets(&inner), "branch_delete").forced(true));
        }
        "worktree" if first == "remove" && inner.has('f', "force") => {
            shell.emit(discard(inner.operand(1), "worktree_remove").forced(true));
        }
        "rm" if inner.has('r', "")
            && !inner.has('\0', "cached")
            && inner.any(&[".", "*", "./", ":/"]) =>
        {
            shell.emit(discard("every tracked file", "remove_all").forced(inner.has('f', "force")));
        }
        "reflog" if matches!(first, "expire" | "delete") => {
            shell.emit(rewrite("reflog", "reflog_expire"));
        }
        "gc" if inner
            .args
            .iter()
            .any(|arg| arg.text == "--prune=now" || arg.text == "--prune=all") =>
        {
            shell.emit(rewrite("unreferenced commits", "prune"));
        }
        "update-ref" if inner.has('d', "") => shell.emit(discard(first, "branch_delete")),
        "filter-branch" | "filter-repo" => shell.emit(rewrite("history", "filter")),
        "push" => push(shell, &inner, &rewrite),
        "remote" => remote(shell, rest),
        "bundle" if first == "create" && inner.word("-") => return bulk("the repository"),
        "config" => {
            let operands = inner.operands(&["--file", "-f", "--type"]);
            let operands = match operands.as_slice() {
                [verb, rest @ ..] if verb.text == "set" => rest,
                all => all,
            };
            let reads = inner.has('\0', "get") || inner.has('\0', "unset");
            if let [name, value, ..] = operands
                && !reads
            {
                setting(shell, &name.text, &value.text, true);
            }
        }
        "submodule" if first == "foreach" => {
            let words: Vec<&str> = inner
                .args
                .iter()
                .map(|arg| arg.text.as_str())
                .skip_while(|text| *text != "foreach")
                .skip(1)
                .skip_while(|text| text.starts_with('-'))
                .collect();
            shell.subshell(&words.join(" "), &Flow::default());
        }
        "rebase" | "bisect" => {
            let mut texts = inner.values(&["-x", "--exec"]);
            if inner.name == "bisect" && first == "run" {
                texts.push(Field::known(
                    inner
                        .operands(&[])
                        .iter()
                        .skip(1)
                        .map(|field| field.text.as_str())
                        .collect::<Vec<_>>()
                        .join(" "),
                ));
            }
            for text in texts {
                shell.subshell(&text.text, &Flow::default());
            }
        }
        "diff" | "hash-object" if inner.word("--no-index") || inner.name == "hash-object" => {
            for file in inner.operands(&[]) {
                shell.read(file, "git");
            }
        }
        "clone" => {
            for pair in inner.values(&["-c", "--config"]) {
                if let Some((name, value)) = pair.text.split_once('=') {
                    setting(shell, name, value, false);
                }
            }
            if inner.args.iter().any(|arg| arg.text.starts_with("ext::")) {
                shell.opaque("script", "git");
            }
            for arg in inner
                .args
                .iter()
                .filter(|arg| arg.text.starts_with("ext::"))
            {
                shell.subshell(&arg.text[5..], &Flow::default());
            }
        }
        _ => {}
    }
    let mut out = Flow::unforeseen();
    if inner.name == "rev-parse" && inner.word("--show-toplevel") {
        out = Flow::text(".\n");
    }
    // All that is tracked, unless something narrows it.
    if inner.name == "ls-files" && inner.args.iter().all(|arg| arg.text == "-z") {
        out.taint.listing = Some("./*".to_owned());
    }
    out
}

fn targets(call: &Call<'_>) -> String {
    let words: Vec<&str> = call
        .operands(&["-s", "--source"])
        .iter()
        .take(4)
        .map(|field| field.text.as_str())
        .collect();
    words.join(" ")
}

fn checkout(
    shell: &mut Shell<'_>,
    call: &Call<'_>,
    discard: &dyn Fn(&str, &'static str) -> Effect,
) {
    if call.has('b', "") || call.has('B', "") || call.has('\0', "orphan") {
        return;
    }
    let dashes = call.args.iter().position(|arg| arg.text == "--");
    if let Some(at) = dashes {
        let files: Vec<&str> = call.args[at + 1..]
            .iter()
            .take(4)
            .map(|arg| arg.text.as_str())
            .collect();
        // Lock files are written anew by the tool that owns them.
        if !files.is_empty() && !files.iter().all(|file| is_lock_file(file)) {
            let manner = restore_manner(call.args[at + 1..].iter().map(|arg| arg.text.as_str()));
            shell.emit(discard(&files.join(" "), manner));
            return;
        }
    }
    if call.any(&[".", "./", "*", ":/"]) {
        shell.emit(discard(".", "restore"));
    } else if call.has('f', "force") {
        shell.emit(discard(call.operand(0), "checkout_force").forced(true));
    }
}

/// Taking back the changes to a few files that are named is everyday work; whole directories and patterns are asked about.
fn restore_manner<'a>(files: impl Iterator<Item = &'a str>) -> &'static str {
    const FEW: usize = 3;
    let mut count = 0;
    for file in files {
        count += 1;
        let name = file.rsplit('/').next().unwrap_or(file);
        let plain = name
            .rsplit_once('.')
            .is_some_and(|(stem, kind)| !stem.is_empty() && stem != "." && !kind.is_empty());
        if count > FEW || !plain || file.contains(['*', '?', '[', '$', ':']) {
            return "restore";
        }
    }
    if count == 0 {
        "restore"
    } else {
        "restore_file"
    }
}

fn is_lock_file(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches!(
        name,
        "Cargo.lock"
            | "package-lock.json"
            | "yarn.lock"
            | "pnpm-lock.yaml"
            | "poetry.lock"
            | "uv.lock"
            | "go.sum"
            | "Gemfile.lock"
            | "composer.lock"
            | "bun.lock"
            | "flake.lock"
    )
}

/// Notes a remote that this very text has made or changed. `git remote add origin` is how a new project is first pushed.
fn remote(shell: &mut Shell<'_>, rest: &[Field]) {
    let words: Vec<&str> = rest
        .iter()
        .map(|field| field.text.as_str())
        .filter(|text| !text.starts_with('-'))
        .collect();
    if let ["add" | "set-url", name, url, ..] = words.as_slice()
        && !(words[0] == "add" && *name == "origin")
    {
        shell.set(&format!("{REMOTE}{name}"), &Field::known(*url));
        if words[0] == "set-url" {
            shell.set(REMOTE, &Field::known(*url));
        }
    }
}

/// What the variables are called that keep the remotes of a text; no shell's variable can be called so.
const REMOTE: &str = "git remote ";

/// A push to a repository that is named by its address, or that the same text has set: not where the work comes from.
fn elsewhere(shell: &mut Shell<'_>, remote: &str) {
    let address = remote.contains("://") || remote.contains('@') && remote.contains(':');
    let set = shell
        .scope
        .variables
        .get(&format!("{REMOTE}{remote}"))
        .and_then(|known| known.text.clone());
    let Some(to) = set.or_else(|| address.then(|| remote.to_owned())) else {
        return;
    };
    let host = crate::host::of_url(&to);
    // Where most work lives; whose it is there cannot be told from the address.
    let forge = [
        "github.com",
        "gitlab.com",
        "bitbucket.org",
        "codeberg.org",
        "dev.azure.com",
        "ssh.dev.azure.com",
    ];
    if address && forge.contains(&host.as_str()) {
        return;
    }
    if !crate::host::is_local(&host) && !to.starts_with("file://") && !to.starts_with(['/', '.']) {
        shell.emit(
            Effect::new(EffectKind::SendData, host)
                .manner("repository")
                .program("git"),
        );
    }
}

fn push(shell: &mut Shell<'_>, call: &Call<'_>, rewrite: &dyn Fn(&str, &'static str) -> Effect) {
    if call.any(&["--dry-run", "-n"]) {
        return;
    }
    let operands = call.operands(&["-o", "--push-option", "--repo"]);
    let remote = operands.first().map_or("", |remote| remote.text.as_str());
    elsewhere(shell, remote);
    let refs: Vec<&str> = operands
        .iter()
        .skip(1)
        .map(|field| field.text.as_str())
        .collect();
    let branch = |text: &str| {
        text.trim_start_matches('+')
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .trim_start_matches("refs/heads/")
            .to_owned()
    };
    let deleting = call.has('d', "delete");
    let lease = call
        .args
        .iter()
        .any(|arg| arg.text.starts_with("--force-with-lease"));
    // `--force-with-lease` is also what an abbreviation of `--force` would match, so it is told by its full name.
    let forced = call.args.iter().any(|arg| {
        arg.text == "--force"
            || arg.text.len() > 1
                && arg.text.starts_with('-')
                && !arg.text.starts_with("--")
                && arg.text.contains('f')
    });
    if call.word("--mirror") || call.word("--prune") && forced {
        shell.emit(rewrite("every branch", "force_push_shared").forced(true));
        return;
    }
    for text in &refs {
        let name = branch(text);
        let shared = SHARED.contains(&name.as_str());
        if deleting || text.starts_with(':') {
            shell.emit(rewrite(
                &name,
                if shared {
                    "delete_shared"
                } else {
                    "delete_remote"
                },
            ));
        } else if forced || text.starts_with('+') {
            shell.emit(
                rewrite(
                    &name,
                    if shared {
                        "force_push_shared"
                    } else {
                        "force_push"
                    },
                )
                .forced(true),
            );
        } else if lease && shared {
            shell.emit(rewrite(&name, "force_push").forced(true));
        }
    }
    if refs.is_empty() && forced && !lease {
        shell.emit(rewrite("the current branch", "force_push").forced(true));
    }
}
