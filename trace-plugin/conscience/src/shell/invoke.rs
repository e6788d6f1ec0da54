//! One command with its words expanded: finds out which program it is and hands it on.

use super::{
    Shell,
    flow::{Field, Flow},
};
use crate::{
    effect::{Effect, EffectKind},
    glob,
    limits::MAX_DEPTH,
    path::Path,
    programs::{self, Call},
};

/// Programs that a pattern in a command's place (`/bin/r?`) is compared with.
const PATTERN_TARGETS: &[&str] = &[
    "rm", "dd", "sh", "bash", "zsh", "cat", "curl", "wget", "nc", "mkfs", "shred", "chmod",
    "chown", "mv", "cp", "tee", "python", "python3", "perl", "find", "kill", "reboot", "shutdown",
    "base64", "unlink", "truncate",
];

impl Shell<'_> {
    /// Reads one command. `argv` has at least one field.
    pub(crate) fn invoke(&mut self, argv: &[Field], stdin: &Flow) -> Flow {
        let Some((first, args)) = argv.split_first() else {
            return Flow::text("");
        };
        if !self.spend() || self.depth > MAX_DEPTH * 2 {
            return Flow::unforeseen();
        }
        if !first.is_known() {
            return self.invoke_unknown(first, args, stdin);
        }
        let text = first.text.as_str();
        self.note_run(first, args);
        if self.scope.functions.contains_key(text) {
            return self.call_function(text, args, stdin);
        }
        if let Some(body) = self.scope.aliases.remove(text) {
            let rest: Vec<&str> = args.iter().map(|field| field.text.as_str()).collect();
            let out = self.run(&format!("{body} {}", rest.join(" ")), stdin);
            return out;
        }
        self.run_tainted(first, text);
        if text.contains('/') {
            programs::forms::fetched::run(self, text);
        }
        // `/etc/init.d/ssh stop` is `service ssh stop`.
        if let Some(service) = text.strip_prefix("/etc/init.d/") {
            let mut argv = vec![Field::known("service"), Field::known(service)];
            argv.extend_from_slice(args);
            return self.invoke(&argv, stdin);
        }
        let base = text.rsplit(['/', '\\']).next().unwrap_or(text);
        let base = base.strip_suffix(".exe").unwrap_or(base);
        let renamed = self.renamed(text);
        let base = renamed.as_deref().unwrap_or(base);
        let name = if first.glob {
            match PATTERN_TARGETS
                .iter()
                .find(|name| glob::matches(base, name))
            {
                Some(name) => *name,
                None => base,
            }
        } else {
            base
        };
        if text.contains('/')
            && let Some(flow) = self.written.get(&self.path(text).display()).cloned()
        {
            return self.execute(&flow, name);
        }
        self.depth += 1;
        let call = Call { name, args, stdin };
        programs::forms::read(self, &call);
        let out = match self.wrapped(&call) {
            Some(out) => out,
            None => programs::read(self, &call),
        };
        self.depth -= 1;
        out
    }

    /// The program that a copy or a link made by this very text is.
    fn renamed(&self, text: &str) -> Option<String> {
        if self.links.is_empty() && self.copies.is_empty() || !text.contains('/') {
            return None;
        }
        let path = Path::parse(text, &self.scope.cwd, self.home.as_deref());
        self.links
            .iter()
            .chain(&self.copies)
            .find(|(made, _)| *made == path)
            .and_then(|(_, of)| of.last())
            .map(str::to_owned)
    }

    fn note_run(&mut self, first: &Field, args: &[Field]) {
        let mut line = first.text.clone();
        for arg in args.iter().take(64) {
            line.push(' ');
            line.push_str(&arg.text);
        }
        let program = first
            .text
            .rsplit('/')
            .next()
            .unwrap_or(&first.text)
            .to_owned();
        self.found
            .runs
            .push(Effect::new(EffectKind::Run, line).program(&program));
    }

    /// A program whose name came from the network or a decoder.
    fn run_tainted(&mut self, first: &Field, text: &str) {
        if let Some(host) = first.taint.downloaded.clone() {
            self.emit(Effect::new(EffectKind::RunDownloaded, host).program(text));
        }
        if first.taint.decoded {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(text));
        }
    }

    /// A command whose program is not known (`$CMD …`).
    fn invoke_unknown(&mut self, first: &Field, args: &[Field], stdin: &Flow) -> Flow {
        self.run_tainted(first, &first.text);
        let destructive = args.iter().any(|arg| {
            let text = arg.text.as_str();
            text.starts_with('-')
                && !text.starts_with("--")
                && text.contains('r')
                && text.contains('f')
                || matches!(text, "/" | "/*" | "~" | "~/*")
        });
        let manner = if first.taint.unforeseen && first.text.starts_with("$(") {
            "substituted"
        } else if destructive {
            "destructive"
        } else {
            "command"
        };
        // `$(npm bin)/eslint`: the directory is open, the program is not.
        if let Some((_, name)) = first
            .text
            .rsplit_once(")/")
            .filter(|(_, name)| !name.is_empty() && !name.contains(['$', '/', '*']))
            .filter(|_| manner == "substituted" && first.text.starts_with("$("))
        {
            let known = Field::known(name);
            let argv: Vec<Field> = std::iter::once(known).chain(args.iter().cloned()).collect();
            return self.invoke(&argv, stdin);
        }
        // `$(which rm) -rf x`: the name is told, only the directory is open.
        if let Some(name) = ["$(which ", "$(command -v ", "$(type -p ", "$(echo "]
            .iter()
            .find_map(|start| first.text.strip_prefix(start)?.strip_suffix(')'))
            .filter(|name| {
                name.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            })
        {
            let known = Field::known(name);
            let argv: Vec<Field> = std::iter::once(known).chain(args.iter().cloned()).collect();
            return self.invoke(&argv, stdin);
        }
        self.emit(
            Effect::new(EffectKind::Opaque, first.text.clone())
                .manner(manner)
                .forced(destructive),
        );
        // `$SUDO rm -rf /` with an empty variable is the rest of the line.
        if first.if_empty.as_deref() == Some("") && !args.is_empty() {
            return self.invoke(args, stdin);
        }
        Flow::unforeseen()
    }

    /// Text that is handed to a shell as its program.
    pub(crate) fn execute(&mut self, flow: &Flow, program: &str) -> Flow {
        if let Some(host) = &flow.taint.downloaded {
            self.emit(Effect::new(EffectKind::RunDownloaded, host.clone()).program(program));
        }
        if flow.taint.decoded {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
        if let Some(text) = &flow.text {
            self.subshell(&text.clone(), &Flow::default())
        } else {
            if flow.connected
                && !flow.taint.unforeseen
                && flow.taint.downloaded.is_none()
                && !flow.taint.decoded
            {
                self.opaque("script", program);
            }
            Flow::unforeseen()
        }
    }

    /// What a script file holds, if this very text says so: a process substitution, or a file written before.
    pub(crate) fn script(&self, field: &Field) -> Option<Flow> {
        if let Some(flow) = &field.file {
            return Some((**flow).clone());
        }
        self.written.get(&self.path(&field.text).display()).cloned()
    }
}
