//! Programs that act on the machine: processes, power, disks, services, accounts, firewalls, schedules.

use super::{
    admin::{account, crontab, defence, disk, packages},
    args::Call,
};
use crate::{
    effect::{Effect, EffectKind},
    place::Place,
    shell::{Shell, flow::Flow},
};

/// Services whose end leaves the machine open or cut off.
const GUARDS: &[&str] = &[
    "firewalld",
    "ufw",
    "iptables",
    "nftables",
    "apparmor",
    "auditd",
    "fail2ban",
    "selinux",
    "clamav-daemon",
    "falcon-sensor",
    "crowdstrike",
    "rsyslog",
    "syslog",
    "systemd-journald",
    "osqueryd",
    "wazuh-agent",
    "ossec",
    "windefend",
];

#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each program"
)]
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    let name = call.name;
    let emit = |shell: &mut Shell<'_>, kind: EffectKind, target: &str, manner: &'static str| {
        shell.emit(Effect::new(kind, target).manner(manner).program(name));
    };
    let lower_first = call.operand(0);
    match name {
        "kill" | "pkill" | "killall" | "killall5" | "taskkill" | "xkill" | "skill" => {
            kill(shell, call);
        }
        "shutdown" if !call.any(&["-c", "--help", "-k"]) => {
            emit(shell, EffectKind::StopSystem, "", "halt");
        }
        "reboot" | "halt" | "poweroff" | "Stop-Computer" | "Restart-Computer" => {
            emit(shell, EffectKind::StopSystem, "", "halt");
        }
        "init" | "telinit" if matches!(lower_first, "0" | "6" | "1") => {
            emit(shell, EffectKind::StopSystem, "", "halt");
        }
        "launchctl" if !matches!(lower_first, "load" | "bootstrap" | "submit") => {
            service(shell, call);
        }
        "systemctl" | "service" | "rc-service" | "initctl" => {
            service(shell, call);
        }
        _ if name.starts_with("mkfs")
            || matches!(
                name,
                "mke2fs"
                    | "mkswap"
                    | "newfs"
                    | "mkntfs"
                    | "format"
                    | "Format-Volume"
                    | "Clear-Disk"
            ) =>
        {
            // `mkfs -t ext4 /dev/sda1 100M`: a size may follow.
            let operands =
                call.operands(&["-t", "-L", "-b", "-m", "-N", "-U", "-O", "-E", "-I", "-i"]);
            let target = operands
                .iter()
                .find(|field| field.text.starts_with("/dev/"))
                .or_else(|| {
                    operands
                        .iter()
                        .rfind(|field| !field.text.starts_with(|c: char| c.is_ascii_digit()))
                })
                .map_or("", |field| field.text.as_str());
            if (name != "format" || call.args.iter().any(|arg| arg.text.ends_with(':')))
                && !call.has('V', "help")
                && !is_image(target)
            {
                emit(shell, EffectKind::DiskWrite, target, "format");
            }
        }
        "wipefs" | "blkdiscard" | "hdparm" | "nvme" | "sgdisk" | "sfdisk" | "fdisk" | "gdisk"
        | "cfdisk" | "parted" | "cryptsetup" | "diskutil" | "diskpart" | "badblocks" | "zpool"
        | "lvremove" | "vgremove" | "pvremove" | "mdadm" | "zfs" | "flashrom" | "efibootmgr"
        | "e2label" | "debugfs" | "btrfs" | "grub-install" | "nvram" => disk(shell, call),
        "iptables"
        | "ip6tables"
        | "nft"
        | "ufw"
        | "pfctl"
        | "firewall-cmd"
        | "netsh"
        | "setenforce"
        | "csrutil"
        | "spctl"
        | "Set-MpPreference"
        | "auditctl"
        | "apparmor_parser"
        | "aa-teardown"
        | "aa-disable"
        | "Set-NetFirewallProfile" => defence(shell, call),
        "crontab" => crontab(shell, call),
        "schtasks"
            if call
                .args
                .iter()
                .any(|arg| arg.text.eq_ignore_ascii_case("/create")) =>
        {
            emit(
                shell,
                EffectKind::Persistence,
                "the task scheduler",
                "schedule",
            );
        }
        "useradd" | "adduser" | "usermod" | "gpasswd" | "passwd" | "chpasswd" | "userdel"
        | "deluser" | "groupdel" | "visudo" | "vipw" | "net" | "dscl" => account(shell, call),
        "insmod" | "modprobe" | "kextload" | "rmmod"
            if !call.any(&["-n", "--dry-run", "--show-depends"]) =>
        {
            emit(
                shell,
                EffectKind::RaisePrivileges,
                lower_first,
                "kernel_module",
            );
        }
        "journalctl"
            if call
                .args
                .iter()
                .any(|arg| arg.text.starts_with("--vacuum") || arg.text == "--rotate") =>
        {
            emit(shell, EffectKind::HideTracks, "the system journal", "wipe");
        }
        "wevtutil" if lower_first == "cl" => {
            emit(shell, EffectKind::HideTracks, "the event log", "wipe");
        }
        "vssadmin" | "wbadmin" if call.joined().to_ascii_lowercase().contains("delete") => emit(
            shell,
            EffectKind::DestroyService,
            "shadow copies",
            "backups",
        ),
        "tmutil" if lower_first.starts_with("delete") => {
            emit(shell, EffectKind::DestroyService, "backups", "backups");
        }
        "ip" | "ifconfig" | "route" | "nmcli" => {
            let text = call.joined();
            let cut = text.contains("link set") && text.ends_with("down")
                || name == "ifconfig" && text.ends_with(" down")
                || text.contains("route add blackhole")
                || text.contains("route add unreachable")
                || text.contains("route add prohibit")
                || text.contains("route flush")
                || text.contains("route del default")
                || name == "route" && text.starts_with("del")
                || text.contains("networking off");
            if cut {
                emit(shell, EffectKind::StopSystem, "the network", "network");
            }
        }
        "sysctl"
            if call.args.iter().any(|arg| {
                arg.text.contains("kernel.") && (arg.text.contains('=') || call.has('w', "write"))
            }) =>
        {
            emit(shell, EffectKind::LowerDefences, lower_first, "kernel");
        }
        "umount" => {
            let targets = call.operands(&["-t", "-O"]);
            let dear = targets.iter().any(|target| {
                let path = shell.path(&target.text);
                shell.place(&path, true) >= Place::Home
            });
            if call.has('a', "all") || dear {
                emit(shell, EffectKind::StopSystem, "file systems", "mount");
            }
        }
        "launchctl" if matches!(lower_first, "load" | "bootstrap" | "submit") => {
            emit(shell, EffectKind::Persistence, call.operand(1), "schedule");
        }
        "fuser" if call.has('k', "kill") => {
            let everything = call.operands(&["-n"]).iter().any(|target| {
                target.text.starts_with('/')
                    && shell.place(&shell.path(&target.text), true) >= Place::Home
            });
            if everything {
                emit(shell, EffectKind::Kill, "every process", "all");
            }
        }
        "claude" | "codex" | "gemini" | "openclaw" | "copilot" | "cursor-agent" | "opencode"
            if call.args.iter().any(|arg| {
                arg.text.starts_with("--dangerously-")
                    || arg.text == "--yolo"
                    || arg.text == "--allow-all-tools"
            }) =>
        {
            emit(shell, EffectKind::TamperConscience, name, "switch_off");
        }
        "mount"
            if call.any(&["--bind", "-B", "--move"])
                || call.values(&["-o"]).iter().any(|option| {
                    option.text.contains("bind") || option.text.contains("remount")
                }) =>
        {
            if let Some(target) = call.operands(&["-o", "-t"]).last() {
                shell.write(target, false, &Flow::unforeseen(), name);
            }
        }
        "pip" | "pip3" | "npm" | "yarn" | "pnpm" | "gem" | "easy_install" => {
            // Packages over a connection that anybody on the way can change.
            let plain = call.args.iter().find(|arg| {
                arg.text.contains("http://")
                    && !crate::host::is_local(&crate::host::of_url(
                        arg.text.trim_start_matches(|c| c != 'h'),
                    ))
            });
            match plain {
                Some(arg) if call.any(&["install", "i", "add"]) => shell.emit(
                    Effect::new(EffectKind::RunDownloaded, crate::host::of_url(&arg.text))
                        .program(name),
                ),
                _ => return None,
            }
        }
        "ngrok" if matches!(lower_first, "tcp" | "ssh") => {
            shell.emit(Effect::new(EffectKind::RemoteShell, "whoever connects").program(name));
        }
        "swapoff" if call.has('a', "all") => emit(shell, EffectKind::StopSystem, "swap", "swap"),
        "xmrig" | "minerd" | "cpuminer" | "ethminer" | "cgminer" | "t-rex" | "nbminer" => {
            emit(shell, EffectKind::Exhaust, "the processor", "mine");
        }
        "stress" | "stress-ng" => {}
        "smoltbot"
            if matches!(
                lower_first,
                "reset" | "uninstall" | "stop" | "disable" | "off" | "pause" | "remove" | "unhook"
            ) =>
        {
            emit(
                shell,
                EffectKind::TamperConscience,
                "smoltbot",
                "switch_off",
            );
        }
        "apt" | "apt-get" | "yum" | "dnf" | "pacman" | "dpkg" | "rpm" | "zypper" | "apk"
        | "brew" => packages(shell, call),
        _ => {
            if call.args.iter().any(|arg| {
                arg.text.contains("stratum+tcp://") || arg.text.contains("stratum+ssl://")
            }) {
                emit(shell, EffectKind::Exhaust, "the processor", "mine");
            }
            return None;
        }
    }
    Some(Flow::unforeseen())
}

