use ed25519_dalek::SigningKey;
use serde_json::json;

use super::*;
use crate::note::write_public_key;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn card() -> AlignmentCard {
    let agent = AgentId::of_key(&key().verifying_key());
    AlignmentCard::default_for(
        agent,
        Timestamp::from_millis(0),
        "http://127.0.0.1:8787/v1/traces",
    )
}

#[test]
fn a_signed_card_opens_and_a_changed_one_does_not() {
    let agent = card().agent_id;
    let signed = card().sign(&key());
    assert_eq!(signed.clone().open(agent).unwrap().0, card());
    let mut changed = signed.clone();
    changed.alignment_card.autonomy_mode = Mode::Off;
    assert_eq!(changed.open(agent).unwrap_err(), CardError::BadSignature);
    let other = AgentId::from_bytes([1; 16]);
    assert_eq!(
        signed.clone().open(other).unwrap_err(),
        CardError::OtherAgent(agent)
    );
    let mut unstorable = signed.clone();
    unstorable.signature.key_id.push('\0');
    assert_eq!(
        unstorable.open(agent).unwrap_err(),
        CardError::Nul("signature.key_id".to_owned())
    );
    let mut foreign = signed;
    foreign.public_key = write_public_key(&SigningKey::from_bytes(&[6; 32]).verifying_key());
    assert_eq!(foreign.open(agent).unwrap_err(), CardError::WrongKey(agent));
}

#[test]
fn names_of_older_versions_are_read_and_new_ones_written() {
    let mut old = serde_json::to_value(card()).unwrap();
    let fields = old.as_object_mut().unwrap();
    for (new, old) in [
        ("autonomy", "autonomy_envelope"),
        ("audit", "audit_commitment"),
        ("card_version", "aap_version"),
    ] {
        let value = fields.remove(new).unwrap();
        fields.insert(old.to_owned(), value);
    }
    fields.insert(
        "values".to_owned(),
        json!({"declared": [{"id": "privacy"}, "honesty"]}),
    );
    let read: AlignmentCard = serde_json::from_value(old).unwrap();
    assert_eq!(read.values.declared, ["privacy", "honesty"]);
    let written = serde_json::to_value(&read).unwrap();
    assert!(written.get("autonomy").is_some() && written.get("autonomy_envelope").is_none());
}

#[test]
fn the_id_follows_the_content() {
    let mut other = card();
    assert_eq!(other.card_id, other.derived_id());
    other.autonomy.bounded_actions.pop();
    assert_ne!(other.card_id, other.derived_id());
}

fn text(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value = serde_json::to_value(card()).unwrap();
    change(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

/// `path: problem` of everything that is wrong.
fn faults(text: &str) -> Vec<String> {
    let told = |fault: Fault| format!("{}: {}", fault.path, fault.problem);
    match read(text, None) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(told).collect(),
    }
}

#[test]
fn the_card_that_init_writes_holds() {
    let text = text(|_| {});
    let checked = read(&text, Some(card().agent_id)).unwrap();
    assert_eq!(checked.card, card());
    assert_eq!(checked.notes, []);
}

#[test]
fn what_aap_does_not_name_is_kept_signed_and_noted() {
    let text = text(|card| {
        card["autonomy"]["forbiden_actions"] = json!(["exec"]);
        card["x"] = json!({"half": 0.5});
        card["extensions"] =
            json!({"smoltbot": {"name": "n", "nmae": 1}, "a2a": {"agent_card_url": "u"}});
    });
    let checked = read(&text, None).unwrap();
    let notes: Vec<&str> = checked
        .notes
        .iter()
        .map(|note| note.path.as_str())
        .collect();
    assert_eq!(
        notes,
        ["autonomy.forbiden_actions", "extensions.smoltbot.nmae", "x"]
    );
    assert!(checked.notes[0].problem.contains("forbidden_actions"));
    let signed = checked.card.clone().sign(&key());
    let sent = serde_json::to_string(&signed).unwrap();
    let mut arrived: SignedCard = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        arrived.clone().open(card().agent_id).unwrap().0,
        checked.card
    );
    arrived
        .alignment_card
        .extra
        .insert("x".to_owned(), json!({"half": 0.25}));
    assert_eq!(
        arrived.open(card().agent_id).unwrap_err(),
        CardError::BadSignature
    );
}

