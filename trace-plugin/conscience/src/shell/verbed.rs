//! `env`, wrappers of the form `name verb [options] [operands] command…`, and the guess at a command among the words of a
//! program that nobody told us about.

use super::{
    Shell,
    flow::{Field, Flow, Taint, flow_of},
};
use crate::{
    effect::EffectKind,
    programs::{
        Call,
        args::{after_options, is_assignment},
    },
};

/// Wrappers with a verb: the verbs, options with a value, operands before the command.
const VERBED: &[(&str, &[&str], &[&str], usize)] = &[
    ("asdf", &["exec"], &[], 0),
    ("aws-vault", &["exec"], &["-d", "--duration"], 1),
    ("buildah", &["run"], &["-v", "--volume", "--user"], 1),
    ("bundle", &["exec"], &[], 0),
    ("chamber", &["exec"], &[], 1),
    (
        "conda",
        &["run"],
        &["-n", "-p", "--name", "--prefix", "--cwd"],
        0,
    ),
    ("crictl", &["exec"], &[], 1),
    ("devbox", &["run"], &["-c", "-e"], 0),
    ("direnv", &["exec"], &[], 1),
    ("distrobox", &["enter"], &["-n", "--name"], 1),
    ("dokku", &["run"], &[], 1),
    (
        "doppler",
        &["run"],
        &["-p", "-c", "--project", "--config"],
        0,
    ),
    ("dotenv", &["run"], &["-f", "-e"], 0),
    ("fnm", &["exec"], &["--using"], 0),
    ("foreman", &["run"], &["-e"], 0),
    ("guix", &["shell", "environment"], &[], 0),
    ("hatch", &["run"], &["-e"], 0),
    ("incus", &["exec"], &["--env", "--cwd", "--user"], 1),
    ("infisical", &["run"], &["--env", "--path"], 0),
    ("limactl", &["shell"], &["--workdir"], 1),
    ("lxc", &["exec"], &["--env", "--cwd", "--user"], 1),
    ("machinectl", &["shell"], &["--uid", "-E"], 1),
    ("mamba", &["run"], &["-n", "-p", "--name", "--prefix"], 0),
    ("micromamba", &["run"], &["-n", "-p"], 0),
    ("mise", &["x", "exec"], &["-C", "--cd"], 0),
    ("multipass", &["exec"], &["-d", "--working-directory"], 1),
    ("nix", &["run", "shell", "develop"], &["-p"], 0),
    ("nodenv", &["exec"], &[], 0),
    ("nvm", &["exec"], &[], 1),
    ("op", &["run"], &["--env-file"], 0),
    ("opam", &["exec"], &["--switch"], 0),
    ("orb", &["run"], &["-m", "-u"], 0),
    ("pdm", &["run"], &[], 0),
    ("pipenv", &["run"], &[], 0),
    ("pixi", &["run"], &["-e"], 0),
    ("pnpm", &["exec", "dlx"], &["-C", "--filter", "-F"], 0),
    ("poetry", &["run"], &[], 0),
    ("pyenv", &["exec"], &[], 0),
    ("railway", &["run"], &["-s", "-e"], 0),
    ("rbenv", &["exec"], &[], 0),
    ("rtx", &["x", "exec"], &[], 0),
    ("rustup", &["run"], &[], 1),
    ("rvm", &["do"], &[], 0),
    ("rye", &["run"], &[], 0),
    ("stack", &["exec"], &[], 0),
    ("teller", &["run"], &[], 0),
    ("toolbox", &["run"], &["-c", "--container", "-d"], 0),
    (
        "uv",
        &["run"],
        &[
            "--with",
            "--python",
            "-p",
            "--extra",
            "--group",
            "--env-file",
            "--project",
            "--directory",
        ],
        0,
    ),
    ("volta", &["run"], &["--node", "--npm", "--yarn"], 0),
    ("zellij", &["run"], &["-d", "-n"], 0),
];

/// Options of programs with a verb or without whose value is a command's text.
const TEXT_OPTIONS: &[&str] = &[
    "-c",
    "--command",
    "--exec",
    "--cmd",
    "--run",
    "--shell-command",
    "-x",
    "--call",
    "--eval",
    "-e",
    "--script",
];

/// Programs whose name among the words of an unknown program begins a command.
const COMMANDS: &str = " rm rmdir unlink shred dd mkfs mkfs.ext4 sh bash zsh dash fish sudo doas env chmod chown chattr find \
    mv cp curl wget git kill killall pkill shutdown reboot poweroff halt truncate tee cat python python3 perl ruby node nc ncat \
    socat systemctl docker kubectl psql mysql redis-cli wipefs crontab iptables ufw nohup timeout xargs ssh scp rsync tar \
    pwsh powershell cmd rimraf shutil eval busybox fdisk parted ";

/// Programs whose words are said, looked up or installed, and not run.
const SPEAKERS: &str = " cowsay cowthink figlet toilet lolcat say espeak notify-send logger tldr cheat howdoi whatis apropos man \
    which whereis whence type hash info help gh glab jira slack brew apt apt-get apk dnf yum pacman port nix-env pip pip3 gem \
    cargo npm yarn snap flatpak choco winget scoop zypper emerge asdf mise explainshell shellcheck shfmt bat less more rg ag ack grep \
    egrep fgrep zgrep ripgrep git-grep jq yq fzf sk dialog whiptail zenity osd_cat wall write mail expr test [ dpkg rpm \
    wc sort uniq comm diff cmp head tail nl column tr cut paste rev fold fmt file stat ls tree exa eza lsd du df basename dirname \
    realpath readlink sha256sum md5sum cksum sum strings hexdump od xxd base64 date cal uptime id groups whoami hostname uname \
    true false sleep seq yes printf echo export local declare typeset readonly unset alias unalias set shopt complete compgen ";

