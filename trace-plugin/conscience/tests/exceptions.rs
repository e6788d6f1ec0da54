//! Exceptions: what the operator lifts, for how long, and what nobody can lift.

use aap::{Decision, Timestamp, ToolCall};
use conscience::{Conscience, NoWorld, PolicyFile, Situation};
use serde_json::json;

fn exec(line: &str) -> ToolCall {
    ToolCall::new("test", "exec", json!({ "command": line }))
}

fn file(text: &str) -> Vec<PolicyFile> {
    let name = "mine.cedar".to_owned();
    let text = text.to_owned();
    vec![PolicyFile { name, text }]
}

fn at(time: &str) -> Situation {
    Situation {
        at: Some(Timestamp::parse(time).expect("a time")),
        ..Situation::default()
    }
}

/// An exception for what `lifts` names, under a scope and condition.
fn exception(lifts: &str, scope: &str) -> String {
    format!(
        "@id(\"mine.exception\") @reason(\"The branch is mine alone\") @author(\"ops@example.com\")\n\
         @expires(\"2026-12-31T00:00:00Z\") @lifts(\"{lifts}\")\npermit {scope};"
    )
}

fn with(text: &str) -> Conscience {
    let (conscience, errors) = Conscience::with_policies(file(text));
    assert_eq!(errors, []);
    conscience
}

const MINE: &str = "(principal, action == Action::\"rewrite_history\", resource)\n\
                    when { context.target like \"*mine*\" }";
const IN_TIME: &str = "2026-11-21T12:00:00Z";

#[test]
fn an_exception_lifts_what_it_names_while_it_lasts() {
    let conscience = with(&exception("git.force_push", MINE));
    let call = exec("git push --force origin mine");
    let lifted = conscience.explain_in(&call, &NoWorld, &at(IN_TIME));
    assert_eq!(lifted.verdict.decision, Decision::Allow);
    assert_eq!(lifted.verdict.exception.as_deref(), Some("mine.exception"));
    assert!(
        lifted.verdict.reason.contains("The branch is mine alone"),
        "{}",
        lifted.verdict.reason
    );
    assert_eq!(lifted.verdict.values_violated, Vec::<String>::new());
    assert_eq!(lifted.lifted.len(), 1);
    assert_eq!(lifted.lifted[0].objection.rule.id, "git.force_push");
    assert_eq!(lifted.lifted[0].exception.author, "ops@example.com");
    assert_eq!(
        lifted.verdict,
        conscience.judge_in(&call, &NoWorld, &at(IN_TIME))
    );

    // Elsewhere, later, and where nobody knows the time, the rule stands.
    let other = exec("git push --force origin topic");
    for (call, situation) in [
        (&other, at(IN_TIME)),
        (&call, at("2026-12-31T00:00:00Z")),
        (&call, at("2027-06-01T00:00:00Z")),
        (&call, Situation::default()),
    ] {
        let verdict = conscience.judge_in(call, &NoWorld, &situation);
        assert_eq!(
            (verdict.decision, verdict.exception),
            (Decision::Ask, None),
            "{situation:?}"
        );
    }
    let listed = conscience.exceptions();
    assert_eq!(listed.len(), 1);
    assert!(!listed[0].is_expired(at(IN_TIME).at));
    assert!(listed[0].is_expired(at("2026-12-31T00:00:00Z").at));
    assert!(listed[0].is_expired(None));
}

#[test]
fn it_lifts_refusals_too_and_nothing_else_of_the_call() {
    let scope = "(principal, action == Action::\"delete\", resource)";
    let conscience = with(&exception("fs.delete.*", scope));
    let verdict = conscience.judge_in(&exec("rm -rf ~/Documents"), &NoWorld, &at(IN_TIME));
    assert_eq!(verdict.decision, Decision::Allow);
    // What else the call does is judged as ever, and the exception is told all the same.
    let both = exec("rm -rf ~/Documents && git reset --hard");
    let verdict = conscience.judge_in(&both, &NoWorld, &at(IN_TIME));
    assert_eq!(verdict.decision, Decision::Ask);
    assert_eq!(verdict.rule_id.as_deref(), Some("git.reset_hard"));
    assert_eq!(verdict.exception.as_deref(), Some("mine.exception"));
}

