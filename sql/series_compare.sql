-- tally.compare(), tally.earlier(): a period beside an earlier one.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA cmp;

-- the earlier period: as many buckets right before, cut where the range is cut
SELECT k, lower(tally.earlier(g)) AT TIME ZONE z AS lower, upper(tally.earlier(g)) AT TIME ZONE z AS upper,
  (SELECT count(*) FROM tally.buckets(g)) AS n, (SELECT count(*) FROM tally.buckets(tally.earlier(g))) AS earlier_n,
  (SELECT min(bucket) FROM tally.buckets(g)) = (SELECT max(bucket_end) FROM tally.buckets(tally.earlier(g))) AS adjacent
FROM (VALUES (1, tally.grid('1 day', daterange '[2025-03-01,2025-04-01)', 'Europe/Berlin'), 'Europe/Berlin'),
  (2, tally.grid('1 month', daterange '[2025-01-01,2026-01-01)', 'UTC'), 'UTC'),
  (3, tally.grid('1 month', daterange '[2025-01-31,2025-04-30)', 'UTC', '2025-01-31'), 'UTC'),
  (4, tally.grid('1 day', tstzrange('2025-11-01 00:00+00', '2025-11-04 14:30+00'), 'America/New_York'), 'America/New_York'),
  (5, tally.grid('1 hour', daterange '[2025-10-26,2025-10-27)', 'Europe/Berlin'), 'Europe/Berlin'),
  (6, tally.grid('1 week', daterange '[2025-03-10,2025-03-24)', 'UTC', week_start => 1), 'UTC'),
  (7, tally.grid('1 day', daterange '[2012-01-01,2012-01-04)', 'Pacific/Apia'), 'Pacific/Apia'),
  (8, tally.grid('5 hours', tstzrange('2025-03-30 00:00+00', '2025-04-02 00:00+00'), 'Australia/Lord_Howe'), 'UTC')) x(k, g, z) ORDER BY 1;
-- by an interval: the same dates, whatever their number
SELECT k, lower(e) AT TIME ZONE z AS lower, upper(e) AT TIME ZONE z AS upper, (SELECT count(*) FROM tally.buckets(g)) AS n, (SELECT count(*) FROM tally.buckets(e)) AS earlier_n
FROM (SELECT k, g, z, tally.earlier(g, by) AS e FROM (VALUES (1, tally.grid('1 day', daterange '[2024-02-01,2024-03-01)', 'Europe/Berlin'), 'Europe/Berlin', interval '1 year'),
  (2, tally.grid('1 day', daterange '[2025-03-01,2025-04-01)', 'Europe/Berlin'), 'Europe/Berlin', '1 month'),
  (3, tally.grid('1 hour', daterange '[2025-10-26,2025-10-27)', 'Europe/Berlin'), 'Europe/Berlin', '1 day'),
  (4, tally.grid('1 month', daterange '[2025-01-01,2025-04-01)', 'UTC'), 'UTC', '1 year'),
  (5, tally.grid('1 week', daterange '[2025-03-03,2025-03-17)', 'UTC'), 'UTC', '52 weeks'),
  (6, tally.grid('1 week', daterange '[2026-03-02,2026-03-16)', 'UTC'), 'UTC', '1 year')) x(k, g, z, by)) y ORDER BY 1;

-- 29 February has no day a year before, and is no day a year later
CREATE TABLE cmp.v (at timestamptz, v numeric);
INSERT INTO cmp.v SELECT d + i * interval '1 minute', 1 + i FROM generate_series('2023-02-01 12:00Z'::timestamptz, '2025-03-31', '1 day') d,
  generate_series(1, extract(day FROM d)::int % 7) i;
CREATE FUNCTION cmp.days(during daterange, by interval) RETURNS TABLE (day date, value float8, earlier date, earlier_value float8, change float8, ratio float8)
LANGUAGE sql AS $$
  SELECT c.bucket::date, c.value, c.earlier_bucket::date, c.earlier_value, c.change, c.ratio
  FROM (SELECT g, tally.earlier(g, by) AS e FROM tally.grid('1 day', during, 'UTC') g) x,
    LATERAL (SELECT tally.count(g, at) AS now, tally.count(e, at) AS before FROM cmp.v) s, LATERAL tally.compare(now, before, by) c $$;
SELECT * FROM cmp.days('[2024-02-27,2024-03-03)', '1 year');
SELECT * FROM cmp.days('[2025-02-27,2025-03-03)', '1 year');
-- the days of March beside those of February, and the other way round
SELECT * FROM cmp.days('[2025-03-01,2025-04-01)', '1 month') WHERE day >= '2025-03-27';
SELECT * FROM cmp.days('[2025-02-01,2025-03-01)', '1 month') WHERE day >= '2025-02-27';
-- clock changes: an hour that was not there, and one that was there twice
SELECT c.bucket AT TIME ZONE 'Europe/Berlin' AS hour, c.earlier_bucket AT TIME ZONE 'Europe/Berlin' AS earlier, c.bucket - c.earlier_bucket AS apart
FROM unnest('{2025-03-31,2025-10-26}'::date[]) day, tally.grid('1 hour', daterange(day, day + 1), 'Europe/Berlin') g,
  LATERAL (SELECT tally.count(g, at) AS now, tally.count(tally.earlier(g, '1 day'), at) AS before FROM cmp.v) s,
  LATERAL tally.compare(now, before, '1 day') c WHERE extract(hour FROM c.bucket AT TIME ZONE 'Europe/Berlin') BETWEEN 1 AND 3 ORDER BY c.bucket;
