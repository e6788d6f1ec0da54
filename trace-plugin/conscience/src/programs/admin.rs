//! Programs of administration: disks, firewalls, schedules, accounts, packages.

use super::args::Call;
use crate::{
    effect::{Effect, EffectKind},
    shell::Shell,
};

/// Packages without which a machine does not come up.
const ESSENTIAL: &[&str] = &[
    "libc6",
    "glibc",
    "systemd",
    "base",
    "bash",
    "coreutils",
    "dpkg",
    "apt",
    "sudo",
    "linux-image",
    "linux-generic",
    "kernel",
    "grub",
    "openssh-server",
    "python3-minimal",
    "base-files",
    "init",
    "util-linux",
    "login",
    "passwd",
    "python3",
    "openssl",
    "libssl3",
    "network-manager",
    "NetworkManager",
    "netplan.io",
    "ifupdown",
    "musl",
    "busybox",
    "alpine-base",
    "apk-tools",
    "pacman",
    "linux",
    "linux-lts",
    "dnf",
    "yum",
    "rpm",
    "zypper",
    "filesystem",
    "setup",
    "dbus",
    "udev",
    "libpam-runtime",
    "perl-base",
    "initramfs-tools",
    "ca-certificates",
    "libsystemd0",
    "iproute2",
    "mount",
    "shadow",
];
pub(super) fn disk(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text = call.joined();
    let target = call
        .args
        .iter()
        .map(|arg| arg.text.as_str())
        .find(|word| word.contains("/dev/") || word.starts_with("disk"))
        .unwrap_or(call.operand(1));
    let harmful = match call.name {
        "wipefs" => call.has('a', "all") || call.has('o', "offset"),
        "blkdiscard" | "lvremove" | "vgremove" | "pvremove" | "flashrom" => true,
        "hdparm" => text.contains("--security-erase") || text.contains("--trim"),
        "nvme" => call.operand(0) == "format" || call.operand(0) == "sanitize",
        "sgdisk" => {
            call.has('Z', "zap-all")
                || call.has('z', "zap")
                || call.has('o', "clear")
                || call.has('d', "delete")
        }
        "fdisk" | "sfdisk" | "gdisk" | "cfdisk" | "diskpart" => {
            !call.has('l', "list") && !call.has('d', "dump") && !call.has('J', "json")
        }
        "parted" => ["mklabel", "mkpart", "rm ", "resizepart", "mktable"]
            .iter()
            .any(|word| format!("{text} ").contains(word)),
        "cryptsetup" => {
            text.contains("luksFormat")
                || text.contains("erase")
                || text.contains("luksErase")
                || text.contains("luksRemoveKey")
        }
        "diskutil" => [
            "erase",
            "partitionDisk",
            "zeroDisk",
            "secureErase",
            "reformat",
            "deleteVolume",
            "apfs deleteContainer",
        ]
        .iter()
        .any(|word| text.contains(word)),
        "badblocks" => call.has('w', ""),
        "zpool" | "zfs" => call.operand(0) == "destroy",
        "mdadm" => text.contains("--zero-superblock") || text.contains("--stop"),
        "efibootmgr" => call.has('B', "delete-bootnum"),
        "debugfs" => call.has('w', ""),
        "btrfs" => text.contains("subvolume delete") || text.contains("device remove"),
        "grub-install" => text.contains("/dev/"),
        "nvram" => call.has('c', ""),
        _ => false,
    };
    if harmful {
        shell.emit(
            Effect::new(EffectKind::DiskWrite, target)
                .manner("format")
                .program(call.name),
        );
    }
}

