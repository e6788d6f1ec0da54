//! The two functions that write, called by name with one JSON object of arguments: what `PostgREST` takes at
//! `POST /rpc/append_batch`, and what a Worker hands to whoever holds its connection ([`serve`]). Both ends are here, so one
//! spelling serves both ways, and what had to wait in a queue is a call that can be made later.
//!
//! Out of scope: how the object travels, and what happens when it does not arrive (the host's business).

use std::future::Future;

use aap::card::SignedCard;
use aap::chain::Digest;
use aap::wire::StreamHead;
use aap::{AgentId, StreamId, Timestamp, ValidBatch, ValidTrace};
use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::types::Type;
use trace_store::{Appended, Receipt, StoreError};

use crate::append::{self, Call, Caller, UNORDERED, orderable};
use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::rows::get;

mod arguments;

pub use crate::ask::Refused;
use arguments::{AppendArguments, CardArguments, Hex, write};

/// A function that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Takes a batch in.
    AppendBatch,
    /// Keeps a card.
    PutCard,
    /// Tells the number of the schema: whether there is somebody at all.
    SchemaVersion,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AppendBatch, Self::PutCard, Self::SchemaVersion];

    /// Its name in the schema `public`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppendBatch => "append_batch",
            Self::PutCard => "put_card",
            Self::SchemaVersion => "schema_version",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The statement that takes the arguments apart and calls it.
    const fn sql(self) -> &'static str {
        match self {
            Self::AppendBatch => {
                "SELECT public.append_batch(a.received_at, a.address, a.stream, a.note, a.public_key, a.trace_ids, \
                 a.agent_ids, a.at, a.timestamps, a.starts, a.id_times, a.repeats, a.action_types, a.tool_names, \
                 a.session_ids, a.rule_ids, a.reasons, a.values_violated, a.durations, a.bins, a.runtimes, a.outcomes, \
                 a.fingerprints, a.seqs, a.prevs, a.documents, a.commitments)::text FROM json_to_record($1::text::json) AS a (received_at \
                 timestamptz, address inet, stream uuid, note text, public_key text, trace_ids uuid[], agent_ids uuid[], \
                 at timestamptz[], timestamps timestamptz[], starts timestamptz[], id_times timestamptz[], repeats \
                 boolean[], action_types text[], tool_names text[], session_ids text[], rule_ids text[], reasons text[], \
                 values_violated text[], durations double precision[], bins smallint[], runtimes text[], outcomes text[], \
                 fingerprints bytea[], seqs bigint[], prevs bytea[], documents text[], \
                 commitments bytea[])"
            }
            Self::PutCard => {
                "SELECT coalesce(json_agg(h), '[]')::text FROM json_to_record($1::text::json) AS a (agent uuid, card_id text, \
                 fingerprint bytea, issued_at timestamptz, received_at timestamptz, public_key text, signed_card text), \
                 LATERAL public.put_card(a.agent, a.card_id, a.fingerprint, a.issued_at, a.received_at, a.public_key, \
                 a.signed_card) AS h"
            }
            Self::SchemaVersion => "SELECT public.schema_version()::text WHERE $1::text <> ''",
        }
    }

    const fn transaction(self) -> Transaction {
        match self {
            Self::AppendBatch => Transaction::Append,
            Self::PutCard => Transaction::PutCard,
            Self::SchemaVersion => Transaction::Ready,
        }
    }
}

/// The way to the functions.
pub trait Rpc: Send + Sync + 'static {
    /// Calls `function` with `arguments`, a JSON object, and brings back what it answers, as JSON. `agent` is whose call it
    /// is: those of one agent are in each other's way, so they may share a connection.
    ///
    /// # Errors
    /// [`Refused::Data`] where the database cannot hold what it was given (SQLSTATE of class 22 or 54), else
    /// [`Refused::Store`].
    fn call(
        &self,
        function: Function,
        agent: AgentId,
        arguments: String,
    ) -> impl Future<Output = Result<String, Refused>> + Send;
}

