//! A batch becomes the arrays of one call of `append_batch`, and that call's answer the port's.
//!
//! What depends on nothing but the batch is worked out here: the time a trace is listed under, its span, the time that its
//! id carries, the histogram's bin. What depends on what is stored is worked out there.

use std::collections::HashSet;
use std::future::Future;

use aap::note::write_public_key;
use aap::submission::ProvenCheckpoint;
use aap::wire::Status;
use aap::{ActionType, Timestamp, TraceId, ValidBatch, ValidTrace};
use serde::Deserialize;
use tokio_postgres::types::Type;
use trace_store::histogram::bin_of_ms;
use trace_store::receipt::listed_at;
use trace_store::span::span_of;
use trace_store::{Appended, Receipt, StoreError, TraceRow};
use uuid::Uuid;

use crate::ask::{Refused, Transaction, rows};
use crate::connections::Connections;
use crate::rows::{action_word, get};
use crate::values::{Time, Typed};

const APPEND: &str = "SELECT public.append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
    $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)::text";
/// The same with the commitments of what is held back.
const APPEND_HELD_BACK: &str = "SELECT public.append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
    $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)::text";

/// What `append_batch` answers: all were stored from `position` on, but for `others`.
#[derive(Deserialize)]
struct Answer {
    position: i64,
    others: Vec<Other>,
}

#[derive(Deserialize)]
struct Other {
    index: usize,
    status: Status,
    reason: Option<String>,
}

/// Whoever calls the function: over a connection of its own, or through somebody else ([`crate::rpc`]).
pub(crate) trait Caller: Sync {
    /// One call; what the function answers, as JSON.
    fn call(&self, call: &Call<'_>) -> impl Future<Output = Result<String, Refused>> + Send;
}

/// Calls it over a connection.
pub(crate) struct Sql<'a, C>(pub(crate) &'a C);

/// Everything that one call hands in.
pub(crate) struct Call<'a> {
    pub(crate) receipt: Receipt,
    pub(crate) stream: Option<Uuid>,
    pub(crate) note: Option<&'a str>,
    pub(crate) public_key: Option<String>,
    pub(crate) columns: Columns<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn of(
        traces: &[&'a ValidTrace],
        proven: Option<&'a ProvenCheckpoint>,
        receipt: Receipt,
    ) -> Self {
        Self {
            receipt,
            stream: proven.map(|proven| proven.checkpoint.stream.uuid()),
            note: proven.map(|proven| proven.note.as_str()),
            public_key: proven.map(|proven| write_public_key(&proven.public_key)),
            columns: Columns::of(traces, receipt.at),
        }
    }
}

/// The port's own limit: what cannot be ordered is never handed in. Such links are the last of their run.
pub(crate) fn orderable(trace: &ValidTrace) -> bool {
    let seq = trace.place().map(|place| i64::try_from(place.header.seq));
    !matches!(seq, Some(Err(_)))
}

/// What a trace is told that cannot be ordered.
pub(crate) const UNORDERED: &str =
    "seq is above 9223372036854775807, the highest that can be stored";