pub(super) fn defence(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text = call.joined();
    let lower = text.to_ascii_lowercase();
    let lowered = match call.name {
        "iptables" | "ip6tables" => {
            call.has('F', "flush")
                || call.has('X', "delete-chain")
                || text.contains("-P INPUT ACCEPT")
                || text.contains("-P FORWARD ACCEPT")
                || text.contains("OUTPUT")
                    && (text.contains("-j DROP") || text.contains("-j REJECT"))
        }
        "nft" => {
            text.contains("flush ruleset")
                || text.contains("output") && (text.ends_with(" drop") || text.ends_with(" reject"))
                || text.contains("delete table")
        }
        "ufw" => {
            lower.contains("disable") || lower.contains("reset") || lower.contains("default allow")
        }
        "pfctl" => call.has('d', "") || call.has('F', ""),
        "firewall-cmd" => {
            lower.contains("--panic-off") || lower.contains("--set-default-zone=trusted")
        }
        "netsh" => lower.contains("firewall") && lower.contains("off"),
        "setenforce" => matches!(call.operand(0), "0" | "Permissive" | "permissive"),
        "csrutil" | "aa-teardown" | "aa-disable" => {
            call.name != "csrutil" || lower.contains("disable")
        }
        "spctl" => lower.contains("disable"),
        "Set-MpPreference" => lower.contains("disable"),
        "Set-NetFirewallProfile" => lower.contains("false"),
        "apparmor_parser" => call.has('R', "remove"),
        "auditctl" => text.contains("-e 0") || call.has('D', ""),
        _ => false,
    };
    if lowered {
        shell.emit(
            Effect::new(EffectKind::LowerDefences, call.name)
                .manner("firewall")
                .program(call.name),
        );
    }
}

pub(super) fn crontab(shell: &mut Shell<'_>, call: &Call<'_>) {
    if call.has('r', "remove") {
        shell.emit(
            Effect::new(EffectKind::Delete, "crontab")
                .manner("schedule")
                .program("crontab"),
        );
    } else if !call.has('l', "list") && (call.stdin.connected || !call.operands(&["-u"]).is_empty())
    {
        shell.emit(
            Effect::new(EffectKind::Persistence, "crontab")
                .manner("schedule")
                .program("crontab"),
        );
    }
}

pub(super) fn account(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text = call.joined();
    let powerful = ["sudo", "wheel", "root", "admin", "docker", "administrators"];
    let grants = call.args.iter().any(|arg| {
        arg.text
            .split(',')
            .any(|group| powerful.contains(&group.to_ascii_lowercase().as_str()))
    });
    let effect = |manner: &'static str| {
        Effect::new(
            EffectKind::RaisePrivileges,
            call.operands(&["-G", "-g", "-s", "-d", "-u", "-p"])
                .last()
                .map_or("", |field| field.text.as_str()),
        )
        .manner(manner)
        .program(call.name)
    };
    match call.name {
        "usermod" | "gpasswd" if grants => shell.emit(effect("grant")),
        "useradd" | "adduser" if grants || text.contains("-u 0") || text.contains("--uid 0") => {
            shell.emit(effect("grant"));
        }
        "useradd" | "adduser" => shell.emit(effect("account")),
        "net" if text.to_ascii_lowercase().contains("/add") => shell.emit(effect("grant")),
        "passwd" | "chpasswd" if !call.any(&["-S", "--status", "--help"]) => {
            shell.emit(effect("password"));
        }
        "dscl"
            if text.contains("-create") || text.contains("-append") || text.contains("-passwd") =>
        {
            shell.emit(effect("account"));
        }
        "userdel" | "deluser" | "groupdel" => shell.emit(
            Effect::new(EffectKind::Delete, call.operand(0))
                .manner("account")
                .program(call.name),
        ),
        "visudo" | "vipw" if !call.has('c', "check") => shell.emit(effect("grant")),
        _ => {}
    }
}

pub(super) fn packages(shell: &mut Shell<'_>, call: &Call<'_>) {
    let removes = call.any(&[
        "remove",
        "rm",
        "purge",
        "autopurge",
        "autoremove",
        "erase",
        "del",
        "uninstall",
        "--purge",
        "-P",
        "-r",
        "-e",
    ]) || call
        .args
        .iter()
        .any(|arg| arg.text.starts_with("-R") && call.name == "pacman");
    let rehearsed = super::tree::rehearsed(call)
        || call.name.starts_with("apt") && call.any(&["-s", "--just-print", "--recon"])
        || call.name == "pacman" && call.any(&["-p", "--print"]);
    if !removes || rehearsed {
        return;
    }
    for field in call.operands(&["-o", "-c"]) {
        let package = field.text.as_str();
        if ESSENTIAL.iter().any(|essential| {
            package == *essential
                || matches!(*essential, "linux-image" | "kernel" | "grub")
                    && package.starts_with(essential)
        }) {
            shell.emit(
                Effect::new(EffectKind::Delete, package)
                    .manner("package")
                    .program(call.name),
            );
        }
    }
}
