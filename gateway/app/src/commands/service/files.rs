//! The files by which service managers know a program, as systemd.service(5), systemd.exec(5) and launchd.plist(5) describe them.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::Manager;

/// The first line of what we have written; nothing without it is ever overwritten or removed.
const OURS: &str =
    "Written by `smoltbot service install`; `smoltbot service uninstall` takes it out.";
/// The unit.
pub(super) const UNIT: &str = "smoltbot.service";
/// The agent's name in launchd.
pub(super) const LABEL: &str = "com.smoltbot.smoltbot";

/// What is to be started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program<'a> {
    /// The binary.
    pub(super) path: &'a Path,
    /// `up`, or `sidecar` where the edge is elsewhere.
    pub(super) roles: &'a str,
    /// `SMOLTBOT_HOME`.
    pub(super) home: &'a Path,
    /// Where launchd has it log to; systemd has a journal.
    pub(super) log: &'a Path,
}

/// Whether we have written this.
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().take(3).any(|line| line.contains(OURS))
}

/// The whole file.
pub(super) fn text(manager: Manager, program: Program<'_>) -> String {
    match manager {
        Manager::Systemd => unit(program),
        Manager::Launchd => plist(program),
    }
}

fn unit(program: Program<'_>) -> String {
    let mut text = format!(
        "# {OURS}
[Unit]
Description=smoltbot: what AI agents on this machine do, what they refuse and why
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart={} {}
Environment={}
Restart=on-failure
RestartSec=5
TimeoutStopSec=20
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
",
        quoted(&program.path.display().to_string(), true),
        program.roles,
        quoted(&format!("SMOLTBOT_HOME={}", program.home.display()), false),
    );
    if program.roles == "sidecar" {
        // It starts no program; `up` runs the tools of its chat, whose needs nobody knows.
        text.push_str(
            "MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
",
        );
    }
    text.push_str("\n[Install]\nWantedBy=default.target\n");
    text
}

/// One word of a unit's line: specifiers, and in commands variables, are taken as they are written.
fn quoted(word: &str, in_command: bool) -> String {
    let mut text = String::from("\"");
    for char in word.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            '%' => text.push_str("%%"),
            '$' if in_command => text.push_str("$$"),
            '\n' => text.push_str("\\n"),
            _ => text.push(char),
        }
    }
    text.push('"');
    text
}

fn plist(program: Program<'_>) -> String {
    let string = |text: &str| format!("<string>{}</string>", escaped(text));
    let path = |path: &Path| string(&path.display().to_string());
    let mut text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- {OURS} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
"#
    );
    let entries = [
        ("Label", string(LABEL)),
        (
            "ProgramArguments",
            format!(
                "<array>{}{}</array>",
                path(program.path),
                string(program.roles)
            ),
        ),
        (
            "EnvironmentVariables",
            format!(
                "<dict><key>SMOLTBOT_HOME</key>{}</dict>",
                path(program.home)
            ),
        ),
        ("RunAtLoad", "<true/>".to_owned()),
        (
            "KeepAlive",
            "<dict><key>SuccessfulExit</key><false/></dict>".to_owned(),
        ),
        ("ProcessType", "<string>Background</string>".to_owned()),
        ("ThrottleInterval", "<integer>10</integer>".to_owned()),
        ("ExitTimeOut", "<integer>20</integer>".to_owned()),
        // 0077, in decimal.
        ("Umask", "<integer>63</integer>".to_owned()),
        ("StandardOutPath", path(program.log)),
        ("StandardErrorPath", path(program.log)),
    ];
    for (key, value) in entries {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  <key>{key}</key>{value}");
    }
    text.push_str("</dict>\n</plist>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_taken_as_they_are_written() {
        assert_eq!(
            quoted(r#"/a b/"c"/%h\$x"#, true),
            r#""/a b/\"c\"/%%h\\$$x""#
        );
        assert_eq!(quoted("A=$x", false), "\"A=$x\"");
        let program = Program {
            path: Path::new("/a&b/<smoltbot>"),
            roles: "up",
            home: Path::new("/h"),
            log: Path::new("/h/log"),
        };
        let plist = text(Manager::Launchd, program);
        assert!(
            plist.contains("<string>/a&amp;b/&lt;smoltbot&gt;</string>"),
            "{plist}"
        );
        assert!(is_ours(&plist) && is_ours(&text(Manager::Systemd, program)));
        assert!(!is_ours("[Unit]\nDescription=somebody else's smoltbot\n"));
    }
}
