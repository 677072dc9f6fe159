-- tally.fill(): a fill that a series carries, and who respects it.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA c;
CREATE TABLE c.probe (at timestamptz, temp float8);
INSERT INTO c.probe VALUES ('2025-06-01 12:10:30Z', 20), ('2025-06-01 12:40Z', 26), ('2025-06-01 12:55Z', 27);
CREATE TABLE c.s AS SELECT tally.avg(g, at, temp) AS avg, tally.count(g, at) AS count, tally.sum(g, at, temp::numeric(6,2)) AS sum
  FROM c.probe, tally.grid('10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 13:15Z'), 'UTC') g;

SELECT mode, tally.values(tally.fill(avg, mode)) AS avg, tally.values(tally.fill(count, mode)) AS count
FROM c.s, unnest('{"null",zero,-2.5,previous,next,linear}'::text[]) mode;
-- the last fill counts, none at all takes it away, and rows() may have one of its own
SELECT tally.values(tally.fill(tally.fill(count, 'previous'), 'null')), tally.values(tally.fill(tally.fill(count, 'null'), NULL)) FROM c.s;
SELECT array_agg(r.value) AS carried, array_agg(o.value) AS own FROM c.s, LATERAL tally.rows(tally.fill(count, 'previous')) r
  JOIN LATERAL tally.rows(tally.fill(count, 'previous'), 'linear') o USING (bucket);

-- every mode, with gaps and seeds, is that of rows(); it survives text, storage and a parameter
SELECT setseed(0.77);
CREATE TABLE c.many AS SELECT k, tally.avg(g, at, v) AS s FROM (SELECT k, g, '2025-02-01'::timestamptz + (random() ^ 2) * 130 * interval '1 day' AS at,
      1000 * random() AS v FROM generate_series(1, 20) k, LATERAL (SELECT tally.grid('1 day', daterange '[2025-02-01,2025-06-01)',
        (ARRAY['UTC','America/New_York','Australia/Lord_Howe'])[k % 3 + 1]) AS g) g, generate_series(1, k)) x GROUP BY k;
CREATE TABLE c.fills (mode text, gap interval, seed float8);
INSERT INTO c.fills (mode) VALUES ('null'), ('zero'), ('17.25'), ('previous'), ('next'), ('linear');
INSERT INTO c.fills VALUES ('previous', '5 days', NULL), ('previous', '1 month', -3), ('previous', NULL, 'NaN'), ('next', '100 hours', NULL), ('linear', '14 days', NULL);
CREATE TABLE c.stored AS SELECT k, f.*, tally.fill(s, mode, gap, seed) AS s FROM c.many, c.fills f;
SELECT mode, gap, seed, count(*), count(r.value) AS known, count(*) FILTER (WHERE r.is_filled) AS filled,
  count(*) FILTER (WHERE (r, r, r) IS DISTINCT FROM (a, b, o)) AS different
FROM c.stored s JOIN c.many m USING (k), LATERAL tally.rows(m.s, mode, gap, seed) o
  JOIN LATERAL tally.rows(s.s) r USING (bucket) JOIN LATERAL tally.rows(s.s::text::tally.series) a USING (bucket)
  JOIN LATERAL tally.rows(tally.fill(s.s::text::tally.series, mode, gap, seed)) b USING (bucket)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- the states are as they were, and the same text comes back
SELECT count(*), count(*) FILTER (WHERE tally.fill(s.s, NULL)::text <> m.s::text) AS different,
  count(*) FILTER (WHERE s.s::text = m.s::text) AS same, count(*) FILTER (WHERE s.s::text::tally.series::text <> s.s::text) AS lost
FROM c.stored s JOIN c.many m USING (k);

-- series stored by 0.1 carry none
SELECT bucket, value, n FROM tally.rows('gTgBAAAAAAAAAAEAAAAAAAAAAAAC1G3McnwAAALUqU9k+AABAAAAACdlGxwARXVyb3BlL0JlcmxpbgEBB251bWVyaWMAAAEBAQEBAgAAAAAAAAAAAAAAAAAAAJYCAQEBAgAAAAAAAAAAAAAAAAAAAOEA');
SELECT tally.values(tally.merge(s)), tally.values(tally.fill(tally.merge(s), 'linear')) FROM (VALUES
  (tally.series 'gS4BAAAAAAAAAAEAAAAAAAAAAAAC1G6jBiAAAALUqvyMQAABAAAAACg7rsAAVVRDAQAAAAABAQEBAQIBAQEA')) x(s);

-- JSON: exact, in the measure's type where that has the value
SELECT k, tally.json(s) -> 'values' AS values FROM c.s, LATERAL (VALUES (1, tally.fill(sum, 'linear')), (2, tally.fill(sum, '0.1')),
  (3, tally.fill(count, 'linear')), (4, tally.fill(count, '0.5')), (5, tally.fill(count, '3')), (6, tally.fill(count, 'previous', seed => 8)),
  (7, tally.fill(count, 'previous', seed => 0.25)), (8, tally.fill(count, 'null')), (9, tally.fill(avg, 'next', '19 min'))) x(k, s) ORDER BY 1;
