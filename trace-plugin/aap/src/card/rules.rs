//! The rules that a card must keep: those of AAP 2.0's JSON Schema, of its models, and what judging needs.

use serde_json::{Map, Value};

use super::STANDARD_VALUES;
use super::fields::kind;
use super::place::member;
use crate::id::AgentId;

/// What was found while looking at a card: path and words.
pub(super) struct Rules {
    agent: Option<AgentId>,
    pub(super) faults: Vec<(String, String)>,
    pub(super) notes: Vec<(String, String)>,
}

/// An object of the card and where it is.
pub(super) type Part<'a> = (&'a Map<String, Value>, &'a str);

const MODES: [&str; 4] = ["off", "observe", "nudge", "enforce"];
/// Most days that anything can be kept for here: a `u32`.
const MAX_DAYS: u64 = u32::MAX as u64;

impl Rules {
    pub(super) fn new(agent: Option<AgentId>) -> Self {
        Self {
            agent,
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Looks at everything.
    pub(super) fn card(&mut self, card: &Value) {
        let Some(fields) = card.as_object() else {
            return self.fault(
                "",
                &format!("a card is a JSON object, this is {}", kind(card)),
            );
        };
        let top = (fields, "");
        self.identity(top);
        for key in ["autonomy_mode", "integrity_mode"] {
            self.one_of(top, key, &MODES, true);
        }
        self.part(top, "principal", Self::principal);
        self.part(top, "values", Self::values);
        self.part(top, "autonomy", Self::autonomy);
        self.part(top, "audit", Self::audit);
        self.extensions(top);
        self.only(
            top,
            &[
                "card_version",
                "card_id",
                "agent_id",
                "issued_at",
                "expires_at",
                "autonomy_mode",
                "integrity_mode",
                "principal",
                "values",
                "autonomy",
                "audit",
                "extensions",
            ],
        );
    }

    fn identity(&mut self, top: Part<'_>) {
        if let Some(version) = self.text(top, "card_version", false) {
            let date = version.strip_prefix("unified/").map(str::as_bytes);
            let dated = date.is_some_and(|date| {
                date.len() == 10
                    && date.iter().enumerate().all(|(at, byte)| match at {
                        4 | 7 => *byte == b'-',
                        _ => byte.is_ascii_digit(),
                    })
            });
            if !dated {
                self.fault("card_version", "it is not of the form unified/2026-04-26");
            }
        }
        if let Some(id) = self.text(top, "card_id", true)
            && (id.trim().is_empty() || id.chars().count() > crate::limits::MAX_ID_CHARS)
        {
            self.fault("card_id", "an id has 1 to 256 characters");
        }
        if let Some(id) = self.text(top, "agent_id", true) {
            match (id.parse::<AgentId>(), self.agent) {
                (Err(error), _) => self.fault("agent_id", &error.to_string()),
                (Ok(id), Some(agent)) if id != agent => {
                    self.fault(
                        "agent_id",
                        &format!("this is agent {id}'s card; it must be {agent}'s"),
                    );
                }
                _ => {}
            }
        }
        let issued = self.time(top, "issued_at", true);
        let expires = self.time(top, "expires_at", false);
        if let (Some(issued), Some(expires)) = (issued, expires)
            && expires <= issued
        {
            self.fault("expires_at", "it is not after issued_at");
        }
    }

    fn principal(&mut self, part: Part<'_>) {
        let kind = self.one_of(
            part,
            "type",
            &["human", "organization", "agent", "unspecified"],
            true,
        );
        self.one_of(
            part,
            "relationship",
            &["delegated_authority", "advisory", "autonomous"],
            true,
        );
        let identifier = self.text(part, "identifier", false);
        if kind.is_some_and(|kind| kind != "unspecified") && identifier.is_none_or(str::is_empty) {
            self.fault(
                part.1,
                "identifier is missing: AAP asks for it unless type is \"unspecified\"",
            );
        }
        self.text(part, "escalation_contact", false);
        self.only(
            part,
            &["type", "relationship", "identifier", "escalation_contact"],
        );
    }

    fn values(&mut self, part: Part<'_>) {
        let declared = self.texts(part, "declared", true);
        let against = self.texts(part, "conflicts_with", false);
        self.one_of(
            part,
            "hierarchy",
            &["lexicographic", "weighted", "contextual"],
            false,
        );
        let definitions = self.object(part, "definitions");
        for (id, definition) in definitions.into_iter().flatten() {
            let path = member(&member(part.1, "definitions"), id);
            let Some(fields) = definition.as_object() else {
                self.fault(
                    &path,
                    &format!(
                        "a definition is an object with a description, this is {}",
                        kind(definition)
                    ),
                );
                continue;
            };
            let definition = (fields, path.as_str());
            self.text(definition, "description", true);
            self.text(definition, "name", false);
            if fields
                .get("priority")
                .is_some_and(|priority| !priority.is_number())
            {
                self.fault(&member(&path, "priority"), "it must be a number");
            }
        }
        for (path, value) in &declared {
            if !STANDARD_VALUES.contains(value)
                && !definitions.is_some_and(|all| all.contains_key(*value))
            {
                self.fault(path, &format!("`{value}` is none of AAP's values ({}); describe it under values.definitions", STANDARD_VALUES.join(", ")));
            }
            if against.iter().any(|(_, other)| other == value) {
                self.fault(
                    path,
                    &format!("`{value}` is declared and in conflicts_with, too"),
                );
            }
        }
        self.only(
            part,
            &["declared", "definitions", "conflicts_with", "hierarchy"],
        );
    }

    fn audit(&mut self, part: Part<'_>) {
        match part.0.get("retention_days") {
            None => self.missing(part.1, "retention_days"),
            Some(days) if days.as_u64().is_some_and(|days| days <= MAX_DAYS) => {}
            Some(_) => self.fault(
                &member(part.1, "retention_days"),
                "it must be a whole number of days, 0 or more",
            ),
        }
        let queryable = match part.0.get("queryable") {
            None => {
                self.missing(part.1, "queryable");
                false
            }
            Some(Value::Bool(queryable)) => *queryable,
            Some(_) => {
                self.fault(&member(part.1, "queryable"), "it must be true or false");
                false
            }
        };
        let endpoint = self.text(part, "query_endpoint", false);
        if queryable && endpoint.is_none_or(str::is_empty) {
            self.fault(
                part.1,
                "query_endpoint is missing: AAP asks for it where queryable is true",
            );
        }
        self.text(part, "trace_format", false);
        self.one_of(
            part,
            "tamper_evidence",
            &["append_only", "signed", "merkle"],
            false,
        );
        self.only(
            part,
            &[
                "retention_days",
                "queryable",
                "query_endpoint",
                "trace_format",
                "tamper_evidence",
            ],
        );
    }

    fn extensions(&mut self, top: Part<'_>) {
        let Some(own) = self
            .object(top, "extensions")
            .and_then(|all| self.object((all, "extensions"), "smoltbot"))
        else {
            return;
        };
        let part = (own, "extensions.smoltbot");
        self.text(part, "name", false);
        self.text(part, "url", false);
        self.one_of(part, "unknown_tools", &["allow", "ask", "deny"], false);
        self.only(part, &["name", "url", "unknown_tools"]);
    }
}
