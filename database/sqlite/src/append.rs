//! One batch into the tables, within the writer's transaction.
//!
//! The common case, a new trace, costs two inserts; only when the first hits something that is there already is it looked
//! at what. Counters are added up here and written once a batch ([`crate::counts`]).

use aap::note::write_public_key;
use aap::submission::ProvenCheckpoint;
use aap::wire::Status;
use aap::{AgentId, Timestamp, ValidBatch, ValidTrace};
use rusqlite::{Connection, OptionalExtension, Result, params};
use trace_store::receipt::listed_at;
use trace_store::{Appended, TraceRow};

use crate::counts::{Counted, Counts};
use crate::fork::{self, Told};
use crate::rows::{action_code, id_bytes, values_json};

/// Takes `batch` in as received at `now`.
pub(crate) fn append(tx: &Connection, batch: &ValidBatch, now: Timestamp) -> Result<Vec<Appended>> {
    let mut append = Append {
        tx,
        now,
        counts: Counts::default(),
        stream: None,
    };
    if let Some(proven) = batch.checkpoint() {
        let stream = Stream::load(tx, proven, &mut append.counts, now)?;
        let place = |trace: Option<&'_ ValidTrace>| trace.and_then(ValidTrace::place).cloned();
        let (first, last) = (place(batch.traces().first()), place(batch.traces().last()));
        if let (Some(first), Some(last)) = (first, last) {
            fork::look(tx, stream.told(now), &first, &last)?;
        }
        append.stream = Some(stream);
    }
    let answers = batch
        .traces()
        .iter()
        .map(|trace| append.one(trace))
        .collect::<Result<Vec<_>>>()?;
    if let Some(stream) = append.stream {
        stream.save(tx)?;
    }
    append.counts.save(tx, now)?;
    Ok(answers)
}

struct Append<'a> {
    tx: &'a Connection,
    now: Timestamp,
    counts: Counts<'a>,
    stream: Option<Stream<'a>>,
}

/// What is stored under an id that a new trace names too.
struct Known {
    position: i64,
    fingerprint: [u8; 32],
    held_back: bool,
    at: i64,
    erased: bool,
}

impl<'a> Append<'a> {
    fn one(&mut self, trace: &'a ValidTrace) -> Result<Appended> {
        let facts = trace.facts();
        let answer = |status, reason: Option<&str>, row| Appended {
            trace_id: facts.trace_id,
            status,
            reason: reason.map(str::to_owned),
            row,
        };
        let seq = match trace.place().map(|place| i64::try_from(place.header.seq)) {
            Some(Err(_)) => {
                let reason = "seq is above 9223372036854775807, the highest that can be stored";
                return Ok(answer(Status::Rejected, Some(reason), None));
            }
            Some(Ok(seq)) => Some(seq),
            None => None,
        };
        if let Some(row) = self.insert(trace, seq)? {
            return Ok(answer(Status::Stored, None, Some(row)));
        }
        let equivocates = match seq {
            Some(seq) => self.equivocates(trace, seq)?,
            None => false,
        };
        let known = self.known(trace)?;
        let (status, reason) = match known {
            Some(known) if known.fingerprint == *trace.fingerprint().as_bytes() => {
                if known.held_back && trace.document().is_some() {
                    self.fill_in(trace, &known)?;
                    (Status::Stored, None)
                } else {
                    (Status::Duplicate, None)
                }
            }
            // Of an erased trace without a place in a chain nothing is left to compare with.
            Some(known) if known.erased && seq.is_none() => (Status::Duplicate, None),
            _ => {
                self.conflicts(trace)?;
                let reason = if equivocates {
                    "this place of the stream is taken by another content; both are kept as an equivocation"
                } else {
                    "this id is taken by another content; the first stays"
                };
                (Status::Conflict, Some(reason))
            }
        };
        Ok(answer(status, reason, None))
    }

