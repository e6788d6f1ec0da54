//! More than one thing is wrong: each of them is told, once and at its place.

use std::fs;

use insta::assert_snapshot;

use super::operator::error;
use super::{Machine, load};

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let toml = "\
[gatway]
listen = \"127.0.0.1:1\"
[gateway]
listne = \"127.0.0.1:1\"
extra_hosts = [\"a\", 5, 6]
[agent]
model = \"my model\"
[providers.groq]
kind = 5
[providers.office]
model = \"m\"
[mcp.files]
[mcp.more]
command = \"x\"
timeout = 5
[webhooks.ci]
auth = \"bearer\"
";
    let vars = [
        ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "many"),
        ("SMOLTBOT_PUBLISH__LEVL", "none"),
        ("SMOLTBOT_MCP__FILES", "x"),
        ("SMOLTBOT_BATCH_SIZE", "0"),
        ("SMOLTBOT_API_URL", "x"),
    ];
    assert_snapshot!(error(toml, Some("{\"agentId\": \"x\"}"), &vars), @r#"
    15 things are wrong with the configuration:
      smoltbot.toml:1:2: gatway: unknown key; did you mean "gateway"?; known keys are gateway, agent, providers, http_fetch, mcp, webhooks, sidecar, edge, conscience, publish, spool, otlp
      environment variable SMOLTBOT_MCP__FILES: names no key: write it like SMOLTBOT_MCP__FILES__KEY, with a name of its own before the key
      smoltbot.toml:4:1: gateway.listne: unknown key; did you mean "listen"?; known keys are listen, token, extra_hosts, database
      smoltbot.toml:5:21: gateway.extra_hosts[1]: invalid type: integer `5`, expected a string
      smoltbot.toml:7:1: agent.model: "my model" is no model's name: write it like anthropic/claude-opus-5-5
      smoltbot.toml:9:1: providers.groq.kind: invalid type: integer `5`, expected a string
      smoltbot.toml:15:1: mcp.more.timeout: unknown key; known keys are enabled, command, args, env, cwd, url, headers, start_timeout_seconds, call_timeout_seconds
      environment variable SMOLTBOT_EDGE__LIMIT_PER_MINUTE: invalid type: string "many", expected a whole number from 0 to 4294967295
      environment variable SMOLTBOT_PUBLISH__LEVL: unknown key; did you mean "level"?; known keys are level, tools, pii
      smoltbot.toml:10:12: providers.office: is no provider that is known by its name: say its kind; kinds are anthropic, openai, openrouter, groq, deepseek, gemini, mistral, xai, together, ollama, lmstudio, vllm, llamacpp, compatible, and compatible is whoever else speaks OpenAI's API
      smoltbot.toml:16:11: webhooks.ci: has no secret; give it a long random text
      smoltbot.toml:12:6: mcp.files: has neither a command to start nor a url: write one of them
      config.json:1:1: createdAt: is missing: agentId, createdAt and version go together, and `smoltbot init` writes them
      environment variable SMOLTBOT_BATCH_SIZE: "0" is out of range: use 1 to 500 traces
      environment variable SMOLTBOT_API_URL: is no URL: begin it with http:// or https://, such as http://127.0.0.1:8787
    "#);
}

