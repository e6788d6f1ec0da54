//! Programs in Python, Perl, Ruby, JavaScript, PHP, Lua and awk that come with the line itself. They are not parsed:
//! the well-known calls are looked for, with the text literals that they are given.

use crate::{
    effect::{Effect, EffectKind},
    host,
    limits::MAX_TEXT_BYTES,
    literals::{CodeCall, literals},
    path::Path,
    programs::{Call, carried},
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// A language, as far as its text differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Perl,
    Ruby,
    JavaScript,
    Php,
    Lua,
    Awk,
    AppleScript,
}

/// The language that a program interprets.
pub(crate) fn language(name: &str) -> Option<Language> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        "python" | "pypy" | "ipython" => Language::Python,
        "perl" => Language::Perl,
        "ruby" | "irb" => Language::Ruby,
        "node" | "nodejs" | "bun" | "deno" | "tsx" => Language::JavaScript,
        "php" => Language::Php,
        "lua" | "luajit" => Language::Lua,
        "awk" | "gawk" | "mawk" | "nawk" => Language::Awk,
        "osascript" => Language::AppleScript,
        _ => return None,
    })
}

/// Calls that start a program or a shell.
const SPAWNS: &[&str] = &[
    "system",
    "popen",
    "popen2",
    "Popen",
    "call",
    "check_call",
    "check_output",
    "subprocess.run",
    "getoutput",
    "getstatusoutput",
    "execSync",
    "spawnSync",
    "execFile",
    "execFileSync",
    "spawn",
    "exec",
    "shell_exec",
    "passthru",
    "proc_open",
    "qx",
    "execute",
    "os.execute",
    "io.popen",
    "capture2",
    "capture3",
    "execvp",
    "execv",
    "execl",
    "execlp",
    "execve",
    "spawnl",
    "script",
    "Command",
    "$",
    "create_subprocess_shell",
    "create_subprocess_exec",
    "sh.run",
];

/// Calls that delete a tree, and calls that delete a file.
const DELETES_TREE: &[&str] = &[
    "rmtree",
    "rm_rf",
    "rm_r",
    "remove_entry_secure",
    "rmSync",
    "remove_tree",
    "rmdirSync",
    "rimraf",
    "removeSync",
    "remove_dir_all",
    ".rm",
    ".rmdir",
    "rm_rf!",
    "fs.rm",
    "emptyDirSync",
];
const DELETES_FILE: &[&str] = &[
    "unlink",
    "os.remove",
    "unlinkSync",
    "File.delete",
    "os.rmdir",
    "rmdir",
    "Deno.remove",
    "os.unlink",
    "file.remove",
];

/// Calls that list what is in a directory.
const LISTS: &[&str] = &[
    "listdir",
    "walk",
    "glob",
    "scandir",
    "iglob",
    "readdirSync",
    "opendir",
    "Dir.glob",
    "Dir.entries",
];

/// Calls that write to the path that they are given first.
const WRITES: &[&str] = &[
    "writeFileSync",
    "writeFile",
    "file_put_contents",
    "File.write",
    "appendFileSync",
    "truncate",
    "truncateSync",
    "createWriteStream",
    "write_text",
];

/// Calls that move the first path to the second, as `mv` does.
const MOVES: &[&str] = &["os.rename", "os.replace", "shutil.move", "renameSync"];

const NETWORK: &[&str] = &[
    "urllib",
    "requests.",
    "http.client",
    "urlopen",
    "socket",
    "fetch(",
    "axios",
    "http.get",
    "https.get",
    "http.request",
    "https.request",
    "Net::HTTP",
    "open-uri",
    "LWP",
    "curl_init",
    "XMLHttpRequest",
    "Socket",
    "fsockopen",
    "smtplib",
    "ftplib",
    "httpx",
    "file_get_contents('http",
    "file_get_contents(\"http",
    "URI.open",
    "HTTP::Tiny",
    "/inet/tcp",
];

const DECODERS: &[&str] = &[
    "b64decode",
    "base64",
    "fromhex",
    "atob(",
    "unhexlify",
    "decode64",
    "Buffer.from(",
    "zlib",
    "codecs.decode",
    "unpack(",
    "pack(",
    "chr(",
    "fromCharCode",
    "rot13",
];

