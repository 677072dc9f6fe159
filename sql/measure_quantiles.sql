-- Medians and percentiles: exact ones are percentile_cont()'s, those of a
-- t-digest are near, most of all near both ends.
SET timezone = 'UTC';
SELECT setseed(0.17) \g /dev/null
CREATE SCHEMA mq;
CREATE TABLE mq.t AS
SELECT '2025-01-01Z'::timestamptz + (random() * 4 * 86400)::int * interval '1 second' AS at, i,
       CASE WHEN i % 7 > 0 THEN (random() * 100 - 50)::smallint END AS s, (random() * 2e9 - 1e9)::int AS n,
       (random() * 1.8e19 - 9e18)::bigint AS b, (random() * 10)::real AS r,
       CASE i % 50 WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN 0
         WHEN 5 THEN '-0' ELSE exp(random() * 20) END::float8 AS f,
       round((random() * 1e7)::numeric, (random() * 6)::int) * CASE WHEN i % 97 = 0 THEN 1e30 ELSE 1 END AS d
FROM generate_series(1, 3000) i;
INSERT INTO mq.t VALUES ('2025-01-06Z', 0, 3, 3, 3, 3, 3, 3), ('2025-01-07Z', 0, 3, 3, 3, 3, 3, 3), ('2025-01-07Z', 0, 4, 4, 4, 4, 4, 4);
CREATE TABLE mq.g AS SELECT tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-08Z'), 'UTC') AS g;

-- exact: no difference at 41 shares, of all types
CREATE TABLE mq.core AS
SELECT p::float8, array_agg(s ORDER BY d) AS s, array_agg(n ORDER BY d) AS n, array_agg(b ORDER BY d) AS b,
       array_agg(r ORDER BY d) AS r, array_agg(f ORDER BY d) AS f, array_agg(dd ORDER BY d) AS d
FROM (SELECT p, day AS d, percentile_cont(p) WITHIN GROUP (ORDER BY s) AS s, percentile_cont(p) WITHIN GROUP (ORDER BY n) AS n,
        percentile_cont(p) WITHIN GROUP (ORDER BY b) AS b, percentile_cont(p) WITHIN GROUP (ORDER BY r) AS r,
        percentile_cont(p) WITHIN GROUP (ORDER BY f) AS f, percentile_cont(p) WITHIN GROUP (ORDER BY d) AS dd
      FROM (SELECT 0.025::float8 * k AS p FROM generate_series(0, 40) k) k,
           generate_series('2025-01-01Z'::timestamptz, '2025-01-07Z', '1 day') day
      LEFT JOIN mq.t ON at >= day AND at < day + interval '1 day' GROUP BY p, day) x GROUP BY p;
CREATE TABLE mq.lists AS
SELECT tally.percentiles(g, at, s) AS s, tally.percentiles(g, at, n) AS n, tally.percentiles(g, at, b) AS b,
       tally.percentiles(g, at, r) AS r, tally.percentiles(g, at, f) AS f, tally.percentiles(g, at, d) AS d
FROM mq.t, mq.g;
SELECT count(*) AS shares, bool_and(tally.values(tally.percentile(l.s, p)) = c.s) AS int2, bool_and(tally.values(tally.percentile(l.n, p)) = c.n) AS int4,
       bool_and(tally.values(tally.percentile(l.b, p)) = c.b) AS int8, bool_and(tally.values(tally.percentile(l.r, p)) = c.r) AS float4,
       bool_and(tally.values(tally.percentile(l.f, p)) = c.f) AS float8, bool_and(tally.values(tally.percentile(l.d, p)) = c.d) AS numeric
FROM mq.core c, mq.lists l;
SELECT tally.values(m) = c.d AS median, tally.values(l.d) = c.d AS percentiles, (tally.values(l.d))[6:] AS one_two
FROM (SELECT tally.median(g, at, d) AS m FROM mq.t, mq.g) x, mq.core c, mq.lists l WHERE p = 0.5;

-- The order of rows and of pieces does not show, nor what is stored in between.
SELECT (SELECT tally.median(g, at, f ORDER BY f) FROM mq.t, mq.g)::text = (SELECT tally.median(g, at, f ORDER BY f DESC) FROM mq.t, mq.g)::text AS list,
       (SELECT tally.median(g, at, s, 100 ORDER BY s) FROM mq.t, mq.g)::text = (SELECT tally.median(g, at, s, 100 ORDER BY s DESC) FROM mq.t, mq.g)::text AS digest;
SELECT tally.merge(s::text::tally.series)::text = (SELECT tally.median(g, at, f) FROM mq.t, mq.g)::text AS merged
FROM (SELECT tally.median(g, at, f) AS s FROM mq.t, mq.g GROUP BY i % 13) x;
SELECT tally.merge(s)::text = tally.merge(s::text::tally.series)::text AS stored
FROM (SELECT tally.percentiles(g, at, n, 20) AS s FROM mq.t, mq.g GROUP BY i % 3) x;

