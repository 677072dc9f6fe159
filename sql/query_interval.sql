-- interval: the slices, and a value in each for every group, events or not.
SET client_min_messages = warning;
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_interval') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'orders' FROM tally_store.project WHERE id = :'project';
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, e.at, e.at, jsonb_build_object('sku', e.sku, 'price', e.price)
FROM tally_store.project p JOIN tally_store.collection c USING (project_id),
     (VALUES ('2024-03-15 00:00+00'::timestamptz, 'tea', 4.5), ('2024-03-15 23:59:59.999999+00', 'tea', 5.5),
             ('2024-03-16 00:00+00', 'cup', 3), ('2024-03-31 23:00+00', 'tea', 1), ('2024-04-01 00:00+00', 'tea', 2),
             ('2024-05-14 12:00+00', 'pot', 80), ('2024-05-15 00:00+00', 'jug', 7)) e(at, sku, price)
WHERE p.id = :'project';

-- one row a slice: its value, from, to
CREATE FUNCTION pg_temp.q(project text, analysis text, more jsonb)
    RETURNS TABLE (start text, "end" text, value jsonb) LANGUAGE sql
AS $$
    SELECT s #>> '{timeframe,start}', s #>> '{timeframe,end}', s -> 'value'
    FROM (SELECT string_agg(piece, '')::jsonb AS answer FROM (
              SELECT tally.query(project, analysis,
                  '{"event_collection": "orders", "target_property": "price",
                    "timeframe": {"start": "2024-03-15T00:00:00Z", "end": "2024-05-15T00:00:00Z"}}' || more) AS piece) x) y,
         jsonb_array_elements(answer -> 'result') WITH ORDINALITY AS t(s, n)
    ORDER BY n
$$;

-- the answer as it is
SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "interval": "daily",
    "timeframe": {"start": "2024-03-15", "end": "2024-03-17"}}');
SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "interval": "daily", "group_by": "sku",
    "timeframe": {"start": "2024-03-15", "end": "2024-03-17"}}', true);

-- the calendar's months, clipped at both ends
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "monthly"}');
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "yearly"}');
-- weeks start on Sunday
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "weekly"}') LIMIT 3;
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "hourly", "timeframe": {"start": "2024-03-15T21:30:00Z", "end": "2024-03-16T00:00:00.001Z"}}');
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "minutely", "timeframe": {"start": "2024-03-15T23:58:30Z", "end": "2024-03-16T00:00:30Z"}}');

-- every_N counts from the start of the timeframe
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_3_weeks"}');
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_1_month"}');
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_20_days"}');
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_36_hours", "timeframe": {"start": "2024-03-14T20:00:00Z", "end": "2024-03-18T00:00:00Z"}}');
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_7_minutes", "timeframe": {"start": "2024-03-15T23:50:00Z", "end": "2024-03-16T00:00:00.001Z"}}');
SELECT * FROM pg_temp.q(:'project', 'sum', '{"interval": "every_2_years"}');

-- in empty slices: 0 for count and sum, null for the others
SELECT a AS analysis, start, value
FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a,
     pg_temp.q(:'project', a, '{"interval": "daily", "timeframe": {"start": "2024-03-15", "end": "2024-03-18"}}');

-- dense: every group of the timeframe in every slice, also those seen once;
-- none that is outside of it or filtered away
SELECT a AS analysis, start, value
FROM unnest('{count,sum,average}'::text[]) a,
     pg_temp.q(:'project', a, '{"interval": "monthly", "group_by": "sku",
         "filters": [{"property_name": "price", "operator": "ne", "property_value": 3}]}');
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "yearly", "group_by": ["sku", "price"]}');

-- no event at all: the slices are there
SELECT * FROM pg_temp.q(:'project', 'count', '{"interval": "daily", "timeframe": {"start": "1999-01-01", "end": "1999-01-03"}}');
SELECT * FROM pg_temp.q(:'project', 'average', '{"interval": "daily", "group_by": "sku", "timeframe": {"start": "1999-01-01", "end": "1999-01-03"}}');

-- each slice is ordered for itself; limit chooses groups over all of them
SELECT start, value FROM pg_temp.q(:'project', 'sum', '{"interval": "monthly", "group_by": "sku",
    "order_by": {"property_name": "result", "direction": "DESC"}}');
SELECT start, value FROM pg_temp.q(:'project', 'count', '{"interval": "monthly", "group_by": "sku",
    "order_by": {"property_name": "result", "direction": "DESC"}, "limit": 1}');
SELECT start, value FROM pg_temp.q(:'project', 'sum', '{"interval": "monthly", "group_by": "sku",
    "order_by": {"property_name": "result", "direction": "DESC"}, "limit": 1}');
-- tea: (4.5 + 5.5 + 1 + 2) / 4 = 3.25 in all, though its slices average 3.67 and 2
SELECT start, value FROM pg_temp.q(:'project', 'average', '{"interval": "monthly", "group_by": "sku",
    "order_by": "result", "limit": 2}');
SELECT start, value FROM pg_temp.q(:'project', 'minimum', '{"interval": "monthly", "group_by": "sku", "order_by": "result", "limit": 1}');
SELECT start, value FROM pg_temp.q(:'project', 'maximum', '{"interval": "monthly", "group_by": "sku", "order_by": "result", "limit": 1}');

-- the last slice of this_N ends now, which is within a day of today's midnight
SELECT count(*) AS slices, bool_and(lead_ok) AS adjacent,
       max("end"::timestamptz) BETWEEN now() AND now() + interval '1 minute' AS ends_now
FROM (SELECT start, "end", coalesce("end" = lead(start) OVER (ORDER BY start), true) AS lead_ok
      FROM pg_temp.q(:'project', 'count', '{"interval": "daily", "timeframe": "this_7_days"}')) x;
SELECT count(*) AS slices, max("end"::timestamptz) = date_trunc('day', now(), 'UTC') AS ends_at_midnight
FROM pg_temp.q(:'project', 'count', '{"interval": "daily", "timeframe": "previous_7_days"}');

-- long answers come in pieces, which make one document
SELECT count(*) > 3 AS in_pieces, max(octet_length(p)) < 100000 AS bounded,
       string_agg(p, '')::jsonb = (SELECT string_agg(q, '')::jsonb FROM tally.query(:'project', 'count',
           '{"event_collection": "orders", "interval": "hourly", "timeframe": {"start": "2024-03-15T00:00:00Z", "end": "2024-05-15T00:00:00Z"}}', true) q) AS same_pretty,
       jsonb_array_length(string_agg(p, '')::jsonb -> 'result') AS slices
FROM tally.query(:'project', 'count', '{"event_collection": "orders", "interval": "hourly",
    "timeframe": {"start": "2024-03-15T00:00:00Z", "end": "2024-05-15T00:00:00Z"}}') p;
