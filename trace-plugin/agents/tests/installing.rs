//! Putting hooks into a home and taking them out again, whatever its settings look like.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use agent_hooks::{Agent, Asked, How, Machine, Record, Smoltbot, install, undo};
use proptest::prelude::*;

const NOW: &str = "2026-11-21T20:00:00.000Z";

/// A person's home, and a smoltbot that is installed there.
struct Person {
    dir: tempfile::TempDir,
    smoltbot: Smoltbot,
    record: Record,
}

impl Person {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join(".smoltbot");
        fs::create_dir(&home).unwrap();
        let smoltbot = Smoltbot {
            program: "/opt/smolt bot/smoltbot".into(),
            home,
            home_is_default: true,
        };
        let record = Record::default();
        Self {
            dir,
            smoltbot,
            record,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Plans and installs; none when there is an obstacle.
    fn install(&mut self, agent: Agent) -> Option<usize> {
        let machine = Machine::new(self.dir.path().into(), "/".into(), []);
        let plan = agent.plan(&Asked {
            machine: &machine,
            smoltbot: &self.smoltbot,
            before: self.record.of(agent.name()),
            hooked: &[],
        });
        if plan.obstacle.is_some() {
            assert!(plan.changes.is_empty(), "all or nothing");
            return None;
        }
        let home = self.smoltbot.home.clone();
        install(agent.name(), &plan, &mut self.record, &home, NOW).unwrap();
        Some(plan.changes.len())
    }

    fn undo(&mut self, agent: Agent) -> Vec<How> {
        // What another process would read.
        let mut record = Record::load(&self.smoltbot.home).unwrap().unwrap();
        assert_eq!(record, self.record);
        let undone = undo(agent.name(), &mut record, &self.smoltbot.home).unwrap();
        self.record = record;
        undone.into_iter().map(|file| file.unwrap().how).collect()
    }

    /// Every file outside of smoltbot's own home.
    fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    found.insert(path.clone(), Vec::new());
                    walk(&path, found);
                } else {
                    let content = fs::read(&path).unwrap();
                    found.insert(path, content);
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.dir.path(), &mut found);
        found.retain(|path, _| !path.starts_with(&self.smoltbot.home));
        found
    }
}

/// Where each agent's settings are that are merged into.
const SETTINGS: [(Agent, &str); 5] = [
    (Agent::OpenClaw, ".openclaw/openclaw.json"),
    (Agent::ClaudeCode, ".claude/settings.json"),
    (Agent::Codex, ".codex/hooks.json"),
    (Agent::Gemini, ".gemini/settings.json"),
    (Agent::Cursor, ".cursor/hooks.json"),
];

