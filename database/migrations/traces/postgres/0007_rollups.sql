-- Counters that answer for months as fast as for an hour: hours and days beside the spans of five minutes, of each agent and
-- of all together, by runtime too, and once more for each value.
--
-- Batches go on adding rows to `tallies` and nothing else. Folding, which runs behind them, brings what is new into the
-- rollups in the same transaction. So at every moment each trace is in a rollup, or in a tally that is not folded yet.

SET LOCAL ROLE smoltbot_owner;

-- Null where none was told, as for all headers. A content that comes later takes its trace from null to its runtime.
ALTER TABLE public.tallies ADD COLUMN runtime text;
-- Null: of all traces. Else of those that stood for this value, which are counted there once more.
ALTER TABLE public.tallies ADD COLUMN value text;

CREATE TABLE public.rollups (
    -- 5, 60 or 1440. Five minutes only for all agents together, as `tallies` are by agent, and not by tool.
    minutes      smallint NOT NULL,
    -- 0: by verdict. 1: by tool and verdict, with durations. 2: by everything.
    detail       smallint NOT NULL,
    -- Nobody's id, all zeros, stands for all agents together.
    agent_id     uuid NOT NULL,
    start        timestamptz NOT NULL,
    action_type  text NOT NULL,
    tool_name    text,
    rule_id      text,
    runtime      text,
    value        text,
    -- As in `tallies`.
    count        bigint NOT NULL,
    last         timestamptz NOT NULL,
    reason       text,
    bins         smallint[],
    bin_counts   bigint[],
    values_violated  text[],
    value_counts     bigint[]
);
CREATE INDEX rollups_by_start ON public.rollups (agent_id, minutes, detail, value, start);
CREATE INDEX rollups_by_rule ON public.rollups (agent_id, minutes, rule_id, start)
    WHERE detail = 2 AND value IS NULL AND rule_id IS NOT NULL;
CREATE INDEX rollups_by_runtime ON public.rollups (agent_id, minutes, runtime, start)
    WHERE detail = 2 AND value IS NULL AND runtime IS NOT NULL;

SELECT private.guard('public.rollups');
GRANT SELECT (minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, count, last, reason, bins,
    bin_counts, values_violated, value_counts) ON public.rollups TO anon;
GRANT SELECT (minutes, agent_id, start, reason), UPDATE (reason) ON public.rollups TO service_role;
CREATE POLICY anon_reads ON public.rollups FOR SELECT TO anon USING (true);
CREATE POLICY service_sees ON public.rollups FOR SELECT TO service_role USING (true);
CREATE POLICY service_erases ON public.rollups FOR UPDATE TO service_role USING (true) WITH CHECK (reason IS NULL);
GRANT SELECT (runtime, value) ON public.tallies TO anon;
GRANT INSERT (runtime, value) ON public.tallies TO ingest;

