-- Random events: every cell of every answer is what plain SQL over the same
-- jsonb says, and no cell is missing or too many.
SET client_min_messages = warning;
SET timezone = 'UTC';
\set seed 0.2718
SELECT setseed(:seed);
SELECT tally.create_store();
SELECT project FROM tally.create_project('events_vs_sql') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'orders' FROM tally_store.project WHERE id = :'project';
SELECT collection_id AS collection FROM tally_store.collection JOIN tally_store.project p USING (project_id) WHERE p.id = :'project' \gset

-- 40 days around the change of New York's clocks; sparse at the end, so that
-- some groups are seen in one slice only
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT :collection, '2024-02-20'::timestamptz + power(random(), 3) * interval '40 days', now(),
    jsonb_strip_nulls(jsonb_build_object(
        'price', (ARRAY['5', '5.0', '-3.25', '"5"', 'null', 'true', '12345678901234567890', '0.001', '[1]'])[1 + floor(random() * 9)::int]::jsonb,
        'user', CASE WHEN random() < 0.8 THEN jsonb_build_object('country',
            (ARRAY['"FR"', '"PL"', '"DE"', '1', '1.0', '"1"', 'true', '[1, "a"]', '[1.0, "a"]', '{"x": {}}'])[1 + floor(power(random(), 2) * 10)::int]::jsonb) END,
        'qty', floor(random() * 4)))
    || CASE WHEN random() < 0.2 THEN '{"qty": null}' ELSE '{}' END::jsonb
FROM generate_series(1, 5000);

-- what tally.query() answers, a row a cell; without group_by the key is []
CREATE FUNCTION pg_temp.by_query(project text, analysis text, every text, zone text, paths text[], filters jsonb)
    RETURNS TABLE (start timestamptz, "end" timestamptz, keys jsonb, value numeric) LANGUAGE sql
AS $$
    SELECT (s #>> '{timeframe,start}')::timestamptz, (s #>> '{timeframe,end}')::timestamptz,
           (SELECT coalesce(jsonb_agg(g -> p ORDER BY n), '[]') FROM unnest(paths) WITH ORDINALITY AS u(p, n)),
           (CASE WHEN paths = '{}' THEN s ->> 'value' ELSE g ->> 'result' END)::numeric
    FROM (SELECT string_agg(piece, '')::jsonb AS answer FROM (
              SELECT tally.query(project, analysis, jsonb_build_object(
                  'event_collection', 'orders', 'target_property', 'price', 'interval', every, 'timezone', zone,
                  'timeframe', '{"start": "2024-02-20T10:30:00", "end": "2024-03-28T08:15:00"}'::jsonb,
                  'group_by', to_jsonb(paths), 'filters', filters)) AS piece) x) y,
         jsonb_array_elements(answer -> 'result') s
         CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN paths = '{}' THEN '[{}]' ELSE s -> 'value' END) g
$$;

-- the same by the book: spine x groups, left join, group by
CREATE FUNCTION pg_temp.by_sql(collection int, analysis text, unit text, zone text, paths text[], filters jsonb)
    RETURNS TABLE (start timestamptz, "end" timestamptz, keys jsonb, value numeric) LANGUAGE sql
