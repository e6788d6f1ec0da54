//! Commands that run other commands: wrappers, shells, remote shells, containers. Each is taken off and what is
//! inside is read in turn.

use super::{
    Shell,
    flow::{Field, Flow, Taint, flow_of},
};
use crate::{
    code,
    effect::{Effect, EffectKind},
    programs::{
        Call,
        args::{after_options, is_assignment},
    },
};

/// Wrappers of the plain form `name [options] [operands] command…`: options with a value, operands before the command.
const PLAIN: &[(&str, &[&str], usize)] = &[
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "-p", "--class", "--classdata"], 0),
    ("nohup", &[], 0),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    ("gtimeout", &["-s", "-k"], 1),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("setsid", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("builtin", &[], 0),
    ("exec", &["-a"], 0),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("chroot", &[], 1),
    ("unbuffer", &[], 0),
    ("xvfb-run", &["-n", "-s", "-e", "-f", "-p", "-w"], 0),
    ("gosu", &[], 1),
    ("caffeinate", &["-t", "-w"], 0),
    ("taskset", &[], 1),
    ("chrt", &[], 1),
    ("numactl", &[], 0),
    ("strace", &["-o", "-e", "-p", "-s"], 0),
    ("ltrace", &["-o", "-e"], 0),
    ("fakeroot", &[], 0),
    ("firejail", &[], 0),
    ("proxychains", &["-f"], 0),
    ("proxychains4", &["-f"], 0),
    ("torsocks", &[], 0),
    (
        "systemd-run",
        &["-p", "--property", "-u", "--unit", "--on-active"],
        0,
    ),
    ("dbus-run-session", &[], 0),
    ("pkexec", &["--user"], 0),
    ("doas", &["-u", "-C"], 0),
    ("systemd-inhibit", &[], 0),
    ("unshare", &[], 0),
    ("setarch", &[], 1),
    ("linux64", &[], 0),
    ("coproc", &[], 0),
    ("npx", &["-p", "--package"], 0),
    ("entr", &[], 0),
    ("then", &[], 0),
    ("prlimit", &[], 0),
    ("cgexec", &["-g"], 0),
    ("rtk", &[], 0),
];

