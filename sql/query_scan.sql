-- The events of a query that come from a sequential scan are taken from it at
-- once, others one by one: the answers are the same, and those of plain SQL.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.7);
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_scan') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, n FROM tally_store.project, unnest('{views,others}'::text[]) n WHERE id = :'project';
-- Documents of every shape: names in other places from one to the next, short
-- and long headers, stored apart, no objects at all; a name within a name.
CREATE TEMP TABLE made AS
SELECT c.name, '2024-03-01'::timestamptz + random() * interval '6 days' AS at, i, CASE
    WHEN i % 29 = 0 THEN '[1, {"k": "list"}]'::jsonb
    WHEN i % 31 = 0 THEN '"scalar"'::jsonb
    ELSE CASE WHEN i % 3 > 0 THEN jsonb_build_object('k', 'k' || i % 7) ELSE '{}' END
      || CASE WHEN i % 2 = 0 THEN jsonb_build_object('u', jsonb_build_object('n', i % 5, 'c', CASE WHEN i % 4 = 0 THEN NULL ELSE 'c' || i % 3 END)) ELSE '{"u": 1}' END
      || CASE WHEN i % 5 = 0 THEN jsonb_build_object('a', i, 'kk', 'x', 'j', repeat('y', i % 200)) ELSE '{}' END
      || CASE WHEN i % 97 = 0 THEN (SELECT jsonb_object_agg('z' || n, md5(n::text || i)) FROM generate_series(1, 200) n) ELSE '{}' END
      || jsonb_build_object('v', CASE WHEN i % 11 = 0 THEN '"?"' ELSE to_jsonb(i / 4.0) END) END AS properties
FROM (VALUES ('views'), ('others')) c (name), generate_series(1, 4000) i;
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, m.at, m.at + interval '1 s', m.properties
FROM made m JOIN tally_store.collection c USING (name) JOIN tally_store.project p USING (project_id) WHERE p.id = :'project';
SELECT count(DISTINCT pg_column_size(properties) < 127), max(pg_column_size(properties)) > 2000 FROM made;
ANALYZE tally_store.event;

CREATE TEMP TABLE request (n serial, analysis text, more jsonb);
INSERT INTO request (analysis, more) VALUES
    ('count', '{}'),
    ('count', '{"group_by": "k", "interval": "daily"}'),
    ('count', '{"group_by": ["u.c", "k"], "interval": "every_6_hours"}'),
    ('sum', '{"group_by": "u.c", "target_property": "v", "interval": "daily"}'),
    ('average', '{"group_by": "k", "target_property": "v"}'),
    ('maximum', '{"target_property": "u.n", "interval": "daily"}'),
    ('count', '{"group_by": "j", "filters": [{"property_name": "kk", "operator": "eq", "property_value": "x"}]}'),
    ('sum', '{"target_property": "v", "group_by": "k", "filters": [{"property_name": "u.n", "operator": "gte", "property_value": 3}]}'),
    ('minimum', '{"target_property": "keen.timestamp", "filters": [{"property_name": "z7", "operator": "exists", "property_value": true}]}'),
    ('count', '{"group_by": "keen.timestamp", "filters": [{"property_name": "a", "operator": "in", "property_value": [10, 20, 35]}]}'),
    ('count', '{"filters": [{"property_name": "k", "operator": "eq", "property_value": "nobody"}]}');
CREATE FUNCTION pg_temp.answer(project text, r request) RETURNS text LANGUAGE sql
AS $$
    SELECT string_agg(p, '') FROM tally.query(project, r.analysis, '{"event_collection": "views",
        "timeframe": {"start": "2024-03-02T06:00:00Z", "end": "2024-03-06T06:00:00Z"}}' || r.more) p