SELECT tally.json(tally.fill(tally.sum(g, at, v), 'previous')) -> 'values' FROM (VALUES ('2025-01-01'::timestamptz, 9007199254740993)) x(at, v),
  tally.grid('1 day', daterange '[2025-01-01,2025-01-03)', 'UTC') g;
SELECT count(*), count(*) FILTER (WHERE (SELECT array_agg(v::text::float8 ORDER BY i) FROM jsonb_array_elements_text(tally.json(s) -> 'values') WITH ORDINALITY x(v, i))
  IS DISTINCT FROM tally.values(s)) AS different FROM c.stored;

-- merging: one fill is kept, two are refused
SELECT tally.values(tally.merge(s)) FROM (SELECT tally.fill(count, 'previous', '20 min') AS s FROM c.s, generate_series(1, 3)) x;
SELECT tally.values(tally.merge(s)) FROM (SELECT tally.fill(count, mode) AS s FROM c.s, unnest('{previous,NULL}'::text[]) mode) x;
SELECT tally.values(tally.merge(s)) FROM (SELECT tally.fill(count, 'previous', gap) AS s FROM c.s, unnest('{1 day,24 hours}'::interval[]) gap) x;
SELECT tally.values(tally.merge(s)) FROM (SELECT tally.fill(count, 'previous', seed => d) AS s FROM c.s, unnest('{1,2}'::float8[]) d) x;
SELECT tally.values(tally.merge(s)) FROM (SELECT tally.fill(count, mode) AS s FROM c.s, unnest('{1,2}'::text[]) mode) x;
SELECT tally.values(tally.merge(tally.fill(s, NULL))) FROM (SELECT tally.fill(count, mode) AS s FROM c.s, unnest('{1,2}'::text[]) mode) x;

-- rebucket and shift keep it; a seed is of buckets of its own step
CREATE TABLE c.wide AS SELECT k, tally.grid('1 week', daterange '[2025-02-03,2025-05-05)', z) AS g, z
  FROM (SELECT k, (ARRAY['UTC','America/New_York','Australia/Lord_Howe'])[k % 3 + 1] AS z FROM c.many) x;
SELECT mode, gap, count(*), count(r.value) AS known, count(*) FILTER (WHERE r IS DISTINCT FROM o) AS different
FROM c.stored s JOIN c.wide USING (k) JOIN c.many m USING (k), LATERAL tally.rows(tally.rebucket(s.s, g)) r
  JOIN LATERAL tally.rows(tally.rebucket(m.s, g), mode, gap) o USING (bucket) WHERE s.seed IS NULL GROUP BY 1, 2 ORDER BY 1, 2;
SELECT tally.rebucket(tally.fill(s, 'previous', seed => 1), g) FROM c.many JOIN c.wide USING (k) WHERE k = 1;
SELECT tally.values(tally.rebucket(tally.fill(count, 'previous', seed => 7), tally.grid('10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 13:15Z'), 'UTC'))) FROM c.s;
SELECT count(*), count(*) FILTER (WHERE tally.values(tally.shift(s.s, '1 week')) IS DISTINCT FROM tally.values(tally.fill(tally.shift(m.s, '1 week'), mode, gap, seed))) AS different,
  count(*) FILTER (WHERE k % 3 = 0 AND gap IS DISTINCT FROM '1 month' AND tally.values(tally.shift(s.s, '1 week')) IS DISTINCT FROM tally.values(s.s)) AS different_in_utc
FROM c.stored s JOIN c.many m USING (k);

-- derived rows: values of buckets are those that stand there, states are of rows
SELECT fn, count(*), count(*) FILTER (WHERE abs(m.value - o.v) > 1e-9 * abs(o.v) OR (m.value IS NULL) <> (o.v IS NULL) OR m.n <> o.n) AS different
FROM c.stored s, unnest('{sum,avg,min,max}'::text[]) fn, LATERAL tally.moving(s.s, fn, 5) m JOIN LATERAL (SELECT bucket,
      CASE fn WHEN 'sum' THEN sum(value) OVER w WHEN 'avg' THEN avg(value) OVER w WHEN 'min' THEN min(value) OVER w ELSE max(value) OVER w END AS v,
      sum(n) OVER w AS n FROM tally.rows(s.s) WINDOW w AS (ORDER BY bucket ROWS 4 PRECEDING)) o USING (bucket)
