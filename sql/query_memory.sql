-- What an answer of many groups takes while it is sent: a few hundred bytes a
-- group, however it is ordered.  A cursor holds each answer half-way.
SET timezone = 'UTC';
SET client_min_messages = warning;
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_memory') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'visits' FROM tally_store.project WHERE id = :'project';
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2024-03-01 09:30+00', now(), jsonb_build_object('user', md5(i::text), 'n', i % 7)
FROM tally_store.project p JOIN tally_store.collection c USING (project_id), generate_series(1, 5000) i
WHERE p.id = :'project';
CREATE FUNCTION pg_temp.request(more jsonb) RETURNS jsonb LANGUAGE sql
RETURN '{"event_collection": "visits", "interval": "daily",
    "timeframe": {"start": "2024-03-01T00:00:00Z", "end": "2024-03-03T00:00:00Z"}}'::jsonb || more;
CREATE VIEW taken AS SELECT sum(total_bytes) < 10000000 AS is_little FROM pg_backend_memory_contexts;
\pset format unaligned
\pset tuples_only

BEGIN;
DECLARE plain CURSOR FOR SELECT tally.query(:'project', 'count', pg_temp.request('{"group_by": "user"}'));
FETCH 1 FROM plain \gset
SELECT * FROM taken;
CLOSE plain;
DECLARE ordered CURSOR FOR SELECT tally.query(:'project', 'count', pg_temp.request(
    '{"group_by": "user", "order_by": {"property_name": "user", "direction": "DESC"}}'));
FETCH 1 FROM ordered \gset
SELECT * FROM taken;
CLOSE ordered;
DECLARE limited CURSOR FOR SELECT tally.query(:'project', 'sum', pg_temp.request(
    '{"group_by": "user", "target_property": "n", "order_by": ["result", {"property_name": "user", "direction": "DESC"}], "limit": 4000}'));
FETCH 1 FROM limited \gset
SELECT * FROM taken;
CLOSE limited;

-- and so a series in long form, whose keys are JSON too
CREATE TEMP TABLE visits AS SELECT '2024-03-01'::timestamptz AS at, md5(i::text) AS "user" FROM generate_series(1, 5000) i;
DECLARE long CURSOR FOR SELECT tally.series_long('visits', 'at', '1 day',
    daterange('2024-03-01', '2024-03-03'), group_by => '{user}');
FETCH 1 FROM long \gset
SELECT * FROM taken;
CLOSE long;
COMMIT;
DROP VIEW taken;