impl Shell<'_> {
    /// An interpreter with its arguments: code on the line, in a file that the line has written, or on standard input.
    pub(crate) fn interpreter(&mut self, call: &Call<'_>, language: Language) -> Flow {
        let flags: &[&str] = match language {
            Language::Python => &["-c"],
            Language::Perl => &["-e", "-E", "-ne", "-pe", "-nE", "-le", "-lne", "-i", "-pi"],
            Language::Ruby | Language::Lua | Language::AppleScript => &["-e", "-ne"],
            Language::JavaScript => &["-e", "--eval", "-p", "--print", "-pe", "eval"],
            Language::Php => &["-r"],
            Language::Awk => &["--source"],
        };
        let mut codes: Vec<Field> = call.values(flags);
        if language == Language::Awk {
            codes.extend(
                call.operands(&["-F", "-v", "-f"])
                    .first()
                    .map(|field| (*field).clone()),
            );
        }
        for code in codes.iter().filter(|_| language == Language::Awk) {
            carried::awk_pipes(self, &code.text);
        }
        let in_place = matches!(language, Language::Perl | Language::Ruby)
            && call.args.iter().any(|arg| {
                arg.text.starts_with("-i") || arg.text.starts_with("-p") && arg.text.contains('i')
            });
        for file in call.operands(flags).into_iter().filter(|_| in_place) {
            self.write(file, false, &Flow::unforeseen(), call.name);
        }
        for code in &codes {
            self.code_taint(&code.taint, call.name);
            self.read_code(&code.text, language, call.name);
        }
        let awk_files = if language == Language::Awk {
            call.operands(&["-F", "-v", "-f"])
        } else {
            Vec::new()
        };
        let mut out = Flow::unforeseen();
        for file in awk_files.iter().skip(1) {
            out.taint.merge(&self.read(file, call.name).taint);
        }
        if !codes.is_empty() || call.word("-m") {
            out.taint.merge(&call.stdin.taint);
            return out;
        }
        match call
            .operands(&["-W", "-X", "-I", "-r", "--require", "-M"])
            .first()
        {
            Some(file) if !matches!(file.text.as_str(), "-" | "/dev/stdin") => {
                if let Some(flow) = self.script(file) {
                    self.run_code(&flow, language, call.name);
                } else if file.text.ends_with("manage.py") || file.text.ends_with("artisan") {
                    let tool = Call {
                        name: if file.text.ends_with("artisan") {
                            "artisan"
                        } else {
                            "manage.py"
                        },
                        args: call.args,
                        stdin: call.stdin,
                    };
                    return crate::programs::read(self, &tool);
                }
            }
            _ if call.stdin.connected => self.run_code(&call.stdin.clone(), language, call.name),
            _ => {}
        }
        out
    }

    fn code_taint(&mut self, taint: &Taint, program: &str) {
        if let Some(host) = &taint.downloaded {
            self.emit(Effect::new(EffectKind::RunDownloaded, host.clone()).program(program));
        }
        if taint.decoded {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
    }

    fn run_code(&mut self, flow: &Flow, language: Language, program: &str) {
        self.code_taint(&flow.taint, program);
        if let Some(text) = &flow.text {
            self.read_code(&text.clone(), language, program);
        }
    }

    /// Notes the effects of the well-known calls in `code`.
    pub(crate) fn read_code(&mut self, code: &str, language: Language, program: &str) {
        if code.len() > MAX_TEXT_BYTES {
            self.opaque("too_long", program);
            return;
        }
        // The home directory by its name in the environment.
        let at_home;
        let code = if code.contains("$ENV{HOME}") {
            at_home = code.replace("$ENV{HOME}", "~");
            at_home.as_str()
        } else {
            code
        };
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
        let network = has(NETWORK);
        let runs = has(&[
            "exec(",
            "eval(",
            "system(",
            "system ",
            "subprocess",
            "os.popen",
            "child_process",
            "Function(",
            "compile(",
            "`",
        ]);
        let mut sent = Taint::default();
        let mut peer = String::new();
        let deletes = DELETES_TREE
            .iter()
            .chain(DELETES_FILE)
            .any(|name| code.contains(name));
        if deletes
            && has(&[
                "Path.home())",
                "Path.home().rglob",
                "Path.home().glob",
                "Path.home().iterdir",
                "homedir())",
                "homedir(),",
                "Dir.home)",
                "$HOME)",
            ])
        {
            self.delete(&Field::known("~"), true, true, program);
        }
        for group in literals(code, language) {
            self.code_call(&group, language, program);
            // A listing whose entries are deleted one by one.
            if let Some(first) = group
                .literals
                .first()
                .filter(|_| deletes && group.is(LISTS))
            {
                let all = if first.contains('*') {
                    first.clone()
                } else {
                    format!("{}/*", first.trim_end_matches('/'))
                };
                self.delete(&Field::known(all), true, true, program);
            }
            for literal in &group.literals {
                if literal.contains("://") && peer.is_empty() {
                    peer = host::of_url(literal);
                    self.request(&peer.clone(), program);
                }
                let path = self.path(literal);
                if looks_like_path(literal)
                    && secret::secret_of(&path).is_some()
                    && !group.is(DELETES_TREE)
                    && !group.is(DELETES_FILE)
                {
                    sent.secrets.extend(self.secret_at(&path, program));
                }
            }
        }
        let peer = if peer.is_empty() {
            "the network".to_owned()
        } else {
            peer
        };
        if network
            && has(&["os.environ", "process.env", "%ENV", "ENV.to_h", "getenv()"])
            && !has(&["os.environ[", "os.environ.get(", "process.env."])
        {
            sent.bulk = Some("the environment");
        }
        if network {
            self.send(&peer, &Flow::tainted(sent), program);
        }
        if network
            && has(&[
                "dup2",
                "pty.spawn",
                "/bin/sh",
                "/bin/bash",
                "'sh'",
                "\"sh\"",
                "cmd.exe",
                "IO.popen",
                "subprocess.Popen(",
            ])
            && has(&["socket", "Socket", "net.", "TCPSocket", "fsockopen", "inet"])
        {
            self.emit(Effect::new(EffectKind::RemoteShell, peer.clone()).program(program));
        } else if network && runs && has(&["exec(", "eval(", "Function("]) && !has(&["re.compile("])
            || network && has(&["os.system(urllib", "system(requests"])
        {
            self.emit(Effect::new(EffectKind::RunDownloaded, peer).program(program));
        }
        if has(DECODERS)
            && has(&[
                "exec(",
                "eval(",
                "system(",
                "popen(",
                "subprocess.",
                "execSync(",
                "eval ",
            ])
        {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
        let forks = has(&[
            "os.fork()",
            "fork()",
            "fork while",
            "fork while fork",
            "fork;",
        ]);
        if forks
            && has(&["while", "for "])
            && has(&[
                "while True",
                "while 1",
                "while(1)",
                "while (1)",
                "while fork",
                "while(true)",
                "while true",
                "loop",
            ])
        {
            self.emit(
                Effect::new(EffectKind::Exhaust, "processes")
                    .manner("fork_bomb")
                    .program(program),
            );
        }
        if has(&["os.kill(-1", "kill(-1", "kill 9, -1", "kill -9, -1"]) {
            self.emit(
                Effect::new(EffectKind::Kill, "every process")
                    .manner("all")
                    .program(program),
            );
        }
        if code.contains("getattr(") && has(&["'sys'+", "\"sys\"+", "__import__("]) {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
    }

    /// One call with its text literals.
    fn code_call(&mut self, call: &CodeCall, language: Language, program: &str) {
        let Some(first) = call.literals.first() else {
            return;
        };
        if language == Language::Python && call.named(&["exec", "eval", "compile"])
            || language != Language::Python && call.named(&["eval", "Function"])
        {
            self.read_code(&first.clone(), language, program);
            return;
        }
        if call.is(SPAWNS) || call.name == "`" {
            if call.name == "`" || first.contains(char::is_whitespace) || call.literals.len() == 1 {
                self.subshell(first, &Flow::default());
            } else {
                let argv: Vec<Field> = call.literals.iter().map(Field::known).collect();
                self.invoke(&argv, &Flow::default());
            }
        } else if call.is(DELETES_TREE) {
            self.delete(&Field::known(first), true, true, program);
        } else if call.is(DELETES_FILE) {
            self.delete(&Field::known(first), false, true, program);
        } else if call.is(WRITES)
            || call.named(&["open"])
                && call
                    .literals
                    .get(1)
                    .is_some_and(|mode| mode.starts_with(['w', 'a', '>']))
            || call.named(&["open"]) && first.starts_with('>')
        {
            let append = call
                .literals
                .get(1)
                .is_some_and(|mode| mode.starts_with('a'));
            let target = first.trim_start_matches('>').trim();
            self.write(&Field::known(target), append, &Flow::unforeseen(), program);
        } else if call.is(MOVES) && call.literals.len() == 2 {
            let words = std::iter::once("mv").chain(call.literals.iter().map(String::as_str));
            let argv: Vec<Field> = words.map(Field::known).collect();
            self.invoke(&argv, &Flow::default());
        }
    }
}

fn looks_like_path(text: &str) -> bool {
    (text.contains('/')
        || text.starts_with('.')
        || text.starts_with('~')
        || text.starts_with("id_"))
        && !text.contains([' ', '\n'])
        && text.len() < 300
        && Path::parse(text, &Path::here(), None).last().is_some()
}