/// Whether a file system is made within a file of the working directory, not on a device.
fn is_image(target: &str) -> bool {
    let file = target.rsplit('/').next().unwrap_or(target);
    !target.starts_with("/dev/")
        && [".img", ".iso", ".raw", ".ext4", ".qcow2", ".dmg", ".disk"]
            .iter()
            .any(|ending| file.ends_with(ending))
}

fn kill(shell: &mut Shell<'_>, call: &Call<'_>) {
    let operands = call.operands(&[
        "-s", "-n", "-u", "-U", "-g", "-t", "-P", "--signal", "-G", "--user",
    ]);
    let is_pid = |text: &str| matches!(text, "-1" | "1" | "0");
    // `kill -9 -1`: the last words are processes though they look like options.
    let last = call.args.last().map_or("", |arg| arg.text.as_str());
    let effect = |target: &str, manner: &'static str| {
        Effect::new(EffectKind::Kill, target)
            .manner(manner)
            .program(call.name)
    };
    match call.name {
        "kill"
            if call.args.len() > 1 && last == "-1"
                || call.name == "kill"
                    && operands
                        .iter()
                        .any(|field| is_pid(&field.text) && field.text != "0")
                    && !call.word("-0") =>
        {
            shell.emit(effect(
                if last == "1" { "1" } else { "every process" },
                "all",
            ));
        }
        "killall5" => shell.emit(effect("every process", "all")),
        "kill" if call.args.iter().any(|arg| arg.text.contains("smoltbot")) => {
            shell.emit(
                Effect::new(EffectKind::TamperConscience, "smoltbot")
                    .manner("switch_off")
                    .program(call.name),
            );
        }
        // The list of all processes, not searched for anything.
        "kill"
            if operands.iter().any(|field| {
                field.text.starts_with("$(ps ")
                    && !field.text.contains("grep")
                    && !field.text.contains('/')
            }) =>
        {
            shell.emit(effect("every process", "all"));
        }
        "kill" => {}
        _ => {
            if call.args.iter().any(|arg| arg.text.contains("smoltbot")) {
                shell.emit(
                    Effect::new(EffectKind::TamperConscience, "smoltbot")
                        .manner("switch_off")
                        .program(call.name),
                );
                return;
            }
            let users = call.values(&["-u", "-U", "--user"]);
            if matches!(call.name, "pkill" | "killall" | "skill")
                && operands.is_empty()
                && !users.is_empty()
            {
                shell.emit(effect(
                    &format!("every process of {}", users[0].text),
                    "user",
                ));
            }
            for field in operands {
                let text = field.text.as_str();
                if matches!(text, "." | ".*" | "" | "*") {
                    shell.emit(effect("every process", "all"));
                } else if matches!(
                    text,
                    "systemd"
                        | "init"
                        | "sshd"
                        | "dockerd"
                        | "containerd"
                        | "launchd"
                        | "Xorg"
                        | "gnome-shell"
                        | "dbus-daemon"
                        | "NetworkManager"
                        | "loginwindow"
                        | "csrss.exe"
                        | "svchost.exe"
                ) {
                    shell.emit(effect(text, "system"));
                }
            }
        }
    }
}

