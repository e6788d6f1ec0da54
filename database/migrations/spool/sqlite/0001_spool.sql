-- The spool: what was accepted on this machine and is not yet acknowledged by the edge.

-- Single values: the stream, its head, what the edge has acknowledged, counts of what was lost.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tool calls of foreign agents, to pair what was seen before with what is seen after. `pending` is masked JSON.
-- state: 0 seen before, 1 refused, 2 traced, 3 traced without having seen the end.
CREATE TABLE calls (
    key TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    at INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    pending TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_by_state ON calls (state, at);

-- The links that wait for the edge. Without a document only the header is sent: the content is held back.
CREATE TABLE links (
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    header TEXT NOT NULL,
    document TEXT,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Contents that the edge would not take, with its reason, for people to look at.
CREATE TABLE quarantine (
    trace_id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    document TEXT
) STRICT, WITHOUT ROWID;

-- When each agent's hook was last heard: proof that it fires.
CREATE TABLE agents (
    name TEXT PRIMARY KEY,
    last_event_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
