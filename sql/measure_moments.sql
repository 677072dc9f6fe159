-- Variance, deviation and stats: of integers and numerics core's own results
-- to the letter, of floats stable.
SET timezone = 'UTC';
SET extra_float_digits = 1; -- floats as text with all their digits
SELECT setseed(0.42) \g /dev/null
CREATE SCHEMA mm;
CREATE TABLE mm.t AS
SELECT '2025-01-01Z'::timestamptz + (random() * 9 * 86400)::int * interval '1 second' AS at,
       CASE WHEN i % 7 = 0 THEN NULL ELSE (random() * 1000 - 500)::smallint END AS s,
       (random() * 2e9 - 1e9)::int AS i,
       (random() * 1.8e19 - 9e18)::bigint AS b,
       CASE WHEN i % 11 > 0 THEN round((random() * 1e6 - 5e5)::numeric, (random() * 8)::int) END AS n,
       (random() * 10)::real AS r,
       1e9 + (random() * 640)::int / 64.0::float8 AS f -- its text is all of it
FROM generate_series(1, 4000) i;
-- a bucket of one value, one of equal values
INSERT INTO mm.t VALUES ('2025-01-11Z', 5, 5, 5, 5.50, 5, 5),
  ('2025-01-12Z', 7, 7, 7, 7.0, 7, 7), ('2025-01-12Z', 7, 7, 7, 7.00, 7, 7);
CREATE TABLE mm.g AS SELECT tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-14Z'), 'UTC') AS g;

