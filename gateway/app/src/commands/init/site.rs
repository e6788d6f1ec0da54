//! Where `init` and its like work: this machine, this program, this home.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use agent_hooks::{Agent, Asked, Machine, Plan, Record, Smoltbot};
use anyhow::{Context as _, bail};
use smoltbot_config::Config;

use crate::lock;

/// How long another `init` or `uninstall` is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// This machine, this program, this home.
pub(crate) struct Site {
    pub(crate) machine: Machine,
    pub(crate) smoltbot: Smoltbot,
}

impl Site {
    /// The site of this process.
    pub(crate) fn here(config: &Config) -> anyhow::Result<Self> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let home = home
            .map(PathBuf::from)
            .context("HOME is not set: where are this person's settings?")?;
        let directory = std::env::current_dir().context("the current directory is gone")?;
        let state = std::path::absolute(config.home.path())?;
        let program = std::env::current_exe().context("this program's own path is not known")?;
        let home_is_default = state == home.join(".smoltbot");
        Ok(Self {
            machine: Machine::new(home, directory, std::env::vars_os()),
            smoltbot: Smoltbot {
                program,
                home: state,
                home_is_default,
            },
        })
    }

    /// What would be done for `agent`.
    pub(crate) fn plan(&self, agent: Agent, record: &Record, hooked: &[Agent]) -> Plan {
        agent.plan(&Asked {
            machine: &self.machine,
            smoltbot: &self.smoltbot,
            before: record.of(agent.name()),
            hooked,
        })
    }

    /// One installer at a time.
    pub(crate) fn hold(config: &Config) -> anyhow::Result<File> {
        let path = config.home.path().join("install.lock");
        match lock::wait_for(&path, PATIENCE)? {
            Some(held) => Ok(held),
            None => bail!(
                "another smoltbot has been changing agents' settings for {PATIENCE:?} ({} is held)",
                path.display()
            ),
        }
    }
}
