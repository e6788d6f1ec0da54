//! What is known of an agent: totals, sessions, streams, equivocations.

use aap::AgentId;
use aap::limits::MAX_PAGE;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace_store::{AgentRow, Equivocation, SessionRow, StoreError, StreamRow};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::rows::{agent_id, count, digest, get, stream_id, time, trace_id};

macro_rules! agent_select {
    ($rest:literal) => {
        concat!(
            "SELECT a.agent_id, a.first_seen, a.last_seen, k.public_key, a.card_id, a.traces, a.denied, a.errors, \
             a.signed FROM public.agents a LEFT JOIN public.agent_keys k ON k.agent_id = a.agent_id ",
            $rest
        )
    };
}

fn agent_row(row: &Row) -> Result<AgentRow, StoreError> {
    Ok(AgentRow {
        agent_id: agent_id(row, 0)?,
        first_seen: time(row, 1)?,
        last_seen: time(row, 2)?,
        public_key: get(row, 3)?,
        card_id: get(row, 4)?,
        traces: count(row, 5)?,
        denied: count(row, 6)?,
        errors: count(row, 7)?,
        signed: count(row, 8)?,
    })
}

pub(crate) async fn agent<C: Connections>(
    connections: &C,
    id: AgentId,
) -> Result<Option<AgentRow>, StoreError> {
    let sql = agent_select!("WHERE a.agent_id = $1");
    let params = [(&id.uuid() as _, Type::UUID)];
    let found = rows(connections, Transaction::Agent, sql, &params).await?;
    found.first().map(agent_row).transpose()
}

pub(crate) async fn agents<C: Connections>(
    connections: &C,
    limit: u32,
) -> Result<Vec<AgentRow>, StoreError> {
    let sql = agent_select!("ORDER BY a.last_seen DESC, a.agent_id DESC LIMIT $1");
    let params = [(&i64::from(limit) as _, Type::INT8)];
    let found = rows(connections, Transaction::Agents, sql, &params).await?;
    found.iter().map(agent_row).collect()
}

pub(crate) async fn sessions<C: Connections>(
    connections: &C,
    agent: AgentId,
    limit: u32,
) -> Result<Vec<SessionRow>, StoreError> {
    let sql = "SELECT session_id, first, last, traces, denied, errors, runtime FROM public.sessions WHERE agent_id = $1 \
               ORDER BY last DESC, session_id DESC LIMIT $2";
    let params = [
        (&agent.uuid() as _, Type::UUID),
        (&i64::from(limit) as _, Type::INT8),
    ];
    let found = rows(connections, Transaction::Sessions, sql, &params).await?;
    let read = |row: &Row| {
        Ok(SessionRow {
            session_id: get(row, 0)?,
            first: time(row, 1)?,
            last: time(row, 2)?,
            traces: count(row, 3)?,
            denied: count(row, 4)?,
            errors: count(row, 5)?,
            runtime: get(row, 6)?,
        })
    };
    found.iter().map(read).collect()
}

pub(crate) async fn streams<C: Connections>(
    connections: &C,
    agent: AgentId,
) -> Result<Vec<StreamRow>, StoreError> {
    let sql = "SELECT stream, last_seq, digest, links, whole_to FROM public.streams WHERE agent_id = $1 ORDER BY number";
    let params = [(&agent.uuid() as _, Type::UUID)];
    let found = rows(connections, Transaction::Streams, sql, &params).await?;
    let read = |row: &Row| {
        let (last_seq, whole_to) = (count(row, 1)?, count(row, 4)?);
        Ok(StreamRow {
            stream: stream_id(row, 0)?,
            last_seq,
            digest: digest(row, 2)?,
            links: count(row, 3)?,
            first_gap: (whole_to < last_seq).then_some(whole_to + 1),
        })
    };
    found.iter().map(read).collect()
}

pub(crate) async fn equivocations<C: Connections>(
    connections: &C,
    agent: AgentId,
) -> Result<Vec<Equivocation>, StoreError> {
    let sql = "SELECT stream, seq, first_digest, second_digest, second_trace_id, second_note, received_at \
               FROM public.equivocations WHERE agent_id = $1 ORDER BY received_at DESC, equivocation DESC LIMIT $2";
    let params = [
        (&agent.uuid() as _, Type::UUID),
        (&i64::from(MAX_PAGE) as _, Type::INT8),
    ];
    let found = rows(connections, Transaction::Equivocations, sql, &params).await?;
    let read = |row: &Row| {
        Ok(Equivocation {
            stream: stream_id(row, 0)?,
            seq: count(row, 1)?,
            first_digest: digest(row, 2)?,
            second_digest: digest(row, 3)?,
            second_trace_id: trace_id(row, 4)?,
            second_note: get(row, 5)?,
            received_at: time(row, 6)?,
        })
    };
    found.iter().map(read).collect()
}
