//! Chains in an archive: every link that the edge has, and in place of those that it has dropped, that it has.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use aap::archive::{Dropped, Link, Selection, Stream, Writer, selects};
use aap::chain::Digest;
use aap::{AgentId, StreamId, TraceId, paths};
use serde::Deserialize;

use super::archive::Edge;

#[derive(Deserialize)]
struct Streams {
    streams: Vec<StreamRow>,
}

#[derive(Deserialize)]
struct StreamRow {
    stream: StreamId,
    last_seq: u64,
    digest: Digest,
    /// The first link that never came.
    first_gap: Option<u64>,
}

#[derive(Deserialize)]
struct Links {
    links: Vec<Link>,
    next_after: Option<u64>,
}

/// What is known of places in chains.
#[derive(Default)]
pub(super) struct Places {
    /// Their documents, or what is said of their absence, are among the rows that were read.
    pub(super) answered: HashSet<(StreamId, u64)>,
    /// Selected links whose rows were not among them.
    pub(super) late: Vec<TraceId>,
    /// First and last of those that the archive tells to be dropped.
    dropped: HashMap<StreamId, Vec<(u64, u64)>>,
}

impl Places {
    /// Whether the archive tells this one to be dropped.
    pub(super) fn are_dropped(&self, stream: StreamId, seq: u64) -> bool {
        let mut spans = self.dropped.get(&stream).into_iter().flatten();
        spans.any(|(from, to)| (*from..=*to).contains(&seq))
    }
}

/// All chains of an agent.
pub(super) async fn all(
    edge: &Edge<'_>,
    agent_id: AgentId,
    selection: &Selection,
    places: &mut Places,
    archive: &mut Writer<impl Write>,
) -> anyhow::Result<()> {
    let path = format!("{}/{agent_id}", paths::AGENTS);
    let streams: Streams = edge.json(&format!("{path}/streams"), &[]).await?;
    for row in streams.streams {
        archive.line(&Stream {
            agent_id,
            stream: row.stream,
            last_seq: row.last_seq,
            digest: row.digest,
        })?;
        let (stream, mut after) = (row.stream.to_string(), Some(0));
        let mut chain = Chain {
            agent_id,
            row,
            selection,
            places: &mut *places,
            last: 0,
            gone: None,
            open: Vec::new(),
        };
        while let Some(seq) = after {
            let seq = seq.to_string();
            let query = [("stream", stream.as_str()), ("after", seq.as_str())];
            let page: Links = edge.json(&format!("{path}/links"), &query).await?;
            after = page.next_after;
            for link in page.links {
                // What came in since is not of this archive.
                if link.header.seq > chain.row.last_seq {
                    after = None;
                    break;
                }
                chain.take(link, archive)?;
            }
        }
        chain.end(archive)?;
    }
    Ok(())
}

/// One chain as far as it was written.
struct Chain<'a> {
    agent_id: AgentId,
    row: StreamRow,
    selection: &'a Selection,
    places: &'a mut Places,
    /// The last link that was taken.
    last: u64,
    /// First and last of dropped ones that were not written yet.
    gone: Option<(u64, u64)>,
    /// Links behind them that wait for the note that covers them; a batch at most.
    open: Vec<Link>,
}

impl Chain<'_> {
    fn take(&mut self, link: Link, archive: &mut Writer<impl Write>) -> anyhow::Result<()> {
        let covered = link.note.is_some();
        self.hole_before(link.header.seq, archive)?;
        self.last = link.header.seq;
        self.open.push(link);
        if covered {
            self.write(archive)?;
        }
        Ok(())
    }

    fn end(mut self, archive: &mut Writer<impl Write>) -> anyhow::Result<()> {
        self.hole_before(self.row.last_seq + 1, archive)?;
        self.write(archive)
    }

    /// What is not there between the last link and this one: dropped where the edge had it, else a gap, which shows by itself.
    fn hole_before(&mut self, seq: u64, archive: &mut Writer<impl Write>) -> anyhow::Result<()> {
        let (from, to) = (self.last + 1, seq - 1);
        if to < from {
            return Ok(());
        }
        if self.row.first_gap.is_some_and(|gap| gap <= to) {
            return self.write(archive);
        }
        // Without the note that covered them, the links before prove nothing either.
        let from = self.open.first().map_or(from, |link| link.header.seq);
        self.open.clear();
        let from = self.gone.map_or(from, |(before, _)| before);
        self.gone = Some((from, to));
        Ok(())
    }

    fn write(&mut self, archive: &mut Writer<impl Write>) -> anyhow::Result<()> {
        let stream = self.row.stream;
        if let Some((from, to)) = self.gone.take() {
            let spans = self.places.dropped.entry(stream).or_default();
            spans.push((from, to));
            archive.line(&Dropped {
                agent_id: self.agent_id,
                stream,
                from,
                to,
            })?;
        }
        for link in self.open.drain(..) {
            archive.line(&link)?;
            let wanted = selects(self.selection, &link.header) == Some(true);
            if wanted && !self.places.answered.contains(&(stream, link.header.seq)) {
                self.places.late.push(link.header.trace_id);
            }
        }
        Ok(())
    }
}
