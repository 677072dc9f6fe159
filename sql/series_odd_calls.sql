-- Aggregates called in odd ways: in windows, with FILTER, DISTINCT and ORDER
-- BY, spilled to disk, and made by others from our transition functions.
SET timezone = 'UTC';
CREATE SCHEMA odd;
CREATE TABLE odd.ev AS
  SELECT '2025-03-01'::timestamptz + i * interval '7 min' AS at, i % 5 AS k,
    (i % 13)::numeric / 4 AS v, chr(97 + i % 7) AS t
  FROM generate_series(0, 999) i;
CREATE TABLE odd.g AS SELECT tally.grid('1 day', daterange '[2025-03-01,2025-03-08)', 'UTC') AS g;
CREATE FUNCTION odd.n(s tally.series) RETURNS numeric LANGUAGE sql
  RETURN (SELECT sum(n) FROM tally.rows(s));
\pset format unaligned
\pset tuples_only

-- a window: the state is shown, and then goes on growing
SELECT bool_and(odd.n(running) = r AND odd.n(moving) = least(r, 10)) FROM (
  SELECT tally.count(g, at) OVER (ORDER BY at) AS running,
    tally.sum(g, at, v) OVER (ORDER BY at ROWS 9 PRECEDING) AS moving, row_number() OVER (ORDER BY at) AS r
  FROM odd.ev, odd.g WHERE k < 2) x;

-- FILTER, DISTINCT, ORDER BY in the aggregate
SELECT odd.n(tally.count(g, at) FILTER (WHERE k = 1)), odd.n(tally.count(DISTINCT g, at)),
  odd.n(tally.sum(g, at, v ORDER BY v DESC, at)) FROM odd.g, (SELECT * FROM odd.ev UNION ALL SELECT * FROM odd.ev) e;

-- grouping sets, and hash aggregation that spills
SELECT count(*), sum(odd.n(s)) FROM (SELECT tally.count(g, at) AS s FROM odd.ev, odd.g GROUP BY CUBE (k, t)) x;
BEGIN;
SET LOCAL work_mem = '64kB';
SET LOCAL enable_sort = off;
SELECT count(*), sum(odd.n(s)) FROM (SELECT at, tally.count(g, at) AS s FROM odd.ev, odd.g GROUP BY at) x;
COMMIT;

-- no row, only nulls
SELECT tally.count(g, at) IS NULL FROM odd.ev, odd.g WHERE false;
SELECT tally.values(tally.avg(g, NULL::timestamptz, v)), tally.values(tally.count(g, NULL)) FROM odd.ev, odd.g;

-- aggregates that others make from our transition functions: anyone may
SELECT tally.sum(g, at, v)::text AS of_numeric FROM odd.ev, odd.g \gset
CREATE AGGREGATE odd.count_from_sum(tally.grid, timestamptz)
  (SFUNC = tally.count_row, STYPE = tally.series, INITCOND = :'of_numeric');
SELECT odd.n(odd.count_from_sum(g, at)) FROM odd.ev, odd.g;
CREATE AGGREGATE odd.sum_from_sum(tally.grid, timestamptz, int)
  (SFUNC = tally.sum_row, STYPE = tally.series, INITCOND = :'of_numeric');
SELECT odd.n(odd.sum_from_sum(g, at, k)) FROM odd.ev, odd.g;
CREATE AGGREGATE odd.on_top(tally.grid, timestamptz, numeric)
  (SFUNC = tally.sum_row, STYPE = tally.series, INITCOND = :'of_numeric');
SELECT odd.n(odd.on_top(g, at, v)) FROM odd.ev, odd.g;
-- (the function of version 0.1, which the library still has)
CREATE FUNCTION odd.row(tally.panel, tally.grid, text, "any", VARIADIC "any") RETURNS tally.panel
  LANGUAGE C AS '$libdir/tally', 'tally_collect';
