//! The sections `providers.NAME`: who has the models that the agent speaks with, and what keys it is known by there.
//!
//! Sections come in the order in which they stand, and each may leave its key to the variable that the provider's own tools
//! read. Where there is no section at all, those variables alone make providers. A key in the environment is not permission to
//! send conversations there when the operator has named others: then only `AI_PROVIDER_PRIORITY` adds one.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::env::Env;
use crate::error::ConfigError;
use crate::faults::Faults;
use crate::load::Config;
use crate::named::Named;
use crate::overrides::utf8;
use crate::secret::Secret;
use crate::sections::absolute;

/// The kinds of providers. What each speaks is `gateway`'s business; the words are the same.
pub const KINDS: [&str; 14] = [
    "anthropic",
    "openai",
    "openrouter",
    "groq",
    "deepseek",
    "gemini",
    "mistral",
    "xai",
    "together",
    "ollama",
    "lmstudio",
    "vllm",
    "llamacpp",
    "compatible",
];

/// The model of a provider that was told of none, by kind. Others must be told: what a server of one's own has, it alone knows.
pub const DEFAULT_MODELS: [(&str, &str); 9] = [
    ("anthropic", "claude-sonnet-5-5"),
    ("openai", "gpt-5.2"),
    ("openrouter", "openrouter/auto"),
    ("groq", "llama-3.3-70b-versatile"),
    ("deepseek", "deepseek-chat"),
    ("gemini", "gemini-2.5-flash"),
    ("mistral", "mistral-large-latest"),
    ("xai", "grok-3-mini"),
    ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
];

/// The variables that hold a provider's key, by its name; the first that is set counts.
const KEYS: [(&str, &[&str]); 9] = [
    ("anthropic", &["ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN"]),
    ("openai", &["OPENAI_API_KEY"]),
    ("openrouter", &["OPENROUTER_API_KEY"]),
    ("groq", &["GROQ_API_KEY"]),
    ("deepseek", &["DEEPSEEK_API_KEY"]),
    ("gemini", &["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
    ("mistral", &["MISTRAL_API_KEY"]),
    ("xai", &["XAI_API_KEY"]),
    ("together", &["TOGETHER_API_KEY"]),
];

/// Where Ollama's own programs look for its server.
const OLLAMA_HOST: &str = "OLLAMA_HOST";
/// Ollama's port when `OLLAMA_HOST` names none.
const OLLAMA_PORT: u16 = 11_434;

/// The longest time that a provider may be waited for, in seconds: a day.
pub const MAX_TIMEOUT_SECONDS: u64 = 24 * 3600;
/// Bytes of a file with a key: longer is something else.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// A section as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(crate) struct ProviderSection {
    #[serde(skip)]
    name: String,
    kind: Option<String>,
    api_key: Option<Secret<String>>,
    api_key_env: Option<String>,
    #[serde(deserialize_with = "absolute")]
    api_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "base_url")]
    base_url: Option<String>,
    model: Option<String>,
    models: Vec<String>,
    #[serde(deserialize_with = "seconds")]
    connect_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "seconds")]
    first_byte_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "seconds")]
    idle_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "seconds")]
    timeout_seconds: Option<u64>,
}

/// How long a provider is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made; 10 s.
    pub connect: Duration,
    /// From the request to the first byte of the answer; 180 s, as a local model may have to be loaded.
    pub first_byte: Duration,
    /// From one byte of an answer to the next; 90 s.
    pub idle: Duration,
    /// For a whole answer; 1800 s.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(3),
            idle: Duration::from_secs(90),
            whole: Duration::from_mins(30),
        }
    }
}

/// Somebody who has models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name, as before the slash of a model's full name.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// Its key, where there is one.
    pub key: Option<Secret<String>>,
    /// Where the key was found, in words that can be shown.
    pub key_from: Option<String>,
    /// Where its API is, when not where it is by itself.
    pub base_url: Option<String>,
    /// Its models in the order in which they are asked; at least one.
    pub models: Vec<String>,
    /// How long it is waited for.
    pub timeouts: Timeouts,
}

impl Config {
    /// The providers in the order of the files, with their keys out of `env` and files.
    ///
    /// # Errors
    /// A key's variable is not set, or its file cannot be read; a provider has no model. All that is so is told.
    pub fn providers(&self, env: &dyn Env) -> Result<Vec<Provider>, ConfigError> {
        let mut sections = self.providers.clone();
        let named = self.priority.as_deref().unwrap_or_default();
        let named: Vec<String> = named
            .split(|c: char| c == ',' || c.is_whitespace())
            .map(str::to_ascii_lowercase)
            .collect();
        let none = sections.is_empty();
        for (name, _) in KEYS {
            let there = sections.iter().any(|section| section.name == name);
            let asked = none || named.iter().any(|asked| asked == name);
            if !there && asked && key_variable(name, env)?.is_some() {
                sections.push(ProviderSection {
                    name: name.to_owned(),
                    ..ProviderSection::default()
                });
            }
        }
        let (mut providers, mut faults) = (Vec::new(), Vec::new());
        for section in sections {
            match section.provider(self, env) {
                Ok(provider) => providers.push(provider),
                Err(fault) => faults.push(fault),
            }
        }
        ConfigError::unless_none(faults)?;
        Ok(providers)
    }

