//! What a verification catches, and what it says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::note::write_public_key;

mod acting;
mod dropped;
mod versions;

use acting::*;

#[test]
fn a_whole_archive_holds_and_says_what_is_proven() {
    let (one, two) = (Acting::new(1, 7), Acting::new(2, 3));
    let report = verified(&archive(&[&one, &two]));
    assert_eq!((report.ok, &report.findings[..]), (true, &[][..]));
    let counts = report.counts;
    assert_eq!((counts.agents, counts.cards, counts.streams), (2, 2, 2));
    assert_eq!((counts.links, counts.refusals, counts.selected), (10, 3, 3));
    assert_eq!(
        (counts.documents, counts.proven_documents, counts.under_card),
        (3, 3, 3)
    );
    assert_eq!(counts.notes, 4 + 2);
    let proven_to: Vec<_> = report
        .chains
        .iter()
        .map(|chain| (chain.links, chain.proven_to))
        .collect();
    assert!(proven_to.iter().all(|(links, proven)| links == proven));
    insta::assert_snapshot!([report.proven, report.not_proven].concat().join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of what can be changed")]
fn what_somebody_changed_is_caught_and_named() {
    let (agent, other) = (Acting::new(1, 7), Acting::new(2, 3));
    let good = archive(&[&agent]);
    let named = |name: &str, change: &dyn Fn(&mut Vec<String>), expected: &[Fault], said: &str| {
        let mut lines = good.clone();
        change(&mut lines);
        let report = verified(&resealed(&lines));
        assert_eq!(faults(&report), expected, "{name}: {:#?}", report.findings);
        assert!(!report.ok);
        let what = &report.findings[0].what;
        assert!(what.contains(said), "{name}: {what}");
    };
    let change = |kind: &'static str, at: usize, from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| {
            let at = nth(lines, kind, at);
            let changed = lines[at].replacen(from, to, 1);
            assert_ne!(changed, lines[at]);
            lines[at] = changed;
        }
    };
    let cut = |kind: &'static str, at: usize| {
        move |lines: &mut Vec<String>| {
            let at = nth(lines, kind, at);
            lines.remove(at);
        }
    };
    named(
        "a byte in a reason",
        &change("document", 0, "Recursive delete", "Recursive Delete"),
        &[Fault::WrongContent],
        "commits to",
    );
    named(
        "a dropped refusal's document",
        &cut("document", 1),
        &[Fault::LeftOut],
        "was asked for",
    );
    named(
        "a dropped refusal",
        &|lines| {
            cut("document", 0)(lines);
            cut("link", 2)(lines);
        },
        &[Fault::Gap, Fault::NotSigned],
        "missing before link 4",
    );
    named(
        "the first link dropped",
        &cut("link", 0),
        &[Fault::Gap, Fault::NotSigned],
        ": link 1",
    );
    named(
        "the last link dropped",
        &cut("link", 6),
        &[Fault::Gap],
        "should have 7 links and ends with link 6",
    );
    named(
        "two links that changed places",
        &|lines| {
            let at = nth(lines, "link", 3);
            lines.swap(at, at + 1);
        },
        &[Fault::Gap, Fault::OutOfOrder, Fault::NotSigned],
        ": link 4",
    );
    named(
        "a refusal made an allowance",
        &change(
            "link",
            2,
            "\"action_type\":\"deny\"",
            "\"action_type\":\"allow\"",
        ),
        &[
            Fault::WrongDigest,
            Fault::BrokenChain,
            Fault::WrongContent,
            Fault::NotSigned,
        ],
        "somebody has changed it",
    );
    named(
        "a note taken off the end",
        &|lines| {
            let at = nth(lines, "link", 6);
            let mut link: Value = serde_json::from_str(&lines[at]).unwrap();
            link.as_object_mut().unwrap().remove("note");
            // As the writer has it: the kind first.
            let rest = link.to_string().replace(",\"kind\":\"link\"", "").replacen(
                '{',
                "{\"kind\":\"link\",",
                1,
            );
            lines[at] = rest;
        },
        &[Fault::NotSigned],
        "covers link 7",
    );
    let foreign = write_public_key(&other.key.verifying_key());
    named(
        "another key",
        &|lines| {
            let at = nth(lines, "agent", 0);
            lines[at] =
                json!({"kind": "agent", "agent_id": agent.id(), "public_key": foreign}).to_string();
            lines[at] = format!(
                "{{\"kind\":\"agent\",\"agent_id\":\"{}\",\"public_key\":\"{foreign}\"}}",
                agent.id()
            );
        },
        &[Fault::WrongKey, Fault::BadNote, Fault::NotSigned],
        "derived from",
    );
    named(
        "two notes",
        &|lines| {
            let at = nth(lines, "link", 6);
            let mut link: Link = serde_json::from_str(&lines[at]).unwrap();
            link.note = Some(agent.checkpoint(7, Digest::of(b"another history")));
            let text = serde_json::to_string(&link).unwrap();
            lines[at] = format!("{{\"kind\":\"link\",{}", &text[1..]);
        },
        &[Fault::TwoNotes, Fault::NotSigned],
        "another content for link 7",
    );
    named(
        "a note of another place",
        &|lines| {
            let at = nth(lines, "link", 6);
            let mut link: Link = serde_json::from_str(&lines[at]).unwrap();
            link.note = Some(agent.note(3));
            let text = serde_json::to_string(&link).unwrap();
            lines[at] = format!("{{\"kind\":\"link\",{}", &text[1..]);
        },
        &[Fault::BadNote, Fault::NotSigned],
        "signs link 4",
    );
    named(
        "a changed card",
        &change("card", 0, "\"enforce\"", "\"observe\""),
        &[Fault::BadCard],
        "not believed",
    );
    named(
        "a card with more on it than is signed",
        &change(
            "card",
            0,
            "\"signed_card\":{",
            "\"signed_card\":{\"also\":1,",
        ),
        &[Fault::BadCard],
        "more than what is signed",
    );
    named(
        "a card with a key that AAP does not name added",
        &change(
            "card",
            0,
            "\"alignment_card\":{",
            "\"alignment_card\":{\"also\":1,",
        ),
        &[Fault::BadCard],
        "not believed",
    );
    named(
        "a line that is no JSON",
        &change("link", 0, "{\"kind\":\"link\"", "{\"kind\":\"link"),
        &[Fault::UnreadableLine, Fault::Gap, Fault::NotSigned],
        "cannot be read",
    );
    named(
        "a chain twice",
        &|lines| {
            let at = nth(lines, "stream", 0);
            lines.insert(at, lines[at].clone());
        },
        &[Fault::Gap, Fault::OutOfOrder, Fault::NotInChain],
        "should have 7 links",
    );
    named(
        "a second content",
        &|lines| {
            let at = nth(lines, "document", 0);
            let second = SecondContent {
                agent_id: agent.id(),
                stream: agent.stream,
                seq: 2,
                second_digest: Digest::of(b"x"),
                second_note: agent.checkpoint(2, Digest::of(b"x")),
            };
            let text = serde_json::to_string(&second).unwrap();
            lines.insert(at, format!("{{\"kind\":\"equivocation\",{}", &text[1..]));
        },
        &[Fault::TwoNotes],
        "two contents for link 2",
    );
    named(
        "an unsigned document in a signed agent's name",
        &|lines| {
            let at = nth(lines, "document", 0);
            let mut document = agent.documents[0].clone();
            for key in crate::chain::LINK_KEYS {
                document["context"]["metadata"]
                    .as_object_mut()
                    .unwrap()
                    .remove(key);
            }
            lines.insert(
                at,
                format!("{{\"kind\":\"document\",\"document\":{document}}}"),
            );
        },
        &[Fault::NotInChain],
        "is in no chain",
    );
    named(
        "a foreign document",
        &|lines| {
            let at = nth(lines, "document", 0);
            lines.insert(
                at,
                format!(
                    "{{\"kind\":\"document\",\"document\":{}}}",
                    other.documents[0]
                ),
            );
        },
        &[Fault::NotInChain],
        "which is not here",
    );
    named(
        "a document without what AAP asks for",
        &change("document", 0, "\"selected\":\"deny\",", ""),
        &[Fault::BadDocument],
        "decision.selected",
    );
}

