//! `smoltbot service`, in a HOME of its own: files as the system's own checker takes them, put in once and taken out exactly.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{Home, stderr, stdout};
use tempfile::TempDir;

/// A HOME, and a directory of programs that stand before the system's.
struct Machine {
    home: Home,
    programs: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            home: Home::new(),
            programs: tempfile::tempdir().unwrap(),
        }
    }

    fn user(&self) -> PathBuf {
        self.home.path().parent().unwrap().to_owned()
    }

    /// A manager that writes down what it is told, and ends with `code`.
    fn manager(&self, name: &str, code: u8) {
        let path = self.programs.path().join(name);
        let log = self.told_file();
        fs::write(
            &path,
            format!(
                "#!/bin/sh\necho {name} \"$@\" >> {}\necho said\nexit {code}\n",
                log.display()
            ),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn told_file(&self) -> PathBuf {
        self.programs.path().join("told")
    }

    fn told(&self) -> String {
        fs::read_to_string(self.told_file()).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.home.smoltbot(&[&["service"], arguments].concat());
        let path = format!("{}:/usr/bin:/bin", self.programs.path().display());
        command.env("PATH", path).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    fn unit(&self) -> PathBuf {
        self.user().join(".config/systemd/user/smoltbot.service")
    }
}

/// Every file and directory below, outside of smoltbot's own home.
fn tree(root: &Path, without: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![root.to_owned()];
    while let Some(path) = rest.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path == without {
                continue;
            }
            if path.is_dir() {
                rest.push(path.clone());
                found.insert(path, None);
            } else {
                found.insert(path.clone(), Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn it_is_put_in_once_and_taken_out_exactly() {
    let machine = Machine::new();
    machine.manager("systemctl", 0);
    fs::create_dir(machine.user().join(".config")).unwrap();
    fs::write(machine.user().join(".config/other"), "somebody's").unwrap();
    let before = tree(&machine.user(), &machine.home.path());

    let dry = machine.json(&["install", "--dry-run"]);
    assert!(dry["text"].as_str().unwrap().contains("[Service]"));
    assert_eq!(tree(&machine.user(), &machine.home.path()), before);
    assert_eq!(machine.told(), "");

    let first = machine.json(&["install"]);
    assert_eq!(
        (&first["changed"], first["ran"].as_array().unwrap().len()),
        (&true.into(), 2)
    );
    let text = fs::read_to_string(machine.unit()).unwrap();
    let home = machine.home.path();
    assert!(
        text.contains(&format!("Environment=\"SMOLTBOT_HOME={}\"", home.display())),
        "{text}"
    );
    assert!(text.contains("/smoltbot\" up\n"), "{text}");
    assert!(
        machine
            .told()
            .contains("systemctl --user enable --now smoltbot.service")
    );

    let again = machine.json(&["install"]);
    assert_eq!(again["changed"], false);
    assert_eq!(fs::read_to_string(machine.unit()).unwrap(), text);
    let status = machine.json(&["status"]);
    assert_eq!(
        (&status["installed"], &status["current"]),
        (&true.into(), &true.into())
    );
    assert_eq!(status["active"], "said");

    let gone = machine.json(&["uninstall"]);
    assert_eq!(gone["changed"], true);
    assert!(machine.told().contains("disable --now smoltbot.service"));
    assert_eq!(tree(&machine.user(), &machine.home.path()), before);
    assert!(!home.join("service.json").exists());
    assert_eq!(machine.json(&["uninstall"])["changed"], false);
}

#[test]
fn where_the_manager_cannot_be_reached_it_says_what_to_run() {
    let machine = Machine::new();
    machine.manager("systemctl", 1);
    let output = machine.run(&["install"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("  systemctl --user enable --now smoltbot.service"),
        "{text}"
    );
    assert!(!machine.told().contains("enable"), "{}", machine.told());
    assert_eq!(machine.json(&["status"])["active"], Value::Null);
    assert_eq!(machine.json(&["uninstall"])["changed"], true);
    assert!(!machine.user().join(".config").exists());
}

#[test]
fn what_somebody_else_has_written_stays() {
    let machine = Machine::new();
    machine.manager("systemctl", 0);
    let theirs = "[Service]\nExecStart=/usr/local/bin/smoltbot up\n";
    fs::create_dir_all(machine.unit().parent().unwrap()).unwrap();
    fs::write(machine.unit(), theirs).unwrap();
    for task in ["install", "uninstall"] {
        let output = machine.run(&[task]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("not written by smoltbot"),
            "{output:?}"
        );
    }
    assert_eq!(fs::read_to_string(machine.unit()).unwrap(), theirs);
    assert_eq!(machine.json(&["status"])["installed"], false);
}

#[test]
fn launchd_gets_its_agent() {
    let machine = Machine::new();
    machine.manager("launchctl", 0);
    let installed = machine.json(&["install", "--manager", "launchd"]);
    let file = machine
        .user()
        .join("Library/LaunchAgents/com.smoltbot.smoltbot.plist");
    assert_eq!(installed["file"], file.to_str().unwrap());
    assert!(
        machine.told().contains("launchctl bootstrap gui/"),
        "{}",
        machine.told()
    );
    // Python reads property lists wherever it runs.
    let script = "import plistlib,sys; p=plistlib.load(open(sys.argv[1],'rb')); print(p['Label'], p['ProgramArguments'][1], p['KeepAlive']['SuccessfulExit'], p['Umask'], p['EnvironmentVariables']['SMOLTBOT_HOME'])";
    if let Ok(read) = Command::new("python3")
        .args(["-c", script])
        .arg(&file)
        .output()
    {
        let expected = format!(
            "com.smoltbot.smoltbot up False 63 {}\n",
            machine.home.path().display()
        );
        assert_eq!(stdout(&read), expected, "{}", stderr(&read));
    }
    machine.json(&["uninstall", "--manager", "launchd"]);
    assert!(!machine.user().join("Library").exists());
}

/// systemd's own checker, where it is.
#[test]
fn systemd_takes_the_units() {
    let machine = Machine::new();
    machine.manager("systemctl", 1);
    for edge in [None, Some("https://edge.example")] {
        let mut command = machine.home.smoltbot(&["service", "install"]);
        command.env("PATH", machine.programs.path());
        if let Some(edge) = edge {
            command.env("SMOLTBOT_API_URL", edge);
        }
        assert!(command.output().unwrap().status.success());
        let text = fs::read_to_string(machine.unit()).unwrap();
        let roles = if edge.is_some() { "sidecar" } else { "up" };
        assert!(text.contains(&format!("/smoltbot\" {roles}\n")), "{text}");
        let Ok(checked) = Command::new("systemd-analyze")
            .args(["--user", "verify"])
            .arg(machine.unit())
            .env("XDG_RUNTIME_DIR", machine.programs.path())
            .output()
        else {
            continue;
        };
        // It also tells of other units, and of what it cannot reach.
        let said = stderr(&checked);
        let ours: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("smoltbot.service"))
            .collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
}
