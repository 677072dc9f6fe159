-- First and last by time; different values: how many, which, and about how many.
SET timezone = 'UTC';
SELECT setseed(0.3) \g /dev/null
CREATE SCHEMA ms;
CREATE TABLE ms.t AS
SELECT '2025-01-01Z'::timestamptz + (random() * 72)::int * interval '1 hour' AS at, i, (random() * 30)::int AS n,
       CASE WHEN i % 5 > 0 THEN (random() * 40)::int / 10.0 * 1.000 ELSE (random() * 4)::int END AS d,
       CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN 'NaN'::float8 WHEN 2 THEN '-0' WHEN 3 THEN 0 ELSE (random() * 5)::int END AS f,
       md5(((random() * 25)::int)::text) AS t, md5(((random() * 9)::int)::text)::uuid AS u, random() < 0.5 AS b,
       CASE WHEN i % 2 = 0 THEN '{"a": 1}' WHEN i % 3 = 0 THEN '{"a": 1.0}' ELSE '[2]' END::jsonb AS j,
       ('2025-01-01'::date + (random() * 3)::int) AS day
FROM generate_series(1, 900) i;
CREATE TABLE ms.g AS SELECT tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-06Z'), 'UTC') AS g;
CREATE VIEW ms.days AS SELECT d, d AS lo, d + interval '1 day' AS hi FROM generate_series('2025-01-01Z'::timestamptz, '2025-01-05Z', '1 day') d;

