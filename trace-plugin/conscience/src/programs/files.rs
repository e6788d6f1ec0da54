//! Programs that remove, move, copy and overwrite files, and change their modes.

use super::{args::Call, find, git};
use crate::{
    effect::{Effect, EffectKind},
    place::Place,
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    match call.name {
        "gio" if call.operand(0) == "trash" => remove(shell, call),
        "trash-put" => remove(shell, call),
        "ed" | "ex" if call.stdin.connected => {
            for file in call.operands(&["-p", "-c"]) {
                shell.write(file, false, &Flow::unforeseen(), call.name);
            }
        }
        "rm" | "unlink" | "rmdir" | "del-cli" | "trash-cli" | "trash" | "srm" | "grm"
        | "rimraf" | "del" | "erase" | "rd" | "Remove-Item" | "ri" | "deltree" => {
            remove(shell, call);
        }
        "shred" | "wipe" | "sdelete" => shred(shell, call),
        "mv" | "move" | "gmv" => relocate(shell, call),
        "cp" | "gcp" | "install" | "ditto" | "copy" => copy(shell, call),
        "tee" | "sponge" => {
            let append = call.has('a', "append");
            for file in call.operands(&[]) {
                shell.write(file, append, call.stdin, call.name);
            }
            return Some(call.stdin.clone());
        }
        "dd" => return Some(dd(shell, call)),
        "truncate" => {
            let empty = Flow::text("");
            for file in call.operands(&["-s", "--size", "-r"]) {
                shell.write(file, false, &empty, call.name);
            }
        }
        "fallocate" => {
            let size = call.values(&["-l", "--length"]);
            if size.iter().any(|size| {
                size.text.ends_with(['T', 'P', 'E'])
                    || size
                        .text
                        .trim_end_matches('G')
                        .parse::<u64>()
                        .is_ok_and(|n| size.text.ends_with('G') && n >= 100)
            }) {
                shell.emit(
                    Effect::new(EffectKind::Exhaust, "disk")
                        .manner("fill")
                        .program(call.name),
                );
            }
        }
        "ln" => link(shell, call),
        "chmod" | "chown" | "chgrp" | "chattr" | "setfacl" | "setcap" | "icacls" | "takeown" => {
            permissions(shell, call);
        }
        "find" | "gfind" | "fd" | "fdfind" => return Some(find::read(shell, call)),
        "git" => return Some(git::read(shell, call)),
        "svn" if call.operand(0) == "revert" && call.any(&["-R", "--recursive"]) => {
            shell.emit(
                Effect::new(EffectKind::DiscardWork, "the working copy")
                    .manner("restore")
                    .program("svn"),
            );
        }
        "hg" if call.operand(0) == "update" && call.has('C', "clean")
            || call.operand(0) == "purge" =>
        {
            shell.emit(
                Effect::new(EffectKind::DiscardWork, "the working copy")
                    .manner("clean")
                    .program("hg"),
            );
        }
        "sed" | "gsed"
            if call
                .args
                .iter()
                .any(|arg| arg.text.starts_with("-i") || arg.text.starts_with("--in-place")) =>
        {
            let operands = call.operands(&["-e", "-f", "--expression", "--file"]);
            let skip = usize::from(call.values(&["-e", "-f"]).is_empty());
            for file in operands.into_iter().skip(skip) {
                shell.write(file, false, &Flow::unforeseen(), call.name);
            }
        }
        "patch" => {}
        _ => return None,
    }
    Some(Flow::text(""))
}

fn remove(shell: &mut Shell<'_>, call: &Call<'_>) {
    let windows = matches!(
        call.name,
        "del" | "erase" | "rd" | "Remove-Item" | "ri" | "deltree" | "rmdir"
    ) && call.args.iter().any(|arg| {
        arg.text.starts_with('/') && arg.text.len() == 2
            || arg.text.to_ascii_lowercase().starts_with("-recurse")
    });
    let recursive = call.has('r', "recursive")
        || call.has('R', "")
        || windows
        || matches!(call.name, "rimraf" | "srm" | "deltree")
        || matches!(call.name, "trash" | "gio" | "trash-put");
    let forced = call.has('f', "force");
    for target in call.operands(&[]) {
        if windows && target.text.starts_with('/') && target.text.len() == 2 {
            continue;
        }
        shell.delete(target, recursive, forced, call.name);
    }
}

fn shred(shell: &mut Shell<'_>, call: &Call<'_>) {
    for target in call.operands(&["-n", "--iterations", "-s", "--size", "--random-source"]) {
        let path = shell.path(&target.text);
        let place = shell.place(&path, true);
        let kind = match place {
            Place::Device => EffectKind::DiskWrite,
            Place::Logs | Place::History => EffectKind::HideTracks,
            _ => EffectKind::Overwrite,
        };
        shell.emit(
            Effect::new(kind, path.display())
                .place(place)
                .manner("shred")
                .program(call.name),
        );
    }
}