-- The numbers of a series, with all their digits.
CREATE FUNCTION mm.texts(s tally.series) RETURNS text[] LANGUAGE sql
RETURN (SELECT array_agg(v #>> '{}' ORDER BY k) FROM jsonb_array_elements(tally.json(s) -> 'values') WITH ORDINALITY x(v, k));

-- what is different from core: nothing
CREATE TABLE mm.core AS
SELECT array_agg(vs::text ORDER BY d) AS vs, array_agg(vi::text ORDER BY d) AS vi, array_agg(vb::text ORDER BY d) AS vb,
       array_agg(vn::text ORDER BY d) AS vn, array_agg(ds::text ORDER BY d) AS ds, array_agg(di::text ORDER BY d) AS di,
       array_agg(db::text ORDER BY d) AS db, array_agg(dn::text ORDER BY d) AS dn
FROM (SELECT d, variance(s) AS vs, variance(i) AS vi, variance(b) AS vb, variance(n) AS vn,
        stddev(s) AS ds, stddev(i) AS di, stddev(b) AS db, stddev(n) AS dn
      FROM mm.g, generate_series('2025-01-01Z'::timestamptz, '2025-01-13Z', '1 day') d
      LEFT JOIN mm.t ON at >= d AND at < d + interval '1 day' GROUP BY d) x;
SELECT mm.texts(tally.variance(g, at, s)) = vs AS int2, mm.texts(tally.variance(g, at, i)) = vi AS int4,
       mm.texts(tally.variance(g, at, b)) = vb AS int8, mm.texts(tally.variance(g, at, n)) = vn AS numeric
FROM mm.t, mm.g, mm.core GROUP BY vs, vi, vb, vn;
SELECT mm.texts(tally.stddev(g, at, s)) = ds AS int2, mm.texts(tally.stddev(g, at, i)) = di AS int4,
       mm.texts(tally.stddev(g, at, b)) = db AS int8, mm.texts(tally.stddev(g, at, n)) = dn AS numeric
FROM mm.t, mm.g, mm.core GROUP BY ds, di, db, dn;
SELECT vn[11:] AS one_equal_none, dn[11:] FROM mm.core;

-- Digits of deviations large and small: 1,000 random pairs and triples.
CREATE TABLE mm.pairs AS
SELECT i AS k, round((random() * 10 ^ (random() * 30 - 8))::numeric, (random() * 12)::int) AS n
FROM generate_series(1, 1000) i, generate_series(1, 2 + i % 2);
SELECT count(*) AS pairs, count(*) FILTER (WHERE (mm.texts(s))[1] IS DISTINCT FROM d OR (mm.texts(v))[1] IS DISTINCT FROM w) AS differ
FROM (SELECT k, stddev(n)::text AS d, variance(n)::text AS w, tally.stddev(g, '2025-01-01Z', n) AS s,
        tally.variance(g, '2025-01-01Z', n) AS v FROM mm.pairs, mm.g GROUP BY k) x;

-- what 128 bits do not hold, NaN and infinities
SELECT (mm.texts(tally.variance(g, '2025-01-01Z', n)))[1] = variance(n)::text AS big,
       (mm.texts(tally.stddev(g, '2025-01-01Z', n)))[1] = stddev(n)::text AS deviation
FROM (VALUES (1e50), (3e49 + 0.125), (-2e40)) v(n), mm.g;
SELECT (mm.texts(tally.variance(g, '2025-01-01Z', n)))[1] AS special, variance(n) AS core
FROM (VALUES (1), ('Infinity'::numeric), (-2e40)) v(n), mm.g;
SELECT (mm.texts(tally.variance(g, '2025-01-01Z', n)))[1] AS special, variance(n) AS core
FROM (VALUES (1::float8), ('NaN')) v(n), mm.g;

-- Floats around a billion: as exact as the numbers that they are.
CREATE FUNCTION mm.far(s tally.series, exact numeric[]) RETURNS float8 LANGUAGE sql
RETURN (SELECT max(abs(v / e - 1)) FROM unnest(tally.values(s), exact) x(v, e));
CREATE TABLE mm.exact AS
SELECT array_agg(v ORDER BY d) AS v FROM (
  SELECT date_trunc('day', at) AS d, variance(f::text::numeric) AS v FROM mm.t WHERE at < '2025-01-10Z' GROUP BY 1) x;
SELECT mm.far(tally.variance(g, at, f), v) < 1e-12 AS stable,
       mm.far(tally.stddev(g, at, f), (SELECT array_agg(sqrt(x)) FROM unnest(v) x)) < 1e-12 AS deviation
FROM mm.t, tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-10Z'), 'UTC') g, mm.exact WHERE at < '2025-01-10Z' GROUP BY v;
-- merged from many pieces, too, and with the mean far off in some of them
SELECT mm.far(tally.merge(s), v) < 1e-12 AS merged
FROM (SELECT tally.variance(g, at, f) AS s FROM mm.t, tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-10Z'), 'UTC') g
      WHERE at < '2025-01-10Z' GROUP BY i % 57) x, mm.exact GROUP BY v;
SELECT abs((tally.values(tally.merge(s)))[1] / variance(v::numeric) - 1) < 1e-15 AS far_off
FROM (SELECT v, tally.variance(g, '2025-01-01Z', v) AS s
      FROM mm.g, (VALUES (1e15::float8), (3e15), (-3e14), (1), (1e-300)) x(v) GROUP BY v) y;

-- stats: the mean, and all the others
SELECT (tally.values(tally.stats(g, at, n)) = tally.values(tally.avg(g, at, n))) AS mean,
       tally.read(tally.stats(g, at, n), 'sum')::text = tally.sum(g, at, n)::text AS sum,
       tally.read(tally.stats(g, at, n), 'avg')::text = tally.avg(g, at, n)::text AS avg,
       tally.read(tally.stats(g, at, n), 'min')::text = tally.min(g, at, n)::text AS min,
       tally.read(tally.stats(g, at, n), 'max')::text = tally.max(g, at, n)::text AS max,
       tally.read(tally.stats(g, at, n), 'stddev')::text = tally.stddev(g, at, n)::text AS stddev,
       tally.read(tally.stats(g, at, n), 'variance')::text = tally.variance(g, at, n)::text AS variance
FROM mm.t, mm.g;
SELECT tally.read(tally.stats(g, at, b), 'sum')::text = tally.sum(g, at, b)::text AS sum,
       tally.read(tally.stats(g, at, b), 'max')::text = tally.max(g, at, b)::text AS max,
       tally.read(tally.stats(g, at, f), 'sum')::text = tally.sum(g, at, f)::text AS float_sum,
       tally.read(tally.stats(g, at, f), 'min')::text = tally.min(g, at, f)::text AS float_min,
       tally.read(tally.stats(g, at, f), 'stddev')::text = tally.stddev(g, at, f)::text AS float_stddev,
       tally.values(tally.stats(g, at, r)) = tally.values(tally.read(tally.stats(g, at, r), 'avg')) AS real
FROM mm.t, mm.g;
SELECT (tally.values(tally.read(tally.stats(g, at, n), 'count')))[10:] AS n, tally.read(tally.stats(g, at, n), 'count')::text = tally.count(g, at)::text AS same
FROM mm.t, mm.g WHERE n IS NOT NULL;

-- stored, read back, merged
CREATE TABLE mm.hourly AS
SELECT tally.stats(h, at, n) AS s, tally.stats(h, at, f) AS f FROM mm.t,
  tally.grid('1 hour', tstzrange('2025-01-01Z', '2025-01-14Z'), 'UTC') h GROUP BY i % 3;
SELECT tally.read(tally.rebucket(tally.merge(s::text::tally.series), g), 'stddev')::text
     = (SELECT tally.stddev(g, at, n) FROM mm.t, mm.g)::text AS same
FROM mm.hourly, mm.g GROUP BY g;

-- errors
SELECT tally.read(tally.stats(g, at, n), 'mean') FROM mm.t, mm.g;
SELECT tally.read(tally.sum(g, at, n), 'avg') FROM mm.t, mm.g;
SELECT tally.read(tally.fill(tally.stats(g, at, n), '7'), 'sum') FROM mm.t, mm.g;
-- in this order, which workers do not keep
SET max_parallel_workers_per_gather = 0;
SELECT tally.merge(s) FROM (SELECT tally.stddev(g, at, n) AS s FROM mm.t, mm.g UNION ALL SELECT tally.variance(g, at, n) FROM mm.t, mm.g) x;

DROP SCHEMA mm CASCADE;
