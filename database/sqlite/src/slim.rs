//! Questions that one page each asks: what took longest, a whole session, a chain, and what a filter can be narrowed down by.

use aap::chain::{Digest, Header};
use aap::limits::MAX_PAGE;
use aap::{AgentId, StreamId, Timestamp};
use rusqlite::{Connection, Result, Row, params, params_from_iter};
use serde_json::Value as Json;
use trace_store::facets::{Facet, FacetCounts, Facets, facets_filter, most_looked_at};
use trace_store::receipt::distinct;
use trace_store::slim::{MAX_LINKS, MAX_SESSION_CALLS, note_ends_at};
use trace_store::{Cursor, Direction, Filter, LinkRow, Longest, Page, SlimCall};

use crate::query::{Source, agent_key};
use crate::readers::Fault;
use crate::rows::{
    COLUMNS, JOINS, action_of, count, digest, id_bytes, time, trace_id, trace_row, values_of,
};

/// The newest rows that the index yields, so many at `most`: their positions, whether each fits the rest of the
/// filter, and their parameters.
fn looked(source: &Source, columns: &str, most: u32) -> String {
    let fits = source
        .looked_at
        .sql()
        .strip_prefix(" WHERE ")
        .unwrap_or("1");
    format!(
        "SELECT {columns}, coalesce({fits}, 0) AS fits FROM (SELECT t.position AS looked{}{} \
         ORDER BY t.at DESC, t.trace_id DESC LIMIT {most}) l CROSS JOIN traces t ON t.position = l.looked{}",
        source.from(),
        source.indexed.sql(),
        source.document_join(),
    )
}

fn looked_params(source: &Source) -> impl Iterator<Item = &rusqlite::types::Value> {
    let (fits, indexed) = (&source.looked_at.params, &source.indexed.params);
    fits.iter().chain(indexed)
}

pub(crate) fn facets(tx: &Connection, filter: &Filter, now: Timestamp) -> Result<Facets, Fault> {
    let mut counts = FacetCounts::default();
    let Some(source) = Source::of(tx, &facets_filter(filter, now))? else {
        return Ok(counts.finish(0, true, true));
    };
    let columns = "t.action_type, t.tool, t.runtime, t.rule_id, t.values_violated, \
                   (SELECT s.session_id FROM sessions s WHERE s.session = t.session)";
    let mut statement = tx.prepare_cached(&looked(&source, columns, most_looked_at(filter)))?;
    let mut rows = statement.query(params_from_iter(looked_params(&source)))?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        looked_at += 1;
        if !row.get::<_, bool>(6)? {
            continue;
        }
        counts.verdict(action_of(row.get(0)?), 1);
        for (index, facet) in [
            (1, Facet::Tool),
            (2, Facet::Runtime),
            (3, Facet::Rule),
            (5, Facet::Session),
        ] {
            if let Some(name) = row.get::<_, Option<String>>(index)? {
                counts.add(facet, &name, 1);
            }
        }
        let values: Option<String> = row.get(4)?;
        for value in distinct(&values_of(values.as_deref())) {
            counts.add(Facet::Value, value, 1);
        }
    }
    let complete = looked_at < u64::from(most_looked_at(filter));
    Ok(counts.finish(looked_at, complete, complete))
}

pub(crate) fn longest(tx: &Connection, filter: &Filter, limit: u32) -> Result<Longest, Fault> {
    let Some(source) = Source::of(tx, filter)? else {
        return Ok(Longest {
            rows: Vec::new(),
            looked_at: 0,
            complete: true,
        });
    };
    let columns = "t.position, t.duration_ms, t.at, t.trace_id";
    let mut statement = tx.prepare_cached(&looked(&source, columns, most_looked_at(filter)))?;
    let mut rows = statement.query(params_from_iter(looked_params(&source)))?;
    let (mut looked_at, mut found) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        looked_at += 1;
        if row.get::<_, bool>(4)? {
            let duration: Option<f64> = row.get(1)?;
            let (at, id): (i64, [u8; 16]) = (row.get(2)?, row.get(3)?);
            found.push((duration.unwrap_or(-1.0), at, id, row.get::<_, i64>(0)?));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then((b.1, b.2).cmp(&(a.1, a.2))));
    found.truncate(limit.clamp(1, MAX_PAGE) as usize);
    let sql = format!("SELECT {COLUMNS} FROM traces t{JOINS} WHERE t.position = ?1");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = found
        .into_iter()
        .map(|(.., position)| statement.query_row([position], trace_row))
        .collect::<Result<Vec<_>>>()?;
    Ok(Longest {
        rows,
        looked_at,
        complete: looked_at < u64::from(most_looked_at(filter)),
    })
}

