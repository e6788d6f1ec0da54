//! A person's home with all seven agents in it, as they leave it there.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Settings with what people have in them: comments, other hooks, tabs, CRLF, byte order marks, no newline at the end.
const FILES: [(&str, &str); 11] = [
    (
        ".openclaw/openclaw.json",
        "// OpenClaw reads JSON5\n{\n  gateway: { mode: 'local', port: 18789, },\n  agents: {\n    defaults: { workspace: '~/work' }, // mine\n  },\n  plugins: {\n    load: { paths: ['~/plugins/weather'] },\n    entries: {\n      weather: { enabled: true },\n    },\n  },\n}\n",
    ),
    (
        ".claude/settings.json",
        "{\n\t\"model\": \"opus\",\n\t\"hooks\": {\n\t\t\"PreToolUse\": [\n\t\t\t{\n\t\t\t\t\"matcher\": \"Bash\",\n\t\t\t\t\"hooks\": [{ \"type\": \"command\", \"command\": \"~/bin/lint\" }]\n\t\t\t}\n\t\t]\n\t},\n\t\"permissions\": { \"allow\": [\"Bash(ls:*)\"] }\n}",
    ),
    (".claude/CLAUDE.md", "# Notes\n"),
    (
        ".codex/config.toml",
        "# mine\nmodel = \"gpt-5\"\n\n[mcp_servers.files]\ncommand = \"npx\"\n",
    ),
    (
        ".gemini/settings.json",
        "\u{feff}{\r\n  \"theme\": \"GitHub\",\r\n  \"hooks\": {\r\n    \"BeforeTool\": []\r\n  }\r\n}\r\n",
    ),
    (
        ".cursor/hooks.json",
        "{\"version\":1,\"hooks\":{\"stop\":[{\"command\":\"./done.sh\"}]}}",
    ),
    (".cursor/mcp.json", "{\"mcpServers\": {}}\n"),
    (
        ".copilot/settings.json",
        "{\n  // banner\n  \"banner\": \"never\"\n}\n",
    ),
    (
        ".config/opencode/opencode.jsonc",
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n}\n",
    ),
    (".config/other/keep.txt", "not ours\n"),
    ("notes.txt", "hello\n"),
];

/// A person's home.
pub(crate) struct Person {
    dir: TempDir,
    ports: [u16; 2],
}

impl Drop for Person {
    fn drop(&mut self) {
        // Whatever a failed test leaves running.
        if self.state().is_dir() {
            let _ = self.smoltbot(&["down"]).output();
        }
    }
}

impl Person {
    /// With all seven agents.
    pub(crate) fn with_agents() -> Self {
        let person = Self::new();
        for (file, content) in FILES {
            person.write(file, content);
        }
        fs::set_permissions(
            person.path(".claude/settings.json"),
            fs::Permissions::from_mode(0o640),
        )
        .unwrap();
        // As people do who keep their settings in a repository.
        person.write(
            "dotfiles/gemini.json",
            &person.read(".gemini/settings.json"),
        );
        fs::remove_file(person.path(".gemini/settings.json")).unwrap();
        symlink(
            "../dotfiles/gemini.json",
            person.path(".gemini/settings.json"),
        )
        .unwrap();
        person
    }

    /// With nothing.
    pub(crate) fn new() -> Self {
        // Held together, so that they differ.
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        Self {
            dir: tempfile::tempdir().unwrap(),
            ports: held.map(|held| held.local_addr().unwrap().port()),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.home().join(file)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path(".smoltbot")
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// `smoltbot` with nothing of the tester's own environment.
    pub(crate) fn smoltbot(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoltbot"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env(
                "SMOLTBOT_GATEWAY__LISTEN",
                format!("127.0.0.1:{}", self.ports[0]),
            )
            .env(
                "SMOLTBOT_EDGE__LISTEN",
                format!("127.0.0.1:{}", self.ports[1]),
            )
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.smoltbot(arguments).output().unwrap()
    }

    /// What it answers in JSON, and its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, Option<i32>) {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"));
        (value, output.status.code())
    }

    /// What Claude Code's hook answers to `event`, run as it is installed.
    pub(crate) fn json_of_hook(&self, event: &str) -> Value {
        let settings: Value = serde_json::from_str(&self.read(".claude/settings.json")).unwrap();
        let groups = settings["hooks"]["PreToolUse"].as_array().unwrap();
        let command = groups[groups.len() - 1]["hooks"][0]["command"]
            .as_str()
            .unwrap();
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .env_clear()
            .env("HOME", self.home());
        let mut child = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(event.as_bytes())
            .unwrap();
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
    }

    /// Every file, symlink and directory of the home, with what it holds and its mode.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut rest = vec![self.home().to_owned()];
        while let Some(directory) = rest.pop() {
            for entry in fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let content = if metadata.is_symlink() {
                    fs::read_link(&path)
                        .unwrap()
                        .into_os_string()
                        .into_encoded_bytes()
                } else if metadata.is_dir() {
                    rest.push(path.clone());
                    Vec::new()
                } else {
                    fs::read(&path).unwrap_or_default()
                };
                found.insert(path, (metadata.permissions().mode(), content));
            }
        }
        found
    }
}

/// What an answer says of the agent of that name.
pub(crate) fn of<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let agents = answer["agents"].as_array().unwrap();
    let mut named = agents.iter().filter(|agent| agent["name"] == name);
    named
        .next()
        .unwrap_or_else(|| panic!("{name} is not in {answer}"))
}
