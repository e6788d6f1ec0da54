//! What the text of a program shows as a whole, whatever its calls are: words of network, of decoding and of running
//! beside each other, and literals that name secrets.

use super::{
    Language,
    literals::{CodeCall, literals},
};
use crate::{
    effect::{Effect, EffectKind},
    host,
    path::Path,
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

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
    "('http')",
    "(\"http\")",
    "('https')",
    "(\"https\")",
    "('net')",
    "(\"net\")",
    "node:http",
    "node:net",
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
    /// Notes what stands in `code` anywhere.
    pub(super) fn look_at_whole(&mut self, code: &str, language: Language, program: &str) {
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
            && has(&[
                "('net')",
                "(\"net\")",
                "node:net",
                "socket",
                "Socket",
                "net.",
                "TCPSocket",
                "fsockopen",
                "inet",
            ])
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
        let cloud = has(&[
            "boto3",
            "aws-sdk",
            "google.cloud",
            "azure.mgmt",
            "googleapiclient",
        ]);
        if cloud
            && has(&[
                ".delete()",
                ".terminate()",
                "begin_delete",
                "DeleteBucketCommand",
                "TerminateInstancesCommand",
                "DeleteStackCommand",
                "DeleteDBInstanceCommand",
                "DeleteTableCommand",
            ])
        {
            self.emit(
                Effect::new(EffectKind::DestroyService, "what a cloud holds")
                    .manner("infrastructure")
                    .program(program),
            );
        }
        if has(&["/inet/tcp"]) && has(&["getline"]) && has(&["|&"]) && has(&["print"]) {
            self.emit(Effect::new(EffectKind::RemoteShell, "the network").program(program));
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