/// `mv`: gone from where it was; into `/dev/null` is gone for good.
fn relocate(shell: &mut Shell<'_>, call: &Call<'_>) {
    let mut operands = call.operands(&["-t", "--target-directory", "-S", "--suffix"]);
    let targets = call.values(&["-t", "--target-directory"]);
    let target = targets.first().cloned().or_else(|| operands.pop().cloned());
    let lost = target
        .as_ref()
        .is_some_and(|target| target.text == "/dev/null");
    for source in &operands {
        let path = shell.path(&source.text);
        let place = shell.place(&path, false);
        if lost && place <= Place::Workspace {
            shell.emit(
                Effect::new(EffectKind::Overwrite, path.display())
                    .manner("shred")
                    .program(call.name),
            );
        } else if lost
            || !matches!(
                place,
                Place::Ordinary
                    | Place::TopLevel
                    | Place::Workspace
                    | Place::HomeData
                    | Place::Secret
            )
            || path.is_contents() && place >= Place::HomeData
        {
            shell.delete(source, true, lost, call.name);
        }
    }
    if let Some(target) = target.filter(|_| !lost) {
        let content = operands.first().map_or_else(Flow::unforeseen, |source| {
            shell.script(source).unwrap_or_else(Flow::unforeseen)
        });
        shell.write(&target, false, &content, call.name);
    }
}

fn copy(shell: &mut Shell<'_>, call: &Call<'_>) {
    let values = &["-t", "--target-directory", "-m", "--mode", "-o", "-g", "-S"];
    let mut operands = call.operands(values);
    let targets = call.values(&["-t", "--target-directory"]);
    let target = targets.first().cloned().or_else(|| operands.pop().cloned());
    let mut content = Flow::unforeseen();
    // A secret copied to a name that is a secret's as well stays one.
    let kept = target
        .as_ref()
        .is_some_and(|target| secret::secret_of(&shell.path(&target.text)).is_some());
    for source in &operands {
        if source.text == "/dev/null" {
            content = Flow::text("");
        } else if !kept {
            content = shell.read(source, call.name);
        }
        if matches!(
            source.text.as_str(),
            "/dev/zero" | "/dev/urandom" | "/dev/random"
        ) {
            content.taint.bulk = Some("endless data");
        }
    }
    if let ([source], Some(target)) = (operands.as_slice(), &target)
        && source.text.contains("bin/")
    {
        let pair = (shell.path(&target.text), shell.path(&source.text));
        shell.copies.push(pair);
    }
    if call.name == "install" && call.has('d', "directory") {
        return;
    }
    if call
        .values(&["-m", "--mode"])
        .iter()
        .any(|mode| sets_user_id(&mode.text))
    {
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, "")
                .manner("set_user_id")
                .program(call.name),
        );
    }
    if let Some(target) = target {
        shell.write(&target, false, &content, call.name);
    }
}

fn dd(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let value = |name: &str| {
        call.args.iter().find_map(|arg| {
            arg.text.strip_prefix(name).map(|rest| Field {
                text: rest.to_owned(),
                ..arg.clone()
            })
        })
    };
    let mut content = match value("if=") {
        Some(source) if source.text.starts_with("/dev/") => Flow::unforeseen(),
        Some(source) => shell.read(&source, "dd"),
        None => call.stdin.clone(),
    };
    let endless = value("if=").is_some_and(|source| {
        matches!(
            source.text.as_str(),
            "/dev/zero" | "/dev/urandom" | "/dev/random"
        )
    });
    if endless && value("count=").is_none() {
        content.taint.bulk = Some("endless data");
    }
    match value("of=") {
        Some(target) => {
            if endless && value("count=").is_none() && !target.text.starts_with("/dev/") {
                shell.emit(
                    Effect::new(EffectKind::Exhaust, "disk")
                        .manner("fill")
                        .program("dd"),
                );
            }
            shell.write(&target, false, &content, "dd");
            Flow::text("")
        }
        None => content,
    }
}

fn link(shell: &mut Shell<'_>, call: &Call<'_>) {
    let operands = call.operands(&["-t", "-S"]);
    if let [source, link] = operands.as_slice() {
        let from = shell.path(&link.text);
        let symbolic = call.has('s', "symbolic");
        // A symbolic link is seen from where it stands, which matters little to what is absolute.
        let to = shell.path(&source.text);
        if !symbolic
            && secret::secret_of(&to) == Some(secret::STORE)
            && secret::secret_of(&from).is_none()
        {
            shell.read(source, call.name);
        }
        if from != to && shell.links.len() < MAX_LINKS {
            shell.links.push((from, to));
        }
    }
    // A link where something is run from puts it there as a copy would.
    let runs = operands.last().is_some_and(|target| {
        matches!(
            shell.place(&shell.path(&target.text), true),
            Place::StartUp | Place::Schedule | Place::LoginKeys | Place::AgentConfig
        )
    });
    if let (true, [.., target]) = (
        runs || call.has('f', "force") || call.operand(0) == "/dev/null",
        operands.as_slice(),
    ) {
        shell.write(target, false, &Flow::text(""), call.name);
    }
}

