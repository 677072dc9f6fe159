-- Every transform of a series of every measure, against plain SQL.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA x;
SELECT 20261122 AS seed \gset
SELECT 'seed', :seed, setseed(1.0 / :seed);
-- many days without rows, some with one
CREATE TABLE x.r AS SELECT at, round((100 * random())::numeric, 1) AS d, 100 * random() AS f, (20 * random())::int AS i, chr(97 + (6 * random())::int) AS t
  FROM (SELECT '2025-03-01'::timestamptz + random() * interval '60 days' AS at FROM generate_series(1, 240)) q WHERE extract(day FROM at)::int % 3 <> 0;
CREATE TABLE x.g AS SELECT tally.grid('1 day', daterange '[2025-03-01,2025-04-30)', 'Europe/Berlin') AS day, tally.grid('1 week', daterange '[2025-03-03,2025-04-28)', 'Europe/Berlin') AS week;
CREATE FUNCTION x.series(g tally.grid) RETURNS TABLE (k text, s tally.series) LANGUAGE sql AS $$
  SELECT x.* FROM (SELECT tally.stddev(g, at, d) AS a, tally.variance(g, at, i) AS b, tally.stddev(g, at, f) AS c, tally.stats(g, at, d) AS d,
      tally.distinct(g, at, t) AS e, tally.median(g, at, f) AS f, tally.percentiles(g, at, i) AS g, tally.first(g, at, d) AS h, tally.last(g, at, f) AS i FROM x.r) q,
    LATERAL (VALUES ('stddev', a), ('variance', b), ('fstddev', c), ('mean', tally.read(d, 'avg')), ('smax', tally.read(d, 'max')), ('sstddev', tally.read(d, 'stddev')),
      ('distinct', e), ('median', f), ('p95', tally.percentile(g, 0.95)), ('first', h), ('last', i)) x(k, s) $$;
CREATE TABLE x.s AS SELECT x.* FROM x.g, LATERAL x.series(day) x;
CREATE TABLE x.w AS SELECT x.* FROM x.g, LATERAL x.series(week) x;
-- what each measure says of the rows of [a, b)
CREATE FUNCTION x.of_rows(k text, a timestamptz, b timestamptz, OUT v float8, OUT n bigint) LANGUAGE sql AS $$
  SELECT CASE k WHEN 'stddev' THEN stddev(r.d)::float8 WHEN 'sstddev' THEN stddev(r.d)::float8 WHEN 'variance' THEN variance(r.i)::float8 WHEN 'fstddev' THEN stddev(r.f)
    WHEN 'mean' THEN avg(r.d)::float8 WHEN 'smax' THEN max(r.d)::float8 WHEN 'distinct' THEN count(DISTINCT r.t)
    WHEN 'median' THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY r.f) WHEN 'p95' THEN percentile_cont(0.95) WITHIN GROUP (ORDER BY r.i)
    WHEN 'first' THEN (array_agg(r.d ORDER BY at))[1]::float8 ELSE (array_agg(r.f ORDER BY at DESC))[1] END, count(*)
  FROM x.r WHERE at >= a AND at < b $$;
CREATE FUNCTION x.differ(a float8, b float8) RETURNS bool LANGUAGE sql AS $$
  SELECT (a IS NULL) <> (b IS NULL) OR coalesce(abs(a - b) > 1e-9 * greatest(abs(b), 1), false) $$;

-- rows, cumulate, moving states, rebucket and shift: always what the rows say; 0 only for distinct
SELECT k, count(*), count(r.value) AS known, count(*) FILTER (WHERE r.n = 0) AS empty,
  count(*) FILTER (WHERE x.differ(r.value, o.v) OR r.n <> o.n OR r.is_filled <> (r.n = 0 AND k = 'distinct')) AS rows,
  count(*) FILTER (WHERE x.differ(c.value, p.v) OR c.n <> p.n) AS cumulate,
  count(*) FILTER (WHERE x.differ(m.value, q.v) OR m.n <> q.n) AS moving
FROM x.s, LATERAL tally.rows(s) r JOIN LATERAL tally.cumulate(s) c USING (bucket) JOIN LATERAL tally.moving(s, 'merge', 4) m USING (bucket),
  LATERAL x.of_rows(k, r.bucket, r.bucket_end) o, LATERAL x.of_rows(k, '2025-02-28 23:00Z', r.bucket_end) p,
  LATERAL x.of_rows(k, ((r.bucket AT TIME ZONE 'Europe/Berlin') - interval '3 days') AT TIME ZONE 'Europe/Berlin', r.bucket_end) q
GROUP BY 1 ORDER BY 1;
SELECT k, bool_or(r.s::text <> w.s::text) FILTER (WHERE k NOT IN ('fstddev', 'p95', 'median')) AS bytes_differ,
  bool_or(v IS DISTINCT FROM u) FILTER (WHERE k <> 'fstddev') AS values_differ, max(abs(v - u)) < 1e-9 AS near
FROM x.g, LATERAL (SELECT k, tally.rebucket(s, week) AS s FROM x.s) r JOIN x.w USING (k),
  LATERAL ROWS FROM (unnest(tally.values(r.s)), unnest(tally.values(w.s))) q(v, u) GROUP BY 1 ORDER BY 1;
SELECT bool_or(tally.values(s) IS DISTINCT FROM tally.values(tally.shift(s, '1 year'))) AS differ, count(*) FROM x.s;
-- halves merged are the whole
SELECT count(*), count(*) FILTER (WHERE tally.values(m) IS DISTINCT FROM tally.values(s)) AS different
FROM (SELECT tally.merge(h) AS m, min(k) AS k FROM (SELECT k, tally.rebucket(s, day) AS h FROM x.s, x.g) q GROUP BY k) q JOIN x.s USING (k);