fn service(shell: &mut Shell<'_>, call: &Call<'_>) {
    let operands: Vec<&str> = call
        .operands(&["-t", "-p", "-M", "-H"])
        .iter()
        .map(|field| field.text.as_str())
        .collect();
    let name = call.name;
    if name == "systemctl"
        && operands.iter().any(|word| {
            matches!(
                *word,
                "poweroff"
                    | "reboot"
                    | "halt"
                    | "rescue"
                    | "emergency"
                    | "kexec"
                    | "suspend"
                    | "hibernate"
            )
        })
    {
        shell.emit(
            Effect::new(EffectKind::StopSystem, "")
                .manner("halt")
                .program(name),
        );
        return;
    }
    if name == "systemctl" && operands.first() == Some(&"isolate") {
        shell.emit(
            Effect::new(EffectKind::StopSystem, "")
                .manner("halt")
                .program(name),
        );
    }
    let stops = operands.iter().any(|word| {
        matches!(
            *word,
            "stop" | "disable" | "mask" | "kill" | "unload" | "bootout" | "remove" | "delete"
        )
    });
    if !stops {
        return;
    }
    for word in &operands {
        let unit = word
            .trim_end_matches(".service")
            .trim_end_matches(".socket");
        if unit.contains("smoltbot") {
            shell.emit(
                Effect::new(EffectKind::TamperConscience, "smoltbot")
                    .manner("switch_off")
                    .program(name),
            );
        } else if GUARDS.contains(&unit.to_ascii_lowercase().as_str()) {
            shell.emit(
                Effect::new(EffectKind::LowerDefences, unit)
                    .manner("service")
                    .program(name),
            );
        } else if matches!(
            unit,
            "ssh"
                | "sshd"
                | "networking"
                | "NetworkManager"
                | "systemd-networkd"
                | "network"
                | "dbus"
                | "docker"
                | "systemd-logind"
        ) {
            shell.emit(
                Effect::new(EffectKind::StopSystem, unit)
                    .manner("service")
                    .program(name),
            );
        }
    }
}