-- As long as there are few values a digest is exact, of NaN and infinities too.
SELECT bool_and(tally.values(tally.percentile(x.x, p)) = f) AS exact
FROM (SELECT tally.percentiles(g, at, f, 200) AS x FROM mq.t, mq.g) x, mq.core;

-- Of 100,000 values it is near: how far off in rank, in units of 10^-6.
-- In order, in reverse, at random, and of pieces of pieces.
CREATE TABLE mq.many AS SELECT i, exp(sqrt(-2 * ln(i / 100001.0)) * 3)::float8 AS v FROM generate_series(1, 100000) i;
CREATE TABLE mq.digests AS
SELECT 'in order' AS how, tally.percentiles(g, '2025-01-01Z', v, 100 ORDER BY v) AS s FROM mq.many, mq.g
UNION ALL SELECT 'in reverse', tally.percentiles(g, '2025-01-01Z', v, 100 ORDER BY v DESC) FROM mq.many, mq.g
UNION ALL SELECT 'at random', tally.percentiles(g, '2025-01-01Z', v, 100 ORDER BY hashint4(i)) FROM mq.many, mq.g
UNION ALL SELECT 'merged twice', tally.merge(s) FROM (SELECT tally.merge(s) AS s FROM (
    SELECT a % 5 AS b, tally.percentiles(g, '2025-01-01Z', v, 100) AS s FROM (SELECT v, hashint4(i) % 40 AS a FROM mq.many) y, mq.g GROUP BY a) z GROUP BY b) w
UNION ALL SELECT 'of sorted pieces', tally.merge(s) FROM (SELECT tally.percentiles(g, '2025-01-01Z', v, 100) AS s FROM mq.many, mq.g GROUP BY i / 3000) w;
SELECT how, max(off) FILTER (WHERE p = 0.5) < 5000 AS median, max(off) FILTER (WHERE p IN (0.05, 0.95)) < 2000 AS p5_p95,
       max(off) FILTER (WHERE p IN (0.01, 0.99)) < 500 AS p1_p99, max(off) FILTER (WHERE p IN (0.001, 0.999)) < 60 AS p01_p999,
       max(off) FILTER (WHERE p IN (0, 1)) = 0 AS ends
FROM (SELECT how, p, 10 * abs((SELECT count(*) FROM mq.many WHERE v < at_p) - p * 99999) AS off
      FROM (SELECT how, p, (tally.values(tally.percentile(s, p)))[1] AS at_p
            FROM mq.digests, unnest('{0,0.001,0.01,0.05,0.5,0.95,0.99,0.999,1}'::float8[]) p OFFSET 0) y) x GROUP BY how ORDER BY how;
SELECT how, length(s::text) < 16000 AS small FROM mq.digests ORDER BY how;
-- with a larger compression nearer
SELECT 10 * abs((SELECT count(*) FROM mq.many WHERE v < median) - 49999.5) < 500 AS near
FROM (SELECT (tally.values(tally.median(g, '2025-01-01Z', v, 1000)))[1] AS median FROM mq.many, mq.g) x;

-- the rest of the readers
SELECT r.n FROM mq.lists l, LATERAL tally.rows(l.s) r OFFSET 5;
SELECT tally.values(tally.rebucket(l.d, tally.grid('1 week', tstzrange('2025-01-01Z', '2025-01-08Z'), 'UTC', origin => '2025-01-01Z')))
     = ARRAY[(SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM mq.t)] AS week FROM mq.lists l;
SELECT bool_and(value = (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM mq.t WHERE at < c.bucket_end)) AS cumulated
FROM mq.lists l, LATERAL tally.cumulate(l.d) c;
SELECT bool_and(value = (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM mq.t
                         WHERE at >= c.bucket - interval '2 days' AND at < c.bucket_end)) AS moving
FROM mq.lists l, LATERAL tally.moving(l.d, 'merge', 3) c;

-- errors
SELECT tally.percentile(s, 1.5) FROM mq.lists;
SELECT tally.percentile(s, 'NaN') FROM mq.lists;
SELECT tally.percentile(tally.count(g, at), 0.5) FROM mq.t, mq.g;
SELECT tally.median(g, at, n, 19) FROM mq.t, mq.g;
SELECT tally.median(g, at, n, 1001) FROM mq.t, mq.g;
SELECT tally.median(g, at, n, 0) FROM mq.t, mq.g;
SELECT tally.median(g, at, n, NULL) FROM mq.t, mq.g;
SELECT tally.median(g, at, n, 50 + i % 2) FROM mq.t, mq.g;
SELECT tally.merge(x) FROM (SELECT tally.percentile(s, 0.5) AS x FROM mq.lists UNION ALL SELECT tally.percentile(s, 0.25) FROM mq.lists) y;
SET tally.max_memory = 1024;
\set VERBOSITY terse
SELECT tally.median(g, '2025-01-01Z', v) FROM mq.g, generate_series(1, 1000000) v;
\set VERBOSITY default
RESET tally.max_memory;
DROP SCHEMA mq CASCADE;
