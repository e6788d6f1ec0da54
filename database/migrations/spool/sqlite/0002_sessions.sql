-- What a session has read that is secret, as masked targets of effects (`~/.ssh/id_rsa`): what it sends out afterwards is judged
-- with that in mind. `session` is the runtime and its session's id.
CREATE TABLE session_secrets (
    session TEXT NOT NULL,
    secret TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (session, secret)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_secrets_by_time ON session_secrets (at);

-- Two more states of calls: 4 a person was asked by the agent's own runtime, 5 a person was asked by our own process.
-- The session of such a call: its end, or the next message to it, tells that nobody said yes.
ALTER TABLE calls ADD COLUMN session TEXT;
CREATE INDEX calls_asked ON calls (session) WHERE session IS NOT NULL;
