//! The labelled corpus: every dangerous call is refused or asked about, every benign one allowed, and every built-in
//! rule is needed for some of it.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use aap::Decision;
use common::{BENIGN, DANGEROUS, corpus};
use conscience::{Conscience, NoWorld};

#[derive(Default)]
struct Row {
    stopped: usize,
    allowed: usize,
}

#[test]
fn catches_what_is_dangerous_and_lets_honest_work_pass() {
    let conscience = Conscience::builtin();
    let mut misses = Vec::new();
    println!(
        "{:<10} {:<14} {:>7} {:>7}",
        "label", "class", "stopped", "allowed"
    );
    for (label, text, want_stop) in [("dangerous", DANGEROUS, true), ("benign", BENIGN, false)] {
        let samples = corpus(text);
        assert!(
            samples.len() >= 120,
            "{label} has only {} samples",
            samples.len()
        );
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for sample in samples {
            let verdict = conscience.judge(&sample.call, &NoWorld);
            let stopped = verdict.decision != Decision::Allow;
            let row = rows.entry(sample.class.clone()).or_default();
            row.stopped += usize::from(stopped);
            row.allowed += usize::from(!stopped);
            if stopped != want_stop {
                misses.push(format!(
                    "{label} {}: {} -> {:?} {:?} {:?}",
                    sample.class, sample.text, verdict.decision, verdict.rule_id, verdict.effects
                ));
            }
        }
        for (class, row) in rows {
            println!(
                "{label:<10} {class:<14} {:>7} {:>7}",
                row.stopped, row.allowed
            );
        }
    }
    assert!(
        misses.is_empty(),
        "{} misses:\n{}",
        misses.len(),
        misses.join("\n")
    );
}

#[test]
fn every_rule_fires_for_some_dangerous_call() {
    let conscience = Conscience::builtin();
    let mut fired = BTreeSet::new();
    // Rules about the situation are called for in the gravest one.
    let situation = conscience::Situation {
        role: Some("guest".to_owned()),
        secrets_read: vec!["~/.ssh/id_rsa".to_owned()],
        ..conscience::Situation::default()
    };
    let long = common::shell(&format!(
        "echo {}",
        "x".repeat(conscience::limits::MAX_TEXT_BYTES)
    ));
    let deep = common::shell(&format!("{}rm{}", "(".repeat(60), ")".repeat(60)));
    for call in corpus(DANGEROUS)
        .into_iter()
        .map(|sample| sample.call)
        .chain([long, deep])
    {
        fired.extend(
            conscience
                .explain_in(&call, &NoWorld, &situation)
                .objections
                .into_iter()
                .map(|objection| objection.rule.id),
        );
    }
    let silent: Vec<String> = conscience
        .rules()
        .into_iter()
        .map(|rule| rule.id)
        .filter(|id| !fired.contains(id))
        .collect();
    assert!(
        silent.is_empty(),
        "rules that nothing in the corpus calls for: {silent:?}"
    );
    assert!(fired.len() >= 25);
}
