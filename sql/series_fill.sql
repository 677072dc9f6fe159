-- tally.rows(series, fill, max_gap, seed): what stands where nothing fell.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA f;
CREATE TABLE f.probe (at timestamptz, temp float8);
INSERT INTO f.probe VALUES ('2025-06-01 12:10:30Z', 20), ('2025-06-01 12:40Z', 26),
  ('2025-06-01 12:55Z', 27);
CREATE TABLE f.s AS SELECT tally.avg(g, at, temp) AS avg, tally.count(g, at) AS count
  FROM f.probe, tally.grid('10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 13:15Z'), 'UTC') g;

-- each mode; n stays 0, and is_filled says where a value stands all the same
SELECT r.bucket::time, r.value, z.value AS zero, p.value AS previous, n.value AS next,
  l.value AS linear, r.is_filled AS is_filled_r, p.is_filled, l.is_filled AS is_filled_l, p.n
FROM f.s, LATERAL tally.rows(avg) r
  JOIN LATERAL tally.rows(avg, 'zero') z USING (bucket)
  JOIN LATERAL tally.rows(avg, 'previous') p USING (bucket)
  JOIN LATERAL tally.rows(avg, 'next') n USING (bucket)
  JOIN LATERAL tally.rows(avg, 'linear') l USING (bucket)
ORDER BY r.bucket;

-- a count of nothing is 0, until another fill is asked for, null among them
SELECT array_agg(r.value) AS count, array_agg(n.value) AS null, array_agg(p.value) AS previous,
  array_agg(l.value) AS linear, array_agg(r.is_filled) AS is_filled, array_agg(n.is_filled) AS is_filled_n
FROM f.s, LATERAL tally.rows(count) r
  JOIN LATERAL tally.rows(count, 'null') n USING (bucket)
  JOIN LATERAL tally.rows(count, fill => 'previous') p USING (bucket)
  JOIN LATERAL tally.rows(count, fill => 'linear') l USING (bucket);
-- where a fill does not reach, a count of nothing is 0 again
SELECT array_agg(p.value) AS previous, array_agg(p.is_filled) AS is_filled
FROM f.s, LATERAL tally.rows(count, 'previous', max_gap => '10 min') p;

-- a constant: any number
SELECT c.fill, array_agg(r.value) AS avg FROM f.s, unnest('{0,-1.5,2e3,+7}'::text[]) c(fill), LATERAL tally.rows(avg, c.fill) r
GROUP BY 1 ORDER BY 1;
SELECT bool_or(r.value IS DISTINCT FROM z.value) AS different FROM f.s, LATERAL tally.rows(avg, '0') r
  JOIN LATERAL tally.rows(avg, 'zero') z USING (bucket);

-- max_gap is from start to start, a seed counts from the start of the range
SELECT p.bucket::time, p.value AS previous, n.value AS next, l.value AS linear, m.value AS linear_30,
  w.value AS seeded, w.is_filled
FROM f.s, LATERAL tally.rows(avg, 'previous', max_gap => '10 min') p
  JOIN LATERAL tally.rows(avg, 'next', max_gap => '19 min') n USING (bucket)
  JOIN LATERAL tally.rows(avg, 'linear', max_gap => '29 min') l USING (bucket)
  JOIN LATERAL tally.rows(avg, 'linear', max_gap => '30 min') m USING (bucket)
  JOIN LATERAL tally.rows(avg, 'previous', max_gap => '20 min', seed => 18) w USING (bucket)
ORDER BY 1;

-- a line is by time, not by bucket: February is shorter
SELECT bucket::date, round(value::numeric, 6) AS value FROM (SELECT tally.sum(g, at, v) AS s
    FROM (VALUES ('2025-01-05'::timestamptz, 0), ('2025-04-05', 90)) x(at, v),
      tally.grid('1 month', daterange '[2025-01-01,2025-05-01)', 'UTC') g) x,
  LATERAL tally.rows(s, 'linear');

