-- Conversations of the gateway: what was said, for the next message and for whoever looks back.

-- A conversation. `summary` stands for everything up to message `summarised_to`, which the model is no longer sent.
CREATE TABLE session (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    label TEXT,
    model TEXT,
    thinking TEXT,
    created_at INTEGER NOT NULL, -- milliseconds since 1970
    updated_at INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    summary TEXT,
    summarised_to INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX session_updated ON session (updated_at DESC);

-- A message; `parts` is the JSON of its pieces. The messages of one run are written at once and stand together.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    run TEXT NOT NULL,
    at INTEGER NOT NULL,
    role TEXT NOT NULL,
    parts TEXT NOT NULL
);
CREATE INDEX message_session ON message (session, id);

-- What is kept for the gateway as a whole, such as the model that an operator chose.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
