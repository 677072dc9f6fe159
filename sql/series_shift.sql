-- tally.shift(series, by): the same cells, later or earlier.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA m;
SELECT setseed(0.52);
CREATE TABLE m.r AS SELECT '2025-02-01'::timestamptz + random() * interval '80 days' AS at,
  (100 * random())::numeric(5,2) AS v FROM generate_series(1, 400);

-- this week beside the last, by the day
SELECT r.bucket AT TIME ZONE 'Europe/Berlin' AS day, r.value, p.value AS week_before, r.value - p.value AS change
FROM (SELECT tally.count(a, at) AS this, tally.count(b, at) AS last FROM m.r,
    tally.grid('1 day', daterange '[2025-03-27,2025-04-03)', 'Europe/Berlin') a,
    tally.grid('1 day', daterange '[2025-03-20,2025-03-27)', 'Europe/Berlin') b) x,
  LATERAL tally.rows(this) r JOIN LATERAL tally.rows(tally.shift(last, '1 week')) p USING (bucket) ORDER BY 1;

-- against the rows themselves, moved; where the grid is the one that
-- tally.grid() makes of the moved range, the two can be merged
CREATE FUNCTION m.compare(every interval, during tstzrange, zone text, by interval, origin timestamptz, moved_origin timestamptz,
    OUT buckets bigint, OUT seen bigint, OUT different bigint, OUT merged bigint) LANGUAGE sql AS $$
  WITH x AS MATERIALIZED (SELECT tally.shift(tally.sum(tally.grid(every, during, zone, origin), at, v), by) AS got,
      tally.sum(tally.grid(every, tstzrange((lower(during) AT TIME ZONE zone + by) AT TIME ZONE zone,
        (upper(during) AT TIME ZONE zone + by) AT TIME ZONE zone), zone, moved_origin), (at AT TIME ZONE zone + by) AT TIME ZONE zone, v) AS want
    FROM m.r)
  SELECT count(*), count(*) FILTER (WHERE w.n > 0), count(*) FILTER (WHERE (g.bucket, g.bucket_end, g.value, g.n, g.is_filled, g.is_partial)
      IS DISTINCT FROM (w.bucket, w.bucket_end, w.value, w.n, w.is_filled, w.is_partial)),
    (SELECT sum(n)::bigint FROM (SELECT tally.merge(s) AS s FROM x, unnest(ARRAY[got, want]) s) y, LATERAL tally.rows(s))
  FROM (SELECT w.* FROM x, LATERAL tally.rows(want) w) w
    FULL JOIN (SELECT g.* FROM x, LATERAL tally.rows(got) g) g ON g.bucket = w.bucket $$;
SELECT what, c.* FROM (VALUES
  (1, 'days', '1 day'::interval, tstzrange('2025-02-09 23:00Z', '2025-03-19 23:00Z'), 'Europe/Berlin', interval '12 days', NULL::timestamptz, NULL::timestamptz),
  (2, 'days over the end of summer time, back', '1 day', '[2025-03-01 05:00Z,2025-04-10 04:00Z)', 'America/New_York', '-5 months -3 days', NULL, NULL),
  (3, 'weeks by a day: from another origin', '1 week', '[2025-02-10 00:00Z,2025-03-30 00:00Z)', 'UTC', '1 day', NULL, '2000-01-04 00:00Z'),
  (4, 'weeks by a week', '1 week', '[2025-02-10 00:00Z,2025-03-30 12:00Z)', 'UTC', '1 week', NULL, NULL),
  (5, 'months by a year', '1 month', '[2025-02-14 00:00Z,2025-04-14 00:00Z)', 'UTC', '-1 year', NULL, NULL),
  (6, 'hours by half an hour', '1 hour', '[2025-02-14 00:00Z,2025-02-20 00:20Z)', 'UTC', '30 min', NULL, '2025-02-14 00:30Z'),
  (7, 'hours by days', '1 hour', '[2025-02-14 00:00Z,2025-02-20 00:20Z)', 'Asia/Kathmandu', '-3 days', NULL, NULL),
  (8, 'seven hours, from the 14th', '7 hours', '[2025-02-14 00:00Z,2025-02-20 00:20Z)', 'UTC', '70 hours', '2025-02-14 00:00Z', '2025-02-14 00:00Z'))
  x(i, what, every, during, zone, by, origin, moved_origin), LATERAL m.compare(every, during, zone, by, origin, moved_origin) c ORDER BY i;

-- there and back is where it was
SELECT tally.shift(tally.shift(s, '1 year 3 days'), '-3 days')::text = tally.shift(s, '1 year')::text AS adds_up,
  tally.shift(s, '0')::text = s::text AS stays
FROM (SELECT tally.avg(g, at, v) AS s FROM m.r, tally.grid('1 day', daterange '[2025-03-01,2025-04-01)', 'UTC') g) x;

-- refused: two days would be one, a day would have an hour more, an hour two
SELECT tally.shift(s, '1 month') FROM (SELECT tally.count(g, at) AS s FROM m.r, tally.grid('1 day', daterange '[2025-03-01,2025-04-01)', 'UTC') g) x;
SELECT tally.shift(s, '24 hours') FROM (SELECT tally.count(g, at) AS s FROM m.r, tally.grid('1 day', daterange '[2025-03-27,2025-03-31)', 'Europe/Berlin') g) x;
SELECT tally.shift(s, '1 day') FROM (SELECT tally.count(g, at) AS s FROM m.r, tally.grid('1 hour', daterange '[2025-03-29,2025-03-30)', 'Europe/Berlin') g) x;
SELECT tally.shift(s, '1 day') FROM (SELECT tally.count(g, at) AS s FROM m.r, tally.grid('15 min', tstzrange('2025-03-29 01:00Z', '2025-03-29 01:30Z'), 'Europe/Berlin') g) x;
SELECT tally.shift(s, '300000 years') FROM (SELECT tally.count(g, at) AS s FROM m.r, tally.grid('1 day', daterange '[2025-03-01,2025-04-01)', 'UTC') g) x;
SELECT tally.shift(NULL, '1 day') IS NULL AS is_null;

SET client_min_messages = warning;
DROP SCHEMA m CASCADE;
