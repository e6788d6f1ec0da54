//! What a filter can be narrowed down by: from the counters kept, where these tell; else from the newest rows.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::facets::{Facet, FacetCounts, Facets, facets_filter, most_looked_at};
use trace_store::{Filter, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::levels::{Counters, Detail, Levels, span_of, tell};
use crate::query::Terms;
use crate::rows::{count, get};
use crate::slim::looked;
use crate::stats::unnested;
use crate::values::{Value, typed};

/// Lists that counters tell, by their columns.
const COUNTED: [(&str, &str); 4] = [
    ("verdict", "action_type"),
    ("tool", "tool_name"),
    ("runtime", "runtime"),
    ("rule", "rule_id"),
];

/// What is picked of counters; the same as of rows.
const PICKED: &str =
    "y.action_type, y.tool_name, y.runtime, y.rule_id, y.count, y.values_violated, y.value_counts";

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
    let (sql, params) = if tell(&filter) {
        counted(terms, &filter, now)
    } else {
        looked_through(terms, &filter)
    };
    let found = rows(connections, Transaction::Facets, &sql, &typed(&params)).await?;
    let (mut all, mut looked_at) = (None, 0);
    for row in &found {
        let (kind, times): (&str, u64) = (get(row, 0)?, count(row, 1)?);
        let name = get::<Option<&str>>(row, 2)?.unwrap_or_default();
        match kind {
            "all" => all = Some(times),
            "looked_at" => looked_at = times,
            other => counts.add(facet_of(other), name, times),
        }
    }
    let complete = looked_at < u64::from(most_looked_at(&filter));
    Ok(match all {
        Some(all) => counts.finish(all, true, complete),
        None => counts.finish(looked_at, complete, complete),
    })
}

fn facet_of(kind: &str) -> Facet {
    match kind {
        "verdict" => Facet::Verdict,
        "tool" => Facet::Tool,
        "runtime" => Facet::Runtime,
        "rule" => Facet::Rule,
        "value" => Facet::Value,
        _ => Facet::Session,
    }
}

/// Everything but sessions from counters.
fn counted(mut terms: Terms, filter: &Filter, now: Timestamp) -> (String, Vec<Value>) {
    let looked = looked("t.session_id", &terms, most_looked_at(filter));
    let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
    let mut all = format!(
        "SELECT t.action_type, t.tool_name, t.runtime, t.rule_id, 1 AS count, \
         CASE WHEN t.values_violated IS NOT NULL THEN ARRAY(SELECT DISTINCT v FROM unnest(t.values_violated) v) \
         END AS values_violated, NULL::bigint[] AS value_counts \
         FROM public.traces t {}",
        terms.all()
    );
    if let Some((first, last)) = span_of(filter, now).whole() {
        let levels = Levels::of((first, last));
        let (first, last) = (terms.bind(at(first)), terms.bind(at(last)));
        let counters = Counters::new(filter, levels, &mut terms);
        let narrow = counters.narrow(PICKED, &mut terms);
        let wide = counters.wide(PICKED, Detail::Everything, &mut terms);
        let _ = write!(
            all,
            " AND (t.at < {first} OR t.at >= {last}) UNION ALL {narrow}{wide}"
        );
    }
    let mut sql = format!(
        "WITH looked AS MATERIALIZED ({looked}), y AS MATERIALIZED ({all}), \
         p AS MATERIALIZED (SELECT y.action_type, y.tool_name, y.runtime, y.rule_id, sum(y.count) AS count FROM y \
           GROUP BY 1, 2, 3, 4) \
         SELECT 'looked_at' AS kind, count(*) AS times, NULL AS name FROM looked \
         UNION ALL SELECT 'all', coalesce(sum(p.count), 0)::bigint, NULL FROM p \
         UNION ALL SELECT 'session', count(*), session_id FROM looked WHERE fits AND session_id IS NOT NULL GROUP BY session_id \
         UNION ALL SELECT 'value', sum(v.times)::bigint, v.value FROM ( \
           SELECT unnest(y.values_violated) AS value, {} AS times FROM y WHERE y.values_violated IS NOT NULL) v \
           GROUP BY v.value",
        unnested("y.values_violated", "y.value_counts")
    );
    for (kind, column) in COUNTED {
        let _ = write!(
            sql,
            " UNION ALL SELECT '{kind}', sum(p.count)::bigint, p.{column} FROM p WHERE p.{column} IS NOT NULL \
             GROUP BY p.{column}"
        );
    }
    (sql, terms.params)
}

/// Everything from the newest rows.
fn looked_through(terms: Terms, filter: &Filter) -> (String, Vec<Value>) {
    let columns =
        "t.action_type, t.tool_name, t.runtime, t.rule_id, t.session_id, t.values_violated";
    let mut sql = format!(
        "WITH looked AS MATERIALIZED ({}), p AS (SELECT * FROM looked WHERE fits) \
         SELECT 'looked_at' AS kind, count(*) AS times, NULL AS name FROM looked \
         UNION ALL SELECT 'value', count(*), v FROM p, LATERAL (SELECT DISTINCT unnest(p.values_violated) AS v) u GROUP BY v",
        looked(columns, &terms, most_looked_at(filter))
    );
    for (kind, column) in COUNTED.into_iter().chain([("session", "session_id")]) {
        let _ = write!(
            sql,
            " UNION ALL SELECT '{kind}', count(*), p.{column} FROM p WHERE p.{column} IS NOT NULL GROUP BY p.{column}"
        );
    }
    (sql, terms.params)
}