-- fills and moving values; a deviation of one value is null and no end of a line, but not empty
SELECT k, mode, count(*), count(*) FILTER (WHERE r.is_filled) AS filled, count(*) FILTER (WHERE r.n > 0 AND r.value IS NULL) AS null_of_some,
  count(*) FILTER (WHERE x.differ(r.value, CASE WHEN o.n > 0 THEN o.value WHEN mode = 'zero' THEN 0
    ELSE coalesce((SELECT p.value FROM tally.rows(s) p WHERE p.n > 0 AND p.value IS NOT NULL AND (p.bucket < o.bucket) = (mode = 'previous') AND p.bucket <> o.bucket
      ORDER BY abs(extract(epoch FROM p.bucket - o.bucket)) LIMIT 1), o.value) END)) AS different
FROM x.s, unnest('{zero,previous,next}'::text[]) mode, LATERAL tally.rows(s, mode) r JOIN LATERAL tally.rows(s) o USING (bucket)
WHERE k IN ('stddev', 'distinct', 'median', 'first') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT k, fn, count(*) FILTER (WHERE x.differ(m.value, o.v)) AS different FROM x.s, unnest('{sum,max}'::text[]) fn, LATERAL tally.moving(tally.fill(s, 'linear'), fn, 3) m
  JOIN LATERAL (SELECT bucket, CASE fn WHEN 'sum' THEN sum(value) OVER w ELSE max(value) OVER w END AS v FROM tally.rows(s, 'linear') WINDOW w AS (ORDER BY bucket ROWS 2 PRECEDING)) o USING (bucket)
WHERE k IN ('stddev', 'distinct', 'p95') GROUP BY 1, 2 ORDER BY 1, 2;
-- another reading of a filled series is filled, too
SELECT array_agg(r.value) FROM x.g, LATERAL (SELECT tally.percentile(tally.fill(tally.percentiles(tally.grid('1 day', daterange '[2025-03-01,2025-03-07)', 'Europe/Berlin'), at, i), '-1'), 0.5) AS s FROM x.r) q, LATERAL tally.rows(s) r;
SELECT array_agg(r.is_filled), array_agg(r.n) FROM x.g, LATERAL (SELECT tally.read(tally.fill(tally.stats(tally.grid('1 day', daterange '[2025-03-01,2025-03-07)', 'Europe/Berlin'), at, i), 'previous'), 'max') AS s FROM x.r) q, LATERAL tally.rows(s) r;
-- compared: like with like
SELECT k, count(c.change) AS changes, count(*) FILTER (WHERE x.differ(c.value, o.v) OR x.differ(c.earlier_value, e.v) OR c.change IS DISTINCT FROM c.value - c.earlier_value) AS different
FROM x.g, LATERAL x.series(tally.earlier(week, '1 week')) b JOIN x.w USING (k), LATERAL tally.compare(w.s, b.s, '1 week') c,
  LATERAL x.of_rows(k, c.bucket, c.bucket_end) o, LATERAL x.of_rows(k, c.earlier_bucket, c.earlier_bucket_end) e GROUP BY 1 ORDER BY 1;
SELECT tally.compare(a.s, b.s) FROM x.s a, x.s b WHERE a.k = 'median' AND b.k = 'stddev';
SELECT tally.compare(tally.percentile(p, 0.5), tally.percentile(p, 0.9)) FROM (SELECT tally.percentiles(day, at, i) AS p FROM x.r, x.g) q;
SELECT k, tally.rate(s) FROM x.s WHERE k = 'distinct';

-- values that are no numbers: JSON shows them, on the clock of the zone; fills copy them
CREATE TABLE x.t AS SELECT tally.first(g, at, t) AS first, tally.values(g, at, t) AS list, tally.values(g, at, at) AS times, tally.max(g, at, extract(epoch FROM at)::float8) AS max, tally.last(g, at, at) AS last,
    tally.values(g, at, d) AS numbers, tally.last(g, at, jsonb_build_object('t', t)) AS doc, tally.last(g, at, t > 'b') AS bool
  FROM (VALUES ('2025-03-29 10:00+00'::timestamptz, 'b', 1.50), ('2025-03-29 09:00+00', 'a', 1.5), ('2025-03-29 11:00+00', 'b', -2), ('2025-03-31 10:00+00', 'c', NULL)) v(at, t, d),
    tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') g;
SELECT k, tally.json(s) -> 'values' AS values FROM x.t, LATERAL (VALUES (1, first), (2, tally.fill(first, 'previous')), (3, tally.fill(first, 'next')), (4, list), (5, tally.fill(list, 'previous')),
  (6, times), (7, tally.fill(last, 'next')), (8, numbers), (9, doc), (10, tally.fill(bool, 'previous')), (11, tally.fill(list, 'null'))) q(k, s) ORDER BY 1;
SELECT tally.json(tally.rebucket(list, tally.grid('3 days', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin', '2025-03-28 23:00Z'))) -> 'values' AS three_days FROM x.t;
SELECT tally.rows(list) FROM x.t;
SELECT tally.values(first) FROM x.t;
SELECT tally.cumulate(first) FROM x.t;
SELECT tally.moving(list, 'merge', 2) FROM x.t;
SELECT tally.compare(first, first) FROM x.t;
SELECT tally.fill(first, 'zero') FROM x.t;
SELECT tally.fill(first, 'linear') FROM x.t;
SELECT tally.fill(first, 'previous', seed => 1) FROM x.t;

SET client_min_messages = warning;
DROP SCHEMA x CASCADE;