/// Settings as they may be found: pieces that are put together to something that can be read, or cannot.
fn settings() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("{}"),
        Just("[]"),
        Just("null"),
        Just("true"),
        Just("\"x\""),
        Just("{\"a\": [1, 2],}"),
        Just("[{\"command\": \"theirs\"}, // c\n]"),
        Just("{ /* empty */ }"),
        Just(
            "{\n    \"PreToolUse\": [\n      {\"hooks\": [{\"type\": \"command\", \"command\": \"theirs\"}]}\n    ]\n  }"
        ),
        Just("{preToolUse: [], 'BeforeTool': [ ]}"),
        Just("{\"load\": {\"paths\": [\"/x\"]}, \"entries\": {\"smoltbot\": {\"config\": {}}}}"),
    ];
    let name = prop_oneof![
        4 => Just("\"hooks\""), 3 => Just("\"plugins\""), 2 => Just("\"version\""), 1 => Just("\"Stop\""), 1 => Just("model"),
    ];
    let gap = prop_oneof![4 => Just("\n  "), 2 => Just(""), 2 => Just(" "), 1 => Just("\r\n\t"), 1 => Just(" // c\n  "), 1 => Just("/* , */")];
    let member = (
        gap.clone(),
        name,
        Just(":"),
        gap.clone(),
        value,
        gap.clone(),
    )
        .prop_map(|(a, name, colon, b, value, c)| format!("{a}{name}{colon}{b}{value}{c}"));
    let ends =
        prop_oneof![3 => Just("\n"), 1 => Just(""), 1 => Just("\r\n\r\n"), 1 => Just("\n// end")];
    let marks = prop_oneof![5 => Just(""), 1 => Just("\u{feff}"), 1 => Just("// head\n")];
    (
        marks,
        prop::collection::vec(member, 0..4),
        any::<bool>(),
        gap,
        ends,
    )
        .prop_map(|(mark, members, comma, gap, end)| {
            let comma = if comma && !members.is_empty() {
                ","
            } else {
                ""
            };
            format!("{mark}{{{}{comma}{gap}}}{end}", members.join(","))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn installing_and_undoing_is_nothing_and_twice_is_once(text in settings(), which in 0..SETTINGS.len()) {
        let (agent, file) = SETTINGS[which];
        let mut person = Person::new();
        person.write(file, &text);
        let before = person.tree();
        if person.install(agent).is_some() {
            let once = person.tree();
            prop_assert_eq!(person.install(agent), Some(0), "twice is once");
            prop_assert_eq!(person.tree(), once);
            person.undo(agent);
        }
        prop_assert_eq!(person.tree(), before);
        prop_assert!(!person.path(".smoltbot/backups").exists());
    }
}

#[test]
fn a_program_that_moved_takes_the_place_of_the_old_one() {
    for (agent, file) in SETTINGS {
        let mut person = Person::new();
        person.write(file, "{\n  // mine\n  \"a\": 1\n}\n");
        let before = person.tree();
        person.install(agent);
        person.smoltbot.program = "/usr/local/bin/smoltbot".into();
        assert!(person.install(agent) >= Some(1), "{agent:?}");
        let with = person.read(file);
        assert!(
            !with.contains("smolt bot") && with.contains("/usr/local/bin/smoltbot"),
            "{with}"
        );
        person.undo(agent);
        assert_eq!(person.tree(), before, "{agent:?}");
    }
}

#[test]
fn what_was_changed_between_two_installations_is_not_lost() {
    let mut person = Person::new();
    person.write(".claude/settings.json", "{\"a\": 1}\n");
    person.install(Agent::ClaudeCode);
    // The person changes something; then the program moves, and init runs again.
    let theirs = person
        .read(".claude/settings.json")
        .replace("\"a\": 1", "\"a\": 2");
    person.write(".claude/settings.json", &theirs);
    person.smoltbot.program = "/usr/bin/smoltbot".into();
    person.install(Agent::ClaudeCode);
    assert_eq!(person.undo(Agent::ClaudeCode), [How::Restored]);
    assert_eq!(person.read(".claude/settings.json"), "{\"a\": 2}\n");
}

#[test]
fn a_backup_that_is_gone_is_made_up_for_by_an_edit() {
    let mut person = Person::new();
    person.write(".claude/settings.json", "{\"a\": 1}\n");
    person.install(Agent::ClaudeCode);
    fs::remove_dir_all(person.path(".smoltbot/backups")).unwrap();
    assert_eq!(person.undo(Agent::ClaudeCode), [How::Edited]);
    assert_eq!(person.read(".claude/settings.json"), "{\"a\": 1}\n");
}

#[test]
fn files_that_were_made_go_with_their_directories_unless_others_use_them() {
    let mut person = Person::new();
    fs::create_dir_all(person.path(".copilot")).unwrap();
    fs::create_dir_all(person.path(".cursor")).unwrap();
    let before = person.tree();
    person.install(Agent::Copilot);
    person.install(Agent::Cursor);
    // Somebody adds a hook of their own to the file that we made.
    let theirs = person.read(".cursor/hooks.json").replacen(
        "\"stop\": [",
        "\"stop\": [\n      { \"command\": \"theirs\" },",
        1,
    );
    person.write(".cursor/hooks.json", &theirs);
    person.write(".copilot/hooks/theirs.json", "{}");
    assert_eq!(person.undo(Agent::Cursor), [How::Edited]);
    assert_eq!(person.undo(Agent::Copilot), [How::Removed]);
    assert!(person.path(".copilot/hooks/theirs.json").exists());
    let left = person.read(".cursor/hooks.json");
    assert!(left.contains("theirs") && !left.contains("smolt"), "{left}");
    fs::remove_dir_all(person.path(".copilot/hooks")).unwrap();
    fs::remove_file(person.path(".cursor/hooks.json")).unwrap();
    assert_eq!(person.tree(), before);
}

#[test]
fn every_profile_of_openclaw_gets_the_plugin() {
    let mut person = Person::new();
    for file in [".openclaw/openclaw.json", ".openclaw-work/openclaw.json"] {
        person.write(file, "{}\n");
    }
    person.write(".openclaw-old/notes.txt", "no settings here");
    let before = person.tree();
    person.install(Agent::OpenClaw);
    for file in [".openclaw/openclaw.json", ".openclaw-work/openclaw.json"] {
        let settings: serde_json::Value = serde_json::from_str(&person.read(file)).unwrap();
        assert_eq!(
            settings["plugins"]["entries"]["smoltbot"]["enabled"], true,
            "{settings}"
        );
    }
    assert!(person.path(".smoltbot/plugins/openclaw/index.js").exists());
    person.undo(Agent::OpenClaw);
    assert_eq!(person.tree(), before);
    assert!(!person.path(".smoltbot/plugins").exists());
}

#[test]
fn wrapped_servers_follow_a_program_that_moved() {
    let mut person = Person::new();
    let list = ".codeium/windsurf/mcp_config.json";
    let text = "{\"mcpServers\": {\"a\": {\"command\": \"x\"}, \"b\": {\"command\": \"y\", \"args\": [\"z\"]}}}";
    person.write(list, text);
    person.install(Agent::Mcp);
    assert!(person.read(list).contains("/opt/smolt bot/smoltbot"));
    person.smoltbot.program = "/usr/bin/smoltbot".into();
    assert_eq!(person.install(Agent::Mcp), Some(1));
    let with = person.read(list);
    assert!(
        !with.contains("smolt bot") && with.matches("/usr/bin/smoltbot").count() == 2,
        "{with}"
    );
    assert_eq!(person.install(Agent::Mcp), Some(0));
    person.write(list, &with.replace("\"z\"", "\"z\", \"more\""));
    assert_eq!(person.undo(Agent::Mcp), [How::Edited]);
    assert_eq!(person.read(list), text.replace("\"z\"", "\"z\", \"more\""));
}

#[test]
fn codex_is_told_to_be_asked_until_it_trusts_the_hooks() {
    let mut person = Person::new();
    person.write(".codex/config.toml", "model = \"x\"\n");
    let advice = |person: &Person| {
        let machine = Machine::new(person.dir.path().into(), "/".into(), []);
        let asked = Asked {
            machine: &machine,
            smoltbot: &person.smoltbot,
            before: person.record.of("codex"),
            hooked: &[],
        };
        Agent::Codex.plan(&asked).advice.join(" ")
    };
    assert!(advice(&person).contains("/hooks"));
    person.install(Agent::Codex);
    let hooks = person.path(".codex/hooks.json");
    let state = format!(
        "model = \"x\"\n[hooks.state.\"{}:pre_tool_use:0:0\"]\ntrusted_hash = \"sha256:00\"\n",
        hooks.display()
    );
    person.write(".codex/config.toml", &state);
    assert_eq!(advice(&person), "");
    person.write(
        ".codex/config.toml",
        &format!("{state}[features]\nhooks = false\n"),
    );
    assert!(advice(&person).contains("features.hooks"));
}

#[test]
fn a_damaged_record_is_named_and_not_overwritten() {
    let person = Person::new();
    person.write(".smoltbot/installed.json", "{\"version\": 1,");
    let said = Record::load(&person.smoltbot.home).unwrap_err().to_string();
    assert!(
        said.contains("installed.json") && said.contains("backups/agents"),
        "{said}"
    );
    person.write(".smoltbot/installed.json", "{\"version\": 99}");
    let said = Record::load(&person.smoltbot.home).unwrap_err().to_string();
    assert!(said.contains("newer smoltbot"), "{said}");
}
