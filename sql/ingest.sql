-- Events: from frames (extension/wire/frame.h) to rows.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

-- Frames in SQL, also for the tests that follow this one.  Integers are
-- little-endian, so the bytes of the server's sending form are turned round.
CREATE SCHEMA tally_test;
CREATE FUNCTION tally_test.turned(b bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT
    RETURN (SELECT string_agg(substr(b, i, 1), '' ORDER BY i DESC)
            FROM generate_series(1, length(b)) i);
CREATE FUNCTION tally_test.frame(
        project text, collection text, event bytea,
        at timestamptz DEFAULT '2024-03-01 09:30:00Z', id uuid DEFAULT NULL,
        received_at timestamptz DEFAULT '2024-03-01 10:00:00Z')
    RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN tally_test.turned(int4send(52 + octet_length(collection) + length(event)))
        || tally_test.turned(int2send((id IS NOT NULL)::int::int2))
        || tally_test.turned(int2send(octet_length(collection)::int2))
        || tally_test.turned(timestamptz_send(at))
        || tally_test.turned(timestamptz_send(received_at))
        || coalesce(uuid_send(id), decode(repeat('00', 16), 'hex'))
        || decode(project, 'hex')
        || convert_to(collection, 'UTF8')
        || event;
CREATE FUNCTION tally_test.frame(
        project text, collection text, event text,
        at timestamptz DEFAULT '2024-03-01 09:30:00Z', id uuid DEFAULT NULL,
        received_at timestamptz DEFAULT '2024-03-01 10:00:00Z')
    RETURNS bytea
    LANGUAGE sql IMMUTABLE
    RETURN tally_test.frame(project, collection, convert_to(event, 'UTF8'),
                            at, id, received_at);
CREATE VIEW tally_test.event AS
    SELECT p.name AS project, c.name AS collection, e.at, e.id, e.received_at,
        e.properties
    FROM tally_store.event e
        JOIN tally_store.collection c USING (collection_id)
        JOIN tally_store.project p USING (project_id);

SELECT project AS shop FROM tally.create_project('ingest shop') \gset
SELECT project AS bank FROM tally.create_project('ingest bank') \gset
\set spool '''00000000-0000-4000-8000-000000001001'''
SELECT tally.spool_progress(:spool);

-- a batch of two projects and three collections, which it makes
SELECT * FROM tally.ingest(:spool, 1, 4,
    tally_test.frame(:'shop', 'orders', '{"sku": "tea", "price": 4.50}')
    || tally_test.frame(:'shop', 'visits', '{"page": "/"}',
                        at => '2024-02-29 23:59:59.999999Z')
    || tally_test.frame(:'bank', 'orders', '{}',
                        id => '01234567-89ab-cdef-0123-456789abcdef')
    || tally_test.frame(:'shop', 'orders', ' {"sku": "žluťoučký \ud83d\ude00"} '));
SELECT * FROM tally_test.event WHERE project LIKE 'ingest%'
ORDER BY project, collection, at, properties;
SELECT tally.spool_progress(:spool);

-- the collections are found again
SELECT stored FROM tally.ingest(:spool, 5, 5,
    tally_test.frame(:'shop', 'orders', '{"sku": "cup"}'));
SELECT p.name, c.name FROM tally_store.collection c
    JOIN tally_store.project p USING (project_id)
WHERE p.name LIKE 'ingest%' ORDER BY 1, 2;

-- names of collections that are just allowed
SELECT stored, rejected FROM tally.ingest(:spool, 6, 9,
    tally_test.frame(:'shop', repeat('c', 64), '{}')
    || tally_test.frame(:'shop', 'a.b', '{}')
    || tally_test.frame(:'shop', 'two words', '{}')
    || tally_test.frame(:'shop', 'x_', '{}'));

-- the ends of time
SELECT stored, rejected FROM tally.ingest(:spool, 10, 11,
    tally_test.frame(:'shop', 'ends', '{}', at => '4714-11-24 00:00:00 BC')
    || tally_test.frame(:'shop', 'ends', '{}', at => '294276-12-31 23:59:59.999999'));
SELECT at FROM tally_test.event WHERE collection = 'ends' ORDER BY at;

-- some are left out, at the caller's wish
SELECT * FROM tally.ingest(:spool, 12, 14,
    tally_test.frame(:'shop', 'left', '{"n": 1}')
    || tally_test.frame(:'shop', 'left', '{"n": 2}')
    || tally_test.frame(:'shop', 'left', '{"n": 3}'),
    leave_out => '{3,1,3}');
SELECT properties FROM tally_test.event WHERE collection = 'left';
-- or all
SELECT * FROM tally.ingest(:spool, 15, 15,
    tally_test.frame(:'shop', 'left', '{"n": 4}'), leave_out => '{1}');
SELECT tally.spool_progress(:spool);

-- many more than fit one write, and one event of many pages
SELECT stored, duplicate, rejected FROM tally.ingest(:spool, 16, 4015,
    (SELECT string_agg(tally_test.frame(:'shop', 'many', format('{"n": %s}', n),
                at => timestamptz '2024-01-01 00:00Z' + n * interval '1 min'), ''
                ORDER BY n)
     FROM generate_series(1, 4000) n));
SELECT count(*), sum((properties->>'n')::int), min(at), max(at)
FROM tally_test.event WHERE collection = 'many';
SELECT stored FROM tally.ingest(:spool, 4016, 4016,
    tally_test.frame(:'shop', 'large', (
        SELECT '{' || string_agg(format('"p%s":"%s"', n, md5(n::text)), ',') || '}'
        FROM generate_series(1, 20000) n)));
SELECT count(*) FROM tally_test.event e, jsonb_each_text(e.properties) p
WHERE collection = 'large' AND p.value = md5(substr(p.key, 2));
-- ... which the index on time finds
SET enable_seqscan = off;
SELECT count(*) FROM tally_test.event
WHERE at BETWEEN '2024-01-01 01:00Z' AND '2024-01-01 01:59Z'
    AND collection = 'many';
RESET enable_seqscan;

-- arguments
SELECT tally.ingest(NULL, 1, 1, '');
SELECT tally.ingest(:spool, NULL, 1, '');
SELECT tally.ingest(:spool, 1, NULL, '');
SELECT tally.ingest(:spool, 1, 1, NULL);
SELECT tally.ingest(:spool, 1, 1, '', NULL);
SELECT tally.ingest(:spool, 0, 1, '');
SELECT tally.ingest(:spool, 2, 1, '');
SELECT tally.ingest(:spool, 1, 100001, '');
SELECT tally.ingest(:spool, -9223372036854775808, 9223372036854775807, '');
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}'),
                    leave_out => '{2}');
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}'),
                    leave_out => '{NULL}');
