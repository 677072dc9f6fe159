-- Measures agree with core's aggregates, on numbers of every kind.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET extra_float_digits = 1;
CREATE SCHEMA m;

-- every numeric in its displayed scale: sums are equal to the letter
CREATE TABLE m.n (at timestamptz DEFAULT '2025-01-01', k int, v numeric);
INSERT INTO m.n (k, v) VALUES
  (1, 1.5), (1, 2.25), (1, -0.75),
  (2, 0), (2, 0.000),
  (3, 10000), (3, 100000000.0001), (3, -99999999999999),
  (4, 0.00000000000000000001), (4, 1e-36), (4, 7),
  -- beyond 128 bits, and back
  (5, 1e40), (5, -1e40), (5, 1),
  (6, 99999999999999999999999999999999999999), (6, 1),
  (7, 170141183460469231731687303715884105727), (7, 1), (7, -1),
  (8, 'NaN'), (8, 1),
  (9, 'Infinity'), (9, 1),
  (10, 'Infinity'), (10, '-Infinity'),
  (11, 1e-40), (11, 1),
  (12, 123456789012345678901234567890.123456), (12, 0.1),
  (13, 1e100),
  (14, NULL),
  -- about 2^56 digits, where a word is full
  (15, 720575940379279.35), (15, 0.01),
  (16, -720575940379279.35), (16, -0.01), (16, -0.01), (16, 0.02),
  (17, 720575940379279.35), (17, -0.00000000001), (17, 720575940379279.3),
  (18, 72057594037927936), (18, -1);
SELECT k, t.sum, t.sum::text = c.sum::text AS same_sum,
    t.avg::text IS NOT DISTINCT FROM c.avg::text AS same_avg
FROM tally.series('m.n', 'at', '1 day', tstzrange('2025-01-01', '2025-01-02'),
    '{sum(v),avg(v)}', '{k}', tz => 'UTC')
  AS t(bucket timestamptz, k int, sum numeric, avg numeric)
JOIN (SELECT k, sum(v), avg(v) FROM m.n GROUP BY k) c USING (k)
ORDER BY k;

-- the same of two parts merged, each of them stored before
SELECT k, (tally.values(whole))[1] AS sum,
    tally.values(merged) = tally.values(whole) AND merged::text = whole::text
      AS same
FROM (SELECT k, tally.sum(g, at, v) AS whole FROM m.n,
        tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-02Z'), 'UTC') g
      GROUP BY k) w
JOIN (SELECT k, tally.merge(part::text::tally.series ORDER BY half) AS merged
      FROM (SELECT k, half, tally.sum(g, at, v) AS part
            FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY v) % 2
                    AS half FROM m.n) h,
              tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-02Z'),
                         'UTC') g
            GROUP BY k, half) p
      GROUP BY k) x USING (k)
WHERE k >= 5 ORDER BY k;

-- 20,000 random numerics of all sizes, signs and scales
SELECT setseed(0.3);
CREATE TABLE m.r AS SELECT
    '2025-01-01'::timestamptz + random() * interval '10 days' AS at,
    (random() * 20)::int AS k,
    round(((random() - 0.5) * 10 ^ (random() * 30 - 5))::numeric,
          (random() * 12)::int) AS v
  FROM generate_series(1, 20000);
SELECT count(*) AS cells, count(*) FILTER (WHERE
    t.sum::text IS DISTINCT FROM c.sum::text OR
    t.avg::text IS DISTINCT FROM c.avg::text OR
    t.min IS DISTINCT FROM c.min OR t.max IS DISTINCT FROM c.max OR
    t.n IS DISTINCT FROM coalesce(c.n, 0)) AS different
FROM tally.series('m.r', 'at', '1 day', tstzrange('2025-01-01', '2025-01-11'),
    '{sum(v),avg(v),min(v),max(v),count(v)}', '{k}', tz => 'UTC')
  AS t(bucket timestamptz, k int, sum numeric, avg numeric, min numeric,
       max numeric, n bigint)
LEFT JOIN (SELECT date_trunc('day', at, 'UTC') AS bucket, k, sum(v), avg(v),
      min(v), max(v), count(v) AS n FROM m.r GROUP BY 1, 2) c
  USING (bucket, k);

-- integers: exact beyond their own range
CREATE TABLE m.i (at timestamptz DEFAULT '2025-01-01', a smallint, b int,
                  c bigint);
INSERT INTO m.i (a, b, c) SELECT 32767, 2147483647, 9223372036854775807
  FROM generate_series(1, 3);
SELECT a, b, c, avg_a::text = (SELECT avg(a)::text FROM m.i) AS same_a,
    avg_c::text = (SELECT avg(c)::text FROM m.i) AS same_c
FROM tally.series('m.i', 'at', '1 day', tstzrange('2025-01-01', '2025-01-02'),
    '{sum(a),sum(b),sum(c),avg(a),avg(c)}', tz => 'UTC')
  AS t(bucket timestamptz, a bigint, b bigint, c numeric, avg_a numeric,
       avg_c numeric);

-- floats: the sum does not lose what is small beside what is large
CREATE TABLE m.f (at timestamptz DEFAULT '2025-01-01', k text, v float8,
                  r real);
INSERT INTO m.f (k, v, r) VALUES
  ('lost', 1e16, 1), ('lost', 1, 2), ('lost', 1, 3), ('lost', -1e16, 4),
  ('inf', 'Infinity', 1), ('inf', 1, 1),
  ('nan', 'NaN', 1), ('nan', 1, 1),
  ('both', 'Infinity', 1), ('both', '-Infinity', 1),
  ('none', NULL, NULL);
SELECT k, sum, avg, min, max, real_sum
FROM tally.series('m.f', 'at', '1 day', tstzrange('2025-01-01', '2025-01-02'),
    '{sum(v),avg(v),min(v),max(v),sum(r)}', '{k}', tz => 'UTC')
  AS t(bucket timestamptz, k text, sum float8, avg float8, min float8,
       max float8, real_sum float8);

-- least and greatest of any type with an order
CREATE TYPE m.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN m.code AS text;
CREATE TABLE m.o (at timestamptz DEFAULT '2025-01-01', t text, u uuid,
    ts timestamptz, d date, e m.mood, c m.code, i interval, b bool, a int[]);
INSERT INTO m.o (t, u, ts, d, e, c, i, b, a) VALUES
  ('b', '00000000-0000-0000-0000-000000000002', '2025-01-02', '2025-01-03',
   'happy', 'x', '1 day', true, '{2,1}'),
  (repeat('a', 3000), '00000000-0000-0000-0000-000000000001', '2024-01-02',
   '2024-01-03', 'sad', 'y', '23 hours', false, '{1,9}');
SELECT length(t) AS t, u, ts, d, e, c, i, a
FROM tally.series('m.o', 'at', '1 day', tstzrange('2025-01-01', '2025-01-02'),
    '{min(t),max(u),min(ts),max(d),max(e),max(c),min(i),max(a)}', tz => 'UTC')
  AS t(bucket timestamptz, t text, u uuid, ts timestamptz, d date, e m.mood,
       c m.code, i interval, a int[]);

-- the column list converts as an INSERT would
SELECT * FROM tally.series('m.r', 'at', '10 days',
    tstzrange('2025-01-01', '2025-01-11'), '{count,count,sum(k),avg(k)}',
    tz => 'UTC', origin => '2025-01-01')
  AS t(bucket date, n int, n_text text, sum numeric(12,1), avg real);

SET client_min_messages = warning;
DROP SCHEMA m CASCADE;