#[test]
fn what_breaks_off_or_is_something_else_is_named() {
    let good = archive(&[&Acting::new(1, 7)]);
    let cut = verified(&good[..good.len() - 1]);
    assert_eq!(faults(&cut), [Fault::Truncated]);
    let mut half = good.clone();
    let last = half.last_mut().unwrap();
    last.truncate(20);
    assert_eq!(
        faults(&verified(&half)),
        [Fault::UnreadableLine, Fault::Truncated]
    );
    let mut behind = good.clone();
    behind.push("{}".to_owned());
    assert_eq!(faults(&verified(&behind)), [Fault::Truncated]);
    let mut bytes = good.clone();
    bytes[0] = bytes[0].replace("edge.example", "edge.exampIe");
    assert_eq!(faults(&verified(&bytes)), [Fault::Checksum]);
    for first in [
        "",
        "{}",
        "[]",
        "x",
        "{\"kind\":\"manifest\",\"format\":\"smoltbot-archive/2\",\"source\":\"\",\"exported_at\":\"2026-11-21T00:00:00Z\",\"selection\":{}}",
    ] {
        let report = verified(&[first.to_owned(), good[1].clone()]);
        assert_eq!(faults(&report), [Fault::NotAnArchive], "{first}");
        assert!(report.proven.is_empty());
    }
    assert_eq!(faults(&verified(&[])), [Fault::Truncated], "an empty file");
}

