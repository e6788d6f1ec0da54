//! What the text of a program shows as a whole, whatever its calls are: words of network, of decoding and of running
//! beside each other, and literals that name secrets.

use super::{Language, literals::literals};
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

/// Calls that are given a path without reading what is there.
const NOT_READ: &[&str] = &[
    "writeFileSync",
    "writeFile",
    "copyFileSync",
    "copyFile",
    "existsSync",
    "exists",
    "isfile",
    "exist?",
    "copy",
    "rename",
    "renameSync",
    "touch",
    "file_exists",
    "file_put_contents",
];

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
        let mut sent = Taint::default();
        let mut peer = String::new();
        for group in literals(code, language) {
            for literal in &group.literals {
                if literal.contains("://") && peer.is_empty() {
                    peer = host::of_url(literal);
                    self.request(&peer.clone(), program);
                }
                let path = self.path(literal);
                if looks_like_path(literal)
                    && secret::secret_of(&path).is_some()
                    && !group.is(NOT_READ)
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
        self.shells(code, network, &peer, program);
        self.marks(code, language, program);
    }

    /// Sockets beside shells, fetching and decoding beside running.
    fn shells(&mut self, code: &str, network: bool, peer: &str, program: &str) {
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
        let runs = calls(code, "exec")
            || calls(code, "eval")
            || calls(code, "Function")
            || has(&["eval "]);
        let shell = has(&[
            "dup2",
            "pty.spawn",
            "/bin/sh",
            "/bin/bash",
            "'sh'",
            "\"sh\"",
            "cmd.exe",
            "IO.popen",
            "subprocess.Popen(",
        ]);
        let socket = has(&[
            "('net')",
            "(\"net\")",
            "node:net",
            "socket",
            "Socket",
            "net.",
            "fsockopen",
            "inet",
        ]);
        if network && shell && socket {
            self.emit(Effect::new(EffectKind::RemoteShell, peer).program(program));
        } else if network && runs {
            self.emit(Effect::new(EffectKind::RunDownloaded, peer).program(program));
        }
        if has(DECODERS) && runs {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
        if has(&["/inet/tcp"]) && has(&["getline"]) && has(&["|&"]) && has(&["print"]) {
            self.emit(Effect::new(EffectKind::RemoteShell, "the network").program(program));
        }
    }

    /// Forking without end, killing everything, destroying what a cloud holds, `AppleScript`'s own words.
    fn marks(&mut self, code: &str, language: Language, program: &str) {
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
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
        if language == Language::AppleScript
            && has(&["Finder"])
            && has(&["delete "])
            && has(&["home", "every item", "disk", "Documents"])
        {
            self.delete(&Field::known("~"), true, true, program);
        }
        if language == Language::AppleScript
            && has(&["shut down", "to restart", "to log out"])
            && has(&["System Events", "loginwindow", "Finder"])
        {
            self.emit(
                Effect::new(EffectKind::StopSystem, "")
                    .manner("halt")
                    .program(program),
            );
        }
    }
}

/// Whether `name` is called by itself, and not as a member of something else.
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        code[at + name.len()..].starts_with('(')
            && !code[..at].ends_with("->")
            && !code[..at]
                .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | ':'))
    })
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
