-- What anyone needs to work a chain out again, also where the content is not here: the commitment. While there is a document
-- the document tells it, so the column is null then and costs nothing.

SET LOCAL ROLE smoltbot_owner;

-- The link's salted commitment to its content, where no document tells it: held back or erased.
ALTER TABLE public.traces ADD COLUMN commitment bytea;
GRANT SELECT (commitment) ON public.traces TO anon;

-- What a document says its commitment is; null where it says none.
CREATE FUNCTION public.commitment_of(document json) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog
RETURN CASE WHEN document #>> '{context,metadata,commitment}' ~ '^[0-9a-f]{64}$'
    THEN decode(document #>> '{context,metadata,commitment}', 'hex') END;
GRANT EXECUTE ON FUNCTION public.commitment_of(json) TO anon;

-- Whoever takes a document away leaves its commitment behind. A trigger, because who may erase may not read.
CREATE FUNCTION private.keep_commitment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    NEW.commitment := coalesce(OLD.commitment, public.commitment_of(OLD.document));
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_commitment BEFORE UPDATE OF document ON public.traces FOR EACH ROW
    WHEN (OLD.stream IS NOT NULL AND OLD.document IS NOT NULL AND NEW.document IS NULL)
    EXECUTE FUNCTION private.keep_commitment();

-- Gives the commitments of headers that the running transaction has stored, by their index in the batch (from 1).
CREATE FUNCTION private.keep_commitments(commitments bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_variable
DECLARE
    first bigint;
BEGIN
    SELECT b.first INTO first FROM private.begin_append() b;
    UPDATE public.traces t SET commitment = u.c
    FROM unnest(commitments) WITH ORDINALITY AS u (c, n)
    WHERE u.c IS NOT NULL AND t.position = first + u.n - 1 AND t.held_back AND t.commitment IS NULL;
END
$$;

-- The same as before with one list more: the commitments of what is held back, null for the others.
CREATE FUNCTION public.append_batch(
    received_at timestamptz, address inet, stream uuid, note text, public_key text,
    trace_ids uuid[], agent_ids uuid[], at timestamptz[], timestamps timestamptz[], starts timestamptz[],
    id_times timestamptz[], repeats boolean[], action_types text[], tool_names text[], session_ids text[],
    rule_ids text[], reasons text[], values_violated text[], durations double precision[], bins smallint[],
    runtimes text[], outcomes text[], fingerprints bytea[], seqs bigint[], prevs bytea[], documents text[],
    commitments bytea[]
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    answer jsonb := public.append_batch(received_at, address, stream, note, public_key, trace_ids, agent_ids, at, timestamps,
        starts, id_times, repeats, action_types, tool_names, session_ids, rule_ids, reasons, values_violated, durations, bins,
        runtimes, outcomes, fingerprints, seqs, prevs, documents);
BEGIN
    IF commitments IS NOT NULL THEN
        PERFORM private.keep_commitments(commitments);
    END IF;
    RETURN answer;
END
$$;

GRANT EXECUTE ON FUNCTION private.keep_commitments(bytea[]),
    public.append_batch(timestamptz, inet, uuid, text, text, uuid[], uuid[], timestamptz[], timestamptz[], timestamptz[],
        timestamptz[], boolean[], text[], text[], text[], text[], text[], text[], double precision[], smallint[], text[],
        text[], bytea[], bigint[], bytea[], text[], bytea[])
    TO ingest;

RESET ROLE;