-- as count(DISTINCT) has it; of nothing 0
SELECT tally.values(tally.distinct(g, at, n)) = (SELECT array_agg((SELECT count(DISTINCT n) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS int4,
       tally.values(tally.distinct(g, at, d)) = (SELECT array_agg((SELECT count(DISTINCT d) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS numeric,
       tally.values(tally.distinct(g, at, f)) = (SELECT array_agg((SELECT count(DISTINCT f) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS float8,
       tally.values(tally.distinct(g, at, t)) = (SELECT array_agg((SELECT count(DISTINCT t) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS text,
       tally.values(tally.distinct(g, at, u)) = (SELECT array_agg((SELECT count(DISTINCT u) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS uuid,
       tally.values(tally.distinct(g, at, b)) = (SELECT array_agg((SELECT count(DISTINCT b) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS bool,
       tally.values(tally.distinct(g, at, j)) = (SELECT array_agg((SELECT count(DISTINCT j) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS jsonb,
       tally.values(tally.distinct(g, at, day)) = (SELECT array_agg((SELECT count(DISTINCT day) FROM ms.t WHERE at >= lo AND at < hi)::float8 ORDER BY d) FROM ms.days) AS date,
       (tally.values(tally.distinct(g, at, n)))[5] AS none
FROM ms.t, ms.g;

-- every value once, in order; null where nothing fell
SELECT tally.json(tally.values(g, at, n)) -> 'values' -> 0 = to_jsonb((SELECT array_agg(DISTINCT n ORDER BY n) FROM ms.t WHERE at < '2025-01-02Z')) AS int4,
       tally.json(tally.values(g, at, t)) -> 'values' -> 1 = to_jsonb((SELECT array_agg(DISTINCT t ORDER BY t) FROM ms.t WHERE at >= '2025-01-02Z' AND at < '2025-01-03Z')) AS text,
       tally.json(tally.values(g, at, d)) -> 'values' -> 0 = to_jsonb((SELECT array_agg(DISTINCT d ORDER BY d) FROM ms.t WHERE at < '2025-01-02Z')) AS numeric,
       tally.json(tally.values(g, at, j)) -> 'values' -> 0 AS jsonb, tally.json(tally.values(g, at, n)) -> 'values' -> 4 AS none
FROM ms.t, ms.g;
SELECT tally.json(tally.values(g, '2025-01-01Z', v)) -> 'values' -> 0 AS least_spelling
FROM ms.g, unnest('{2.00,1.0,2.0,1.00,1,2.000}'::numeric[]) v;

-- the first and the last; of several at one instant the least
SELECT (SELECT array_agg((SELECT n FROM ms.t WHERE at >= lo AND at < hi ORDER BY at, n LIMIT 1)::float8 ORDER BY d) FROM ms.days) = tally.values(tally.first(g, at, n)) AS first,
       (SELECT array_agg((SELECT n FROM ms.t WHERE at >= lo AND at < hi ORDER BY at DESC, n LIMIT 1)::float8 ORDER BY d) FROM ms.days) = tally.values(tally.last(g, at, n)) AS last
FROM ms.t, ms.g;
SELECT tally.json(tally.first(g, at, t)) -> 'values' -> 0 = to_jsonb((SELECT t FROM ms.t ORDER BY at, t COLLATE "C" LIMIT 1)) AS text,
       tally.json(tally.last(g, at, day)) -> 'values' -> 1 = to_jsonb((SELECT day FROM ms.t WHERE at < '2025-01-03Z' ORDER BY at DESC, day LIMIT 1)) AS date,
       tally.json(tally.last(g, at, b)) -> 'values' -> 4 AS none
FROM ms.t, ms.g;
SELECT tally.json(tally.last(g, at, at)) -> 'values' AS instants FROM ms.g, (VALUES ('2025-01-02 03:00Z'::timestamptz), ('2025-01-02 05:00Z')) v(at);

-- The order of rows and of pieces does not show, nor what is stored in between.
CREATE FUNCTION ms.same(s text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE yes bool;
BEGIN
  EXECUTE format('SELECT (SELECT %1$s FROM (SELECT * FROM ms.t ORDER BY i) t, ms.g)::text = (SELECT %1$s FROM (SELECT * FROM ms.t ORDER BY i DESC) t, ms.g)::text
    AND (SELECT tally.merge(s::text::tally.series) FROM (SELECT %1$s AS s FROM ms.t, ms.g GROUP BY i %% 7) x)::text = (SELECT %1$s FROM ms.t, ms.g)::text', s) INTO yes;
  RETURN yes;
END $$;
SELECT a, ms.same(a) FROM unnest(ARRAY['tally.first(g, at, n)', 'tally.last(g, at, d)', 'tally.last(g, at, t)', 'tally.distinct(g, at, d)',
  'tally.distinct(g, at, j)', 'tally.values(g, at, d)', 'tally.values(g, at, f)', 'tally.values(g, at, t)', 'tally.distinct(g, at, d, 4)',
  'tally.distinct(g, at, t, 14)', 'tally.stats(g, at, d)', 'tally.percentiles(g, at, d)', 'tally.percentiles(g, at, d, 150)']) a;

-- A sketch is off by about 1.04 / sqrt(2 ^ precision): here at most by three times that, from 10 to 100,000 values.
SELECT p AS precision, max(off) < 3 * 1.04 / sqrt(2 ^ p) AS bounded FROM (
  SELECT 4 AS p, n, abs((tally.values(tally.distinct(g, '2025-01-01Z', v, 4)))[1] / n - 1) AS off FROM ms.g, unnest('{10,100,1000,10000,100000}'::float8[]) n, generate_series(1, n::int) v GROUP BY n
  UNION ALL SELECT 10, n, abs((tally.values(tally.distinct(g, '2025-01-01Z', v, 10)))[1] / n - 1) FROM ms.g, unnest('{10,100,1000,2500,5000,10000,100000}'::float8[]) n, generate_series(1, n::int) v GROUP BY n
  UNION ALL SELECT 14, n, abs((tally.values(tally.distinct(g, '2025-01-01Z', v::text, 14)))[1] / n - 1) FROM ms.g, unnest('{10,100,1000,10000,40000,50000,100000}'::float8[]) n, generate_series(1, n::int) v GROUP BY n
  UNION ALL SELECT 16, n, abs((tally.values(tally.distinct(g, '2025-01-01Z', v, 16)))[1] / n - 1) FROM ms.g, unnest('{10,100,1000,4095,4097,10000,100000}'::float8[]) n, generate_series(1, n::int) v GROUP BY n) x
GROUP BY p ORDER BY p;
-- what came more than once is counted once; merged as if it had been one
SELECT tally.merge(s)::text = (SELECT tally.distinct(g, '2025-01-01Z', v % 3000, 12) FROM ms.g, generate_series(1, 9000) v)::text AS merged
FROM (SELECT tally.distinct(g, '2025-01-01Z', v % 3000, 12) AS s FROM ms.g, generate_series(1, 9000) v GROUP BY v % 11) x;
SELECT (tally.values(tally.distinct(g, at, d, 14)))[1:3] = (tally.values(tally.distinct(g, at, d)))[1:3] AS few FROM ms.t, ms.g;

-- a member of which there are no rows has all its buckets; null values and times add nothing
SELECT m, tally.values(tally.distinct(g, at, n)), tally.values(tally.median(g, at, n)), tally.json(tally.values(g, at, n)) -> 'values' AS values, tally.values(tally.first(g, at, n)) AS first,
       tally.values(tally.stddev(g, at, n)) AS stddev
FROM (VALUES ('a'), ('b')) v(m) CROSS JOIN tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-03Z'), 'UTC') g
LEFT JOIN (VALUES ('b', '2025-01-01Z'::timestamptz, 4), ('b', NULL, 5), ('b', '2025-01-02Z', NULL)) r(k, at, n) ON k = m GROUP BY m ORDER BY m;

-- errors: values are no numbers, and what is not of one kind
SELECT tally.values(tally.values(g, at, n)) FROM ms.t, ms.g;
SELECT r.* FROM (SELECT tally.last(g, at, t) AS s FROM ms.t, ms.g) x, LATERAL tally.rows(s) r;
SELECT tally.rate(tally.distinct(g, at, n)) FROM ms.t, ms.g;
SELECT tally.distinct(g, at, n, 3) FROM ms.t, ms.g;
SELECT tally.distinct(g, at, n, 17) FROM ms.t, ms.g;
-- in this order, which workers do not keep
SET max_parallel_workers_per_gather = 0;
SELECT tally.merge(s) FROM (SELECT tally.distinct(g, at, n, 4) AS s FROM ms.t, ms.g UNION ALL SELECT tally.distinct(g, at, n, 5) FROM ms.t, ms.g) x;
SET tally.max_memory = 1024;
\set VERBOSITY terse
SELECT tally.distinct(g, '2025-01-01Z', v) FROM ms.g, generate_series(1, 1000000) v;
SELECT tally.values(g, '2025-01-01Z', v::text) FROM ms.g, generate_series(1, 1000000) v;
\set VERBOSITY default
RESET tally.max_memory;
DROP SCHEMA ms CASCADE;