$$;
CREATE FUNCTION pg_temp.plan() RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT count(*) FROM tally_store.event e WHERE e.collection_id = 1
        AND e.at >= ''2024-03-02T06:00:00Z'' AND e.at < ''2024-03-06T06:00:00Z''' INTO plan;
    RETURN (SELECT string_agg(DISTINCT node #>> '{}', ', ' ORDER BY node #>> '{}')
        FROM jsonb_path_query(plan, '$.**."Node Type" ? (@ like_regex "Scan|Gather")') node);
END $$;
\pset format unaligned
\pset tuples_only

SET enable_bitmapscan = off;
SELECT pg_temp.plan();
BEGIN;
SELECT seq_scan AS scans, seq_tup_read AS read FROM pg_stat_xact_user_tables WHERE relid = 'tally_store.event'::regclass \gset
CREATE TEMP TABLE at_once AS SELECT r.n, pg_temp.answer(:'project', r) AS answer FROM request r;
-- each query reads the table once, and whole
SELECT seq_scan - :scans = (SELECT count(*) FROM request),
    seq_tup_read - :read = (SELECT count(*) FROM request) * (SELECT count(*) FROM tally_store.event)
FROM pg_stat_xact_user_tables WHERE relid = 'tally_store.event'::regclass;
COMMIT;

-- and so they are taken: from the second row on there is memory for such rows
CREATE FUNCTION pg_temp.note() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('qs.taken', current_setting('qs.taken') || (SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'tally collect row'), false);
    RETURN true;
END $$;
CREATE AGGREGATE pg_temp.mine(text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb) (SFUNC = tally.collect_events_add, STYPE = tally.panel);
SET qs.taken = '';
SELECT pg_temp.mine('count', '{}', tally.grid('1 day', daterange '[2024-03-01,2024-03-08)', 'UTC'), e.at, e.received_at, e.id, e.properties) IS NOT NULL
FROM tally_store.event e WHERE e.ctid::text = ANY (ARRAY(SELECT ctid::text FROM tally_store.event LIMIT 5)) AND pg_temp.note();
SHOW qs.taken;

SET enable_bitmapscan = on;
SET enable_seqscan = off;
SELECT pg_temp.plan();
SELECT count(*), bool_and(a.answer = pg_temp.answer(:'project', r)) FROM request r JOIN at_once a USING (n);

SET enable_seqscan = on;
SET enable_bitmapscan = off;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT pg_temp.plan();
SELECT count(*), bool_and(a.answer::jsonb = pg_temp.answer(:'project', r)::jsonb) FROM request r JOIN at_once a USING (n);
SET max_parallel_workers_per_gather = 0;

-- plain SQL, from what was made
CREATE TEMP VIEW mine AS SELECT * FROM made WHERE name = 'views' AND at >= '2024-03-02T06:00:00Z' AND at < '2024-03-06T06:00:00Z';
SELECT (answer::jsonb->>'result')::int = (SELECT count(*) FROM mine) FROM at_once WHERE n = 1;
WITH ours AS (
    SELECT (s->'timeframe'->>'start')::timestamptz AS start, g->'k' AS k, (g->>'result')::int AS n
    FROM at_once, jsonb_array_elements(answer::jsonb->'result') s, jsonb_array_elements(s->'value') g WHERE at_once.n = 2),
plain AS (
    SELECT greatest(date_trunc('day', at, 'UTC'), '2024-03-02T06:00:00Z') AS start, coalesce(properties->'k', 'null') AS k, count(*) AS n
    FROM mine GROUP BY 1, 2)
SELECT count(*), count(*) FILTER (WHERE coalesce(o.n, 0) <> coalesce(p.n, 0)) FROM ours o FULL JOIN plain p USING (start, k);
WITH ours AS (
    SELECT (s->'timeframe'->>'start')::timestamptz AS start, g->'u.c' AS c, (g->>'result')::numeric AS v
    FROM at_once, jsonb_array_elements(answer::jsonb->'result') s, jsonb_array_elements(s->'value') g WHERE at_once.n = 4),
plain AS (
    SELECT greatest(date_trunc('day', at, 'UTC'), '2024-03-02T06:00:00Z') AS start,
        CASE jsonb_typeof(properties) WHEN 'object' THEN coalesce(properties #> '{u,c}', 'null') ELSE 'null' END AS c,
        coalesce(sum(CASE WHEN jsonb_typeof(properties->'v') = 'number' THEN (properties->>'v')::numeric END), 0) AS v
    FROM mine GROUP BY 1, 2)
SELECT count(*), count(*) FILTER (WHERE coalesce(o.v, 0) <> coalesce(p.v, 0)) FROM ours o FULL JOIN plain p USING (start, c);
SELECT (SELECT sum((g->>'result')::int) FROM jsonb_array_elements(answer::jsonb->'result') g) =
    (SELECT count(*) FROM mine WHERE properties->>'kk' = 'x') FROM at_once WHERE n = 7;
