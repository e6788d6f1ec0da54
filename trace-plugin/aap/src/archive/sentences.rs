//! What is proven and what is not, in sentences that people can hold somebody to.

use std::collections::BTreeSet;

use super::Selection;
use super::report::{Counts, Fault, Report};

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
        proven.extend(of_chains(report));
    }
    if counts.proven_documents > 0 {
        proven.push(match (counts.proven_documents, counts.documents) {
            (1, 1) => "The document in the archive says exactly what was recorded: it is what its link commits to.".to_owned(),
            (1, all) => format!("1 of {all} documents in the archive says exactly what was recorded: it is what its link commits to."),
            (some, all) => format!("{some} of {all} documents in the archive say exactly what was recorded: each is what its link commits to."),
        });
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
        let (documents, each) = match counts.selected {
            1 => ("1 document".to_owned(), "it is"),
            many => (number(many, "document"), "each is"),
        };
        let chains = if counts.dropped > 0 {
            "what is here of these chains"
        } else {
            "these chains"
        };
        proven.push(format!(
            "Nothing that was selected ({selected}) is left out of {chains}: {documents} asked for, and {each} here or told to be missing."
        ));
    }
    if counts.cards > 0 && holds(&[Fault::BadCard]) {
        proven.push(match counts.cards {
            1 => "The alignment card is signed by the agent whose it is.".to_owned(),
            cards => {
                format!("All {cards} alignment cards are signed by the agents whose they are.")
            }
        });
    }
    if counts.documents > 0 && holds(&[Fault::BadDocument, Fault::WrongContent]) {
        proven.push("Every document has the form that AAP's schema asks for.".to_owned());
    }
    if counts.under_card > 0 && holds(&[Fault::CardViolated]) {
        proven.push(of_cards(&counts));
    }
    let mut not_proven = Vec::new();
    not_proven.extend(dropped(report));
    if counts.missing > 0 {
        let (were, stand) = match counts.missing {
            1 => ("it was", "That there was a call"),
            _ => ("they were", "That there were calls"),
        };
        not_proven.push(format!(
            "What {} said: {were} held back by the agent, or erased or dropped since. {stand}, of which tool and with which verdict, is in the chain where its link is here.",
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
        not_proven.push(match without_card {
            1 => "Whether 1 document keeps to the card that it names: that card is not in the archive.".to_owned(),
            many => format!("Whether {many} documents keep to the cards that they name: those cards are not in the archive."),
        });
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

/// The statement about chains.
fn of_chains(report: &Report) -> [String; 2] {
    let counts = report.counts;
    let agents: BTreeSet<_> = report.chains.iter().map(|chain| chain.agent_id).collect();
    let whole = match counts.streams {
        1 => "The chain is whole",
        _ => "The chains are whole",
    };
    let from = match counts.dropped {
        0 => "from the first on, none missing, none moved,",
        _ => "beside those that were dropped, none of these missing, none moved,",
    };
    let signed = match (counts.notes, agents.len()) {
        (1, _) => "up to a note that the agent's key has signed",
        (_, 1) => "up to notes that the agent's key has signed",
        _ => "up to notes that the agents' keys have signed",
    };
    let refusals = match counts.refusals {
        0 => "None of them is a refusal".to_owned(),
        1 => "1 of them is a refusal".to_owned(),
        many => format!("{many} of them are refusals"),
    };
    let who = match agents.len() {
        1 => "The agent is who it says: its id is derived from the key that signed.",
        _ => "The agents are who they say: each id is derived from the key that signed.",
    };
    [
        format!(
            "{whole}: {} in {} {from} {signed}. {refusals}.",
            number(counts.links, "link"),
            number(counts.streams, "stream")
        ),
        who.to_owned(),
    ]
}

/// The statement about what cards allow.
fn of_cards(counts: &Counts) -> String {
    let compared = match counts.under_card {
        1 => "1 document was compared with the card that it names".to_owned(),
        many => format!("{many} documents were compared with the cards that they name"),
    };
    let refused = match counts.forbidden_and_refused {
        0 => String::new(),
        1 => " 1 call of a tool that its card forbids was refused, as it should be.".to_owned(),
        many => format!(
            " {many} calls of tools that their cards forbid were refused, as they should be."
        ),
    };
    format!(
        "{compared}, as AAP's own verification does it: nothing that ran breaks a rule of its card.{refused}"
    )
}

/// What cannot be told of links that an edge keeps no more.
fn dropped(report: &Report) -> Option<String> {
    let chains = report.chains.iter().filter(|chain| chain.dropped > 0);
    let (links, streams) = (report.counts.dropped, chains.count() as u64);
    let them = match links {
        0 => return None,
        1 => "it",
        _ => "them",
    };
    Some(format!(
        "Anything about {} of {}: the edge says that it had {them} and has dropped {them}, for it keeps traces for a time only. What stands on either side is proven, what was between is not.",
        number(links, "link"),
        number(streams, "stream")
    ))
}

pub(super) fn number(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