AS $$
    WITH frame AS (
        SELECT '2024-02-20 10:30'::timestamp AT TIME ZONE zone AS lower, '2024-03-28 08:15'::timestamp AT TIME ZONE zone AS upper,
               CASE unit WHEN 'week' THEN interval '1 day' ELSE '0' END AS sunday
    ), local AS (  -- DISTINCT: the hour that a clock skips is no bucket
        SELECT DISTINCT greatest(b AT TIME ZONE zone, lower) AS start
        FROM frame, generate_series(date_trunc(unit, (lower AT TIME ZONE zone) + sunday) - sunday, upper AT TIME ZONE zone, ('1 ' || unit)::interval) b
        WHERE b AT TIME ZONE zone < upper
    ), spine AS (
        SELECT start, lead(start, 1, upper) OVER (ORDER BY start) AS "end", row_number() OVER (ORDER BY start) AS n
        FROM local, frame
    ), events AS (
        SELECT width_bucket(e.at, (SELECT array_agg(start ORDER BY start) FROM spine)) AS n, CASE WHEN jsonb_typeof(e.properties -> 'price') = 'number' THEN (e.properties ->> 'price')::numeric END AS price,
               (SELECT coalesce(jsonb_agg(coalesce(e.properties #> string_to_array(p, '.'), 'null') ORDER BY n), '[]')
                FROM unnest(paths) WITH ORDINALITY AS u(p, n)) AS keys
        FROM tally_store.event e, frame
        WHERE e.collection_id = collection AND e.at >= lower AND e.at < upper
            AND (filters = '[]' OR coalesce(e.properties -> 'qty', 'null') <> '2')
    ), groups AS (
        SELECT DISTINCT keys FROM events UNION SELECT '[]' WHERE paths = '{}'
    )
    SELECT s.start, s."end", g.keys,
           CASE analysis WHEN 'count' THEN count(e.n)
                         WHEN 'sum' THEN coalesce(sum(e.price), 0)
                         WHEN 'minimum' THEN min(e.price)
                         WHEN 'maximum' THEN max(e.price)
                         WHEN 'average' THEN avg(e.price) END
    FROM spine s CROSS JOIN groups g
        LEFT JOIN events e ON e.n = s.n AND e.keys = g.keys
    GROUP BY s.start, s."end", g.keys
$$;

-- averages may differ in the digits after the 16th
CREATE TEMP TABLE ours AS SELECT ''::text AS request, * FROM pg_temp.by_query(:'project', 'count', 'daily', 'UTC', '{}', '[]') LIMIT 0;
CREATE TEMP TABLE theirs AS SELECT * FROM ours;
DO $$
DECLARE
    r record;
    project text;
    collection int;
BEGIN
    SELECT p.id, c.collection_id INTO project, collection
    FROM tally_store.project p JOIN tally_store.collection c USING (project_id) WHERE p.name = 'events_vs_sql';
    FOR r IN
        SELECT concat_ws(' ', a, every, zone, paths, filters) AS request, *
        FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a,
             (VALUES ('daily', 'day'), ('weekly', 'week'), ('monthly', 'month'), ('hourly', 'hour')) i(every, unit),
             (VALUES ('UTC'), ('America/New_York'), ('Asia/Kolkata')) z(zone),
             (VALUES ('{}'::text[]), ('{user.country}'), ('{qty,user.country}')) g(paths),
             (VALUES ('[]'::jsonb), ('[{"property_name": "qty", "operator": "ne", "property_value": 2}]')) f(filters)
        WHERE every <> 'hourly' OR (zone <> 'Asia/Kolkata' AND a IN ('count', 'sum') AND filters = '[]')
    LOOP
        INSERT INTO ours SELECT r.request, * FROM pg_temp.by_query(project, r.a, r.every, r.zone, r.paths, r.filters);
        INSERT INTO theirs SELECT r.request, * FROM pg_temp.by_sql(collection, r.a, r.unit, r.zone, r.paths, r.filters);
    END LOOP;
END $$;
UPDATE ours SET value = round(value, 12) WHERE request LIKE 'average%';
UPDATE theirs SET value = round(value, 12) WHERE request LIKE 'average%';

SELECT count(*) AS cells, count(DISTINCT request) AS requests, count(*) FILTER (WHERE value = 0 OR value IS NULL) > 1000 AS many_gaps FROM ours;
SELECT count(*) AS cells FROM theirs;
SELECT * FROM (TABLE ours EXCEPT ALL TABLE theirs) x ORDER BY request, start, keys LIMIT 10;
SELECT * FROM (TABLE theirs EXCEPT ALL TABLE ours) x ORDER BY request, start, keys LIMIT 10;

-- and the same from parallel workers: partial panels, merged
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
ANALYZE tally_store.event;
EXPLAIN (COSTS OFF)
SELECT tally.collect_events('count', '{}', tally.grid('1 day', tstzrange('2024-02-20 00:00+00', '2024-03-28 00:00+00'), 'UTC'),
                            e.at, e.received_at, e.id, e.properties)
FROM tally_store.event e;
SELECT a AS analysis,
       (SELECT string_agg(p, '') FROM tally.query(:'project', a, r) p) AS parallel_answer
INTO TEMP parallel_answers
FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a,
     (VALUES ('{"event_collection": "orders", "target_property": "price", "interval": "daily", "group_by": ["user.country", "qty"],
                "timeframe": {"start": "2024-02-20", "end": "2024-03-28"}}'::jsonb)) t(r);
SET max_parallel_workers_per_gather = 0;
SELECT analysis,
       parallel_answer = (SELECT string_agg(p, '') FROM tally.query(:'project', analysis,
           '{"event_collection": "orders", "target_property": "price", "interval": "daily", "group_by": ["user.country", "qty"],
             "timeframe": {"start": "2024-02-20", "end": "2024-03-28"}}') p) AS same
FROM parallel_answers;