impl Shell<'_> {
    /// Reads a command that runs another; none if `call` is not such a one.
    #[expect(
        clippy::too_many_lines,
        reason = "one table: a line or two for each program"
    )]
    pub(super) fn wrapped(&mut self, call: &Call<'_>) -> Option<Flow> {
        if let Some((_, with_value, skip)) = PLAIN.iter().find(|(name, ..)| *name == call.name) {
            let inner = after_options(call.args, with_value, false, *skip);
            if call.name == "pkexec" && inner.is_empty() {
                return Some(Flow::unforeseen());
            }
            return Some(self.inner(inner, call.stdin));
        }
        match call.name {
            "sudo" | "gsudo" => Some(self.sudo(call)),
            "su" | "runuser" => Some(self.su(call)),
            "env" => Some(self.env(call)),
            "command" if call.has('v', "") || call.has('V', "") => Some(Flow::unforeseen()),
            "command" => Some(self.inner(after_options(call.args, &[], false, 0), call.stdin)),
            "xargs" | "parallel" => Some(self.xargs(call)),
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "fish" | "csh" | "tcsh" | "mksh"
            | "rbash" => Some(self.shell(call)),
            "eval" => {
                let mut all = Flow::text("");
                for (i, arg) in call.args.iter().enumerate() {
                    if i > 0 {
                        all = all.then(&Flow::text(" "));
                    }
                    all = all.then(&flow_of(arg));
                }
                Some(self.execute_here(&all, "eval"))
            }
            "source" | "." => {
                let script = call.args.first().and_then(|field| self.script(field));
                let script = match call.args.first().map(|field| field.text.as_str()) {
                    Some("/dev/stdin" | "-") => Some(call.stdin.clone()),
                    _ => script,
                };
                Some(
                    script.map_or_else(Flow::unforeseen, |flow| self.execute_here(&flow, "source")),
                )
            }
            "trap" | "alias" => {
                for arg in call.args {
                    let text = if call.name == "alias" {
                        arg.text
                            .split_once('=')
                            .map(|(name, body)| (Some(name), body))
                    } else {
                        Some((None, arg.text.as_str()))
                    };
                    if let Some((name, body)) =
                        text.filter(|(_, body)| arg.is_known() && body.contains(' '))
                    {
                        self.subshell(body, &Flow::default());
                        if let Some(name) = name {
                            self.scope.aliases.insert(name.to_owned(), body.to_owned());
                        }
                    }
                }
                Some(Flow::text(""))
            }
            "watch" => {
                let inner = after_options(call.args, &["-n", "--interval"], false, 0);
                Some(self.text_of(inner))
            }
            "at" | "batch" => {
                let stdin = call.stdin.clone();
                Some(if stdin.connected {
                    self.execute(&stdin, call.name)
                } else {
                    Flow::unforeseen()
                })
            }
            "script" | "flock" | "wsl" => {
                let texts = call.values(&["-c", "--command", "-qc", "-e"]);
                if texts.is_empty() && call.name != "script" {
                    let skip = usize::from(call.name == "flock");
                    return Some(self.inner(
                        after_options(call.args, &["-w", "-E", "-d", "-u"], false, skip),
                        call.stdin,
                    ));
                }
                texts.iter().for_each(|text| {
                    self.execute(&flow_of(text), call.name);
                });
                Some(Flow::unforeseen())
            }
            "ssh" | "sshpass" | "mosh" => Some(self.ssh(call)),
            "docker" | "podman" | "nerdctl" | "kubectl" | "oc" | "lxc" | "docker-compose"
            | "vagrant" => self.container(call),
            "nsenter" => {
                if call
                    .values(&["-t", "--target"])
                    .iter()
                    .any(|pid| pid.text == "1")
                {
                    self.emit(
                        Effect::new(EffectKind::RaisePrivileges, "the host's init")
                            .manner("escape")
                            .program(call.name),
                    );
                }
                Some(self.inner(
                    after_options(call.args, &["-t", "--target"], false, 0),
                    call.stdin,
                ))
            }
            "tmux" | "screen" => Some(self.terminal(call)),
            "cmd" | "powershell" | "pwsh" => Some(self.windows(call)),
            "uv" | "poetry" | "pipenv" | "pnpm" | "bundle" | "hatch" | "rye" | "mise"
            | "direnv" | "nix"
                if call.any(&["run", "exec", "x"]) =>
            {
                let at = call
                    .args
                    .iter()
                    .position(|arg| matches!(arg.text.as_str(), "run" | "exec" | "x"))?;
                Some(self.inner(
                    after_options(&call.args[at + 1..], &[], true, 0),
                    call.stdin,
                ))
            }
            name => code::language(name).map(|language| self.interpreter(call, language)),
        }
    }

    pub(super) fn inner(&mut self, inner: &[Field], stdin: &Flow) -> Flow {
        if inner.is_empty() {
            Flow::unforeseen()
        } else {
            self.invoke(inner, stdin)
        }
    }

    /// Words that are joined and read by a shell.
    pub(super) fn text_of(&mut self, words: &[Field]) -> Flow {
        let mut all = Flow::text("");
        for (i, word) in words.iter().enumerate() {
            if i > 0 {
                all = all.then(&Flow::text(" "));
            }
            all = all.then(&flow_of(word));
        }
        if words.is_empty() {
            Flow::unforeseen()
        } else {
            self.execute(&all, "sh")
        }
    }

    /// Like `execute`, in this very scope: `eval`, `source`.
    fn execute_here(&mut self, flow: &Flow, program: &str) -> Flow {
        match &flow.text {
            Some(text) if flow.taint == Taint::default() => {
                self.run(&text.clone(), &Flow::default())
            }
            _ => self.execute(flow, program),
        }
    }

    fn sudo(&mut self, call: &Call<'_>) -> Flow {
        let values = &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group",
            "--host", "--prompt", "--chdir",
        ];
        let before: Vec<&str> = call
            .args
            .iter()
            .map(|arg| arg.text.as_str())
            .take_while(|text| text.starts_with('-'))
            .collect();
        if before.iter().any(|text| {
            matches!(
                *text,
                "-l" | "-v" | "-k" | "-K" | "-V" | "--list" | "--validate" | "--version"
            )
        }) {
            return Flow::unforeseen();
        }
        for arg in call.args {
            match arg.text.split_once('=') {
                Some((name, value)) if is_assignment(&arg.text) => {
                    self.assigned(name, &Field::known(value));
                }
                _ if arg.text.starts_with('-') => {}
                _ => break,
            }
        }
        let inner = after_options(call.args, values, true, 0);
        if before.contains(&"-e") {
            inner
                .iter()
                .for_each(|file| self.write(file, false, &Flow::unforeseen(), "sudo"));
            return Flow::unforeseen();
        }
        if inner.is_empty() {
            if before
                .iter()
                .any(|text| matches!(*text, "-i" | "-s" | "--login" | "--shell"))
            {
                self.emit(
                    Effect::new(EffectKind::RaisePrivileges, "root")
                        .manner("root_shell")
                        .program("sudo"),
                );
                if call.stdin.connected {
                    return self.execute(&call.stdin.clone(), "sudo");
                }
            }
            return Flow::unforeseen();
        }
        let plain_shell = matches!(
            inner[0].text.rsplit('/').next(),
            Some("bash" | "sh" | "zsh" | "fish" | "su")
        );
        if plain_shell && inner.len() == 1 && !call.stdin.connected {
            self.emit(
                Effect::new(EffectKind::RaisePrivileges, "root")
                    .manner("root_shell")
                    .program("sudo"),
            );
        }
        self.inner(inner, call.stdin)
    }

    fn su(&mut self, call: &Call<'_>) -> Flow {
        let texts = call.values(&["-c", "--command"]);
        for text in &texts {
            self.execute(&flow_of(text), call.name);
        }
        if call.name == "runuser" && texts.is_empty() {
            return self.inner(
                after_options(call.args, &["-u", "-g"], false, 0),
                call.stdin,
            );
        }
        if texts.is_empty() {
            if call.stdin.connected {
                return self.execute(&call.stdin.clone(), call.name);
            }
            let user = call
                .operands(&[])
                .iter()
                .find(|field| field.text != "-")
                .map_or("root", |field| field.text.as_str());
            if user == "root" {
                self.emit(
                    Effect::new(EffectKind::RaisePrivileges, "root")
                        .manner("root_shell")
                        .program(call.name),
                );
            }
        }
        Flow::unforeseen()
    }

    fn env(&mut self, call: &Call<'_>) -> Flow {
        for text in call.values(&["-S", "--split-string"]) {
            self.execute(&flow_of(&text), "env");
        }
        for arg in call.args.iter().filter(|arg| is_assignment(&arg.text)) {
            if let Some((name, value)) = arg.text.split_once('=') {
                self.assigned(name, &Field::known(value));
            }
        }
        let inner = after_options(
            call.args,
            &["-u", "--unset", "-C", "--chdir", "-S"],
            true,
            0,
        );
        if inner.is_empty() {
            return Flow::tainted(Taint {
                bulk: Some("the environment"),
                unforeseen: true,
                ..Taint::default()
            });
        }
        self.inner(inner, call.stdin)
    }

    fn xargs(&mut self, call: &Call<'_>) -> Flow {
        let values = &[
            "-n",
            "-P",
            "-I",
            "-L",
            "-d",
            "-E",
            "-s",
            "-a",
            "-j",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--replace",
            "--jobs",
        ];
        let replace = call
            .values(&["-I", "--replace"])
            .first()
            .map(|field| field.text.clone());
        let inner = after_options(call.args, values, false, 0);
        let (inner, listed) = match inner.iter().position(|arg| arg.text == ":::") {
            Some(at) => (&inner[..at], Some(&inner[at + 1..])),
            None => (inner, None),
        };
        let items: Vec<Field> = match (listed, &call.stdin.text) {
            (Some(listed), _) => listed.to_vec(),
            (None, Some(text)) => text.split_whitespace().take(64).map(Field::known).collect(),
            (None, None) if call.stdin.taint.listing.is_some() => {
                vec![Field {
                    taint: call.stdin.taint.clone(),
                    ..Field::known(call.stdin.taint.listing.clone().unwrap_or_default())
                }]
            }
            (None, None) => {
                let mut field = Field {
                    taint: call.stdin.taint.clone(),
                    ..Field::default()
                };
                field.push_unknown("$(stdin)", true);
                // Lists of files and processes are what xargs is for: not foreseen, and not suspicious.
                field.taint.unforeseen = false;
                vec![field]
            }
        };
        let default = [Field::known("echo")];
        let inner = if inner.is_empty() {
            &default[..]
        } else {
            inner
        };
        let mark = replace.or_else(|| {
            inner
                .iter()
                .any(|arg| arg.text.contains("{}"))
                .then(|| "{}".to_owned())
        });
        let argv: Vec<Field> = match &mark {
            Some(mark) if !mark.is_empty() => inner
                .iter()
                .flat_map(|arg| {
                    if arg.text == *mark {
                        items.clone()
                    } else {
                        let shown: Vec<&str> =
                            items.iter().map(|item| item.text.as_str()).collect();
                        let mut field = arg.clone();
                        field.text = arg.text.replace(mark.as_str(), &shown.join(" "));
                        items.iter().for_each(|item| field.taint.merge(&item.taint));
                        vec![field]
                    }
                })
                .collect(),
            _ => inner.iter().cloned().chain(items).collect(),
        };
        self.invoke(&argv, &Flow::default())
    }

    fn shell(&mut self, call: &Call<'_>) -> Flow {
        let mut at = 0;
        let mut script = false;
        let mut from_stdin = false;
        while let Some(arg) = call.args.get(at) {
            let text = arg.text.as_str();
            if text == "--" || text == "-" {
                at += 1;
                break;
            }
            if !(text.starts_with('-') || text.starts_with('+')) || text.len() < 2 {
                break;
            }
            at += 1;
            if let Some(long) = text.strip_prefix("--") {
                match long {
                    "rcfile" | "init-file" => {
                        if let Some(flow) = call.args.get(at).and_then(|field| self.script(field)) {
                            self.execute(&flow, call.name);
                        }
                        at += 1;
                    }
                    "command" => script = true,
                    _ => {}
                }
                continue;
            }
            script |= text.starts_with('-') && text.contains('c');
            from_stdin |= text.starts_with('-') && text.contains('s');
            at += usize::from(text.ends_with('o') || text.ends_with('O'));
        }
        let operands = call.args.get(at.min(call.args.len())..).unwrap_or_default();
        if script {
            let Some((text, rest)) = operands.split_first() else {
                return Flow::unforeseen();
            };
            let positional = std::mem::replace(
                &mut self.scope.positional,
                rest.get(1..).unwrap_or_default().to_vec(),
            );
            let mut flow = flow_of(text);
            flow.connected = true;
            let out = match &flow.text {
                Some(inner) if flow.taint == Taint::default() => {
                    self.subshell(&inner.clone(), call.stdin)
                }
                _ => self.execute(&flow, call.name),
            };
            self.scope.positional = positional;
            return out;
        }
        match operands.first() {
            Some(file) if file.text != "/dev/stdin" && !from_stdin => {
                if let Some(flow) = self.script(file) {
                    self.execute(&flow, call.name)
                } else {
                    self.emit_if_downloaded(file, call.name);
                    Flow::unforeseen()
                }
            }
            _ if call.stdin.connected => self.execute(&call.stdin.clone(), call.name),
            _ => Flow::unforeseen(),
        }
    }

    fn emit_if_downloaded(&mut self, file: &Field, program: &str) {
        if let Some(host) = &file.taint.downloaded {
            self.emit(Effect::new(EffectKind::RunDownloaded, host.clone()).program(program));
        }
    }
}
