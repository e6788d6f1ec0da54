//! What is proven and what is not, in sentences that people can hold somebody to.

use super::Selection;
use super::report::{Fault, Report};

/// What breaks the statement about chains.
const OF_CHAINS: [Fault; 9] = [
    Fault::WrongKey,
    Fault::Gap,
    Fault::OutOfOrder,
    Fault::BrokenChain,
    Fault::WrongDigest,
    Fault::BadNote,
    Fault::TwoNotes,
    Fault::NotSigned,
    Fault::Truncated,
];

/// Writes the sentences.
pub(super) fn tell(report: &mut Report, selection: &Selection, countable: bool, without_card: u64) {
    let counts = report.counts;
    // Where findings were only counted, what they were is not known.
    let told_all = report.found == report.findings.len() as u64;
    let holds = |faults: &[Fault]| {
        let mut findings = report.findings.iter();
        told_all && !findings.any(|finding| faults.contains(&finding.fault))
    };
    let selected = selected(selection);
    let mut proven = Vec::new();
    if counts.links > 0 && holds(&OF_CHAINS) {
        proven.push(format!(
            "The chains are whole: {} in {} from the first on, none missing, none moved, up to notes that the agents' keys have signed. Refusals among them: {}.",
            number(counts.links, "link"),
            number(counts.streams, "stream"),
            counts.refusals
        ));
        proven.push(
            "The agents are who they say: each id is derived from the key that signed.".to_owned(),
        );
    }
    if counts.proven_documents > 0 {
        proven.push(format!(
            "{} of {} in the archive say exactly what was recorded: each is what its link commits to.",
            counts.proven_documents,
            number(counts.documents, "document")
        ));
    }
    let complete = [
        Fault::LeftOut,
        Fault::Gap,
        Fault::OutOfOrder,
        Fault::Truncated,
        Fault::WrongContent,
        Fault::UnreadableLine,
    ];
    if countable && counts.selected > 0 && holds(&complete) {
        proven.push(format!(
            "Nothing that was selected ({selected}) is left out of these chains: {} asked for, each here or told to be missing.",
            number(counts.selected, "document")
        ));
    }
    if counts.cards > 0 && holds(&[Fault::BadCard]) {
        proven.push(format!(
            "Alignment cards that are signed by the agents whose they are: {}.",
            counts.cards
        ));
    }
    if counts.documents > 0 && holds(&[Fault::BadDocument, Fault::WrongContent]) {
        proven.push("Every document has the form that AAP's schema asks for.".to_owned());
    }
    if counts.under_card > 0 && holds(&[Fault::CardViolated]) {
        proven.push(format!(
            "Documents that were compared with the cards that they name, as AAP's own verification does it: {}. Nothing that ran breaks a rule of its card. Calls of forbidden tools that were refused: {}.",
            counts.under_card,
            counts.forbidden_and_refused
        ));
    }
    let mut not_proven = Vec::new();
    if counts.missing > 0 {
        not_proven.push(format!(
            "What {} said: held back by the agent, or erased since. That it was called, by which tool's name and with which verdict, stands in the chain.",
            number(counts.missing, "trace")
        ));
    }
    if counts.unsigned_documents > 0 {
        not_proven.push(format!(
            "Anything about {} outside of any chain: whoever knew the agent's id can have sent it.",
            number(counts.unsigned_documents, "document")
        ));
    }
    if without_card > 0 {
        not_proven.push(format!(
            "Whether {} within the rules of the card that is named there: that card is not in the archive.",
            number(without_card, "document")
        ));
    }
    if !countable && !report.chains.is_empty() {
        not_proven.push(format!(
            "Whether all that was selected ({selected}) is here: links do not say what this selection asks for."
        ));
    }
    for sentence in [
        "That there are no agents and no chains beside these: an archive cannot show what it was not given.",
        "That the times are right: they are what the agent's clock said.",
        "That an agent recorded all that it did: a chain shows what was recorded, in its order, and that nothing was taken out since.",
    ] {
        not_proven.push(sentence.to_owned());
    }
    report.proven = proven;
    report.not_proven = not_proven;
}

fn selected(selection: &Selection) -> String {
    if selection.is_empty() {
        return "everything".to_owned();
    }
    // What stands there is the file's, not ours: nothing of it may steer a terminal.
    let pairs = selection
        .iter()
        .map(|(name, value)| format!("{}={}", name.escape_debug(), value.escape_debug()));
    pairs.collect::<Vec<_>>().join(", ")
}

fn number(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