-- by default one by one: what matters then is the number
SELECT bucket::date, bucket_end - bucket AS width, value, earlier_bucket::date AS earlier, earlier_bucket_end - earlier_bucket AS earlier_width, earlier_value, n, earlier_n, change, round(ratio::numeric, 4) AS ratio, is_filled, is_partial
FROM (SELECT g, tally.earlier(g) AS e FROM tally.grid('1 month', tstzrange('2025-01-01', '2025-03-15 12:00Z'), 'UTC') g) x,
  LATERAL (SELECT tally.avg(g, at, v) AS now, tally.avg(e, at, v) AS before FROM cmp.v) s, LATERAL tally.compare(now, before) c;

-- random days against plain SQL: dates are subtracted, and kept if the way back leads to them
SELECT 20261122 AS seed \gset
SELECT 'seed', :seed, setseed(1.0 / :seed);
CREATE TABLE cmp.ev AS SELECT '2019-06-01'::timestamptz + random() * interval '6 years' AS at, random() AS v FROM generate_series(1, 6000);
CREATE TABLE cmp.cases AS SELECT k, z, d, d + len AS e, by, now, before FROM (
    SELECT k, (ARRAY['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kolkata'])[1 + floor(random() * 6)] AS z,
      '2021-01-01'::date + floor(random() * 1500)::int AS d, 1 + floor(random() * 120)::int AS len,
      (ARRAY['1 month', '1 year', '1 day', '364 days', '3 months', '2 years', '1 mon 3 days'])[1 + floor(random() * 7)]::interval AS by
    FROM generate_series(1, 150) k) x, LATERAL tally.grid('1 day', daterange(d, d + len), z) g,
  LATERAL (SELECT tally.sum(g, at, v) AS now, tally.sum(tally.earlier(g, by), at, v) AS before FROM cmp.ev) s;
CREATE TABLE cmp.days_of AS SELECT z, (at AT TIME ZONE z)::date AS day, sum(v) AS v, count(*) AS n FROM cmp.ev, (SELECT DISTINCT z FROM cmp.cases) zones GROUP BY 1, 2;
CREATE TABLE cmp.got AS SELECT k, z, by, d, (c.bucket AT TIME ZONE z)::date AS day, (c.earlier_bucket AT TIME ZONE z)::date AS before, c.value, c.n, c.earlier_value, c.earlier_n, c.change, c.ratio
  FROM cmp.cases, LATERAL tally.compare(now, before, by) c;
CREATE TABLE cmp.want AS SELECT k, day::date, CASE WHEN (day - by) + by = day THEN (day - by)::date END AS before, n.v AS value, coalesce(n.n, 0) AS n
  FROM cmp.cases, LATERAL generate_series(d::timestamp, e - interval '1 day', '1 day') day LEFT JOIN LATERAL (SELECT v, n FROM cmp.days_of x WHERE x.z = cases.z AND x.day = day.day::date) n ON true;
SELECT count(*), count(w.before) AS paired, count(g.change) AS changes, count(*) FILTER (WHERE g.k IS NULL OR w.k IS NULL) AS missing,
  count(*) FILTER (WHERE g.before IS DISTINCT FROM w.before OR g.n <> w.n OR g.earlier_n IS DISTINCT FROM CASE WHEN w.before IS NOT NULL THEN coalesce(b.n, 0) END) AS different,
  count(*) FILTER (WHERE (g.value IS NULL) <> (w.value IS NULL) OR (g.earlier_value IS NULL) <> (b.v IS NULL OR w.before IS NULL)
    OR abs(g.value - w.value) > 1e-9 OR abs(g.earlier_value - b.v) > 1e-9
    OR g.change IS DISTINCT FROM g.value - g.earlier_value OR g.ratio IS DISTINCT FROM g.value / nullif(g.earlier_value, 0)) AS wrong
FROM cmp.got g FULL JOIN cmp.want w USING (k, day) LEFT JOIN cmp.days_of b ON b.z = g.z AND b.day = w.before;
-- one by one: number i beside number i
SELECT count(*), count(*) FILTER (WHERE r IS DISTINCT FROM (c.bucket, c.bucket_end, c.value, c.n, c.is_filled, c.is_partial)) AS different,
  count(*) FILTER (WHERE e IS DISTINCT FROM ROW(c.earlier_bucket, c.earlier_bucket_end, c.earlier_value, c.earlier_n)) AS earlier_different
