//! Programs of Windows: registry, services, tasks, boot settings, accounts, and the ones that run what they fetch.

use super::args::Call;
use crate::{
    effect::{Effect, EffectKind},
    host,
    powershell::machine::{registry_remove, registry_set},
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// Services that a machine's safety depends on.
const GUARDS: &[&str] = &[
    "windefend",
    "mpssvc",
    "wscsvc",
    "sense",
    "eventlog",
    "vss",
    "securityhealthservice",
    "wdfilter",
];

#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each name"
)]
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    let lower: Vec<String> = call
        .args
        .iter()
        .map(|arg| arg.text.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let name = call.name.to_ascii_lowercase();
    let all = lower.join(" ");
    let mut emit = |kind: EffectKind, target: &str, manner: &'static str| {
        shell.emit(Effect::new(kind, target).manner(manner).program(&name));
    };
    match (name.as_str(), words.as_slice()) {
        ("reg", [verb, key, ..]) => return Some(registry(shell, verb, key, call)),
        ("regedit", [file, ..]) if *file == "/s" || file.ends_with(".reg") => {
            emit(EffectKind::Persistence, "the registry", "schedule");
        }
        ("sc", [verb, rest @ ..]) => {
            let service = rest
                .iter()
                .find(|word| !word.starts_with("\\\\"))
                .copied()
                .unwrap_or_default();
            match *verb {
                "create" => emit(EffectKind::Persistence, service, "schedule"),
                "config" if all.contains("binpath") => {
                    emit(EffectKind::Persistence, service, "schedule");
                }
                "delete" | "stop" | "config" if GUARDS.contains(&service) => {
                    emit(EffectKind::LowerDefences, service, "");
                }
                "delete" => emit(EffectKind::StopSystem, service, "service"),
                "sdset" => emit(EffectKind::LowerDefences, service, ""),
                _ => {}
            }
        }
        ("schtasks", _) if all.contains("/delete") && all.contains("/tn *") => {
            emit(EffectKind::Delete, "every task", "schedule");
        }
        ("schtasks", _) if all.contains("/change") && all.contains("/tr") => {
            emit(EffectKind::Persistence, "the task scheduler", "schedule");
        }
        ("wmic", _) if all.contains("shadowcopy") && all.contains("delete") => {
            emit(EffectKind::DestroyService, "shadow copies", "backups");
        }
        ("wmic", _) if all.contains("process call create") => {
            if let Some(command) = call.args.last() {
                shell.subshell(&command.text, &Flow::default());
            }
        }
        ("wmic", _) if all.contains("useraccount") && all.contains("delete") => {
            emit(EffectKind::Delete, "an account", "account");
        }
        ("bcdedit" | "bootcfg" | "bcdboot", [verb, ..])
            if !matches!(*verb, "/enum" | "/?" | "/v" | "/export") =>
        {
            emit(EffectKind::DiskWrite, "the boot settings", "");
        }
        ("reagentc", ["/disable", ..]) => {
            emit(EffectKind::LowerDefences, "the recovery system", "");
        }
        ("fsutil", _) if all.contains("usn deletejournal") || all.contains("file setzerodata") => {
            emit(EffectKind::HideTracks, "the file system's journal", "wipe");
        }
        ("cipher", _) if all.contains("/w") => {
            emit(EffectKind::HideTracks, "deleted files", "wipe");
        }
        ("auditpol", _) if all.contains("/clear") || all.contains("disable") => {
            emit(EffectKind::HideTracks, "the audit policy", "wipe");
        }
        ("manage-bde", _) if all.contains("-off") || all.contains("-protectors -disable") => {
            emit(EffectKind::LowerDefences, "the disk's encryption", "");
        }
        ("sfc" | "dism", _) => return None,
        ("cmdkey", _) if all.contains("/list") => {
            emit(EffectKind::ReadSecret, "stored credentials", secret::STORE);
        }
        ("vaultcmd", _) if all.contains("listcreds") => {
            emit(EffectKind::ReadSecret, "stored credentials", secret::STORE);
        }
        (
            "ntdsutil" | "mimikatz" | "procdump" | "procdump64" | "lazagne" | "pwdump"
            | "secretsdump.py",
            _,
        ) if name != "procdump" && name != "procdump64" || all.contains("lsass") => {
            emit(EffectKind::ReadSecret, "stored credentials", secret::STORE);
        }
        ("runas", _) => {
            emit(EffectKind::RaisePrivileges, "another user", "root_shell");
            if let Some(command) = call.args.last().filter(|arg| !arg.text.starts_with('/')) {
                shell.subshell(&command.text, &Flow::default());
            }
        }
        ("psexec" | "psexec64" | "paexec", _) => shell.guess(call),
        ("setx", [variable, ..]) if *variable == "path" && all.contains("/m") => emit(
            EffectKind::Persistence,
            "the search path of all",
            "schedule",
        ),
        ("robocopy", _) if words.contains(&"/mir") || words.contains(&"/purge") => {
            if let Some(to) = call.args.get(1) {
                shell.delete(to, true, true, "robocopy");
            }
        }
        (
            "mshta" | "regsvr32" | "rundll32" | "wscript" | "cscript" | "msiexec" | "installutil"
            | "msbuild" | "odbcconf" | "hh" | "bitsadmin" | "certutil" | "desktopimgdownldr"
            | "finger" | "ieexec" | "presentationhost" | "xwizard",
            _,
        ) => {
            return Some(fetches(shell, &name, &all, call));
        }
        _ => return None,
    }
    Some(Flow::unforeseen())
}

