//! Checks an archive line by line. Memory grows with the number of links, about 100 bytes each, not with their contents.

use std::collections::{BTreeMap, HashMap};

use ed25519_dalek::VerifyingKey;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use self::chains::LinksRead;
use super::report::{Chain, Counts, Fault, Finding, MAX_FINDINGS, Report};
use super::{Agent, Card, End, FORMAT, Manifest, Selection, sentences};
use crate::card::{AlignmentCard, SignedCard};
use crate::chain::Digest;
use crate::id::{AgentId, StreamId};
use crate::json::Json;
use crate::note::parse_public_key;

mod chains;
mod contents;

/// Checks an archive as it is read.
#[derive(Debug, Default)]
pub struct Verifier {
    digest: Sha256,
    lines: u64,
    ended: bool,
    /// Nothing in here can be understood.
    foreign: bool,
    selection: Selection,
    /// Whether headers can tell what the selection asks for.
    countable: bool,
    keys: HashMap<AgentId, Option<VerifyingKey>>,
    cards: HashMap<(AgentId, String), AlignmentCard>,
    chains: BTreeMap<(AgentId, StreamId), LinksRead>,
    /// The chain whose links are being read.
    current: Option<(AgentId, StreamId)>,
    counts: Counts,
    findings: Vec<Finding>,
    found: u64,
    without_card: u64,
}

impl Verifier {
    /// Nothing was read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line, without its line break.
    pub fn line(&mut self, bytes: &[u8]) {
        self.lines += 1;
        if self.foreign {
            return;
        }
        if self.ended {
            self.fault(
                Fault::Truncated,
                "the file goes on behind its end".to_owned(),
            );
            return;
        }
        self.understood(bytes);
        self.digest.update(bytes);
        self.digest.update(b"\n");
    }

    fn understood(&mut self, bytes: &[u8]) {
        let parsed: Result<Json<'_>, _> = serde_json::from_slice(bytes);
        let line = match parsed {
            Ok(line @ Json::Object(_)) => line,
            Ok(_) => return self.unreadable("it is no JSON object"),
            Err(error) => return self.unreadable(&error.to_string()),
        };
        let kind = line.get("kind").and_then(Json::as_str).unwrap_or_default();
        if self.lines == 1 {
            self.manifest(&line);
        } else {
            match kind {
                "agent" => self.shaped(&line, Self::agent),
                "card" => self.shaped(&line, Self::card),
                "stream" => self.shaped(&line, Self::stream),
                "link" => self.shaped(&line, Self::link),
                "dropped" => self.shaped(&line, Self::dropped),
                "equivocation" => self.shaped(&line, Self::second_content),
                "document" => self.document(&line),
                "missing" => self.shaped(&line, Self::missing),
                "end" => self.shaped(&line, Self::end),
                other => {
                    let other: String = other.chars().take(64).collect();
                    self.unreadable(&format!("there is no kind `{}`", other.escape_debug()));
                }
            }
        }
    }

    /// A line over [`super::MAX_LINE_BYTES`], which was not read.
    pub fn too_long(&mut self) {
        self.lines += 1;
        self.unreadable("it is longer than any line of an archive");
    }

    /// All lines were read.
    pub fn finish(mut self) -> Report {
        if !self.foreign {
            if !self.ended {
                let what = "the file breaks off: its last line is no end".to_owned();
                self.fault(Fault::Truncated, what);
            }
            self.close();
            self.left_out();
        }
        let chains: Vec<_> = self
            .chains
            .iter()
            .map(|((agent_id, stream), chain)| Chain {
                agent_id: *agent_id,
                stream: *stream,
                links: chain.read.len() as u64,
                dropped: chain.gone(),
                refusals: chain.refusals,
                proven_to: chain.proven_to,
            })
            .collect();
        self.counts.lines = self.lines;
        self.counts.agents = self.keys.len() as u64;
        self.counts.streams = chains.len() as u64;
        let mut report = Report {
            ok: self.found == 0,
            counts: self.counts,
            chains,
            findings: self.findings,
            found: self.found,
            proven: Vec::new(),
            not_proven: Vec::new(),
        };
        if !self.foreign {
            let (selection, countable) = (&self.selection, self.countable);
            sentences::tell(&mut report, selection, countable, self.without_card);
        }
        report
    }