    /// Why nobody answers although a variable names a server, if that is so.
    pub fn unused_server(&self, env: &dyn Env) -> Option<String> {
        let named = env.var(OLLAMA_HOST).is_some();
        let there = |section: &ProviderSection| section.kind() == Some("ollama");
        (named && !self.providers.iter().any(there)).then(|| {
            format!("{OLLAMA_HOST} is set, but not which of its models to ask: write model = \"…\" below [providers.ollama]")
        })
    }
}

impl ProviderSection {
    /// As it is written, or as its name says.
    fn kind(&self) -> Option<&str> {
        let kind = self.kind.as_deref().unwrap_or(&self.name);
        KINDS.contains(&kind).then_some(kind)
    }

    fn provider(self, config: &Config, env: &dyn Env) -> Result<Provider, ConfigError> {
        let kind = self.kind().unwrap_or_default().to_owned();
        let wrong = |problem: String| config.fault(&format!("providers.{}", self.name), problem);
        let (key, key_from) = match self.key(config, env)? {
            Some((key, from)) => (Some(key), Some(from)),
            None => (None, None),
        };
        let known = KEYS.iter().find(|(name, _)| *name == kind);
        if let (None, None, Some((_, [variable, ..]))) = (&key, &self.base_url, known) {
            let problem = format!(
                "has no key: write api_key, api_key_env or api_key_file{}",
                // Another name's key is not taken for it.
                if kind == self.name {
                    format!(", or set {variable}")
                } else {
                    String::new()
                }
            );
            return Err(wrong(problem));
        }
        let mut models: Vec<String> = Vec::new();
        for model in self.model.iter().chain(&self.models) {
            if !models.contains(model) {
                models.push(model.clone());
            }
        }
        if models.is_empty() {
            let known = DEFAULT_MODELS.iter().find(|(name, _)| *name == kind);
            let Some((_, model)) = known else {
                let problem = "has no model: say which one to ask, as in model = \"qwen3:8b\"";
                return Err(wrong(problem.to_owned()));
            };
            models.push((*model).to_owned());
        }
        let base_url = match (&self.base_url, kind.as_str()) {
            (None, "ollama") => match env.var(OLLAMA_HOST) {
                Some(host) => Some(ollama(&utf8(OLLAMA_HOST, &host)?)?),
                None => None,
            },
            (url, _) => url.clone(),
        };
        let usual = Timeouts::default();
        let or = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
        Ok(Provider {
            timeouts: Timeouts {
                connect: or(self.connect_timeout_seconds, usual.connect),
                first_byte: or(self.first_byte_timeout_seconds, usual.first_byte),
                idle: or(self.idle_timeout_seconds, usual.idle),
                whole: or(self.timeout_seconds, usual.whole),
            },
            name: self.name,
            kind,
            key,
            key_from,
            base_url,
            models,
        })
    }

    /// The key and where it was found.
    fn key(
        &self,
        config: &Config,
        env: &dyn Env,
    ) -> Result<Option<(Secret<String>, String)>, ConfigError> {
        let wrong = |key: &str, problem: String| {
            config.fault(&format!("providers.{}.{key}", self.name), problem)
        };
        if let Some(key) = &self.api_key {
            let from = format!("providers.{}.api_key", self.name);
            return Ok(Some((trimmed(key), from)));
        }
        if let Some(name) = &self.api_key_env {
            let Some(key) = env.var(name) else {
                return Err(wrong(
                    "api_key_env",
                    format!("the environment variable {name} is not set: set it to the key"),
                ));
            };
            let key = Secret::new(utf8(name, &key)?);
            return Ok(Some((trimmed(&key), name.clone())));
        }
        if let Some(file) = &self.api_key_file {
            let shown = file.display();
            let key = read_key(file)
                .map_err(|problem| wrong("api_key_file", format!("{shown} {problem}")))?;
            return Ok(Some((key, shown.to_string())));
        }
        // The variable is the provider's own; another server must not be shown it unasked.
        let own = self.base_url.is_none() || config.key_follows(&self.name);
        if !own || self.kind() != Some(&self.name) {
            return Ok(None);
        }
        key_variable(&self.name, env)
    }
}

impl Config {
    /// Whether a provider's usual variable goes with a base URL of one's own: when the server is on this machine, as a proxy is.
    fn key_follows(&self, name: &str) -> bool {
        let section = self.providers.iter().find(|section| section.name == name);
        let url = section.and_then(|section| section.base_url.as_deref());
        url.is_none_or(|url| {
            ["http://127.0.0.1", "http://localhost", "http://[::1]"]
                .iter()
                .any(|local| {
                    url.strip_prefix(local)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
                })
        })
    }
}

