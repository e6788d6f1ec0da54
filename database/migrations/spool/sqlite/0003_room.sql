-- Everything here stands beside what programs of schema 2 read and write, and they may go on doing so: `user_version` stays 2, which
-- is the oldest schema whose programs may write, and `meta` tells the schema itself.

-- How many links wait, kept by whoever writes: a spool may hold a million, and is asked often.
CREATE TABLE counts (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counts (name, number) SELECT 'links', count(*) FROM links;
CREATE TRIGGER links_counted_in AFTER INSERT ON links BEGIN
    UPDATE counts SET number = number + 1 WHERE name = 'links';
END;
CREATE TRIGGER links_counted_out AFTER DELETE ON links BEGIN
    UPDATE counts SET number = number - 1 WHERE name = 'links';
END;

-- The header's digest (32 bytes) and the SHA-256 of the document's text (32 bytes, none without a document): a flipped bit must not
-- be told as truth. NULL for what an older program wrote; its commitment is looked at instead.
ALTER TABLE links ADD COLUMN digests BLOB;

-- The link of a content that was set aside, so that it can be sent once more.
ALTER TABLE quarantine ADD COLUMN header TEXT;

-- What was lost and no gap record tells yet, by reason; times in milliseconds.
CREATE TABLE losses (
    why TEXT PRIMARY KEY,
    calls INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    contents INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
