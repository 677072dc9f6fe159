-- One number over a timeframe: every analysis, what counts as a value, which
-- events are in, and how the answer comes.
SET client_min_messages = warning;
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_basic') \gset
SELECT project AS other FROM tally.create_project('query_basic, another') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'orders' FROM tally_store.project WHERE id IN (:'project', :'other');

-- each project has a collection "orders", with other numbers in it
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, e.at, e.at + interval '1 second',
       CASE WHEN p.id = :'project' THEN e.properties ELSE '{"price": 1000000}' END
FROM tally_store.project p JOIN tally_store.collection c USING (project_id),
     (VALUES ('2024-03-01 00:00:00+00'::timestamptz, '{"price": 4.5, "sku": "tea"}'::jsonb),
             ('2024-03-01 12:00:00+00', '{"price": 12, "sku": "cup"}'),
             ('2024-03-01 12:00:00+00', '{"price": -3.25, "sku": "tea", "gift": {"wrap": true}}'),
             ('2024-03-02 08:00:00+00', '{"price": "5", "sku": "tea"}'),
             ('2024-03-02 09:00:00+00', '{"price": null, "sku": "tea"}'),
             ('2024-03-02 10:00:00+00', '{"price": true}'),
             ('2024-03-02 11:00:00+00', '{"price": [7], "sku": "cup"}'),
             ('2024-03-02 12:00:00+00', '{"sku": "cup"}'),
             ('2024-03-03 00:00:00+00', '{"price": 100, "sku": "tea"}')) e(at, properties)
WHERE p.id IN (:'project', :'other') AND c.name = 'orders';

CREATE FUNCTION pg_temp.q(project text, analysis text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
AS $$
    SELECT string_agg(piece, '') FROM (
        SELECT tally.query(project, analysis,
            '{"event_collection": "orders", "target_property": "price",
              "timeframe": {"start": "2024-03-01T00:00:00Z", "end": "2024-03-03T00:00:00Z"}}' || more) AS piece) x
$$;

-- the start is in, the end is not; values that are no numbers are skipped
SELECT a AS analysis, pg_temp.q(:'project', a)
FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a;

-- of nothing
SELECT a AS analysis, pg_temp.q(:'project', a, '{"target_property": "no.such"}') AS no_property,
       pg_temp.q(:'project', a, '{"timeframe": {"start": "1999-01-01", "end": "1999-02-01"}}') AS no_events
FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a;

-- another project's events are its own
SELECT pg_temp.q(:'other', 'maximum');

-- filters
SELECT f AS filters, pg_temp.q(:'project', 'count', jsonb_build_object('filters', f))
FROM unnest(ARRAY['[{"property_name": "sku", "operator": "eq", "property_value": "tea"}]',
                  '[{"property_name": "gift.wrap", "operator": "exists", "property_value": true}]',
                  '[{"property_name": "price", "operator": "gt", "property_value": -4},
                    {"property_name": "sku", "operator": "ne", "property_value": "cup"}]',
                  '[{"property_name": "keen.timestamp", "operator": "gte", "property_value": "2024-03-02T10:00:00Z"}]',
                  '[{"property_name": "keen.created_at", "operator": "lt", "property_value": "2024-03-01T00:00:02Z"}]',
                  '[]', 'null']::jsonb[]) f;

-- numbers are spelled without needless zeros, and exactly
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2024-04-01', '2024-04-01', e.properties
FROM tally_store.project p JOIN tally_store.collection c USING (project_id),
     (VALUES ('{"a": 0.10, "b": 9223372036854775807, "c": 1e30, "d": 1}'::jsonb),
             ('{"a": 0.20, "b": 9223372036854775807, "c": 1e-30, "d": 1}'),
             ('{"a": 0.30, "b": 1, "c": 0, "d": 2}')) e(properties)
WHERE p.id = :'project';
SELECT t AS target, a AS analysis,
       pg_temp.q(:'project', a, jsonb_build_object('target_property', t, 'timeframe', '{"start": "2024-04-01", "end": "2024-04-02"}'::jsonb))
FROM unnest('{a,b,c,d}'::text[]) t, unnest('{sum,average,maximum}'::text[]) a;

-- a parameter that is unknown or null is as if it were not there
SELECT pg_temp.q(:'project', 'count', '{"analysis_type": "sum", "zero_fill": 1, "max_age": {}, "group_by": null,
    "interval": null, "timezone": null, "filters": null, "order_by": null, "limit": null}');

-- pretty is the same to a parser, and ends its last line
SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "timeframe": {"start": "2024-03-01", "end": "2024-03-02"}}', true);

-- the same from FROM as from the select list
SELECT tally.query(:'project', 'count', r) = (SELECT string_agg(p, '') FROM tally.query(:'project', 'count', r) p) AS same
FROM (VALUES ('{"event_collection": "orders", "timeframe": {"start": "2024-03-01", "end": "2024-03-02"}}'::jsonb)) t(r);

-- relative to now: what was recorded at this moment is in
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, now(), now(), '{}'
FROM tally_store.project p JOIN tally_store.collection c USING (project_id) WHERE p.id = :'project';
SELECT t AS timeframe, pg_temp.q(:'project', 'count', jsonb_build_object('timeframe', t))
FROM unnest('{this_day,this_2_weeks,today,this_100_years}'::text[]) t;
