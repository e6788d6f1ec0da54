//! Cmdlets on the machine itself: disks, power, services, accounts, protections, records; and the registry.

use super::args::Bound;
use crate::{
    code::value::Value,
    effect::{Effect, EffectKind},
    place::Place,
    secret,
    shell::Shell,
};

/// Cmdlets, the effect of each, and its manner.
const CMDLETS: &[(&str, EffectKind, &str)] = &[
    ("stop-computer", EffectKind::StopSystem, "halt"),
    ("restart-computer", EffectKind::StopSystem, "halt"),
    ("format-volume", EffectKind::DiskWrite, "format"),
    ("clear-disk", EffectKind::DiskWrite, "format"),
    ("initialize-disk", EffectKind::DiskWrite, "format"),
    ("remove-partition", EffectKind::DiskWrite, "format"),
    ("reset-physicaldisk", EffectKind::DiskWrite, "format"),
    ("remove-physicaldisk", EffectKind::DiskWrite, "format"),
    ("remove-virtualdisk", EffectKind::DiskWrite, "format"),
    ("remove-storagepool", EffectKind::DiskWrite, "format"),
    ("set-partition", EffectKind::DiskWrite, "format"),
    ("new-service", EffectKind::Persistence, "schedule"),
    (
        "register-scheduledtask",
        EffectKind::Persistence,
        "schedule",
    ),
    ("register-scheduledjob", EffectKind::Persistence, "schedule"),
    ("set-scheduledtask", EffectKind::Persistence, "schedule"),
    ("register-wmievent", EffectKind::Persistence, "schedule"),
    ("set-wmiinstance", EffectKind::Persistence, "schedule"),
    ("unregister-scheduledtask", EffectKind::Delete, "schedule"),
    ("new-localuser", EffectKind::RaisePrivileges, "account"),
    ("set-localuser", EffectKind::RaisePrivileges, "password"),
    ("enable-localuser", EffectKind::RaisePrivileges, "account"),
    ("add-localgroupmember", EffectKind::RaisePrivileges, "grant"),
    ("new-aduser", EffectKind::RaisePrivileges, "account"),
    (
        "set-adaccountpassword",
        EffectKind::RaisePrivileges,
        "password",
    ),
    ("add-adgroupmember", EffectKind::RaisePrivileges, "grant"),
    ("remove-localuser", EffectKind::Delete, "account"),
    ("remove-aduser", EffectKind::Delete, "account"),
    ("remove-adobject", EffectKind::Delete, "account"),
    ("remove-adcomputer", EffectKind::Delete, "account"),
    ("remove-localgroup", EffectKind::Delete, "account"),
    ("enable-psremoting", EffectKind::LowerDefences, ""),
    (
        "disable-windowsoptionalfeature",
        EffectKind::LowerDefences,
        "",
    ),
    ("disable-bitlocker", EffectKind::LowerDefences, ""),
    ("disable-computerrestore", EffectKind::LowerDefences, ""),
    ("suspend-bitlocker", EffectKind::LowerDefences, ""),
    ("disable-netfirewallrule", EffectKind::LowerDefences, ""),
    ("remove-netfirewallrule", EffectKind::LowerDefences, ""),
    ("unblock-file", EffectKind::Run, ""),
    ("clear-eventlog", EffectKind::HideTracks, "log"),
    ("remove-eventlog", EffectKind::HideTracks, "log"),
    ("clear-history", EffectKind::HideTracks, "history"),
    ("disable-netadapter", EffectKind::StopSystem, "network"),
    ("remove-vm", EffectKind::DestroyService, "machine"),
    ("stop-cluster", EffectKind::DestroyService, "cluster"),
    (
        "remove-azresourcegroup",
        EffectKind::DestroyService,
        "infrastructure",
    ),
    ("remove-sqldatabase", EffectKind::DropDatabase, "database"),
    (
        "remove-mailbox",
        EffectKind::DestroyService,
        "infrastructure",
    ),
];

/// Prefixes of the nouns of cloud cmdlets that destroy with the verb `Remove` or `Clear`.
const CLOUD_NOUNS: &[&str] = &[
    "az", "ec2", "s3", "rds", "iam", "gc", "cfn", "lm", "eks", "dd", "mg", "vm", "hns", "kube",
];