-- As before, by runtime and value too. Rules and values are kept of all verdicts; a refusal's reason only.
CREATE OR REPLACE FUNCTION private.count_batch(
    agent_ids uuid[], at timestamptz[], starts timestamptz[], action_types text[], tool_names text[], session_ids text[],
    rule_ids text[], reasons text[], values_violated text[], bins smallint[], runtimes text[],
    placed integer[], filled integer[]
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    number integer := cardinality(agent_ids);
BEGIN
    -- A header names no session: its trace joins one when its content comes.
    INSERT INTO public.sessions AS s (agent_id, session_id, first, last, traces, denied, errors, runtime)
    SELECT u.agent, u.session, min(u.a), max(u.a), count(*), count(*) FILTER (WHERE u.action = 'deny'),
        count(*) FILTER (WHERE u.action = 'error'),
        (array_agg(u.runtime ORDER BY u.a DESC, u.n DESC) FILTER (WHERE u.runtime IS NOT NULL))[1]
    FROM (
        SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(session_ids) AS session, unnest(at) AS a,
            unnest(action_types) AS action, unnest(runtimes) AS runtime
    ) AS u
    WHERE u.session IS NOT NULL AND (placed IS NULL OR u.n = ANY (placed) OR u.n = ANY (filled))
    GROUP BY u.agent, u.session
    ORDER BY u.agent, u.session
    ON CONFLICT (session_id, agent_id) DO UPDATE SET
        runtime = CASE WHEN excluded.last >= s.last THEN coalesce(excluded.runtime, s.runtime)
            ELSE coalesce(s.runtime, excluded.runtime) END,
        first = least(s.first, excluded.first), last = greatest(s.last, excluded.last),
        traces = s.traces + excluded.traces, denied = s.denied + excluded.denied, errors = s.errors + excluded.errors;

    INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, runtime, count, last, reason, bins,
        values_violated)
    SELECT g.agent, g.start, g.tool, g.action, g.rule, g.runtime, g.count, g.last, g.reason, g.bins,
        -- Each value once a trace.
        CASE WHEN g.lists IS NOT NULL THEN ARRAY(
            SELECT one.value FROM unnest(g.lists) AS list,
                LATERAL (SELECT DISTINCT value FROM json_array_elements_text(list::json)) AS one
        ) END
    FROM (
        SELECT u.agent, u.start, u.tool, u.action, u.rule, u.runtime, count(*) AS count, max(u.a) AS last,
            (array_agg(u.reason ORDER BY u.a DESC, u.n DESC) FILTER (WHERE u.action = 'deny' AND u.reason IS NOT NULL))[1]
                AS reason,
            array_agg(u.bin) FILTER (WHERE u.bin IS NOT NULL) AS bins,
            array_agg(u.vals) FILTER (WHERE u.vals IS NOT NULL) AS lists
        FROM (
            SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(starts) AS start,
                unnest(tool_names) AS tool, unnest(action_types) AS action, unnest(rule_ids) AS rule,
                unnest(runtimes) AS runtime, unnest(at) AS a, unnest(reasons) AS reason, unnest(bins) AS bin,
                unnest(values_violated) AS vals
        ) AS u
        WHERE placed IS NULL OR u.n = ANY (placed) OR u.n = ANY (filled)
        GROUP BY u.agent, u.start, u.tool, u.action, u.rule, u.runtime
    ) AS g;

    -- What was counted with its header, under no runtime, is counted with its content now.
    IF cardinality(filled) > 0 THEN
        INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, count, last)
        SELECT u.agent, u.start, u.tool, u.action, u.rule, -count(*), max(u.a)
        FROM (
            SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(starts) AS start,
                unnest(tool_names) AS tool, unnest(action_types) AS action, unnest(rule_ids) AS rule, unnest(at) AS a
        ) AS u
        WHERE u.n = ANY (filled)
        GROUP BY u.agent, u.start, u.tool, u.action, u.rule;
    END IF;

    -- Most batches stand for no value.
    IF cardinality(array_remove(values_violated, NULL)) > 0 THEN
        INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, runtime, value, count, last, reason, bins,
            values_violated)
        SELECT g.agent, g.start, g.tool, g.action, g.rule, g.runtime, g.value, g.count, g.last, g.reason, g.bins,
            ARRAY(
                SELECT one.value FROM unnest(g.lists) AS list,
                    LATERAL (SELECT DISTINCT value FROM json_array_elements_text(list::json)) AS one
            )
        FROM (
            SELECT u.agent, u.start, u.tool, u.action, u.rule, u.runtime, one.value, count(*) AS count, max(u.a) AS last,
                (array_agg(u.reason ORDER BY u.a DESC, u.n DESC) FILTER (WHERE u.action = 'deny' AND u.reason IS NOT NULL))[1]
                    AS reason,
                array_agg(u.bin) FILTER (WHERE u.bin IS NOT NULL) AS bins, array_agg(u.vals) AS lists
            FROM (
                SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(starts) AS start,
                    unnest(tool_names) AS tool, unnest(action_types) AS action, unnest(rule_ids) AS rule,
                    unnest(runtimes) AS runtime, unnest(at) AS a, unnest(reasons) AS reason, unnest(bins) AS bin,
                    unnest(values_violated) AS vals
            ) AS u, LATERAL (SELECT DISTINCT value FROM json_array_elements_text(u.vals::json)) AS one
            WHERE u.vals IS NOT NULL AND (placed IS NULL OR u.n = ANY (placed) OR u.n = ANY (filled))
            GROUP BY u.agent, u.start, u.tool, u.action, u.rule, u.runtime, one.value
        ) AS g;
    END IF;
