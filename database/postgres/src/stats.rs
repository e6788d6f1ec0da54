//! Counts over a filter: whole spans from the tallies kept for it, what is cut or needs a closer look from the rows. All is
//! added up in one statement, so that what travels does not grow with what is counted.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::histogram::MAX_US;
use trace_store::{Filter, Span, Stats, StoreError, Tally};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::query::Terms;
use crate::rows::{action_of, action_word, count, get, time};
use crate::values::{Value, typed};

/// The histogram's bin of a duration in milliseconds, as `trace_store::histogram` has it: microseconds up to 63 are bins of
/// their own, every octave above is cut into 32. The place of a number's highest bit is its octave.
const BIN: &str = "CASE WHEN u.us < 64 THEN u.us \
    ELSE (36 - position(B'1' IN u.us::bit(41))) * 32 + (u.us >> (36 - position(B'1' IN u.us::bit(41)))) END";

pub(crate) async fn stats<C: Connections>(
    connections: &C,
    filter: &Filter,
    bucket_ms: i64,
    now: Timestamp,
) -> Result<Stats, StoreError> {
    let span = Span::of(filter, bucket_ms, now);
    let mut tally = Tally::new(span);
    let unsearched = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    let Some(terms) = Terms::of(connections, &unsearched).await? else {
        return Ok(tally.finish(0));
    };
    let (sql, params) = sql(terms, filter, span);
    let found = rows(connections, Transaction::Stats, &sql, &typed(&params)).await?;
    let mut agents = 0;
    for row in &found {
        // kind, times, a name, the verdict or a reason, a time, a bin.
        let (kind, times): (&str, u64) = (get(row, 0)?, count(row, 1)?);
        let name: &str = get::<Option<&str>>(row, 2)?.unwrap_or_default();
        match kind {
            "agents" => agents = times,
            "seen" => {
                let action = action_of(get(row, 3)?);
                tally.seen(time(row, 4)?.millis(), action, name, times);
            }
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

fn sql(mut terms: Terms, filter: &Filter, span: Span) -> (String, Vec<Value>) {
    let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
    let since = terms.bind(at(span.since));
    let until = terms.bind(at(span.until));
    let kept = filter.session_id.is_none()
        && filter.value.is_none()
        && filter.rule_id.is_none()
        && filter.runtime.is_none();
    let (times, tallies) = match span.whole().filter(|_| kept) {
        Some((first, last)) => {
            let (first, last) = (terms.bind(at(first)), terms.bind(at(last)));
            let mut of = format!("y.start >= {first} AND y.start < {last}");
            if let Some(agent) = filter.agent_id {
                let agent = terms.bind(Value::Id(agent.uuid()));
                let _ = write!(of, " AND y.agent_id = {agent}");
            }
            if let Some(tool) = &filter.tool {
                let tool = terms.bind(Value::Text(tool.clone()));
                let _ = write!(of, " AND y.tool_name = {tool}");
            }
            if let Some(action) = filter.action_type {
                let _ = write!(of, " AND y.action_type = '{}'", action_word(action));
            }
            (
                format!(
                    "(t.at >= {since} AND t.at < {first} OR t.at >= {last} AND t.at < {until})"
                ),
                format!(
                    "SELECT y.agent_id, y.start AS at, y.tool_name, y.action_type, y.rule_id, y.count, y.last, y.reason, \
                       y.bins, y.bin_counts, y.values_violated, y.value_counts \
                     FROM public.tallies y WHERE {of} UNION ALL "
                ),
            )
        }
        None => ("true".to_owned(), String::new()),
    };
    let bucket = terms.bind(Value::Number(span.bucket_ms));
    let bucket_of = format!(
        "to_timestamp(floor(extract(epoch FROM p.at) * 1000 / {bucket}) * {bucket} / 1000)"
    );
    let refused = "p.action_type = 'deny'";
    let sql = format!(
        "WITH picked AS MATERIALIZED ({tallies}\
           SELECT t.agent_id, t.at, t.tool_name, t.action_type, t.rule_id, 1 AS count, t.at AS last, t.reason, \
             CASE WHEN t.duration_ms >= 0 AND t.duration_ms < 'Infinity' AND t.action_type <> 'deny' THEN \
               ARRAY[(SELECT {BIN} FROM (SELECT least(floor(t.duration_ms * 1000 + 0.5), {MAX_US})::bigint AS us) u)::smallint] \
             END AS bins, NULL::bigint[] AS bin_counts, \
             CASE WHEN t.action_type = 'deny' THEN ARRAY(SELECT DISTINCT v FROM unnest(t.values_violated) v) \
             END AS values_violated, NULL::bigint[] AS value_counts \
           FROM public.traces t {} AND t.at >= {since} AND t.at < {until} AND {times}\
         ) \
         SELECT 'agents' AS kind, count(DISTINCT p.agent_id) AS times, NULL AS name, NULL AS word, \
           NULL::timestamptz AS at, NULL::bigint AS bin FROM picked p \
         UNION ALL SELECT 'seen', sum(p.count)::bigint, p.tool_name, p.action_type, {bucket_of}, NULL \
           FROM picked p GROUP BY p.tool_name, p.action_type, {bucket_of} \
         UNION ALL SELECT 'bin', sum(coalesce(b.times, 1))::bigint, p.tool_name, NULL, NULL, b.bin \
           FROM picked p, unnest(p.bins, p.bin_counts) AS b (bin, times) GROUP BY p.tool_name, b.bin \
         UNION ALL SELECT 'rule', sum(p.count)::bigint, p.rule_id, \
           (array_agg(p.reason ORDER BY p.last DESC) FILTER (WHERE p.reason IS NOT NULL))[1], max(p.last), NULL \
           FROM picked p WHERE {refused} GROUP BY p.rule_id \
         UNION ALL SELECT 'value', sum(coalesce(v.times, 1))::bigint, v.value, NULL, NULL, NULL \
           FROM picked p, unnest(p.values_violated, p.value_counts) AS v (value, times) WHERE {refused} GROUP BY v.value",
        terms.all()
    );
    (sql, terms.params)
}
