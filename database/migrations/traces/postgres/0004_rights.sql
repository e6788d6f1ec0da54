-- Who may do what to which column. Row level security is on and forced everywhere: without a policy nobody sees or
-- changes a row, the owner included. Columns are granted by name, so that a new one is nobody's until it is given.

SET LOCAL ROLE smoltbot_owner;

-- Puts a table under row level security. The owner's upkeep (partitions, retention, folding) has a policy of its own.
CREATE FUNCTION private.guard(guarded regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format('CREATE POLICY upkeep ON %s TO smoltbot_owner USING (true) WITH CHECK (true)', guarded);
END
$$;

SELECT private.guard(c.oid::regclass)
FROM pg_class c
WHERE c.relnamespace IN ('public'::regnamespace, 'private'::regnamespace) AND c.relkind IN ('r', 'p')
    AND c.relowner = 'smoltbot_owner'::regrole;

-- anon: reads.

GRANT SELECT (agent_id, first_seen, last_seen, card_id, traces, denied, errors, signed) ON public.agents TO anon;
GRANT SELECT (agent_id, public_key, first_seen) ON public.agent_keys TO anon;
GRANT SELECT (card, agent_id, fingerprint, card_id, issued_at, received_at, signed_card) ON public.alignment_cards TO anon;
GRANT SELECT (agent_id, stream, number, last_seq, digest, links, whole_to) ON public.streams TO anon;
GRANT SELECT (checkpoint, agent_id, stream, note) ON public.checkpoints TO anon;
GRANT SELECT (agent_id, session_id, first, last, traces, denied, errors, runtime) ON public.sessions TO anon;
GRANT SELECT (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, session_id, rule_id, reason,
    values_violated, duration_ms, runtime, outcome, fingerprint, stream, seq, prev, checkpoint, held_back, erased_at, document)
    ON public.traces TO anon;
GRANT SELECT ON public.refusals TO anon;
GRANT SELECT (trace_id, at) ON public.trace_ids TO anon;
GRANT SELECT (trace_id, fingerprint, agent_id, received_at) ON public.conflicts TO anon;
GRANT SELECT (equivocation, agent_id, stream, seq, first_digest, second_digest, second_trace_id, second_note, received_at)
    ON public.equivocations TO anon;
GRANT SELECT (agent_id, start, tool_name, action_type, rule_id, count, last, reason, bins, bin_counts, values_violated,
    value_counts, folded) ON public.tallies TO anon;

CREATE POLICY anon_reads ON public.agents FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.agent_keys FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.alignment_cards FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.streams FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.checkpoints FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.sessions FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.traces FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.trace_ids FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.conflicts FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.equivocations FOR SELECT TO anon USING (true);
CREATE POLICY anon_reads ON public.tallies FOR SELECT TO anon USING (true);

-- ingest: adds, counts, and sees ids and digests.

GRANT USAGE ON SCHEMA private TO ingest;
GRANT SELECT (agent_id, first_seen, last_seen, card_id, traces, denied, errors, signed),
    INSERT (agent_id, first_seen, last_seen),
    UPDATE (last_seen, card_id, traces, denied, errors, signed) ON public.agents TO ingest;
GRANT SELECT (agent_id), INSERT (agent_id, public_key, first_seen) ON public.agent_keys TO ingest;
GRANT SELECT (card, agent_id, card_id, issued_at),
    INSERT (agent_id, fingerprint, card_id, issued_at, received_at, signed_card) ON public.alignment_cards TO ingest;
GRANT SELECT (agent_id, stream, number, last_seq, digest, links, whole_to),
    INSERT (agent_id, stream, last_seq, digest, links, whole_to),
    UPDATE (last_seq, digest, links, whole_to) ON public.streams TO ingest;
GRANT USAGE ON SEQUENCE public.checkpoints_checkpoint_seq TO ingest;
GRANT INSERT (checkpoint, agent_id, stream, note) ON public.checkpoints TO ingest;
GRANT SELECT (agent_id, session_id, first, last, traces, denied, errors, runtime),
    INSERT (agent_id, session_id, first, last, traces, denied, errors, runtime),
    UPDATE (first, last, traces, denied, errors, runtime) ON public.sessions TO ingest;
GRANT SELECT (position, trace_id, at, stream, seq, prev, fingerprint, held_back, erased_at),
    INSERT (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, session_id, rule_id, reason,
        values_violated, duration_ms, runtime, outcome, fingerprint, stream, seq, prev, checkpoint, held_back, document),
    UPDATE (session_id, reason, values_violated, duration_ms, runtime, outcome, held_back, document)
    ON public.traces TO ingest;
GRANT SELECT (trace_id, at), INSERT (trace_id, at) ON public.trace_ids TO ingest;
GRANT INSERT (trace_id, fingerprint, agent_id, received_at) ON public.conflicts TO ingest;
GRANT INSERT (agent_id, stream, seq, first_digest, second_digest, second_trace_id, second_note, received_at)
    ON public.equivocations TO ingest;
GRANT INSERT (agent_id, start, tool_name, action_type, rule_id, count, last, reason, bins, values_violated)
    ON public.tallies TO ingest;

CREATE POLICY ingest_sees ON public.agents FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.agents FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_counts ON public.agents FOR UPDATE TO ingest USING (true) WITH CHECK (true);
CREATE POLICY ingest_sees ON public.agent_keys FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.agent_keys FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_sees ON public.alignment_cards FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.alignment_cards FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_sees ON public.streams FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.streams FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_counts ON public.streams FOR UPDATE TO ingest USING (true) WITH CHECK (true);
CREATE POLICY ingest_adds ON public.checkpoints FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_sees ON public.sessions FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.sessions FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_counts ON public.sessions FOR UPDATE TO ingest USING (true) WITH CHECK (true);
CREATE POLICY ingest_sees ON public.traces FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.traces FOR INSERT TO ingest WITH CHECK (true);
-- Only a header whose content was held back may change, and only to become whole.
CREATE POLICY ingest_fills_in ON public.traces FOR UPDATE TO ingest USING (held_back) WITH CHECK (NOT held_back);
CREATE POLICY ingest_sees ON public.trace_ids FOR SELECT TO ingest USING (true);
CREATE POLICY ingest_adds ON public.trace_ids FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_adds ON public.conflicts FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_adds ON public.equivocations FOR INSERT TO ingest WITH CHECK (true);
CREATE POLICY ingest_adds ON public.tallies FOR INSERT TO ingest WITH CHECK (NOT folded);

GRANT EXECUTE ON FUNCTION private.begin_append(),
    private.note_origin(uuid[], inet, timestamptz),
    private.keep_equivocation(uuid, uuid, bigint, bytea, bytea, uuid, text, timestamptz),
    private.grow_stream(uuid, uuid, bigint, bytea, bigint, bigint, bigint[], bytea[], integer, integer),
    private.count_batch(uuid[], timestamptz[], timestamptz[], text[], text[], text[], text[], text[], text[], smallint[],
        text[], integer[], integer[]),
    public.append_batch(timestamptz, inet, uuid, text, text, uuid[], uuid[], timestamptz[], timestamptz[], timestamptz[],
        timestamptz[], boolean[], text[], text[], text[], text[], text[], text[], double precision[], smallint[], text[],
        text[], bytea[], bigint[], bytea[], text[]),
    public.put_card(uuid, text, bytea, timestamptz, timestamptz, text, text)
    TO ingest;
GRANT EXECUTE ON FUNCTION public.settled_before() TO anon;

-- service_role: erases.

GRANT SELECT (trace_id, agent_id, at, session_id, stream, fingerprint, erased_at),
    UPDATE (session_id, reason, document, fingerprint, held_back, erased_at) ON public.traces TO service_role;
GRANT SELECT (trace_id, at) ON public.trace_ids TO service_role;
GRANT SELECT (agent_id, session_id), DELETE ON public.sessions TO service_role;
GRANT SELECT (agent_id, start, reason), UPDATE (reason) ON public.tallies TO service_role;

CREATE POLICY service_sees ON public.traces FOR SELECT TO service_role USING (true);
CREATE POLICY service_erases ON public.traces FOR UPDATE TO service_role USING (true) WITH CHECK (document IS NULL);
CREATE POLICY service_sees ON public.trace_ids FOR SELECT TO service_role USING (true);
CREATE POLICY service_sees ON public.sessions FOR SELECT TO service_role USING (true);
CREATE POLICY service_erases ON public.sessions FOR DELETE TO service_role USING (true);
CREATE POLICY service_sees ON public.tallies FOR SELECT TO service_role USING (true);
CREATE POLICY service_erases ON public.tallies FOR UPDATE TO service_role USING (true) WITH CHECK (reason IS NULL);

RESET ROLE;
