//! `smoltbot.toml`: the operator's file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use smoltbot_config::{KINDS, PublishLevel, WebhookAuth};

use super::Machine;

/// A home with `toml` as the operator's file and `json` beside it.
fn machine(toml: &str, json: Option<&str>, vars: &[(&str, &str)]) -> Machine {
    let machine = Machine::new(json, vars);
    let file = machine.dir.path().join("smoltbot.toml");
    fs::write(file, toml).expect("a writable directory");
    machine
}

/// The error's words, with the directory taken out.
pub(super) fn error(toml: &str, json: Option<&str>, vars: &[(&str, &str)]) -> String {
    let machine = machine(toml, json, vars);
    let error = machine.load().expect_err("a bad configuration");
    let directory = format!("{}/", machine.dir.path().display());
    error.to_string().replace(&directory, "")
}

#[test]
fn both_files_count_and_variables_go_before_them() {
    let machine = machine(
        "[gateway]\nlisten = \"127.0.0.1:1\"\nextra_hosts = [\"bot.example.com\"]\n[publish.tools]\nexec = \"none\"\n",
        Some(r#"{"gateway": {"token": "a-long-token"}, "publish": {"tools": {"read": "full"}}}"#),
        &[
            ("SMOLTBOT_GATEWAY__LISTEN", "127.0.0.1:2"),
            ("SMOLTBOT_AGENT__CONTEXT_TOKENS", "5000"),
        ],
    );
    let config = machine.load().unwrap();
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.gateway.token.unwrap().expose(), "a-long-token");
    assert_eq!(config.gateway.extra_hosts, ["bot.example.com"]);
    assert_eq!(config.publish.tools["exec"], PublishLevel::None);
    assert_eq!(config.publish.tools["read"], PublishLevel::Full);
    assert_eq!(config.agent.context_tokens, 5000);
}

