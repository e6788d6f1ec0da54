//! A configuration with faults: all of them are told, by whoever would start with it, and nothing was bound, made or printed before.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use crate::support::{Home, stderr, stdout};

/// A fault in each thing that a start needs.
const WRONG: &str = r#"
[gateway]
extra_hosts = ["bad host", "bot.example.com"]
database = "/nonexistent/chat.db"
token = "hunter2"
[agent]
model = "openai/x"
workspace = "/dev/null/work"
[providers.groq]
api_key = "gsk-hunter2"
[providers.xai]
api_key = "hunter2"
base_url = "http://llm.example.com:99999"
[mcp.tiny]
command = "sh"
args = ["${TINY_A}", "${TINY_B}"]
[http_fetch]
allow = ["10.0.0.1", "10.0.0.0/99"]
[webhooks.ci]
auth = "bearer"
secret = "hunter2"
[otlp]
endpoint = "http://127.0.0.1:1"
headers = { "a b" = "hunter2" }
[edge]
database_url = "sqlite:/nonexistent/edge.db"
"#;

/// What a gateway says of it, wherever that starts.
const GATEWAYS: [&str; 12] = [
    "smoltbot.toml:8:1: agent.workspace: /dev/null is no directory: name one",
    "smoltbot.toml:4:1: gateway.database: /nonexistent is no directory: make it",
    "smoltbot.toml:5:1: gateway.token: needs at least 16 visible ASCII characters",
    "smoltbot.toml:13:1: providers.xai.base_url: invalid port number: write it like https://",
    "environment variable AI_PROVIDER_PRIORITY: names `zai`, which is not configured; there are groq, xai: take it out, or write [providers.zai]",
    "smoltbot.toml:7:1: agent.model: no provider is known to have openai/x: write PROVIDER/MODEL with one of groq, xai",
    "smoltbot.toml:3:1: gateway.extra_hosts: the extra host `bad host` must be a host name",
    "smoltbot.toml:18:22: http_fetch.allow[1]: `10.0.0.0/99` is no place to fetch from; write a host",
    "smoltbot.toml:16:9: mcp.tiny.args[0]: the environment variable TINY_A is not set: set it",
    "smoltbot.toml:16:22: mcp.tiny.args[1]: the environment variable TINY_B is not set: set it",
    "smoltbot.toml:21:1: webhooks.ci.secret: the secret of the webhooks from `ci` needs at least 16 bytes",
    "smoltbot.toml:24:1: otlp.headers: header without a name: write NAME=VALUE",
];
const EDGES: &str =
    "smoltbot.toml:26:1: edge.database_url: /nonexistent is no directory: make it, or name";

fn configured(toml: &str) -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
    home
}

/// Runs it where both addresses are taken: whoever binds before it looks at its settings says that instead.
fn run(home: &Home, arguments: &[&str]) -> Output {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = home.smoltbot(arguments);
    command
        .env(
            "SMOLTBOT_GATEWAY__LISTEN",
            taken.local_addr().unwrap().to_string(),
        )
        .env(
            "SMOLTBOT_EDGE__LISTEN",
            other.local_addr().unwrap().to_string(),
        )
        .env("AI_PROVIDER_PRIORITY", "zai groq");
    command.output().unwrap()
}

