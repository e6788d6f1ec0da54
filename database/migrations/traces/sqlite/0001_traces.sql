-- What was received, as it was received. Ids are 16 bytes, digests 32, times milliseconds since the Unix epoch.
-- Small integer keys stand for agents, sessions, streams and checkpoints, so that the indexes of `traces` stay narrow:
-- appending to them is what an ingested trace costs.

CREATE TABLE agents (
    agent       INTEGER PRIMARY KEY,
    agent_id    BLOB    NOT NULL UNIQUE,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    public_key  TEXT,
    card_id     TEXT,
    traces      INTEGER NOT NULL DEFAULT 0,
    denied      INTEGER NOT NULL DEFAULT 0,
    errors      INTEGER NOT NULL DEFAULT 0,
    signed      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX agents_by_last_seen ON agents (last_seen, agent_id);

-- Every card that was put. The one in force is the newest by `issued_at`; among equals the one that came first.
CREATE TABLE cards (
    card         INTEGER PRIMARY KEY,
    agent        INTEGER NOT NULL,
    fingerprint  BLOB    NOT NULL,
    card_id      TEXT    NOT NULL,
    issued_at    INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    signed_card  TEXT    NOT NULL,
    UNIQUE (agent, fingerprint)
) STRICT;
CREATE INDEX cards_by_issue ON cards (agent, issued_at DESC, card);

CREATE TABLE streams (
    stream     INTEGER PRIMARY KEY,
    agent      INTEGER NOT NULL,
    stream_id  BLOB    NOT NULL,
    -- The highest seq and that link's digest.
    last_seq   INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    links      INTEGER NOT NULL,
    -- All of 1 to `whole_to` are here.
    whole_to   INTEGER NOT NULL,
    UNIQUE (agent, stream_id)
) STRICT;

CREATE TABLE checkpoints (
    checkpoint  INTEGER PRIMARY KEY,
    stream      INTEGER NOT NULL,
    note        TEXT    NOT NULL
) STRICT;

CREATE TABLE sessions (
    session     INTEGER PRIMARY KEY,
    agent       INTEGER NOT NULL,
    session_id  TEXT    NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    traces      INTEGER NOT NULL,
    denied      INTEGER NOT NULL,
    errors      INTEGER NOT NULL,
    runtime     TEXT,
    UNIQUE (session_id, agent)
) STRICT;
CREATE INDEX sessions_by_last ON sessions (agent, last, session_id);

CREATE TABLE traces (
    -- The order of receipt.
    position         INTEGER PRIMARY KEY,
    trace_id         BLOB    NOT NULL UNIQUE,
    agent            INTEGER NOT NULL,
    -- Listed under this: `timestamp`, or `received_at` where the trace's own time is odd.
    at               INTEGER NOT NULL,
    timestamp        INTEGER NOT NULL,
    received_at      INTEGER NOT NULL,
    -- 0 allow, 1 deny, 2 error.
    action_type      INTEGER NOT NULL,
    tool             TEXT    NOT NULL,
    session          INTEGER,
    rule_id          TEXT,
    reason           TEXT,
    -- A JSON list, or null when it would be empty.
    values_violated  TEXT,
    duration_ms      REAL,
    runtime          TEXT,
    outcome          TEXT,
    -- Tells two contents of one id apart; the link's digest, when the trace is signed.
    fingerprint      BLOB    NOT NULL,
    stream           INTEGER,
    seq              INTEGER,
    checkpoint       INTEGER,
    -- 1 while only the header is here.
    held_back        INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_by_time ON traces (at, trace_id);
CREATE INDEX traces_by_agent ON traces (agent, at, trace_id);
CREATE INDEX traces_by_session ON traces (session, at, trace_id) WHERE session IS NOT NULL;
-- Refusals and failures are few and what people look for.
CREATE INDEX traces_not_allowed ON traces (action_type, at, trace_id) WHERE action_type <> 0;
CREATE INDEX traces_not_allowed_by_agent ON traces (agent, action_type, at, trace_id) WHERE action_type <> 0;
CREATE UNIQUE INDEX traces_by_link ON traces (stream, seq) WHERE stream IS NOT NULL;

-- Contents, apart from the rows that are scanned; an erased one leaves its row standing.
CREATE TABLE documents (
    position  INTEGER PRIMARY KEY,
    document  TEXT NOT NULL
) STRICT;

-- Another content under an id that was taken. The first one stays.
CREATE TABLE conflicts (
    trace_id     BLOB    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    agent        INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    PRIMARY KEY (trace_id, fingerprint)
) STRICT, WITHOUT ROWID;

-- Two contents for one place of a chain, each under a valid note.
CREATE TABLE equivocations (
    equivocation     INTEGER PRIMARY KEY,
    stream           INTEGER NOT NULL,
    seq              INTEGER NOT NULL,
    first_digest     BLOB    NOT NULL,
    second_digest    BLOB    NOT NULL,
    second_trace_id  BLOB    NOT NULL,
    second_note      TEXT    NOT NULL,
    received_at      INTEGER NOT NULL,
    UNIQUE (stream, seq, second_digest)
) STRICT;

-- Counts by spans of five minutes, so that a day's numbers do not cost a day's rows.
CREATE TABLE spans (
    agent        INTEGER NOT NULL,
    start        INTEGER NOT NULL,
    tool         TEXT    NOT NULL,
    action_type  INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    -- A histogram of durations; its form is that of `histogram.rs`.
    durations    BLOB    NOT NULL,
    PRIMARY KEY (agent, start, tool, action_type)
) STRICT, WITHOUT ROWID;
CREATE INDEX spans_by_start ON spans (start);

-- Refusals by rule; the empty rule is "none was told". `reason` is that of the newest.
CREATE TABLE rule_spans (
    agent   INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    tool    TEXT    NOT NULL,
    rule_id TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    reason  TEXT,
    PRIMARY KEY (agent, start, tool, rule_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX rule_spans_by_start ON rule_spans (start);

-- Refusals by value.
CREATE TABLE value_spans (
    agent  INTEGER NOT NULL,
    start  INTEGER NOT NULL,
    tool   TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (agent, start, tool, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX value_spans_by_start ON value_spans (start);
