//! The linter: what loads and yet cannot do what its author meant, and silence about everything else.

use aap::Timestamp;
use conscience::{Conscience, Packs, PolicyFile};

fn findings(text: &str) -> Vec<String> {
    let (conscience, errors) = Conscience::with_policies(vec![PolicyFile {
        name: "mine.cedar".to_owned(),
        text: text.to_owned(),
    }]);
    assert_eq!(errors, []);
    let now = Timestamp::parse("2026-11-21T12:00:00Z").ok();
    let found = conscience.lint(now);
    found
        .into_iter()
        .map(|finding| format!("{} {}: {}", finding.source, finding.id, finding.what))
        .collect()
}

fn rule(annotations: &str, action: &str, condition: &str) -> String {
    format!(
        "@id(\"a.b\") @reason(\"r\") @values(\"privacy\") {annotations}\n\
         forbid (principal, action == Action::\"{action}\", resource) {condition};\n"
    )
}

#[test]
fn rules_that_can_never_fire_are_found() {
    for (action, condition, why) in [
        (
            "run",
            "context.program == \"a\" && context.program == \"b\"",
            "`program == \"a\"` and `program == \"b\"` exclude each other",
        ),
        (
            "run",
            "context.target like \"git*\" && context.target == \"ls\"",
            "exclude each other",
        ),
        (
            "run",
            "context.program == \"git\" && !(context.target like \"*x*\") && [\"axb\"].contains(context.target)",
            "exclude each other",
        ),
        (
            "delete",
            "context.forced && !context.forced",
            "exclude each other",
        ),
        (
            "delete",
            "context.place == \"nowhere\"",
            "no place `nowhere`",
        ),
        (
            "delete",
            "[\"hom\", \"rot\"].contains(context.place)",
            "no place `rot`",
        ),
        ("run", "context.place == \"home\"", "`run` is on no file"),
        ("run", "context.recursive", "neither recursive nor forced"),
        ("run", "context.manner == \"x\"", "no manner"),
        (
            "run",
            "context.program == \"/usr/bin/git\"",
            "without its directory",
        ),
        (
            "run",
            "context.also.contains(\"delet\")",
            "never holds `delet`",
        ),
        ("run", "context.also.contains(\"run\")", "never holds `run`"),
        ("run", "context.hour == 24", "no hour is left"),
        (
            "run",
            "context.hour < 6 && context.hour >= 20",
            "no hour is left",
        ),
        ("run", "context.weekday > 7", "no weekday is left"),
        (
            "run",
            "(context.hour > 23 || context.weekday < 1) && context.program == \"x\"",
            "is left",
        ),
        ("run", "context.role == \"guest\" && false", "always false"),
    ] {
        let found = findings(&rule("", action, &format!("when {{ {condition} }}")));
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        assert!(
            found[0].starts_with("mine.cedar:2 a.b: it can never fire") && found[0].contains(why),
            "{condition}: {found:?}"
        );
    }
    for (action, condition) in [
        ("run", ""),
        ("run", "when { context.hour < 6 || context.hour >= 20 }"),
        (
            "run",
            "when { !(context.hour < 6) && context.weekday != 3 }",
        ),
        (
            "run",
            "when { context.program == \"a\" || context.program == \"b\" }",
        ),
        (
            "delete",
            "when { context.place == \"nowhere\" || context.target like \"*x\" }",
        ),
        ("delete", "when { context.manner == \"contents\" }"),
        ("run", "when { context.hour + 1 == 99 }"),
        (
            "run",
            "unless { context.target like \"a*\" && context.target like \"*b\" }",
        ),
        ("run", "when { context.also.contains(\"delete\") }"),
    ] {
        assert_eq!(
            findings(&rule("", action, condition)),
            [""; 0],
            "{condition}"
        );
    }
}