#[test]
fn old_names_and_nulls_are_read() {
    let text = text(|card| {
        let fields = card.as_object_mut().unwrap();
        let autonomy = fields.remove("autonomy").unwrap();
        fields.insert("autonomy_envelope".to_owned(), autonomy);
        fields.remove("card_version");
        fields.insert("aap_version".to_owned(), json!("0.5.0"));
        fields.insert("expires_at".to_owned(), json!(null));
        fields["autonomy_envelope"]["forbidden_actions"] = json!(null);
    });
    assert_eq!(read(&text, None).unwrap().card, card());
    let wrong = text.replace("\"apply_patch\"", "7");
    let found = read(&wrong, None).unwrap_err();
    let line = wrong.lines().position(|line| line.trim() == "7,").unwrap() + 1;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].path.as_str(), found[0].line),
        ("autonomy.bounded_actions[13]", line)
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row a rule")]
fn everything_wrong_is_named_by_path_and_line() {
    type Change = fn(&mut serde_json::Value);
    let cases: &[(Change, &str)] = &[
        (
            |c| c["card_version"] = json!("0.5.0"),
            "card_version: it is not of the form",
        ),
        (|c| c["card_id"] = json!(""), "card_id: an id has"),
        (|c| c["agent_id"] = json!("did:web:x"), "agent_id: "),
        (
            |c| c["issued_at"] = json!("yesterday"),
            "issued_at: `yesterday` is not an RFC 3339 time",
        ),
        (
            |c| c["expires_at"] = c["issued_at"].clone(),
            "expires_at: it is not after issued_at",
        ),
        (
            |c| c["autonomy_mode"] = json!("strict"),
            "autonomy_mode: `strict` is none of off, observe, nudge, enforce",
        ),
        (
            |c| drop(c.as_object_mut().unwrap().remove("integrity_mode")),
            "integrity_mode: it is missing",
        ),
        (
            |c| c["principal"]["type"] = json!("human"),
            "principal: identifier is missing",
        ),
        (
            |c| c["principal"] = json!([]),
            "principal: it must be an object, this is a list",
        ),
        (
            |c| c["values"]["declared"] = json!(["candor"]),
            "values.declared[0]: `candor` is none of AAP's values",
        ),
        (
            |c| c["values"]["declared"] = json!([{"id": "privacy"}]),
            "values.declared[0]: it must be a text, this is an object",
        ),
        (
            |c| c["values"]["declared"] = json!(["privacy", "privacy"]),
            "values.declared[1]: `privacy` is there twice",
        ),
        (
            |c| c["values"]["conflicts_with"] = json!(["privacy"]),
            "values.declared[6]: `privacy` is declared and in conflicts_with",
        ),
        (
            |c| c["values"]["definitions"] = json!({"candor": {}}),
            "values.definitions.candor.description: it is missing",
        ),
        (
            |c| c["autonomy"]["bounded_actions"] = json!(["read, write"]),
            "autonomy.bounded_actions[0]: AAP reads `, `",
        ),
        (
            |c| {
                c["autonomy"]["escalation_triggers"] = json!([
                    {"condition": "duration_ms > 1000", "action": "escalate", "reason": "slow"},
                ]);
            },
            "autonomy.escalation_triggers[0].condition: `duration_ms` is a field that every trace has",
        ),
        (
            |c| c["autonomy"]["forbidden_actions"] = json!(["EXEC: never"]),
            "autonomy.forbidden_actions[0]: `EXEC: never` forbids what bounded_actions allows as `exec`",
        ),
        (
            |c| {
                c["autonomy"]["bounded_actions"] = json!(["mcp__hub__look"]);
                c["autonomy"]["forbidden_actions"] = json!(["mcp__hub"]);
            },
            "autonomy.forbidden_actions[0]: `mcp__hub` forbids what bounded_actions allows as `mcp__hub__look`",
        ),
        (
            |c| {
                c["autonomy"]["escalation_triggers"] =
                    json!([{"condition": "a and b", "action": "ask", "reason": 1}]);
            },
            "autonomy.escalation_triggers[0].condition: `a and b` is in none of the forms",
        ),
        (
            |c| c["autonomy"]["max_autonomous_value"] = json!({"amount": "5", "currency": "USD"}),
            "autonomy.max_autonomous_value.amount: it must be a number",
        ),
        (
            |c| c["autonomy"]["max_autonomous_value"] = json!({"amount": 5, "currency": "dollars"}),
            "autonomy.max_autonomous_value.currency: it must be an ISO 4217 code",
        ),
        (
            |c| c["audit"]["retention_days"] = json!(-1),
            "audit.retention_days: it must be a whole number",
        ),
        (
            |c| c["audit"] = json!({"retention_days": 1, "queryable": true}),
            "audit: query_endpoint is missing",
        ),
        (
            |c| c["extensions"] = json!({"smoltbot": {"unknown_tools": "forbid"}}),
            "extensions.smoltbot.unknown_tools: `forbid` is none of allow, ask, deny",
        ),
        (
            |c| c["principal"]["escalation_contact"] = json!("\0"),
            "principal.escalation_contact: it holds a NUL",
        ),
        (
            |c| *c = json!([1]),
            ": a card is a JSON object, this is a list",
        ),
    ];
    for (change, expected) in cases {
        let found = faults(&text(change));
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{expected}: {found:?}"
        );
    }
    let other = AgentId::from_bytes([1; 16]);
    let found = read(&text(|_| {}), Some(other)).unwrap_err();
    assert_eq!(found[0].path, "agent_id");
    let written = text(|_| {});
    let above = written
        .lines()
        .take_while(|line| !line.contains("\"agent_id\""))
        .count();
    assert_eq!(found[0].line, above + 1);
    let found = read("{\n\"a\": ?\n}", None).unwrap_err();
    assert_eq!(found[0].line, 2);
    assert!(found[0].to_string().starts_with("line 2: this is not JSON"));
    let twice = text(|_| {}).replacen('{', "{\n\"card_id\": \"ac-1\",", 1);
    assert!(faults(&twice).contains(&"card_id: it is there twice; leave one".to_owned()));
    let large = format!(
        "{{\"a\": \"{}\"}}",
        "x".repeat(crate::limits::MAX_CARD_BYTES)
    );
    assert!(faults(&large)[0].starts_with(": it is 65545 bytes; a card has at most 65536"));
}

