//! The command that an agent's hook runs.

use std::path::{Path, PathBuf};

/// Which smoltbot is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smoltbot {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its state.
    pub home: PathBuf,
    /// Whether the state is where the program looks by itself.
    pub home_is_default: bool,
}

impl Smoltbot {
    /// The command for `agent`'s hooks, for a POSIX shell.
    pub fn hook(&self, agent: &str) -> String {
        let program = quoted(&self.program);
        if self.home_is_default {
            return format!("{program} hook {agent}");
        }
        // Agents are not started from the shell that ran `init`: the state's place goes along.
        format!(
            "SMOLTBOT_HOME={} {program} hook {agent}",
            quoted(&self.home)
        )
    }
}

/// A path as one word for a POSIX shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether `command` is a hook of smoltbot for `agent`, whoever wrote it and wherever the program is.
pub fn is_hook(command: &str, agent: &str) -> bool {
    let Some(program) = command.trim_end().strip_suffix(agent) else {
        return false;
    };
    let Some(program) = program.trim_end().strip_suffix("hook") else {
        return false;
    };
    let program = program.trim_end().trim_end_matches(['\'', '"']);
    program
        .strip_suffix("smoltbot")
        .is_some_and(|before| before.is_empty() || before.ends_with(['/', ' ', '\'', '"']))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_any_path_as_one_word() {
        for path in [
            "/usr/bin/smoltbot",
            "/a b/smolt'bot",
            "/$x/`y`/\"z\"/smoltbot",
            "/ü/~/#",
        ] {
            let printed = Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(Path::new(path))))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&printed.stdout), path);
        }
    }

    #[test]
    fn a_state_elsewhere_goes_along() {
        let mut smoltbot = Smoltbot {
            program: "/opt/smoltbot".into(),
            home: "/var/my state".into(),
            home_is_default: true,
        };
        assert_eq!(smoltbot.hook("codex"), "/opt/smoltbot hook codex");
        smoltbot.home_is_default = false;
        let command = smoltbot.hook("codex");
        assert_eq!(
            command,
            "SMOLTBOT_HOME='/var/my state' /opt/smoltbot hook codex"
        );
        assert!(is_hook(&command, "codex") && !is_hook(&command, "gemini"));
    }

    #[test]
    fn a_hook_is_known_by_its_words() {
        for command in [
            "smoltbot hook x",
            "/a/smoltbot hook x ",
            "A=1 '/a b/smoltbot' hook x",
        ] {
            assert!(is_hook(command, "x"), "{command}");
        }
        for command in [
            "notsmoltbot hook x",
            "smoltbot check x",
            "echo x",
            "",
            "smoltbot hook y",
        ] {
            assert!(!is_hook(command, "x"), "{command}");
        }
    }
}
