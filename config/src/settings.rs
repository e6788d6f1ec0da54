//! The variables that are no key of a section.

use std::time::Duration;

use crate::error::ConfigError;

/// Traces of a batch when nothing is said.
pub const DEFAULT_BATCH_SIZE: usize = 10;
/// Traces of the largest batch; the edge takes no more.
pub const MAX_BATCH_SIZE: usize = 500;
/// Milliseconds that a request may take when nothing is said.
pub const DEFAULT_TIMEOUT_MS: u64 = 10_000;
/// Milliseconds of the longest timeout: ten minutes.
pub const MAX_TIMEOUT_MS: u64 = 600_000;

/// Their names.
pub(crate) const NAMES: [&str; 5] = [
    "SMOLTBOT_ENABLED",
    "SMOLTBOT_BATCH_SIZE",
    "SMOLTBOT_TIMEOUT",
    "SMOLTBOT_HOME",
    "SMOLTBOT_API_URL",
];

/// Which providers are asked first; the name that other gateways know it by.
pub(crate) const PRIORITY: &str = "AI_PROVIDER_PRIORITY";

/// What they say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) enabled: bool,
    pub(crate) batch_size: usize,
    pub(crate) timeout: Duration,
    pub(crate) api_url: Option<String>,
    pub(crate) priority: Option<String>,
}

impl Settings {
    /// Reads them through `var`. What is wrong is told, and stands at its default.
    pub(crate) fn read(
        var: impl Fn(&str) -> Result<Option<String>, ConfigError>,
        faults: &mut Vec<ConfigError>,
    ) -> Self {
        let mut read = |name: &str| match var(name) {
            Ok(value) => value.map(|value| value.trim().to_owned()),
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        let (enabled, batch_size) = (read(NAMES[0]), read(NAMES[1]));
        let (timeout, api_url) = (read(NAMES[2]), read(NAMES[4]));
        let priority = read(PRIORITY);
        let mut told = |name: &str, problem| {
            faults.push(ConfigError::Variable {
                name: name.to_owned(),
                problem,
            });
        };
        let enabled = enabled.is_none_or(|text| {
            truth(&text).unwrap_or_else(|| {
                let problem = format!("\"{text}\" is neither true nor false: use true or false");
                told(NAMES[0], problem);
                true
            })
        });
        let mut number = |name: &str, text: Option<String>, default: u64, max: u64, unit: &str| {
            let Some(text) = text else {
                return default;
            };
            let number = text.parse().ok();
            let number = number.filter(|number| (1..=max).contains(number));
            number.unwrap_or_else(|| {
                told(
                    name,
                    format!("\"{text}\" is out of range: use 1 to {max} {unit}"),
                );
                default
            })
        };
        let (size, most) = (DEFAULT_BATCH_SIZE as u64, MAX_BATCH_SIZE as u64);
        let batch_size = number(NAMES[1], batch_size, size, most, "traces");
        let (usual, most) = (DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
        let timeout = number(NAMES[2], timeout, usual, most, "milliseconds");
        let api_url = api_url.and_then(|text| {
            let url = base_url(&text);
            url.map_err(|problem| told(NAMES[4], problem)).ok()
        });
        Self {
            enabled,
            // At most MAX_BATCH_SIZE, see above.
            batch_size: usize::try_from(batch_size).unwrap_or(MAX_BATCH_SIZE),
            timeout: Duration::from_millis(timeout),
            api_url,
            priority,
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The base of the edge's API; the traces' path and slashes at the end are forgiven.
fn base_url(text: &str) -> Result<String, String> {
    let base = text.trim_end_matches('/');
    let base = base
        .strip_suffix("/v1/traces")
        .unwrap_or(base)
        .trim_end_matches('/');
    let host = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"));
    let Some(host) = host.map(|rest| rest.split('/').next().unwrap_or_default()) else {
        return Err(
            "is no URL: begin it with http:// or https://, such as http://127.0.0.1:8787"
                .to_owned(),
        );
    };
    if host.is_empty() || host.starts_with(':') {
        return Err("names no host: write it like http://127.0.0.1:8787".to_owned());
    }
    if host.contains('@') {
        return Err(
            "holds a user name or password, which the edge needs none of: take it out".to_owned(),
        );
    }
    if base.contains(|c: char| c.is_whitespace() || matches!(c, '?' | '#')) {
        return Err("is a base URL: write it without blanks, ? and #".to_owned());
    }
    Ok(base.to_owned())
}
