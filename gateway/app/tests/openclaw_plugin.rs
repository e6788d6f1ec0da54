//! `OpenClaw`'s plugin, its real files in a real Node.js, where no `OpenClaw` is needed to tell: who judges, and what happens
//! when nobody does. What a real `OpenClaw` does with it is tried by `cargo xtask test --peers`.

mod support;

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Home, Up};

/// Registers the plugin as often as `OpenClaw` does, has each registration's hook fire at once, and prints what they answer.
const SCRIPT: &str = r#"
const [plugin, config, command] = process.argv.slice(1);
const { default: smoltbot } = await import(plugin);
const hooks = [];
const api = { pluginConfig: JSON.parse(config), on: (name, hook) => name === "before_tool_call" && hooks.push(hook) };
for (let times = 0; times < 3; times += 1) smoltbot.register(api);
const event = { toolName: "exec", params: { command }, runId: "r", toolCallId: command };
const began = performance.now();
const answers = await Promise.all(hooks.map((hook) => hook(event, { sessionId: "s" })));
console.log(JSON.stringify({ answers: answers.map((answer) => answer ?? null), ms: performance.now() - began }));
process.exit(0);
"#;

/// No program: what is answered comes from the sidecar, or from nobody.
const NO_PROGRAM: &str = "/nonexistent/smoltbot";
/// Longer than any verdict takes, on any machine.
const PATIENT_MS: u32 = 12_000;

fn before(config: &Value, command: &str) -> (Vec<Value>, f64) {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../trace-plugin/openclaw/index.js");
    let output = Command::new("node")
        .args(["--input-type=module", "--eval", SCRIPT])
        .arg(plugin.canonicalize().expect("the plugin is there"))
        .args([&config.to_string(), command])
        .env_remove("SMOLTBOT_HOME")
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let answers = found["answers"].as_array().expect("answers").clone();
    assert_eq!(answers.len(), 3);
    (answers, found["ms"].as_f64().expect("a time"))
}

#[test]
fn the_sidecar_is_found_though_its_home_has_a_long_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = directory.path().join("l".repeat(120));
    let home = Home::new();
    let mut up = home.smoltbot(&["up"]);
    up.env("SMOLTBOT_HOME", &long);
    let up = Up::start(up);
    let told = std::fs::read_to_string(long.join("sidecar.path")).expect("it says where");
    assert!(
        told.trim().len() <= 100 && !told.starts_with(long.to_str().expect("UTF-8")),
        "{told}"
    );
    let config = json!({"home": long, "command": NO_PROGRAM, "budgetMs": PATIENT_MS});
    let (answers, _) = before(&config, "rm -rf /");
    for answer in answers {
        assert_eq!(answer["block"], true);
        let reason = answer["blockReason"].as_str().expect("a reason");
        assert!(reason.contains("smoltbot rule fs.delete.root"), "{reason}");
    }
    assert_eq!(
        before(&config, "ls").0,
        [Value::Null, Value::Null, Value::Null]
    );
    up.kill();
}

#[test]
fn where_nobody_judges_the_card_decides_unless_the_operator_does() {
    let home = tempfile::tempdir().expect("a directory");
    let card = |text: &str| std::fs::write(home.path().join("card.json"), text).expect("written");
    let blocked = |more: &Value| {
        let mut config = json!({"home": home.path(), "command": NO_PROGRAM});
        for (key, value) in more.as_object().expect("an object") {
            config[key] = value.clone();
        }
        let (answers, _) = before(&config, "ls");
        answers.iter().all(|answer| {
            let reason = answer["blockReason"].as_str().unwrap_or_default();
            reason.contains("could not judge") && reason.contains(NO_PROGRAM)
        })
    };
    assert!(blocked(&json!({})), "no card enforces");
    for (text, enforces) in [
        ("not json", true),
        (r#"{"autonomy_mode":"enforce"}"#, true),
        (r#"{"autonomy_mode":"observe"}"#, false),
        (r#"{"autonomy_mode":"off"}"#, false),
        ("{}", false),
    ] {
        card(text);
        assert_eq!(blocked(&json!({})), enforces, "{text}");
    }
    assert!(blocked(&json!({"onFailure": "block"})));
    card("not json");
    assert!(!blocked(&json!({"onFailure": "allow"})));
}

#[test]
fn a_sidecar_that_hangs_holds_nobody_up_for_longer_than_the_budget() {
    let home = tempfile::tempdir().expect("a directory");
    // It is connected to, and says nothing.
    let _silent = UnixListener::bind(home.path().join("sidecar.sock")).expect("bound");
    let config = json!({"home": home.path(), "command": NO_PROGRAM, "budgetMs": 300});
    let (answers, took) = before(&config, "ls");
    assert_eq!(answers[0]["block"], true);
    let reason = answers[0]["blockReason"].as_str().expect("a reason");
    assert!(reason.contains("no verdict within 300 ms"), "{reason}");
    // Far less than what OpenClaw would wait, on a machine that is busy.
    assert!((250.0..10_000.0).contains(&took), "{took} ms");
}
