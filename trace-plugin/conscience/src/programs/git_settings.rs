//! Settings of git that hold a command, name another place, or switch a check off.

use crate::{
    effect::{Effect, EffectKind},
    host,
    shell::{Shell, flow::Flow},
};

/// Settings of git that hold a command.
const COMMANDS: &[&str] = &[
    "core.sshcommand",
    "core.pager",
    "core.editor",
    "core.fsmonitor",
    "core.hookspath",
    "core.gitproxy",
    "core.alternaterefscommand",
    "diff.external",
    "credential.helper",
    "sequence.editor",
    "gpg.program",
    "gpg.ssh.program",
    "init.templatedir",
    "include.path",
    "uploadpack.packobjectshook",
];

/// Directories whose programs came with the machine or were put there by a person.
const INSTALLED: &[&str] = &[
    "/usr/",
    "/bin/",
    "/opt/",
    "/snap/",
    "/Applications/",
    "/nix/",
    "/home/linuxbrew/",
];

/// Whether a setting holds a command that git runs, whatever its name is made of (`filter.lfs.clean`).
fn is_command(name: &str) -> bool {
    let family = |first: &str, lasts: &[&str]| {
        name.strip_prefix(first)
            .is_some_and(|rest| lasts.iter().any(|last| rest.ends_with(last)))
    };
    COMMANDS.contains(&name)
        || family("credential.", &[".helper"])
        || family("filter.", &[".clean", ".smudge", ".process"])
        || family("merge.", &[".driver"])
        || family("diff.", &[".command", ".textconv"])
        || family("mergetool.", &[".cmd"])
        || family("difftool.", &[".cmd"])
        || family("includeif.", &[".path"])
        || family("pager.", &[""])
}

/// Notes what setting `name` does; `kept` unless it is for one command only.
pub(super) fn setting(shell: &mut Shell<'_>, name: &str, value: &str, kept: bool) {
    let lower = name.to_ascii_lowercase();
    let off = matches!(value, "false" | "0" | "no" | "off");
    let emit = |shell: &mut Shell<'_>, kind: EffectKind, manner: &'static str| {
        shell.emit(Effect::new(kind, name).manner(manner).program("git"));
    };
    let unchecked = lower.starts_with("http.") && lower.ends_with("sslverify") && off
        || matches!(
            lower.as_str(),
            "receive.denynonfastforwards" | "receive.denydeletes"
        ) && off
        || lower.starts_with("protocol.ext") && value == "always";
    if unchecked {
        emit(shell, EffectKind::LowerDefences, "certificates");
    }
    if lower == "gc.pruneexpire" && matches!(value, "now" | "0") {
        emit(shell, EffectKind::RewriteHistory, "prune");
    }
    // Passwords in clear text, for whoever reads the file.
    if lower.starts_with("credential.") && lower.ends_with("helper") && value.starts_with("store") {
        emit(shell, EffectKind::LowerDefences, "credentials");
    }
    if lower.starts_with("url.") && lower.ends_with("insteadof") {
        elsewhere(shell, &name[4..]);
    }
    if is_command(&lower) && smuggles(&lower, value, kept) {
        emit(shell, EffectKind::Persistence, "schedule");
    }
    let command = if lower.starts_with("alias.") {
        value.strip_prefix('!')
    } else {
        is_command(&lower).then(|| value.trim_start_matches('!'))
    };
    if let Some(command) = command
        && command.contains(' ')
    {
        shell.subshell(command, &Flow::default());
    }
}

/// Whether the command in a setting is a script of somebody's rather than an installed program.
fn smuggles(name: &str, value: &str, kept: bool) -> bool {
    let command = value.trim_start_matches('!');
    let program = command.split_ascii_whitespace().next().unwrap_or_default();
    let passing = ["/tmp/", "/dev/shm/", "/var/tmp/"]
        .iter()
        .any(|folder| command.contains(folder));
    match name {
        "core.hookspath" => passing || !kept && matches!(value, "/dev/null" | "/dev/empty" | ""),
        "init.templatedir" | "include.path" => passing,
        "core.sshcommand" => {
            passing || kept || command.contains("StrictHostKeyChecking=no") || program != "ssh"
        }
        "credential.helper" if value.starts_with('!') => {
            !["gh", "glab", "aws", "gcloud", "az", "git"]
                .contains(&program.rsplit('/').next().unwrap_or(program))
        }
        _ => {
            let shell_like = matches!(
                program,
                "sh" | "bash" | "curl" | "wget" | "nc" | "python" | "python3" | "perl"
            );
            let script = program.contains('/')
                && !INSTALLED.iter().any(|folder| program.starts_with(folder));
            passing || shell_like || script
        }
    }
}

/// `url.X.insteadOf`: all that names one address goes to another from then on.
fn elsewhere(shell: &mut Shell<'_>, address: &str) {
    let to = host::of_url(address);
    let forge = [
        "github",
        "gitlab",
        "bitbucket",
        "codeberg.org",
        "dev.azure.com",
        "amazonaws",
    ]
    .iter()
    .any(|name| to.contains(name));
    if !forge && !host::is_local(&to) && to.contains('.') {
        shell.emit(
            Effect::new(EffectKind::SendData, to)
                .manner("repository")
                .program("git"),
        );
    }
}