#[test]
fn rules_that_never_decide_are_found() {
    for (annotations, action, condition, by) in [
        (
            "@effect(\"ask\")",
            "delete",
            "when { context.place == \"home\" && context.recursive && context.program == \"rm\" }",
            Some("fs.delete.home"),
        ),
        // As grave as the built-in one, and after it.
        (
            "@severity(\"96\")",
            "delete",
            "when { context.place == \"home\" && context.recursive }",
            Some("fs.delete.home"),
        ),
        // Graver: it decides.
        (
            "@severity(\"97\")",
            "delete",
            "when { context.place == \"home\" && context.recursive }",
            None,
        ),
        // Wider: where the other does not object it decides.
        (
            "@effect(\"ask\")",
            "delete",
            "when { context.place == \"home\" }",
            None,
        ),
        (
            "@effect(\"ask\")",
            "discard_work",
            "when { context.manner == \"clean\" }",
            Some("git.clean"),
        ),
        (
            "",
            "discard_work",
            "when { context.manner == \"clean\" }",
            None,
        ),
        // The pack that has it is off.
        ("@effect(\"ask\") @severity(\"1\")", "opaque", "", None),
    ] {
        let found = findings(&rule(annotations, action, condition));
        match by {
            None => assert_eq!(found, [""; 0], "{annotations} {condition}"),
            Some(by) => assert!(
                found.len() == 1 && found[0].contains("never decides") && found[0].contains(by),
                "{annotations} {condition}: {found:?}"
            ),
        }
    }
    let condition = "when { context.program == \"make\" }";
    let narrow = "when { [\"make\"].contains(context.program) && context.hour < 3 }";
    let two = rule("", "run", condition) + &rule("", "run", narrow).replace("a.b", "a.c");
    let found = findings(&two);
    assert!(
        found.len() == 1 && found[0].starts_with("mine.cedar:4 a.c: it never decides: `a.b`"),
        "{found:?}"
    );
    // Whose scope asks for an agent does not cover others.
    let scoped = two.replacen("(principal,", "(principal == Agent::\"openclaw\",", 1);
    assert_eq!(findings(&scoped), [""; 0]);
}

#[test]
fn exceptions_that_lift_nothing_are_found() {
    let exception = |expires: &str, lifts: &str, action: &str, condition: &str| {
        format!(
            "@id(\"a.x\") @reason(\"r\") @author(\"me\") @expires(\"{expires}\") @lifts(\"{lifts}\")\n\
             permit (principal, action == Action::\"{action}\", resource) {condition};"
        )
    };
    let later = "2027-01-01T00:00:00Z";
    for (expires, lifts, action, condition, why) in [
        (
            "2026-11-21T12:00:00Z",
            "git.clean",
            "discard_work",
            "",
            "no force since 2026-11-21T12:00:00.000Z",
        ),
        (later, "git.claen", "discard_work", "", "no such rule"),
        (later, "gti.*", "discard_work", "", "no such rule"),
        (later, "paranoid.opaque", "opaque", "", "pack is off"),
        (
            later,
            "git.clean",
            "delete",
            "",
            "which looks at discard_work; the exception looks at delete",
        ),
        (
            later,
            "git.clean",
            "discard_work",
            "when { context.manner == \"reset_hard\" }",
            "never objects where",
        ),
        (
            later,
            "git.clean",
            "discard_work",
            "when { context.hour > 23 }",
            "can never fire",
        ),
    ] {
        let found = findings(&exception(expires, lifts, action, condition));
        assert!(
            found.len() == 1
                && found[0].starts_with("mine.cedar:2 a.x: ")
                && found[0].contains(why),
            "{lifts}: {found:?}"
        );
    }
    for (lifts, action, condition) in [
        (
            "git.clean",
            "discard_work",
            "when { context.cwd == \"/srv/a\" }",
        ),
        (
            "git.*",
            "discard_work",
            "when { context.manner == \"clean\" }",
        ),
        (
            "fs.delete.home",
            "delete",
            "when { context.place == \"home\" }",
        ),
    ] {
        let found = findings(&exception(later, lifts, action, condition));
        assert_eq!(found, [""; 0], "{lifts}");
    }
}

#[test]
fn built_in_rules_alone_give_no_findings() {
    let (conscience, _) = Conscience::builder().packs(Packs::ALL).build();
    assert_eq!(conscience.lint(None), []);
}
