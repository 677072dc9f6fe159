-- tally.json(series): one document, whatever the session's settings.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German, DMY';
SET extra_float_digits = -5;
SET search_path = public, tally;
CREATE SCHEMA j;
CREATE TABLE j.r (at timestamptz, v numeric, f float8, i bigint);
INSERT INTO j.r VALUES ('2025-03-29 12:00Z', 0.10, 0.1, 9007199254740993), ('2025-03-29 13:00Z', 0.20, 0.2, 0),
  ('2025-03-31 12:00Z', 5, 'Infinity', 1);
-- the day on which summer time begins: the offset changes, and nothing fell
SELECT tally.json(tally.count(g, at)) AS count
FROM j.r, tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') g;
SELECT tally.json(tally.sum(g, at, v)) -> 'values' AS numeric, tally.json(tally.sum(g, at, f)) -> 'values' AS float,
  tally.json(tally.sum(g, at, i)) -> 'values' AS bigint, tally.json(tally.avg(g, at, v)) -> 'values' AS avg,
  tally.json(tally.max(g, at, v)) -> 'n' AS n
FROM j.r, tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') g;
SELECT tally.json(tally.max(g, at, x)) -> 'values' AS not_numbers, tally.json(tally.max(g, at, x::numeric)) -> 'values' AS numeric
FROM tally.grid('1 day', daterange '[2025-03-29,2025-04-02)', 'UTC') g,
  (VALUES ('2025-03-29 00:00Z'::timestamptz, 'NaN'::float8), ('2025-03-30 00:00Z', '-Infinity'), ('2025-03-31 00:00Z', 1e25)) x(at, x);
-- instants that no clock shows
SELECT tally.json(tally.last(g, at, x)) -> 'values' AS infinite, tally.json(tally.values(g, at, x)) -> 'values' AS sets
FROM tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Asia/Kathmandu') g,
  (VALUES ('2025-03-29 12:00Z'::timestamptz, 'infinity'::timestamptz), ('2025-03-30 12:00Z', '-infinity'), ('2025-03-31 12:00Z', '2025-03-31 12:00Z')) x(at, x);
-- fractions of seconds, offsets with minutes and seconds, years before ours
SELECT tally.json(tally.count(g, NULL)) -> 'start' AS start FROM tally.grid('1.5 s', tstzrange('2025-01-01 00:00Z', '2025-01-01 00:00:03Z'), 'Asia/Kathmandu') g;
SELECT tally.json(tally.count(g, NULL)) -> 'end' AS end FROM tally.grid('1 day', daterange '[1850-01-01,1850-01-02)', 'Europe/Berlin') g;
SELECT tally.json(tally.count(g, NULL)) -> 'start' AS start FROM tally.grid('1 day', daterange '[0044-03-15 BC,0044-03-16 BC)', 'UTC') g;

-- random series: what the document says is what the rows say
SELECT setseed(0.61);
CREATE TABLE j.s AS SELECT k, tally.avg(tally.grid(every, daterange '[2025-01-01,2025-07-01)', zone), at, v) AS s
  FROM (VALUES (1, 'Australia/Lord_Howe', interval '12 hours'), (2, 'America/New_York', '1 week')) z(k, zone, every),
    LATERAL (SELECT '2025-01-01'::timestamptz + k * random() * 90 * interval '1 day' AS at, 1e6 * (random() - 0.5) AS v
      FROM generate_series(1, 300)) x GROUP BY 1;
SELECT k, count(*) AS buckets, count(r.value) AS known, count(*) FILTER (WHERE (r.bucket, r.bucket_end, r.value, r.n) IS DISTINCT FROM
    ((d #>> ARRAY['start', i])::timestamptz, (d #>> ARRAY['end', i])::timestamptz, (d #>> ARRAY['values', i])::float8, (d #>> ARRAY['n', i])::bigint)) AS different
FROM (SELECT k, s, tally.json(s) AS d FROM j.s) s, LATERAL tally.rows(s) WITH ORDINALITY o(bucket, bucket_end, value, n, f, p, nr),
  LATERAL (SELECT o.*, (nr - 1)::text AS i) r
GROUP BY 1 ORDER BY 1;
SELECT tally.json(NULL) IS NULL AS is_null;

SET client_min_messages = warning;
DROP SCHEMA j CASCADE;
