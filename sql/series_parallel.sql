-- Parallel workers give the same answer, and a stored panel is the same.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA p;
SELECT setseed(0.2);
CREATE TABLE p.t AS SELECT
    '2025-01-01'::timestamptz + random() * interval '30 days' AS at,
    CASE WHEN random() < 0.05 THEN NULL ELSE 'k' || (random() * 40)::int END
      AS k,
    round((random() * 10)::numeric, (random() * 2)::int) AS n,
    (random() * 100)::int AS i,
    CASE WHEN random() < 0.5 THEN (random() * 1000)::int / 8.0 END::float8 AS f,
    md5(random()::text) AS s
  FROM generate_series(1, 40000);
INSERT INTO p.t SELECT '2025-01-15', 'k1', 1e40, 1, 1, 'x';
INSERT INTO p.t SELECT '2025-01-16', 'only once', 'NaN', 1, 'Infinity', 'x';
ANALYZE p.t;
CREATE VIEW p.answer AS SELECT * FROM tally.series('p.t', 'at', '1 day',
    daterange('2025-01-02', '2025-01-31'),
    '{count,sum(n),avg(n),sum(i),avg(i),sum(f),avg(f),min(s),max(n),min(i)}',
    '{k,n}', tz => 'Europe/Berlin')
  AS t(bucket timestamptz, k text, key numeric, c bigint, sum_n numeric,
       avg_n numeric, sum_i bigint, avg_i numeric, sum_f float8, avg_f float8,
       min_s text, max_n numeric, min_i int);
SET max_parallel_workers_per_gather = 0;
CREATE TABLE p.serial AS TABLE p.answer;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;

-- the aggregate is run in parallel
EXPLAIN (COSTS OFF) SELECT tally.collect('', at, n, k) FROM p.t;
CREATE TABLE p.parallel AS TABLE p.answer;
SELECT count(*) AS cells, sum(c) AS rows FROM p.serial;
-- to the letter, floats too: the values here are exact in binary
SELECT count(*) AS different FROM
  ((SELECT s::text FROM p.serial s EXCEPT SELECT p::text FROM p.parallel p)
   UNION ALL
   (SELECT p::text FROM p.parallel p EXCEPT SELECT s::text FROM p.serial s)) d;

-- a panel survives being stored, written as text, dumped and read again
-- (made by the function of version 0.1, which the library still has)
CREATE FUNCTION p.keep_row(tally.panel, tally.grid, text, "any", VARIADIC "any")
    RETURNS tally.panel LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS '$libdir/tally', 'tally_collect';
CREATE AGGREGATE p.keep(tally.grid, text, "any", VARIADIC "any") (
    SFUNC = p.keep_row, STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine, PARALLEL = SAFE);
CREATE AGGREGATE p.merge(tally.panel) (
    SFUNC = tally.panel_combine, STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine, PARALLEL = SAFE);
CREATE TABLE p.panels AS SELECT at < '2025-01-10' AS early, p.keep(
    tally.grid('1 day', daterange('2025-01-02', '2025-01-31'), 'UTC'),
    '*sasal', at, n, i, f, f, s, k, n) AS panel FROM p.t GROUP BY 1;
CREATE TABLE p.copies AS SELECT early, panel::text::tally.panel AS panel
  FROM p.panels;
SELECT early, c.panel::text = p.panel::text AS same_text,
    length(c.panel::text) > 100000 AS is_whole
  FROM p.panels p JOIN p.copies c USING (early) ORDER BY early;
-- over another grid it is refused
SELECT p.merge(panel) FROM (
    SELECT panel FROM p.panels WHERE early
    UNION ALL
    SELECT p.keep(tally.grid('1 day', daterange('2025-01-02', '2025-01-30'),
        'UTC'), '*sasal', at, n, i, f, f, s, k, n) FROM p.t) x;
SELECT p.merge(panel) FROM (
    SELECT panel FROM p.panels WHERE early
    UNION ALL
    SELECT p.keep(tally.grid('1 day', daterange('2025-01-02', '2025-01-31'),
        'UTC'), '*', at, k, n) FROM p.t) x;

SET client_min_messages = warning;
DROP SCHEMA p CASCADE;
