//! A row in every table: where there is none, nothing proves that a policy hides or shows anything.

use uuid::Uuid;

/// A trace with its content.
pub(crate) const WHOLE: Uuid = Uuid::from_u128(1);
/// A trace of which only the header is here.
pub(crate) const HEADER: Uuid = Uuid::from_u128(2);

/// Puts them there, as a superuser.
pub(crate) const ROWS: &str = "
    SELECT make_partitions('2026-11-15', 0);
    INSERT INTO traces (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, reason,
        fingerprint, held_back, document)
    SELECT n, lpad(n::text, 32, '0')::uuid, lpad('9', 32, '0')::uuid, at, at, at, 'deny', 'exec', 'because', '\\x01',
        n = 2, CASE WHEN n <> 2 THEN '{}'::json END
    FROM (VALUES (1, timestamptz '2026-11-02'), (2, '2026-11-02')) AS v (n, at);
    INSERT INTO trace_ids VALUES (lpad('1', 32, '0')::uuid, '2026-11-02');
    INSERT INTO agents (agent_id, first_seen, last_seen) VALUES (lpad('9', 32, '0')::uuid, now(), now());
    INSERT INTO agent_keys VALUES (lpad('9', 32, '0')::uuid, 'key', now());
    INSERT INTO alignment_cards (agent_id, fingerprint, card_id, issued_at, received_at, signed_card)
        VALUES (lpad('9', 32, '0')::uuid, '\\x01', 'ac-1', now(), now(), '{}');
    INSERT INTO streams (agent_id, stream, last_seq, digest, links, whole_to)
        VALUES (lpad('9', 32, '0')::uuid, lpad('8', 32, '0')::uuid, 1, '\\x01', 1, 1);
    INSERT INTO checkpoints (agent_id, stream, note) VALUES (lpad('9', 32, '0')::uuid, lpad('8', 32, '0')::uuid, 'note');
    INSERT INTO sessions VALUES (lpad('9', 32, '0')::uuid, 'talk', now(), now(), 1, 1, 0);
    INSERT INTO conflicts VALUES (lpad('1', 32, '0')::uuid, '\\x02', lpad('9', 32, '0')::uuid, now());
    INSERT INTO equivocations (agent_id, stream, seq, first_digest, second_digest, second_trace_id, second_note, received_at)
        VALUES (lpad('9', 32, '0')::uuid, lpad('8', 32, '0')::uuid, 1, '\\x01', '\\x02', lpad('1', 32, '0')::uuid, 'note', now());
    INSERT INTO tallies (agent_id, start, tool_name, action_type, count, last, reason)
        VALUES (lpad('9', 32, '0')::uuid, '2026-11-02', 'exec', 'deny', 1, now(), 'because');
    INSERT INTO rollups (minutes, detail, agent_id, start, tool_name, action_type, count, last, reason)
        VALUES (60, 2, lpad('9', 32, '0')::uuid, '2026-11-02', 'exec', 'deny', 1, now(), 'because');
    INSERT INTO private.salts VALUES ('2026-11-01', '\\x01');
    INSERT INTO private.origins VALUES (lpad('9', 32, '0')::uuid, '\\x01', now(), now());
";
