//! From a batch that is ready to what the edge's answer makes of it.
//!
//! While an edge is busy with one batch, what it has named of the one before leaves the spool and the next is made, so that an edge
//! with a backlog before it never waits for us. There is one request at a time all the same, two batches in memory at most, and
//! whatever is not "I have all of it" ends that: the answer is settled before anything else is read.

use aap::chain::Header;
use aap::paths;
use aap::wire::{ItemResult, Status, SubmitAnswer};

use super::ready::{self, Link, Ready};
use super::wire::{Failure, Sent};
use super::{Round, Shipper};
use crate::clock;
use crate::fault;
use crate::spool::{Spool, SpoolError};

impl Shipper {
    /// Sends a batch, and as long as the edge takes each whole, those that follow it.
    pub(super) async fn deliver(&mut self, mut ready: Ready) -> Result<Round, SpoolError> {
        // What the edge has and the spool still holds.
        let mut taken: Vec<Link> = Vec::new();
        loop {
            // The last answer's connection is put back by whoever drives it, and taken again.
            tokio::task::yield_now().await;
            fault::point("ship.mid_batch");
            if fault::is_wrong("ship.delete_before_ack") {
                let headers: Vec<_> = ready.links.iter().map(|link| &link.header).collect();
                let now = clock::now();
                self.spool
                    .transact(true, |tx| tx.acknowledge(&headers, now))?;
            }
            let (sent, next) = {
                let (spool, key) = (&mut self.spool, self.identity.key());
                let (card, redactor) = (&self.card.alignment_card, &self.redactor);
                let (most, links, last) = (self.pace.most(), ready.links.len(), ready.last());
                let sending = self.edge.post(paths::TRACES, ready.body.clone());
                let meanwhile = async {
                    // The request goes first.
                    tokio::task::yield_now().await;
                    if !taken.is_empty() {
                        let now = clock::now();
                        spool.transact(false, |tx| {
                            let headers: Vec<_> = taken.iter().map(|link| &link.header).collect();
                            tx.acknowledge(&headers, now)?;
                            tx.tell_losses(card, redactor).map(drop)
                        })?;
                        taken.clear();
                    }
                    // Less than a whole batch may grow until the answer is here.
                    if backlog(spool, links + most)? {
                        ready::prepare(spool, key, last, most).await
                    } else {
                        Ok(None)
                    }
                };
                tokio::join!(sending, meanwhile)
            };
            match (sent, next) {
                (Ok(sent), Ok(Some(next))) if self.goes_on(&ready, &sent) => {
                    fault::point("ship.acked");
                    self.backoff.reset();
                    self.pace.taken();
                    taken = ready.links;
                    ready = next;
                }
                (sent, next) => {
                    let round = self.answered(&ready, sent)?;
                    next?;
                    return Ok(round);
                }
            }
        }
    }

    /// Whether the edge has all of a batch and is not to be left alone for a while, and nothing else is to be sent first.
    fn goes_on(&self, ready: &Ready, sent: &Sent) -> bool {
        let kept = |(index, link): (usize, &Link)| {
            told(&sent.answer, index, &link.header).is_some_and(|result| is_kept(result.status))
        };
        sent.pause.is_none()
            && self.pace.gap().is_none()
            && !self.has_another_card()
            && ready.links.iter().enumerate().all(kept)
    }

    /// Does what an answer asks for.
    fn answered(
        &mut self,
        ready: &Ready,
        sent: Result<Sent, Failure>,
    ) -> Result<Round, SpoolError> {
        match sent {
            Ok(Sent { answer, pause }) => {
                fault::point("ship.acked");
                let round = self.settle(ready, &answer)?;
                // The edge has told us how much it will take: no need to be refused first.
                Ok(match pause.max(self.pace.gap()) {
                    Some(pause) if round == Round::Progress => Round::Wait(pause),
                    _ => round,
                })
            }
            Err(Failure::TooMuch { status, detail }) => {
                self.bisect(ready, &format!("{status}: {detail}"))
            }
            Err(Failure::Refused { status, detail }) => {
                tracing::error!(
                    status,
                    detail,
                    "the edge refuses to talk to us; traces wait in the spool"
                );
                Ok(Round::Wait(self.backoff.next(None)))
            }
            Err(failure) => Ok(self.wait(failure)),
        }
    }