FROM (SELECT k, g, tally.earlier(g) AS before FROM (SELECT k, (ARRAY['1 day', '1 week', '1 month', '6 hours', '45 min', '3 days'])[1 + k % 6]::interval AS every, '2022-03-20'::timestamptz + k * interval '5 days 3 hours' AS a,
      (ARRAY['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia'])[1 + k % 4] AS z FROM generate_series(1, 60) k) x, LATERAL tally.grid(every, tstzrange(a, a + 7 * every), z) g) y,
  LATERAL (SELECT tally.max(g, at, v) AS s, tally.max(before, at, v) AS p FROM cmp.ev) s, LATERAL ROWS FROM (tally.compare(s, p)) WITH ORDINALITY c
  JOIN LATERAL (SELECT r, i FROM (SELECT ROW(bucket, bucket_end, value, n, is_filled, is_partial) AS r, row_number() OVER () AS i FROM tally.rows(s)) q) q ON q.i = c.ordinality
  JOIN LATERAL (SELECT ROW(bucket, bucket_end, value, n) AS e, row_number() OVER () AS i FROM tally.rows(p)) w ON w.i = c.ordinality;

-- fills of either side are respected; no earlier series, no series; a prepared statement and PL/pgSQL
SELECT array_agg(value) AS value, array_agg(earlier_value) AS earlier, array_agg(change) AS change, array_agg(ratio) AS ratio, array_agg(is_filled) AS is_filled
FROM tally.grid('1 day', daterange '[2025-03-08,2025-03-12)', 'UTC') g, LATERAL (SELECT tally.fill(tally.max(g, at, v), 'previous') AS now, tally.fill(tally.max(tally.earlier(g), at, v), '-4') AS before
  FROM cmp.v WHERE at::date NOT IN ('2025-03-10', '2025-03-06')) s, LATERAL tally.compare(now, before) c;
SELECT count(*), count(value), count(earlier_bucket), count(change) FROM (SELECT tally.count(g, at) AS s FROM cmp.v, tally.grid('1 day', daterange '[2025-03-08,2025-03-12)', 'UTC') g) x, LATERAL tally.compare(s, NULL) c;
SELECT count(*) FROM (SELECT tally.count(g, at) AS s FROM cmp.v, tally.grid('1 day', daterange '[2025-03-08,2025-03-12)', 'UTC') g) x, LATERAL tally.compare(NULL, s) c;
SELECT tally.earlier(NULL) IS NULL;
SET plan_cache_mode = force_generic_plan;
PREPARE cmp(daterange, interval) AS SELECT sum(value) AS now, sum(earlier_value) AS before FROM (SELECT tally.count(g, at) AS now, tally.count(tally.earlier(g, $2), at) AS before
  FROM cmp.v, tally.grid('1 day', $1, 'UTC') g) s, LATERAL tally.compare(now, before, $2) c;
EXECUTE cmp('[2025-03-01,2025-03-11)', '1 month');
EXECUTE cmp('[2024-02-28,2024-03-02)', '1 year');
RESET plan_cache_mode;
DO $$
DECLARE
  g tally.grid := tally.grid('1 day', daterange '[2025-03-01,2025-03-03)', 'UTC');
  now tally.series;
  before tally.series;
  r record;
BEGIN
  SELECT tally.count(g, at), tally.count(tally.earlier(g), at) INTO now, before FROM cmp.v;
  FOR r IN SELECT * FROM tally.compare(now, before) LOOP
    RAISE NOTICE '% % % %', r.bucket::date, r.value, r.earlier_value, r.change;
  END LOOP;
END $$;
-- the earlier grid is a constant of the plan, too
EXPLAIN (COSTS off) SELECT count(*) FROM cmp.v WHERE tally.earlier(tally.grid('1 day', daterange '[2025-03-01,2025-03-03)', 'UTC'), '1 year') @> at;

-- mistakes
SELECT tally.earlier(g, by) FROM tally.grid('1 day', daterange '[2025-03-01,2025-03-03)', 'UTC') g, unnest('{-1 day,0}'::interval[]) by;
SELECT tally.earlier(tally.grid('1 week', daterange '[2024-02-26,2024-03-18)', 'UTC'), '1 year');
SELECT tally.earlier(tally.grid('1 day', daterange '[2025-03-01,2025-03-03)', 'UTC'), '5 hours');
SELECT tally.earlier(tally.grid('1 month', daterange '[2025-03-01,2025-05-01)', 'UTC'), '10 days');
SELECT tally.earlier(tally.grid('1 day', daterange '[2025-03-01,2025-03-03)', 'UTC'), '300000 years');
CREATE TABLE cmp.two AS SELECT tally.count(g, at) AS feb, tally.count(tally.earlier(g, '1 year'), at) AS before, tally.avg(g, at, v) AS avg, tally.count(tally.grid('1 week', daterange '[2022-12-26,2024-01-01)', 'UTC'), at) AS weeks
FROM cmp.v, tally.grid('1 day', daterange '[2024-02-01,2024-03-01)', 'UTC') g;
SELECT tally.compare(feb, before) FROM cmp.two;
SELECT tally.compare(feb, avg) FROM cmp.two;
SELECT count(*), count(earlier_bucket) FROM cmp.two, LATERAL tally.compare(feb, feb, '1 year') c;
SELECT tally.compare(feb, weeks, '1 year') FROM cmp.two;

SET client_min_messages = warning;
DROP SCHEMA cmp CASCADE;
