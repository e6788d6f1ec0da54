//! From the Cedar policies in `policies/` to the table in `table.rs`, and the proof that the two say the same.
//!
//! Tests only. After a change of a policy, `UPDATE_POLICIES=1 cargo test -p conscience --lib` writes the table anew.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr as _;

use cedar_policy::{Policy, PolicySet};
use serde_json::Value;

use super::About;
use super::builtin::{self, When};
use super::cedar::{Answer, Cedar};
use super::pack::{Pack, Packs};
use super::rule::{self, RuleInfo, Source};
use super::table::RULES;
use crate::effect::{Effect, EffectKind};
use crate::place::Place;
use crate::situation::Situation;

/// The policies by pack, in the order in which the first of several objections of the same weight is reported.
const FILES: [&str; 13] = [
    "core/files",
    "core/disks",
    "git/version_control",
    "secrets/secrets",
    "network/sending",
    "core/execution",
    "core/rights",
    "core/machine",
    "database/databases",
    "cloud/services",
    "kubernetes/clusters",
    "core/conscience",
    "paranoid/paranoid",
];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn policies(file: &str) -> PolicySet {
    let path = folder("policies").join(format!("{file}.cedar"));
    let text = fs::read_to_string(&path).expect("a policy file");
    PolicySet::from_str(&text).expect("built-in policies parse")
}

/// The policies of a file in their order, read as those of users' files are, so that a wrong annotation is told in the same words.
fn rules(file: &str) -> Vec<(Policy, RuleInfo)> {
    let mut numbered: Vec<(usize, Policy, RuleInfo)> = policies(file)
        .policies()
        .map(|policy| {
            let info = rule::read(policy, Source::Pack(pack(file)))
                .unwrap_or_else(|what| panic!("{file}.cedar: {}: {what}", policy.id()));
            let number = policy.id().to_string();
            let number = number.trim_start_matches("policy").parse();
            (number.expect("policies are numbered"), policy.clone(), info)
        })
        .collect();
    numbered.sort_by_key(|(number, _, _)| *number);
    numbered
        .into_iter()
        .map(|(_, policy, info)| (policy, info))
        .collect()
}

/// The table's text.
fn table() -> String {
    let mut out = "//! The built-in rules, made from `policies/*/*.cedar` by `compile`: change those, then run\n\
         //! `UPDATE_POLICIES=1 cargo test -p conscience --lib`.\n\n\
         use super::builtin::{Flag, Rule, Text, When};\n\
         use super::pack::Pack;\n\
         use crate::effect::EffectKind as Kind;\n\n\
         #[rustfmt::skip]\n\
         pub(super) static RULES: &[Rule] = &[\n"
        .to_owned();
    for file in FILES {
        for (policy, info) in rules(file) {
            let json = policy.to_json().expect("JSON");
            for scope in ["principal", "resource"] {
                assert_eq!(
                    json[scope]["op"], "All",
                    "{}: {scope} is constrained",
                    info.id
                );
            }
            let kinds: Vec<String> = info.effects.iter().map(|effect| kind(effect)).collect();
            write!(
                out,
                "    Rule {{ id: {:?}, pack: Pack::{:?}, effect: {:?}, severity: {}, kinds: &[{}], values: &{:?},\n        \
                 reason: {:?}, advice: {:?},\n        when: {} }},\n",
                info.id,
                pack(file),
                info.effect,
                info.severity,
                kinds.join(", "),
                info.values,
                info.reason,
                info.advice.as_deref().expect("built-in rules advise"),
                conditions(&json["conditions"]),
            )
            .expect("a string takes it");
        }
    }
    out.push_str("];\n");
    out
}

/// The pack that a file belongs to: its folder.
fn pack(file: &str) -> Pack {
    let folder = file.split('/').next().unwrap_or_default();
    Pack::parse(folder).unwrap_or_else(|| panic!("policies/{folder} is no pack"))
}

/// `delete` as `Kind::Delete`.
fn kind(action: &str) -> String {
    let kind = EffectKind::ALL.iter().find(|kind| kind.as_str() == action);
    format!("Kind::{:?}", kind.expect("a policy names an action"))
}

fn conditions(conditions: &Value) -> String {
    let conditions = conditions.as_array().expect("a list");
    let whens: Vec<String> = conditions
        .iter()
        .map(|condition| {
            let body = when(&condition["body"]);
            match condition["kind"].as_str() {
                Some("when") => body,
                _ => format!("When::Not(&{body})"),
            }
        })
        .collect();
    match whens.as_slice() {
        [] => "When::Always".to_owned(),
        [one] => one.clone(),
        several => format!("When::All(&[{}])", several.join(", ")),
    }
}

/// One expression of Cedar's JSON form. What the table cannot say stops the test: say it otherwise, or teach `When`.
fn when(body: &Value) -> String {
    let (operator, of) = body
        .as_object()
        .and_then(|body| body.iter().next())
        .expect("an expression has an operator");
    let text = || attribute(&of["left"]);
    let word = || {
        of["right"]["Value"]
            .as_str()
            .expect("compared with a literal")
    };
    match operator.as_str() {
        "&&" => format!(
            "When::All(&[{}, {}])",
            when(&of["left"]),
            when(&of["right"])
        ),
        "||" => format!(
            "When::Any(&[{}, {}])",
            when(&of["left"]),
            when(&of["right"])
        ),
        "!" => format!("When::Not(&{})", when(&of["arg"])),
        "==" => format!("When::Is(Text::{}, {:?})", text(), word()),
        "!=" => format!("When::Not(&When::Is(Text::{}, {:?}))", text(), word()),
        "." => format!("When::Flag(Flag::{})", attribute(body)),
        "contains" => {
            if let Some(set) = of["left"]["Set"].as_array() {
                let words: Vec<&str> = set
                    .iter()
                    .map(|word| word["Value"].as_str().expect("a set of literals"))
                    .collect();
                return format!("When::OneOf(Text::{}, &{words:?})", attribute(&of["right"]));
            }
            assert_eq!(text(), "Also", "only context.also is a set");
            format!("When::Also({:?})", word())
        }
        other => panic!("built-in policies do not use `{other}`: {body}"),
    }
}