#[test]
fn it_lifts_rules_of_files_too() {
    let rule = "@id(\"team.push\") @reason(\"r\") @values(\"user_control\")\n\
                forbid (principal, action == Action::\"run\", resource) when { context.target like \"git push*\" };\n";
    let scope =
        "(principal, action == Action::\"run\", resource) when { context.cwd == \"/srv/a\" }";
    let conscience = with(&format!("{rule}{}", exception("team.push", scope)));
    let mut call = exec("git push");
    assert_eq!(
        conscience.judge_in(&call, &NoWorld, &at(IN_TIME)).decision,
        Decision::Deny
    );
    call.cwd = Some("/srv/a".to_owned());
    assert_eq!(
        conscience.judge_in(&call, &NoWorld, &at(IN_TIME)).decision,
        Decision::Allow
    );
}

#[test]
fn what_guards_the_conscience_and_what_the_card_says_stays() {
    let any = "(principal, action, resource)";
    for (lifts, what) in [
        ("conscience.files", "cannot be lifted"),
        ("conscience.*", "cannot be lifted"),
        ("conscience", "cannot be lifted"),
        ("git.clean,card.forbidden.exec", "cannot be lifted"),
        ("*", "ids of rules"),
        (".*", "ids of rules"),
        ("git*", "ids of rules"),
        ("g*t.*", "ids of rules"),
        (" , ", "no @lifts"),
    ] {
        let (conscience, errors) = Conscience::with_policies(file(&exception(lifts, any)));
        assert_eq!(errors.len(), 1, "{lifts}");
        assert_eq!(errors[0].line, 3);
        assert!(errors[0].what.contains(what), "{}", errors[0]);
        assert_eq!(conscience.exceptions(), []);
    }
    // Nor by any exception that can be written.
    let all = "fs.*,git.*,rights.*,exec.*,opaque.*,secret.*,data.*,system.*";
    let conscience = with(&exception(all, any));
    let verdict = conscience.judge_in(
        &exec("rm -rf ~/.smoltbot/conscience"),
        &NoWorld,
        &at(IN_TIME),
    );
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(
        verdict
            .rule_id
            .as_deref()
            .is_some_and(|id| id.starts_with("conscience.")),
        "{verdict:?}"
    );
}

#[test]
fn an_exception_must_say_who_why_and_until_when() {
    let whole = exception("git.clean", "(principal, action, resource)");
    for (cut, with, what) in [
        ("@id(\"mine.exception\")", "", "no @id"),
        ("@reason(\"The branch is mine alone\")", "", "no @reason"),
        ("@author(\"ops@example.com\")", "", "no @author"),
        (
            "@author(\"ops@example.com\")",
            "@author(\" \")",
            "no @author",
        ),
        ("@expires(\"2026-12-31T00:00:00Z\")", "", "no @expires"),
        ("2026-12-31T00:00:00Z", "2026-12-31", "RFC 3339"),
        ("2026-12-31T00:00:00Z", "never", "RFC 3339"),
        ("@lifts(\"git.clean\")", "", "no @lifts"),
        ("@lifts", "@values(\"privacy\") @lifts", "no @values"),
        ("mine.exception", "git.clean", "already taken"),
        ("mine.exception", "card.mine", "smoltbot's own"),
    ] {
        let (_, errors) = Conscience::with_policies(file(&whole.replace(cut, with)));
        assert_eq!(errors.len(), 1, "{cut}");
        assert!(errors[0].what.contains(what), "{cut}: {}", errors[0]);
    }
}

