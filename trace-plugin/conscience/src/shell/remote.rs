//! Commands that run other commands elsewhere: over ssh, in containers, in terminal multiplexers, in Windows shells.

use super::{
    Shell,
    flow::{Field, Flow, flow_of},
};
use crate::{
    effect::{Effect, EffectKind},
    programs::{Call, args::after_options},
};

/// Options of ssh that take a value.
const SSH_VALUES: &[&str] = &[
    "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-Q",
    "-R", "-S", "-W", "-w",
];

/// Options of `docker run` and `exec` (and kin) that take a value.
const CONTAINER_VALUES: &[&str] = &[
    "-e",
    "--env",
    "-v",
    "--volume",
    "-w",
    "--workdir",
    "-u",
    "--user",
    "--name",
    "-p",
    "--publish",
    "--network",
    "--net",
    "--mount",
    "--env-file",
    "-h",
    "--hostname",
    "-l",
    "--label",
    "--entrypoint",
    "-m",
    "--memory",
    "--cpus",
    "--platform",
    "--add-host",
    "--gpus",
    "--device",
    "--cap-add",
    "--security-opt",
    "--pid",
    "--ulimit",
    "--restart",
    "-n",
    "--namespace",
    "-c",
    "--container",
    "--context",
    "-f",
    "--file",
    "--link",
    "--ipc",
    "--tmpfs",
    "--shm-size",
];
impl Shell<'_> {
    pub(super) fn ssh(&mut self, call: &Call<'_>) -> Flow {
        if call.name == "sshpass" {
            return self.inner(
                after_options(call.args, &["-p", "-f", "-e"], false, 0),
                call.stdin,
            );
        }
        for option in call.values(&["-o"]) {
            let (name, command) = option
                .text
                .split_once(['=', ' '])
                .unwrap_or((&option.text, ""));
            if ["ProxyCommand", "LocalCommand", "KnownHostsCommand"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                self.subshell(command, &Flow::default());
            }
        }
        self.reverse_tunnel(call);
        let rest = after_options(call.args, SSH_VALUES, false, 0);
        let Some((host, command)) = rest.split_first() else {
            return Flow::unforeseen();
        };
        let command = after_options(command, SSH_VALUES, false, 0);
        if !call.stdin.taint.secrets.is_empty() || call.stdin.taint.bulk.is_some() {
            let name = host
                .text
                .rsplit('@')
                .next()
                .unwrap_or(&host.text)
                .to_owned();
            self.send(&name, &call.stdin.clone(), call.name);
        }
        if command.is_empty() {
            return if call.stdin.connected {
                self.execute(&call.stdin.clone(), call.name)
            } else {
                Flow::unforeseen()
            };
        }
        let scope = self.scope.clone();
        self.scope.cwd = crate::path::Path::here();
        let text: Vec<&str> = command.iter().map(|word| word.text.as_str()).collect();
        let out = match &call.stdin.text {
            // A shell over there that reads its program from here.
            Some(_) if command.iter().all(Field::is_known) => {
                self.subshell(&text.join(" "), call.stdin)
            }
            _ => self.text_of(command),
        };
        self.scope = scope;
        out
    }

    /// A forwarding from the other machine back to a port of this one through which it can be steered, or to all.
    fn reverse_tunnel(&mut self, call: &Call<'_>) {
        let mut words = call.args.iter().map(|arg| arg.text.as_str());
        let mut forwards = Vec::new();
        while let Some(word) = words.next() {
            if let Some(rest) = word.strip_prefix("-R").filter(|rest| !rest.is_empty()) {
                forwards.push(rest);
            } else if word.starts_with('-') && !word.starts_with("--") && word.ends_with('R') {
                forwards.extend(words.next());
            }
        }
        let steers = forwards.iter().any(|forward| {
            let port = forward.rsplit(':').next().unwrap_or(forward);
            !forward.contains([':', '/'])
                || matches!(port, "22" | "23" | "3389" | "5900" | "5985" | "5986")
        });
        if steers {
            self.emit(Effect::new(EffectKind::RemoteShell, "whoever connects").program(call.name));
        }
    }

    pub(super) fn container(&mut self, call: &Call<'_>) -> Option<Flow> {
        let at = call.args.iter().position(|arg| {
            matches!(arg.text.as_str(), "exec" | "run" | "ssh")
                || arg.text == "debug" && call.word("--")
        })?;
        let verb = call.args[at].text.as_str();
        let rest = &call.args[at + 1..];
        if call.name == "vagrant" {
            for text in call.values(&["-c", "--command"]) {
                self.execute(&flow_of(&text), call.name);
            }
            return Some(Flow::unforeseen());
        }
        if verb == "run" {
            self.container_rights(call);
        }
        let inner = match rest.iter().position(|arg| arg.text == "--") {
            Some(dashes) => &rest[dashes + 1..],
            None => after_options(rest, CONTAINER_VALUES, false, 1),
        };
        let entry = call.values(&["--entrypoint"]);
        let argv: Vec<Field> = entry.into_iter().chain(inner.iter().cloned()).collect();
        let scope = self.scope.clone();
        self.scope.cwd = crate::path::Path::here();
        let before = self.found.effects.len();
        if verb == "run" && !call.any(&["--privileged", "--pid=host"]) {
            self.mount(call);
        }
        let out = self.inner(&argv, call.stdin);
        self.mounts.clear();
        self.scope = scope;
        // What a fresh container does to its own files ends with it, unless it is given some of the machine's.
        if verb == "run"
            && matches!(call.name, "docker" | "podman" | "nerdctl")
            && !call.args.iter().any(|arg| {
                arg.text.starts_with("-v")
                    || arg.text.starts_with("--vol")
                    || arg.text.starts_with("--mount")
                    || arg.text.starts_with("--device")
                    || arg.text.starts_with("--privileged")
                    || arg.text.starts_with("--pid")
            })
        {
            let mut at = 0;
            self.found.effects.retain(|effect| {
                at += 1;
                at <= before
                    || !matches!(
                        effect.kind,
                        EffectKind::Delete
                            | EffectKind::Overwrite
                            | EffectKind::ChangePermissions
                            | EffectKind::Persistence
                            | EffectKind::HideTracks
                    )
            });
        }
        Some(out)
    }

    /// Notes which of this machine's directories a container sees: `-v /host/path:/path`. All else is its own.
    fn mount(&mut self, call: &Call<'_>) {
        const OWN: &str = "/tmp/container/files";
        let mut mounts = Vec::new();
        for volume in call.values(&["-v", "--volume"]) {
            let mut parts = volume.text.split(':');
            if let (Some(host), Some(seen)) = (parts.next(), parts.next()) {
                mounts.push((host.to_owned(), seen.to_owned()));
            }
        }
        for mount in call.values(&["--mount"]) {
            let part = |names: &[&str]| {
                mount.text.split(',').find_map(|part| {
                    let (name, value) = part.split_once('=')?;
                    names.contains(&name).then(|| value.to_owned())
                })
            };
            if let (Some(host), Some(seen)) = (
                part(&["source", "src"]),
                part(&["target", "destination", "dst"]),
            ) {
                mounts.push((host, seen));
            }
        }
        let mounts: Vec<_> = mounts
            .into_iter()
            .filter(|(host, _)| host.contains(['/', '~', '.', '$']))
            .map(|(host, seen)| (self.path(&format!("{OWN}{seen}")), self.path(&host)))
            .collect();
        self.mounts.push((self.path("/"), self.path(OWN)));
        self.mounts.extend(mounts);
    }

    /// A container that is given the whole machine.
    fn container_rights(&mut self, call: &Call<'_>) {
        let root_mounted = call
            .values(&["-v", "--volume"])
            .iter()
            .any(|volume| volume.text.starts_with("/:") || volume.text.contains("docker.sock"))
            || call
                .values(&["--mount"])
                .iter()
                .any(|mount| mount.text.contains("source=/,") || mount.text.contains("src=/,"));
        if root_mounted
            || call.word("--privileged")
            || call.any(&["--pid=host", "--cap-add=ALL", "--cap-add=SYS_ADMIN"])
        {
            self.emit(
                Effect::new(EffectKind::RaisePrivileges, "the host")
                    .manner("escape")
                    .program(call.name),
            );
        }
    }

    pub(super) fn terminal(&mut self, call: &Call<'_>) -> Flow {
        // `tmux send-keys -t x 'cmd' Enter`, `tmux new -d 'cmd'`, `screen -dmS name cmd…`.
        let operands = call.operands(&["-t", "-s", "-n", "-S", "-dmS", "-c", "-x", "-y", "-X"]);
        let says = operands.first().is_some_and(|verb| {
            [
                "display", "set", "list", "rename", "show", "ls", "select", "has", "kill",
                "attach", "switch",
            ]
            .iter()
            .any(|word| verb.text.starts_with(word))
                && verb.text != "display-popup"
        });
        for operand in operands.iter().filter(|_| !says) {
            if operand.text.contains(' ') {
                self.execute(&flow_of(operand), call.name);
            }
        }
        let values = &[
            "-S", "-dmS", "-DmS", "-t", "-e", "-h", "-p", "-s", "-T", "-c", "-n", "-x", "-y", "-F",
            "-L",
        ];
        if call.name == "screen" {
            return self.inner(after_options(call.args, values, false, 0), call.stdin);
        }
        let started = call.args.iter().position(|arg| {
            matches!(
                arg.text.as_str(),
                "new" | "new-session" | "neww" | "new-window" | "splitw" | "split-window"
            )
        });
        if let Some(at) = started {
            let words = after_options(&call.args[at + 1..], values, false, 0);
            if words.len() > 1 {
                return self.inner(words, call.stdin);
            }
        }
        Flow::unforeseen()
    }

    /// Programs that run one text on many machines.
    pub(super) fn many_hosts(&mut self, call: &Call<'_>) -> Flow {
        let words = call.operands(&[
            "-w", "-x", "-g", "-l", "-h", "-i", "-H", "-p", "-t", "-o", "-e", "-M", "--hosts",
            "-u", "-c",
        ]);
        let known = words.iter().find(|word| word.text.contains(' '));
        if let Some(text) = known {
            self.execute(&flow_of(text), call.name);
        } else {
            self.guess(call);
        }
        Flow::unforeseen()
    }
}