END
$$;

-- Makes one row of all tallies of one key whose span began before `before`, and adds what is new to the rollups; answers how
-- many rows were taken in. Readers see all of it or nothing. While another one folds there is nothing to do.
CREATE OR REPLACE FUNCTION public.fold_tallies(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    number bigint := 0;
    part   bigint;
    -- A day at a time: a year of counters at once would take the server's memory and disk.
    first  timestamptz;
    ends   timestamptz := '-infinity';
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('smoltbot.fold_tallies')) THEN
        RETURN 0;
    END IF;
    LOOP
        SELECT min(t.start) INTO first FROM tallies t WHERE NOT t.folded AND t.start < $1 AND t.start >= ends;
        EXIT WHEN first IS NULL;
        ends := least($1, date_bin('1 day', first, timestamptz '1970-01-01T00:00:00Z') + interval '1 day');
        WITH keys AS (
            SELECT DISTINCT t.agent_id, t.start FROM tallies t WHERE NOT t.folded AND t.start >= first AND t.start < ends
        ), taken AS MATERIALIZED (
            DELETE FROM tallies t USING keys k WHERE t.agent_id = k.agent_id AND t.start = k.start RETURNING t.*
        ), bins_of AS (
            SELECT agent_id, start, tool_name, action_type, rule_id, runtime, value, array_agg(bin ORDER BY bin) AS bins,
                array_agg(times ORDER BY bin) AS bin_counts,
                array_agg(bin ORDER BY bin) FILTER (WHERE fresh > 0) AS fresh_bins,
                array_agg(fresh ORDER BY bin) FILTER (WHERE fresh > 0) AS fresh_bin_counts
            FROM (
                SELECT agent_id, start, tool_name, action_type, rule_id, runtime, value, b.bin,
                    sum(coalesce(b.times, 1))::bigint AS times,
                    (sum(coalesce(b.times, 1)) FILTER (WHERE NOT folded))::bigint AS fresh
                FROM taken, unnest(bins, bin_counts) AS b (bin, times)
                WHERE b.bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            ) AS each GROUP BY 1, 2, 3, 4, 5, 6, 7
        ), values_of AS (
            SELECT agent_id, start, tool_name, action_type, rule_id, runtime, value, array_agg(stood ORDER BY stood) AS stood,
                array_agg(times ORDER BY stood) AS stood_counts,
                array_agg(stood ORDER BY stood) FILTER (WHERE fresh > 0) AS fresh_stood,
                array_agg(fresh ORDER BY stood) FILTER (WHERE fresh > 0) AS fresh_stood_counts
            FROM (
                SELECT agent_id, start, tool_name, action_type, rule_id, runtime, taken.value, v.stood,
                    sum(coalesce(v.times, 1))::bigint AS times,
                    (sum(coalesce(v.times, 1)) FILTER (WHERE NOT folded))::bigint AS fresh
                FROM taken, unnest(values_violated, value_counts) AS v (stood, times)
                WHERE v.stood IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            ) AS each GROUP BY 1, 2, 3, 4, 5, 6, 7
        ), summed AS (
            SELECT agent_id, start, tool_name, action_type, rule_id, runtime, value, sum(count)::bigint AS count,
                max(last) AS last, (array_agg(reason ORDER BY last DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason,
                (sum(count) FILTER (WHERE NOT folded))::bigint AS fresh, max(last) FILTER (WHERE NOT folded) AS fresh_last,
                (array_agg(reason ORDER BY last DESC) FILTER (WHERE reason IS NOT NULL AND NOT folded))[1] AS fresh_reason
            FROM taken GROUP BY 1, 2, 3, 4, 5, 6, 7
        ), folded AS MATERIALIZED (
            SELECT s.*, b.bins, b.bin_counts, b.fresh_bins, b.fresh_bin_counts, v.stood, v.stood_counts, v.fresh_stood,
                v.fresh_stood_counts
            FROM summed s
            LEFT JOIN bins_of b ON (b.agent_id, b.start, b.tool_name, b.action_type) = (s.agent_id, s.start, s.tool_name, s.action_type)
                AND (b.rule_id, b.runtime, b.value) IS NOT DISTINCT FROM (s.rule_id, s.runtime, s.value)
            LEFT JOIN values_of v ON (v.agent_id, v.start, v.tool_name, v.action_type) = (s.agent_id, s.start, s.tool_name, s.action_type)
                AND (v.rule_id, v.runtime, v.value) IS NOT DISTINCT FROM (s.rule_id, s.runtime, s.value)
        ), put AS (
            INSERT INTO tallies (agent_id, start, tool_name, action_type, rule_id, runtime, value, count, last, reason, bins,
                bin_counts, values_violated, value_counts, folded)
            SELECT agent_id, start, tool_name, action_type, rule_id, runtime, value, count, last, reason, bins, bin_counts, stood,
                stood_counts, true
            FROM folded
        ), wider AS MATERIALIZED (
            SELECT w.minutes::smallint AS minutes, d.detail::smallint AS detail, w.agent_id,
                date_bin(make_interval(mins => w.minutes), f.start, timestamptz '1970-01-01T00:00:00Z') AS start, f.action_type,
                CASE WHEN d.detail > 0 THEN f.tool_name END AS tool_name, CASE WHEN d.detail > 1 THEN f.rule_id END AS rule_id,
                CASE WHEN d.detail > 1 THEN f.runtime END AS runtime, f.value, f.fresh AS count, f.fresh_last AS last,
                CASE WHEN d.detail > 1 THEN f.fresh_reason END AS reason,
                CASE WHEN d.detail > 0 THEN f.fresh_bins END AS bins,
                CASE WHEN d.detail > 0 THEN f.fresh_bin_counts END AS bin_counts,
                CASE WHEN d.detail > 1 THEN f.fresh_stood END AS values_violated,
                CASE WHEN d.detail > 1 THEN f.fresh_stood_counts END AS value_counts
            FROM folded f, LATERAL (VALUES (5, uuid '00000000-0000-0000-0000-000000000000'), (60, f.agent_id),
                (60, uuid '00000000-0000-0000-0000-000000000000'), (1440, f.agent_id),
                (1440, uuid '00000000-0000-0000-0000-000000000000')) AS w (minutes, agent_id),
                (VALUES (0), (1), (2)) AS d (detail)
            WHERE f.fresh IS NOT NULL AND (f.value IS NULL OR d.detail = 2)
                AND (w.minutes > 5 OR d.detail <> 1)
        ), places AS (
            SELECT DISTINCT minutes, agent_id, start FROM wider
        ), replaced AS (
            DELETE FROM rollups r USING places p
            WHERE r.agent_id = p.agent_id AND r.minutes = p.minutes AND r.detail IN (0, 1, 2) AND r.start = p.start RETURNING r.*
        ), rolled AS MATERIALIZED (
            SELECT * FROM wider UNION ALL
            SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, count, last, reason, bins,
                bin_counts, values_violated, value_counts FROM replaced
        ), rolled_bins AS (
            SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value,
                array_agg(bin ORDER BY bin) AS bins, array_agg(times ORDER BY bin) AS bin_counts
            FROM (
                SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, b.bin,
                    sum(b.times)::bigint AS times
                FROM rolled, unnest(bins, bin_counts) AS b (bin, times)
                WHERE b.bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
            ) AS each GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ), rolled_values AS (
            SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value,
                array_agg(stood ORDER BY stood) AS stood, array_agg(times ORDER BY stood) AS stood_counts
            FROM (
                SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, v.stood,
                    sum(v.times)::bigint AS times
                FROM rolled, unnest(values_violated, value_counts) AS v (stood, times)
                WHERE v.stood IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
            ) AS each GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ), rolled_sums AS (
            SELECT minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, sum(count)::bigint AS count,
                max(last) AS last, (array_agg(reason ORDER BY last DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason
            FROM rolled GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ), rolled_up AS (
            INSERT INTO rollups (minutes, detail, agent_id, start, action_type, tool_name, rule_id, runtime, value, count, last,
                reason, bins, bin_counts, values_violated, value_counts)
            SELECT s.minutes, s.detail, s.agent_id, s.start, s.action_type, s.tool_name, s.rule_id, s.runtime, s.value, s.count,
                s.last, s.reason, b.bins, b.bin_counts, v.stood, v.stood_counts
            FROM rolled_sums s
            LEFT JOIN rolled_bins b ON (b.minutes, b.detail, b.agent_id, b.start, b.action_type)
                    = (s.minutes, s.detail, s.agent_id, s.start, s.action_type)
                AND (b.tool_name, b.rule_id, b.runtime, b.value) IS NOT DISTINCT FROM (s.tool_name, s.rule_id, s.runtime, s.value)
            LEFT JOIN rolled_values v ON (v.minutes, v.detail, v.agent_id, v.start, v.action_type)
                    = (s.minutes, s.detail, s.agent_id, s.start, s.action_type)
                AND (v.tool_name, v.rule_id, v.runtime, v.value) IS NOT DISTINCT FROM (s.tool_name, s.rule_id, s.runtime, s.value)
        )
        SELECT count(*) INTO part FROM taken;
        number := number + part;
    END LOOP;
    RETURN number;
END
$$;

-- Drops the months that are wholly older than the retention, and what was counted of them; answers how many. Does nothing
-- while no retention is set.
CREATE OR REPLACE FUNCTION public.apply_retention(now timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    cutoff   timestamptz;
    old      record;
    dropped  integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('smoltbot.make_partitions'));
    -- Without their key the digests of older networks tell nothing.
    DELETE FROM private.salts WHERE month < (date_trunc('month', now AT TIME ZONE 'UTC') - interval '1 month')::date;
    SELECT date_trunc('month', (now - s.retention) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' INTO cutoff
    FROM private.settings s WHERE s.retention IS NOT NULL;
    IF cutoff IS NULL THEN
        RETURN 0;
    END IF;
    -- From now on such traces are refused: dropped first, a replay would come in as new.
    UPDATE private.settings s SET retained_from = greatest(s.retained_from, cutoff);
    FOR old IN
        SELECT c.oid::regclass AS part
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.traces'::regclass AND c.relname ~ '^traces_\d{4}_\d\d$'
            AND (to_date(substr(c.relname, 8), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= cutoff
    LOOP
        EXECUTE format('DROP TABLE %s', old.part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM traces_elsewhere t WHERE t.at < cutoff;
    DELETE FROM trace_ids k WHERE k.at < cutoff;
    DELETE FROM sessions s WHERE s.last < cutoff;
    DELETE FROM tallies t WHERE t.start < cutoff;
    DELETE FROM rollups r WHERE r.start < cutoff;
    DELETE FROM conflicts c WHERE c.received_at < cutoff;
    RETURN dropped;
END
$$;

-- Erases the content of one trace, of a session of an agent, or of an agent; answers how many traces had one. What stays
-- is the header: who, when, which tool, the verdict, the rule, the place in the chain. The salt goes with the content, so
-- that the digest which stays tells nothing about it; an unsigned trace has no salt, so its digest goes too.
--
-- Counters keep a reason of the newest refusals: it goes from those that the erased traces were counted in.
CREATE OR REPLACE FUNCTION public.erase(trace uuid, agent uuid, session text, now timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    erased bigint;
    agents_of uuid[];
    spans_of timestamptz[];
    sessions_of text[];
BEGIN
    IF trace IS NULL AND agent IS NULL THEN
        RAISE EXCEPTION 'name a trace or an agent' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WITH found AS (
        SELECT t.at, t.trace_id, t.session_id FROM traces t
        WHERE t.erased_at IS NULL AND (trace IS NULL
                OR t.trace_id = trace AND t.at IN (id_time(trace), (SELECT k.at FROM trace_ids k WHERE k.trace_id = trace)))
            AND (agent IS NULL OR t.agent_id = agent)
            AND (session IS NULL OR t.session_id = session)
    ), done AS (
        UPDATE traces t SET document = NULL, reason = NULL, session_id = NULL, held_back = false, erased_at = now,
            fingerprint = CASE WHEN t.stream IS NULL THEN sha256(uuid_send(gen_random_uuid())) ELSE t.fingerprint END
        FROM found f WHERE t.at = f.at AND t.trace_id = f.trace_id
        RETURNING t.agent_id, t.at, f.session_id
    )
    SELECT count(*), array_agg(DISTINCT d.agent_id),
        array_agg(DISTINCT date_bin('5 minutes', d.at, timestamptz '1970-01-01T00:00:00Z')),
        array_agg(DISTINCT d.session_id) FILTER (WHERE d.session_id IS NOT NULL)
    INTO erased, agents_of, spans_of, sessions_of FROM done d;
    UPDATE tallies y SET reason = NULL
    WHERE y.agent_id = ANY (agents_of) AND y.start = ANY (spans_of) AND y.reason IS NOT NULL;
    UPDATE rollups r SET reason = NULL
    WHERE r.agent_id = ANY (agents_of || uuid '00000000-0000-0000-0000-000000000000') AND r.reason IS NOT NULL
        AND (r.minutes, r.start) IN (SELECT m, date_bin(make_interval(mins => m), s, timestamptz '1970-01-01T00:00:00Z')
            FROM unnest(spans_of) AS s, unnest('{5, 60, 1440}'::integer[]) AS m);
    -- A session stays as long as a trace tells of it.
    DELETE FROM sessions s
    WHERE s.agent_id = ANY (agents_of) AND s.session_id = ANY (sessions_of)
        AND NOT EXISTS (SELECT FROM traces t WHERE t.agent_id = s.agent_id AND t.session_id = s.session_id);
    RETURN erased;
END
$$;

-- What is there already is counted anew, a day at a time: what was counted before tells neither runtimes nor single values.
TRUNCATE public.tallies;
DO $$
DECLARE
    day timestamptz;
BEGIN
    FOR day IN SELECT DISTINCT date_bin('1 day', t.at, timestamptz '1970-01-01T00:00:00Z') FROM public.traces t LOOP
        INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, runtime, value, count, last, reason, bins,
            values_violated)
        SELECT g.agent_id, g.start, g.tool_name, g.action_type, g.rule_id, g.runtime, g.value, g.count, g.last, g.reason, g.bins,
            CASE WHEN g.lists IS NOT NULL THEN ARRAY(
                SELECT one.value FROM json_array_elements(g.lists) AS list,
                    LATERAL (SELECT DISTINCT value FROM json_array_elements_text(list)) AS one
            ) END
        FROM (
            SELECT t.agent_id, date_bin('5 minutes', t.at, timestamptz '1970-01-01T00:00:00Z') AS start, t.tool_name, t.action_type,
                t.rule_id, t.runtime, one.value, count(*) AS count, max(t.at) AS last,
                (array_agg(t.reason ORDER BY t.at DESC) FILTER (WHERE t.action_type = 'deny' AND t.reason IS NOT NULL))[1] AS reason,
                -- As `trace_store::histogram` has it: microseconds below 64 are bins of their own, every octave above is cut into 32.
                array_agg(CASE WHEN u.us < 64 THEN u.us
                    ELSE (36 - position(B'1' IN u.us::bit(41))) * 32 + (u.us >> (36 - position(B'1' IN u.us::bit(41)))) END::smallint)
                    FILTER (WHERE t.duration_ms >= 0 AND t.duration_ms < 'Infinity' AND t.action_type <> 'deny') AS bins,
                json_agg(t.values_violated) FILTER (WHERE t.values_violated IS NOT NULL) AS lists
            FROM public.traces t
            -- Once for all, and once for each value.
            CROSS JOIN LATERAL (
                SELECT NULL AS value UNION ALL SELECT v FROM (SELECT DISTINCT unnest(t.values_violated)) AS each (v)
            ) AS one
            CROSS JOIN LATERAL (
                SELECT CASE WHEN t.duration_ms >= 0 AND t.duration_ms < 'Infinity'
                    THEN least(floor(least(t.duration_ms, 1e12) * 1000 + 0.5), 1099511627776)::bigint END AS us
            ) AS u
            WHERE t.at >= day AND t.at < day + interval '1 day'
            GROUP BY 1, 2, 3, 4, 5, 6, 7
        ) AS g;
    END LOOP;
END
$$;
SELECT public.fold_tallies('infinity');

RESET ROLE;
