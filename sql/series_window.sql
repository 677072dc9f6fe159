-- tally.cumulate(), tally.moving(), tally.rate(): against window functions.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA w;
SELECT setseed(0.41);
-- half of the days have no rows
CREATE TABLE w.r AS SELECT at, (100 * random())::numeric(6,2) AS v, 100 * random() AS f
  FROM (SELECT '2025-03-01'::timestamptz + random() * interval '60 days' AS at FROM generate_series(1, 60)) x
  WHERE extract(day FROM at)::int % 2 = 0;
CREATE TABLE w.s AS SELECT tally.count(g, at) AS count, tally.sum(g, at, v) AS sum, tally.avg(g, at, v) AS avg,
    tally.min(g, at, f) AS min, tally.max(g, at, f) AS max, tally.avg(g, at, f) AS favg
  FROM w.r, tally.grid('1 day', daterange '[2025-03-01,2025-04-30)', 'Europe/Berlin') g;
CREATE TABLE w.series AS SELECT k, s FROM w.s, LATERAL (VALUES ('count', count), ('sum', sum), ('avg', avg),
  ('min', min), ('max', max), ('favg', favg)) x(k, s);
-- what each measure says of the rows of [a, b)
CREATE FUNCTION w.of_rows(k text, a timestamptz, b timestamptz, OUT v float8, OUT n bigint) LANGUAGE sql AS $$
  SELECT CASE k WHEN 'count' THEN count(*) WHEN 'sum' THEN sum(r.v)::float8 WHEN 'avg' THEN avg(r.v)::float8
    WHEN 'min' THEN min(f) WHEN 'max' THEN max(f) ELSE avg(f) END, count(*)
  FROM w.r WHERE at >= a AND at < b $$;
CREATE FUNCTION w.differ(a float8, b float8) RETURNS bool LANGUAGE sql AS $$
  SELECT (a IS NULL) <> (b IS NULL) OR coalesce(abs(a - b) > 1e-12 * abs(b), false) $$;

-- cumulate: the measure of all rows so far
SELECT k, count(*), count(c.value) AS known, count(*) FILTER (WHERE c.is_filled) AS empty,
  count(*) FILTER (WHERE w.differ(c.value, o.v) OR c.n <> o.n OR c.is_filled <> (r.n = 0 AND c.value IS NOT NULL) OR c.is_partial OR c.bucket_end <> r.bucket_end) AS different
FROM w.series, LATERAL tally.cumulate(s) c JOIN LATERAL tally.rows(s) r USING (bucket),
  LATERAL w.of_rows(k, '2025-02-28 23:00Z', r.bucket_end) o
GROUP BY 1 ORDER BY 1;

-- moving: the same function over the values of ROWS n - 1 PRECEDING
SELECT k, fn, count(*), count(m.value) AS known,
  count(*) FILTER (WHERE w.differ(m.value, c.v) OR m.n <> c.n OR m.is_filled <> (c.is_empty AND c.v IS NOT NULL)) AS different
FROM w.series, unnest('{sum,avg,min,max}'::text[]) fn, unnest('{1,2,3,7,59,60,1000}'::int[]) width,
  LATERAL tally.moving(s, fn, width) m
  JOIN LATERAL (SELECT bucket, n = 0 AS is_empty, sum(n) OVER x AS n,
      CASE fn WHEN 'sum' THEN sum(value) OVER x WHEN 'avg' THEN avg(value) OVER x
        WHEN 'min' THEN min(value) OVER x ELSE max(value) OVER x END AS v
    FROM tally.rows(s) WINDOW x AS (ORDER BY bucket ROWS width - 1 PRECEDING)) c USING (bucket)
GROUP BY 1, 2 ORDER BY 1, 2;

-- merge: the measure itself over all rows of the window, not the mean of means
SELECT k, count(*), count(m.value) AS known, count(*) FILTER (WHERE w.differ(m.value, o.v) OR m.n <> o.n) AS different
FROM w.series, unnest('{1,2,3,7,59,60,1000}'::int[]) width, LATERAL tally.moving(s, 'merge', width) m,
  LATERAL w.of_rows(k, ((m.bucket AT TIME ZONE 'Europe/Berlin') - (width - 1) * interval '1 day') AT TIME ZONE 'Europe/Berlin', m.bucket_end) o
GROUP BY 1 ORDER BY 1;
SELECT a.value AS mean_of_means, m.value AS mean_of_rows, m.n FROM (SELECT tally.avg(g, at, v) AS s
    FROM (VALUES ('2025-01-01'::timestamptz, 1), ('2025-01-02', 3), ('2025-01-02', 5), ('2025-01-02', 7)) x(at, v),
      tally.grid('1 day', daterange '[2025-01-01,2025-01-03)', 'UTC') g) x,
  LATERAL tally.moving(s, 'avg', 2) a JOIN LATERAL tally.moving(s, 'merge', 2) m USING (bucket);

-- infinities and NaN leave the window again
SELECT array_agg(m.value) FROM (SELECT tally.sum(g, '2025-01-01'::timestamptz + (i - 1) * interval '1 day', v) AS s
    FROM unnest('{1,Infinity,2,NaN,3,4,5}'::float8[]) WITH ORDINALITY u(v, i),
      tally.grid('1 day', daterange '[2025-01-01,2025-01-08)', 'UTC') g) x, LATERAL tally.moving(s, 'sum', 2) m;

-- rate: by the length of the bucket, and of a partial one by what is in the range
SELECT bucket, bucket_end - bucket AS width, value, n, is_partial FROM (SELECT tally.count(g, t) AS s
    FROM tally.grid('1 day', tstzrange('2025-03-29 11:00Z', '2025-03-31 06:00Z'), 'Europe/Berlin') g,
      generate_series('2025-03-29 00:00Z'::timestamptz, '2025-03-31 22:00Z', '10 min') t) x, LATERAL tally.rate(s, '1 hour');
SELECT count(*) FILTER (WHERE w.differ(t.value, r.value / extract(epoch FROM r.bucket_end - r.bucket)::float8) OR t.n <> r.n
    OR t.is_filled <> r.is_filled) AS different, count(t.value)
FROM w.series, LATERAL tally.rows(s) r JOIN LATERAL tally.rate(s) t USING (bucket) WHERE k IN ('count', 'sum');

-- nulls, and mistakes
SELECT count(*) FROM tally.cumulate(NULL), tally.moving(NULL, 'sum', 1), tally.rate(NULL);
SELECT tally.moving(count, 'median', 2) FROM w.s;
SELECT tally.moving(count, 'sum', 0) FROM w.s;
SELECT tally.rate(avg) FROM w.s;
SELECT tally.rate(count, '1 month') FROM w.s;
SELECT tally.rate(count, '-1 s') FROM w.s;

SET client_min_messages = warning;
DROP SCHEMA w CASCADE;
