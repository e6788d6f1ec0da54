//! What a filter can be narrowed down by.

use aap::Timestamp;
use trace_store::facets::{Facet, FacetCounts, Facets, MAX_LOOKED_AT, facets_filter};
use trace_store::{Filter, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::query::Terms;
use crate::rows::{count, get};
use crate::slim::looked;
use crate::values::typed;

pub(crate) async fn facets<C: Connections>(
    connections: &C,
    filter: &Filter,
    now: Timestamp,
) -> Result<Facets, StoreError> {
    let mut counts = FacetCounts::default();
    let filter = facets_filter(filter, now);
    let Some(terms) = Terms::of(connections, &filter).await? else {
        return Ok(counts.finish(0, true, true));
    };
    let columns =
        "t.action_type, t.tool_name, t.runtime, t.rule_id, t.session_id, t.values_violated";
    let mut sql = format!(
        "WITH looked AS MATERIALIZED ({}), p AS (SELECT * FROM looked WHERE fits) \
         SELECT 'looked_at' AS kind, count(*) AS times, NULL AS name FROM looked",
        looked(columns, &terms)
    );
    for (kind, column) in [
        ("verdict", "action_type"),
        ("tool", "tool_name"),
        ("runtime", "runtime"),
        ("rule", "rule_id"),
        ("session", "session_id"),
    ] {
        sql += &format!(
            " UNION ALL SELECT '{kind}', count(*), p.{column} FROM p WHERE p.{column} IS NOT NULL GROUP BY p.{column}"
        );
    }
    sql += " UNION ALL SELECT 'value', count(*), v FROM p, LATERAL (SELECT DISTINCT unnest(p.values_violated) AS v) u GROUP BY v";
    let found = rows(
        connections,
        Transaction::Facets,
        &sql,
        &typed(&terms.params),
    )
    .await?;
    let mut looked_at = 0;
    for row in &found {
        let (kind, times): (&str, u64) = (get(row, 0)?, count(row, 1)?);
        let name = get::<Option<&str>>(row, 2)?.unwrap_or_default();
        match facet_of(kind) {
            Some(facet) => counts.add(facet, name, times),
            None => looked_at = times,
        }
    }
    let complete = looked_at < u64::from(MAX_LOOKED_AT);
    Ok(counts.finish(looked_at, complete, complete))
}

fn facet_of(kind: &str) -> Option<Facet> {
    match kind {
        "verdict" => Some(Facet::Verdict),
        "tool" => Some(Facet::Tool),
        "runtime" => Some(Facet::Runtime),
        "rule" => Some(Facet::Rule),
        "session" => Some(Facet::Session),
        "value" => Some(Facet::Value),
        _ => None,
    }
}
