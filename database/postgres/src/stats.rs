//! Counts over a filter: whole spans from the counters kept for them ([`crate::levels`]), what is cut or needs a closer look
//! from the rows. All is added up in one statement, so that what travels does not grow with what is counted.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::histogram::MAX_US;
use trace_store::{Filter, Span, Stats, StoreError, Tally};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::levels::{Counters, Detail, Levels, tell};
use crate::query::Terms;
use crate::rows::{action_of, count, get, time};
use crate::values::{Value, typed};

/// The histogram's bin of a duration in milliseconds, as `trace_store::histogram` has it: microseconds up to 63 are bins of
/// their own, every octave above is cut into 32. The place of a number's highest bit is its octave.
const BIN: &str = "CASE WHEN u.us < 64 THEN u.us \
    ELSE (36 - position(B'1' IN u.us::bit(41))) * 32 + (u.us >> (36 - position(B'1' IN u.us::bit(41)))) END";

/// What is picked of counters; the same as of rows.
const PICKED: &str = "y.agent_id, y.start AS at, y.tool_name, y.action_type, y.rule_id, y.count, y.last, y.reason, y.bins, \
    y.bin_counts, y.values_violated, y.value_counts";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Everything.
    All,
    /// What happened when.
    OverTime,
}

pub(crate) async fn stats<C: Connections>(
    connections: &C,
    filter: &Filter,
    bucket_ms: i64,
    now: Timestamp,
    counts: Counts,
) -> Result<Stats, StoreError> {
    let span = Span::of(filter, bucket_ms, now);
    let mut tally = Tally::new(span);
    let unsearched = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    let Some(terms) = Terms::of_any_order(&unsearched)? else {
        return Ok(tally.finish(0));
    };
    let (sql, params) = sql(terms, &unsearched, span, counts);
    let found = rows(connections, Transaction::Stats, &sql, &typed(&params)).await?;
    let mut agents = 0;
    for row in &found {
        // kind, times, a name, the verdict or a reason, a time, a bin.
        let (kind, times): (&str, u64) = (get(row, 0)?, count(row, 1)?);
        let name: &str = get::<Option<&str>>(row, 2)?.unwrap_or_default();
        match kind {
            "agents" => agents = times,
            "time" => {
                let action = action_of(get(row, 3)?);
                tally.over_time(time(row, 4)?.millis(), action, times);
            }
            "tool" => tally.of_tool(name, action_of(get(row, 3)?), times),
            "bin" => {
                let bin = u16::try_from(get::<i64>(row, 5)?).unwrap_or(u16::MAX);
                tally.durations(name).add_bin(bin, times);
            }
            "rule" => tally.refused(name, time(row, 4)?.millis(), get(row, 3)?, times),
            "value" => tally.valued(name, times),
            other => {
                return Err(StoreError::Failed(format!("counts of no kind: {other}")));
            }
        }
    }
    Ok(tally.finish(agents))
}

/// How often each element of a list counts, in the list of columns, where lists are walked in step: as functions in FROM
/// each would be kept whole first. No counts mean once each.
pub(crate) fn unnested(list: &str, counts: &str) -> String {
    format!("unnest(coalesce({counts}, array_fill(1::bigint, ARRAY[cardinality({list})])))")
}