    /// Stores a trace whose id and place are free; none when one of them is not.
    fn insert(&mut self, trace: &'a ValidTrace, seq: Option<i64>) -> Result<Option<TraceRow>> {
        let (facts, now) = (trace.facts(), self.now.millis());
        let agent = self.counts.agent(self.tx, facts.agent_id, self.now)?;
        let at = listed_at(facts.timestamp, self.now);
        let session = match facts.session_id.as_deref() {
            Some(session) => Some(self.counts.session(self.tx, agent, session)?),
            None => None,
        };
        let stream = self.stream.as_ref().filter(|_| seq.is_some());
        // What a document tells need not be kept beside it.
        let held_back = trace.place().filter(|_| trace.document().is_none());
        let kept = held_back.map(|place| &place.header);
        let inserted = self
            .tx
            .prepare_cached(
                "INSERT INTO traces (trace_id, agent, at, timestamp, received_at, action_type, tool, session, rule_id, \
                 reason, values_violated, duration_ms, runtime, outcome, fingerprint, stream, seq, checkpoint, held_back, \
                 prev, commitment) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                id_bytes(&facts.trace_id.uuid()),
                agent,
                at.millis(),
                facts.timestamp.millis(),
                now,
                action_code(facts.action_type),
                facts.tool_name,
                session,
                facts.rule_id,
                facts.reason,
                values_json(&facts.values_violated),
                facts.duration_ms,
                facts.runtime,
                facts.outcome,
                &trace.fingerprint().as_bytes()[..],
                stream.map(|stream| stream.key),
                seq,
                stream.map(|stream| stream.checkpoint),
                trace.document().is_none(),
                kept.map(|header| &header.prev.as_bytes()[..]),
                kept.map(|header| &header.commitment.as_bytes()[..]),
            ])?;
        if inserted == 0 {
            return Ok(None);
        }
        let position = self.tx.last_insert_rowid();
        self.put_document(position, trace)?;
        self.counts
            .add(agent, at.millis(), facts, seq.is_some(), Counted::New);
        if let (Some(stream), Some(place), Some(seq)) = (&mut self.stream, trace.place(), seq) {
            stream.stored(seq, place.digest.as_bytes());
        }
        Ok(Some(TraceRow::of(trace, at, self.now, position)))
    }

    fn put_document(&self, position: i64, trace: &ValidTrace) -> Result<()> {
        if let Some(document) = trace.document() {
            self.tx
                .prepare_cached("INSERT INTO documents (position, document) VALUES (?1, ?2)")?
                .execute(params![position, document])?;
        }
        Ok(())
    }

    fn known(&self, trace: &ValidTrace) -> Result<Option<Known>> {
        self.tx
            .prepare_cached(
                "SELECT position, fingerprint, held_back, at, NOT held_back AND NOT EXISTS \
                 (SELECT 1 FROM documents d WHERE d.position = traces.position) FROM traces WHERE trace_id = ?1",
            )?
            .query_row([id_bytes(&trace.facts().trace_id.uuid())], |row| {
                Ok(Known {
                    position: row.get(0)?,
                    fingerprint: row.get(1)?,
                    held_back: row.get(2)?,
                    at: row.get(3)?,
                    erased: row.get(4)?,
                })
            })
            .optional()
    }

    /// The content of a header that came first. Its id, time, tool, verdict and rule are the header's own.
    fn fill_in(&mut self, trace: &'a ValidTrace, known: &Known) -> Result<()> {
        let facts = trace.facts();
        let agent = self.counts.agent(self.tx, facts.agent_id, self.now)?;
        let session = match facts.session_id.as_deref() {
            Some(session) => Some(self.counts.session(self.tx, agent, session)?),
            None => None,
        };
        self.tx
            .prepare_cached(
                "UPDATE traces SET session = ?2, reason = ?3, values_violated = ?4, duration_ms = ?5, runtime = ?6, \
                 outcome = ?7, held_back = 0 WHERE position = ?1",
            )?
            .execute(params![
                known.position,
                session,
                facts.reason,
                values_json(&facts.values_violated),
                facts.duration_ms,
                facts.runtime,
                facts.outcome,
            ])?;
        self.put_document(known.position, trace)?;
        self.counts
            .add(agent, known.at, facts, true, Counted::Filled);
        Ok(())
    }

    /// Whether another digest stands at this place of the stream; if so, both are recorded.
    fn equivocates(&self, trace: &ValidTrace, seq: i64) -> Result<bool> {
        let Some(stream) = &self.stream else {
            return Ok(false);
        };
        let first = fork::stored(self.tx, stream.key, seq)?;
        let second = trace.fingerprint();
        let Some(first) = first.filter(|first| first != second.as_bytes()) else {
            return Ok(false);
        };
        let told = stream.told(self.now);
        let id = trace.facts().trace_id;
        fork::keep(self.tx, told, seq, &first, second.as_bytes(), id)?;
        Ok(true)
    }

    fn conflicts(&mut self, trace: &ValidTrace) -> Result<()> {
        let facts = trace.facts();
        let agent = self.counts.agent(self.tx, facts.agent_id, self.now)?;
        self.tx
            .prepare_cached(
                "INSERT INTO conflicts (trace_id, fingerprint, agent, received_at) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                id_bytes(&facts.trace_id.uuid()),
                &trace.fingerprint().as_bytes()[..],
                agent,
                self.now.millis(),
            ])?;
        Ok(())
    }
}

