-- Whose clock: names follow daylight saving, offsets do not, and instants with
-- an offset bring their own.
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';  -- the session's must not matter
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_zone') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'visits' FROM tally_store.project WHERE id = :'project';
-- an event every 15 minutes, from 1 January to 31 December 2024 UTC
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, at, at, '{}'
FROM tally_store.project p JOIN tally_store.collection c USING (project_id),
     generate_series('2024-01-01 00:00+00'::timestamptz, '2024-12-31 23:45+00', '15 minutes') at
WHERE p.id = :'project';

CREATE FUNCTION pg_temp.q(project text, more jsonb)
    RETURNS TABLE (start text, "end" text, value int) LANGUAGE sql
AS $$
    SELECT s #>> '{timeframe,start}', s #>> '{timeframe,end}', (s -> 'value')::int
    FROM (SELECT string_agg(piece, '')::jsonb AS answer FROM (
              SELECT tally.query(project, 'count', '{"event_collection": "visits"}' || more) AS piece) x) y,
         jsonb_array_elements(answer -> 'result') WITH ORDINALITY AS t(s, n)
    ORDER BY n
$$;

-- days of New York around both changes of its clocks: 92 and 100 quarters
SELECT * FROM pg_temp.q(:'project', '{"timezone": "US/Eastern", "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-12"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "US/Eastern", "interval": "daily", "timeframe": {"start": "2024-11-02T00:00:00", "end": "2024-11-05T00:00:00"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "US/Eastern", "interval": "monthly", "timeframe": {"start": "2024-02-01", "end": "2024-05-01"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "Europe/Berlin", "interval": "every_2_days", "timeframe": {"start": "2024-03-29T12:00", "end": "2024-04-02T12:00"}}');

-- an offset is fixed, as a number or as digits
SELECT * FROM pg_temp.q(:'project', '{"timezone": -18000, "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-12"}}');
SELECT (SELECT array_agg(a) FROM pg_temp.q(:'project', '{"timezone": 20700, "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-12"}}') a)
     = (SELECT array_agg(a) FROM pg_temp.q(:'project', '{"timezone": "20700", "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-12"}}') a) AS same;
SELECT * FROM pg_temp.q(:'project', '{"timezone": "20700", "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-10"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "0", "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-10"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": -3600.0, "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-10"}}');

-- a start with an offset: its days, whatever the zone
SELECT * FROM pg_temp.q(:'project', '{"timezone": "US/Pacific", "interval": "daily", "timeframe": {"start": "2024-03-09T00:00:00Z", "end": "2024-03-11T00:00:00Z"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "UTC", "interval": "daily", "timeframe": {"start": "2024-03-09T00:00:00-05:00", "end": "2024-03-12T00:00:00-04:00"}}');
SELECT * FROM pg_temp.q(:'project', '{"timezone": "UTC", "interval": "daily", "timeframe": {"start": "2024-03-09T00:00:00+0530", "end": "2024-03-10"}}');
-- only the end has one: the zone's days up to that instant
SELECT * FROM pg_temp.q(:'project', '{"timezone": "US/Eastern", "interval": "daily", "timeframe": {"start": "2024-03-09", "end": "2024-03-10T12:00:00Z"}}');

-- without an interval
SELECT tally.query(:'project', 'count', jsonb_build_object('event_collection', 'visits', 'timezone', z,
    'timeframe', '{"start": "2024-03-10", "end": "2024-03-11"}'::jsonb)), z
FROM unnest('{UTC,US/Eastern,Asia/Kathmandu,Pacific/Auckland}'::text[]) z;

-- filters read instants by the same clock
SELECT z, tally.query(:'project', 'count', jsonb_build_object('event_collection', 'visits', 'timezone', z,
    'timeframe', '{"start": "2024-03-10T00:00:00Z", "end": "2024-03-11T00:00:00Z"}'::jsonb,
    'filters', '[{"property_name": "keen.timestamp", "operator": "lt", "property_value": "2024-03-10T06:00:00"}]'::jsonb))
FROM unnest('{UTC,US/Eastern,Europe/Berlin}'::text[]) z;
