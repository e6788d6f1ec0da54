//! `smoltbot service`: has the system start smoltbot at login, and undoes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use smoltbot_config::Config;

use crate::agent;
use crate::agent::write_private;
use crate::background;
use crate::cli::{How, Manager, ServiceTask};
use crate::output;

mod files;

use files::{LABEL, Program, UNIT};

/// What `install` has put in, for `uninstall` to take out.
#[derive(Debug, Serialize, Deserialize)]
struct Installed {
    file: PathBuf,
    /// Directories that were made for it, outermost first.
    made: Vec<PathBuf>,
}

/// One service of one manager.
struct Service {
    manager: Manager,
    config: Config,
    file: PathBuf,
    text: String,
}

pub(crate) fn run(task: ServiceTask) -> anyhow::Result<ExitCode> {
    match task {
        ServiceTask::Install(how) => Service::of(how.manager)?.install(how),
        ServiceTask::Uninstall(how) => Service::of(how.manager)?.uninstall(how),
        ServiceTask::Status { json, manager } => Service::of(manager)?.status(json),
    }
}

impl Service {
    fn of(manager: Option<Manager>) -> anyhow::Result<Self> {
        let config = agent::config()?;
        let manager = manager.unwrap_or(if cfg!(target_os = "macos") {
            Manager::Launchd
        } else {
            Manager::Systemd
        });
        let home = std::env::var_os("HOME")
            .map(PathBuf::from)
            .context("HOME is not set: whose service would it be?")?;
        let file = match manager {
            Manager::Systemd => std::env::var_os("XDG_CONFIG_HOME")
                .filter(|path| Path::new(path).is_absolute())
                .map_or_else(|| home.join(".config"), PathBuf::from)
                .join("systemd/user")
                .join(UNIT),
            Manager::Launchd => home
                .join("Library/LaunchAgents")
                .join(format!("{LABEL}.plist")),
        };
        let path = std::env::current_exe().context("this program's own path is not known")?;
        let text = files::text(
            manager,
            Program {
                path: &path,
                roles: if agent::ships_elsewhere(&config) {
                    "sidecar"
                } else {
                    "up"
                },
                home: config.home.path(),
                log: &config.home.log_dir().join("service.log"),
            },
        );
        Ok(Self {
            manager,
            config,
            file,
            text,
        })
    }

    /// What is told to the manager after the file is there, and before it goes.
    fn commands(&self, install: bool) -> Vec<Vec<String>> {
        let user = nix::unistd::geteuid();
        let file = self.file.display().to_string();
        let lines: Vec<String> = match (self.manager, install) {
            (Manager::Systemd, true) => vec![
                "systemctl --user daemon-reload".to_owned(),
                format!("systemctl --user enable --now {UNIT}"),
            ],
            (Manager::Systemd, false) => vec![format!("systemctl --user disable --now {UNIT}")],
            (Manager::Launchd, true) => {
                let mut words = vec!["launchctl".to_owned(), "bootstrap".to_owned()];
                words.extend([format!("gui/{user}"), file]);
                return vec![words];
            }
            (Manager::Launchd, false) => vec![format!("launchctl bootout gui/{user}/{LABEL}")],
        };
        let words = |line: String| line.split(' ').map(str::to_owned).collect();
        lines.into_iter().map(words).collect()
    }

    /// Whether the manager answers, and not only its program is there.
    fn is_reachable(&self) -> bool {
        let words: &[&str] = match self.manager {
            Manager::Systemd => &["systemctl", "--user", "show-environment"],
            Manager::Launchd => &["launchctl", "managername"],
        };
        told(words).is_ok_and(|(ended_well, _)| ended_well)
    }

    fn record(&self) -> PathBuf {
        self.config.home.path().join("service.json")
    }

