-- Days, weeks, months and years, and what they are counted from.
SET search_path = public, tally;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- days
SELECT * FROM tally.buckets(tally.grid('1 day', daterange('2025-03-01', '2025-03-04'), 'UTC'));

-- two and ten days count from Monday 2000-01-03
SELECT bucket::date, (bucket::date - '2000-01-03') % 10 AS rest, partial
FROM tally.buckets(tally.grid('10 days', daterange('2025-03-01', '2025-03-31'), 'UTC'));

-- weeks start on Monday, or on week_start
SELECT to_char(bucket, 'Dy YYYY-MM-DD'), partial
FROM tally.buckets(tally.grid('1 week', daterange('2025-03-01', '2025-03-17'), 'UTC'));
SELECT to_char(bucket, 'Dy YYYY-MM-DD'), partial
FROM tally.buckets(tally.grid('1 week', daterange('2025-03-01', '2025-03-17'), 'UTC', week_start => 7));
SELECT d, to_char(min(bucket), 'Dy YYYY-MM-DD') AS first
FROM generate_series(1, 7) d,
	tally.buckets(tally.grid('7 days', daterange('2025-03-06', '2025-03-07'), 'UTC', week_start => d))
GROUP BY d ORDER BY d;

-- ISO weeks around New Year
SELECT to_char(bucket, 'IYYY-"W"IW') AS iso, bucket::date
FROM tally.buckets(tally.grid('1 week', daterange('2026-12-21', '2027-01-18'), 'UTC'));

-- weeks before the origin
SELECT to_char(bucket, 'Dy YYYY-MM-DD')
FROM tally.buckets(tally.grid('1 week', daterange('1969-12-25', '1970-01-06'), 'UTC'));

-- two weeks, by both starts
SELECT array_agg(to_char(bucket, 'Dy YYYY-MM-DD') ORDER BY n)
FROM tally.buckets(tally.grid('2 weeks', daterange('1999-12-20', '2000-01-31'), 'UTC'));
SELECT array_agg(to_char(bucket, 'Dy YYYY-MM-DD') ORDER BY n)
FROM tally.buckets(tally.grid('2 weeks', daterange('1999-12-20', '2000-01-31'), 'UTC', week_start => 7));

-- months, with a leap day
SELECT bucket::date, bucket_end - bucket AS width, partial
FROM tally.buckets(tally.grid('1 mon', daterange('2024-01-15', '2024-05-01'), 'UTC'));

-- months from 31 January do not drift
SELECT bucket::date FROM tally.buckets(tally.grid('1 mon', daterange('2025-01-31', '2026-03-31'), 'UTC', '2025-01-31 00:00Z'));
-- nor do they when counted back
SELECT bucket::date FROM tally.buckets(tally.grid('1 mon', daterange('2023-12-31', '2024-05-31'), 'UTC', '2030-10-31 00:00Z'));
-- and 29 February comes back
SELECT bucket::date FROM tally.buckets(tally.grid('1 year', daterange('2020-02-29', '2026-01-01'), 'UTC', '2020-02-29 00:00Z'));

-- an instant between the month's end and the origin's day
SELECT t, tally.bucket(tally.grid('1 mon', daterange('2025-01-31', '2025-05-31'), 'UTC', '2025-01-31 00:00Z'), t)::date
FROM unnest('{2025-02-27 23:59:59Z,2025-02-28 00:00Z,2025-03-30 12:00Z,2025-03-31 00:00Z,2025-04-29 23:00Z,2025-04-30 00:00Z}'::timestamptz[]) t;

-- quarters, half years, years, decades, centuries
SELECT bucket::date FROM tally.buckets(tally.grid('3 mons', daterange('2025-02-01', '2025-12-01'), 'UTC'));
SELECT bucket::date FROM tally.buckets(tally.grid('6 mons', daterange('2025-02-01', '2025-12-01'), 'UTC'));
SELECT bucket::date, partial FROM tally.buckets(tally.grid('1 year', daterange('1998-06-01', '2002-01-01'), 'UTC'));
SELECT bucket::date FROM tally.buckets(tally.grid('10 years', daterange('1965-01-01', '1991-01-01'), 'UTC'));
SELECT bucket::date, bucket_end::date FROM tally.buckets(tally.grid('100 years', daterange('1583-01-01', '1800-01-01'), 'UTC'));

-- a fiscal year from April, and one from 6 April
SELECT bucket::date FROM tally.buckets(tally.grid('1 year', daterange('2023-04-01', '2026-04-01'), 'UTC', '2000-04-01 00:00Z'));
SET timezone = 'Europe/London';
SELECT bucket FROM tally.buckets(tally.grid('3 mons', daterange('2024-04-06', '2025-04-06'), 'Europe/London', '2000-04-06 00:00 Europe/London'));
SET timezone = 'UTC';

-- days that start at six
SELECT bucket, partial FROM tally.buckets(tally.grid('1 day', daterange('2025-03-01', '2025-03-03'), 'UTC', '2000-01-01 06:00Z'));

-- months of 5, counted from 2000, before and after it
SELECT bucket::date FROM tally.buckets(tally.grid('5 mons', daterange('1999-01-01', '2001-01-01'), 'UTC'));

-- before 1970, before standard time (Paris was 9 min 21 s ahead), before Christ
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 mon', daterange('1890-11-01', '1891-04-01'), 'Europe/Paris'));
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 day', daterange('1582-10-04', '1582-10-06'), 'UTC'));
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 year', daterange('0002-01-01 BC', '0002-01-01'), 'UTC'));

-- the first and the last years there are
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 year', daterange('4713-01-01 BC', '4711-01-01 BC'), 'UTC'));
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 year', daterange('294274-01-01', '294276-01-01'), 'Europe/Berlin'));
SELECT bucket, bucket_end FROM tally.buckets(tally.grid('1 day', daterange('294276-12-30', '294276-12-31'), 'UTC'));

-- whether boundaries are listed or computed shows in the size
SELECT every, zone, pg_column_size(tally.grid(every, daterange('2025-01-01', '2026-01-01'), zone)) AS bytes
FROM unnest('{1 day,1 mon}'::interval[]) every, unnest('{UTC,Etc/GMT-3,Asia/Kolkata,Europe/Berlin}'::text[]) zone;

-- a stored grid is the same grid
CREATE TEMP TABLE stored (g tally.grid);
INSERT INTO stored VALUES (tally.grid('1 day', daterange('2000-01-01', '2025-01-01'), 'Europe/Berlin'));
SELECT tally.lower(g), tally.upper(g), tally.bucket(g, '2020-06-01 12:00Z'),
	g = tally.grid('1 day', daterange('2000-01-01', '2025-01-01'), 'Europe/Berlin') AS same,
	(SELECT count(*) FROM tally.buckets(g)) AS buckets, pg_column_size(g) > 70000 AS listed
FROM stored;
RESET search_path;
RESET datestyle;
