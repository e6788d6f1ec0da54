//! Who has models, and the keys they are asked with.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use smoltbot_config::{ConfigError, DEFAULT_MODELS, KINDS, Provider, Timeouts};

use super::Machine;
use super::operator::error;

fn providers(toml: &str, vars: &[(&str, &str)]) -> Result<Vec<Provider>, ConfigError> {
    let machine = Machine::new(None, vars);
    fs::write(machine.dir.path().join("smoltbot.toml"), toml).expect("a writable directory");
    let config = machine.load().expect("a good configuration");
    config.providers(&machine.env)
}

/// What is wrong with the providers, with the directory taken out.
fn wrong(toml: &str, vars: &[(&str, &str)]) -> String {
    let error = providers(toml, vars).expect_err("a provider that cannot be asked");
    let said = error.to_string();
    let (_, said) = said.split_once("smoltbot.toml:").unwrap_or(("", &said));
    said.to_owned()
}

/// Name, kind, first model, key and where it is from.
fn told(providers: &[Provider]) -> Vec<String> {
    let told = providers.iter().map(|provider| {
        let key = provider.key.as_ref().map_or("-", |key| key.expose());
        let from = provider.key_from.as_deref().unwrap_or("-");
        let url = provider.base_url.as_deref().unwrap_or("-");
        let models = provider.models.join(" ");
        format!(
            "{} {} [{models}] {key} {from} {url}",
            provider.name, provider.kind
        )
    });
    told.collect()
}

#[test]
fn keys_in_the_environment_make_providers() {
    let found = providers(
        "",
        &[
            ("GROQ_API_KEY", "gsk-1"),
            ("ANTHROPIC_OAUTH_TOKEN", " sk-ant-oat01-2 "),
            ("GEMINI_API_KEY", ""),
        ],
    );
    assert_eq!(
        told(&found.unwrap()),
        [
            "anthropic anthropic [claude-sonnet-5-5] sk-ant-oat01-2 ANTHROPIC_OAUTH_TOKEN -",
            "groq groq [llama-3.3-70b-versatile] gsk-1 GROQ_API_KEY -",
        ]
    );
    assert_eq!(providers("", &[]).unwrap(), []);
}

#[test]
fn sections_come_in_order_and_other_keys_stay_unused_unless_asked_for() {
    let file = "[providers.ollama]\nmodel = \"qwen3:8b\"\n[providers.anthropic]\nmodels = [\"claude-b\", \"claude-a\"]\nmodel = \"claude-a\"\ntimeout_seconds = 5\n";
    let keys = [("ANTHROPIC_API_KEY", "sk-1"), ("OPENAI_API_KEY", "sk-2")];
    let found = providers(file, &keys).unwrap();
    let expected = [
        "ollama ollama [qwen3:8b] - - -",
        "anthropic anthropic [claude-a claude-b] sk-1 ANTHROPIC_API_KEY -",
    ];
    assert_eq!(told(&found), expected);
    let usual = Timeouts::default();
    assert_eq!(found[0].timeouts, usual);
    let whole = Duration::from_secs(5);
    assert_eq!(found[1].timeouts, Timeouts { whole, ..usual });

    let asked = [keys[0], keys[1], ("AI_PROVIDER_PRIORITY", "OpenAI, ollama")];
    let found = providers(file, &asked).unwrap();
    assert_eq!(
        told(&found)[2],
        "openai openai [gpt-5.2] sk-2 OPENAI_API_KEY -"
    );
}

#[test]
fn variables_make_and_change_sections() {
    let found = providers(
        "[providers.groq]\napi_key = \"gsk-1\"",
        &[
            ("SMOLTBOT_PROVIDERS__GROQ__API_KEY", "12345"),
            ("SMOLTBOT_PROVIDERS__GROQ__MODELS", "a, b"),
            (
                "SMOLTBOT_PROVIDERS__OPENAI__BASE_URL",
                "http://127.0.0.1:4000/v1/",
            ),
            ("SMOLTBOT_PROVIDERS__OPENAI__TIMEOUT_SECONDS", "7"),
            ("OPENAI_API_KEY", "sk-2"),
        ],
    );
    assert_eq!(
        told(&found.unwrap()),
        [
            "groq groq [a b] 12345 providers.groq.api_key -",
            "openai openai [gpt-5.2] sk-2 OPENAI_API_KEY http://127.0.0.1:4000/v1",
        ]
    );
}