#[test]
fn what_is_wrong_only_because_of_something_else_is_not_told() {
    // Without its kind, nobody would know the provider; without its auth, the source would have none.
    let toml = "[providers.office]\nkind = 5\n[webhooks.ci]\nauth = 5\n[mcp.a]\ncommand = 5\n";
    let said = error(toml, Some("{\"agentId\": 5, \"version\": \"1\"}"), &[]);
    assert_snapshot!(said, @r#"
    4 things are wrong with the configuration:
      smoltbot.toml:2:1: providers.office.kind: invalid type: integer `5`, expected a string
      smoltbot.toml:4:1: webhooks.ci.auth: invalid type: integer `5`, expected a string
      smoltbot.toml:6:1: mcp.a.command: invalid type: integer `5`, expected a string
      config.json:1:2: agentId: invalid type: integer `5`, expected a string
    "#);
}

#[test]
fn a_value_at_every_place_of_a_file_may_be_wrong() {
    // However it is wrong, reading comes to an end, and every fault has its own words.
    for json in [
        "{\"providers\": {\"a\": []}, \"mcp\": 5, \"webhooks\": [1]}",
        "{\"publish\": {\"tools\": {\"a\": {\"b\": [{}]}}}}",
        "{\"edge\": [[1, {\"a\": 2}]], \"\": 1, \"a.b\": {\"c\": 3}}",
    ] {
        let machine = Machine::new(Some(json), &[]);
        let faults = machine.load().unwrap_err().each();
        let mut said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let all = said.len();
        said.dedup();
        assert_eq!(said.len(), all, "{said:?}");
    }
}

#[test]
fn a_misspelt_section_of_a_variable_is_wrong_and_one_of_somebody_else_is_not() {
    let wrong = |name: &str| error("", None, &[(name, "x")]);
    assert_snapshot!(wrong("SMOLTBOT_GATWAY__TOKEN"), @r#"environment variable SMOLTBOT_GATWAY__TOKEN: there is no section gatway; did you mean SMOLTBOT_GATEWAY__…? Sections are gateway, agent, providers, http_fetch, mcp, webhooks, sidecar, edge, conscience, publish, spool, otlp"#);
    for name in [
        "SMOLTBOT_CONSCIENSE__PACKS",
        "SMOLTBOT_EGDE__LISTEN",
        "SMOLTBOT_PROVIDER__GROQ__API_KEY",
    ] {
        assert!(wrong(name).contains("did you mean SMOLTBOT_"), "{name}");
    }
    let config = load(
        "{}",
        &[
            ("SMOLTBOT_BATCHSIZE", "5"),
            ("SMOLTBOT_FOO__BAR", "1"),
            ("SMOLTBOT_GATEWAY_TOKEN", "hunter2"),
            // As Kubernetes names a service to everything that runs beside it.
            ("SMOLTBOT_SERVICE_HOST", "10.0.0.1"),
        ],
    );
    assert_eq!(
        config.warnings,
        [
            "environment variable SMOLTBOT_BATCHSIZE means nothing to smoltbot; did you mean SMOLTBOT_BATCH_SIZE?",
            "environment variable SMOLTBOT_FOO__BAR means nothing to smoltbot; config keys are set as SMOLTBOT_<SECTION>__<KEY>",
            "environment variable SMOLTBOT_GATEWAY_TOKEN means nothing to smoltbot; did you mean SMOLTBOT_GATEWAY__TOKEN?",
            "environment variable SMOLTBOT_SERVICE_HOST means nothing to smoltbot; config keys are set as SMOLTBOT_<SECTION>__<KEY>",
        ]
    );
}

#[test]
fn what_providers_and_servers_lack_is_told_all_of_it() {
    let toml = "\
[providers.groq]
[providers.xai]
api_key_env = \"MY_KEY\"
[mcp.files]
command = \"x\"
args = [\"${A}\", \"${B}\"]
[mcp.web]
url = \"https://example.com/${C}\"
headers = { k = \"${A}\" }
";
    let machine = Machine::new(None, &[("SMOLTBOT_PROVIDERS__OLLAMA__KIND", "ollama")]);
    fs::write(machine.dir.path().join("smoltbot.toml"), toml).unwrap();
    let config = machine.load().unwrap();
    let directory = format!("{}/", machine.dir.path().display());
    let said = config.providers(&machine.env).unwrap_err().to_string();
    assert_snapshot!(said.replace(&directory, ""), @r#"
    3 things are wrong with the configuration:
      smoltbot.toml:1:12: providers.groq: has no key: write api_key, api_key_env or api_key_file, or set GROQ_API_KEY
      smoltbot.toml:3:1: providers.xai.api_key_env: the environment variable MY_KEY is not set: set it to the key
      environment variable SMOLTBOT_PROVIDERS__OLLAMA__KIND: providers.ollama: has no model: say which one to ask, as in model = "qwen3:8b"
    "#);
    let said = config.mcp_servers().unwrap_err();
    let said: Vec<String> = said.iter().map(ToString::to_string).collect();
    assert_snapshot!(said.join("\n").replace(&directory, ""), @r#"
    smoltbot.toml:6:9: mcp.files.args[0]: the environment variable A is not set: set it where the gateway is started
    smoltbot.toml:6:17: mcp.files.args[1]: the environment variable B is not set: set it where the gateway is started
    smoltbot.toml:8:1: mcp.web.url: the environment variable C is not set: set it where the gateway is started
    smoltbot.toml:9:13: mcp.web.headers.k: the environment variable A is not set: set it where the gateway is started
    "#);
    assert_eq!(
        config.fault("gateway.database", "is odd").to_string(),
        "gateway.database: is odd",
        "nobody has said it"
    );
}