/// The other end: makes the call over a connection.
///
/// # Errors
/// See [`Rpc::call`].
pub async fn serve<C: Connections>(
    connections: &C,
    function: Function,
    arguments: &str,
) -> Result<String, Refused> {
    let params = [(&arguments as _, Type::TEXT)];
    let found = rows(connections, function.transaction(), function.sql(), &params).await?;
    let told = match found.first() {
        Some(row) => get(row, 0).map_err(Refused::Store)?,
        None => String::new(),
    };
    if function == Function::AppendBatch {
        connections.appended();
    }
    Ok(told)
}

struct Through<'a, R> {
    rpc: &'a R,
    agent: AgentId,
}

impl<R: Rpc> Caller for Through<'_, R> {
    async fn call(&self, call: &Call<'_>) -> Result<String, Refused> {
        let arguments = write(&AppendArguments::of(call)).map_err(Refused::Store)?;
        self.rpc
            .call(Function::AppendBatch, self.agent, arguments)
            .await
    }
}

/// `TraceWriter::append` by call.
///
/// # Errors
/// As the port says.
pub async fn append<R: Rpc>(
    rpc: &R,
    batch: &ValidBatch,
    receipt: Receipt,
) -> Result<Vec<Appended>, StoreError> {
    let Some(first) = batch.traces().first() else {
        return Ok(Vec::new());
    };
    let agent = first.facts().agent_id;
    append::append(&Through { rpc, agent }, batch, receipt).await
}

/// `TraceWriter::put_card` by call.
///
/// # Errors
/// As the port says.
pub async fn put_card<R: Rpc>(
    rpc: &R,
    card: &SignedCard,
    now: Timestamp,
) -> Result<Vec<StreamHead>, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        stream: StreamId,
        seq: u64,
        digest: Hex<[u8; 32]>,
    }
    let agent = card.alignment_card.agent_id;
    let told = rpc
        .call(Function::PutCard, agent, card_arguments(card, now)?)
        .await?;
    let heads: Vec<Head> = serde_json::from_str(&told).map_err(|error| {
        StoreError::Failed(format!(
            "put_card answered what this program does not know ({error}): run `smoltbot db migrate`"
        ))
    })?;
    let head = |head: Head| StreamHead {
        stream: head.stream,
        seq: head.seq,
        digest: Digest::from_bytes(head.digest.0),
    };
    Ok(heads.into_iter().map(head).collect())
}

/// Why no store takes this trace, and no call hands it in; none for the others.
pub fn refused_by_every_store(trace: &ValidTrace) -> Option<&'static str> {
    (!orderable(trace)).then_some(UNORDERED)
}

/// The arguments that append the whole of `batch`, for a call that has to wait.
///
/// # Errors
/// Never for what was validated.
pub fn append_arguments(batch: &ValidBatch, receipt: Receipt) -> Result<String, StoreError> {
    let traces: Vec<&ValidTrace> = batch.traces().iter().filter(|one| orderable(one)).collect();
    write(&AppendArguments::of(&Call::of(
        &traces,
        batch.checkpoint(),
        receipt,
    )))
}

/// The arguments that put `card`.
///
/// # Errors
/// Never for a card that was checked.
pub fn card_arguments(card: &SignedCard, now: Timestamp) -> Result<String, StoreError> {
    let content = &card.alignment_card;
    let unwritable = |error: serde_json::Error| StoreError::Failed(error.to_string());
    let text = serde_json::to_vec(content).map_err(unwritable)?;
    write(&CardArguments {
        agent: content.agent_id,
        card_id: &content.card_id,
        fingerprint: Hex(*Digest::of(&text).as_bytes()),
        issued_at: content.issued_at.into(),
        received_at: now.into(),
        public_key: &card.public_key,
        signed_card: serde_json::to_string(card).map_err(unwritable)?,
    })
}

/// Two calls that together append what one does; none where that one holds a single trace.
pub fn halves(arguments: &str) -> Option<(String, String)> {
    let Ok(Value::Object(mut first)) = serde_json::from_str(arguments) else {
        return None;
    };
    let number = first.get("trace_ids")?.as_array()?.len();
    if number < 2 {
        return None;
    }
    let mut second = first.clone();
    for (name, values) in &mut first {
        if let (Value::Array(values), Some(Value::Array(rest))) = (values, second.get_mut(name)) {
            values.truncate(number / 2);
            rest.drain(..(number / 2).min(rest.len()));
        }
    }
    Some((
        Value::Object(first).to_string(),
        Value::Object(second).to_string(),
    ))
}
