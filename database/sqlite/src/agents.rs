//! What is known of an agent: totals, card, sessions, streams, equivocations.

use aap::limits::MAX_PAGE;
use aap::wire::StreamHead;
use aap::{AgentId, StreamId};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use trace_store::{AgentRow, Equivocation, SessionRow, StreamRow};

use crate::query::agent_key;
use crate::rows::{agent_id, count, digest, id_bytes, time, trace_id};

const AGENT: &str = "SELECT agent_id, first_seen, last_seen, public_key, card_id, traces, denied, errors, signed FROM agents";

fn agent_row(row: &Row<'_>) -> Result<AgentRow> {
    Ok(AgentRow {
        agent_id: agent_id(row, 0)?,
        first_seen: time(row, 1)?,
        last_seen: time(row, 2)?,
        public_key: row.get(3)?,
        card_id: row.get(4)?,
        traces: count(row, 5)?,
        denied: count(row, 6)?,
        errors: count(row, 7)?,
        signed: count(row, 8)?,
    })
}

pub(crate) fn agent(tx: &Connection, id: AgentId) -> Result<Option<AgentRow>> {
    tx.prepare_cached(&format!("{AGENT} WHERE agent_id = ?1"))?
        .query_row([id_bytes(&id.uuid())], agent_row)
        .optional()
}

pub(crate) fn agents(tx: &Connection, limit: u32) -> Result<Vec<AgentRow>> {
    tx.prepare_cached(&format!(
        "{AGENT} ORDER BY last_seen DESC, agent_id DESC LIMIT ?1"
    ))?
    .query_map([limit], agent_row)?
    .collect()
}

pub(crate) fn sessions(tx: &Connection, agent: AgentId, limit: u32) -> Result<Vec<SessionRow>> {
    let Some(key) = agent_key(tx, agent)? else {
        return Ok(Vec::new());
    };
    tx.prepare_cached(
        "SELECT session_id, first, last, traces, denied, errors, runtime FROM sessions WHERE agent = ?1 \
         ORDER BY last DESC, session_id DESC LIMIT ?2",
    )?
    .query_map(params![key, limit], |row| {
        Ok(SessionRow {
            session_id: row.get(0)?,
            first: time(row, 1)?,
            last: time(row, 2)?,
            traces: count(row, 3)?,
            denied: count(row, 4)?,
            errors: count(row, 5)?,
            runtime: row.get(6)?,
        })
    })?
    .collect()
}

pub(crate) fn streams(tx: &Connection, agent: AgentId) -> Result<Vec<StreamRow>> {
    let Some(key) = agent_key(tx, agent)? else {
        return Ok(Vec::new());
    };
    tx.prepare_cached(
        "SELECT stream_id, last_seq, digest, links, whole_to FROM streams WHERE agent = ?1 ORDER BY stream",
    )?
    .query_map([key], |row| {
        let (last_seq, whole_to) = (count(row, 1)?, count(row, 4)?);
        Ok(StreamRow {
            stream: StreamId::from_bytes(row.get(0)?),
            last_seq,
            digest: digest(row, 2)?,
            links: count(row, 3)?,
            first_gap: (whole_to < last_seq).then_some(whole_to + 1),
        })
    })?
    .collect()
}

/// The furthest links of an agent's streams, within a transaction of the writer.
pub(crate) fn heads(tx: &Connection, agent: i64) -> Result<Vec<StreamHead>> {
    tx.prepare_cached(
        "SELECT stream_id, last_seq, digest FROM streams WHERE agent = ?1 ORDER BY stream",
    )?
    .query_map([agent], |row| {
        Ok(StreamHead {
            stream: StreamId::from_bytes(row.get(0)?),
            seq: count(row, 1)?,
            digest: digest(row, 2)?,
        })
    })?
    .collect()
}

pub(crate) fn equivocations(tx: &Connection, agent: AgentId) -> Result<Vec<Equivocation>> {
    let Some(key) = agent_key(tx, agent)? else {
        return Ok(Vec::new());
    };
    tx.prepare_cached(
        "SELECT s.stream_id, e.seq, e.first_digest, e.second_digest, e.second_trace_id, e.second_note, e.received_at \
         FROM streams s JOIN equivocations e ON e.stream = s.stream WHERE s.agent = ?1 \
         ORDER BY e.received_at DESC, e.equivocation DESC LIMIT ?2",
    )?
    .query_map(params![key, MAX_PAGE], |row| {
        Ok(Equivocation {
            stream: StreamId::from_bytes(row.get(0)?),
            seq: count(row, 1)?,
            first_digest: digest(row, 2)?,
            second_digest: digest(row, 3)?,
            second_trace_id: trace_id(row, 4)?,
            second_note: row.get(5)?,
            received_at: time(row, 6)?,
        })
    })?
    .collect()
}
