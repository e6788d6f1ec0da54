//! Chains: links in their order, notes, and what two notes say against each other.

use super::Verifier;
use crate::archive::report::Fault;
use crate::archive::sentences::number;
use crate::archive::{Dropped, Link, SecondContent, Stream, selects};
use crate::chain::Digest;
use crate::id::{AgentId, StreamId, TraceId};
use crate::note::{Checkpoint, NoteError};
use crate::trace::ActionType;

/// A chain as far as it was read.
#[derive(Debug)]
pub(super) struct LinksRead {
    pub(super) announced: Stream,
    pub(super) read: Vec<LinkRead>,
    /// Whether each link so far follows the one before, from the first on, or from behind dropped ones.
    pub(super) whole: bool,
    /// The first place behind the last dropped one.
    pub(super) since: u64,
    /// The last place that was told, by a link or as dropped.
    pub(super) last: u64,
    /// The last link's digest; none where the next link has nothing before it to follow.
    pub(super) head: Option<Digest>,
    pub(super) proven_to: u64,
    /// First and last of links that were dropped, in their order.
    pub(super) dropped: Vec<(u64, u64)>,
    pub(super) refusals: u64,
}

/// A link that was read.
#[derive(Debug)]
pub(super) struct LinkRead {
    pub(super) seq: u64,
    pub(super) trace_id: TraceId,
    pub(super) digest: Digest,
    /// The selection asks for its document.
    pub(super) wanted: bool,
    /// Its document, or a word of its absence, was read.
    pub(super) answered: bool,
}

impl Verifier {
    pub(super) fn stream(&mut self, stream: &Stream) {
        self.close();
        let place = (stream.agent_id, stream.stream);
        if !self.keys.contains_key(&stream.agent_id) {
            let what = format!(
                "agent {} has a chain here and no line of its own",
                stream.agent_id
            );
            self.fault(Fault::WrongKey, what);
        }
        if self.chains.contains_key(&place) {
            let what = format!("the chain {} is here twice", stream.stream);
            self.fault(Fault::OutOfOrder, what);
            return;
        }
        let links = LinksRead {
            announced: stream.clone(),
            read: Vec::new(),
            whole: true,
            since: 1,
            last: 0,
            head: None,
            proven_to: 0,
            dropped: Vec::new(),
            refusals: 0,
        };
        self.chains.insert(place, links);
        self.current = Some(place);
    }

    pub(super) fn link(&mut self, link: &Link) {
        let header = &link.header;
        let place = (header.agent_id, header.stream);
        let (stream, seq) = (header.stream, header.seq);
        let Some(chain) = self
            .chains
            .get_mut(&place)
            .filter(|_| self.current == Some(place))
        else {
            let what = format!("link {seq} of {stream} stands outside of its chain");
            return self.fault(Fault::OutOfOrder, what);
        };
        let next = chain.last + 1;
        let mut faults = Vec::new();
        if seq > next {
            let missing = span(next, seq - 1);
            let what = format!("missing before link {seq} of {stream}: {missing}");
            faults.push((Fault::Gap, what));
        } else if seq < next {
            let what = format!("link {seq} of {stream} stands where link {next} should");
            return self.fault(Fault::OutOfOrder, what);
        } else if chain.head.is_some_and(|head| head != header.prev) {
            let what = format!(
                "link {seq} of {stream} does not follow link {}: it names another digest",
                seq - 1
            );
            faults.push((Fault::BrokenChain, what));
        }
        let digest = header.digest();
        if digest != link.digest {
            let what = format!(
                "link {seq} of {stream} ({}) is not what its digest says: somebody has changed it",
                header.trace_id
            );
            faults.push((Fault::WrongDigest, what));
        }
        chain.whole &= faults.is_empty();
        (chain.last, chain.head) = (seq, Some(digest));
        let wanted = selects(&self.selection, header) == Some(true);
        chain.read.push(LinkRead {
            seq,
            trace_id: header.trace_id,
            digest,
            wanted,
            answered: false,
        });
        let refusal = u64::from(header.action_type == ActionType::Deny);
        chain.refusals += refusal;
        self.counts.links += 1;
        self.counts.refusals += refusal;
        self.counts.selected += u64::from(wanted);
        for (fault, what) in faults {
            self.fault(fault, what);
        }
        if let Some(note) = &link.note {
            self.note(place, seq, digest, note);
        }
    }

