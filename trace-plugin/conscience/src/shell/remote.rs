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
            if let Some(command) = option.text.strip_prefix("ProxyCommand=") {
                self.subshell(command, &Flow::default());
            }
        }
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
        let out = self.text_of(command);
        self.scope = scope;
        out
    }

    pub(super) fn container(&mut self, call: &Call<'_>) -> Option<Flow> {
        let at = call
            .args
            .iter()
            .position(|arg| matches!(arg.text.as_str(), "exec" | "run" | "ssh"))?;
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
        let out = self.inner(&argv, call.stdin);
        self.scope = scope;
        Some(out)
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
        for operand in &operands {
            if operand.text.contains(' ') {
                self.execute(&flow_of(operand), call.name);
            }
        }
        if call.name == "screen" && !operands.is_empty() {
            let words: Vec<Field> = operands.into_iter().cloned().collect();
            return self.inner(&words, call.stdin);
        }
        Flow::unforeseen()
    }

    pub(super) fn windows(&mut self, call: &Call<'_>) -> Flow {
        let at = call.args.iter().position(|arg| {
            let lower = arg.text.to_ascii_lowercase();
            matches!(lower.as_str(), "/c" | "/k" | "-c" | "-command")
        });
        if call.args.iter().any(|arg| {
            let lower = arg.text.to_ascii_lowercase();
            lower.len() >= 2
                && "-encodedcommand".starts_with(&lower)
                && lower.starts_with("-e")
                && lower != "-ex"
        }) {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(call.name));
            return Flow::unforeseen();
        }
        at.map_or_else(Flow::unforeseen, |at| self.text_of(&call.args[at + 1..]))
    }
}