#[test]
fn a_key_may_stand_in_a_variable_or_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    fs::write(&file, "sk-file\n").unwrap();
    let shown = file.display();
    let toml = format!(
        "[providers.office]\nkind = \"compatible\"\nbase_url = \"https://llm.example.com/v1\"\napi_key_file = \"{shown}\"\nmodel = \"m\"\n[providers.xai]\napi_key_env = \"MY_KEY\"\n"
    );
    let found = providers(&toml, &[("MY_KEY", "sk-env"), ("XAI_API_KEY", "other")]);
    assert_eq!(
        told(&found.unwrap()),
        [
            format!("office compatible [m] sk-file {shown} https://llm.example.com/v1"),
            "xai xai [grok-3-mini] sk-env MY_KEY -".to_owned(),
        ]
    );
    assert_eq!(
        wrong(&toml, &[]),
        "7:1: providers.xai.api_key_env: the environment variable MY_KEY is not set: set it to the key"
    );
    for (text, problem) in [
        ("", "does not hold a key"),
        ("two words", "does not hold a key"),
    ] {
        fs::write(&file, text).unwrap();
        let error = wrong(&toml, &[("MY_KEY", "x")]);
        assert!(error.contains(problem) && !error.contains("two"), "{error}");
    }
    fs::write(&file, vec![b'x'; 65 * 1024]).unwrap();
    let error = wrong(&toml, &[("MY_KEY", "x")]);
    assert!(error.contains("is no file with a key in it"), "{error}");
    fs::remove_file(&file).unwrap();
    let error = wrong(&toml, &[("MY_KEY", "x")]);
    assert!(
        error.starts_with("4:1: providers.office.api_key_file: "),
        "{error}"
    );
}

#[test]
fn a_usual_key_is_not_shown_to_another_machine() {
    for (url, shown) in [
        ("https://elsewhere.example.com/v1", false),
        ("http://127.0.0.1.example.com/v1", false),
        ("http://127.0.0.1:1/v1", true),
        ("http://localhost:1", true),
    ] {
        let toml = format!("[providers.openai]\nbase_url = \"{url}\"");
        let found = providers(&toml, &[("OPENAI_API_KEY", "sk-2")]).unwrap();
        assert_eq!(found[0].key.is_some(), shown, "{url}");
    }
}