    /// Deletes what the edge has named, sets aside what it will not take, keeps the rest.
    fn settle(&mut self, ready: &Ready, answer: &SubmitAnswer) -> Result<Round, SpoolError> {
        let now = clock::now();
        let mut acknowledged = Vec::new();
        let mut refused = Vec::new();
        let mut conflict = false;
        for (index, link) in ready.links.iter().enumerate() {
            let Some(result) = told(answer, index, &link.header) else {
                continue;
            };
            let reason = result.reason.as_deref();
            match result.status {
                status if is_kept(status) => acknowledged.push(&link.header),
                Status::Conflict => {
                    conflict = true;
                    refused.push((index, reason.unwrap_or("conflict")));
                }
                _ => refused.push((index, reason.unwrap_or("rejected"))),
            }
        }
        if acknowledged.is_empty() && refused.is_empty() {
            tracing::warn!("the edge's answer names none of our traces; they stay in the spool");
            return Ok(Round::Wait(self.backoff.next(None)));
        }
        if acknowledged.is_empty() && !conflict && ready.links.len() > 1 {
            // All refused at once: the fault may be in one of them only.
            let reason = refused[0].1.to_owned();
            return self.bisect(ready, &reason);
        }
        let (card, redactor) = (&self.card.alignment_card, &self.redactor);
        // An acknowledgement that a loss of power takes back is told again by the edge, as a duplicate. What was set aside is not.
        self.spool.transact(!refused.is_empty(), |tx| {
            if !acknowledged.is_empty() {
                tx.acknowledge(&acknowledged, now)?;
            }
            // Room that this has made may end a loss.
            tx.tell_losses(card, redactor)?;
            for (index, reason) in &refused {
                tx.quarantine(&ready.item(*index), reason, now)?;
            }
            Ok(())
        })?;
        self.backoff.reset();
        self.pace.taken();
        if conflict {
            // Somebody else goes on with our stream: ask the edge how far, and leave it to them if so.
            self.card_known = false;
        }
        Ok(Round::Progress)
    }

    /// Halves the next batch; a single link that is refused is set aside.
    fn bisect(&mut self, ready: &Ready, reason: &str) -> Result<Round, SpoolError> {
        if let [link] = ready.links.as_slice() {
            tracing::warn!(trace_id = %link.header.trace_id, reason, "the edge will not take this trace; it is set aside");
            let now = clock::now();
            self.spool
                .transact(true, |tx| tx.quarantine(&ready.item(0), reason, now))?;
            self.pace.found();
        } else {
            self.pace.look_among(ready.links.len());
        }
        Ok(Round::Progress)
    }
}

/// Whether at least `links` wait.
fn backlog(spool: &Spool, links: usize) -> Result<bool, SpoolError> {
    Ok(spool.waiting(1)?.count >= links as u64)
}

/// Whether a link with this answer is the edge's from now on.
fn is_kept(status: Status) -> bool {
    matches!(status, Status::Stored | Status::Duplicate | Status::Queued)
}

/// What the edge says of a link: an edge answers in the order in which it was asked, or else in any.
fn told<'a>(answer: &'a SubmitAnswer, index: usize, header: &Header) -> Option<&'a ItemResult> {
    let id = header.trace_id.to_string();
    let of_link = |result: &&ItemResult| result.trace_id.as_deref() == Some(id.as_str());
    let in_order = answer.results.get(index).filter(of_link);
    in_order.or_else(|| answer.results.iter().find(of_link))
}