    fn fault(&mut self, fault: Fault, what: String) {
        self.found += 1;
        if self.findings.len() < MAX_FINDINGS {
            let line = self.lines;
            self.findings.push(Finding { line, fault, what });
        }
    }

    fn unreadable(&mut self, why: &str) {
        if self.lines == 1 {
            self.foreign = true;
            self.fault(
                Fault::NotAnArchive,
                format!("the first line is no manifest: {why}"),
            );
        } else {
            self.fault(
                Fault::UnreadableLine,
                format!("this line cannot be read: {why}"),
            );
        }
    }

    fn shaped<T: DeserializeOwned>(&mut self, line: &Json<'_>, take: fn(&mut Self, &T)) {
        match serde_json::from_value(line.to_value()) {
            Ok(shape) => take(self, &shape),
            Err(error) => self.unreadable(&error.to_string()),
        }
    }

    fn manifest(&mut self, line: &Json<'_>) {
        let kind = line.get("kind").and_then(Json::as_str);
        let read = serde_json::from_value::<Manifest>(line.to_value());
        match read {
            Ok(manifest) if kind == Some("manifest") && manifest.format == FORMAT => {
                self.countable = manifest.selection.keys().all(|name| {
                    ["agent_id", "action_type", "tool", "rule_id"].contains(&name.as_str())
                });
                self.selection = manifest.selection;
            }
            Ok(_) => self.unreadable(&format!("its format is not {FORMAT}")),
            Err(error) => self.unreadable(&error.to_string()),
        }
    }

    fn agent(&mut self, agent: &Agent) {
        let id = agent.agent_id;
        let key = agent.public_key.as_deref().map(parse_public_key);
        let holds = match &key {
            None => !id.is_self_certifying(),
            Some(key) => key.is_some_and(|key| AgentId::of_key(&key) == id),
        };
        if !holds {
            let what = format!("the key is not the one that agent {id} is derived from");
            self.fault(Fault::WrongKey, what);
        }
        self.keys.insert(id, key.flatten().filter(|_| holds));
    }

    fn card(&mut self, card: &Card) {
        let id = card.agent_id;
        let opened = serde_json::from_value::<SignedCard>(card.signed_card.clone())
            .map_err(|error| error.to_string())
            .and_then(|signed| {
                // What the signature does not cover must not look as if it did.
                if serde_json::to_value(&signed).ok().as_ref() != Some(&card.signed_card) {
                    return Err("it holds more than what is signed".to_owned());
                }
                signed.open(id).map_err(|error| error.to_string())
            });
        match opened {
            Ok((card, _)) => {
                let name = (id, card.card_id.clone());
                if self.cards.get(&name).is_some_and(|other| *other != card) {
                    let what = format!(
                        "agent {id} has signed two cards under the id {}: which of them judged cannot be told",
                        card.card_id.escape_debug()
                    );
                    return self.fault(Fault::BadCard, what);
                }
                self.counts.cards += 1;
                self.cards.insert(name, card);
            }
            Err(why) => self.fault(
                Fault::BadCard,
                format!("agent {id}'s card is not believed: {why}"),
            ),
        }
    }

    fn end(&mut self, end: &End) {
        self.ended = true;
        if end.lines + 1 != self.lines {
            let what = format!(
                "{} should stand before the end, and {} there",
                sentences::number(end.lines, "line"),
                match self.lines - 1 {
                    1 => "1 is".to_owned(),
                    lines => format!("{lines} are"),
                }
            );
            self.fault(Fault::Truncated, what);
        } else if Digest::from_bytes(self.digest.clone().finalize().into()) != end.sha256 {
            let what = "the file's bytes are not those that were written".to_owned();
            self.fault(Fault::Checksum, what);
        }
    }
}
