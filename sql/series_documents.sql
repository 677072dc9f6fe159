-- tally.series_json() and series_json_rows(): the same answer as the rows, whole.
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German, DMY';
SET extra_float_digits = -5;
SET search_path = public, tally;
CREATE SCHEMA d;
CREATE TABLE d.t (at timestamptz, k text, n bigint, v numeric, f float8, r real, j jsonb, ok bool, day date, nobody text);
INSERT INTO d.t VALUES ('2025-03-29 12:00Z', 'a', 9007199254740993, 0.10, 0.1, 0.1, '{"x":[1,null]}', true, '2025-01-02', 'n'), ('2025-03-31 12:00Z', 'quote " and \ back', -1, 'NaN', 'Infinity', -0.0, '"s"', false, NULL, 'm'),
  ('2025-03-31 13:00Z', NULL, 1023, 12345678901234567890.5, -1e300, 1e30, NULL, NULL, 'infinity', NULL);
-- values are exact, whatever the session's settings; instants on the clock of the zone
SELECT jsonb_pretty(tally.series_json('d.t', 'at', '1 day', tstzrange('2025-03-29 10:00Z', '2025-03-31 22:00Z'), tz => 'Europe/Berlin',
  measures => '{sum(n),sum(v) AS v,sum(f) AS f,min(r) AS r,first(k) AS k,min(day) AS d,last(at) AS l,values(n) AS ns,values(day) AS ds}'));
SELECT s FROM jsonb_array_elements(tally.series_json('d.t', 'at', '1 year', daterange '[2025-01-01,2026-01-01)', tz => 'UTC', group_by => '{k,n,v,ok,day,j,f}') -> 'series') s;
SELECT * FROM tally.series_json_rows('d.t', 'at', '1 day', tstzrange('2025-03-29 10:00Z', '2025-03-31 22:00Z'), tz => 'Europe/Berlin', measures => ARRAY['count AS "a ""q"""', 'sum(f) AS f', 'min(r) AS r', 'max(v) AS v'], group_by => '{k}');
-- no group, no row
SELECT tally.series_json('d.t', 'at', '1 day', daterange '[2030-01-01,2030-01-02)', tz => 'UTC', group_by => '{k}');
SELECT tally.series_json_rows('d.t', 'at', '1 day', daterange '[2030-01-01,2030-01-02)', tz => 'UTC', group_by => '{k}');

-- what is written straight into bytes is what jsonb itself would make of its text,
-- with more members than one entry in 32 has an offset for; and it is what the rows say
RESET search_path;
RESET extra_float_digits;
SET timezone = 'UTC';
SELECT setseed(0.77);
CREATE TABLE d.r AS SELECT '2025-01-01'::timestamptz + random() * interval '10 days' AS at, 'k' || (random() * 70)::int AS k,
  CASE WHEN random() < 0.9 THEN (random() * 10 ^ (random() * 20)::int)::numeric(30, 3) END AS v, CASE WHEN random() < 0.9 THEN (random() - 0.5) * 10 ^ (random() * 40)::int END AS f FROM generate_series(1, 4000);
CREATE TABLE d.doc AS SELECT tally.series_json('d.r', 'at', '1 hour', tstzrange('2025-01-01', '2025-01-11'), '{count,sum(v),max(f) AS f,distinct(v) AS d}', '{k}', fill => '{"sum(v)":"previous"}', compare => '1 day') AS d;
SELECT d = d::text::jsonb AS same, pg_column_size(d || '{}') = pg_column_size(d::text::jsonb || '{}') AS as_large, md5(jsonb_send(d)) = md5(jsonb_send(d::text::jsonb)) AS sent, jsonb_array_length(d->'series') AS groups,
  (SELECT bool_and(s @> jsonb_build_object('key', s->'key') AND jsonb_array_length(s->'f before') = 240) FROM jsonb_array_elements(d->'series') s) AS complete FROM d.doc;
CREATE TABLE d.rows AS SELECT * FROM tally.series('d.r', 'at', '1 hour', tstzrange('2025-01-01', '2025-01-11'), '{count,sum(v),max(f) AS f,distinct(v) AS d}', '{k}', fill => '{"sum(v)":"previous"}', compare => '1 day')
  AS t(b timestamptz, k text, c bigint, s numeric, f float8, d bigint, c_b bigint, s_b numeric, f_b float8, d_b bigint);
SELECT count(*), count(*) FILTER (WHERE (to_jsonb(c), to_jsonb(s), to_jsonb(f), to_jsonb(d), to_jsonb(c_b), to_jsonb(s_b), to_jsonb(f_b), to_jsonb(d_b)) IS DISTINCT FROM
  (nullif(x->'count'->i, 'null'), nullif(x->'sum(v)'->i, 'null'), nullif(x->'f'->i, 'null'), nullif(x->'d'->i, 'null'), nullif(x->'count before'->i, 'null'), nullif(x->'sum(v) before'->i, 'null'), nullif(x->'f before'->i, 'null'), nullif(x->'d before'->i, 'null'))) AS different
