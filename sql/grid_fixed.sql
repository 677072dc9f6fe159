-- Steps of hours, minutes and seconds: even in UTC, whatever the clocks do.
SET search_path = public, tally;
SET timezone = 'UTC';

-- what a grid was made of is its text
SELECT tally.grid('1 hour', tstzrange('2025-03-01 10:00Z', '2025-03-01 13:00Z'), 'UTC');

-- ranges that do not start or end on a boundary have partial buckets there
SELECT n, bucket, bucket_end, partial
FROM tally.buckets(tally.grid('1 hour', tstzrange('2025-03-01 10:20Z', '2025-03-01 12:00Z'), 'UTC'));

-- one bucket may be partial at both ends
SELECT * FROM tally.buckets(tally.grid('1 hour', tstzrange('2025-03-01 10:20Z', '2025-03-01 10:40Z'), 'UTC'));

-- ends that are taken or left: one microsecond more or less
SELECT * FROM tally.buckets(tally.grid('1 hour', tstzrange('2025-03-01 10:00Z', '2025-03-01 11:00Z', '(]'), 'UTC'));

-- steps that divide a day count from local midnight: here it is 18:30 UTC
SELECT n, bucket FROM tally.buckets(tally.grid('6 hours', '[2025-03-01,2025-03-02)', 'Asia/Kolkata'));

-- other steps count from Monday 2000-01-03, 00:00 local
SELECT n, bucket, extract(epoch FROM bucket - '2000-01-03 00:00Z')::bigint % 420 AS rest, partial
FROM tally.buckets(tally.grid('7 min', tstzrange('2025-03-01 10:00Z', '2025-03-01 10:20Z'), 'UTC'));

-- a given origin counts for both
SELECT bucket FROM tally.buckets(tally.grid('1 hour', tstzrange('2025-03-01 10:15Z', '2025-03-01 12:15Z'), 'UTC', '2020-01-01 00:15Z'));
SELECT bucket FROM tally.buckets(tally.grid('7 min', tstzrange('2025-03-01 10:00Z', '2025-03-01 10:10Z'), 'UTC', '2025-03-01 10:07Z'));

-- an origin after the range
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('5 min', tstzrange('1969-12-31 23:58Z', '1970-01-01 00:03Z'), 'UTC', '2025-01-01 00:01Z'));

-- hours across a change to summer time in Berlin: 23 of them, all equal
SET timezone = 'Europe/Berlin';
SELECT count(*), min(bucket_end - bucket), max(bucket_end - bucket)
FROM tally.buckets(tally.grid('1 hour', daterange('2025-03-30', '2025-03-31'), 'Europe/Berlin'));
SELECT n, bucket FROM tally.buckets(tally.grid('30 min', tstzrange('2025-03-30 01:00+01', '2025-03-30 04:00+02'), 'Europe/Berlin'));

-- 24 hours are not a day
SELECT bucket, bucket_end, partial
FROM tally.buckets(tally.grid('24 hours', daterange('2025-03-29', '2025-04-01'), 'Europe/Berlin'));

-- fractions of a second
SET timezone = 'UTC';
SELECT n, bucket FROM tally.buckets(tally.grid('0.25 s', tstzrange('2025-03-01 10:00Z', '2025-03-01 10:00:01Z'), 'UTC'));

-- in which bucket is an instant?
SELECT t, tally.bucket(g, t), g @> t AS contains
FROM (SELECT tally.grid('1 hour', tstzrange('2025-03-01 10:20Z', '2025-03-01 12:00Z'), 'UTC') AS g) _,
	unnest(ARRAY['2025-03-01 10:19:59.999999Z', '2025-03-01 10:20Z', '2025-03-01 10:59:59.999999Z',
		'2025-03-01 11:00Z', '2025-03-01 11:59:59.999999Z', '2025-03-01 12:00Z',
		'-infinity', 'infinity', NULL]::timestamptz[]) t;

-- accessors
SELECT tally.lower(g), tally.upper(g), tally.zone(g), tally.local(g, '2025-03-01 23:00Z'), tally.instant(g, '2025-03-02 04:30')
FROM tally.grid('1 hour', tstzrange('2025-03-01 10:20Z', '2025-03-01 12:00Z'), 'asia/kolkata') g;

-- equal grids are equal, whichever way they were made
SELECT tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-02 00:00Z'), 'UTC')
	= tally.grid('60 min', daterange('2025-03-01', '2025-03-02'), 'utc') AS same,
	tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-02 00:00Z'), 'UTC')
	= tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-01 23:00Z'), 'UTC') AS other_range,
	tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-02 00:00Z'), 'UTC')
	= tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-02 00:00Z'), 'Etc/UTC') AS other_zone;

-- so they can be grouped, sorted and hashed
CREATE TEMP TABLE grids AS
SELECT i, tally.grid((i % 3 + 1) * interval '1 hour', daterange('2025-03-01', '2025-03-02'), 'UTC') AS g
FROM generate_series(1, 9) i;
SELECT count(DISTINCT g), count(*) FROM grids;
SET enable_sort = off;
SELECT count(*), array_agg(i ORDER BY i) FROM grids GROUP BY g ORDER BY 2;
RESET enable_sort;
SET enable_hashagg = off;
SELECT count(*), array_agg(i ORDER BY i) FROM grids GROUP BY g ORDER BY 2;
RESET enable_hashagg;

-- text in: settings in any order, blanks, defaults
SELECT 'zone=UTC;  until=2025-03-02 00:00+00 ;from=2025-03-01 00:00+00; every=1 hour'::tally.grid;
SELECT g::text::tally.grid = g FROM grids LIMIT 1;

-- without a zone it is the session's
SET timezone = 'Asia/Tokyo';
SELECT tally.grid('1 hour', tstzrange('2025-03-01 00:00Z', '2025-03-02 00:00Z'));
SELECT tally.grid('1 hour', daterange('2025-03-01', '2025-03-02'));
SELECT tally.grid('1 hour', '[2025-03-01,2025-03-02)');
SELECT tally.grid('1 hour', '[2025-03-01,2025-03-02)', NULL);

-- null in, null out
SELECT tally.grid(NULL, daterange('2025-03-01', '2025-03-02'), 'UTC') IS NULL,
	tally.grid('1 hour', NULL::daterange, 'UTC') IS NULL;
RESET search_path;
