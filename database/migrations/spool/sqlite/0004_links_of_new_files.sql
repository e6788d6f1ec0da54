-- How links lie in a file that was made by a program that knows of this. A file that was there before keeps its table as it is, and
-- `meta` goes on saying schema 3: every statement is the same for both, and older programs may write either.
--
-- In a tree of keys a row may have a quarter of a page, and the end of one that is longer gets a page of its own, in most of which is
-- nothing. In a tree of row numbers it may have a whole page: rows of 2 KB, which most are, take half of what they took.
DROP TABLE links;
CREATE TABLE links (
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    header TEXT NOT NULL,
    document TEXT,
    digests BLOB,
    PRIMARY KEY (stream, seq)
) STRICT;
CREATE TRIGGER links_counted_in AFTER INSERT ON links BEGIN
    UPDATE counts SET number = number + 1 WHERE name = 'links';
END;
CREATE TRIGGER links_counted_out AFTER DELETE ON links BEGIN
    UPDATE counts SET number = number - 1 WHERE name = 'links';
END;