impl Shell<'_> {
    /// A wrapper with a verb; none if `call` is not one.
    pub(super) fn verbed(&mut self, call: &Call<'_>) -> Option<Flow> {
        let (_, verbs, values, skip) = VERBED.iter().find(|(name, ..)| *name == call.name)?;
        let at = call
            .args
            .iter()
            .take(6)
            .position(|arg| verbs.contains(&arg.text.as_str()))?;
        let rest = &call.args[at + 1..];
        for text in call.values(&["--command", "--call"]) {
            self.execute(&flow_of(&text), call.name);
        }
        if let Some(dashes) = rest.iter().take(12).position(|arg| arg.text == "--") {
            return Some(self.inner(&rest[dashes + 1..], call.stdin));
        }
        let shown = rest
            .iter()
            .position(|arg| matches!(arg.text.as_str(), "-c" | "--command"));
        if let Some(at) = shown.filter(|_| matches!(call.name, "nix" | "mise" | "rtx")) {
            let inner = &rest[at + 1..];
            return Some(if inner.len() == 1 {
                self.text_of(inner)
            } else {
                self.inner(inner, call.stdin)
            });
        }
        if matches!(call.name, "nix" | "guix") {
            return None;
        }
        let inner = after_options(rest, values, true, *skip);
        // `mise x node@20 command`.
        let versions = inner
            .iter()
            .take_while(|word| word.text.contains('@'))
            .count();
        Some(self.inner(&inner[versions.min(inner.len())..], call.stdin))
    }

    /// What may be a command, read for what it would harm and no more.
    pub(crate) fn guess_text(&mut self, text: &str) {
        let before = self.found.effects.len();
        let runs = self.found.runs.len();
        self.subshell(text, &Flow::default());
        self.forget_guesses(before, runs);
    }

    /// Of what was found since, leaves only what would harm.
    fn forget_guesses(&mut self, before: usize, runs: usize) {
        let mut at = 0;
        self.found.effects.retain(|effect| {
            at += 1;
            at <= before || effect.kind != EffectKind::Opaque
        });
        self.found.runs.truncate(runs);
    }

    /// What may be a command among the words of a program that nobody told us about: after `--`, from the name of a
    /// well-known program on, or in an option's value. Only what it would harm counts, not that it can't be told.
    pub(crate) fn guess(&mut self, call: &Call<'_>) {
        if !self.work(4 + 2 * call.args.len().min(64)) {
            return;
        }
        if SPEAKERS.contains(&format!(" {} ", call.name)) || call.args.len() > 64 {
            return;
        }
        let before = self.found.effects.len();
        let runs = self.found.runs.len();
        for text in call.values(TEXT_OPTIONS) {
            if text.text.contains(' ') && text.is_known() {
                self.subshell(&text.text, &Flow::default());
            }
        }
        let named = call
            .args
            .iter()
            .position(|arg| arg.is_known() && COMMANDS.contains(&format!(" {} ", base(&arg.text))));
        let dashes = call
            .args
            .iter()
            .position(|arg| arg.text == "--")
            .map(|at| at + 1);
        if let Some(at) = named.or(dashes).filter(|at| *at < call.args.len()) {
            let scope = self.scope.clone();
            self.invoke(&call.args[at..], &Flow::default());
            self.scope = scope;
        }
        self.forget_guesses(before, runs);
    }

    /// `npx -c`, `npm exec -c`: a text; `concurrently`, `cross-env`: what they run.
    pub(super) fn package_runner(&mut self, call: &Call<'_>) -> Option<Flow> {
        let texts: Vec<&Field> = match call.name {
            "concurrently" | "conc" | "npm-run-all" | "run-p" | "run-s" => call
                .operands(&["-n", "--names", "-c", "-p", "--prefix"])
                .into_iter()
                .filter(|word| word.text.contains(' '))
                .collect(),
            "cross-env-shell" => call.operands(&[]),
            _ => return None,
        };
        for text in texts {
            self.subshell(&text.text, &Flow::default());
        }
        Some(Flow::unforeseen())
    }

    pub(super) fn env(&mut self, call: &Call<'_>) -> Flow {
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
        // `env $(cat .env) command`: what is put in are assignments.
        let inner = match inner.split_first() {
            Some((first, rest)) if first.text.starts_with("$(") && !rest.is_empty() => rest,
            _ => inner,
        };
        if inner.is_empty() {
            return Flow::tainted(Taint {
                bulk: Some("the environment"),
                unforeseen: true,
                ..Taint::default()
            });
        }
        let scope = self.scope.clone();
        let directory = call.values(&["-C", "--chdir"]);
        if let Some(directory) = directory.first().filter(|field| field.is_known()) {
            self.scope.cwd = self.path(&directory.text);
        }
        let out = self.inner(inner, call.stdin);
        if !directory.is_empty() {
            self.scope.cwd = scope.cwd;
        }
        out
    }

    /// `parallel 'rm -rf {}' ::: …`: a text for a shell.
    pub(super) fn parallel_text(&mut self, text: &Field, items: &[Field]) -> Flow {
        for item in items.iter().take(16) {
            let line = if text.text.contains("{}") {
                text.text.replace("{}", &item.text)
            } else {
                format!("{} {}", text.text, item.text)
            };
            self.subshell(&line, &Flow::default());
        }
        Flow::unforeseen()
    }
}

fn base(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}
