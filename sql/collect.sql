-- tally.collect(): its one specification, paths into documents, members, and
-- the words by which short keys are found. Panels are compared as text, which
-- shows all there is in them, with those that 0.1's function makes of columns.
SET timezone = 'UTC';
CREATE SCHEMA c;
CREATE FUNCTION c.keep_row(tally.panel, tally.grid, text, "any", VARIADIC "any") RETURNS tally.panel
  LANGUAGE C IMMUTABLE AS '$libdir/tally', 'tally_collect';
CREATE AGGREGATE c.keep(tally.grid, text, "any", VARIADIC "any") (SFUNC = c.keep_row, STYPE = tally.panel);
CREATE AGGREGATE c.run(bytea, "any", VARIADIC "any") (SFUNC = tally.collect_row, STYPE = tally.panel);
CREATE AGGREGATE c.run(bytea, "any") (SFUNC = tally.collect_row, STYPE = tally.panel);
-- the format of collect_spec.c: others, routes of measures and keys, panel
CREATE FUNCTION c.spec(others int, routes bytea, template tally.panel) RETURNS bytea LANGUAGE sql
  RETURN '\x01'::bytea || set_byte('\x00', 0, others) || routes || '\xff' || tally.panel_send(template);
CREATE FUNCTION c.path(argument int, VARIADIC names text[]) RETURNS bytea LANGUAGE sql
  RETURN set_byte('\x00', 0, argument) || set_byte('\x00', 0, cardinality(names)) ||
    (SELECT string_agg(convert_to(n, 'UTF8') || '\x00', '' ORDER BY i) FROM unnest(names) WITH ORDINALITY u(n, i));
CREATE TABLE c.g AS SELECT tally.grid('1 day', daterange '[2025-03-01,2025-03-08)', 'UTC') AS g;
CREATE TABLE c.doc (id serial, at timestamptz, d jsonb, j json);
INSERT INTO c.doc (at, d, j) SELECT '2025-03-01'::timestamptz + i * interval '5 hours', s::jsonb, s::json
FROM (SELECT row_number() OVER () AS i, s FROM (
  SELECT s FROM unnest(ARRAY[
    '{"a": {"b": "x"}, "n": 1}', '{"a": {"b": "y"}, "n": 2.50}', '{"a": {"b": null}, "n": null}',
    '{"a": {"b": 1.5}, "n": "7"}', '{"a": {"b": true}, "n": true}', '{"a": {"b": [1, 2]}, "n": {"m": 1}}',
    '{"a": {"b": {"c": ""}}, "n": -3e2}', '{"a": ["p", {"b": "q"}, "r"], "n": [4]}', '{"a": "text", "n": 1e-3}',
    '{"n": 0}', '[{"b": "in a list"}, 5]', '"scalar"', '12', 'null', NULL,
    '{"a": {"b": "a string that is longer than any signature"}, "n": 123456789012345678901234567890}']) s) s,
  generate_series(1, 2)) x;
-- large enough to be compressed
INSERT INTO c.doc (at, d, j) SELECT '2025-03-02', d::jsonb, d::json
FROM (SELECT json_build_object('pad', repeat('0123456789', 1000), 'a', json_build_object('b', 'x'), 'n', 8)::text AS d) x;
\pset tuples_only
\pset format unaligned