/// Takes `batch` in.
pub(crate) async fn append(
    caller: &impl Caller,
    batch: &ValidBatch,
    receipt: Receipt,
) -> Result<Vec<Appended>, StoreError> {
    let traces: Vec<&ValidTrace> = batch.traces().iter().filter(|one| orderable(one)).collect();
    let mut stored = Vec::with_capacity(traces.len());
    // Parts that are still to be stored, the next one last.
    let mut parts = vec![traces.as_slice()];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match store(caller, part, batch.checkpoint(), receipt).await {
            Ok(answers) => stored.extend(answers),
            Err(Refused::Store(error)) => return Err(error),
            Err(Refused::Data(told)) if part.len() == 1 => {
                let reason = format!("the database cannot hold this trace: {told}");
                stored.push(answer(part[0], Status::Rejected, Some(reason), None));
            }
            // One of them is poison: the halves are stored each by itself, until it is alone.
            Err(Refused::Data(_)) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    let mut stored = stored.into_iter();
    let answers = batch.traces().iter().map(|trace| {
        if orderable(trace) {
            stored.next()
        } else {
            let reason = "seq is above 9223372036854775807, the highest that can be stored";
            Some(answer(
                trace,
                Status::Rejected,
                Some(reason.to_owned()),
                None,
            ))
        }
    });
    answers.collect::<Option<_>>().ok_or_else(|| {
        StoreError::Failed("the database did not answer for every trace of a batch".to_owned())
    })
}

fn answer(
    trace: &ValidTrace,
    status: Status,
    reason: Option<String>,
    row: Option<TraceRow>,
) -> Appended {
    Appended {
        trace_id: trace.facts().trace_id,
        status,
        reason,
        row,
    }
}

impl<C: Connections> Caller for Sql<'_, C> {
    async fn call(&self, call: &Call<'_>) -> Result<String, Refused> {
        let columns = &call.columns;
        let received_at = Time(call.receipt.at);
        let mut params: Vec<Typed<'_>> = vec![
            (&received_at, Type::TIMESTAMPTZ),
            (&call.receipt.network, Type::INET),
            (&call.stream, Type::UUID),
            (&call.note, Type::TEXT),
            (&call.public_key, Type::TEXT),
            (&columns.trace_ids, Type::UUID_ARRAY),
            (&columns.agent_ids, Type::UUID_ARRAY),
            (&columns.at, Type::TIMESTAMPTZ_ARRAY),
            (&columns.timestamps, Type::TIMESTAMPTZ_ARRAY),
            (&columns.starts, Type::TIMESTAMPTZ_ARRAY),
            (&columns.id_times, Type::TIMESTAMPTZ_ARRAY),
            (&columns.repeats, Type::BOOL_ARRAY),
            (&columns.action_types, Type::TEXT_ARRAY),
            (&columns.tool_names, Type::TEXT_ARRAY),
            (&columns.session_ids, Type::TEXT_ARRAY),
            (&columns.rule_ids, Type::TEXT_ARRAY),
            (&columns.reasons, Type::TEXT_ARRAY),
            (&columns.values_violated, Type::TEXT_ARRAY),
            (&columns.durations, Type::FLOAT8_ARRAY),
            (&columns.bins, Type::INT2_ARRAY),
            (&columns.runtimes, Type::TEXT_ARRAY),
            (&columns.outcomes, Type::TEXT_ARRAY),
            (&columns.fingerprints, Type::BYTEA_ARRAY),
            (&columns.seqs, Type::INT8_ARRAY),
            (&columns.prevs, Type::BYTEA_ARRAY),
            (&columns.documents, Type::TEXT_ARRAY),
        ];
        let held_back = columns.commitments.is_some();
        if held_back {
            params.push((&columns.commitments, Type::BYTEA_ARRAY));
        }
        let (transaction, sql) = if held_back {
            (Transaction::AppendHeldBack, APPEND_HELD_BACK)
        } else {
            (Transaction::Append, APPEND)
        };
        let found = rows(self.0, transaction, sql, &params).await?;
        match found.first() {
            Some(row) => get(row, 0).map_err(Refused::Store),
            None => Ok(String::new()),
        }
    }
}

/// One call of the function, and what it says of each trace.
async fn store(
    caller: &impl Caller,
    traces: &[&ValidTrace],
    proven: Option<&ProvenCheckpoint>,
    receipt: Receipt,
) -> Result<Vec<Appended>, Refused> {
    let call = Call::of(traces, proven, receipt);
    let told = caller.call(&call).await?;
    let told: Answer = serde_json::from_str(&told).map_err(|error| {
        Refused::Store(StoreError::Failed(format!(
            "append_batch answered what this program does not know ({error}): run `smoltbot db migrate`"
        )))
    })?;
    let mut answers: Vec<_> = (told.position..)
        .zip(traces.iter().zip(&call.columns.at))
        .map(|(position, (trace, at))| {
            let row = TraceRow::of(trace, at.0, receipt.at, position);
            answer(trace, Status::Stored, None, Some(row))
        })
        .collect();
    for other in told.others {
        if let Some(of) = answers.get_mut(other.index) {
            (of.status, of.reason, of.row) = (other.status, other.reason, None);
        }
    }
    Ok(answers)
}