pub(crate) fn session_calls(
    tx: &Connection,
    agent: AgentId,
    session: &str,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<SlimCall>, Fault> {
    let filter = Filter {
        agent_id: Some(agent),
        session_id: Some(session.to_owned()),
        ..Filter::default()
    };
    let Some(source) = Source::of(tx, &filter)? else {
        return Ok(Page {
            rows: Vec::new(),
            next: None,
        });
    };
    let mut terms = source.indexed.clone();
    if let Some(after) = after {
        terms.beyond(after, Direction::Newer);
    }
    let limit = limit.clamp(1, MAX_SESSION_CALLS) as usize;
    // One more, to see whether there is another page.
    let sql = format!(
        "SELECT t.trace_id, t.at, t.tool, t.action_type, t.duration_ms, t.rule_id, t.outcome{}{} \
         ORDER BY t.at, t.trace_id LIMIT {}",
        source.from(),
        terms.sql(),
        limit + 1
    );
    let mut rows = tx
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&terms.params), |row| {
            Ok(SlimCall {
                trace_id: trace_id(row, 0)?,
                at: time(row, 1)?,
                tool_name: row.get(2)?,
                action_type: action_of(row.get(3)?),
                duration_ms: row.get(4)?,
                rule_id: row.get(5)?,
                outcome: row.get(6)?,
            })
        })?
        .collect::<Result<Vec<_>>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    Ok(Page {
        next: last.map(|last| Cursor {
            at: last.at,
            trace_id: last.trace_id,
        }),
        rows,
    })
}

pub(crate) fn links(
    tx: &Connection,
    agent: AgentId,
    stream: StreamId,
    after_seq: u64,
    limit: u32,
) -> Result<Vec<LinkRow>> {
    let (Some(key), Ok(after_seq)) = (agent_key(tx, agent)?, i64::try_from(after_seq)) else {
        return Ok(Vec::new());
    };
    let sql = "SELECT t.seq, t.trace_id, t.timestamp, t.tool, t.action_type, t.rule_id, t.prev, t.commitment, t.fingerprint, \
               c.note, d.document FROM streams st CROSS JOIN traces t ON t.stream = st.stream \
               LEFT JOIN checkpoints c ON c.checkpoint = t.checkpoint LEFT JOIN documents d ON d.position = t.position \
               WHERE st.agent = ?1 AND st.stream_id = ?2 AND t.seq > ?3 ORDER BY t.seq LIMIT ?4";
    let limit = limit.clamp(1, MAX_LINKS);
    let read = |row: &Row<'_>| {
        let seq = count(row, 0)?;
        let document = row.get_ref(10)?.as_str_or_null()?;
        let document = document.and_then(|text| serde_json::from_str::<Json>(text).ok());
        let told = |name: &str| -> Option<Digest> {
            document.as_ref()?["context"]["metadata"][name]
                .as_str()?
                .parse()
                .ok()
        };
        let kept = |index| -> Result<_> {
            let bytes: Option<[u8; 32]> = row.get(index)?;
            Ok(bytes.map(Digest::from_bytes))
        };
        let prev = told("prev").or(kept(6)?);
        let (Some(prev), Some(commitment)) = (prev, told("commitment").or(kept(7)?)) else {
            return Ok(None);
        };
        let note: Option<String> = row.get(9)?;
        Ok(Some(LinkRow {
            header: Header {
                agent_id: agent,
                stream,
                seq,
                trace_id: trace_id(row, 1)?,
                timestamp: time(row, 2)?,
                tool_name: row.get(3)?,
                action_type: action_of(row.get(4)?),
                rule_id: row.get(5)?,
                prev,
                commitment,
            },
            digest: digest(row, 8)?,
            note: note.filter(|note| note_ends_at(note, seq)),
        }))
    };
    let found = tx
        .prepare_cached(sql)?
        .query_map(
            params![key, id_bytes(&stream.uuid()), after_seq, limit],
            read,
        )?
        .collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}