WHERE seed IS DISTINCT FROM 'NaN' GROUP BY 1 ORDER BY 1;
-- a fill of states: where nothing fell into the window
CREATE FUNCTION c.fill_of(vals float8[], mode text) RETURNS float8[] LANGUAGE sql AS $$
  SELECT array_agg(CASE WHEN v IS NOT NULL THEN v WHEN mode = 'zero' THEN 0
      WHEN mode = 'previous' THEN (SELECT p FROM unnest(vals) WITH ORDINALITY x(p, j) WHERE j < i AND p IS NOT NULL ORDER BY j DESC LIMIT 1)
      WHEN mode = 'next' THEN (SELECT p FROM unnest(vals) WITH ORDINALITY x(p, j) WHERE j > i AND p IS NOT NULL ORDER BY j LIMIT 1) END ORDER BY i)
  FROM unnest(vals) WITH ORDINALITY y(v, i) $$;
SELECT mode, count(*), count(*) FILTER (WHERE (SELECT array_agg(value) FROM tally.moving(s.s, 'merge', 6))
    IS DISTINCT FROM c.fill_of((SELECT array_agg(value) FROM tally.moving(m.s, 'merge', 6)), mode)) AS moving,
  count(*) FILTER (WHERE (SELECT array_agg(value) FROM tally.cumulate(s.s))
    IS DISTINCT FROM c.fill_of((SELECT array_agg(value) FROM tally.cumulate(m.s)), mode)) AS cumulate
FROM c.stored s JOIN c.many m USING (k) WHERE mode IN ('null', 'zero', 'previous', 'next') AND gap IS NULL AND seed IS NULL GROUP BY 1 ORDER BY 1;
SELECT array_agg(m.value) AS count, array_agg(m.is_filled) AS is_filled, array_agg(n.value) AS null, array_agg(n.is_filled) AS is_filled_n
FROM c.s, LATERAL tally.moving(tally.fill(count, '9'), 'merge', 2) m JOIN LATERAL tally.moving(tally.fill(count, 'null'), 'merge', 2) n USING (bucket);
-- a rate of what stands there; a filled value stands for a whole bucket, here also for the last one, of which half is in the range
SELECT array_agg(value) AS per_minute FROM c.s, LATERAL tally.rate(tally.fill(count, 'previous'), '1 min');

-- PL/pgSQL, where an expanded series is kept in a variable, and prepared statements
DO $$
DECLARE
  s tally.series;
  f tally.series;
BEGIN
  SELECT count INTO s FROM c.s;
  s := tally.fill(s, '4');
  f := tally.fill(s, 'null');
  RAISE NOTICE '% %', tally.values(s), tally.values(f);
  FOR i IN 1 .. 3 LOOP
    s := tally.fill(s, i::text);
  END LOOP;
  RAISE NOTICE '% %', tally.values(s), (SELECT array_agg(value) FROM tally.rows(f, 'zero'));
END $$;
SET plan_cache_mode = force_generic_plan;
PREPARE filled(text, interval, float8) AS SELECT tally.values(tally.fill(count, $1, $2, $3)) FROM c.s;
EXECUTE filled('previous', '10 min', 5);
EXECUTE filled('next', NULL, NULL);
RESET plan_cache_mode;
-- a state that an aggregate goes on with is not changed
SELECT bool_and(tally.values(r) = v AND tally.values(f) <> v) FROM (SELECT r, tally.values(r) AS v, tally.fill(r, '-1') AS f, row_number() OVER () AS n
  FROM (SELECT tally.count(tally.grid('10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 13:15Z'), 'UTC'), at) OVER (ORDER BY at) AS r FROM c.probe) x) y;
SELECT tally.values(tally.fill(tally.count(g, at), '-1')), tally.values(tally.count(g, at)) FROM c.probe, tally.grid('30 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 14:00Z'), 'UTC') g;

-- nulls, and mistakes
SELECT tally.fill(NULL, 'zero') IS NULL;
SELECT tally.fill(avg, 'last') FROM c.s;
SELECT tally.fill(avg, 'zero', '1 hour') FROM c.s;
SELECT tally.fill(avg, NULL, '1 hour') FROM c.s;
SELECT tally.fill(avg, 'linear', seed => 1) FROM c.s;
SELECT tally.fill(avg, 'next', '0') FROM c.s;
SELECT tally.rows(tally.fill(avg, 'next'), max_gap => '1 hour') FROM c.s;
-- a text in which the fill cannot be
SELECT replace(encode(set_byte(b, at, 9), 'base64'), E'\n', '') AS mode, replace(encode(set_byte(b, at + 1, 4), 'base64'), E'\n', '') AS flags, get_byte(b, at)
FROM (SELECT b, get_byte(b, 1) + 2 AS at FROM (SELECT decode(tally.fill(avg, 'zero')::text, 'base64') AS b FROM c.s) x) y \gset
SELECT :get_byte AS mode, :'mode'::tally.series;
SELECT :'flags'::tally.series;

SET client_min_messages = warning;
DROP SCHEMA c CASCADE;