CREATE AGGREGATE odd.panel(tally.grid, text, "any", VARIADIC "any") (SFUNC = odd.row, STYPE = tally.panel);
SELECT length(odd.panel(NULL::tally.grid, 's', at, v)::text) FROM odd.ev;
SELECT length(odd.panel(g, NULL::text, at, v)::text) FROM odd.ev, odd.g;
SELECT length(odd.panel(g, 's', t, v)::text) FROM odd.ev, odd.g;
SELECT length(odd.panel(g, 's', at, VARIADIC ARRAY[v])::text) FROM odd.ev, odd.g;
SELECT length(odd.row(p, g, 's', at, v)::text) FROM odd.ev, odd.g, (SELECT odd.panel(g, 's', at, v) AS p FROM odd.ev, odd.g) p;

-- and called by themselves
SELECT tally.count_row(NULL, g, now()) FROM odd.g;
SELECT tally.collect_row(NULL, '', now());
SELECT tally.panel_combine(NULL, NULL);
SELECT tally.panel_hand_over(NULL);
SELECT tally.collect('', at) FROM odd.ev WHERE false;

-- a column list of domains: their constraints hold
CREATE DOMAIN odd.small AS bigint CHECK (VALUE < 500);
CREATE DOMAIN odd.some AS numeric(6,1) NOT NULL;
SELECT * FROM tally.series('odd.ev', 'at', '7 days', daterange('2025-03-03', '2025-03-10'), '{count,sum(v)}')
  AS t(bucket timestamptz, n odd.small, total odd.some);
SELECT * FROM tally.series('odd.ev', 'at', '7 days', daterange('2025-02-24', '2025-03-03'), '{count,sum(v)}')
  AS t(bucket timestamptz, n odd.small, total odd.some);
SELECT * FROM tally.series('odd.ev', 'at', '7 days', daterange('2024-02-26', '2024-03-04'), '{count,sum(v)}')
  AS t(bucket timestamptz, n odd.small, total odd.some);

-- a view that calls tally.series(), and one that fails half-way
CREATE VIEW odd.hourly AS SELECT * FROM tally.series('odd.ev', 'at', '1 hour', daterange('2025-03-01', '2025-03-08'), '{sum(v)}', '{k}')
  AS t(at timestamptz, k int, v numeric);
SELECT sum(v) = (SELECT sum(v) FROM odd.ev) FROM tally.series('odd.hourly', 'at', '1 day', daterange('2025-03-01', '2025-03-08'), '{sum(v)}', '{k}')
  AS t(at timestamptz, k int, v numeric);
CREATE FUNCTION odd.fails(k int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  IF k = 3 THEN RAISE EXCEPTION 'three'; END IF;
  RETURN k;
END $$;
CREATE VIEW odd.failing AS SELECT at, odd.fails(k) AS k FROM odd.ev;
DO $$
BEGIN
  PERFORM * FROM tally.series('odd.failing', 'at', '1 day', daterange('2025-03-01', '2025-03-08'), '{sum(k)}') AS t(at timestamptz, k bigint);
EXCEPTION WHEN raise_exception THEN
  PERFORM tally.panel_hand_over(NULL);
END $$;

-- values that nobody could have made of rows: no sum of them overflows
-- (the bytes of a count are its last five: bucket, cells, group, values, end)
CREATE FUNCTION odd.with_count(s tally.series, n bytea) RETURNS tally.series LANGUAGE sql
  RETURN replace(encode(substr(decode(s::text, 'base64'), 1, length(decode(s::text, 'base64')) - 3) || n || '\x0000', 'base64'), E'\n', '')::tally.series;
SELECT tally.count(g, at) AS one FROM (SELECT at FROM odd.ev LIMIT 1) e, odd.g \gset
SELECT odd.n(odd.with_count(:'one', '\x05'));
SELECT odd.n(odd.with_count(:'one', '\xffffffffffffffffff00'));
SELECT odd.n(odd.with_count(:'one', '\xffffffffffffffff3f'));
SELECT odd.n(tally.merge(s)) FROM (SELECT odd.with_count(:'one', '\xffffffffffffffff3f') FROM generate_series(1, 2)) x(s);
SELECT odd.n(tally.merge(s)) FROM (SELECT odd.with_count(:'one', '\xffffffffffffffff3f') FROM generate_series(1, 3)) x(s);

SET client_min_messages = warning;
DROP SCHEMA odd CASCADE;
