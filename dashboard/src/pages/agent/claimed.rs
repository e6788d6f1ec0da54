//! The name and link that an agent claims, and how far the link is proven, in words.

use aap::Timestamp;

use crate::proof::{Claimed, Proof, Verdict};
use crate::text::Shown;
use crate::words::time;

/// What is told of a claim.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) name: Option<String>,
    /// The link without its scheme.
    pub(crate) site: Option<String>,
    /// Where it leads, once its owner agrees.
    pub(crate) to: Option<String>,
    /// How far it is proven, as a heading.
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) checked: Option<Shown>,
    pub(crate) reason: String,
    /// The record that proves it, as a line of a zone file, and how to ask for it.
    pub(crate) record: Option<(String, String)>,
}

impl Said {
    /// Of what was claimed.
    pub(crate) fn of(claimed: Option<Claimed>, now: Timestamp) -> Self {
        let Some(claimed) = claimed else {
            return Self::default();
        };
        let proof = claimed.dns.as_ref();
        let (title, text) = words(claimed.name.is_some(), proof);
        let proven = proof.is_some_and(|proof| proof.verdict == Verdict::Proven);
        Self {
            title,
            text,
            to: claimed.url.clone().filter(|_| proven),
            site: claimed
                .url
                .as_deref()
                .and_then(|url| url.strip_prefix("https://"))
                .map(str::to_owned),
            checked: proof
                .and_then(|proof| proof.checked_at)
                .map(|at| time(at, now)),
            reason: proof
                .and_then(|proof| proof.reason.clone())
                .unwrap_or_default(),
            record: proof.and_then(record),
            name: claimed.name,
        }
    }
}

fn record(proof: &Proof) -> Option<(String, String)> {
    let (name, value) = (proof.record.as_ref()?, proof.value.as_ref()?);
    Some((
        format!("{name}. 3600 IN TXT \"{value}\""),
        format!("dig +short TXT {name}"),
    ))
}

/// A heading and what it means.
fn words(named: bool, proof: Option<&Proof>) -> (&'static str, &'static str) {
    let Some(proof) = proof else {
        return (
            "The name is claimed, not proven",
            "The agent’s card says so. Anyone can claim a name: compare ids.",
        );
    };
    match (proof.verdict, named) {
        (Verdict::Proven, false) => (
            "The link is proven",
            "The DNS of that domain names this agent, so whoever runs the domain agrees that the agent belongs there.",
        ),
        (Verdict::Proven, true) => (
            "The link is proven, the name is claimed",
            "The DNS of that domain names this agent, so whoever runs the domain agrees that the agent belongs there. The name is \
             what the agent calls itself.",
        ),
        (Verdict::NotProven, false) => (
            "The link is claimed, not proven",
            "The agent’s card says so. The DNS of that domain was asked and does not name this agent.",
        ),
        (Verdict::NotProven, true) => (
            "Name and link are claimed, not proven",
            "The agent’s card says so. The DNS of that domain was asked and does not name this agent. Anyone can claim a name: \
             compare ids.",
        ),
        (Verdict::CouldNotCheck, _) => (
            "The link could not be checked",
            "The agent’s card claims it, and the DNS gave no answer. It is asked again with a later view of this page.",
        ),
        (Verdict::NotYetChecked, _) => (
            "The link is not yet checked",
            "The agent’s card claims it. The DNS is being asked meanwhile; load this page again to see what it said.",
        ),
        (Verdict::NoPublicName, _) => (
            "The link is claimed and cannot be proven",
            "The agent’s card says so. Its host is no name that the public DNS could know, so nobody can be asked.",
        ),
        (Verdict::Off, _) => (
            "The link is claimed, not checked",
            "The agent’s card says so. This server does not ask the DNS; you can.",
        ),
    }
}