-- a path as a key is what #>> gives: jsonb and json
SELECT path, c.run(c.spec(0, '\x0000'::bytea || c.path(3, VARIADIC path), empty), at, d ORDER BY id)::text
    = c.keep(g, '*', at, d #>> path ORDER BY id)::text AS jsonb,
  c.run(c.spec(0, '\x0000'::bytea || c.path(3, VARIADIC path), empty), at, j ORDER BY id)::text
    = c.keep(g, '*', at, j #>> path ORDER BY id)::text AS json
FROM c.doc, c.g, (SELECT c.keep(g, '*', '1900-01-01'::timestamptz, NULL::text) AS empty FROM c.g) e,
  (VALUES (1, ARRAY['a', 'b']), (2, '{a,1,b}'), (3, '{a,-1}'), (4, '{a,-4}'), (5, '{0,b}'), (6, '{n}'), (7, '{a}'), (8, '{0}'),
    (9, '{a,b,c}'), (10, '{a,1x}'), (11, '{"a","99999999999"}'), (12, '{nothing,here}')) p(i, path)
GROUP BY i, path ORDER BY i;

-- two paths into one document, and a sum of numbers by a third: what is no
-- number is left out, and counted; of the count, the last bytes of a panel
-- without any value are: count, no others, one group, no row
SELECT c.run(c.spec(0, '\x0000'::bytea || c.path(3, 'n') || c.path(3, 'a', 'b') || c.path(3, 'a', '1', 'b'), empty), at, d ORDER BY id)::text
  = c.keep(g, '*s', at, CASE jsonb_typeof(d #> '{n}') WHEN 'number' THEN (d ->> 'n')::numeric END, d #>> '{a,b}', d #>> '{a,1,b}' ORDER BY id)::text
FROM c.g, (SELECT * FROM c.doc WHERE d -> 'n' IS NULL OR jsonb_typeof(d -> 'n') IN ('number', 'null')) t,
  (SELECT c.keep(g, '*s', '1900-01-01'::timestamptz, NULL::numeric, NULL::text, NULL::text) AS empty FROM c.g) e;
SELECT right(encode(tally.panel_send(c.run(c.spec(0, c.path(3, 'n'), empty), at, d)), 'hex'), 8),
  right(encode(tally.panel_send(c.run(c.spec(0, c.path(3, 'n'), empty), at, j)), 'hex'), 8)
FROM (SELECT * FROM c.doc WHERE jsonb_typeof(d -> 'n') <> 'number') t,
  (SELECT c.keep(g, 's', '1900-01-01'::timestamptz, NULL::numeric) AS empty FROM c.g) e;
SELECT c.run(c.spec(0, c.path(3, 'n'), empty), at, j ORDER BY id)::text = c.keep(g, 's', at, (j ->> 'n')::numeric ORDER BY id)::text
FROM c.g, (SELECT * FROM c.doc WHERE jsonb_typeof(d -> 'n') = 'number') t,
  (SELECT c.keep(g, 's', '1900-01-01'::timestamptz, NULL::numeric) AS empty FROM c.g) e;
-- a number that no numeric can hold is none
SELECT right(encode(tally.panel_send(c.run(c.spec(0, c.path(3, 'n'), empty), '2025-03-01'::timestamptz, j)), 'hex'), 8)
FROM (VALUES (json '{"n": 1e999999}'), ('{"n": -1E+99999999999999999999}')) t(j),
  (SELECT c.keep(g, 's', '1900-01-01'::timestamptz, NULL::numeric) AS empty FROM c.g) e;
-- a count at a path is of what stands there
SELECT c.run(c.spec(0, c.path(3, 'a', 'b'), empty), at, d)::text = c.keep(g, 'n', at, d #>> '{a,b}')::text,
  c.run(c.spec(0, c.path(3, 'a', 'b'), empty), at, j)::text = c.keep(g, 'n', at, j #>> '{a,b}')::text
FROM c.g, c.doc, (SELECT c.keep(g, 'n', '1900-01-01'::timestamptz, NULL::text) AS empty FROM c.g) e;

-- members come first, in their order; other groups: new, left out, or one
CREATE TABLE c.ev AS SELECT i, '2025-03-01'::timestamptz + i * interval '13 min' AS at,
  CASE WHEN i % 11 > 0 THEN 'k' || i % 9 END AS k, (i % 40 - 20)::numeric / 8 * power(10::numeric, i % 4 * 5) AS n FROM generate_series(0, 999) i;
CREATE TABLE c.members AS SELECT c.keep(g, 'n', at, NULL::int, k ORDER BY i) AS m
FROM c.g, (VALUES (1, '2025-03-01'::timestamptz, 'k7'), (2, '2025-03-01', 'nobody'), (3, '2025-03-01', NULL)) v(i, at, k);
SELECT others, length(p::text) > 0, p::text = q::text FROM (
  SELECT others, c.run(c.spec(others, '\x00000300', m), at, k ORDER BY i) AS p,
    c.run(c.spec(0, '\x00000300', m), at, k ORDER BY i) FILTER (WHERE others = 0 OR k = 'k7' OR k IS NULL) AS q
  FROM c.ev, c.members, generate_series(0, 2) others GROUP BY others) x ORDER BY others;
-- the one of all others survives a copy, and is merged with another's
CREATE AGGREGATE c.merge(tally.panel) (SFUNC = tally.panel_combine, STYPE = tally.panel);
SELECT p::text = p::text::tally.panel::text, q::text = p::text FROM
  (SELECT c.run(c.spec(2, '\x00000300', m), at, k ORDER BY i) AS p FROM c.ev, c.members) a,
  (SELECT c.merge(p ORDER BY half) AS q FROM (SELECT i < 500 AS half, c.run(c.spec(2, '\x00000300', m), at, k ORDER BY i) AS p
    FROM c.ev, c.members GROUP BY 1) h) b;

-- numerics are found by their digits: equal ones are one group, however they
-- are spelled, long and short, alone and beside a text
SELECT c.keep(g, '*', at, n)::text = c.keep(g, '*', at, m)::text AS alone,
  c.keep(g, '*', at, n, i % 3 = 0)::text = c.keep(g, '*', at, m, i % 3 = 0)::text AS beside
FROM c.g, (SELECT i, at, trim_scale(n) AS n, trim_scale(n) + CASE i / 120 % 2 WHEN 1 THEN 0.000 ELSE 0 END AS m FROM c.ev ORDER BY i) e;
CREATE TABLE c.odd AS SELECT '2025-03-04'::timestamptz AS at, v::numeric FROM unnest(ARRAY['0', '0.00', '-0.000', '1', '1.0', '-1', '10000', '1e4',
  '10001', '1e-4', '0.00010', '1e20', '100000000000000000000.0', 'NaN', 'NaN', 'Infinity', '-Infinity', '123456789.123456789123456789',
  '123456789.1234567891234567890', '1e600', '1e600', '1e-600', '12345678901234567890', '12345678901234567890.0', '1e512', '1e516']) v;
SELECT left(v::text, 30), scale(v), n FROM tally.series('c.odd', 'at', '7 days', daterange '[2025-03-03,2025-03-10)', '{count}', '{v}') AS t(b timestamptz, v numeric, n bigint);
SELECT count(DISTINCT v) FROM c.odd;

CREATE TABLE c.odd_ev AS SELECT '2025-03-01'::timestamptz + i * interval '5 hours' AS at, i,
  CASE i % 7 WHEN 0 THEN 1e40 WHEN 1 THEN -1e40 WHEN 2 THEN NULL ELSE i / 8.0 END::numeric AS n FROM generate_series(1, 30) i;
CREATE TABLE c.empty AS SELECT c.keep(g, 'ss*', '1900-01-01'::timestamptz, 0::numeric, 0::int) AS empty FROM c.g;
-- more groups than the cache has places at first, of keys of one and two parts
SELECT setseed(0.3);
CREATE TABLE c.many AS SELECT '2025-03-01'::timestamptz + random() * interval '7 days' AS at, CASE WHEN random() < 0.9 THEN substr(md5(a::text), 1, a % 20) END AS a, b::numeric / 4 AS b, a % 8 AS c
FROM (SELECT floor(random() * 700)::int AS a, floor(random() * 30)::int - 15 AS b FROM generate_series(1, 20000)) x;
SELECT count(*) FROM ((SELECT b, k, n FROM tally.series('c.many', 'at', '1 day', daterange '[2025-03-01,2025-03-08)', '{count}', '{a}') AS t(b timestamptz, k text, n bigint) WHERE n > 0
  EXCEPT SELECT date_trunc('day', at), a, count(*) FROM c.many GROUP BY 1, 2)
  UNION ALL (SELECT date_trunc('day', at), a, count(*) FROM c.many GROUP BY 1, 2
  EXCEPT SELECT b, k, n FROM tally.series('c.many', 'at', '1 day', daterange '[2025-03-01,2025-03-08)', '{count}', '{a}') AS t(b timestamptz, k text, n bigint))) x;
SELECT keys, count(*) FROM (VALUES ('{a,b}'), ('{a,c}'), ('{b,c}')) v(keys), LATERAL (
  SELECT * FROM tally.series('c.many', 'at', '1 day', daterange '[2025-03-01,2025-03-08)', '{count}', keys::text[]) AS t(b timestamptz, k text, l text, n bigint) WHERE n > 0
  EXCEPT SELECT date_trunc('day', at), x ->> (keys::text[])[1], x ->> (keys::text[])[2], count(*) FROM c.many, to_jsonb(many) x GROUP BY 1, 2, 3) d GROUP BY 1;

-- a state that is looked at after each of its rows has all of them in it
SELECT bool_and(x.p::text = y.p::text) AS whole, count(DISTINCT x.p::text) AS states FROM
  (SELECT i, c.run(c.spec(0, '\x030004000000', empty), at, n, i) OVER (ORDER BY i) AS p FROM c.odd_ev, c.empty) x,
  LATERAL (SELECT c.keep(g, 'ss*', at, n, i) AS p FROM c.g, (SELECT * FROM c.odd_ev WHERE i <= x.i ORDER BY i) e) y;

-- two parts with few values, with many in one of them, and in both; the same
-- from documents whose members are few and many, and not always there
CREATE TABLE c.two AS SELECT '2025-03-01'::timestamptz + i * interval '2 minutes' AS at, few, many, mid,
  jsonb_build_object('few', few, 'many', many, 'mid', 'not this', 'x', jsonb_build_object('mid', mid, 'few', 'nor this'))
    || (SELECT jsonb_object_agg(left('member' || j, 3 + (i + j) % 6), j) FROM generate_series(1, i / 3 % 7 * 6 + 1) j) AS d
FROM (SELECT i, 'f' || i % 7 AS few, 'v' || (hashint4(i) & 4095) AS many, 'm' || (hashint4(i + 1000000) & 511) AS mid FROM generate_series(1, 5000) i) x;
CREATE FUNCTION c.two(keys text[]) RETURNS text LANGUAGE sql
RETURN (SELECT md5(string_agg(format('%s %s %s %s', b, k, l, n), ',' ORDER BY b, k COLLATE "C", l COLLATE "C")) FROM
  tally.series('c.two', 'at', '1 day', daterange '[2025-03-01,2025-03-08)', '{count}', keys) AS t(b timestamptz, k text, l text, n bigint) WHERE n > 0);
SELECT keys, c.two(keys) = whole AS columns, c.two(paths) = whole AS paths, groups
FROM (VALUES (ARRAY['few', 'mid'], ARRAY['d.few', 'd.x.mid']), (ARRAY['few', 'many'], ARRAY['d.few', 'd.many']),
  (ARRAY['many', 'few'], ARRAY['d.many', 'd.few']), (ARRAY['mid', 'many'], ARRAY['d.x.mid', 'd.many'])) v(keys, paths),
LATERAL (SELECT md5(string_agg(format('%s %s %s %s', b, k, l, n), ',' ORDER BY b, k COLLATE "C", l COLLATE "C")) AS whole, count(DISTINCT (k, l)) AS groups FROM
  (SELECT date_trunc('day', at) AS b, x ->> keys[1] AS k, x ->> keys[2] AS l, count(*) AS n FROM (SELECT at, to_jsonb(two) - 'd' AS x FROM c.two) y GROUP BY 1, 2, 3) z) s;

-- bytes that nobody of us wrote
SELECT c.run(''::bytea, at) FROM c.ev;
SELECT c.run(NULL::bytea, at) FROM c.ev;
SELECT c.run('\x0203'::bytea, at) FROM c.ev;
\set VERBOSITY terse
DO $$
DECLARE
  good bytea = (SELECT c.spec(2, '\x0000'::bytea || c.path(3, 'n') || c.path(3, 'a', 'b') || c.path(3, 'a', '1', 'b'),
    c.keep(g, '*s', '1900-01-01'::timestamptz, NULL::numeric, NULL::text, NULL::text)) FROM c.g);
  refused int = 0;
BEGIN
  PERFORM setseed(0.1);
  FOR i IN 1 .. 3000 LOOP
    BEGIN
      PERFORM c.run(CASE WHEN i % 3 = 0 THEN substr(good, 1, (random() * length(good))::int)
        ELSE set_byte(good, (random() * CASE i % 2 WHEN 0 THEN 23 ELSE length(good) - 1 END)::int, (random() * 255)::int) END, at, d) FROM c.doc;
    EXCEPTION WHEN OTHERS THEN refused = refused + 1;
    END;
  END LOOP;
  RAISE NOTICE '%', CASE WHEN refused > 1500 THEN 'most are refused, and the server is there' ELSE refused::text END;
END $$;
-- of other arguments than it says
SELECT c.run(c.spec(0, '\x00000300', m), at, n) FROM c.ev, c.members;
SELECT c.run(c.spec(0, '\x00000400', m), at, k) FROM c.ev, c.members;
SELECT c.run(c.spec(0, '\x00000000', m), at, k) FROM c.ev, c.members;
SELECT c.run(c.spec(0, '\x0000030161', m), at, k) FROM c.ev, c.members;
SELECT c.run(c.spec(0, '\x00000300', m), k, k) FROM c.ev, c.members;
SELECT c.run(c.spec(0, '\x0000', m), at, k) FROM c.ev, c.members;
SELECT c.run(c.spec(3, '\x00000300', m), at, k) FROM c.ev, c.members;

-- an aggregate that combines in its own way gets whole panels, of the leader, too
CREATE FUNCTION c.first_of(tally.panel, tally.panel) RETURNS tally.panel LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN coalesce($1, $2::text::tally.panel);
END $$;
CREATE AGGREGATE c.own(bytea, "any", VARIADIC "any") (SFUNC = tally.collect_row, STYPE = tally.panel,
  COMBINEFUNC = c.first_of, PARALLEL = SAFE);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers = 0;
ALTER TABLE c.doc SET (parallel_workers = 1);
SELECT format('SELECT c.own(%L::bytea, at, id)::text FROM c.doc', c.spec(0, '\x00000300', (SELECT c.keep(g, '*', '1900-01-01'::timestamptz, 1) FROM c.g))) AS own \gset
EXPLAIN (COSTS OFF) :own;
SELECT (:own) = (SELECT c.keep(g, '*', at, id)::text FROM c.doc, c.g) AS same;

SET client_min_messages = warning;
DROP SCHEMA c CASCADE;
