-- What is refused, and what the message says about it.
SET search_path = public, tally;
SET timezone = 'UTC';
\set VERBOSITY default

-- steps
SELECT tally.grid('1 mon 1 day', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('1 day 1 hour', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('0 days', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('-1 hour', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('-3 mons', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('1 mon -1 day', daterange('2025-01-01', '2025-02-01'), 'UTC');
SELECT tally.grid('a week', daterange('2025-01-01', '2025-02-01'), 'UTC');

-- ranges
SELECT tally.grid('1 day', daterange('2025-01-01', NULL), 'UTC');
SELECT tally.grid('1 day', daterange(NULL, '2025-01-01'), 'UTC');
SELECT tally.grid('1 day', daterange('2025-01-01', 'infinity'), 'UTC');
SELECT tally.grid('1 day', tstzrange('-infinity', '2025-01-01'), 'UTC');
SELECT tally.grid('1 day', tstzrange('2025-01-01', 'infinity', '[]'), 'UTC');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-01-01'), 'UTC');
SELECT tally.grid('1 day', tstzrange('2025-01-01', '2025-01-01 00:00:00.000001', '()'), 'UTC');
SELECT tally.grid('1 day', '[2025-02-01,2025-01-01)', 'UTC');
SELECT tally.grid('1 day', '[2025-02-01,2025-02-01)', 'UTC');
SELECT tally.grid('1 day', '[2025-02-01,', 'UTC');
SELECT tally.grid('1 day', '[2025-02-01,)', 'UTC');
SELECT tally.grid('1 day', '[2025-02-01,2025-02-30)', 'UTC');
SELECT tally.grid('1 day', 'this_week_or_so', 'UTC');

-- zones
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'Europe/Nowhere');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'CEST');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'UTC+3');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'gmt3');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'Europe/Berlin2');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '+25:00');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '+2');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '2');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '+02:60');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), '../../etc/passwd');
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), repeat('x', 300));
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), NULL::text);

-- origin, week_start
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'UTC', 'infinity');
SELECT tally.grid('1 week', daterange('2025-01-01', '2025-02-01'), 'UTC', week_start => 0);
SELECT tally.grid('1 week', daterange('2025-01-01', '2025-02-01'), 'UTC', week_start => 8);

-- too many buckets: told before memory is taken for them
SELECT tally.grid('1 s', daterange('2025-01-01', '2026-01-01'), 'UTC');
SELECT tally.grid('1 day', daterange('1000-01-01', '9000-01-01'), 'Europe/Berlin');
SELECT tally.grid('1 mon', daterange('4000-01-01 BC', '9000-01-01'), 'Europe/Berlin');
SELECT tally.grid('0.000001 s', tstzrange('2000-01-01', '200000-01-01'), 'UTC');
SET tally.max_buckets = 31;
SELECT count(*) FROM tally.buckets(tally.grid('1 day', daterange('2025-01-01', '2025-02-01'), 'Europe/Berlin'));
SELECT tally.grid('1 day', daterange('2025-01-01', '2025-02-02'), 'Europe/Berlin');
-- a text or a stored grid obeys the limit as well
SELECT 'every=1 day; from=2025-01-01 00:00:00+00; until=2025-03-01 00:00:00+00; zone=UTC'::tally.grid;
RESET tally.max_buckets;

-- the ends of time
SELECT tally.grid('1 year', daterange('294276-01-01', '294276-12-31'), 'UTC');
SELECT tally.grid('1000 years', daterange('4713-01-01 BC', '4712-01-01 BC'), 'UTC', '2500-01-01Z');
SELECT tally.grid('178000000 years', daterange('2025-01-01', '2026-01-01'), 'UTC');
SELECT tally.grid('2147483647 days', daterange('2025-01-01', '2026-01-01'), 'Europe/Berlin');
SELECT tally.grid('2147483647 mons', daterange('2025-01-01', '2026-01-01'), 'Europe/Berlin');
SELECT tally.grid('2562047788 hours', daterange('2025-01-01', '2026-01-01'), 'UTC');
SELECT tally.grid('1 day', daterange('2025-01-01', '294277-01-01'), 'UTC');
SELECT tally.grid('1 day', daterange('2025-01-01', '5874897-12-31'), 'UTC');
SELECT tally.grid('1000 years', daterange('4713-01-01 BC', '294276-01-01'), 'UTC');
SELECT tally.grid('1 hour', tstzrange('4713-01-01 BC', '4712-01-01 BC'), 'UTC', '294276-01-01 00:30Z');

-- text that is no grid
SELECT ''::tally.grid;
SELECT 'every'::tally.grid;
SELECT 'every=1 day'::tally.grid;
SELECT 'every=1 day; every=2 days'::tally.grid;
SELECT 'each=1 day'::tally.grid;
SELECT 'every=1 day;'::tally.grid;
SELECT 'every=1 day; from=2025-01-01 00:00:00+00; until=2025-03-01 00:00:00+00; zone=UTC; week_start=9'::tally.grid;
SELECT 'every=1 day; from=2025-01-01 00:00:00+00; until=2025-03-01 00:00:00+00; zone=Mars'::tally.grid;
SELECT 'every=1 day; from=infinity; until=2025-03-01 00:00:00+00; zone=UTC'::tally.grid;
SELECT 'every=1 day; from=yesterdayish; until=2025-03-01 00:00:00+00; zone=UTC'::tally.grid;
SELECT repeat('x', 2000)::tally.grid;
RESET search_path;
