-- One call takes a whole batch in: one statement, one transaction, one round trip, whoever the caller is (a pooled
-- connection, a Worker, PostgREST). It runs with the caller's rights, so `ingest` does here what `ingest` may do.
--
-- Positions. Readers of live events ask for "what came after position p", and nothing may appear behind a position that
-- was seen. A sequence cannot promise that: its numbers are drawn in one order and committed in another. Transaction ids
-- can: a reader leaves out what is not older than every transaction that still runs. So a position is the transaction's
-- id times 512 plus the place in the batch (500 at most), and a transaction may append once.

SET LOCAL ROLE smoltbot_owner;

-- The first position of the running transaction, and up to when traces were dropped by retention (null when none were).
CREATE FUNCTION private.begin_append(OUT first bigint, OUT too_old timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    SELECT s.position_base, s.retained_from INTO STRICT first, too_old FROM private.settings s WHERE s.only_row;
    first := first + (pg_current_xact_id()::text::bigint << 9);
END
$$;

-- Positions from here on may still be given out to what is committed before what is seen now.
CREATE FUNCTION public.settled_before() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN (SELECT position_base FROM private.settings) + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 9);

-- Remembers the network that an agent's traces came from.
CREATE FUNCTION private.note_origin(agents uuid[], address inet, received_at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    this_month date := date_trunc('month', received_at AT TIME ZONE 'UTC')::date;
    this_salt bytea;
BEGIN
    SELECT salt INTO this_salt FROM private.salts WHERE month = this_month;
    IF this_salt IS NULL THEN
        -- gen_random_uuid is a strong random source that every Postgres has; two make 244 bits.
        INSERT INTO private.salts (month, salt)
        VALUES (this_month, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        ON CONFLICT DO NOTHING;
        SELECT salt INTO STRICT this_salt FROM private.salts WHERE month = this_month;
    END IF;
    INSERT INTO private.origins AS known (agent_id, network, first_seen, last_seen)
    SELECT agent, sha256(this_salt || inet_send(address)), note_origin.received_at, note_origin.received_at
    FROM unnest(agents) AS agent
    ON CONFLICT (agent_id, network) DO UPDATE SET last_seen = excluded.last_seen
        -- Once an hour is exact enough, and spares a write for each batch.
        WHERE known.last_seen < excluded.last_seen - interval '1 hour';
END
$$;

-- Two digests of one place; kept once.
CREATE FUNCTION private.keep_equivocation(
    agent uuid, stream uuid, seq bigint, first_digest bytea, second_digest bytea, second_trace_id uuid, note text,
    received_at timestamptz
) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO public.equivocations
        (agent_id, stream, seq, first_digest, second_digest, second_trace_id, second_note, received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
$$;

-- Takes a batch in and answers {"position": …, "others": [{"index", "status", "reason"}]}: the trace with index i (from 0)
-- that is not among `others` was stored at position + i. The arrays have one entry a trace, in the order of the batch:
--
--   at          the time it is listed under
--   starts      the span of five minutes that `at` falls into
--   id_times    the time that a v7 id carries, else null
--   repeats     true where an entry before this one has the same id
--   bins        the histogram's bin of a duration that counts, else null
--   values_violated  a JSON list, or null
--   prevs, seqs only of a signed batch: a run of one stream of one agent, under `note`
--
-- Appends to one agent wait for each other; appends to different agents do not. Every row is found by a key, so plans need
-- not know the values: they are made once a connection, and from indexes, however small a table was when that happened.
CREATE FUNCTION public.append_batch(
    received_at timestamptz, address inet, stream uuid, note text, public_key text,
    trace_ids uuid[], agent_ids uuid[], at timestamptz[], timestamps timestamptz[], starts timestamptz[],
    id_times timestamptz[], repeats boolean[], action_types text[], tool_names text[], session_ids text[],
    rule_ids text[], reasons text[], values_violated text[], durations double precision[], bins smallint[],
    runtimes text[], outcomes text[], fingerprints bytea[], seqs bigint[], prevs bytea[], documents text[]
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    number       integer := cardinality(trace_ids);
    first        bigint;
    too_old      timestamptz;
    known_agents uuid[];
    held         streams%ROWTYPE;
    this_checkpoint bigint;
    taken        bigint[] := '{}';
    before       bytea;
    after        bytea;
    -- Ids that have their place told by `trace_ids`: from before, and by this batch.
    told         uuid[];
    claimed      uuid[] := '{}';
    -- Ids that turned out to be stored where they belong.
    there        uuid[] := '{}';
    plain        boolean;
    attempt      integer := 1;
    stored       integer;
    -- The indexes (from 1) of what is new; null when all of it is.
    placed       integer[];
    filled       integer[] := '{}';
    others       jsonb := '[]';
    one          record;
    known        record;
    equivocates  boolean;
BEGIN
    -- More would run into the next transaction's positions.
    IF number > 500 THEN
        RAISE EXCEPTION 'a batch holds % traces; the limit is 500', number USING ERRCODE = 'program_limit_exceeded';
    END IF;
    -- The transaction has its id, and so its position, before it can commit anything that a reader sees.
    SELECT b.first, b.too_old INTO first, too_old FROM private.begin_append() b;

    -- In the order of their ids, so that two appends never wait for each other in a circle.
    known_agents := CASE WHEN stream IS NULL THEN ARRAY(SELECT DISTINCT id FROM unnest(agent_ids) AS id ORDER BY id)
        ELSE agent_ids[1:1] END;
    PERFORM FROM agents a WHERE a.agent_id = ANY (known_agents) ORDER BY a.agent_id FOR NO KEY UPDATE;
    GET DIAGNOSTICS stored = ROW_COUNT;
    IF stored < cardinality(known_agents) THEN
        INSERT INTO agents (agent_id, first_seen, last_seen)
        SELECT id, received_at, received_at FROM unnest(known_agents) AS id
        ON CONFLICT DO NOTHING;
        PERFORM FROM agents a WHERE a.agent_id = ANY (known_agents) ORDER BY a.agent_id FOR NO KEY UPDATE;
    END IF;
    IF address IS NOT NULL THEN
        PERFORM private.note_origin(known_agents, address, received_at);
    END IF;

    IF stream IS NOT NULL THEN
        SELECT * INTO held FROM streams s WHERE s.agent_id = agent_ids[1] AND s.stream = append_batch.stream;
        IF NOT FOUND THEN
            held.last_seq := 0;
            held.links := 0;
            held.whole_to := 0;
        END IF;
        this_checkpoint := nextval('checkpoints_checkpoint_seq');
        -- Does the first link follow what is stored before it?
        IF seqs[1] - 1 = held.last_seq THEN
            before := held.digest;
        ELSIF seqs[1] > 1 AND held.links > 0 THEN
            SELECT t.fingerprint INTO before FROM traces t WHERE t.stream = append_batch.stream AND t.seq = seqs[1] - 1;
        END IF;
        IF before <> prevs[1] THEN
            PERFORM private.keep_equivocation(agent_ids[1], stream, seqs[1] - 1, before, prevs[1], trace_ids[1], note, received_at);
        END IF;
        IF seqs[1] <= held.last_seq THEN
            -- Does what is stored after the last link follow it?
            SELECT t.prev INTO after FROM traces t
            WHERE t.stream = append_batch.stream AND t.seq = seqs[number] + 1 AND NOT t.held_back;
            IF after <> fingerprints[number] THEN
                PERFORM private.keep_equivocation(agent_ids[1], stream, seqs[number], after, fingerprints[number],
                    trace_ids[number], note, received_at);
            END IF;
            SELECT coalesce(array_agg(t.seq), '{}') INTO taken FROM traces t
            WHERE t.stream = append_batch.stream AND t.seq BETWEEN seqs[1] AND seqs[number];
        END IF;
    END IF;

    -- Ids that do not tell their place are claimed first; only one batch can claim an id.
    IF at IS DISTINCT FROM id_times THEN
        WITH claim AS (
            INSERT INTO trace_ids (trace_id, at)
            SELECT u.id, u.a
            FROM unnest(trace_ids, at, id_times, repeats, timestamps, seqs) AS u (id, a, i, r, ts, s)
            WHERE u.a IS DISTINCT FROM u.i AND NOT u.r AND (too_old IS NULL OR u.ts >= too_old)
                AND (u.s IS NULL OR u.s <> ALL (taken))
                AND (u.i IS NULL OR NOT EXISTS (SELECT FROM traces t WHERE t.at = u.i AND t.trace_id = u.id))
            ORDER BY u.id
            ON CONFLICT DO NOTHING
            RETURNING trace_ids.trace_id
        )
        SELECT coalesce(array_agg(trace_id), '{}') INTO claimed FROM claim;
    END IF;
    told := ARRAY(SELECT k.trace_id FROM public.trace_ids k WHERE k.trace_id = ANY (append_batch.trace_ids));

    -- Most batches are all new and in time: then no trace has to be looked at twice.
    plain := cardinality(told) = 0 AND cardinality(taken) = 0 AND NOT true = ANY (repeats) AND at IS NOT DISTINCT FROM id_times
        AND (too_old IS NULL OR NOT too_old > ANY (timestamps));
    LOOP
        BEGIN
            -- The arrays are walked in step in the list of columns: as functions in FROM each would be kept whole first.
            INSERT INTO traces (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name,
                session_id, rule_id, reason, values_violated, duration_ms, runtime, outcome, fingerprint, stream, seq, prev,
                checkpoint, held_back, document)
            SELECT first + u.n - 1, u.id, u.agent, u.a, u.ts, received_at, u.action, u.tool, u.session, u.rule, u.reason,
                CASE WHEN u.vals IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(u.vals::json)) END,
                u.duration, u.runtime, u.outcome, u.fingerprint, append_batch.stream, u.s, u.p, this_checkpoint,
                u.doc IS NULL, u.doc::json
            FROM (
                SELECT generate_series(1, number) AS n, unnest(trace_ids) AS id, unnest(agent_ids) AS agent, unnest(at) AS a,
                    unnest(timestamps) AS ts, unnest(id_times) AS i, unnest(repeats) AS r, unnest(action_types) AS action,
                    unnest(tool_names) AS tool, unnest(session_ids) AS session, unnest(rule_ids) AS rule,
                    unnest(reasons) AS reason, unnest(values_violated) AS vals, unnest(durations) AS duration,
                    unnest(runtimes) AS runtime, unnest(outcomes) AS outcome, unnest(fingerprints) AS fingerprint,
                    unnest(seqs) AS s, unnest(prevs) AS p, unnest(documents) AS doc
            ) AS u
            WHERE plain OR NOT u.r AND (too_old IS NULL OR u.ts >= too_old) AND (u.s IS NULL OR u.s <> ALL (taken))
                AND u.id <> ALL (there)
                AND CASE WHEN u.a IS DISTINCT FROM u.i THEN u.id = ANY (claimed) ELSE u.id <> ALL (told) END;
            GET DIAGNOSTICS stored = ROW_COUNT;
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            -- Unsigned traces sent again, or an id that somebody else has used. Looking first would cost every batch, and
            -- ON CONFLICT more. Once more without them; twice when they are stored just now.
            IF attempt = 3 THEN
                RAISE;
            END IF;
            attempt := attempt + 1;
            plain := false;
            there := ARRAY(SELECT t.trace_id FROM unnest(trace_ids, at) AS u (id, a)
                JOIN traces t ON t.at = u.a AND t.trace_id = u.id);
        END;
    END LOOP;

    -- What was not new: a duplicate, a content that fills in its header, a conflict, or too old.
    IF stored < number THEN
        placed := ARRAY(SELECT (t.position - first)::integer + 1 FROM traces t
            WHERE t.position >= first AND t.position < first + number ORDER BY t.position);
        FOR one IN
            SELECT * FROM unnest(trace_ids, agent_ids, timestamps, id_times, session_ids, reasons, values_violated,
                durations, runtimes, outcomes, fingerprints, seqs, documents)
                WITH ORDINALITY AS u (id, agent, ts, i, session, reason, vals, duration, runtime, outcome, fingerprint, s, doc, n)
            WHERE u.n <> ALL (placed) ORDER BY u.n
        LOOP
            IF one.ts < too_old THEN
                others := others || jsonb_build_object('index', one.n - 1, 'status', 'rejected', 'reason',
                    'this edge keeps nothing from before ' || to_char(too_old AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
                CONTINUE;
            END IF;
            equivocates := false;
            IF one.s IS NOT NULL THEN
                SELECT t.fingerprint INTO before FROM traces t WHERE t.stream = append_batch.stream AND t.seq = one.s;
                IF before <> one.fingerprint THEN
                    equivocates := true;
                    PERFORM private.keep_equivocation(one.agent, stream, one.s, before, one.fingerprint, one.id, note, received_at);
                END IF;
            END IF;
            SELECT t.at, t.fingerprint, t.held_back, t.erased_at INTO known FROM traces t
            WHERE t.trace_id = one.id
                AND t.at = coalesce((SELECT k.at FROM public.trace_ids k WHERE k.trace_id = one.id), one.i);
            IF known.fingerprint = one.fingerprint AND known.held_back AND one.doc IS NOT NULL THEN
                UPDATE traces t SET session_id = one.session, reason = one.reason,
                    values_violated = CASE WHEN one.vals IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(one.vals::json)) END,
                    duration_ms = one.duration, runtime = one.runtime, outcome = one.outcome, held_back = false,
                    document = one.doc::json
                WHERE t.at = known.at AND t.trace_id = one.id;
                -- Counted where its header was, which may have come under another time.
                at[one.n] := known.at;
                starts[one.n] := date_bin('5 minutes', known.at, timestamptz '1970-01-01T00:00:00Z');
                filled := filled || one.n::integer;
                others := others || jsonb_build_object('index', one.n - 1, 'status', 'stored', 'reason', NULL);
            ELSIF known.fingerprint = one.fingerprint OR known.erased_at IS NOT NULL AND one.s IS NULL THEN
                -- Of an erased trace without a place in a chain nothing is left to compare with.
                others := others || jsonb_build_object('index', one.n - 1, 'status', 'duplicate', 'reason', NULL);
            ELSE
                INSERT INTO conflicts (trace_id, fingerprint, agent_id, received_at)
                VALUES (one.id, one.fingerprint, one.agent, append_batch.received_at) ON CONFLICT DO NOTHING;
                others := others || jsonb_build_object('index', one.n - 1, 'status', 'conflict', 'reason',
                    CASE WHEN equivocates
                        THEN 'this place of the stream is taken by another content; both are kept as an equivocation'
                        ELSE 'this id is taken by another content; the first stays' END);
            END IF;
        END LOOP;
    END IF;

    IF stored + cardinality(filled) > 0 THEN
        PERFORM private.count_batch(agent_ids, at, starts, action_types, tool_names, session_ids, rule_ids, reasons,
            values_violated, bins, runtimes, placed, filled);
    END IF;
    IF stored > 0 THEN
        UPDATE agents a SET last_seen = greatest(a.last_seen, append_batch.received_at),
            traces = a.traces + new.traces, denied = a.denied + new.denied, errors = a.errors + new.errors,
            signed = a.signed + new.signed
        FROM (
            SELECT u.agent, count(*) AS traces, count(*) FILTER (WHERE u.action = 'deny') AS denied,
                count(*) FILTER (WHERE u.action = 'error') AS errors, count(u.s) AS signed
            FROM (
                SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(action_types) AS action,
                    unnest(seqs) AS s
            ) AS u
            WHERE placed IS NULL OR u.n = ANY (placed)
            GROUP BY u.agent
        ) AS new WHERE a.agent_id = new.agent;
    END IF;
    IF stream IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM agent_keys k WHERE k.agent_id = agent_ids[1]) THEN
            INSERT INTO agent_keys (agent_id, public_key, first_seen) VALUES (agent_ids[1], public_key, received_at)
            ON CONFLICT DO NOTHING;
        END IF;
        IF stored > 0 THEN
            INSERT INTO checkpoints (checkpoint, agent_id, stream, note) VALUES (this_checkpoint, agent_ids[1], stream, note);
            PERFORM private.grow_stream(agent_ids[1], stream, held.last_seq, held.digest, held.links, held.whole_to,
                seqs, fingerprints, coalesce(placed[stored], number), stored);
        END IF;
    END IF;
    RETURN jsonb_build_object('position', first, 'others', others);
END
$$;

-- The stream after `stored` links of a batch came to it, the last of them that with the index `newest`.
CREATE FUNCTION private.grow_stream(
    agent uuid, grown uuid, last_seq bigint, digest bytea, links bigint, whole_to bigint, seqs bigint[],
    fingerprints bytea[], newest integer, stored integer
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    next_seq bigint;
BEGIN
    links := links + stored;
    IF seqs[newest] > last_seq THEN
        last_seq := seqs[newest];
        digest := fingerprints[newest];
    END IF;
    IF links = last_seq THEN
        -- Seqs start at 1 and none is there twice.
        whole_to := last_seq;
    ELSE
        FOR next_seq IN
            SELECT t.seq FROM public.traces t WHERE t.stream = grown AND t.seq > whole_to ORDER BY t.seq
        LOOP
            EXIT WHEN next_seq <> whole_to + 1;
            whole_to := next_seq;
        END LOOP;
    END IF;
    INSERT INTO public.streams AS s (agent_id, stream, last_seq, digest, links, whole_to)
    VALUES (agent, grown, last_seq, digest, links, whole_to)
    ON CONFLICT (agent_id, stream) DO UPDATE
        SET last_seq = excluded.last_seq, digest = excluded.digest, links = excluded.links, whole_to = excluded.whole_to;
END
$$;

-- Sessions and tallies for the traces with the indexes `placed` (from 1; null means all), which are new, and `filled`, whose
-- header was counted before and whose content is here now.
CREATE FUNCTION private.count_batch(
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

    INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, count, last, reason, bins, values_violated)
    SELECT g.agent, g.start, g.tool, g.action, g.rule, g.count, g.last, g.reason, g.bins,
        -- Each value once a trace.
        CASE WHEN g.lists IS NOT NULL THEN ARRAY(
            SELECT one.value FROM unnest(g.lists) AS list,
                LATERAL (SELECT DISTINCT value FROM json_array_elements_text(list::json)) AS one
        ) END
    FROM (
        SELECT u.agent, u.start, u.tool, u.action, u.rule, count(*) FILTER (WHERE u.n <> ALL (filled)) AS count,
            max(u.a) AS last,
            (array_agg(u.reason ORDER BY u.a DESC, u.n DESC) FILTER (WHERE u.reason IS NOT NULL))[1] AS reason,
            array_agg(u.bin) FILTER (WHERE u.bin IS NOT NULL) AS bins,
            array_agg(u.vals) FILTER (WHERE u.vals IS NOT NULL) AS lists
        FROM (
            SELECT i.n, i.agent, i.start, i.tool, i.action, i.a, i.bin,
                CASE WHEN i.action = 'deny' THEN i.rule END AS rule,
                CASE WHEN i.action = 'deny' THEN i.reason END AS reason,
                CASE WHEN i.action = 'deny' THEN i.vals END AS vals
            FROM (
                SELECT generate_series(1, number) AS n, unnest(agent_ids) AS agent, unnest(starts) AS start,
                    unnest(tool_names) AS tool, unnest(action_types) AS action, unnest(rule_ids) AS rule, unnest(at) AS a,
                    unnest(reasons) AS reason, unnest(bins) AS bin, unnest(values_violated) AS vals
            ) AS i
            WHERE placed IS NULL OR i.n = ANY (placed) OR i.n = ANY (filled)
        ) AS u
        GROUP BY u.agent, u.start, u.tool, u.action, u.rule
    ) AS g;
END
$$;

-- Keeps a card whose signature was checked and answers with the heads of its agent's streams.
CREATE FUNCTION public.put_card(
    agent uuid, card_id text, fingerprint bytea, issued_at timestamptz, received_at timestamptz, public_key text,
    signed_card text
) RETURNS TABLE (stream uuid, seq bigint, digest bytea)
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO agents (agent_id, first_seen, last_seen) VALUES (agent, received_at, received_at) ON CONFLICT DO NOTHING;
    PERFORM FROM agents a WHERE a.agent_id = agent FOR NO KEY UPDATE;
    INSERT INTO alignment_cards (agent_id, fingerprint, card_id, issued_at, received_at, signed_card)
    VALUES (agent, fingerprint, card_id, issued_at, received_at, signed_card::json)
    ON CONFLICT DO NOTHING;
    INSERT INTO agent_keys (agent_id, public_key, first_seen) VALUES (agent, public_key, received_at) ON CONFLICT DO NOTHING;
    UPDATE agents a SET last_seen = greatest(a.last_seen, put_card.received_at),
        card_id = (SELECT c.card_id FROM alignment_cards c WHERE c.agent_id = agent ORDER BY c.issued_at DESC, c.card LIMIT 1)
    WHERE a.agent_id = agent;
    RETURN QUERY SELECT s.stream, s.last_seq, s.digest FROM streams s WHERE s.agent_id = agent ORDER BY s.number;
END
$$;

RESET ROLE;
