-- Requests that cannot be answered: which SQLSTATE, and what the message says.
SET client_min_messages = warning;
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_errors') \gset
SELECT project AS other FROM tally.create_project('query_errors, another') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, CASE id WHEN :'project' THEN 'orders' ELSE 'secrets' END
FROM tally_store.project WHERE id IN (:'project', :'other');
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2024-03-01 09:30+00', now(), jsonb_build_object('n', i)
FROM tally_store.project p JOIN tally_store.collection c USING (project_id), generate_series(1, 50) i
WHERE p.id = :'project';

-- the request is a good one with members replaced; one replaced by "-" is left out
CREATE FUNCTION pg_temp.try(project text, analysis text, more jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    request jsonb := '{"event_collection": "orders", "target_property": "n",
                       "timeframe": {"start": "2024-03-01T00:00:00Z", "end": "2024-03-02T00:00:00Z"}}' || more;
    d text; h text; m text;
BEGIN
    SELECT jsonb_object_agg(key, value) INTO request FROM jsonb_each(request) WHERE value <> '"-"';
    PERFORM tally.query(project, analysis, request);
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;
\pset format unaligned
\pset tuples_only

-- analysis
SELECT pg_temp.try(:'project', 'cuont', '{}');
SELECT pg_temp.try(:'project', '', '{}');
SELECT pg_temp.try(:'project', 'COUNT', '{}');
SELECT pg_temp.try(:'project', repeat('x', 1000), '{}');

-- what a function is called with
SELECT pg_temp.try(NULL, 'count', '{}');
SELECT pg_temp.try(:'project', NULL, '{}');
SELECT pg_temp.try(:'project', 'count', NULL);
SELECT tally.query(:'project', 'count', '[]');
SELECT tally.query(:'project', 'count', '"count"');
SELECT tally.query(:'project', 'count', 'null');
SELECT tally.query(:'project', 'count', '{}');
SELECT tally.query(:'project', 'count', jsonb_build_object('x', repeat('x', 300000)));

-- a required parameter is missing
SELECT pg_temp.try(:'project', 'count', '{"event_collection": "-"}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": null}');
SELECT pg_temp.try(:'project', 'sum', '{"target_property": "-"}');
SELECT pg_temp.try(:'project', 'count', '{"target_property": "-"}');
SELECT pg_temp.try(:'project', 'count', '{"timeframe": "-"}');

