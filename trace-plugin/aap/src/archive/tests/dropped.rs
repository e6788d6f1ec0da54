//! Chains whose links an edge has dropped: what is left is proven, and what is not is told.

use super::*;

/// The archive of seven links, notes on 2, 4, 6 and 7, of which these are told to be dropped.
fn without(agent: &Acting, spans: &[(u64, u64)]) -> Vec<String> {
    let mut lines = archive(&[agent]);
    let first = nth(&lines, "link", 0);
    for (from, to) in spans.iter().rev() {
        let at = |seq: u64| first + usize::try_from(seq).unwrap() - 1;
        for link in agent
            .links
            .iter()
            .filter(|link| (*from..=*to).contains(&link.header.seq))
        {
            lines.retain(|line| {
                !line.starts_with("{\"kind\":\"document\"")
                    || !line.contains(&link.header.trace_id.to_string())
            });
        }
        let gone = Dropped {
            agent_id: agent.id(),
            stream: agent.stream,
            from: *from,
            to: *to,
        };
        lines.splice(at(*from)..=at(*to), [line(&gone)]);
    }
    resealed(&lines)
}

#[test]
fn a_chain_that_was_cut_holds_and_says_so() {
    let agent = Acting::new(1, 7);
    for (spans, gone, proven_to) in [
        (&[(1, 4)][..], 4, 7),
        (&[(1, 1)], 1, 7),
        // Parallel calls end in another order than they began in.
        (&[(1, 2), (5, 5)], 3, 7),
        (&[(1, 7)], 7, 0),
        (&[(3, 7)], 5, 2),
    ] {
        let report = verified(&without(&agent, spans));
        assert!(report.ok, "{spans:?}: {:?}", report.findings);
        let chain = &report.chains[0];
        assert_eq!((chain.links, chain.dropped), (7 - gone, gone), "{spans:?}");
        assert_eq!((chain.proven_to, report.counts.dropped), (proven_to, gone));
        let said = &report.not_proven[0];
        assert!(
            said.contains("it had") && said.contains("dropped"),
            "{said}"
        );
    }
    let report = verified(&without(&agent, &[(1, 4)]));
    insta::assert_snapshot!([report.proven, report.not_proven].concat().join("\n"));
}

#[test]
fn what_is_dropped_hides_nothing_that_was_changed() {
    let agent = Acting::new(1, 7);
    let good = without(&agent, &[(1, 4)]);
    let named = |name: &str, change: &dyn Fn(&mut Vec<String>), expected: &[Fault]| {
        let mut lines = good.clone();
        change(&mut lines);
        let report = verified(&resealed(&lines));
        assert_eq!(faults(&report), expected, "{name}: {:#?}", report.findings);
    };
    let replace = |kind: &'static str, from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| {
            let at = nth(lines, kind, 0);
            let changed = lines[at].replacen(from, to, 1);
            assert_ne!(changed, lines[at]);
            lines[at] = changed;
        }
    };
    named(
        "fewer than are missing",
        &replace("dropped", "\"to\":4", "\"to\":3"),
        &[Fault::Gap, Fault::NotSigned],
    );
    named(
        "others than are missing",
        &replace("dropped", "\"from\":1", "\"from\":2"),
        &[Fault::Gap, Fault::NotSigned],
    );
    named(
        "more than are missing",
        &replace("dropped", "\"to\":4", "\"to\":5"),
        &[Fault::OutOfOrder],
    );
    named(
        "backwards",
        &replace("dropped", "\"to\":4", "\"to\":0"),
        &[Fault::OutOfOrder, Fault::Gap, Fault::NotSigned],
    );
    named(
        "more than there ever were",
        &replace("dropped", "\"to\":4", "\"to\":18446744073709551615"),
        &[Fault::OutOfOrder, Fault::Gap, Fault::NotSigned],
    );
    named(
        "of another chain",
        &replace("dropped", "\"stream\":\"01", "\"stream\":\"02"),
        &[Fault::OutOfOrder, Fault::Gap, Fault::NotSigned],
    );
    // What no note covers is not proven by the words that something followed it.
    let unsigned = without(&agent, &[(4, 4)]);
    assert_eq!(faults(&verified(&unsigned)), [Fault::NotSigned]);
    let lines = without(&agent, &[(1, 2), (4, 4)]);
    let report = verified(&lines);
    assert_eq!(faults(&report), [Fault::NotSigned]);
    assert!(report.findings[0].what.contains("covers link 3 of"));
}

#[test]
fn a_document_beside_dropped_links_may_be_told_to_be_gone_with_them() {
    let agent = Acting::new(1, 7);
    let mut lines = without(&agent, &[(1, 4)]);
    let gone = |seq: u64| {
        line(&Missing {
            trace_id: agent.links[2].header.trace_id,
            stream: Some(agent.stream),
            seq: Some(seq),
            why: Absence::Dropped,
        })
    };
    let at = nth(&lines, "document", 0);
    lines.insert(at, gone(3));
    let report = verified(&resealed(&lines));
    assert!(
        report.ok && report.counts.missing == 1,
        "{:?}",
        report.findings
    );
    lines[at] = gone(6);
    let report = verified(&resealed(&lines));
    assert_eq!(faults(&report), [Fault::NotInChain]);
}
