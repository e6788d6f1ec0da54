//! Archives: chains and contents in one file that anybody can check without asking anybody.
//!
//! An archive is NDJSON: a manifest, the agents' keys and each of their cards that something names, each chain link by link
//! with the notes that sign it, the documents that were selected, and an end that counts the lines. `docs/archive.md` describes it for other implementations.
//! Here are the lines' shapes, the [`Writer`] that counts and digests them, and the [`Verifier`] that checks them one by one
//! as they are read. Files and networks are the caller's.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::chain::{Digest, Header};
use crate::id::{AgentId, StreamId, TraceId};
use crate::timestamp::Timestamp;

mod report;
mod sentences;
#[cfg(test)]
mod tests;
mod verifier;

pub use report::{Chain, Counts, Fault, Finding, MAX_FINDINGS, Report};
pub use verifier::Verifier;

/// The first line's `format`: its name and version.
pub const FORMAT: &str = "smoltbot-archive/1";
/// Bytes of one line: the largest trace or card and what stands around it fit many times over.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Media type of an archive.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// What was asked for: parameters of `GET /v1/traces` with their values; nothing means everything.
pub type Selection = BTreeMap<String, String>;

/// Whether `selection` asks for this link's document; none when headers cannot tell.
pub fn selects(selection: &Selection, header: &Header) -> Option<bool> {
    let mut all = true;
    for (name, wanted) in selection {
        all &= match name.as_str() {
            "agent_id" => header.agent_id.to_string() == *wanted,
            "action_type" => header.action_type.as_str() == wanted,
            "tool" => header.tool_name == *wanted,
            "rule_id" => header.rule_id.as_deref() == Some(wanted),
            _ => return None,
        };
    }
    Some(all)
}

/// What stands in the first line, `"kind":"manifest"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The edge that was asked.
    pub source: String,
    /// When.
    pub exported_at: Timestamp,
    /// What for.
    pub selection: Selection,
}

/// An agent, `"kind":"agent"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id.
    pub agent_id: AgentId,
    /// Its key in base64; null when it has proven none.
    pub public_key: Option<String>,
}

/// A version of an agent's card as it was put, `"kind":"card"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Whose.
    pub agent_id: AgentId,
    /// Card, signature and key.
    pub signed_card: Value,
}

/// A chain whose links follow, `"kind":"stream"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Whose.
    pub agent_id: AgentId,
    /// The chain.
    pub stream: StreamId,
    /// How many links follow, from 1 on.
    pub last_seq: u64,
    /// The last one's digest.
    pub digest: Digest,
}

/// A link, `"kind":"link"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it says.
    pub header: Header,
    /// The header's digest, as the edge has kept it.
    pub digest: Digest,
    /// The signed note, on the last link that it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Links that the edge had and keeps no more, in their place, `"kind":"dropped"`. An edge may keep traces for a time only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Whose.
    pub agent_id: AgentId,
    /// The chain.
    pub stream: StreamId,
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// A second content for a place of a chain, which the edge has seen, `"kind":"equivocation"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondContent {
    /// Who said both.
    pub agent_id: AgentId,
    /// The chain.
    pub stream: StreamId,
    /// The place.
    pub seq: u64,
    /// The digest of the other link there.
    pub second_digest: Digest,
    /// The note under which it came.
    pub second_note: String,
}

/// A content, `"kind":"document"`.
#[derive(Debug, Clone, Serialize)]
pub struct Document<'a> {
    /// The AP-Trace.
    pub document: &'a RawValue,
}

/// Why a content is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// The agent sent the header alone.
    HeldBack,
    /// It was taken out of the store.
    Erased,
    /// Its link stands beside dropped ones, and no note covers it without them.
    Dropped,
}

/// A content that was selected and is not there, `"kind":"missing"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The trace's id.
    pub trace_id: TraceId,
    /// The chain; none for a trace that is in none.
    pub stream: Option<StreamId>,
    /// The place in it.
    pub seq: Option<u64>,
    /// Why.
    pub why: Absence,
}

/// What stands in the last line, `"kind":"end"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Lines before this one.
    pub lines: u64,
    /// SHA-256 of all bytes before this line.
    pub sha256: Digest,
}

/// A line's shape, with the word that it is told by.
pub trait Line: Serialize {
    /// The value of `kind`.
    const KIND: &'static str;
}

macro_rules! kinds {
    ($($shape:ty => $kind:literal),+ $(,)?) => {
        $(impl Line for $shape {
            const KIND: &'static str = $kind;
        })+
    };
}

kinds! {
    Manifest => "manifest",
    Agent => "agent",
    Card => "card",
    Stream => "stream",
    Link => "link",
    Dropped => "dropped",
    SecondContent => "equivocation",
    Document<'_> => "document",
    Missing => "missing",
    End => "end",
}

/// Writes lines, counts and digests them.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    lines: u64,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    /// An archive's first line goes out at once.
    ///
    /// # Errors
    /// `to`'s own.
    pub fn begin(to: W, manifest: &Manifest) -> io::Result<Self> {
        let mut writer = Self {
            to,
            lines: 0,
            digest: Sha256::new(),
        };
        writer.line(manifest)?;
        Ok(writer)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The underlying writer's own.
    pub fn line<L: Line>(&mut self, line: &L) -> io::Result<()> {
        let content = serde_json::to_vec(line)?;
        let mut bytes = format!("{{\"kind\":\"{}\",", L::KIND).into_bytes();
        // Every shape is an object with at least one member.
        bytes.extend_from_slice(content.get(1..).unwrap_or_default());
        bytes.push(b'\n');
        self.lines += 1;
        self.digest.update(&bytes);
        self.to.write_all(&bytes)
    }

    /// Writes the last line, and gives back what was written to.
    ///
    /// # Errors
    /// The underlying writer's own.
    pub fn end(mut self) -> io::Result<W> {
        let end = End {
            lines: self.lines,
            sha256: Digest::from_bytes(self.digest.clone().finalize().into()),
        };
        self.line(&end)?;
        self.to.flush()?;
        Ok(self.to)
    }
}
