//! Single verdicts in full: what is said, by which rule, with which effects.

#![allow(clippy::format_collect)]

mod common;

use aap::{Decision, ToolCall};
use common::shell;
use conscience::{Conscience, NoWorld, World, limits};
use serde_json::json;

/// A machine with a home directory, a workspace and links.
struct Machine;

impl World for Machine {
    fn home(&self) -> Option<String> {
        Some("/home/ada".to_owned())
    }

    fn workspace_roots(&self) -> Vec<String> {
        vec!["/home/ada/app".to_owned(), "/opt/site".to_owned()]
    }

    fn resolve(&self, path: &str) -> Option<String> {
        match path {
            "/home/ada/app/link" => Some("/etc".to_owned()),
            "/home/ada/app/keys" => Some("/home/ada/.ssh".to_owned()),
            "/home/ada/app/notes.txt" => Some("/home/ada/.ssh/id_rsa".to_owned()),
            "/" | "/home" | "/home/ada" | "/home/ada/app" => Some(path.to_owned()),
            _ => None,
        }
    }
}

fn rule(line: &str, cwd: &str) -> Option<String> {
    let mut call = shell(line);
    call.cwd = Some(cwd.to_owned());
    Conscience::builtin().judge(&call, &Machine).rule_id
}

#[test]
fn a_mention_of_the_conscience_is_no_tampering() {
    let named = |tool: &str| {
        let call = ToolCall::new("test", tool, json!({"name": "smoltbot"}));
        Conscience::builtin().judge(&call, &NoWorld).rule_id
    };
    assert_eq!(
        named("mcp__shop__send_invoice").as_deref(),
        Some("data.message")
    );
    assert_eq!(
        named("mcp__host__stop_service").as_deref(),
        Some("conscience.switch_off")
    );
}

#[test]
fn the_root_directory_is_refused_with_reason_and_value() {
    let verdict = Conscience::builtin().judge(&shell("rm -rf /"), &NoWorld);
    assert_eq!(verdict.decision, Decision::Deny);
    assert_eq!(verdict.reason, "Recursive delete of the root directory");
    assert_eq!(verdict.values_violated, ["harm_prevention"]);
    assert_eq!(verdict.rule_id.as_deref(), Some("fs.delete.root"));
    assert_eq!(verdict.effects, ["delete:/"]);
    assert!(verdict.advice.is_some());
}

#[test]
fn an_allowance_still_names_its_effects() {
    let verdict = Conscience::builtin().judge(&shell("rm -rf node_modules b a"), &NoWorld);
    assert_eq!((verdict.decision, verdict.rule_id), (Decision::Allow, None));
    assert_eq!(
        verdict.effects,
        ["delete:a", "delete:b", "delete:node_modules"]
    );
    assert!(verdict.values_violated.is_empty());
}

#[test]
fn the_gravest_refusal_speaks_and_all_values_are_named() {
    let verdict = Conscience::builtin().judge(
        &shell("git reset --hard; cat ~/.ssh/id_rsa; rm -rf /"),
        &NoWorld,
    );
    assert_eq!(
        (verdict.decision, verdict.rule_id.as_deref()),
        (Decision::Deny, Some("fs.delete.root"))
    );
    assert_eq!(
        verdict.values_violated,
        ["harm_prevention", "privacy", "user_control"]
    );
    assert_eq!(
        verdict.effects,
        ["delete:/", "discard_work:HEAD", "read_secret:~/.ssh/id_rsa"]
    );
}

#[test]
fn a_refusal_beats_a_question() {
    let verdict = Conscience::builtin().judge(&shell("git stash clear && crontab -r"), &NoWorld);
    assert_eq!(
        (verdict.decision, verdict.rule_id.as_deref()),
        (Decision::Deny, Some("system.schedule.delete"))
    );
}

#[test]
fn explains_the_way_to_a_verdict() {
    let explanation =
        Conscience::builtin().explain(&shell("cd /tmp && sudo env A=1 sh -c 'rm -rf /'"), &NoWorld);
    assert_eq!(
        explanation.commands,
        [
            "cd /tmp",
            "sudo env A=1 sh -c rm -rf /",
            "env A=1 sh -c rm -rf /",
            "sh -c rm -rf /",
            "rm -rf /"
        ]
    );
    assert_eq!(explanation.objections.len(), 1);
    assert_eq!(explanation.objections[0].effect, "delete:/");
}

