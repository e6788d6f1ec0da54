//! Contents: each is what its link commits to, and none that was asked for is left out.

use serde_json::Value;

use super::Verifier;
use super::chains::LinkRead;
use crate::archive::report::Fault;
use crate::archive::{Absence, Missing};
use crate::card::names::listed;
use crate::chain::genesis;
use crate::id::{AgentId, StreamId, TraceId};
use crate::json::Json;
use crate::submission::{is_wrong_content, read_ap_trace};
use crate::trace::{ActionType, REFUSE};
use crate::verify::verify;

impl Verifier {
    pub(super) fn document(&mut self, line: &Json<'_>) {
        let Some(document) = line.get("document") else {
            return self.unreadable("it has no document");
        };
        self.counts.documents += 1;
        let item = read_ap_trace(document);
        let trace = match item.read {
            Ok(trace) => trace,
            Err(why) => {
                let named = item.named.unwrap_or_else(|| "without an id".to_owned());
                let fault = if is_wrong_content(&why) {
                    Fault::WrongContent
                } else {
                    Fault::BadDocument
                };
                // It is here, if not as it should be: that is told once.
                self.claimed(document);
                return self.fault(
                    fault,
                    format!("the document of trace {}: {why}", named.escape_debug()),
                );
            }
        };
        let facts = trace.facts();
        let id = facts.trace_id;
        let Some(link) = item.link else {
            self.counts.unsigned_documents += 1;
            if facts.agent_id.is_self_certifying() {
                self.fault(
                    Fault::NotInChain,
                    format!(
                        "trace {id} is in no chain, which agent {}'s must be",
                        facts.agent_id
                    ),
                );
            }
            return;
        };
        let header = &link.header;
        let answered = self.answer(header.agent_id, header.stream, header.seq, |read| {
            read.digest == link.digest
        });
        match answered {
            Some(true) => self.counts.proven_documents += 1,
            Some(false) => {
                self.claimed(document);
                let what = format!(
                    "trace {id} is not what link {} of {} commits to",
                    header.seq, header.stream
                );
                self.fault(Fault::WrongContent, what);
            }
            None => {
                let what = format!(
                    "trace {id} names link {} of {}, which is not here",
                    header.seq, header.stream
                );
                self.fault(Fault::NotInChain, what);
            }
        }
        // Only the document tells which chain its own goes on from.
        let begins = genesis(header.agent_id, header.stream, item.succeeds);
        if header.seq == 1 && header.prev != begins {
            let what = format!(
                "the chain {} does not begin as a chain begins",
                header.stream
            );
            self.fault(Fault::BrokenChain, what);
        }
        let card = (facts.agent_id, facts.card_id.as_deref());
        self.against_card(document, card, facts.action_type, id);
    }

    /// Marks the link that a document says it is as answered for.
    fn claimed(&mut self, document: &Json<'_>) {
        let metadata = document
            .get("context")
            .and_then(|context| context.get("metadata"));
        let text = |value: Option<&Json<'_>>| {
            value
                .and_then(Json::as_str)
                .and_then(|text| text.parse().ok())
        };
        let agent = document
            .get("agent_id")
            .and_then(Json::as_str)
            .and_then(|text| text.parse().ok());
        let stream = text(metadata.and_then(|metadata| metadata.get("stream")));
        let seq = metadata.and_then(|metadata| metadata.get("seq")?.as_number()?.as_u64());
        if let (Some(agent), Some(stream), Some(seq)) = (agent, stream, seq) {
            self.answer(agent, stream, seq, |_| true);
        }
    }

    /// Marks a link as answered for if `fits`; none when there is no such link.
    fn answer(
        &mut self,
        agent: AgentId,
        stream: StreamId,
        seq: u64,
        fits: impl Fn(&LinkRead) -> bool,
    ) -> Option<bool> {
        let links = &mut self.chains.get_mut(&(agent, stream))?.read;
        let at = links.binary_search_by_key(&seq, |read| read.seq).ok()?;
        let fits = fits(&links[at]);
        links[at].answered |= fits;
        Some(fits)
    }

    fn against_card(
        &mut self,
        document: &Json<'_>,
        (agent, card): (AgentId, Option<&str>),
        action: ActionType,
        id: TraceId,
    ) {
        let Some(card) = card.and_then(|card| self.cards.get(&(agent, card.to_owned()))) else {
            self.without_card += 1;
            return;
        };
        self.counts.under_card += 1;
        let document = document.to_value();
        let name = document.pointer("/action/name").and_then(Value::as_str);
        let refused = name.and_then(|name| name.strip_prefix(REFUSE));
        let forbidden = &card.autonomy.forbidden_actions;
        if action == ActionType::Deny && refused.is_some_and(|name| listed(forbidden, name)) {
            self.counts.forbidden_and_refused += 1;
        }
        for violation in verify(&document, card) {
            // Refusing what the card forbids is what the card is for; of a trace that has the tool's bare name, AAP's
            // verification does not tell it apart.
            if violation.kind == "forbidden_action" && action == ActionType::Deny {
                self.counts.forbidden_and_refused += 1;
            } else {
                let what = format!(
                    "trace {id} breaks a rule of its card ({}): {}",
                    violation.kind, violation.description
                );
                self.fault(Fault::CardViolated, what);
            }
        }
    }

    pub(super) fn missing(&mut self, missing: &Missing) {
        self.counts.missing += 1;
        let (Some(stream), Some(seq)) = (missing.stream, missing.seq) else {
            return;
        };
        let id = missing.trace_id;
        let mut chains = self.chains.iter();
        let found = chains.find(|((_, other), _)| *other == stream);
        let known = match found {
            Some((_, chain)) if missing.why == Absence::Dropped => chain.is_gone(seq),
            Some(((agent, _), _)) => {
                let agent = *agent;
                self.answer(agent, stream, seq, |read| read.trace_id == id) == Some(true)
            }
            None => false,
        };
        if !known {
            let what = format!(
                "trace {id} is said to be missing at link {seq} of {stream}, which is not here"
            );
            self.fault(Fault::NotInChain, what);
        }
    }

    /// Links that were asked for and not answered.
    pub(super) fn left_out(&mut self) {
        if !self.countable {
            return;
        }
        let mut left_out = Vec::new();
        for ((_, stream), chain) in &self.chains {
            for read in chain
                .read
                .iter()
                .filter(|read| read.wanted && !read.answered)
            {
                left_out.push(format!(
                    "trace {} (link {} of {stream}) was asked for, and neither its document is here nor a word of its absence",
                    read.trace_id, read.seq
                ));
            }
        }
        for what in left_out {
            self.fault(Fault::LeftOut, what);
        }
    }
}