/// What the variables say about a provider of that name.
fn key_variable(
    name: &str,
    env: &dyn Env,
) -> Result<Option<(Secret<String>, String)>, ConfigError> {
    let names = KEYS.iter().find(|(of, _)| *of == name);
    for variable in names.map_or(&[] as &[&str], |(_, names)| names) {
        if let Some(key) = env.var(variable) {
            let key = Secret::new(utf8(variable, &key)?);
            return Ok(Some((trimmed(&key), (*variable).to_owned())));
        }
    }
    Ok(None)
}

fn trimmed(key: &Secret<String>) -> Secret<String> {
    Secret::new(key.expose().trim().to_owned())
}

/// The one line of a file, or what is wrong with it.
fn read_key(file: &std::path::Path) -> Result<Secret<String>, String> {
    let found = fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?;
    if !found.is_file() || found.len() > MAX_KEY_FILE_BYTES {
        return Err("is no file with a key in it".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err("does not hold a key: write the key alone into it".to_owned());
    }
    Ok(Secret::new(key.to_owned()))
}

/// `OLLAMA_HOST` as Ollama reads it: a URL, or a host with or without a port. A server's own "everywhere" is this machine here.
fn ollama(text: &str) -> Result<String, ConfigError> {
    let text = text.trim().trim_end_matches('/');
    let (scheme, host) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), host)) => (scheme, host),
        None => ("http", text),
        Some(_) => ("", ""),
    };
    if host.is_empty() || host.contains('@') || host.contains(char::is_whitespace) {
        return Err(ConfigError::Variable {
            name: OLLAMA_HOST.to_owned(),
            problem: "is no server: write it like http://127.0.0.1:11434".to_owned(),
        });
    }
    let host = host.replacen("0.0.0.0", "127.0.0.1", 1);
    let after_brackets = host.rsplit(']').next().unwrap_or(&host);
    if scheme == "https" || after_brackets.contains([':', '/']) {
        return Ok(format!("{scheme}://{host}"));
    }
    Ok(format!("{scheme}://{host}:{OLLAMA_PORT}"))
}

/// What a section cannot tell by itself while it is read.
pub(crate) fn check(sections: &[ProviderSection], faults: &mut Faults) {
    for section in sections {
        if let Err((path, problem)) = section.check() {
            faults.add(&path, problem);
        }
    }
}

impl ProviderSection {
    /// The first thing that is wrong, by its path.
    fn check(&self) -> Result<(), (String, String)> {
        let path = format!("providers.{}", self.name);
        let Some(kind) = self.kind() else {
            let (path, problem) = match &self.kind {
                Some(kind) => (
                    format!("{path}.kind"),
                    format!("\"{kind}\" is no kind of provider"),
                ),
                None => (
                    path,
                    "is no provider that is known by its name: say its kind".to_owned(),
                ),
            };
            let known = KINDS.join(", ");
            let problem = format!(
                "{problem}; kinds are {known}, and compatible is whoever else speaks OpenAI's API"
            );
            return Err((path, problem));
        };
        if kind == "compatible" && self.base_url.is_none() {
            let problem = "has no base_url: say where it is, as in https://llm.example.com/v1";
            return Err((path, problem.to_owned()));
        }
        let keys = [
            self.api_key.is_some(),
            self.api_key_env.is_some(),
            self.api_key_file.is_some(),
        ];
        if keys.iter().filter(|there| **there).count() > 1 {
            let problem = "has several keys: leave one of api_key, api_key_env and api_key_file";
            return Err((path, problem.to_owned()));
        }
        let mut named = self.model.iter().chain(&self.models);
        match named.find(|model| model.is_empty() || model.contains(char::is_whitespace)) {
            Some(model) => Err((path, format!("\"{model}\" is no model's name"))),
            None => Ok(()),
        }
    }
}

impl Named for ProviderSection {
    const WHAT: &str = "providers";
    const WHOSE: &str = "provider's";

    fn named(self, name: String) -> Self {
        Self { name, ..self }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds) {
        return Ok(Some(seconds));
    }
    Err(D::Error::custom(format_args!(
        "{seconds} is out of range: write 1 to {MAX_TIMEOUT_SECONDS} seconds"
    )))
}

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let url = text.trim().trim_end_matches('/');
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .map(|rest| rest.split('/').next().unwrap_or_default());
    match host {
        // What stands before it may be a password, and is not repeated.
        Some(host) if host.contains('@') => Err(D::Error::custom(
            "holds a user name or a password; the key belongs into api_key",
        )),
        Some(host)
            if !host.is_empty() && !host.starts_with(':') && !url.contains(['?', '#', ' ']) =>
        {
            Ok(Some(url.to_owned()))
        }
        _ => Err(D::Error::custom(format_args!(
            "\"{text}\" is no base URL: write it like https://llm.example.com/v1"
        ))),
    }
}
