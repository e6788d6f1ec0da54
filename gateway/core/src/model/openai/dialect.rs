//! Who speaks OpenAI's API, and in which ways they differ.
//!
//! What is here was read in the providers' own references; each field says what differs.

use crate::model::{Request, Thinking};

/// How a provider is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// `reasoning_effort`, for models whose names contain or (with `^`) begin with one of these; others refuse it.
    Named(&'static [&'static str]),
    /// `reasoning: {effort}` for every model; it leaves out what a model can't.
    Reasoning,
    /// `thinking: {type}`.
    Switch,
}

/// The ways of one provider.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one way in which providers differ, by itself"
)]
pub struct Dialect {
    /// Its name in the config.
    pub name: &'static str,
    /// Where it is; none for servers of one's own.
    pub base_url: Option<&'static str>,
    /// Whether it can't be asked without a key.
    pub needs_key: bool,
    /// How the limit of an answer is called.
    pub(super) max_tokens: &'static str,
    /// Whether it takes `stream_options`; who doesn't, tells the usage unasked.
    pub(super) stream_options: bool,
    pub(super) effort: Effort,
    /// Whether models that think refuse `temperature`, `top_p` and `stop`.
    pub(super) strict_thinkers: bool,
    /// Whether ids of calls must be nine letters or digits.
    pub(super) short_ids: bool,
    /// Whether thoughts that led to a call are sent back with it.
    pub(super) returns_thoughts: bool,
    /// Whether a call carries a seal over the thoughts that led to it, and is refused without.
    pub(super) seals_calls: bool,
    /// Whether it holds its models to a format of their answers, also where they have tools.
    pub(super) formats: bool,
    /// Whether it tells details of thoughts that must come back unchanged.
    pub(super) returns_details: bool,
}

/// What most servers do.
const PLAIN: Dialect = Dialect {
    name: "compatible",
    base_url: None,
    needs_key: false,
    max_tokens: "max_tokens",
    stream_options: true,
    effort: Effort::Named(&["gpt-oss"]),
    strict_thinkers: false,
    short_ids: false,
    returns_thoughts: false,
    seals_calls: false,
    returns_details: false,
    formats: false,
};

const fn hosted(name: &'static str, base_url: &'static str) -> Dialect {
    Dialect {
        name,
        base_url: Some(base_url),
        needs_key: true,
        ..PLAIN
    }
}

const fn local(name: &'static str, base_url: &'static str) -> Dialect {
    Dialect {
        name,
        base_url: Some(base_url),
        ..PLAIN
    }
}

static DIALECTS: [Dialect; 12] = [
    Dialect {
        max_tokens: "max_completion_tokens",
        effort: Effort::Named(&["^o1", "^o3", "^o4", "^gpt-5", "^gpt-6", "^codex"]),
        strict_thinkers: true,
        formats: true,
        ..hosted("openai", "https://api.openai.com/v1")
    },
    Dialect {
        effort: Effort::Reasoning,
        returns_details: true,
        ..hosted("openrouter", "https://openrouter.ai/api/v1")
    },
    Dialect {
        max_tokens: "max_completion_tokens",
        ..hosted("groq", "https://api.groq.com/openai/v1")
    },
    Dialect {
        effort: Effort::Switch,
        returns_thoughts: true,
        ..hosted("deepseek", "https://api.deepseek.com")
    },
    Dialect {
        effort: Effort::Named(&["^gemini-2.5", "^gemini-3", "^gemini-4"]),
        seals_calls: true,
        ..hosted(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        )
    },
    Dialect {
        stream_options: false,
        effort: Effort::Named(&[]),
        short_ids: true,
        ..hosted("mistral", "https://api.mistral.ai/v1")
    },
    Dialect {
        effort: Effort::Named(&["^grok-3-mini"]),
        ..hosted("xai", "https://api.x.ai/v1")
    },
    hosted("together", "https://api.together.xyz/v1"),
    local("lmstudio", "http://127.0.0.1:1234/v1"),
    local("vllm", "http://127.0.0.1:8000/v1"),
    local("llamacpp", "http://127.0.0.1:8080/v1"),
    PLAIN,
];

impl Dialect {
    /// Everybody that is known, and last `compatible` for all others, which needs a base URL.
    pub fn all() -> &'static [Self] {
        &DIALECTS
    }

    /// The ways of the provider of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.name == name)
    }

    /// Whether this model thinks, as far as its name tells.
    pub(super) fn thinks(&self, model: &str) -> bool {
        match self.effort {
            // A model of a maker's (`openai/gpt-oss-20b`) goes by its own name.
            Effort::Named(names) => {
                let own = model.rsplit('/').next().unwrap_or(model);
                let chat = own.starts_with("gpt-5") && own.contains("-chat");
                !chat
                    && names.iter().any(|name| match name.strip_prefix('^') {
                        Some(start) => own.starts_with(start),
                        None => own.contains(name),
                    })
            }
            Effort::Reasoning | Effort::Switch => true,
        }
    }

    /// Whether the sampling of this request is left to the model.
    pub(super) fn refuses_sampling(&self, request: &Request) -> bool {
        self.strict_thinkers && self.thinks(&request.model)
    }
}

/// A level in the words that all who take levels know.
pub(super) fn effort(level: Thinking) -> &'static str {
    match level {
        Thinking::Off | Thinking::Minimal | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High | Thinking::Xhigh => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_thinks_goes_by_the_name_of_the_model() {
        for (provider, model, thinks) in [
            ("openai", "o3-mini", true),
            ("openai", "gpt-5.2", true),
            ("openai", "gpt-5-chat-latest", false),
            ("openai", "gpt-4o", false),
            ("groq", "openai/gpt-oss-120b", true),
            ("groq", "llama-3.3-70b-versatile", false),
            ("gemini", "gemini-2.5-flash", true),
            ("gemini", "gemini-2.0-flash", false),
            ("mistral", "magistral-medium", false),
            ("openrouter", "anything/at-all:free", true),
            ("compatible", "gpt-oss:20b", true),
        ] {
            let dialect = Dialect::named(provider).unwrap();
            assert_eq!(dialect.thinks(model), thinks, "{provider}/{model}");
        }
    }

    #[test]
    fn every_name_is_there_once_and_every_url_is_one() {
        for (at, dialect) in Dialect::all().iter().enumerate() {
            assert_eq!(Dialect::named(dialect.name), Some(&DIALECTS[at]));
            if let Some(url) = dialect.base_url {
                assert!(reqwest::Url::parse(url).is_ok(), "{url}");
                assert!(!url.ends_with('/'));
                assert_eq!(url.starts_with("https://"), dialect.needs_key, "{url}");
            }
        }
        assert_eq!(Dialect::named("nobody"), None);
    }
}
