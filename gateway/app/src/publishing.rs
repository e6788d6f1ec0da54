//! What of an agent's calls is published: the configuration's words made a redactor, and told to people.

use redact::{Level, Redactor};
use smoltbot_config::{Config, Pii, PublishLevel};

use crate::agent::publish_level;

/// The same word of `redact`.
pub(crate) fn of(level: PublishLevel) -> Level {
    match level {
        PublishLevel::None => Level::None,
        PublishLevel::Shape => Level::Shape,
        PublishLevel::Preview => Level::Preview,
        PublishLevel::Full => Level::Full,
    }
}

/// The redactor of this configuration, which writes paths below `home` as `~`.
pub(crate) fn redactor(config: &Config, home: Option<&str>) -> Redactor {
    let redactor = Redactor::new(publish_level(config))
        .with_home(home.map(str::to_owned))
        .with_personal_masked(config.publish.pii == Pii::Mask);
    let tools = config.publish.tools.iter();
    tools.fold(redactor, |redactor, (tool, level)| {
        redactor.with_tool_level(tool, of(*level))
    })
}

/// What becomes public, in words: the level of all tools, then those of some, then what becomes of personal data.
pub(crate) fn public(config: &Config) -> Vec<String> {
    let all = match publish_level(config) {
        Level::None => "tool names, verdicts and reasons; nothing of parameters and results",
        Level::Shape => {
            "tool names, verdicts, reasons, and the shape of parameters and results, not their content"
        }
        Level::Preview => {
            "tool names, verdicts, reasons, parameters and a short preview of results, secrets masked"
        }
        Level::Full => "tool names, verdicts, reasons, parameters and results, secrets masked",
    };
    let mut lines = vec![format!("{all} (publish.level {})", publish_level(config))];
    let tools = config.publish.tools.iter();
    let tools: Vec<_> = tools
        .map(|(tool, level)| format!("{tool} {level}"))
        .collect();
    if !tools.is_empty() {
        lines.push(format!(
            "for some tools otherwise: {} (publish.tools)",
            tools.join(", ")
        ));
    }
    if config.publish.pii == Pii::Mask {
        lines.push("personal data masked too (publish.pii mask)".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two are written down apart, because reading a configuration needs no rules of secrets.
    #[test]
    fn a_configured_level_is_the_one_of_that_word() {
        for level in Level::ALL {
            let configured: PublishLevel = level.as_str().parse().unwrap();
            assert_eq!(
                (of(configured), configured.as_str()),
                (level, level.as_str())
            );
        }
    }
}