    /// Links that are dropped: the next one follows nothing that is here.
    pub(super) fn dropped(&mut self, dropped: &Dropped) {
        let place = (dropped.agent_id, dropped.stream);
        let (stream, told) = (dropped.stream, span(dropped.from, dropped.to));
        let chain = self.chains.get_mut(&place);
        let Some(chain) = chain.filter(|_| self.current == Some(place)) else {
            let what = format!("{told} of {stream} are told to be dropped outside of their chain");
            return self.fault(Fault::OutOfOrder, what);
        };
        let next = chain.last + 1;
        if dropped.from < next || dropped.to < dropped.from || dropped.to > chain.announced.last_seq
        {
            let what =
                format!("{told} of {stream} are told to be dropped where link {next} should stand");
            return self.fault(Fault::OutOfOrder, what);
        }
        let uncovered = chain.uncovered();
        let missing = (dropped.from > next).then(|| span(next, dropped.from - 1));
        chain.whole &= missing.is_none();
        (chain.since, chain.last, chain.head) = (dropped.to + 1, dropped.to, None);
        chain.dropped.push((dropped.from, dropped.to));
        self.counts.dropped += dropped.to - dropped.from + 1;
        if let Some(missing) = missing {
            let what = format!("missing before dropped {told} of {stream}: {missing}");
            self.fault(Fault::Gap, what);
        }
        self.not_signed(stream, uncovered);
    }

    fn not_signed(&mut self, stream: StreamId, uncovered: Option<(u64, u64)>) {
        if let Some((from, to)) = uncovered {
            let what = format!("no note that holds covers {} of {stream}", span(from, to));
            self.fault(Fault::NotSigned, what);
        }
    }

    /// A note on the link `seq`, which comes to `digest`.
    fn note(&mut self, place: (AgentId, StreamId), seq: u64, digest: Digest, note: &str) {
        let (agent, stream) = place;
        match self.open(agent, note) {
            Ok(signed) if (signed.stream, signed.seq) != (stream, seq) => {
                let what = format!(
                    "the note on link {seq} of {stream} signs link {} of {}",
                    signed.seq, signed.stream
                );
                self.fault(Fault::BadNote, what);
            }
            Ok(signed) if signed.digest != digest => {
                let what = format!(
                    "agent {agent}'s key has signed another content for link {seq} of {stream} than stands here: the link was changed, or the agent has said two things"
                );
                self.fault(Fault::TwoNotes, what);
            }
            Ok(_) => {
                self.counts.notes += 1;
                if let Some(chain) = self.chains.get_mut(&place).filter(|chain| chain.whole) {
                    chain.proven_to = seq;
                }
            }
            Err(why) => {
                let what = format!("the note on link {seq} of {stream} proves nothing: {why}");
                self.fault(Fault::BadNote, what);
            }
        }
    }

    fn open(&self, agent: AgentId, note: &str) -> Result<Checkpoint, String> {
        let key = self.keys.get(&agent).copied().flatten();
        let key = key.ok_or_else(|| format!("agent {agent}'s key is not here"))?;
        let signed = Checkpoint::open(note, &key).map_err(|error: NoteError| error.to_string())?;
        if signed.agent_id == agent {
            Ok(signed)
        } else {
            Err("it is another agent's".to_owned())
        }
    }

    pub(super) fn second_content(&mut self, second: &SecondContent) {
        let (agent, stream, seq) = (second.agent_id, second.stream, second.seq);
        let what = match self.open(agent, &second.second_note) {
            Ok(signed) if signed.stream == stream => format!(
                "the edge has seen two contents for link {seq} of {stream}; the second came under a note that agent {agent}'s key has signed"
            ),
            _ => format!(
                "a second content for link {seq} of {stream} is told of, under a note that proves nothing"
            ),
        };
        self.fault(Fault::TwoNotes, what);
    }

    /// The chain that was being read has ended.
    pub(super) fn close(&mut self) {
        let Some(place) = self.current.take() else {
            return;
        };
        let Some(chain) = self.chains.get(&place) else {
            return;
        };
        let Stream {
            stream,
            last_seq,
            digest,
            ..
        } = chain.announced;
        let (last, head, uncovered) = (chain.last, chain.head, chain.uncovered());
        if last != last_seq {
            let links = number(last_seq, "link");
            let what = format!("the chain {stream} should have {links} and ends with link {last}");
            self.fault(Fault::Gap, what);
        } else if head.is_some_and(|head| head != digest) {
            self.fault(
                Fault::BrokenChain,
                format!("the chain {stream} ends in another digest than its first line says"),
            );
        }
        self.not_signed(stream, uncovered);
    }
}

impl LinksRead {
    /// How many were dropped.
    pub(super) fn gone(&self) -> u64 {
        self.dropped.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// Whether this one was.
    pub(super) fn is_gone(&self, seq: u64) -> bool {
        self.dropped
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&seq))
    }

    /// The first and the last of the links behind the last dropped ones that no note covers.
    fn uncovered(&self) -> Option<(u64, u64)> {
        let from = self.since.max(self.proven_to + 1);
        (self.head.is_some() && from <= self.last).then_some((from, self.last))
    }
}

/// `link 4`, or `links 4 to 6`.
fn span(from: u64, to: u64) -> String {
    if from == to {
        format!("link {from}")
    } else {
        format!("links {from} to {to}")
    }
}
