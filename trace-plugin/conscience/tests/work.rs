//! What a call costs is bounded by counting, not by the clock: calls that are made to be slow end early and are refused or
//! asked about, honest long ones don't come near the bound.

#![allow(clippy::format_collect, reason = "short, and nobody waits for it")]

mod common;
#[path = "common/worst.rs"]
mod worst;

use std::time::Instant;

use aap::{Decision, ToolCall};
use common::shell;
use conscience::{Conscience, NoWorld, limits};

/// Seconds for all of them in a debug build on a busy machine. What the release build takes is measured by the bench.
const SECONDS_AT_MOST: u64 = 120;

/// The rule that decides, where one does.
fn rule(call: &ToolCall) -> Option<String> {
    Conscience::builtin().judge(call, &NoWorld).rule_id
}

#[test]
fn what_is_made_to_be_slow_ends() {
    let conscience = Conscience::builtin();
    let start = Instant::now();
    let calls = worst::calls();
    assert!(calls.len() >= 100, "only {} calls", calls.len());
    for (name, call) in calls {
        let found = conscience.explain(&call, &NoWorld);
        assert!(found.commands.len() <= limits::MAX_COMMANDS, "{name}");
        assert!(found.effects.len() <= limits::MAX_EFFECTS + 1, "{name}");
        assert!(
            found.commands.iter().map(String::len).sum::<usize>()
                <= limits::MAX_WORK * 64 + limits::MAX_TEXT_BYTES,
            "{name} makes more text than its work allows"
        );
        assert!(
            start.elapsed().as_secs() < SECONDS_AT_MOST,
            "{name} took the rest of the time"
        );
    }
}

#[test]
fn what_multiplies_is_too_complex() {
    let of = |name: &str| {
        let (_, call) = worst::calls()
            .into_iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no call {name}"));
        rule(&call)
    };
    for name in [
        "substitutions, 11 deep around 60 KiB",
        "braces, multiplied",
        "brace ranges",
        "a function that calls itself",
        "a long variable, again and again",
        "variables, then commands",
        "ssh in ssh",
        "semicolons",
        "lines",
        "conditions, deep",
    ] {
        assert_eq!(of(name).as_deref(), Some("opaque.too_complex"), "{name}");
    }
    // What is grave is still named when it was found before the work was spent.
    let long = "a".repeat(30_000);
    let line = format!("rm -rf /etc; x={long}; {}", "echo $x; ".repeat(800));
    let found = Conscience::builtin().explain(&shell(&line), &NoWorld);
    let rules: Vec<&str> = found
        .objections
        .iter()
        .map(|o| o.rule.id.as_str())
        .collect();
    assert_eq!(rules.first(), Some(&"fs.delete.system"), "{rules:?}");
    assert!(rules.contains(&"opaque.too_complex"), "{rules:?}");
}

#[test]
fn words_that_braces_leave_out_are_never_passed_over() {
    for line in [
        format!("rm -rf {{{{1..1300}},/etc}}{}", "{,}".repeat(4)),
        format!("rm -rf {}/etc", "{,}".repeat(limits::MAX_BRACES + 1)),
    ] {
        assert!(rule(&shell(&line)).is_some(), "{line}");
    }
    for line in [
        "mkdir -p {a..z}{1..20}",
        "touch f{1..99999}",
        "rm -f {a,b}{c,d}{e,f}{g,h}.o",
    ] {
        assert_eq!(rule(&shell(line)), None, "{line}");
    }
}

#[test]
fn long_honest_calls_stay_within_their_work() {
    let conscience = Conscience::builtin();
    let prose = "It was a day of wind, and the boats stayed in; nobody said why (but all knew).\n";
    let code = "    if (a[i] > b[j]) { c.push(a[i]); i += 1; } else { c.push(b[j]); j += 1; }\n";
    let files: String = (0..2_000).map(|n| format!(" src/f{n}.rs")).collect();
    let steps = "cargo build --release && cp target/release/app bin/app || exit 1\n".repeat(150);
    for line in [
        format!("cat > notes.md <<'E'\n{}E\n", prose.repeat(780)),
        format!("cat > notes.md <<E\n{}E\n", prose.repeat(780)),
        format!("cat > merge.c <<'E'\n{}E\n", code.repeat(780)),
        format!("python3 - <<'E'\n{}E\n", "print('a', 1)\n".repeat(1_500)),
        format!("git add{files}"),
        format!("for f in{files}; do wc -l \"$f\"; done"),
        format!("git commit -m '{}'", prose.replace('\'', "").repeat(780)),
        steps,
    ] {
        let verdict = conscience.judge(&shell(&line), &NoWorld);
        let start: String = line.chars().take(40).collect();
        assert_eq!(
            verdict.decision,
            Decision::Allow,
            "{start} … {:?}",
            verdict.rule_id
        );
    }
}
