//! When each agent was last heard.

use aap::Timestamp;
use agent_hooks::Record;
use serde_json::{Value, json};
use smoltbot_config::Config;

/// An agent whose hooks are installed, or that was heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) name: String,
    pub(super) installed_at: Option<String>,
    /// When a harmless call was last seen to travel from its hook to a page.
    pub(super) proven_at: Option<String>,
    /// None where it was never heard, and where that is not known.
    pub(super) last_event_at: Option<Timestamp>,
    /// Whether the spool could be asked.
    pub(super) known: bool,
}

/// Each agent, and what is wrong with the record of what was installed.
pub(super) fn look(
    config: &Config,
    heard: Option<&[(String, Timestamp)]>,
) -> (Vec<Heard>, Option<String>) {
    let (record, problem) = match Record::load(config.home.path()) {
        Ok(record) => (record.unwrap_or_default(), None),
        Err(error) => (Record::default(), Some(error.to_string())),
    };
    let known = heard.is_some();
    let heard = heard.unwrap_or_default();
    let mut agents: Vec<Heard> = record
        .agents
        .iter()
        .map(|(name, installed)| Heard {
            name: name.clone(),
            installed_at: Some(installed.installed_at.clone()),
            proven_at: installed.proven_at.clone(),
            last_event_at: heard
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, at)| *at),
            known,
        })
        .collect();
    for (name, at) in heard {
        if agents.iter().all(|agent| agent.name != *name) {
            agents.push(Heard {
                name: name.clone(),
                installed_at: None,
                proven_at: None,
                last_event_at: Some(*at),
                known,
            });
        }
    }
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    (agents, problem)
}

impl Heard {
    /// Seconds without an event.
    fn silent(&self, now: Timestamp) -> Option<i64> {
        self.last_event_at
            .map(|at| (now.millis() - at.millis()).max(0) / 1000)
    }

    pub(super) fn json(&self, now: Timestamp) -> Value {
        json!({
            "name": self.name,
            "installed": self.installed_at.is_some(),
            "installed_at": self.installed_at,
            "proven_at": self.proven_at,
            "last_event_at": self.last_event_at,
            "silent_seconds": self.silent(now),
        })
    }

    pub(super) fn text(&self, now: Timestamp) -> String {
        let installed = match &self.installed_at {
            Some(_) => "hooks installed",
            None => "hooks not installed by `smoltbot init`",
        };
        match (self.last_event_at, self.silent(now)) {
            (Some(at), Some(silent)) => {
                format!(
                    "{installed}, last event {at}, silent for {}",
                    duration(silent)
                )
            }
            _ if self.known => match &self.proven_at {
                Some(at) => format!("{installed}, proven {at}, no call of its own yet"),
                None => format!("{installed}, no call yet"),
            },
            _ => format!("{installed}; when it was last heard is not known"),
        }
    }
}

/// A duration in words, in its two greatest units.
fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_their_two_greatest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_661, "1 h 1 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