    /// What is there now; none where nothing is.
    fn found(&self) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("{} cannot be read", self.file.display()))
            }
        }
    }

    fn install(&self, how: How) -> anyhow::Result<ExitCode> {
        let found = self.found()?;
        if found.as_ref().is_some_and(|text| !files::is_ours(text)) {
            bail!(
                "{} is there and was not written by smoltbot: move it away, or keep it",
                self.file.display()
            );
        }
        let is_new = found.as_ref() != Some(&self.text);
        let commands = self.commands(true);
        if how.dry_run {
            return self.would("install", is_new.then_some(&self.text), &commands, how.json);
        }
        if is_new {
            self.write()?;
        }
        let mut run = Vec::new();
        if self.is_reachable() {
            // It takes its place, also where a person has started it.
            background::stop(&self.config)?;
            if self.manager == Manager::Launchd {
                // Bootstrapping twice is an error, and the file may have changed.
                let _ = told(&words(&self.commands(false)[0]));
            }
            for command in &commands {
                execute(command)?;
                run.push(command.clone());
            }
        }
        self.tell("installed", is_new, &commands, &run, how.json)
    }

    fn write(&self) -> anyhow::Result<()> {
        self.config.home.create()?;
        let directory = self.file.parent().context("a file has a directory")?;
        let mut made: Vec<PathBuf> = directory
            .ancestors()
            .take_while(|path| !path.exists())
            .map(Path::to_owned)
            .collect();
        made.reverse();
        if let Some(before) = self.installed()? {
            let known: Vec<_> = before
                .made
                .into_iter()
                .filter(|path| path.exists())
                .collect();
            made.splice(0..0, known);
        }
        let installed = Installed {
            file: self.file.clone(),
            made,
        };
        // First what is to be taken out again, then what is put in.
        write_private(&self.record(), &serde_json::to_string_pretty(&installed)?)?;
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&self.file, &self.text))
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }

    fn installed(&self) -> anyhow::Result<Option<Installed>> {
        let path = self.record();
        match fs::read_to_string(&path) {
            Ok(text) => {
                let installed: Installed = serde_json::from_str(&text)
                    .with_context(|| format!("{} is not what was written", path.display()))?;
                Ok((installed.file == self.file).then_some(installed))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    fn uninstall(&self, how: How) -> anyhow::Result<ExitCode> {
        let found = self.found()?;
        if found.as_ref().is_some_and(|text| !files::is_ours(text)) {
            bail!(
                "{} was not written by smoltbot: it stays",
                self.file.display()
            );
        }
        let commands = self.commands(false);
        if how.dry_run {
            return self.would("uninstall", None, &commands, how.json);
        }
        let mut run = Vec::new();
        if found.is_some() && self.is_reachable() {
            for command in &commands {
                execute(command)?;
                run.push(command.clone());
            }
        }
        if found.is_some() {
            if self.manager == Manager::Systemd
                && let Some(directory) = self.file.parent()
            {
                // What enabling makes; where the manager could not be asked, it is still there.
                let wants = directory.join("default.target.wants");
                let _ = fs::remove_file(wants.join(UNIT));
                let _ = fs::remove_dir(wants);
            }
            fs::remove_file(&self.file)
                .with_context(|| format!("{} cannot be removed", self.file.display()))?;
            if self.manager == Manager::Systemd && !run.is_empty() {
                let _ = told(&["systemctl", "--user", "daemon-reload"]);
            }
        }
        if let Some(installed) = self.installed()? {
            for directory in installed.made.iter().rev() {
                // One that holds something else by now stays.
                let _ = fs::remove_dir(directory);
            }
            fs::remove_file(self.record())?;
        }
        self.tell("removed", found.is_some(), &[], &run, how.json)
    }

    fn status(&self, as_json: bool) -> anyhow::Result<ExitCode> {
        let found = self.found()?;
        let ours = found.as_deref().is_some_and(files::is_ours);
        let current = found.as_ref() == Some(&self.text);
        let asked = |words: &[&str]| {
            let answer = told(words).ok()?.1;
            let word = answer.lines().next().unwrap_or_default().trim().to_owned();
            (!word.is_empty()).then_some(word)
        };
        let (enabled, active) = match self.manager {
            _ if !self.is_reachable() => (None, None),
            Manager::Systemd => (
                asked(&["systemctl", "--user", "is-enabled", UNIT]),
                asked(&["systemctl", "--user", "is-active", UNIT]),
            ),
            Manager::Launchd => {
                let place = format!("gui/{}/{LABEL}", nix::unistd::geteuid());
                let is_known = told(&["launchctl", "print", &place])?.0;
                (
                    Some(if is_known { "enabled" } else { "disabled" }.to_owned()),
                    None,
                )
            }
        };
        if as_json {
            output::line(
                &json!({
                    "manager": self.name(), "file": self.file, "installed": ours, "current": current,
                    "enabled": enabled, "active": active,
                })
                .to_string(),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let row = |name: &str, text: &str| output::line(&format!("{name:<10}{text}"));
        row("manager", self.name())?;
        row("file", &self.file.display().to_string())?;
        row(
            "installed",
            match (found.is_some(), ours, current) {
                (false, ..) => "no; `smoltbot service install` does it",
                (true, false, _) => "no; that file is somebody else's",
                (true, true, false) => {
                    "yes, by another version or for other settings; `smoltbot service install` brings it up to date"
                }
                (true, true, true) => "yes",
            },
        )?;
        let unknown = "not known: its manager cannot be reached from here";
        row("enabled", enabled.as_deref().unwrap_or(unknown))?;
        row("active", active.as_deref().unwrap_or(unknown))?;
        Ok(ExitCode::SUCCESS)
    }

    fn name(&self) -> &'static str {
        match self.manager {
            Manager::Systemd => "systemd",
            Manager::Launchd => "launchd",
        }
    }

    fn would(
        &self,
        what: &str,
        text: Option<&String>,
        commands: &[Vec<String>],
        as_json: bool,
    ) -> anyhow::Result<ExitCode> {
        let lines: Vec<String> = commands.iter().map(|words| shown(words)).collect();
        if as_json {
            let answer = json!({"would": what, "file": self.file, "text": text, "commands": lines});
            output::line(&answer.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        match (what, text) {
            ("install", Some(text)) => {
                output::line(&format!("would write {}:\n", self.file.display()))?;
                output::line(text)?;
            }
            ("install", None) => {
                output::line(&format!("{} is as it should be", self.file.display()))?;
            }
            _ => output::line(&format!("would remove {}", self.file.display()))?,
        }
        for line in lines {
            output::line(&format!("would run: {line}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tell(
        &self,
        what: &str,
        changed: bool,
        wanted: &[Vec<String>],
        run: &[Vec<String>],
        as_json: bool,
    ) -> anyhow::Result<ExitCode> {
        let lines = |commands: &[Vec<String>]| -> Vec<String> {
            commands.iter().map(|words| shown(words)).collect()
        };
        let to_run = if run.is_empty() {
            lines(wanted)
        } else {
            Vec::new()
        };
        if as_json {
            let answer = json!({
                "manager": self.name(), "file": self.file, "changed": changed, "ran": lines(run), "to_run": to_run,
            });
            output::line(&answer.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        let file = self.file.display();
        output::line(&match (what, changed) {
            ("installed", true) => format!("wrote {file}"),
            ("installed", false) => format!("{file} was there already"),
            (_, true) => format!("removed {file}"),
            (_, false) => format!("nothing to remove: {file} is not there"),
        })?;
        for line in lines(run) {
            output::line(&format!("ran {line}"))?;
        }
        if !to_run.is_empty() {
            output::line(&format!(
                "{} cannot be reached from here; run this where you are logged in:",
                self.name()
            ))?;
            for line in to_run {
                output::line(&format!("  {line}"))?;
            }
        }
        if what == "installed" && self.manager == Manager::Systemd {
            output::line(
                "It runs while you are logged in; `loginctl enable-linger` keeps it running otherwise.",
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

/// A command as a person types it.
fn shown(words: &[String]) -> String {
    let word = |word: &String| {
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@+=".contains(char);
        if word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Runs a program; whether it ended well, and what it said.
fn told(words: &[&str]) -> io::Result<(bool, String)> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()?;
    let said = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).trim().to_owned(),
    ))
}

fn execute(command: &[String]) -> anyhow::Result<()> {
    let (ended_well, said) =
        told(&words(command)).with_context(|| format!("`{}` does not start", shown(command)))?;
    if !ended_well {
        bail!("`{}` failed: {said}", shown(command));
    }
    Ok(())
}
