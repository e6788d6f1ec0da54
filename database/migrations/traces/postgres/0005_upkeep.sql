-- What somebody has to do from time to time: partitions ahead, retention, folding counters, erasing.
--
-- The first three run under the owner's name whoever calls them, because a Worker's cron knows no other login than
-- `ingest`. None of them takes anything from its caller that could widen what it does.

SET LOCAL ROLE smoltbot_owner;

-- The number of the newest of these files.
CREATE FUNCTION public.schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN (SELECT coalesce(max(version), 0) FROM private.migrations);

-- Makes the partition of the month that holds `now` and of so many months after it; answers how many are new. Rows that
-- had to live in `traces_elsewhere` move in.
CREATE FUNCTION public.make_partitions(now timestamptz, months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    this_month timestamp := date_trunc('month', now AT TIME ZONE 'UTC');
    from_month timestamptz;
    to_month   timestamptz;
    name       text;
    made       integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('smoltbot.make_partitions'));
    FOR ahead IN 0..least(months_ahead, 24) LOOP
        from_month := (this_month + make_interval(months => ahead)) AT TIME ZONE 'UTC';
        to_month := (this_month + make_interval(months => ahead + 1)) AT TIME ZONE 'UTC';
        name := 'traces_' || to_char(this_month + make_interval(months => ahead), 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        -- Nothing may come into the partition of all others while its rows move out.
        LOCK TABLE traces_elsewhere IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.traces INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        PERFORM private.guard(format('public.%I', name)::regclass);
        EXECUTE format(
            'WITH moved AS (DELETE FROM public.traces_elsewhere WHERE at >= $1 AND at < $2 RETURNING *) '
            'INSERT INTO public.%I SELECT * FROM moved', name) USING from_month, to_month;
        EXECUTE format('ALTER TABLE public.traces ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            name, from_month, to_month);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the months that are wholly older than the retention, and what was counted of them; answers how many. Does nothing
-- while no retention is set.
CREATE FUNCTION public.apply_retention(now timestamptz) RETURNS integer
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
    DELETE FROM conflicts c WHERE c.received_at < cutoff;
    RETURN dropped;
END
$$;

-- Makes one row of all tallies of one key whose span began before `before`; answers how many rows were taken in. Readers
-- see all of it or nothing.
CREATE FUNCTION public.fold_tallies(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH keys AS (
        SELECT DISTINCT agent_id, start FROM tallies WHERE NOT folded AND start < $1
    ), taken AS (
        DELETE FROM tallies t USING keys k WHERE t.agent_id = k.agent_id AND t.start = k.start RETURNING t.*
    ), bins_of AS (
        SELECT agent_id, start, tool_name, action_type, rule_id, array_agg(bin ORDER BY bin) AS bins,
            array_agg(times ORDER BY bin) AS bin_counts
        FROM (
            SELECT agent_id, start, tool_name, action_type, rule_id, b.bin, sum(coalesce(b.times, 1))::bigint AS times
            FROM taken, unnest(bins, bin_counts) AS b (bin, times)
            WHERE b.bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
        ) AS each GROUP BY 1, 2, 3, 4, 5
    ), values_of AS (
        SELECT agent_id, start, tool_name, action_type, rule_id, array_agg(value ORDER BY value) AS values_violated,
            array_agg(times ORDER BY value) AS value_counts
        FROM (
            SELECT agent_id, start, tool_name, action_type, rule_id, v.value, sum(coalesce(v.times, 1))::bigint AS times
            FROM taken, unnest(values_violated, value_counts) AS v (value, times)
            WHERE v.value IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
        ) AS each GROUP BY 1, 2, 3, 4, 5
    ), summed AS (
        SELECT agent_id, start, tool_name, action_type, rule_id, sum(count)::bigint AS count, max(last) AS last,
            (array_agg(reason ORDER BY last DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason
        FROM taken GROUP BY 1, 2, 3, 4, 5
    ), put AS (
        INSERT INTO tallies (agent_id, start, tool_name, action_type, rule_id, count, last, reason, bins, bin_counts,
            values_violated, value_counts, folded)
        SELECT s.agent_id, s.start, s.tool_name, s.action_type, s.rule_id, s.count, s.last, s.reason, b.bins, b.bin_counts,
            v.values_violated, v.value_counts, true
        FROM summed s
        LEFT JOIN bins_of b ON (b.agent_id, b.start, b.tool_name, b.action_type) = (s.agent_id, s.start, s.tool_name, s.action_type)
            AND b.rule_id IS NOT DISTINCT FROM s.rule_id
        LEFT JOIN values_of v ON (v.agent_id, v.start, v.tool_name, v.action_type) = (s.agent_id, s.start, s.tool_name, s.action_type)
            AND v.rule_id IS NOT DISTINCT FROM s.rule_id
    )
    SELECT count(*) FROM taken
$$;

-- The time that a v7 id carries; null for other ids.
CREATE FUNCTION public.id_time(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog
RETURN CASE WHEN substr(id::text, 15, 1) = '7'
    THEN to_timestamp(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) END;

-- Erases the content of one trace, of a session of an agent, or of an agent; answers how many traces had one. What stays
-- is the header: who, when, which tool, the verdict, the rule, the place in the chain. The salt goes with the content, so
-- that the digest which stays tells nothing about it; an unsigned trace has no salt, so its digest goes too.
--
-- Counters keep a reason of the newest refusals: it goes from those that the erased traces were counted in.
CREATE FUNCTION public.erase(trace uuid, agent uuid, session text, now timestamptz) RETURNS bigint
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
    -- A session stays as long as a trace tells of it.
    DELETE FROM sessions s
    WHERE s.agent_id = ANY (agents_of) AND s.session_id = ANY (sessions_of)
        AND NOT EXISTS (SELECT FROM traces t WHERE t.agent_id = s.agent_id AND t.session_id = s.session_id);
    RETURN erased;
END
$$;

-- Lifts the positions to come above all that are stored, and answers by how much: 0 but for a dump that was restored into
-- another cluster, whose transactions count from lower.
CREATE FUNCTION public.raise_positions() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    base      bigint;
    newest    bigint;
    raise_by  bigint := 0;
BEGIN
    SELECT s.position_base INTO base FROM private.settings s FOR UPDATE;
    SELECT max(t.position) INTO newest FROM traces t;
    -- What is stored was stored by transactions before the next one, if it was stored here.
    IF newest >= base + (pg_snapshot_xmax(pg_current_snapshot())::text::bigint << 9) THEN
        -- Readers shall see it now, though other transactions run: above it also counted from the oldest of these.
        raise_by := newest + 1 - base - (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 9);
        UPDATE private.settings s SET position_base = s.position_base + raise_by;
    END IF;
    RETURN raise_by;
END
$$;

GRANT EXECUTE ON FUNCTION public.schema_version() TO ingest, anon, service_role;
GRANT EXECUTE ON FUNCTION public.make_partitions(timestamptz, integer), public.apply_retention(timestamptz),
    public.fold_tallies(timestamptz), public.raise_positions() TO ingest;
GRANT EXECUTE ON FUNCTION public.id_time(uuid) TO anon, service_role;
GRANT EXECUTE ON FUNCTION public.erase(uuid, uuid, text, timestamptz) TO service_role;

RESET ROLE;