/// Links of one line that are followed.
const MAX_LINKS: usize = 16;

/// Whether a mode gives a file its owner's or group's rights: `u+s`, `4755`.
fn sets_user_id(mode: &str) -> bool {
    let symbolic = mode.contains(['+', '=']) && mode.contains('s') && !mode.contains("o+s");
    let octal = mode.chars().all(|c| c.is_digit(8))
        && mode.len() == 4
        && matches!(mode.as_bytes()[0], b'4' | b'6' | b'7' | b'2');
    symbolic || octal
}

/// Whether a mode lets everybody write.
fn opens_to_all(mode: &str) -> bool {
    let octal = mode.len() >= 3
        && mode.chars().all(|c| c.is_digit(8))
        && matches!(mode.chars().last(), Some('2' | '3' | '6' | '7'));
    let symbolic = mode.split(',').any(|part| {
        part.split_once(['+', '='])
            .is_some_and(|(who, what)| (who.contains(['a', 'o'])) && what.contains('w'))
    });
    octal || symbolic
}

#[expect(
    clippy::too_many_lines,
    reason = "one table of programs, read from top to bottom"
)]
fn permissions(shell: &mut Shell<'_>, call: &Call<'_>) {
    let recursive = call.has('R', "recursive") || call.any(&["/t", "/T", "/r", "/R"]);
    if call.name == "setcap" {
        let risky = ["setuid", "sys_admin", "dac_override", "sys_ptrace", "all"]
            .iter()
            .any(|word| call.operand(0).contains(word));
        if risky {
            shell.emit(
                Effect::new(EffectKind::RaisePrivileges, call.operand(1))
                    .manner("set_user_id")
                    .program(call.name),
            );
        }
        return;
    }
    if call.name == "chattr" {
        for target in call
            .operands(&["-v", "-p"])
            .into_iter()
            .filter(|field| !field.text.starts_with('+'))
        {
            let path = shell.path(&target.text);
            let place = shell.place(&path, true);
            if place >= Place::SystemConfig {
                shell.emit(
                    Effect::new(EffectKind::ChangePermissions, path.display())
                        .place(place)
                        .manner("attributes")
                        .recursive(recursive)
                        .program(call.name),
                );
            }
        }
        return;
    }
    // A mode may look like an option: `chmod -x file`, `chmod -R -w dir`.
    let mode_option = call.name == "chmod"
        && call.args.iter().any(|arg| {
            arg.text.len() > 1
                && arg.text.starts_with('-')
                && arg.text[1..].chars().all(|c| "rwxstX".contains(c))
        });
    let operands = call.operands(
        &["--reference", "-m", "-x", "-M", "-b"]
            .iter()
            .filter(|_| call.name == "setfacl")
            .copied()
            .collect::<Vec<_>>(),
    );
    let (mode, targets) = match operands.split_first() {
        Some((mode, rest)) if !mode_option && call.name != "setfacl" => (mode.text.as_str(), rest),
        _ => ("", operands.as_slice()),
    };
    if call.name == "chmod" && sets_user_id(mode) && !mode.starts_with('2') && mode != "g+s" {
        let target = targets.first().map_or("", |target| target.text.as_str());
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, target)
                .manner("set_user_id")
                .program(call.name),
        );
    }
    for target in targets {
        let path = shell.path(&target.text);
        let place = shell.place(&path, true);
        let open = call.name == "chmod" && opens_to_all(mode);
        let shared = call.name == "chmod"
            && secret::secret_of(&path) == Some(secret::STORE)
            && (mode.len() >= 3 && mode.chars().all(|c| c.is_digit(8)) && !mode.ends_with("00")
                || mode.split_once(['+', '=']).is_some_and(|(who, what)| {
                    (who.is_empty() || who.contains(['a', 'o', 'g'])) && what.contains('r')
                }));
        let program_file = call.name == "chmod"
            && place == Place::System
            && matches!(
                path.parts().first().map(String::as_str),
                Some("bin" | "sbin" | "lib" | "lib64" | "boot" | "usr")
            );
        let manner = if open {
            "open_to_all"
        } else if shared {
            "share_secret"
        } else if mode.trim_start_matches('0').is_empty()
            && !mode.is_empty()
            && call.name == "chmod"
        {
            "lock_out"
        } else if program_file {
            "program_file"
        } else {
            "change"
        };
        let kind = match place {
            Place::Conscience => EffectKind::TamperConscience,
            _ => EffectKind::ChangePermissions,
        };
        if place != Place::Ordinary || manner != "change" {
            shell.emit(
                Effect::new(kind, path.display())
                    .place(place)
                    .manner(manner)
                    .recursive(recursive)
                    .program(call.name),
            );
        }
    }
}

/// Data that a program packs or copies out in bulk.
pub(super) fn bulk(what: &'static str) -> Flow {
    Flow::tainted(Taint {
        bulk: Some(what),
        unforeseen: true,
        ..Taint::default()
    })
}
