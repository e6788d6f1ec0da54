-- What anyone needs to work a chain out again, also where the content is not here. While there is a document the document
-- tells both, so these are null then.
ALTER TABLE traces ADD COLUMN prev BLOB;
ALTER TABLE traces ADD COLUMN commitment BLOB;

-- Whoever takes a document away leaves them behind.
CREATE TRIGGER keep_link BEFORE DELETE ON documents
BEGIN
    UPDATE traces SET
        prev = coalesce(prev, unhex(json_extract(OLD.document, '$.context.metadata.prev'))),
        commitment = coalesce(commitment, unhex(json_extract(OLD.document, '$.context.metadata.commitment')))
    WHERE position = OLD.position AND stream IS NOT NULL;
END;