/// `context.place` as `Place`.
fn attribute(of: &Value) -> String {
    let of = &of["."];
    assert_eq!(
        of["left"]["Var"], "context",
        "only the context is asked: {of}"
    );
    let name = of["attr"].as_str().expect("a name");
    name.split('_').fold(String::new(), |mut out, word| {
        let (first, rest) = word.split_at(1);
        write!(out, "{}{rest}", first.to_uppercase()).expect("a string takes it");
        out
    })
}

#[test]
fn the_table_says_what_the_policies_say() {
    let made = table();
    let path = folder("src/policy/table.rs");
    if std::env::var_os("UPDATE_POLICIES").is_some() {
        fs::write(&path, &made).expect("the table is written");
    }
    assert!(
        fs::read_to_string(&path).expect("the table") == made,
        "the policies have changed: run `UPDATE_POLICIES=1 cargo test -p conscience --lib`"
    );
}

#[test]
fn every_policy_file_is_in_the_table() {
    let mut found: Vec<String> = Vec::new();
    for pack in Pack::ALL {
        for entry in fs::read_dir(folder("policies").join(pack.as_str())).expect("a pack's folder")
        {
            let path = entry.expect("an entry").path();
            assert!(
                path.extension()
                    .is_some_and(|extension| extension == "cedar")
            );
            let name = path.file_stem().expect("a name").to_string_lossy();
            found.push(format!("{pack}/{name}"));
        }
    }
    found.sort();
    let mut known = FILES;
    known.sort_unstable();
    assert_eq!(found, known);
}

/// The words that `when` compares the manner with.
fn manners(when: &When, into: &mut Vec<&'static str>) {
    match when {
        When::Is(builtin::Text::Manner, word) => into.push(word),
        When::OneOf(builtin::Text::Manner, words) => into.extend(*words),
        When::Not(when) => manners(when, into),
        When::All(whens) | When::Any(whens) => {
            whens.iter().for_each(|when| manners(when, into));
        }
        _ => {}
    }
}

#[test]
fn the_table_judges_as_cedar_does() {
    let all: Vec<(PolicySet, RuleInfo)> = FILES
        .iter()
        .flat_map(|file| rules(file))
        .map(|(policy, info)| (PolicySet::from_policies([policy]).expect("a set"), info))
        .collect();
    let call = aap::ToolCall::new("test", "exec", Value::Null);
    let cedar = Cedar::new(&call);
    let unknown = Situation::default();
    let guest = Situation {
        role: Some("guest".to_owned()),
        channel: Some("discord".to_owned()),
        secrets_read: vec!["~/.ssh/id_rsa".to_owned()],
        at: Some(aap::Timestamp::from_millis(0)),
    };
    let (mut asked, mut objected) = (0, 0);
    for kind in EffectKind::ALL {
        let mut words = vec!["", "another"];
        for rule in RULES.iter().filter(|rule| rule.kinds.contains(&kind)) {
            manners(&rule.when, &mut words);
        }
        words.sort_unstable();
        words.dedup();
        let of_kind: Vec<&(PolicySet, RuleInfo)> = all
            .iter()
            .filter(|(_, info)| info.effects.iter().any(|effect| effect == kind.as_str()))
            .collect();
        for place in Place::ALL {
            for &manner in &words {
                for flags in 0..16 {
                    let effect = Effect::new(kind, "it")
                        .place(place)
                        .manner(manner)
                        .recursive(flags & 1 != 0)
                        .forced(flags & 2 != 0)
                        .program("sh");
                    let kinds = if flags & 4 == 0 {
                        vec!["opaque"]
                    } else {
                        vec!["delete", "drop_database", "send_data"]
                    };
                    let about = About {
                        call: &call,
                        situation: if flags & 8 == 0 { &unknown } else { &guest },
                        kinds,
                    };
                    let request = cedar.request(&effect, &about).expect("a request");
                    let by_cedar: Vec<&str> = of_kind
                        .iter()
                        .filter(|(policy, _)| cedar.ask(policy, &request) == Answer::Matches)
                        .map(|(_, info)| info.id.as_str())
                        .collect();
                    let by_table: Vec<&str> = builtin::matching(&effect, &about, Packs::ALL)
                        .map(|rule| rule.id)
                        .collect();
                    assert_eq!(by_table, by_cedar, "{effect:?}");
                    asked += 1;
                    objected += by_table.len();
                }
            }
        }
    }
    assert!(
        objected > RULES.len() && asked > objected,
        "{asked} {objected}"
    );
}

#[test]
fn what_people_read_of_a_rule_is_the_same() {
    let by_table: Vec<_> = builtin::infos(Packs::ALL).collect();
    let by_cedar: Vec<_> = FILES
        .iter()
        .flat_map(|file| rules(file))
        .map(|(_, info)| info)
        .collect();
    assert_eq!(by_table, by_cedar);
}