#[test]
fn errors_name_file_line_column_and_key() {
    let wrong = |toml: &str| error(toml, None, &[]);
    assert_snapshot!(wrong("[gateway]\n\n  listne = \"127.0.0.1:1\"\n"), @r#"smoltbot.toml:3:3: gateway.listne: unknown key; did you mean "listen"?; known keys are listen, token, extra_hosts, database"#);
    assert_snapshot!(wrong("[gatway]\nlisten = 5\n"), @r#"smoltbot.toml:1:2: gatway: unknown key; did you mean "gateway"?; known keys are gateway, agent, providers, http_fetch, mcp, webhooks, sidecar, edge, conscience, publish, spool, otlp"#);
    assert_snapshot!(wrong("# é\nedge = { limit_per_minute = \"many\" }"), @r#"smoltbot.toml:2:10: edge.limit_per_minute: invalid type: string "many", expected a whole number from 0 to 4294967295"#);
    assert_snapshot!(wrong("edge = 5"), @"smoltbot.toml:1:1: edge: invalid type: integer `5`, expected a table");
    assert_snapshot!(wrong("[spool]\nmax_bytes = 2026-11-22"), @"smoltbot.toml:2:13: spool.max_bytes: is a date: write text in quotation marks");
    assert_snapshot!(wrong("[spool]\nmax_bytes = inf"), @"smoltbot.toml:2:13: spool.max_bytes: is no number: write one with digits");
    assert_snapshot!(wrong("agentId = \"x\""), @"smoltbot.toml:1:1: agentId: belongs to the identity, which `smoltbot init` writes into config.json: take it out");
    assert_snapshot!(wrong("[agent]\nthinking = \"very\""), @r#"smoltbot.toml:2:1: agent.thinking: "very" is no level of thinking: use one of off, minimal, low, medium, high, xhigh"#);
    assert_snapshot!(wrong("[agent]\ncontext_tokens = 10"), @"smoltbot.toml:2:1: agent.context_tokens: 10 is out of range: write 4000 to 10000000 tokens");
    assert_snapshot!(wrong("[agent]\nmodel = \"my model\""), @r#"smoltbot.toml:2:1: agent.model: "my model" is no model's name: write it like anthropic/claude-opus-5-5"#);
    assert_snapshot!(wrong("[gateway]\nextra_hosts = [\"a\", 5]"), @"smoltbot.toml:2:21: gateway.extra_hosts[1]: invalid type: integer `5`, expected a string");
    assert_snapshot!(wrong("[gateway]\ndatabase = \"gateway.db\""), @r#"smoltbot.toml:2:1: gateway.database: "gateway.db" is no absolute path: begin it with /"#);
}

#[test]
fn what_is_no_toml_is_said_with_its_place() {
    let wrong = |toml: &str| error(toml, None, &[]);
    assert_snapshot!(wrong("[gateway]\nlisten = 127.0.0.1:1\n"), @"smoltbot.toml:2:15: is not TOML: invalid float; text stands in quotation marks");
    assert_snapshot!(wrong("[gateway\n"), @"smoltbot.toml:1:9: is not TOML: unclosed table, expected `]`");
    assert_snapshot!(wrong("{\"gateway\": {}}"), @"smoltbot.toml:1:1: is not TOML: invalid key-value pair, expected key");
    assert_snapshot!(wrong("[gateway]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n"), @"smoltbot.toml:3:1: listen: is there twice: take one out");
    assert_snapshot!(wrong("[edge]\n[gateway]\n[edge]\n"), @"smoltbot.toml:3:2: edge: is there twice: take one out");
    let machine = Machine::new(None, &[]);
    fs::write(machine.dir.path().join("smoltbot.toml"), b"[edge]\n\xff").unwrap();
    let error = machine.load().unwrap_err().to_string();
    assert!(
        error.ends_with("smoltbot.toml:2:1: is not UTF-8: save the file as UTF-8"),
        "{error}"
    );
}

#[test]
fn a_key_in_both_files_is_told_with_both_places() {
    let json = "{\n  \"gateway\": {\"listen\": \"127.0.0.1:1\"}}";
    assert_snapshot!(error("[gateway]\nlisten = \"127.0.0.1:1\"", Some(json), &[]), @"smoltbot.toml:2:1: gateway.listen: stands in config.json:2:15 too: take one of them out");
    assert_snapshot!(error("edge = 5", Some("{\"edge\": {}}"), &[]), @"smoltbot.toml:1:1: edge: stands in config.json:1:2 too: take one of them out");
}

#[test]
fn errors_are_told_at_the_file_that_has_them() {
    let json = "{\"edge\": {\"limit_per_minute\": \"many\"}}";
    assert_snapshot!(error("[edge]\nlimit_ip_per_minute = 1", Some(json), &[]), @r#"config.json:1:11: edge.limit_per_minute: invalid type: string "many", expected a whole number from 0 to 4294967295"#);
}

#[test]
fn a_secret_that_others_can_read_is_warned_of() {
    let machine = machine("[providers.groq]\napi_key = \"gsk-hunter2\"", None, &[]);
    let home = machine.dir.path();
    let file = home.join("smoltbot.toml");
    let allow = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&file, 0o644);
    allow(home, 0o755);
    let warnings = machine.load().unwrap().warnings;
    assert_eq!(
        warnings,
        [format!(
            "{file}: other users of this machine can read providers.groq.api_key: run `chmod 600 {file}`",
            file = file.display()
        )]
    );
    allow(&file, 0o600);
    assert_eq!(machine.load().unwrap().warnings, Vec::<String>::new());
    // Nobody else gets to it.
    allow(&file, 0o644);
    allow(home, 0o700);
    assert_eq!(machine.load().unwrap().warnings, Vec::<String>::new());
    allow(home, 0o755);
    fs::write(&file, "[spool]\nmax_bytes = 1048576").unwrap();
    assert_eq!(machine.load().unwrap().warnings, Vec::<String>::new());
}

/// The sample with its defaults, and with its examples as well if `examples`, out of their comments.
fn sample(examples: bool) -> String {
    let sample = include_str!("../../samples/smoltbot.toml");
    let lines = sample.lines().map(|line| {
        if let Some(example) = line.strip_prefix("# e.g. ") {
            return if examples { example } else { "" };
        }
        let default = line.strip_prefix('#');
        default
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
            .unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_samples_defaults_are_the_defaults() {
    let machine = machine(&sample(false), None, &[]);
    let said = format!("{:?}", machine.load().unwrap());
    fs::remove_file(machine.dir.path().join("smoltbot.toml")).unwrap();
    let unsaid = format!("{:?}", machine.load().unwrap());
    assert_eq!(said, unsaid);
    assert!(
        sample(false).matches(" = ").count() >= 15,
        "defaults are shown"
    );
}

#[test]
fn the_sample_has_every_key_of_every_section() {
    let text = sample(true);
    let config = machine(&text, None, &[("MY_OPENROUTER_KEY", "x")]);
    config.load().unwrap();
    // What a section knows, it says itself.
    let known = |toml: &str| -> Vec<String> {
        let error = error(toml, None, &[]);
        let (_, known) = error.split_once("known keys are ").expect("a list of keys");
        known.split(", ").map(str::to_owned).collect()
    };
    let mut sections = known("zzz = 1");
    assert_eq!(sections.len(), 12, "{sections:?}");
    sections.retain(|section| !["providers", "webhooks", "mcp"].contains(&section.as_str()));
    let part = |start: &str| -> String {
        let parts = text.split("\n[").filter(|part| part.starts_with(start));
        parts.collect::<Vec<_>>().join("\n")
    };
    for section in sections {
        let there = part(&format!("{section}]"));
        for key in known(&format!("[{section}]\nzzz = 1")) {
            assert!(
                there.contains(&format!("\n{key} = ")),
                "the sample lacks {section}.{key}"
            );
        }
    }
    for (start, example) in [
        ("providers.", "groq"),
        ("webhooks.", "github"),
        ("mcp.", "files"),
    ] {
        let there = part(start);
        for key in known(&format!("[{start}{example}]\nzzz = 1")) {
            assert!(
                there.contains(&format!("\n{key} = ")),
                "the sample lacks {start}NAME.{key}"
            );
        }
    }
    for kind in KINDS {
        assert!(text.contains(kind), "the sample lacks the kind {kind}");
    }
}

#[test]
fn the_page_of_the_configuration_holds_the_sample() {
    let page = include_str!("../../../docs/configuration.md");
    let sample = include_str!("../../samples/smoltbot.toml");
    assert!(
        page.contains(&format!("```toml\n{sample}```\n")),
        "docs/configuration.md differs from config/samples/smoltbot.toml: copy that into it"
    );
}

#[test]
fn webhooks_and_places_to_fetch_from_are_read() {
    let toml = "[http_fetch]\nallow = [\"wiki.lan:8080\"]\n[webhooks.github]\nauth = \"hmac-sha256\"\nsecret = \"hunter2\"\n";
    let config = machine(
        toml,
        None,
        &[
            ("SMOLTBOT_WEBHOOKS__CI__AUTH", "bearer"),
            ("SMOLTBOT_WEBHOOKS__CI__SECRET", "1"),
        ],
    )
    .load()
    .unwrap();
    assert_eq!(config.http_fetch.allow, ["wiki.lan:8080"]);
    let told: Vec<_> = config
        .webhooks
        .iter()
        .map(|one| (one.name.as_str(), one.auth))
        .collect();
    assert_eq!(
        told,
        [
            ("github", Some(WebhookAuth::HmacSha256)),
            ("ci", Some(WebhookAuth::Bearer))
        ]
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    let wrong = |toml: &str| error(toml, None, &[]);
    assert_snapshot!(wrong("[webhooks.github]\nsecret = \"hunter2\""), @r#"smoltbot.toml:1:11: webhooks.github: has no auth: write "hmac-sha256" or "bearer""#);
    assert_snapshot!(wrong("[webhooks.github]\nauth = \"bearer\""), @"smoltbot.toml:1:11: webhooks.github: has no secret; give it a long random text");
    assert_snapshot!(wrong("[webhooks.github]\nauth = \"basic\""), @r#"smoltbot.toml:2:1: webhooks.github.auth: "basic" is neither hmac-sha256 nor bearer"#);
    assert_snapshot!(wrong("[webhooks.\"a/b\"]\nauth = \"bearer\""), @r#"smoltbot.toml:1:2: webhooks: "a/b" is no source's name: write up to 64 small letters, digits, - and _"#);
}