/// The stream that a signed batch belongs to, as it grows.
struct Stream<'a> {
    key: i64,
    note: &'a str,
    checkpoint: i64,
    last_seq: i64,
    digest: [u8; 32],
    links: i64,
    whole_to: i64,
    /// Whether this batch stored a link of it.
    grown: bool,
}

impl<'a> Stream<'a> {
    fn load(
        tx: &Connection,
        proven: &'a ProvenCheckpoint,
        counts: &mut Counts<'a>,
        now: Timestamp,
    ) -> Result<Self> {
        let agent_id: AgentId = proven.checkpoint.agent_id;
        let agent = counts.agent(tx, agent_id, now)?;
        counts.prove(agent, write_public_key(&proven.public_key));
        let stream_id = proven.checkpoint.stream.uuid();
        let known = tx
            .prepare_cached(
                "SELECT stream, last_seq, digest, links, whole_to FROM streams WHERE agent = ?1 AND stream_id = ?2",
            )?
            .query_row(params![agent, id_bytes(&stream_id)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let (key, last_seq, digest, links, whole_to) = if let Some(known) = known {
            known
        } else {
            let none = [0_u8; 32];
            tx.prepare_cached(
                "INSERT INTO streams (agent, stream_id, last_seq, digest, links, whole_to) \
                 VALUES (?1, ?2, 0, ?3, 0, 0)",
            )?
            .execute(params![agent, id_bytes(&stream_id), &none[..]])?;
            (tx.last_insert_rowid(), 0, none, 0, 0)
        };
        tx.prepare_cached("INSERT INTO checkpoints (stream, note) VALUES (?1, ?2)")?
            .execute(params![key, proven.note])?;
        Ok(Self {
            key,
            note: &proven.note,
            checkpoint: tx.last_insert_rowid(),
            last_seq,
            digest,
            links,
            whole_to,
            grown: false,
        })
    }

    fn told(&self, now: Timestamp) -> Told<'a> {
        Told {
            stream: self.key,
            note: self.note,
            now,
        }
    }

    fn stored(&mut self, seq: i64, digest: &[u8; 32]) {
        self.grown = true;
        self.links += 1;
        if seq > self.last_seq {
            (self.last_seq, self.digest) = (seq, *digest);
        }
        if seq == self.whole_to + 1 {
            self.whole_to = seq;
        }
    }

    fn save(mut self, tx: &Connection) -> Result<()> {
        if !self.grown {
            // Nothing of this batch is new: its note proves nothing more, and a stream without links is none.
            tx.prepare_cached("DELETE FROM checkpoints WHERE checkpoint = ?1")?
                .execute([self.checkpoint])?;
            tx.prepare_cached("DELETE FROM streams WHERE stream = ?1 AND links = 0")?
                .execute([self.key])?;
            return Ok(());
        }
        if self.whole_to < self.last_seq {
            self.close_gap(tx)?;
        }
        tx.prepare_cached(
            "UPDATE streams SET last_seq = ?2, digest = ?3, links = ?4, whole_to = ?5 WHERE stream = ?1",
        )?
        .execute(params![
            self.key,
            self.last_seq,
            &self.digest[..],
            self.links,
            self.whole_to
        ])?;
        Ok(())
    }

    /// Goes on over links that came before the ones that were missing.
    fn close_gap(&mut self, tx: &Connection) -> Result<()> {
        let mut statement = tx
            .prepare_cached("SELECT seq FROM traces WHERE stream = ?1 AND seq > ?2 ORDER BY seq")?;
        let mut rows = statement.query(params![self.key, self.whole_to])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? != self.whole_to + 1 {
                break;
            }
            self.whole_to += 1;
        }
        Ok(())
    }
}