/// Services that a machine's safety depends on.
const GUARDS: &[&str] = &[
    "windefend",
    "mpssvc",
    "wscsvc",
    "sense",
    "wuauserv",
    "eventlog",
    "vss",
    "securityhealthservice",
    "smoltbot",
    "sshd",
];

fn first_text(bound: &Bound, name: &str) -> String {
    bound
        .at(name, 0)
        .or(bound.piped.as_ref())
        .and_then(|value| value.words().first().map(|field| field.text.clone()))
        .unwrap_or_default()
}

/// Reads the cmdlet `name`; whether it is one of these.
#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each name"
)]
pub(super) fn read(shell: &mut Shell<'_>, name: &str, bound: &Bound, program: &str) -> bool {
    let mut emit = |kind: EffectKind, target: &str, manner: &'static str| {
        shell.emit(Effect::new(kind, target).manner(manner).program(program));
    };
    if let Some((_, kind, manner)) = CMDLETS.iter().find(|(known, ..)| *known == name) {
        if *kind != EffectKind::Run {
            emit(*kind, name, manner);
        }
        return true;
    }
    match name {
        "set-executionpolicy" => {
            let policy = bound
                .at("executionpolicy", 0)
                .and_then(Value::text)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let scope = bound
                .at("scope", 1)
                .and_then(Value::text)
                .unwrap_or_default()
                .to_ascii_lowercase();
            if matches!(policy.as_str(), "unrestricted" | "bypass") && scope != "process" {
                emit(EffectKind::LowerDefences, "the execution policy", "");
            }
        }
        "set-service" | "stop-service" | "remove-service" | "suspend-service" => {
            let service = first_text(bound, "name").to_ascii_lowercase();
            let disabled = bound
                .get("startuptype")
                .and_then(Value::text)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("disabled"));
            if GUARDS.contains(&service.as_str()) {
                let kind = if service == "smoltbot" {
                    EffectKind::TamperConscience
                } else {
                    EffectKind::LowerDefences
                };
                emit(
                    kind,
                    &service,
                    if service == "smoltbot" {
                        "switch_off"
                    } else {
                        ""
                    },
                );
            } else if name == "remove-service" || disabled || service == "*" {
                emit(EffectKind::StopSystem, &service, "service");
            }
        }
        "stop-process" => {
            let ids = bound
                .at("id", 0)
                .or_else(|| bound.get("name"))
                .and_then(Value::text)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let named = bound
                .get("name")
                .and_then(Value::text)
                .unwrap_or_default()
                .to_ascii_lowercase();
            if named.contains("smoltbot") || ids.contains("smoltbot") {
                emit(EffectKind::TamperConscience, "smoltbot", "switch_off");
            } else if ids == "*"
                || named == "*"
                || ids == "-1"
                || bound.plain.is_empty()
                    && bound
                        .parameters
                        .iter()
                        .all(|(given, _)| "force".starts_with(given.as_str()))
                    && matches!(bound.piped, Some(Value::Name(ref of)) if of == "every process")
            {
                emit(EffectKind::Kill, "every process", "all");
            } else if ["lsass", "csrss", "winlogon", "wininit", "services", "smss"]
                .contains(&named.as_str())
            {
                emit(EffectKind::Kill, &named, "system");
            }
        }
        "set-mppreference" | "add-mppreference" | "remove-mppreference" => {
            let lowers = bound.parameters.iter().any(|(given, value)| {
                given.starts_with("excl")
                    || given.starts_with("disable") && !matches!(value.text(), Some("$false" | "0"))
                    || matches!(value.text(), Some("NeverSend" | "Disabled" | "Allow"))
            });
            if lowers {
                emit(EffectKind::LowerDefences, "the virus scanner", "");
            }
        }
        "uninstall-windowsfeature"
        | "remove-windowsfeature"
        | "remove-appxpackage"
        | "disable-scheduledtask" => {
            let texts: Vec<&Value> = bound
                .plain
                .iter()
                .chain(bound.parameters.iter().map(|(_, value)| value))
                .collect();
            if texts
                .iter()
                .filter_map(|value| value.text())
                .any(|text| text.to_ascii_lowercase().contains("defender"))
            {
                emit(EffectKind::LowerDefences, "the virus scanner", "");
            }
        }
        "set-netfirewallprofile" => {
            if bound
                .get("enabled")
                .and_then(Value::text)
                .is_some_and(|on| {
                    matches!(on.to_ascii_lowercase().as_str(), "false" | "$false" | "0")
                })
            {
                emit(EffectKind::LowerDefences, "the firewall", "");
            }
        }
        "new-netfirewallrule" | "set-netfirewallrule" => {
            let inbound = bound
                .get("direction")
                .and_then(Value::text)
                .is_some_and(|way| way.eq_ignore_ascii_case("inbound"));
            let allows = bound
                .get("action")
                .and_then(Value::text)
                .is_none_or(|does| does.eq_ignore_ascii_case("allow"));
            if inbound && allows {
                emit(EffectKind::LowerDefences, "the firewall", "");
            }
        }
        "set-psreadlineoption" => {
            if bound
                .get("historysavestyle")
                .and_then(Value::text)
                .is_some_and(|style| style.eq_ignore_ascii_case("savenothing"))
            {
                emit(EffectKind::HideTracks, "the shell's history", "history_off");
            }
        }
        "get-credential" | "get-storedcredential" | "get-vaultcredential" => {
            emit(EffectKind::ReadSecret, "stored credentials", secret::STORE);
        }
        _ => {
            let destroys = name
                .strip_prefix("remove-")
                .or_else(|| name.strip_prefix("clear-"))
                .is_some_and(|noun| {
                    CLOUD_NOUNS.iter().any(|cloud| noun.starts_with(cloud)) && noun.len() > 4
                });
            if !destroys {
                return false;
            }
            emit(EffectKind::DestroyService, name, "infrastructure");
        }
    }
    true
}