fn sql(mut terms: Terms, filter: &Filter, span: Span, counts: Counts) -> (String, Vec<Value>) {
    let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
    let since = terms.bind(at(span.since));
    let until = terms.bind(at(span.until));
    let bucket = terms.bind(Value::Number(span.bucket_ms));
    let mut picked = format!(
        "SELECT t.agent_id, t.at, t.tool_name, t.action_type, t.rule_id, 1 AS count, t.at AS last, t.reason, \
           CASE WHEN t.duration_ms >= 0 AND t.duration_ms < 'Infinity' AND t.action_type <> 'deny' THEN \
             ARRAY[(SELECT {BIN} FROM (SELECT least(floor(least(t.duration_ms, 1e12) * 1000 + 0.5), {MAX_US})::bigint AS us) u)::smallint] \
           END AS bins, NULL::bigint[] AS bin_counts, \
           CASE WHEN t.action_type = 'deny' THEN ARRAY(SELECT DISTINCT v FROM unnest(t.values_violated) v) \
           END AS values_violated, NULL::bigint[] AS value_counts \
         FROM public.traces t {} AND t.at >= {since} AND t.at < {until}",
        terms.all()
    );
    // What counters tell beside what is picked: over time, by tool, and of refusals; and who acted.
    let (mut times, mut tools, mut told) = (String::new(), String::new(), String::new());
    let mut agents = "(SELECT count(DISTINCT agent_id) FROM picked)".to_owned();
    if let Some((first, last)) = span.whole().filter(|_| tell(filter)) {
        let levels = Levels::of((first, last));
        let (first, last) = (terms.bind(at(first)), terms.bind(at(last)));
        let counters = Counters::new(filter, levels, &mut terms);
        let narrow = counters.narrow(PICKED, &mut terms);
        let _ = write!(
            picked,
            " AND (t.at < {first} OR t.at >= {last}) UNION ALL {narrow}"
        );
        let columns = "y.start, y.action_type, y.count";
        times = counters.fitting(columns, span.bucket_ms, &mut terms);
        if counts == Counts::All {
            let columns = "y.tool_name, y.action_type, y.count, y.bins, y.bin_counts";
            tools = counters.wide(columns, counters.tools(), &mut terms);
            let columns = "y.action_type, y.rule_id, y.count, y.last, y.reason, y.values_violated, y.value_counts";
            told = counters.wide(columns, Detail::Everything, &mut terms);
            agents = counters.agents(span.since, "SELECT agent_id FROM picked", &mut terms);
        }
    }
    let bucket_of = format!(
        "to_timestamp(floor(extract(epoch FROM p.at) * 1000 / {bucket}) * {bucket} / 1000)"
    );
    if counts == Counts::OverTime {
        let sql = format!(
            "WITH picked AS ({picked}), times AS (SELECT at, action_type, count FROM picked{times}) \
             SELECT 'time', sum(p.count)::bigint, NULL::text, p.action_type, {bucket_of}, NULL::bigint \
               FROM times p GROUP BY p.action_type, {bucket_of}"
        );
        return (sql, terms.params);
    }
    let sql = format!(
        "WITH picked AS MATERIALIZED ({picked}), \
         times AS (SELECT at, action_type, count FROM picked{times}), \
         tools AS MATERIALIZED (SELECT tool_name, action_type, count, bins, bin_counts FROM picked{tools}), \
         told AS MATERIALIZED (SELECT * FROM (SELECT action_type, rule_id, count, last, reason, values_violated, \
           value_counts FROM picked{told}) r WHERE action_type = 'deny') \
         SELECT 'agents' AS kind, {agents} AS times, NULL AS name, NULL AS word, NULL::timestamptz AS at, NULL::bigint AS bin \
         UNION ALL SELECT 'time', sum(p.count)::bigint, NULL, p.action_type, {bucket_of}, NULL \
           FROM times p GROUP BY p.action_type, {bucket_of} \
         UNION ALL SELECT 'tool', sum(p.count)::bigint, p.tool_name, p.action_type, NULL, NULL \
           FROM tools p GROUP BY p.tool_name, p.action_type HAVING sum(p.count) > 0 \
         UNION ALL SELECT 'bin', sum(b.times)::bigint, b.tool_name, NULL, NULL, b.bin FROM ( \
           SELECT p.tool_name, unnest(p.bins) AS bin, {} AS times FROM tools p WHERE p.bins IS NOT NULL) b \
           GROUP BY b.tool_name, b.bin \
         UNION ALL SELECT 'rule', sum(p.count)::bigint, p.rule_id, \
           (array_agg(p.reason ORDER BY p.last DESC) FILTER (WHERE p.reason IS NOT NULL))[1], max(p.last), NULL FROM ( \
           SELECT rule_id, reason, sum(count)::bigint AS count, max(last) AS last FROM told GROUP BY rule_id, reason) p \
           GROUP BY p.rule_id HAVING sum(p.count) > 0 \
         UNION ALL SELECT 'value', sum(v.times)::bigint, v.value, NULL, NULL, NULL FROM ( \
           SELECT unnest(p.values_violated) AS value, {} AS times FROM told p WHERE p.values_violated IS NOT NULL) v \
           GROUP BY v.value",
        unnested("p.bins", "p.bin_counts"),
        unnested("p.values_violated", "p.value_counts"),
    );
    (sql, terms.params)
}
