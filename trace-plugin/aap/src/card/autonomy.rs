//! The rules of the part that a conscience judges by: what is bounded, forbidden, and asked about.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::ACTION_TYPES;
use super::fields::kind;
use super::place::member;
use super::rules::{Part, Rules};
use super::{Condition, names};
use crate::trace::OWN_FIELDS;

impl Rules {
    pub(super) fn autonomy(&mut self, part: Part<'_>) {
        let bounded = self.texts(part, "bounded_actions", true);
        let forbidden = self.texts(part, "forbidden_actions", false);
        for (path, entry) in bounded.iter().chain(&forbidden) {
            if names::head(entry).contains(", ") {
                self.fault(
                    path,
                    "AAP reads `, ` in a name as several tools; write one tool an entry",
                );
            }
        }
        // Every name that a bounded tool goes by, so that long lists are compared by looking up.
        let plain: Vec<(String, &str)> = bounded
            .iter()
            .map(|(_, entry)| (names::plain(names::head(entry)), *entry))
            .collect();
        let mut may: BTreeMap<&str, &str> = BTreeMap::new();
        for (tool, entry) in &plain {
            may.extend(names::meanings(tool).map(|name| (name, *entry)));
            may.insert(tool, entry);
        }
        for (path, entry) in &forbidden {
            let family = names::family(entry);
            let both = match &family {
                Some(start) => may
                    .range(start.as_str()..)
                    .next()
                    .filter(|(tool, _)| tool.starts_with(start.as_str())),
                None => may.get_key_value(names::plain(names::head(entry)).as_str()),
            };
            if let Some((_, both)) = both {
                self.fault(
                    path,
                    &format!(
                        "`{entry}` forbids what bounded_actions allows as `{both}`; leave one"
                    ),
                );
            }
        }
        self.triggers(part);
        if let Some(most) = self.object(part, "max_autonomous_value") {
            let path = member(part.1, "max_autonomous_value");
            match most.get("amount").map(Value::as_f64) {
                Some(Some(amount)) if amount >= 0.0 => {}
                _ => self.fault(&member(&path, "amount"), "it must be a number, 0 or more"),
            }
            if let Some(currency) = self.text((most, &path), "currency", false)
                && !(currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()))
            {
                self.fault(
                    &member(&path, "currency"),
                    "it must be an ISO 4217 code such as USD",
                );
            }
            self.only((most, &path), &["amount", "currency"]);
        }
        self.only(
            part,
            &[
                "bounded_actions",
                "escalation_triggers",
                "max_autonomous_value",
                "forbidden_actions",
            ],
        );
    }

    fn triggers(&mut self, part: Part<'_>) {
        let path = member(part.1, "escalation_triggers");
        let all = match part.0.get("escalation_triggers") {
            None => return,
            Some(Value::Array(all)) => all,
            Some(other) => {
                return self.fault(
                    &path,
                    &format!("it must be a list, this is {}", kind(other)),
                );
            }
        };
        for (index, trigger) in all.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(fields) = trigger.as_object() else {
                self.fault(&path, "a trigger is an object {condition, action, reason}");
                continue;
            };
            let trigger = (fields, path.as_str());
            if let Some(condition) = self.text(trigger, "condition", true) {
                let at = member(&path, "condition");
                match Condition::parse(condition) {
                    Err(error) => self.fault(&at, &error.to_string()),
                    Ok(Condition::ActionType(name))
                        if ACTION_TYPES.contains(&name.as_str()) && name != "execute" =>
                    {
                        let note = format!(
                            "no call is of type {name} before it runs, so nobody is ever asked"
                        );
                        self.notes.push((at, note));
                    }
                    Ok(Condition::Number { field, .. } | Condition::Flag(field))
                        if OWN_FIELDS.contains(&field.as_str()) =>
                    {
                        self.fault(&at, &format!("`{field}` is a field that every trace has for itself, so verifiers would look there and not at the call; name a parameter or an effect"));
                    }
                    Ok(_) => {}
                }
            }
            self.one_of(trigger, "action", &["escalate", "deny", "log"], true);
            self.text(trigger, "reason", true);
            self.only(trigger, &["condition", "action", "reason"]);
        }
    }
}