/// Whether a path is a registry key: `HKLM:\…`, `HKEY_LOCAL_MACHINE\…`, `Registry::…`.
pub(crate) fn is_registry(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["hklm", "hkcu", "hkcr", "hku", "hkcc", "hkey_", "registry::"]
        .iter()
        .any(|hive| lower.starts_with(hive) && lower.len() > hive.len())
}

/// Writing a value `what` below the registry key `key`.
pub(crate) fn registry_set(shell: &mut Shell<'_>, key: &str, what: &str, program: &str) {
    let lower = key.to_ascii_lowercase().replace('/', "\\");
    let value = what.to_ascii_lowercase();
    let has = |words: &[&str]| {
        words
            .iter()
            .any(|word| lower.contains(word) || value.contains(word))
    };
    let last = lower
        .trim_end_matches('\\')
        .rsplit('\\')
        .next()
        .unwrap_or_default();
    let (kind, manner) = if matches!(last, "run" | "runonce" | "runservices" | "winlogon")
        || has(&[
            "\\run\\",
            "\\runonce\\",
            "image file execution options",
            "appinit_dlls",
            "currentversion\\winlogon",
            "\\services\\",
            "userinitmprlogonscript",
            "shell\\open\\command",
            "inprocserver32",
            "bootexecute",
            "\\environment\\path",
        ]) {
        (EffectKind::Persistence, "schedule")
    } else if has(&[
        "windows defender",
        "disableantispyware",
        "disablerealtimemonitoring",
        "enablelua",
        "fdenytsconnections",
        "consentpromptbehavior",
        "enablefirewall",
        "disabletaskmgr",
        "disableregistrytools",
        "runasppl",
        "uselogoncredential",
        "scriptblocklogging",
        "enablescripts",
        "localaccounttokenfilterpolicy",
        "smartscreen",
        "disablecmd",
        "lsa\\",
    ]) {
        (EffectKind::LowerDefences, "")
    } else {
        return;
    };
    shell.emit(Effect::new(kind, key).manner(manner).program(program));
}

/// Removing the registry key `key`, or a value of it.
pub(crate) fn registry_remove(shell: &mut Shell<'_>, key: &str, program: &str) {
    let lower = key.to_ascii_lowercase().replace('/', "\\");
    let own = lower.starts_with("hkcu") || lower.starts_with("hkey_current_user");
    let depth = lower
        .trim_end_matches(['\\', '*'])
        .split('\\')
        .filter(|part| !part.is_empty())
        .count();
    if !own || depth <= 2 || lower.contains("\\microsoft\\windows") {
        shell.emit(
            Effect::new(EffectKind::Delete, key)
                .place(Place::System)
                .recursive(true)
                .program(program),
        );
    }
}