#[test]
fn knows_the_machine_through_its_port() {
    assert_eq!(
        rule("rm -rf link", "/home/ada/app"),
        None,
        "deleting a link deletes the link"
    );
    assert_eq!(
        rule("rm -rf link/", "/home/ada/app").as_deref(),
        Some("fs.delete.system")
    );
    assert_eq!(
        rule("echo x > link/passwd", "/home/ada/app").as_deref(),
        Some("fs.overwrite.system")
    );
    assert_eq!(
        rule("cat keys/id_rsa", "/home/ada/app").as_deref(),
        Some("secret.store")
    );
    assert_eq!(
        rule("cat notes.txt", "/home/ada/app").as_deref(),
        Some("secret.store")
    );
    assert_eq!(
        rule("rm -rf /home/ada/app", "/home/ada").as_deref(),
        Some("fs.delete.workspace")
    );
    assert_eq!(rule("rm -rf /home/ada/app/dist", "/home/ada"), None);
    assert_eq!(rule("rm -rf cache", "/opt/site"), None);
    assert_eq!(
        rule("rm -rf ..", "/home/ada/app").as_deref(),
        Some("fs.delete.home")
    );
    assert_eq!(
        rule("rm -rf $HOME", "/opt/site").as_deref(),
        Some("fs.delete.home")
    );
    assert_eq!(
        rule("rm -rf ../../..", "/home/ada/app").as_deref(),
        Some("fs.delete.root")
    );
}

#[test]
fn the_working_directory_decides_what_a_relative_path_means() {
    for (cwd, expected) in [
        ("/", Some("fs.delete.root")),
        ("/etc", Some("fs.delete.system")),
        ("/tmp/x", None),
        ("/home/bob/app", Some("fs.delete.workspace")),
    ] {
        let mut call = shell("rm -rf *");
        call.cwd = Some(cwd.to_owned());
        let verdict = Conscience::builtin().judge(&call, &NoWorld);
        assert_eq!(verdict.rule_id.as_deref(), expected, "{cwd}");
    }
}

#[test]
fn what_is_beyond_a_limit_is_asked_about() {
    let conscience = Conscience::builtin();
    let cases = [
        (
            "too long",
            format!("echo {}", "x".repeat(limits::MAX_TEXT_BYTES)),
            "opaque.too_long",
        ),
        (
            "nested brackets",
            format!(
                "{}ls{}",
                "(".repeat(limits::MAX_NESTING + 1),
                ")".repeat(limits::MAX_NESTING + 1)
            ),
            "opaque.too_complex",
        ),
        (
            "nested shells",
            format!("{}ls", "eval ".repeat(limits::MAX_DEPTH + 1)),
            "opaque.too_complex",
        ),
        (
            "recursive function",
            "f() { f; }; f".to_owned(),
            "opaque.too_complex",
        ),
        (
            "many commands",
            "true;".repeat(limits::MAX_COMMANDS),
            "opaque.too_complex",
        ),
        (
            "many effects",
            (0..=limits::MAX_EFFECTS)
                .map(|n| format!("rm f{n};"))
                .collect(),
            "opaque.too_complex",
        ),
        ("unparsable", "if then (".to_owned(), "opaque.unparsable"),
    ];
    for (name, line, rule) in cases {
        let verdict = conscience.judge(&shell(&line), &NoWorld);
        assert_eq!(
            (verdict.decision, verdict.rule_id.as_deref()),
            (Decision::Ask, Some(rule)),
            "{name}"
        );
    }
    let words = format!("rm {}", "{a,b}".repeat(12));
    assert!(conscience.judge(&shell(&words), &NoWorld).effects.len() <= limits::MAX_EFFECTS + 1);
    let nested =
        (0..=limits::MAX_PARAMS_DEPTH + 1).fold(json!("ls"), |inner, _| json!({ "action": inner }));
    assert_eq!(
        conscience
            .judge(&ToolCall::new("test", "exec", nested), &NoWorld)
            .rule_id
            .as_deref(),
        Some("opaque.too_complex")
    );
    let values = format!(
        "for i in {}; do echo; done",
        "x ".repeat(limits::MAX_LOOP_VALUES * 4)
    );
    assert_eq!(
        conscience.judge(&shell(&values), &NoWorld).decision,
        Decision::Allow
    );
    let growing = format!("a=xxxxxxxx; {} rm -rf /$a", "a=$a$a$a$a;".repeat(12));
    assert!(
        conscience
            .judge(&shell(&growing), &NoWorld)
            .effects
            .iter()
            .all(|effect| effect.len() < limits::MAX_VALUE_BYTES)
    );
}

#[test]
fn deep_but_bounded_nesting_fits_a_small_stack() {
    let thread = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(|| {
            let n = limits::MAX_NESTING;
            for line in [
                format!("{}ls{}", "(".repeat(n), ")".repeat(n)),
                format!("{}ls{}", "$(".repeat(n), ")".repeat(n)),
                format!("{}ls{}", "{ ".repeat(n), ";}".repeat(n)),
                format!("{}ls{}", "if true; then ".repeat(n), "; fi".repeat(n)),
                format!("echo {}x{}", "\"$(echo ".repeat(n), ")\"".repeat(n)),
                format!("echo {}x{}", "${a:-".repeat(n), "}".repeat(n)),
                "`".repeat(5000),
                "{".repeat(5000),
                "$(".repeat(20000),
                "\\".repeat(5000),
            ] {
                Conscience::builtin().judge(&shell(&line), &NoWorld);
            }
        });
    thread.expect("a thread").join().expect("no overflow");
}