#[test]
fn a_workspace_can_forbid_and_not_permit() {
    let (conscience, errors) = Conscience::builder()
        .project(file(&exception("git.*", "(principal, action, resource)")))
        .build();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].what.contains("can only forbid"), "{}", errors[0]);
    let verdict = conscience.judge_in(&exec("git push --force"), &NoWorld, &at(IN_TIME));
    assert_eq!(verdict.decision, Decision::Ask);

    let rule = |id: &str| {
        format!(
            "@id(\"{id}\") @reason(\"r\") @values(\"user_control\")\n\
             forbid (principal, action == Action::\"run\", resource) when {{ context.program == \"make\" }};"
        )
    };
    let (operator, errors) = Conscience::with_policies(file(&rule("team.make")));
    assert_eq!(errors, []);
    let (there, errors) = operator.for_project(&file(&rule("here.make")));
    assert_eq!(errors, []);
    let rules = |conscience: &Conscience| {
        let explained = conscience.explain(&exec("make"), &NoWorld);
        let ids = explained.objections.into_iter().map(|one| one.rule.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(rules(&there), ["team.make", "here.make"]);
    assert_eq!(rules(&operator), ["team.make"]);
    assert_eq!(rules(&there.for_project(&[]).0), ["team.make"]);
    let (_, errors) = operator.for_project(&file(&rule("team.make")));
    assert!(errors[0].what.contains("already taken"), "{}", errors[0]);
}

#[test]
fn time_bounds_rules() {
    let rule = |condition: &str| {
        with(&format!(
            "@id(\"team.night\") @reason(\"r\") @values(\"user_control\")\n\
             forbid (principal, action == Action::\"run\", resource) {condition};"
        ))
    };
    let decision = |conscience: &Conscience, situation: &Situation| {
        conscience
            .judge_in(&exec("make"), &NoWorld, situation)
            .decision
    };
    let saturday_noon = at(IN_TIME);
    let monday_night = at("2026-11-23T03:00:00Z");
    for (condition, noon, night, unknown) in [
        ("when { context.hour < 6 }", false, true, false),
        ("unless { context.hour < 6 }", true, false, false),
        ("when { context.weekday >= 6 }", true, false, false),
        (
            "when { 6 <= context.weekday && context.hour == 12 }",
            true,
            false,
            false,
        ),
        ("when { !(context.hour != 3) }", false, true, false),
        (
            "when { context.program == \"make\" || context.hour > 99 }",
            true,
            true,
            true,
        ),
        // What cannot be worked out objects: this sum is too large for Cedar.
        (
            "when { context.hour + 9223372036854775807 > 0 }",
            true,
            true,
            false,
        ),
    ] {
        let conscience = rule(condition);
        for (situation, objects) in [
            (&saturday_noon, noon),
            (&monday_night, night),
            (&Situation::default(), unknown),
        ] {
            let denied = decision(&conscience, situation) == Decision::Deny;
            assert_eq!(denied, objects, "{condition} {situation:?}");
        }
    }
}

#[test]
fn a_policy_that_would_exhaust_the_stack_is_refused_with_its_line() {
    for body in [
        "!".repeat(20_000) + "context.forced",
        "context.forced && ".repeat(20_000) + "context.forced",
        "(".repeat(20_000) + "context.forced" + &")".repeat(20_000),
        format!(
            "[{}].contains(context.program)",
            vec!["\"a\""; 20_000].join(",")
        ),
        "if context.forced then ".repeat(20_000),
    ] {
        let text = format!(
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\n\nforbid (principal, action, resource) when {{ {body} }};"
        );
        let (_, errors) = Conscience::with_policies(file(&text));
        assert_eq!((errors.len(), errors[0].line), (1, 3));
        assert!(
            errors[0].what.contains("more than 500 signs"),
            "{}",
            errors[0]
        );
    }
    // As much as is allowed goes through a thread's small stack, whatever it is.
    for body in [
        "!".repeat(480) + "context.forced",
        "(".repeat(240) + "context.forced" + &")".repeat(230),
        "context.forced || ".repeat(120) + "context.forced",
        "if true then context.forced else ".repeat(160) + "false",
    ] {
        let text = format!(
            "@id(\"a.b\") @reason(\"r\") @values(\"privacy\")\nforbid (principal, action, resource) when {{ {body} }};"
        );
        // It may be refused; it must come back.
        let (conscience, _) = Conscience::with_policies(file(&text));
        conscience.judge(&exec("rm -rf /srv/x"), &NoWorld);
    }
}