-- a gap of days is counted on the grid's calendar: this day has 23 hours
SELECT bucket AT TIME ZONE 'Europe/Berlin' AS bucket, value FROM (SELECT tally.max(g, at, v) AS s
    FROM (VALUES ('2025-03-29 12:00Z'::timestamptz, 1)) x(at, v),
      tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') g) x,
  LATERAL tally.rows(s, 'previous', max_gap => '2 days');
SELECT bucket AT TIME ZONE 'Europe/Berlin' AS bucket, value FROM (SELECT tally.max(g, at, v) AS s
    FROM (VALUES ('2025-03-29 12:00Z'::timestamptz, 1)) x(at, v),
      tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') g) x,
  LATERAL tally.rows(s, 'previous', max_gap => '46 hours');

-- nothing at all, a null series, values that no line can be drawn between
SELECT count(*), count(value) FROM (SELECT tally.avg(g, NULL, 1) AS s
    FROM tally.grid('1 day', daterange '[2025-01-01,2025-01-05)', 'UTC') g) x, LATERAL tally.rows(s, 'linear');
SELECT count(*), sum(value) FROM (SELECT tally.avg(g, NULL, 1) AS s
    FROM tally.grid('1 day', daterange '[2025-01-01,2025-01-05)', 'UTC') g) x, LATERAL tally.rows(s, 'previous', seed => 2);
SELECT * FROM tally.rows(NULL, 'linear');
SELECT (SELECT array_agg(value) FROM tally.rows(s, 'linear')) AS value FROM (
  SELECT tally.max(g, '2025-01-01'::timestamptz + i * interval '2 days', v) AS s
  FROM tally.grid('1 day', daterange '[2025-01-01,2025-01-10)', 'UTC') g,
    unnest('{-1e308,1e308,Infinity,Infinity,NaN}'::float8[]) WITH ORDINALITY u(v, k),
    LATERAL (SELECT (k - 1)::int) j(i)) x;

-- random series against plain SQL, in three zones
SELECT setseed(0.27);
CREATE TABLE f.series AS SELECT k, zone, tally.avg(tally.grid(every, daterange '[2025-02-01,2025-07-01)', zone), at, v) AS s
  FROM (VALUES (1, 'UTC', interval '6 hours'), (2, 'America/New_York', '1 day'), (3, 'Australia/Lord_Howe', '1 week')) z(k, zone, every),
    LATERAL (SELECT '2025-02-10'::timestamptz + (random() ^ 2) * 130 * interval '1 day' AS at,
      1000 * random() AS v FROM generate_series(1, 80 / (k * k))) x
  GROUP BY 1, 2;
CREATE TABLE f.base AS SELECT k, zone, r.* FROM f.series, LATERAL tally.rows(s) r;
-- each fill the slow and obvious way, a gap on the zone's clock
CREATE FUNCTION f.plus(at timestamptz, gap interval, zone text) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT coalesce((at AT TIME ZONE zone + gap) AT TIME ZONE zone, 'infinity') $$;
CREATE TABLE f.should AS SELECT b.k, b.bucket, mode, gap, CASE
    WHEN b.n > 0 THEN b.value
    WHEN mode = 'previous' AND f.plus(p.bucket, gap, zone) >= b.bucket THEN p.value
    WHEN mode = 'next' AND f.plus(b.bucket, gap, zone) >= n.bucket THEN n.value
    WHEN mode = 'linear' AND f.plus(p.bucket, gap, zone) >= n.bucket THEN p.value + (n.value - p.value)
      * (extract(epoch FROM b.bucket - p.bucket) / extract(epoch FROM n.bucket - p.bucket))::float8 END AS value
  FROM f.base b
    LEFT JOIN LATERAL (SELECT bucket, value FROM f.base x WHERE x.k = b.k AND x.bucket < b.bucket AND x.n > 0
      ORDER BY 1 DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT bucket, value FROM f.base x WHERE x.k = b.k AND x.bucket > b.bucket AND x.n > 0
      ORDER BY 1 LIMIT 1) n ON true,
    unnest('{previous,next,linear}'::text[]) mode, unnest(ARRAY[NULL, interval '2 days', '1 month']) gap;
CREATE INDEX ON f.should (k, bucket, mode);
ANALYZE f.should;
SELECT k, mode, gap, count(*) AS buckets, count(*) FILTER (WHERE n = 0) AS empty,
  count(*) FILTER (WHERE is_filled) AS filled, count(*) FILTER (WHERE is_filled <> (n = 0 AND r.value IS NOT NULL)) AS wrong,
  count(*) FILTER (WHERE (r.value IS NULL) <> (c.value IS NULL) OR abs(r.value - c.value) > 1e-9 * abs(c.value)) AS different
FROM f.series, unnest('{previous,next,linear}'::text[]) mode, unnest(ARRAY[NULL, interval '2 days', '1 month']) gap,
  LATERAL tally.rows(s, mode, gap) r
  LEFT JOIN LATERAL (SELECT value FROM f.should d WHERE d.k = series.k AND d.bucket = r.bucket AND d.mode = mode.mode
    AND d.gap IS NOT DISTINCT FROM gap.gap) c ON true
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- mistakes
SELECT tally.rows(avg, 'prev') FROM f.s;
SELECT tally.rows(avg, '') FROM f.s;
SELECT tally.rows(avg, 'NaN') FROM f.s;
SELECT tally.rows(avg, ' 1') FROM f.s;
SELECT tally.rows(avg, '0x10') FROM f.s;
SELECT tally.rows(avg, '1e999') FROM f.s;
SELECT tally.rows(avg, 'constant') FROM f.s;
SELECT tally.rows(avg, '3', max_gap => '1 hour') FROM f.s;
SELECT tally.rows(avg, 'zero', '1 hour') FROM f.s;
SELECT tally.rows(avg, max_gap => '1 hour') FROM f.s;
SELECT tally.rows(avg, 'next', '-1 hour') FROM f.s;
SELECT tally.rows(avg, 'next', '0') FROM f.s;
SELECT tally.rows(avg, 'linear', seed => 1) FROM f.s;
SELECT tally.rows(avg, 'next', '300000 years') FROM f.s;

SET client_min_messages = warning;
DROP SCHEMA f CASCADE;
