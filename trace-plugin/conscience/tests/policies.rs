//! Policies: the built-in files against the schema, user files and what is said of wrong ones.

use std::str::FromStr;

use aap::{Decision, ToolCall};
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use conscience::{Conscience, NoWorld, Pack, Packs, PolicyFile, STANDARD_VALUES};
use serde_json::json;

fn exec(line: &str) -> ToolCall {
    ToolCall::new("test", "exec", json!({ "command": line }))
}

fn file(text: &str) -> Vec<PolicyFile> {
    vec![PolicyFile {
        name: "mine.cedar".to_owned(),
        text: text.to_owned(),
    }]
}

#[test]
fn built_in_policies_fit_the_schema() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let schema =
        std::fs::read_to_string(folder.join("schema.cedarschema")).expect("the schema is there");
    let (schema, warnings) = Schema::from_cedarschema_str(&schema).expect("the schema parses");
    assert_eq!(warnings.count(), 0);
    let validator = Validator::new(schema);
    let mut count = 0;
    let files = Pack::ALL.into_iter().flat_map(|pack| {
        let entries = std::fs::read_dir(folder.join(pack.as_str())).expect("the pack's folder");
        entries.map(|entry| entry.expect("an entry").path())
    });
    for path in files {
        let policies = PolicySet::from_str(&std::fs::read_to_string(&path).expect("a file"))
            .expect("it parses");
        let report = validator.validate(&policies, ValidationMode::Strict);
        let found: Vec<String> = report
            .validation_errors()
            .map(ToString::to_string)
            .chain(report.validation_warnings().map(ToString::to_string))
            .collect();
        assert!(found.is_empty(), "{}: {found:?}", path.display());
        count += policies.policies().count();
    }
    assert_eq!(
        count,
        Conscience::builder()
            .packs(Packs::ALL)
            .build()
            .0
            .rules()
            .len(),
        "a policy file is not in any pack"
    );
    assert!(count >= 25);
}

#[test]
fn rules_are_complete_and_have_ids_of_their_own() {
    let rules = Conscience::builtin().rules();
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules.len());
    for rule in &rules {
        assert!(
            !rule.values.is_empty()
                && rule
                    .values
                    .iter()
                    .all(|value| STANDARD_VALUES.contains(&value.as_str())),
            "{}",
            rule.id
        );
        assert!(
            rule.advice.is_some() && !rule.effects.is_empty() && rule.severity <= 100,
            "{}",
            rule.id
        );
        assert!(matches!(rule.effect, "forbid" | "ask"), "{}", rule.id);
    }
}

#[test]
fn a_user_rule_is_added_and_can_look_at_every_command() {
    let (conscience, errors) = Conscience::with_policies(file(
        r#"
@id("mine.no_terraform")
@reason("Terraform is for people ({target})")
@values("user_control")
@effect("ask")
forbid (principal, action == Action::"run", resource)
when { context.program == "terraform" };
"#,
    ));
    assert_eq!(errors, []);
    let verdict = conscience.judge(&exec("cd infra && sudo terraform plan"), &NoWorld);
    assert_eq!(
        (verdict.decision, verdict.rule_id.as_deref()),
        (Decision::Ask, Some("mine.no_terraform"))
    );
    assert_eq!(verdict.reason, "Terraform is for people (terraform plan)");
    assert_eq!(
        conscience.judge(&exec("ls"), &NoWorld).decision,
        Decision::Allow
    );
    assert_eq!(
        conscience
            .judge(&exec("rm -rf /"), &NoWorld)
            .rule_id
            .as_deref(),
        Some("fs.delete.root")
    );
    assert!(
        conscience
            .rules()
            .iter()
            .any(|rule| rule.id == "mine.no_terraform" && rule.effects == ["run"])
    );
}

#[test]
fn a_wrong_file_is_named_with_its_line_and_the_rest_stays_in_force() {
    let good =
        "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\nforbid (principal, action, resource)";
    for (text, line, what) in [
        (
            "\n\nforbid (principal, action, resource) when {",
            3,
            "unexpected end of input",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\nforbid (principal, action == Action::\"delet\", resource);",
            2,
            "delet",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\nforbid (principal, action, resource) when { context.targt == \"x\" };",
            2,
            "targt",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"kindness\")\nforbid (principal, action, resource);",
            2,
            "kindness",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\") @effect(\"maybe\")\nforbid (principal, action, resource);",
            2,
            "maybe",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\") @severity(\"high\")\nforbid (principal, action, resource);",
            2,
            "@severity",
        ),
        ("forbid (principal, action, resource);", 1, "@id"),
        (
            "@id(\"a.b\")\nforbid (principal, action, resource);",
            2,
            "@reason",
        ),
        (
            "@id(\"a.b\") @reason(\"r\")\nforbid (principal, action, resource);",
            2,
            "@values",
        ),
        (
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\npermit (principal, action, resource);",
            2,
            "permit",
        ),
        (
            "@id(\"git.clean\") @reason(\"r\") @values(\"privacy\")\nforbid (principal, action, resource);",
            2,
            "already taken",
        ),
        (&format!("{good};\n{good};"), 4, "already taken"),
    ] {
        let (conscience, errors) = Conscience::with_policies(file(text));
        let error = errors
            .first()
            .unwrap_or_else(|| panic!("no error for {text}"));
        assert_eq!(
            (error.file.as_str(), error.line),
            ("mine.cedar", line),
            "{text}: {error}"
        );
        assert!(error.what.contains(what), "{text}: {error}");
        assert_eq!(
            conscience.judge(&exec("rm -rf /"), &NoWorld).decision,
            Decision::Deny
        );
        assert_eq!(
            conscience.judge(&exec("ls"), &NoWorld).decision,
            Decision::Allow
        );
    }
}
