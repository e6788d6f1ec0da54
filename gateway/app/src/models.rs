//! The chat's models: the providers of the configuration, in the order in which the gateway's router asks them.

use std::sync::Arc;

use anyhow::Context as _;
use gateway::model::{
    ALIASES, Access, Http, Key, Model, Patience, Retries, Router, RouterError, Slot, order,
    provider,
};
use serde_json::{Value, json};
use smoltbot_config::{Config, ConfigError, Process, Provider};
use trace_plugin::clock;

use crate::settings::Faults;

/// How somebody comes to answer.
pub(crate) const HOW: &str = "set ANTHROPIC_API_KEY, OPENAI_API_KEY or another provider's, or write [providers.NAME] into smoltbot.toml";

/// Whoever can be asked.
#[derive(Debug, Default)]
pub(crate) struct Models {
    providers: Vec<Provider>,
    /// Why nobody is there although it looks as if.
    hint: Option<String>,
}

impl Models {
    /// Those of the configuration and the environment, the first to be asked first.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn of(config: &Config) -> Result<Self, Faults> {
        // Who is missing may be the one that something else names.
        let mut found = config.providers(&Process)?;
        let mut faults = Faults::default();
        for one in &found {
            if let Some(Err(error)) = one.base_url.as_deref().map(reqwest::Url::parse) {
                let path = format!("providers.{}.base_url", one.name);
                let problem = format!("{error}: write it like https://llm.example.com/v1");
                faults.add(&config.fault(&path, problem));
            }
        }
        let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ordered = faults.of(order(config.priority.as_deref(), &names).map_err(unordered));
        let ordered = ordered.unwrap_or_default();
        found.sort_by_key(|one| ordered.iter().position(|name| *name == one.name));
        if let Some(model) = &config.agent.model {
            let put = put_first(&mut found, model);
            faults.of(put.map_err(|problem| config.fault("agent.model", problem)));
        }
        faults.unless_any(())?;
        let hint = found
            .is_empty()
            .then(|| config.unused_server(&Process))
            .flatten();
        Ok(Self {
            providers: found,
            hint,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// Who will answer, and whose key that is found where; never the key.
    pub(crate) fn told(&self) -> String {
        let Some((first, others)) = self.providers.split_first() else {
            return format!("none: {}", self.hint.as_deref().unwrap_or(HOW));
        };
        let key = first.key_from.as_ref();
        let key = key.map_or_else(String::new, |from| format!(" (key from {from})"));
        let mut told = format!("{}/{}{key}", first.name, first.models[0]);
        let own = first.models[1..].iter();
        let then = own
            .map(|model| format!("{}/{model}", first.name))
            .chain(others.iter().flat_map(|other| {
                let models = other.models.iter();
                models.map(move |model| format!("{}/{model}", other.name))
            }))
            .collect::<Vec<_>>();
        if !then.is_empty() {
            told = format!("{told}, then {}", then.join(", "));
        }
        told
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let providers = self.providers.iter().map(|one| {
            json!({
                "provider": one.name,
                "kind": one.kind,
                "models": one.models,
                "base_url": one.base_url,
                "key_from": one.key_from,
            })
        });
        providers.collect()
    }

    /// All of them as one, if there are any.
    pub(crate) fn router(&self) -> anyhow::Result<Option<Arc<dyn Model>>> {
        if self.providers.is_empty() {
            return Ok(None);
        }
        let slots: anyhow::Result<Vec<Slot>> = self.providers.iter().map(slot).collect();
        let seed = clock::salt();
        let seed = seed
            .get(..16)
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let seed = seed.context("random digits are hexadecimal")?;
        let router = Router::new(slots?, Retries::default(), seed)?;
        Ok(Some(Arc::new(router)))
    }
}

fn slot(from: &Provider) -> anyhow::Result<Slot> {
    let access = Access {
        name: from.name.clone(),
        key: from.key.as_ref().map(|key| Key::new(key.expose())),
        base_url: from.base_url.clone(),
    };
    let http = Http::new(Patience {
        connect: from.timeouts.connect,
        first_byte: from.timeouts.first_byte,
        idle: from.timeouts.idle,
        whole: from.timeouts.whole,
    });
    let asked = provider(&from.kind, access, &http)
        .with_context(|| format!("providers.{}: nobody speaks {}", from.name, from.kind))?;
    Ok(Slot {
        provider: asked,
        chain: from.models.clone(),
        others: Vec::new(),
    })
}

/// Who may come first is told by a variable alone.
fn unordered(error: RouterError) -> ConfigError {
    ConfigError::Variable {
        name: "AI_PROVIDER_PRIORITY".to_owned(),
        problem: match error {
            RouterError::UnknownProvider { name, known } if known.is_empty() => {
                format!("names `{name}`, and no provider is configured: {HOW}")
            }
            RouterError::UnknownProvider { name, known } => format!(
                "names `{name}`, which is not configured; there are {known}: take it out, or write [providers.{name}] into \
                 smoltbot.toml"
            ),
            other => other.to_string(),
        },
    }
}

/// Puts the provider that has `model` first, and of its models that one; what is wrong with `model` if nobody has it.
fn put_first(providers: &mut Vec<Provider>, model: &str) -> Result<(), String> {
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(model));
    let name = alias.map_or(model, |(_, full)| full);
    let of = |provider: &str| providers.iter().position(|one| one.name == provider);
    let lists = |one: &Provider| one.models.iter().any(|listed| listed == name);
    let spelt = name
        .split_once('/')
        .and_then(|(provider, own)| Some((of(provider)?, own)));
    let found = match spelt {
        Some((at, own)) if !own.is_empty() => Some((at, own)),
        _ => providers.iter().position(lists).map(|at| (at, name)),
    };
    let found = found.or_else(|| (providers.len() == 1 && alias.is_none()).then_some((0, name)));
    let Some((at, own)) = found else {
        let known: Vec<&str> = providers.iter().map(|one| one.name.as_str()).collect();
        if known.is_empty() {
            return Err(format!("is {model}, but no provider is configured: {HOW}"));
        }
        return Err(format!(
            "no provider is known to have {model}: write PROVIDER/MODEL with one of {} as the provider",
            known.join(", ")
        ));
    };
    let own = own.to_owned();
    let mut first = providers.remove(at);
    first.models.retain(|listed| *listed != own);
    first.models.insert(0, own);
    providers.insert(0, first);
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateway::model::{Dialect, Thinking};
    use smoltbot_config::{DEFAULT_CONTEXT_TOKENS, DEFAULT_MODELS, KINDS, THINKING, Timeouts};

    use super::*;

    fn some(name: &str, models: &[&str]) -> Provider {
        Provider {
            name: name.to_owned(),
            kind: name.to_owned(),
            key: None,
            key_from: Some("MY_KEY".to_owned()),
            base_url: None,
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            timeouts: Timeouts::default(),
        }
    }

    fn told(providers: Vec<Provider>) -> String {
        let models = Models {
            providers,
            hint: None,
        };
        models.told()
    }

    #[test]
    fn the_configurations_words_are_the_gateways() {
        let mut kinds = KINDS.to_vec();
        kinds.sort_unstable();
        let mut spoken: Vec<&str> = Dialect::all().iter().map(|one| one.name).collect();
        spoken.extend(["anthropic", "ollama"]);
        spoken.sort_unstable();
        assert_eq!(kinds, spoken);
        assert_eq!(THINKING, Thinking::ALL.map(Thinking::name));
        assert_eq!(
            DEFAULT_CONTEXT_TOKENS,
            gateway::limits::DEFAULT_CONTEXT_TOKENS
        );
        let timeouts = Timeouts::default();
        let patience = Patience::default();
        assert_eq!(timeouts.connect, patience.connect);
        assert_eq!(timeouts.first_byte, patience.first_byte);
        assert_eq!(timeouts.idle, patience.idle);
        assert_eq!(timeouts.whole, patience.whole);
        let sonnet = ALIASES
            .iter()
            .find(|(alias, _)| *alias == "sonnet")
            .unwrap();
        let usual = DEFAULT_MODELS.iter().find(|(kind, _)| *kind == "anthropic");
        assert_eq!(sonnet.1, format!("anthropic/{}", usual.unwrap().1));
        for kind in KINDS {
            assert!(slot(&some(kind, &["m"])).is_ok(), "{kind}");
        }
    }

    #[test]
    fn the_agents_model_comes_first() {
        let all = || vec![some("groq", &["a", "b"]), some("openai", &["c", "d"])];
        for (model, expected) in [
            (
                "openai/d",
                "openai/d (key from MY_KEY), then openai/c, groq/a, groq/b",
            ),
            (
                "openai/new",
                "openai/new (key from MY_KEY), then openai/c, openai/d, groq/a, groq/b",
            ),
            (
                "b",
                "groq/b (key from MY_KEY), then groq/a, openai/c, openai/d",
            ),
        ] {
            let mut providers = all();
            put_first(&mut providers, model).unwrap();
            assert_eq!(told(providers), expected);
        }
        for model in ["z", "sonnet", "anthropic/c"] {
            let error = put_first(&mut all(), model).unwrap_err();
            assert!(error.contains("groq, openai"), "{error}");
        }
        let mut one = vec![some("groq", &["a"])];
        put_first(&mut one, "z/z").unwrap();
        assert_eq!(told(one), "groq/z/z (key from MY_KEY), then groq/a");
        assert!(told(Vec::new()).starts_with("none: set ANTHROPIC_API_KEY"));
    }
}
