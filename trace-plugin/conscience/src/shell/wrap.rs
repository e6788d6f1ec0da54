//! Commands that run other commands: wrappers, shells, remote shells, containers. Each is taken off and what is
//! inside is read in turn.

use super::{
    Shell,
    flow::{Field, Flow, Taint, flow_of},
    plain::PLAIN,
};
use crate::{
    code,
    effect::{Effect, EffectKind},
    programs::{Call, args::after_options},
};

impl Shell<'_> {
    /// Reads a command that runs another; none if `call` is not such a one.
    #[expect(
        clippy::too_many_lines,
        reason = "one table: a line or two for each program"
    )]
    pub(super) fn wrapped(&mut self, call: &Call<'_>) -> Option<Flow> {
        if matches!(
            call.name,
            "npm" | "npx" | "pnpm" | "yarn" | "bunx" | "pnpx" | "dotenv"
        ) {
            for text in call.values(&["-c", "--call", "--shell-mode"]) {
                if text.text.contains(' ') {
                    self.execute(&flow_of(&text), call.name);
                }
            }
        }
        if let Some((_, with_value, skip)) = PLAIN.iter().find(|(name, ..)| *name == call.name) {
            let inner = after_options(call.args, with_value, false, *skip);
            if let Some(url) = inner.first().filter(|word| word.text.contains("://")) {
                let peer = crate::host::of_url(&url.text);
                if !crate::host::is_local(&peer) {
                    self.emit(Effect::new(EffectKind::RunDownloaded, peer).program(call.name));
                }
            }
            if call.name == "pkexec" && inner.is_empty() {
                return Some(Flow::unforeseen());
            }
            // A whole line in one word.
            if let [line] = inner
                && line.is_known()
                && line.text.contains(' ')
            {
                return Some(self.text_of(inner));
            }
            return Some(self.inner(inner, call.stdin));
        }
        match call.name {
            name if name.starts_with("ld-linux") || name.starts_with("ld-musl") => {
                Some(self.inner(
                    after_options(
                        call.args,
                        &["--preload", "--library-path", "--argv0"],
                        false,
                        0,
                    ),
                    call.stdin,
                ))
            }
            "perf" => Some(self.inner(
                after_options(
                    after_options(call.args, &[], false, 1),
                    &["-e", "-o", "-F", "-r", "-C", "-g"],
                    false,
                    0,
                ),
                call.stdin,
            )),
            "hyperfine" => {
                let named = call.values(&["-p", "--prepare", "-s", "--setup", "-c", "--cleanup"]);
                let plain = call.operands(&[
                    "-w",
                    "-r",
                    "-m",
                    "-M",
                    "-p",
                    "-s",
                    "-c",
                    "-n",
                    "-P",
                    "-L",
                    "-S",
                    "-i",
                    "--warmup",
                    "--runs",
                    "--min-runs",
                    "--max-runs",
                    "--prepare",
                    "--setup",
                    "--cleanup",
                    "--export-json",
                    "--export-markdown",
                    "--command-name",
                    "--shell",
                ]);
                for text in named.iter().chain(plain) {
                    self.execute(&flow_of(text), call.name);
                }
                Some(Flow::unforeseen())
            }
            "entr" if call.has('s', "") => {
                Some(self.text_of(after_options(call.args, &[], false, 0)))
            }
            "entr" => Some(self.inner(after_options(call.args, &[], false, 0), &Flow::default())),
            "git" if call.operand(0) == "bisect" && call.operand(1) == "run" => {
                let at = call.args.iter().position(|arg| arg.text == "run")?;
                Some(self.inner(&call.args[at + 1..], &Flow::default()))
            }
            "sudo" | "gsudo" => Some(self.sudo(call)),
            "su" | "runuser" => Some(self.su(call)),
            "env" => Some(self.env(call)),
            "command" if call.has('v', "") || call.has('V', "") => Some(Flow::unforeseen()),
            "command" => Some(self.inner(after_options(call.args, &[], false, 0), call.stdin)),
            "xargs" | "parallel" => Some(self.xargs(call)),
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "fish" | "csh" | "tcsh" | "mksh"
            | "rbash" | "nu" | "elvish" | "xonsh" | "rc" | "yash" | "posh" | "osh" | "ysh"
            | "oksh" | "ksh93" | "lksh" | "hush" | "es" | "murex" | "ion" => Some(self.shell(call)),
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
                    if let Some((name, body)) = text.filter(|(name, body)| {
                        arg.is_known() && (name.is_some() || body.contains(' '))
                    }) {
                        if body.contains(' ') {
                            self.subshell(body, &Flow::default());
                        }
                        if let Some(name) = name {
                            if name == "smoltbot" {
                                self.emit(
                                    Effect::new(EffectKind::TamperConscience, name)
                                        .manner("switch_off")
                                        .program("alias"),
                                );
                            }
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
            "podman" | "buildah" if call.operand(0) == "unshare" => {
                Some(self.inner(call.args.get(1..).unwrap_or_default(), call.stdin))
            }
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
            "powershell" | "pwsh" | "powershell_ise" | "pwsh-preview" => {
                Some(self.powershell(call))
            }
            "cmd" => Some(self.command_prompt(call)),
            "npm" | "yarn" | "bun" | "pnpm" if matches!(call.operand(0), "exec" | "x" | "dlx") => {
                Some(self.inner(
                    after_options(
                        after_options(call.args, &[], false, 1),
                        &["-p", "--package", "-c", "--call"],
                        true,
                        0,
                    ),
                    call.stdin,
                ))
            }
            "cargo" if call.operand(0) == "watch" => {
                for text in call.values(&["-s", "--shell"]) {
                    self.execute(&flow_of(&text), call.name);
                }
                Some(Flow::unforeseen())
            }
            "go" if call.operand(0) == "run" => {
                let source = Call {
                    name: call.name,
                    args: call.args.get(1..).unwrap_or_default(),
                    stdin: call.stdin,
                };
                Some(self.interpreter(&source, code::Language::Braces))
            }
            "clush" | "pdsh" | "pssh" | "parallel-ssh" | "dsh" | "mussh" | "autossh"
            | "salt-ssh" | "fab" | "cssh" => Some(self.many_hosts(call)),
            name => {
                if let Some(out) = self.verbed(call).or_else(|| self.package_runner(call)) {
                    return Some(out);
                }
                code::language(name).map(|language| self.interpreter(call, language))
            }
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

    #[expect(
        clippy::too_many_lines,
        reason = "one reading of one program's options"
    )]
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
        let from_file = call
            .values(&["-a", "--arg-file"])
            .first()
            .and_then(|file| self.script(file));
        let stdin = from_file.as_ref().unwrap_or(call.stdin);
        let items: Vec<Field> = match (listed, &stdin.text) {
            (Some(listed), _) => listed.to_vec(),
            (None, Some(text)) => text
                .split(|c: char| c == '\n' || c == '\0' || c.is_whitespace() && replace.is_none())
                .filter(|item| !item.is_empty())
                .take(64)
                .map(Field::known)
                .collect(),
            (None, None) if stdin.taint.listing.is_some() => {
                vec![Field {
                    taint: stdin.taint.clone(),
                    ..Field::known(stdin.taint.listing.clone().unwrap_or_default())
                }]
            }
            (None, None) => {
                let mut field = Field {
                    taint: stdin.taint.clone(),
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
        if call.name == "parallel" && call.any(&["--pipe", "--pipepart", "--tee"]) {
            return self.invoke(inner, call.stdin);
        }
        if call.name == "parallel"
            && let [text] = inner
            && text.text.contains(' ')
        {
            return self.parallel_text(text, &items);
        }
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
                        // What a listing names is seen from its directory: its last part goes into the word.
                        let shown: Vec<&str> = items
                            .iter()
                            .map(|item| match &item.taint.listing {
                                Some(_) if !arg.text.contains(' ') => {
                                    item.text.rsplit('/').next().unwrap_or(&item.text)
                                }
                                _ => item.text.as_str(),
                            })
                            .collect();
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
            if let Some(own) = rest.first() {
                self.set("0", own);
            }
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