-- fewer or more frames than the range has numbers
SELECT tally.ingest(:spool, 4017, 4018, tally_test.frame(:'shop', 'c', '{}'));
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}')
                    || tally_test.frame(:'shop', 'c', '{}'));
SELECT tally.ingest(:spool, 4017, 4017, '');
-- none of which took anything
SELECT tally.spool_progress(:spool);

-- not where it may not write
BEGIN READ ONLY;
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}'));
ROLLBACK;

-- a table that somebody changed: what would not be obeyed is refused,
-- constraints are obeyed
BEGIN;
ALTER TABLE tally_store.event ADD COLUMN extra int;
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}'));
ROLLBACK;
BEGIN;
ALTER TABLE tally_store.event ADD FOREIGN KEY (collection_id)
    REFERENCES tally_store.collection;
SELECT tally.ingest(:spool, 4017, 4017, tally_test.frame(:'shop', 'c', '{}'));
ROLLBACK;
BEGIN;
ALTER TABLE tally_store.event ADD CONSTRAINT recent
    CHECK (at > '2000-01-01') NOT VALID;
\set VERBOSITY terse
SELECT tally.ingest(:spool, 4017, 4017,
    tally_test.frame(:'shop', 'c', '{"a": 1}', at => '1999-12-31 00:00Z'));
ROLLBACK;
