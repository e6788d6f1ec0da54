//! What a verification found: in words for people, in fixed names for programs.

use serde::Serialize;

use crate::id::{AgentId, StreamId};

/// Findings that are told one by one; more are only counted.
pub const MAX_FINDINGS: usize = 1000;

/// What kind of thing does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The file does not begin with a manifest of this format.
    NotAnArchive,
    /// A line is no JSON object of a kind and shape that archives have.
    UnreadableLine,
    /// The file ends before its end, or goes on behind it.
    Truncated,
    /// Bytes differ from those that were counted when it was written.
    Checksum,
    /// A key is not the one that its agent's id is derived from, or there is none.
    WrongKey,
    /// A card is not signed by its agent, or the agent has signed two under one id.
    BadCard,
    /// Links are missing.
    Gap,
    /// A link stands where it does not belong.
    OutOfOrder,
    /// A link does not name the digest of the one before.
    BrokenChain,
    /// A link's digest is not that of its header.
    WrongDigest,
    /// A note is not one of this place, or its signature is not valid.
    BadNote,
    /// The agent's key has signed two contents for one place.
    TwoNotes,
    /// Links at the end of a chain that no note covers.
    NotSigned,
    /// A document is not what its link commits to.
    WrongContent,
    /// A document is not as AAP's schema has it.
    BadDocument,
    /// A document or an absence names a place that no link in here has.
    NotInChain,
    /// A link that the selection asks for has neither document nor word of its absence.
    LeftOut,
    /// A call that ran breaks a rule of the card that it names.
    CardViolated,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line of the file, from 1; where something is missing, the last one that was read.
    pub line: u64,
    /// What kind.
    pub fault: Fault,
    /// In words.
    pub what: String,
}

/// How much there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Agents.
    pub agents: u64,
    /// Cards whose signature holds.
    pub cards: u64,
    /// Chains.
    pub streams: u64,
    /// Links.
    pub links: u64,
    /// Links that the edge says it had and keeps no more.
    pub dropped: u64,
    /// Of the links in here, refusals.
    pub refusals: u64,
    /// Notes whose signature holds.
    pub notes: u64,
    /// Documents.
    pub documents: u64,
    /// Of these, those that are what their links commit to.
    pub proven_documents: u64,
    /// Of these, those that are in no chain: nobody has signed them.
    pub unsigned_documents: u64,
    /// Contents that were held back or erased.
    pub missing: u64,
    /// Documents that were compared with the card that they name.
    pub under_card: u64,
    /// Refused calls of tools that the card forbids, which is how it should be.
    pub forbidden_and_refused: u64,
    /// Links that the selection asks for; zero where headers cannot tell.
    pub selected: u64,
}

/// One chain, and how far it is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Whose.
    pub agent_id: AgentId,
    /// The chain.
    pub stream: StreamId,
    /// Its links in here.
    pub links: u64,
    /// Links that the edge says it had and keeps no more.
    pub dropped: u64,
    /// Of the links in here, refusals.
    pub refusals: u64,
    /// Everything in here up to this link is as the agent has signed it; 0 for nothing.
    pub proven_to: u64,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether everything holds that was checked.
    pub ok: bool,
    /// How much there was.
    pub counts: Counts,
    /// Each chain.
    pub chains: Vec<Chain>,
    /// What does not hold, in the order of the file; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub found: u64,
    /// What is proven, in sentences.
    pub proven: Vec<String>,
    /// What is not, in sentences.
    pub not_proven: Vec<String>,
}
