-- Calendar steps where the clocks change.
SET search_path = public, tally;
SET timezone = 'Europe/Berlin';

-- a day of 23 hours, a day of 25 hours
SELECT n, bucket, bucket_end, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2025-03-29', '2025-04-01'), 'Europe/Berlin'));
SELECT n, bucket, bucket_end, bucket_end - bucket AS width, partial
FROM tally.buckets(tally.grid('1 day', daterange '[2025-10-25,2025-10-28)', 'Europe/Berlin'));

-- both passes of the hour that the clock shows twice are in the same day
SELECT t, tally.bucket(tally.grid('1 day', daterange '[2025-10-25,2025-10-28)', 'Europe/Berlin'), t)
FROM unnest('{2025-10-26 02:30+02,2025-10-26 02:30+01,2025-10-26 23:59+01,2025-10-27 00:00+01}'::timestamptz[]) t;

-- weeks and months too: 167 hours and 743
SELECT extract(epoch FROM bucket_end - bucket) / 3600 AS hours
FROM tally.buckets(tally.grid('1 week', daterange('2025-03-24', '2025-04-07'), 'Europe/Berlin'));
SELECT extract(epoch FROM bucket_end - bucket) / 3600 AS hours
FROM tally.buckets(tally.grid('1 mon', daterange('2025-03-01', '2025-05-01'), 'Europe/Berlin'));

-- the answer does not depend on the session's zone
SET timezone = 'Asia/Tokyo';
SELECT n, bucket FROM tally.buckets(tally.grid('1 day', daterange '[2025-10-25,2025-10-28)', 'Europe/Berlin'));

-- Lord Howe changes by half an hour: days of 23.5 and 24.5 hours
SET timezone = 'Australia/Lord_Howe';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2025-04-05', '2025-04-08'), 'Australia/Lord_Howe'));
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2025-10-04', '2025-10-07'), 'Australia/Lord_Howe'));

-- Apia left out 30 December 2011: no bucket, and the year is a day short
SET timezone = 'Pacific/Apia';
SELECT n, bucket, bucket_end, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2011-12-28', '2012-01-02'), 'Pacific/Apia'));
SELECT count(*) FROM tally.buckets(tally.grid('1 day', daterange('2011-01-01', '2012-01-01'), 'Pacific/Apia'));
-- a range that starts or ends on the day that was not
SELECT bucket, partial FROM tally.buckets(tally.grid('1 day', daterange('2011-12-30', '2012-01-01'), 'Pacific/Apia'));
SELECT bucket, partial FROM tally.buckets(tally.grid('1 day', daterange('2011-12-28', '2011-12-30'), 'Pacific/Apia'));
-- that day alone is no range, however it is written
SELECT tally.grid('1 day', daterange '[2011-12-30,2011-12-31)', 'Pacific/Apia');
SELECT tally.grid('1 day', '[2011-12-30,2011-12-31)', 'Pacific/Apia');

-- Manila skipped New Year's Eve 1844, Kwajalein 21 August 1993
SET timezone = 'Asia/Manila';
SELECT bucket FROM tally.buckets(tally.grid('1 day', daterange('1844-12-30', '1845-01-02'), 'Asia/Manila'));
SET timezone = 'Pacific/Kwajalein';
SELECT bucket FROM tally.buckets(tally.grid('1 day', daterange('1993-08-20', '1993-08-23'), 'Pacific/Kwajalein'));

-- Sao Paulo skipped midnight: the day starts at one o'clock
SET timezone = 'America/Sao_Paulo';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2018-11-03', '2018-11-06'), 'America/Sao_Paulo'));
-- and showed the hour before midnight twice: both belong to the old day
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2018-02-17', '2018-02-20'), 'America/Sao_Paulo'));

-- Havana shows midnight twice: the day starts the first time
SET timezone = 'America/Havana';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2025-11-01', '2025-11-04'), 'America/Havana'));
SELECT t, tally.bucket(g, t) FROM tally.grid('1 day', daterange('2025-11-01', '2025-11-04'), 'America/Havana') g,
	unnest('{2025-11-02 03:59:59Z,2025-11-02 04:00Z,2025-11-02 04:59:59Z,2025-11-02 05:00Z,2025-11-02 05:30Z}'::timestamptz[]) t;

-- St John's went from 00:01 back to 23:01: the new day starts at the first
-- midnight, so what the clock shows as 23:30 after it is of the new day
SET timezone = 'America/St_Johns';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2006-10-28', '2006-10-31'), 'America/St_Johns'));

-- Amman skipped the first hour of July 1999
SET timezone = 'Asia/Amman';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 mon', daterange('1999-06-01', '1999-08-01'), 'Asia/Amman'));

-- the clocks of Monrovia were once set forward by 44 min 30 s
SET timezone = 'Africa/Monrovia';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('1972-01-06', '1972-01-09'), 'Africa/Monrovia'));

-- the rules of a zone go on after the changes that are listed one by one
SET timezone = 'Europe/Berlin';
SELECT bucket, bucket_end - bucket AS width
FROM tally.buckets(tally.grid('1 day', daterange('2437-03-28', '2437-03-31'), 'Europe/Berlin'));
SELECT count(*), count(*) FILTER (WHERE bucket_end - bucket <> '1 day') AS changes
FROM tally.buckets(tally.grid('1 day', daterange('2390-01-01', '2450-01-01'), 'Europe/Berlin'));

-- a zone by offset, by POSIX rule, by a name that is an abbreviation elsewhere
SELECT tally.lower(tally.grid('1 day', daterange('2025-07-01', '2025-07-02'), z)) AT TIME ZONE 'UTC', z
FROM unnest('{+02:00,-0330,+00,<+02>-02,Etc/GMT-2,"CET-1CEST,M3.5.0,M10.5.0/3",CET,EST5EDT,GMT0}'::text[]) z;

-- local clock times, both ways, at a gap and at a repeated hour
SELECT tally.instant(g, '2025-03-30 02:30') AS skipped, tally.instant(g, '2025-10-26 02:30') AS twice,
	tally.local(g, '2025-10-26 00:30Z'), tally.local(g, '2025-10-26 01:30Z')
FROM tally.grid('1 day', daterange('2025-01-01', '2025-01-02'), 'Europe/Berlin') g;

-- a range that starts in a gap starts where the clock goes on
SELECT tally.lower(tally.grid('1 hour', '[2025-03-30 02:30,2025-03-30 05:00)', 'Europe/Berlin'));
RESET search_path;