/// The longest lists that a card has room for are looked up, not compared pair by pair.
#[test]
fn the_largest_card_is_read_at_once() {
    let list = |start: &str| (0..2000).map(|n| format!("{start}{n}")).collect::<Vec<_>>();
    let text = text(|card| {
        card["autonomy"]["bounded_actions"] = json!(list("may_use_it_"));
        card["autonomy"]["forbidden_actions"] = json!(list("never_"));
    });
    let compact = serde_json::from_str::<serde_json::Value>(&text)
        .unwrap()
        .to_string();
    assert_eq!(
        read(&compact, None)
            .unwrap()
            .card
            .autonomy
            .forbidden_actions
            .len(),
        2000
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in ".{0,300}") {
        let _ = read(&text, None);
    }

    #[test]
    fn no_json_makes_reading_panic(key in "(values|autonomy|audit|principal|issued_at)", junk in "(null|1|-1|1e400|\"\"|\\[\\]|\\{\\}|\\[\\[1\\]\\]|\\[null\\]|\\{\"declared\":\\{\\}\\}|\\{\"smoltbot\":[0-9]\\})") {
        let text = text(|_| {}).replacen('{', &format!("{{\"{key}\": {junk},"), 1);
        proptest::prop_assert!(read(&text, None).is_err());
    }
}