#[test]
fn ollamas_host_is_read_as_ollama_reads_it() {
    for (host, url) in [
        ("10.0.0.5", "http://10.0.0.5:11434"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("[::1]", "http://[::1]:11434"),
        ("http://box:2/", "http://box:2"),
        ("https://box", "https://box"),
    ] {
        let toml = "[providers.ollama]\nmodel = \"m\"";
        let found = providers(toml, &[("OLLAMA_HOST", host)]).unwrap();
        assert_eq!(found[0].base_url.as_deref(), Some(url), "{host}");
    }
    let toml = "[providers.ollama]\nmodel = \"m\"";
    assert_eq!(
        wrong(toml, &[("OLLAMA_HOST", "ftp://hunter2@x")]),
        "environment variable OLLAMA_HOST: is no server: write it like http://127.0.0.1:11434"
    );
    assert_eq!(
        wrong("[providers.ollama]", &[]),
        "1:12: providers.ollama: has no model: say which one to ask, as in model = \"qwen3:8b\""
    );
    let machine = Machine::new(None, &[("OLLAMA_HOST", "127.0.0.1")]);
    let config = machine.load().unwrap();
    assert!(config.unused_server(&machine.env).is_some());
    assert_eq!(config.providers(&machine.env).unwrap(), []);
}

#[test]
fn who_needs_a_key_has_one() {
    assert_snapshot!(wrong("[providers.groq]", &[]), @"1:12: providers.groq: has no key: write api_key, api_key_env or api_key_file, or set GROQ_API_KEY");
    assert_snapshot!(wrong("[providers.second]\nkind = \"openai\"", &[]), @"1:12: providers.second: has no key: write api_key, api_key_env or api_key_file");
    // A server of one's own may need none.
    let own = "[providers.openai]\nbase_url = \"http://10.0.0.5/v1\"";
    assert_eq!(providers(own, &[]).unwrap()[0].key, None);
}

#[test]
fn every_hosted_kind_has_a_usual_model_and_a_usual_key() {
    for kind in &KINDS[..9] {
        assert!(
            DEFAULT_MODELS.iter().any(|(name, _)| name == kind),
            "{kind}"
        );
        let variable = format!("{}_API_KEY", kind.to_uppercase());
        let found = providers("", &[(&variable, "k")]).unwrap();
        assert_eq!(found[0].name, *kind);
    }
}

#[test]
fn wrong_sections_are_told_at_their_place() {
    let wrong = |toml: &str| error(toml, None, &[]);
    assert_snapshot!(wrong("[providers.office]\nmodel = \"m\""), @"smoltbot.toml:1:12: providers.office: is no provider that is known by its name: say its kind; kinds are anthropic, openai, openrouter, groq, deepseek, gemini, mistral, xai, together, ollama, lmstudio, vllm, llamacpp, compatible, and compatible is whoever else speaks OpenAI's API");
    assert_snapshot!(wrong("[providers.office]\nkind = \"opnai\""), @r#"smoltbot.toml:2:1: providers.office.kind: "opnai" is no kind of provider; kinds are anthropic, openai, openrouter, groq, deepseek, gemini, mistral, xai, together, ollama, lmstudio, vllm, llamacpp, compatible, and compatible is whoever else speaks OpenAI's API"#);
    assert_snapshot!(wrong("[providers.office]\nkind = \"compatible\""), @"smoltbot.toml:1:12: providers.office: has no base_url: say where it is, as in https://llm.example.com/v1");
    assert_snapshot!(wrong("[providers.Office]\nkind = \"openai\""), @r#"smoltbot.toml:1:2: providers: "Office" is no provider's name: write up to 64 small letters, digits, - and _"#);
    assert_snapshot!(wrong("[providers.groq]\napikey = \"gsk-hunter2\""), @r#"smoltbot.toml:2:1: providers.groq.apikey: unknown key; did you mean "api_key"?; known keys are kind, api_key, api_key_env, api_key_file, base_url, model, models, connect_timeout_seconds, first_byte_timeout_seconds, idle_timeout_seconds, timeout_seconds"#);
    assert_snapshot!(wrong("[providers.groq]\napi_key = 5"), @"smoltbot.toml:2:1: providers.groq.api_key: expected a text that is not empty");
    assert_snapshot!(wrong("[providers.groq]\napi_key = \"gsk-hunter2\"\napi_key_env = \"X\""), @"smoltbot.toml:1:12: providers.groq: has several keys: leave one of api_key, api_key_env and api_key_file");
    assert_snapshot!(wrong("[providers.groq]\nmodels = \"a\""), @r#"smoltbot.toml:2:1: providers.groq.models: invalid type: string "a", expected a list"#);
    assert_snapshot!(wrong("[providers.groq]\nmodel = \"\""), @r#"smoltbot.toml:1:12: providers.groq: "" is no model's name"#);
    assert_snapshot!(wrong("[providers.groq]\nidle_timeout_seconds = 0"), @"smoltbot.toml:2:1: providers.groq.idle_timeout_seconds: 0 is out of range: write 1 to 86400 seconds");
    assert_snapshot!(wrong("[providers.groq]\nbase_url = \"https://me:hunter2@x\""), @"smoltbot.toml:2:1: providers.groq.base_url: holds a user name or a password; the key belongs into api_key");
    assert_snapshot!(wrong("[providers.groq]\nbase_url = \"api.groq.com\""), @r#"smoltbot.toml:2:1: providers.groq.base_url: "api.groq.com" is no base URL: write it like https://llm.example.com/v1"#);
    assert_snapshot!(wrong("[providers]\ngroq = 5"), @"smoltbot.toml:2:1: providers.groq: invalid type: integer `5`, expected a table");
    assert_snapshot!(wrong("providers = 5"), @"smoltbot.toml:1:1: providers: invalid type: integer `5`, expected a table of providers by name");
    assert_snapshot!(error("", None, &[("SMOLTBOT_PROVIDERS__GROQ__API_KYE", "hunter2")]), @r#"environment variable SMOLTBOT_PROVIDERS__GROQ__API_KYE: unknown key; did you mean "api_key"?; known keys are kind, api_key, api_key_env, api_key_file, base_url, model, models, connect_timeout_seconds, first_byte_timeout_seconds, idle_timeout_seconds, timeout_seconds"#);
    assert_snapshot!(error("", None, &[("SMOLTBOT_PROVIDERS__GROQ", "hunter2")]), @"environment variable SMOLTBOT_PROVIDERS__GROQ: names no key: write it like SMOLTBOT_PROVIDERS__GROQ__KEY, with a name of its own before the key");
}