/// A batch, column by column.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(crate) trace_ids: Vec<Uuid>,
    pub(crate) agent_ids: Vec<Uuid>,
    pub(crate) at: Vec<Time>,
    pub(crate) timestamps: Vec<Time>,
    pub(crate) starts: Vec<Time>,
    pub(crate) id_times: Vec<Option<Time>>,
    pub(crate) repeats: Vec<bool>,
    pub(crate) action_types: Vec<&'static str>,
    pub(crate) tool_names: Vec<&'a str>,
    pub(crate) session_ids: Vec<Option<&'a str>>,
    pub(crate) rule_ids: Vec<Option<&'a str>>,
    pub(crate) reasons: Vec<Option<&'a str>>,
    pub(crate) values_violated: Vec<Option<String>>,
    pub(crate) durations: Vec<Option<f64>>,
    pub(crate) bins: Vec<Option<i16>>,
    pub(crate) runtimes: Vec<Option<&'a str>>,
    pub(crate) outcomes: Vec<Option<&'a str>>,
    pub(crate) fingerprints: Vec<Vec<u8>>,
    pub(crate) seqs: Vec<Option<i64>>,
    pub(crate) prevs: Vec<Option<&'a [u8]>>,
    pub(crate) documents: Vec<Option<&'a str>>,
    /// Of links whose content is held back. None when there is none, as in most batches.
    pub(crate) commitments: Option<Vec<Option<&'a [u8]>>>,
}

impl<'a> Columns<'a> {
    fn of(traces: &[&'a ValidTrace], received_at: Timestamp) -> Self {
        let mut columns = Self::default();
        let mut seen = HashSet::with_capacity(traces.len());
        for trace in traces {
            columns.add(trace, received_at, seen.insert(trace.facts().trace_id));
        }
        let commitment = |trace: &&'a ValidTrace| match trace.document() {
            None => trace
                .place()
                .map(|place| &place.header.commitment.as_bytes()[..]),
            Some(_) => None,
        };
        let commitments: Vec<_> = traces.iter().map(commitment).collect();
        columns.commitments = commitments
            .iter()
            .any(Option::is_some)
            .then_some(commitments);
        columns
    }

    fn add(&mut self, trace: &'a ValidTrace, received_at: Timestamp, first: bool) {
        let facts = trace.facts();
        let header = trace.place().map(|place| &place.header);
        let at = listed_at(facts.timestamp, received_at);
        self.trace_ids.push(facts.trace_id.uuid());
        self.agent_ids.push(facts.agent_id.uuid());
        self.at.push(Time(at));
        self.timestamps.push(Time(facts.timestamp));
        let start = Timestamp::from_millis(span_of(at.millis()));
        self.starts.push(Time(start));
        self.id_times.push(id_time(facts.trace_id).map(Time));
        self.repeats.push(!first);
        self.action_types.push(action_word(facts.action_type));
        self.tool_names.push(&facts.tool_name);
        self.session_ids.push(facts.session_id.as_deref());
        self.rule_ids.push(facts.rule_id.as_deref());
        self.reasons.push(facts.reason.as_deref());
        let values = &facts.values_violated;
        // A list of strings can always be written.
        let values =
            (!values.is_empty()).then(|| serde_json::to_string(values).unwrap_or_default());
        self.values_violated.push(values);
        self.durations.push(facts.duration_ms);
        // What was refused did not run: how long that took says nothing of the tool.
        let ran = facts
            .duration_ms
            .filter(|_| facts.action_type != ActionType::Deny);
        let bin = ran.and_then(bin_of_ms);
        self.bins.push(bin.and_then(|bin| i16::try_from(bin).ok()));
        self.runtimes.push(facts.runtime.as_deref());
        self.outcomes.push(facts.outcome.as_deref());
        self.fingerprints
            .push(trace.fingerprint().as_bytes().to_vec());
        self.seqs
            .push(header.and_then(|header| i64::try_from(header.seq).ok()));
        self.prevs
            .push(header.map(|header| &header.prev.as_bytes()[..]));
        self.documents.push(trace.document());
    }
}

/// The time that an id of version 7 carries; none for other ids.
pub(crate) fn id_time(id: TraceId) -> Option<Timestamp> {
    let uuid = id.uuid();
    if uuid.get_version_num() != 7 {
        return None;
    }
    let ms = uuid.as_u128() >> 80;
    let ms = i64::try_from(ms).ok()?;
    let time = Timestamp::from_millis(ms);
    (time.millis() == ms).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_7_tells_a_time_and_only_one_that_there_is() {
        let id = |text: &str| text.parse::<TraceId>().unwrap();
        let told = id_time(id("0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a")).unwrap();
        assert_eq!(told.millis(), 0x0193_b5b0_7c4e);
        assert_eq!(id_time(id("0193b5b0-7c4e-4a3c-9d39-1f2e3d4c5b6a")), None);
        assert_eq!(id_time(id("ffffffff-ffff-7a3c-9d39-1f2e3d4c5b6a")), None);
    }
}
