//! What this crate writes, judged by AAP itself: the TypeScript and the Python reference verifiers, the pydantic models
//! and the JSON Schemas. `cargo xtask setup` installs them; without them these tests fail rather than pass unseen.

mod coherence;
mod differential;
mod drift;
mod drift_differential;
mod generate;
mod judges;
mod kinds;
mod violations;

use judges::{Case, Verdict, aap_verify, judge};
use serde_json::json;

fn verified() -> Verdict {
    Verdict::Violations([].into())
}

#[test]
fn every_kind_of_trace_is_accepted_by_all_judges() {
    let cases = kinds::cases();
    let bench = judge(&cases);
    for Case { name, .. } in &cases {
        assert_eq!(
            bench.typescript.verdicts[*name],
            verified(),
            "TypeScript: {name}"
        );
        assert_eq!(bench.python.verdicts[*name], verified(), "Python: {name}");
        assert!(
            bench.python.schema[*name].is_empty(),
            "schema: {name}: {:?}",
            bench.python.schema[*name]
        );
        assert!(
            bench.python.model[*name].is_empty(),
            "model: {name}: {:?}",
            bench.python.model[*name]
        );
    }
    assert_eq!(
        bench.typescript.verdicts.len(),
        cases.len(),
        "no two cases share a name"
    );
}

#[test]
fn the_aap_command_accepts_a_refusal_and_names_a_violation() {
    let mut refusal = kinds::cases()
        .into_iter()
        .find(|case| case.name == "deny")
        .expect("there is a refusal");
    let (accepted, said) = aap_verify(&refusal);
    assert!(accepted, "{said}");
    refusal.trace["card_id"] = json!("ac-another");
    let (accepted, said) = aap_verify(&refusal);
    assert!(!accepted && said.contains("card_mismatch"), "{said}");
}

/// The control: judges that accept everything would prove nothing.
#[test]
fn a_broken_trace_is_rejected_by_each_judge() {
    let whole = kinds::cases().swap_remove(0);
    let broken = |name, change: fn(&mut serde_json::Value)| {
        let mut case = Case {
            name,
            ..whole.clone()
        };
        change(&mut case.trace);
        case
    };
    let cases = [
        broken("another card", |trace| {
            trace["card_id"] = json!("ac-another");
        }),
        broken("no action", |trace| {
            trace.as_object_mut().expect("an object").remove("action");
        }),
        broken("unknown type", |trace| {
            trace["action"]["type"] = json!("allow");
        }),
        broken("selected nothing offered", |trace| {
            trace["decision"]["selected"] = json!("maybe");
        }),
    ];
    let bench = judge(&cases);
    let mismatch = Verdict::Violations(["card_mismatch".to_owned()].into());
    assert_eq!(bench.typescript.verdicts["another card"], mismatch);
    assert_eq!(bench.python.verdicts["another card"], mismatch);
    for verdicts in [&bench.typescript.verdicts, &bench.python.verdicts] {
        assert!(
            matches!(&verdicts["no action"], Verdict::Refused(_)),
            "{verdicts:?}"
        );
    }
    for name in ["no action", "unknown type"] {
        assert!(!bench.python.schema[name].is_empty(), "schema: {name}");
        assert!(!bench.python.model[name].is_empty(), "model: {name}");
    }
    // Only the models ask that what was selected was on offer.
    assert!(!bench.python.model["selected nothing offered"].is_empty());
}