fn registry(shell: &mut Shell<'_>, verb: &str, key: &str, call: &Call<'_>) -> Flow {
    let value = |flag: &str| {
        let at = call
            .args
            .iter()
            .position(|arg| arg.text.eq_ignore_ascii_case(flag))?;
        call.args.get(at + 1).map(|arg| arg.text.clone())
    };
    match verb {
        "add" | "copy" => registry_set(shell, key, &value("/v").unwrap_or_default(), "reg"),
        "delete" => registry_remove(shell, key, "reg"),
        "import" | "restore" | "load" => {
            shell.emit(
                Effect::new(EffectKind::Persistence, "the registry")
                    .manner("schedule")
                    .program("reg"),
            );
        }
        "save" | "export" => {
            let hive = key.rsplit('\\').next().unwrap_or(key);
            if matches!(hive, "sam" | "security" | "system") || key.ends_with("hklm") {
                shell.emit(
                    Effect::new(EffectKind::ReadSecret, key)
                        .manner(secret::STORE)
                        .program("reg"),
                );
            }
        }
        _ => {}
    }
    Flow::unforeseen()
}

/// Programs of the system that fetch a file, or run what they fetch.
fn fetches(shell: &mut Shell<'_>, name: &str, all: &str, call: &Call<'_>) -> Flow {
    let url = call.args.iter().find_map(|arg| {
        let at = arg.text.find("http")?;
        arg.text[at..]
            .contains("://")
            .then(|| arg.text[at..].to_owned())
    });
    if let Some(url) = &url {
        let peer = host::of_url(url);
        if matches!(name, "certutil" | "bitsadmin" | "desktopimgdownldr") {
            let file = call.args.iter().rev().find(|arg| {
                !arg.text.contains("://")
                    && !arg.text.starts_with('-')
                    && (!arg.text.starts_with('/') || arg.text[1..].contains(['/', '\\']))
            });
            let taint = Taint {
                downloaded: (!host::is_local(&peer)).then_some(peer),
                ..Taint::default()
            };
            if let Some(file) = file {
                shell.write(
                    &Field::known(file.text.clone()),
                    false,
                    &Flow::tainted(taint),
                    name,
                );
            }
        } else if !host::is_local(&peer) {
            shell.emit(Effect::new(EffectKind::RunDownloaded, peer).program(name));
        }
    } else if name == "rundll32" && all.contains("javascript:")
        || name == "mshta" && (all.contains("vbscript:") || all.contains("javascript:"))
    {
        shell.emit(Effect::new(EffectKind::RunHidden, "").program(name));
    } else if name == "rundll32" && all.contains("comsvcs") && all.contains("minidump") {
        shell.emit(
            Effect::new(EffectKind::ReadSecret, "the memory of the login service")
                .manner(secret::STORE)
                .program(name),
        );
    }
    Flow::unforeseen()
}