#[test]
fn every_fault_is_told_before_anything_is_bound_made_or_printed() {
    for (arguments, faults) in [
        (&["up"][..], 13),
        (&["up", "--detach"], 13),
        (&["gateway"], 12),
        (&["edge"], 1),
        (&["sidecar"], 1),
    ] {
        let home = configured(WRONG);
        let output = run(&home, arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(
            !said.contains("in use") && !said.contains("hunter2"),
            "{said}"
        );
        if faults > 1 {
            let told = format!("smoltbot: {faults} things are wrong with the configuration:\n");
            assert!(said.contains(&told), "{arguments:?}: {said}");
            for fault in GATEWAYS {
                assert_eq!(
                    said.matches(fault).count(),
                    1,
                    "{arguments:?}: {fault}\n{said}"
                );
            }
        }
        let edge = ["up", "edge"].contains(&arguments[0]);
        assert_eq!(said.matches(EDGES).count(), usize::from(edge), "{said}");
        let otlp = arguments[0] != "edge";
        assert_eq!(
            said.matches(GATEWAYS[11]).count(),
            usize::from(otlp),
            "{said}"
        );
        // No key, no log, no database: only what was there.
        let left: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(left, [home.path().join("smoltbot.toml")], "{arguments:?}");
    }
}

#[test]
fn the_doctor_tells_the_same() {
    let home = configured(WRONG);
    let output = run(&home, &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    for fault in GATEWAYS.iter().chain([&EDGES]) {
        let row = said.lines().find(|line| line.contains(fault));
        let row = row.unwrap_or_else(|| panic!("{fault}\n{said}"));
        assert!(row.starts_with("WRONG config "), "{row}");
    }
    let output = run(&home, &["doctor", "--json"]);
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let wrong = |check: &&Value| check["name"] == "config" && check["ok"] == false;
    assert_eq!(checks.iter().filter(wrong).count(), 13, "{told}");

    // What cannot even be read is told in the same way.
    let home = configured("[gatway]\n[agent]\nthinking = \"very\"\n");
    let output = run(&home, &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let checks = told["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2, "{told}");
    for (check, part) in checks
        .iter()
        .zip(["did you mean \"gateway\"?", "agent.thinking"])
    {
        assert!(check["what"].as_str().unwrap().contains(part), "{told}");
    }
    let good = configured("[agent]\nthinking = \"low\"\n");
    let output = good.run(&["doctor"]);
    assert!(
        stdout(&output).contains("ok    config "),
        "{}",
        stdout(&output)
    );
}

#[test]
fn the_flag_goes_before_a_key_that_is_wrong_and_is_looked_at_too() {
    let home = configured("[edge]\ndatabase_url = \"sqlite:/nonexistent/edge.db\"\n");
    for (url, problem) in [
        (
            "sqlite:/nonexistent/other.db",
            "/nonexistent is no directory",
        ),
        (
            "postgres://u:hunter2@h/d?sslmode=odd",
            "the database's URL cannot be used: sslmode `odd` is none of",
        ),
        ("mysql://u:hunter2@h/d", "is no database URL: write"),
    ] {
        for role in ["up", "edge"] {
            let output = run(&home, &[role, "--database-url", url]);
            let said = stderr(&output);
            assert!(
                said.contains(&format!("--database-url: {problem}"))
                    && !said.contains("edge.database_url: /"),
                "{said}"
            );
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn two_roles_at_one_address_are_told_by_their_keys() {
    let home =
        configured("[sidecar]\nlisten = \"127.0.0.1:1\"\n[edge]\nlisten = \"127.0.0.1:1\"\n");
    let mut command = home.smoltbot(&["up"]);
    command.env("SMOLTBOT_GATEWAY__LISTEN", "127.0.0.1:1");
    command.env_remove("SMOLTBOT_EDGE__LISTEN");
    let output = command.output().unwrap();
    let said = stderr(&output);
    let of = "is 127.0.0.1:1, as edge.listen is: give each an address of its own";
    assert!(
        said.contains(&format!(
            "environment variable SMOLTBOT_GATEWAY__LISTEN: {of}"
        )),
        "{said}"
    );
    assert!(
        said.contains(&format!("smoltbot.toml:2:1: sidecar.listen: {of}")),
        "{said}"
    );
}

#[test]
fn a_misspelt_section_of_a_variable_stops_the_start_and_an_unknown_one_is_warned_of() {
    let home = Home::new();
    let run = |name: &str, arguments: &[&str]| {
        let mut command = home.smoltbot(arguments);
        command
            .env(name, "hunter2-hunter2-hunter2")
            .output()
            .unwrap()
    };
    let wrong = run("SMOLTBOT_GATWAY__TOKEN", &["up"]);
    let said = stderr(&wrong);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        said.contains(
            "SMOLTBOT_GATWAY__TOKEN: there is no section gatway; did you mean SMOLTBOT_GATEWAY__…?"
        ),
        "{said}"
    );
    assert!(
        stdout(&wrong).is_empty() && !said.contains("hunter2"),
        "{said}"
    );
    for (name, hint) in [
        ("SMOLTBOT_FOO__BAR", "config keys are set as"),
        (
            "SMOLTBOT_GATEWAY_TOKEN",
            "did you mean SMOLTBOT_GATEWAY__TOKEN?",
        ),
    ] {
        let checked = run(name, &["check", "exec", r#"{"command":"ls"}"#]);
        let said = stderr(&checked);
        assert!(checked.status.success(), "{said}");
        assert!(said.contains(name) && said.contains(hint), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
