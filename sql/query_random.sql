-- Random requests, sensible and not: each is answered with JSON or refused
-- with one of the SQLSTATEs that clients are told about, never anything else.
SET client_min_messages = warning;
\set seed 0.1618
SELECT setseed(:seed);
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_random') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'orders' FROM tally_store.project WHERE id = :'project';
CREATE FUNCTION pg_temp.one(pool jsonb[]) RETURNS jsonb LANGUAGE sql VOLATILE
    RETURN pool[1 + floor(random() * cardinality(pool))::int];
CREATE FUNCTION pg_temp.scalar() RETURNS jsonb LANGUAGE sql VOLATILE
    RETURN pg_temp.one(ARRAY['null', 'true', 'false', '0', '-1', '1.0', '1e300', '1e-300', '123456789012345678901234567890', '""', '"a"',
        '"b.c"', '"a\"\\\n\u0001é"', '"2024-03-01"', '"2024-03-02T10:00:00.123Z"', '[]', '{}', '["a", 1]', '{"a": [1]}']::jsonb[]);
CREATE FUNCTION pg_temp.path() RETURNS jsonb LANGUAGE sql VOLATILE
    RETURN CASE WHEN random() < 0.95 THEN pg_temp.one(ARRAY['"a"', '"b"', '"b.c"', '"b.c.d"', '"keen.timestamp"', '"keen.created_at"', '"keen.id"', '"keen"']::jsonb[])
                ELSE pg_temp.scalar() END;
CREATE FUNCTION pg_temp.filter() RETURNS jsonb LANGUAGE sql VOLATILE
    RETURN jsonb_build_object('property_name', pg_temp.path(), 'property_value', CASE WHEN random() < 0.2 THEN jsonb_build_array(pg_temp.scalar(), pg_temp.scalar()) ELSE pg_temp.scalar() END,
        'operator', pg_temp.one(ARRAY['"eq"', '"ne"', '"lt"', '"lte"', '"gt"', '"gte"', '"exists"', '"in"', '"contains"', '"not_contains"', '"or"']::jsonb[]));
CREATE FUNCTION pg_temp.request() RETURNS jsonb LANGUAGE sql VOLATILE
    RETURN '{"event_collection": "orders"}'::jsonb
        || jsonb_build_object('target_property', pg_temp.path(),
            'timeframe', CASE WHEN random() < 0.9 THEN pg_temp.one(ARRAY['{"start": "2024-03-01", "end": "2024-03-05T12:30:00"}', '{"start": "2024-03-01T00:00:00+05:30", "end": "2024-03-01T02:00:00Z"}',
                '"this_2_days"', '"previous_100_years"', '"this_50_years"', '{"start": "0001-01-01", "end": "9999-12-31"}']::jsonb[]) ELSE pg_temp.scalar() END)
        || CASE WHEN random() < 0.7 THEN jsonb_build_object('interval', CASE WHEN random() < 0.95 THEN pg_temp.one(ARRAY['"minutely"', '"hourly"', '"daily"', '"weekly"', '"monthly"', '"yearly"',
                '"every_3_days"', '"every_100000_years"', '"every_50000_hours"', '"every_7_weeks"']::jsonb[]) ELSE pg_temp.scalar() END) ELSE '{}' END
        || CASE WHEN random() < 0.5 THEN jsonb_build_object('timezone', CASE WHEN random() < 0.9 THEN pg_temp.one(ARRAY['"US/Eastern"', '"Asia/Kathmandu"', '3600', '"-3600"', '86399', '-86399']::jsonb[]) ELSE pg_temp.scalar() END) ELSE '{}' END
        || CASE WHEN random() < 0.7 THEN jsonb_build_object('group_by', CASE WHEN random() < 0.5 THEN pg_temp.path() ELSE jsonb_build_array(pg_temp.path(), pg_temp.path()) END) ELSE '{}' END
        || CASE WHEN random() < 0.5 THEN jsonb_build_object('filters', CASE WHEN random() < 0.95 THEN jsonb_build_array(pg_temp.filter(), pg_temp.filter()) ELSE pg_temp.scalar() END) ELSE '{}' END
        || CASE WHEN random() < 0.3 THEN jsonb_build_object('order_by', CASE WHEN random() < 0.9 THEN jsonb_build_array(jsonb_build_object('property_name', 'result', 'direction', 'DESC')) ELSE pg_temp.scalar() END,
            'limit', pg_temp.one(ARRAY['1', '2', '"3"', '100', 'null']::jsonb[])) ELSE '{}' END;

INSERT INTO tally_store.event (collection_id, at, received_at, id, properties)
SELECT c.collection_id, '2024-03-01'::timestamptz + random() * interval '5 days', now(), CASE WHEN random() < 0.5 THEN gen_random_uuid() END,
    CASE WHEN random() < 0.9 THEN jsonb_build_object('a', pg_temp.scalar(), 'b', CASE WHEN random() < 0.5 THEN pg_temp.scalar() ELSE jsonb_build_object('c', pg_temp.scalar()) END)
         ELSE pg_temp.scalar() END
FROM tally_store.project p JOIN tally_store.collection c USING (project_id), generate_series(1, 200) i WHERE p.id = :'project';

CREATE TEMP TABLE outcome (state text, request jsonb, message text, answer jsonb);
CREATE FUNCTION pg_temp.run(project text, n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r jsonb;
    a text;
    answer text;
BEGIN
    FOR i IN 1 .. n LOOP
        r := pg_temp.request();
        a := (ARRAY['count', 'sum', 'minimum', 'maximum', 'average'])[1 + i % 5];
        BEGIN
            SELECT string_agg(p, '') INTO answer FROM tally.query(project, a, r, i % 7 = 0) p;
            INSERT INTO outcome VALUES ('00000', r, a, CASE WHEN length(answer) < 1000000 THEN answer::jsonb ELSE '{"result": []}' END);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO outcome VALUES (SQLSTATE, r, SQLERRM);
        END;
    END LOOP;
END $$;
SET tally.max_buckets = 3000;
SELECT pg_temp.run(:'project', 1500);

SELECT DISTINCT state FROM outcome ORDER BY state;
SELECT state, message, request FROM outcome
WHERE state NOT IN ('00000', '22023', '54000', 'TL001', 'TL002', 'TL005') LIMIT 5;
-- every answer has the shape that was asked for
SELECT count(*) AS wrong_shape FROM outcome
WHERE state = '00000'
    AND (jsonb_typeof(answer -> 'result') = 'array') IS DISTINCT FROM (request ->> 'interval' IS NOT NULL OR coalesce(request -> 'group_by', 'null') NOT IN ('null', '[]'));
