-- :rows traces of :agents agents over the 30 days before now, with documents of about :bytes bytes, empty
-- ones for 0. Run with
-- `psql -v rows=… -v agents=… -v bytes=…` on a migrated, empty database.
SET work_mem = '256MB';
SET jit = off;
SELECT setseed(0.5);
SELECT make_partitions(now() - interval '1 month', 2);
CREATE TEMPORARY TABLE tools AS SELECT * FROM (VALUES (0, 'exec'), (1, 'read'), (2, 'write'), (3, 'edit'), (4, 'web_fetch'),
    (5, 'web_search'), (6, 'grep'), (7, 'glob'), (8, 'browser'), (9, 'message'), (10, 'memory'), (11, 'mcp__github__search'))
    AS t (n, name);
CREATE TEMPORARY TABLE rules AS SELECT * FROM (VALUES
    (0, 'fs.delete.root', 'Recursive delete of the root directory', '["harm_prevention"]'),
    (1, 'fs.delete.home', 'Deletes the home directory', '["harm_prevention", "user_control"]'),
    (2, 'secret.read', 'Reads a private key', '["privacy"]'),
    (3, 'net.exfiltrate', 'Sends a secret to an unknown host', '["privacy", "honesty"]'),
    (4, 'git.force_push', 'Overwrites the history of a shared branch', '["user_control"]'),
    (5, 'pay.unasked', 'Spends money without being asked', '["user_control", "transparency"]'))
    AS r (n, id, reason, vals);
-- The first agent makes the most calls.
CREATE TEMPORARY TABLE made AS
SELECT lpad(to_hex(a + 1), 8, '0')::text || '-0000-8000-8000-' || lpad(to_hex(a + 1), 12, '0') AS id, a AS n,
    (ARRAY['openclaw', 'claude-code', 'codex', 'gemini'])[1 + a % 4] AS runtime
FROM generate_series(0, :agents - 1) AS a;
CREATE TEMPORARY TABLE drawn AS
SELECT i, m.id::uuid AS agent, m.runtime, at, t.name AS tool,
    CASE WHEN r.verdict < 0.05 THEN 'deny' WHEN r.verdict < 0.07 THEN 'error' ELSE 'allow' END AS action,
    CASE WHEN r.verdict < 0.05 THEN (floor(r.verdict * 120))::int END AS rule, exp(r.length * 4 + 1) AS duration,
    'session-' || (i * :agents / :rows * 1000 + i / 300 % 50) AS session
FROM (
    SELECT i, date_trunc('milliseconds', now() - (:rows - i) * interval '30 days' / :rows) AS at, random() AS verdict,
        random() AS length, floor(random() * random() * :agents)::int AS agent, floor(random() * random() * 12)::int AS tool
    FROM generate_series(0::bigint, :rows - 1) AS i
) AS r JOIN made m ON m.n = r.agent JOIN tools t ON t.n = r.tool;
INSERT INTO public.traces (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, session_id, rule_id,
    reason, values_violated, duration_ms, runtime, outcome, fingerprint, stream, seq, prev, checkpoint, held_back, document)
SELECT 0 - :rows + d.i, (lpad(to_hex((extract(epoch FROM d.at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(d.i), 12, '0'))::uuid,
    d.agent, d.at, d.at, d.at, d.action, d.tool, d.session, r.id, coalesce(r.reason, 'No rule objects'),
    CASE WHEN r.vals IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(r.vals::json)) END,
    CASE WHEN d.action = 'deny' THEN 0 ELSE d.duration END, d.runtime, CASE WHEN d.action = 'deny' THEN 'refused' ELSE 'completed' END,
    sha256(int8send(d.i)), d.agent, row_number() OVER (PARTITION BY d.agent ORDER BY d.i), sha256(int8send(d.i - 1)), 1, false,
    CASE WHEN :bytes > 0 THEN json_build_object('trace_id', d.i, 'action', json_build_object('type', d.action, 'name', d.tool,
        'parameters', json_build_object('command', 'echo ' || repeat('x', greatest(:bytes - 400, 0)))),
        'decision', json_build_object('selected', d.action, 'selection_reasoning', r.reason),
        'context', json_build_object('session_id', d.session, 'metadata', json_build_object('action_type', d.action,
            'tool_name', d.tool, 'runtime', d.runtime, 'rule_id', r.id, 'commitment', encode(sha256(int8send(d.i)), 'hex'))))
    ELSE '{}' END
FROM drawn d LEFT JOIN rules r ON r.n = d.rule
ORDER BY d.i;
INSERT INTO public.checkpoints (checkpoint, agent_id, stream, note) SELECT 1, agent, agent, 'note' FROM drawn LIMIT 1;
INSERT INTO public.agents (agent_id, first_seen, last_seen, traces, denied, errors, signed)
SELECT agent, min(at), max(at), count(*), count(*) FILTER (WHERE action = 'deny'), count(*) FILTER (WHERE action = 'error'), count(*)
FROM drawn GROUP BY agent;
INSERT INTO public.streams (agent_id, stream, last_seq, digest, links, whole_to)
SELECT agent, agent, count(*), sha256(int8send(max(i))), count(*), count(*) FROM drawn GROUP BY agent;
INSERT INTO public.sessions (agent_id, session_id, first, last, traces, denied, errors, runtime)
SELECT agent, session, min(at), max(at), count(*), count(*) FILTER (WHERE action = 'deny'),
    count(*) FILTER (WHERE action = 'error'), min(runtime)
FROM drawn GROUP BY agent, session;
INSERT INTO public.tallies (agent_id, start, tool_name, action_type, rule_id, runtime, value, count, last, reason, bins,
    values_violated, value_counts)
SELECT g.agent, g.start, g.tool, g.action, g.rule, g.runtime, g.value, g.count, g.last, g.reason, g.bins, g.vals,
    ARRAY(SELECT g.count FROM unnest(g.vals))
FROM (
    SELECT d.agent, date_bin('5 minutes', d.at, timestamptz '1970-01-01T00:00:00Z') AS start, d.tool, d.action, r.id AS rule,
        d.runtime, one.value, count(*) AS count, max(d.at) AS last, r.reason,
        array_agg(((36 - position(B'1' IN u.us::bit(41))) * 32 + (u.us >> (36 - position(B'1' IN u.us::bit(41)))))::smallint)
            FILTER (WHERE d.action <> 'deny') AS bins,
        CASE WHEN r.vals IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(r.vals::json)) END AS vals
    FROM drawn d LEFT JOIN rules r ON r.n = d.rule
    CROSS JOIN LATERAL (SELECT NULL AS value UNION ALL SELECT json_array_elements_text(r.vals::json)) AS one
    CROSS JOIN LATERAL (SELECT floor(d.duration * 1000 + 0.5)::bigint AS us) AS u
    GROUP BY d.agent, 2, d.tool, d.action, r.id, d.runtime, one.value, r.reason, r.vals
) AS g;
DROP TABLE drawn;
SELECT public.fold_tallies('infinity');
VACUUM (ANALYZE);
CHECKPOINT;