FROM (SELECT x, x->'key'->>'k' AS k FROM d.doc, jsonb_array_elements(d->'series') x) x JOIN (SELECT *, (row_number() OVER (PARTITION BY k ORDER BY b) - 1)::int AS i FROM d.rows) r USING (k);
WITH l AS (SELECT ordinality - 2 AS i, x::jsonb AS x FROM tally.series_json_rows('d.r', 'at', '1 hour', tstzrange('2025-01-01', '2025-01-11'), '{count,sum(v),max(f) AS f,distinct(v) AS d}', '{k}', fill => '{"sum(v)":"previous"}', compare => '1 day') WITH ORDINALITY x(x)),
  c AS (SELECT i, k->>'k' AS k, (g - 1)::int AS g, l.x FROM l CROSS JOIN (SELECT x AS h FROM l WHERE i = -1) h, jsonb_array_elements(h->'keys') WITH ORDINALITY k(k, g) WHERE i >= 0)
SELECT count(*), count(*) FILTER (WHERE (to_jsonb(r.c), to_jsonb(s), to_jsonb(f), to_jsonb(d_b)) IS DISTINCT FROM
  (nullif(x->'values'->'count'->g, 'null'), nullif(x->'values'->'sum(v)'->g, 'null'), nullif(x->'values'->'f'->g, 'null'), nullif(x->'values'->'d before'->g, 'null')) OR (x->>'start')::timestamptz IS DISTINCT FROM b) AS different
FROM c JOIN (SELECT *, row_number() OVER (PARTITION BY k ORDER BY b) - 1 AS i FROM d.rows) r USING (i, k);
-- byte by byte, as jsonb makes it; integers around every power of ten and of two, of
-- both signs, beside nulls; counts that a tile of 16 bits cannot hold
SELECT record_image_eq(ROW(d), ROW(d::text::jsonb)) AS same_bytes FROM d.doc;
CREATE TABLE d.i AS SELECT '2025-01-01'::timestamptz + row_number() OVER () * interval '90 min' AS at, v, row_number() OVER () % 3 AS k
  FROM (SELECT v::bigint AS v FROM (SELECT sign * (10::numeric ^ e + near) AS v FROM generate_series(0, 18) e, generate_series(-1, 1) near, (VALUES (-1), (1)) s(sign)
    UNION ALL SELECT sign * (2::numeric ^ e + near) FROM generate_series(0, 63) e, generate_series(-2, 0) near, (VALUES (-1), (1)) s(sign)) x WHERE v BETWEEN -9223372036854775808 AND 9223372036854775807 ORDER BY random()) x;
INSERT INTO d.i SELECT '2025-03-01'::timestamptz + b * interval '2 hours', NULL, 1 FROM (VALUES (0, 1022), (1, 1023), (2, 1024), (3, 9999), (4, 10000), (5, 10001), (6, 65534), (7, 65535), (8, 65536), (9, 20000)) x(b, n), generate_series(1, n);
CREATE TABLE d.ints AS SELECT tally.series_json('d.i', 'at', '1 hour', tstzrange('2025-01-01', '2025-03-03'), '{min(v) AS v,count AS n,count(v) AS nv}', g::text[], compare => c) AS d
  FROM (VALUES ('{}', NULL), ('{k}', NULL), ('{k}', interval '2 hours')) x(g, c);
SELECT record_image_eq(ROW(d), ROW(d::text::jsonb)) AS same_bytes, (SELECT count(*) FROM jsonb_path_query(d, '$.series[*].v[*] ? (@ != null)') v) AS v, (SELECT string_agg(n #>> '{}', ' ' ORDER BY n) FROM jsonb_path_query(d, '$.series[*].n[*] ? (@ > 1)') n) AS n,
  (SELECT count(*) FROM d.i WHERE NOT EXISTS (SELECT FROM jsonb_path_query(d, '$.series[*].v[*]') j WHERE j = to_jsonb(i.v)) AND v IS NOT NULL) AS lost FROM (SELECT d FROM d.ints) i(d);
-- in a select list it stops when nobody asks for more
SELECT left(tally.series_json_rows('d.r', 'at', '1 hour', tstzrange('2025-01-01', '2025-01-11')), 40) LIMIT 2;
-- what no jsonb can hold is refused before anything is read, where it is sure, and before it is written
SET tally.max_cells = 100000000;
SET tally.max_buckets = 10000000;
SET tally.max_memory = '3GB';
SELECT tally.series_query_json('SELECT at FROM d.t WHERE 1 / (n - n) > 0', NULL, 'at', '1 second', daterange '[2025-01-01,2025-04-26)', '{count,count(at) AS a,count(at) AS b}');
SELECT tally.series_json('d.t', 'at', '1 second', daterange '[2025-01-01,2025-04-20)', '{count}', '{k}', tz => 'UTC');
-- memory is refused before it is taken
SET tally.max_memory = '2MB';
SELECT length(tally.series_json('d.r', 'at', '10 min', tstzrange('2025-01-01', '2025-01-11'), '{count,count(v),count(f),count(k),count(at)}')::text) > 0 AS small;
\set VERBOSITY sqlstate
SELECT tally.series_json('d.r', 'at', '30 min', tstzrange('2025-01-01', '2025-01-11'), '{count,count(v) AS v,count(f) AS f}', '{k}') IS NULL;
\set VERBOSITY default
RESET tally.max_memory;
RESET tally.max_cells;
RESET tally.max_buckets;

SET client_min_messages = warning;
DROP SCHEMA d CASCADE;