-- project and collection; nobody learns what others have
SELECT pg_temp.try(repeat('0', 24), 'count', '{}');
SELECT pg_temp.try(''' OR true --', 'count', '{}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": "order"}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": "secrets"}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": ""}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": 5}');
SELECT pg_temp.try(:'project', 'count', '{"event_collection": ["orders"]}');

-- target_property
SELECT pg_temp.try(:'project', 'sum', '{"target_property": 5}');
SELECT pg_temp.try(:'project', 'sum', '{"target_property": ["n"]}');
SELECT pg_temp.try(:'project', 'sum', '{"target_property": ""}');
SELECT pg_temp.try(:'project', 'sum', '{"target_property": "a..b"}');
SELECT pg_temp.try(:'project', 'sum', jsonb_build_object('target_property', repeat('a', 256)));

-- timeframe
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('timeframe', t))
FROM unnest(ARRAY['"this_lots"', '""', '"this_0_days"', '"previous_99999999_years"', '7', 'true', '["2024-03-01", "2024-03-02"]',
    '{}', '{"start": "2024-03-01"}', '{"end": "2024-03-01"}', '{"start": null, "end": null}',
    '{"start": "2024-03-01", "end": "tomorrow"}', '{"start": "2024-02-30", "end": "2024-03-02"}',
    '{"start": 1709251200, "end": 1709337600}',
    '{"start": "2024-03-02", "end": "2024-03-01"}', '{"start": "2024-03-01", "end": "2024-03-01T00:00:00Z"}']::jsonb[]) t;

-- timezone
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('timezone', t))
FROM unnest(ARRAY['"US/Middle"', '""', '"../../etc/passwd"', '86400', '"-86400"', '99999999999', '0.5', 'true', '{}']::jsonb[]) t;
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('timezone', repeat('x', 300)));

-- interval
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('interval', t))
FROM unnest(ARRAY['"secondly"', '"Daily"', '""', '"every_0_days"', '"every_-1_days"', '"every__days"', '"every_2"', '"every_2_"',
    '"every_2_fortnights"', '"every_100001_days"', '"every_99999999999999999999_days"', '"every_2_days "', '5', '["daily"]']::jsonb[]) t;

-- too many slices, before anything is read
SELECT pg_temp.try(:'project', 'count', '{"interval": "minutely", "timeframe": {"start": "2000-01-01", "end": "2024-01-01"}}');
-- too many groups, too many cells
BEGIN;
SET LOCAL tally.max_groups = 10;
SELECT pg_temp.try(:'project', 'count', '{"group_by": "n"}');
SET LOCAL tally.max_groups = 1000;
SET LOCAL tally.max_cells = 100;
SELECT pg_temp.try(:'project', 'count', '{"group_by": "n", "interval": "hourly"}');
ROLLBACK;

-- group_by
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('group_by', t))
FROM unnest(ARRAY['5', 'true', '{"property_name": "n", "buckets": {"size": 10}}', '["n", 5]', '["n", ["m"]]', '""', '["n", ""]', '"a."',
    '["n", "m", "n"]', '"result"']::jsonb[]) t;
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('group_by', (SELECT jsonb_agg('p' || i) FROM generate_series(1, 21) i)));
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('group_by', (SELECT jsonb_agg('p' || i) FROM generate_series(1, 20) i)));

-- filters: filter_errors.sql has the rest
SELECT pg_temp.try(:'project', 'count', '{"filters": [{"property_name": "n", "operator": "about", "property_value": 5}]}');

-- order_by and limit
SELECT pg_temp.try(:'project', 'count', '{"order_by": "result"}');
SELECT pg_temp.try(:'project', 'count', '{"group_by": "n", "limit": 5}');
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('group_by', 'n', 'order_by', t))
FROM unnest(ARRAY['"m"', '5', '["result", 5]', '{"direction": "ASC"}', '{"property_name": 5}', '{"property_name": "n", "direction": "down"}',
    '{"property_name": "n", "direction": 1}', '[["n"]]']::jsonb[]) t;
SELECT pg_temp.try(:'project', 'count', jsonb_build_object('group_by', 'n', 'order_by', 'n', 'limit', t))
FROM unnest(ARRAY['0', '-1', '1.5', '"x"', '1000000000', '[1]']::jsonb[]) t;

-- the first error wins, and none leaves anything behind
SELECT pg_temp.try(:'project', 'count', '{}');

-- the timeout is obeyed while an answer is made
\pset tuples_only off
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2024-03-01 10:00+00', now(), jsonb_build_object('n', i)
FROM tally_store.project p JOIN tally_store.collection c USING (project_id), generate_series(1, 20000) i
WHERE p.id = :'project';
SET tally.max_cells = 2000000000;
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '200ms';
SELECT count(*) FROM (SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "group_by": "n", "interval": "every_2_minutes",
    "timeframe": {"start": "2024-02-01", "end": "2024-03-30"}}')) x;
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < interval '5 s' AS in_time;

-- the aggregate inside is not for others
SELECT tally.collect_events('count', '{}', tally.grid('1 day', tstzrange('2024-03-01 00:00+00', '2024-03-02 00:00+00'), 'UTC'), now(), now(), NULL, '{}');
SELECT has_function_privilege('public', oid, 'execute') AS public, proname
FROM pg_proc WHERE proname IN ('query', 'collect_events', 'collect_events_add', 'matches') AND pronamespace = 'tally'::regnamespace
ORDER BY proname;