#[test]
fn held_back_and_erased_contents_are_told_and_the_chain_still_holds() {
    let agent = Acting::new(1, 7);
    let mut lines = archive(&[&agent]);
    let at = nth(&lines, "document", 0);
    let missing = Missing {
        trace_id: agent.links[2].header.trace_id,
        stream: Some(agent.stream),
        seq: Some(3),
        why: Absence::Erased,
    };
    let text = serde_json::to_string(&missing).unwrap();
    lines[at] = format!("{{\"kind\":\"missing\",{}", &text[1..]);
    let report = verified(&resealed(&lines));
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(report.counts.missing, 1);
    assert!(
        report.not_proven[0].contains(
            "What 1 trace said: it was held back by the agent, or erased or dropped since"
        )
    );
    // A word of absence for something else does not count.
    lines[at] = lines[at].replace("\"seq\":3", "\"seq\":2");
    let report = verified(&resealed(&lines));
    assert_eq!(faults(&report), [Fault::NotInChain, Fault::LeftOut]);
}

#[test]
fn what_ran_is_held_against_its_card_and_what_was_refused_is_not() {
    let mut agent = Acting::new(1, 0);
    agent.card.autonomy.forbidden_actions = vec!["exec".to_owned()];
    for seq in 1..=3 {
        agent.act(seq);
    }
    agent.links[2].note = Some(agent.note(2));
    let mut lines = archive(&[&agent]);
    let report = verified(&lines);
    assert!(
        report.ok,
        "the refusal of a forbidden tool is no violation: {:?}",
        report.findings
    );
    assert_eq!(report.counts.forbidden_and_refused, 1);
    let at = nth(&lines, "document", 0);
    lines.insert(
        at,
        format!(
            "{{\"kind\":\"document\",\"document\":{}}}",
            agent.documents[0]
        ),
    );
    let report = verified(&resealed(&lines));
    assert_eq!(faults(&report), [Fault::CardViolated]);
}

#[test]
fn findings_are_bounded_and_all_are_counted() {
    let mut lines = archive(&[&Acting::new(1, 1)]);
    lines.extend((0..2 * MAX_FINDINGS).map(|_| "x".to_owned()));
    let report = verified(&lines);
    assert_eq!(
        (report.findings.len(), report.found),
        (MAX_FINDINGS, 2 * MAX_FINDINGS as u64)
    );
    assert!(
        report
            .proven
            .iter()
            .all(|sentence| !sentence.contains("whole"))
    );
}

proptest! {
    #[test]
    fn no_byte_can_be_changed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let lines = archive(&[&Acting::new(1, 4)]);
        let mut bytes = lines.join("\n").into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let mut verifier = Verifier::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            verifier.line(line);
        }
        prop_assert!(!verifier.finish().ok);
    }

    #[test]
    fn no_line_that_proves_something_can_be_taken_out(at in 0..40_usize) {
        let lines = archive(&[&Acting::new(1, 6), &Acting::new(2, 5)]);
        // Without a card nothing else changes, but that nothing is compared with it.
        let proves = |at: &usize| !lines[*at].starts_with("{\"kind\":\"card\"");
        let proving: Vec<usize> = (1..lines.len() - 1).filter(proves).collect();
        let at = proving[at % proving.len()];
        let mut fewer = lines.clone();
        fewer.remove(at);
        prop_assert!(!verified(&resealed(&fewer)).ok, "{}", lines[at]);
    }

    #[test]
    fn whatever_is_read_does_not_stop_it(lines in prop::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut verifier = Verifier::new();
        verifier.line(archive(&[&Acting::new(1, 1)])[0].as_bytes());
        for line in &lines {
            verifier.line(line);
        }
        prop_assert!(!verifier.finish().ok);
    }
}
