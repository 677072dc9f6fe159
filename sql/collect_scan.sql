-- An aggregate alone above a sequential scan takes its rows from it at once;
-- all others have them one by one. Panels as text show all there is in them.
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;
SET search_path = cs, public;
CREATE SCHEMA cs;
CREATE AGGREGATE run(bytea, "any", VARIADIC "any") (SFUNC = tally.collect_row, STYPE = tally.panel);
CREATE FUNCTION keep_row(tally.panel, tally.grid, text, "any", VARIADIC "any") RETURNS tally.panel
  LANGUAGE C IMMUTABLE AS '$libdir/tally', 'tally_collect';
CREATE AGGREGATE keep(tally.grid, text, "any", VARIADIC "any") (SFUNC = keep_row, STYPE = tally.panel);
-- what is asked for: the rows of each k, and the sum of n; only the rows
CREATE TABLE spec AS SELECT
  '\x0100'::bytea || '\x000004000300ff' || tally.panel_send(keep(g, '*s', '1900-01-01'::timestamptz, 0::numeric, ''::text)) AS sums,
  '\x0100'::bytea || '\x00000300ff' || tally.panel_send(keep(g, '*', '1900-01-01'::timestamptz, ''::text)) AS counts
FROM (SELECT tally.grid('6 hours', daterange '[2025-03-02,2025-03-08)', 'UTC') AS g) g;
SELECT sums, counts FROM spec \gset

-- a column that is gone, one of a default that no row has, times in no order,
-- before and after the range, and null
CREATE TABLE t (gone int, i int, at timestamptz, pad text, k text, n numeric);
SELECT setseed(0.4);
INSERT INTO t SELECT i, i, '2025-03-01'::timestamptz + random() * interval '8 days', repeat('x', i % 50),
    CASE WHEN i % 13 > 0 THEN 'k' || i % 7 END, CASE WHEN i % 5 > 0 THEN i / 8.0 END
  FROM generate_series(1, 3000) i;
UPDATE t SET at = NULL WHERE i % 17 = 0;
ALTER TABLE t DROP COLUMN gone, ADD COLUMN more int DEFAULT 5;
ANALYZE t;
CREATE FUNCTION slow(bytea, text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE panel text;
BEGIN
  EXECUTE format('SELECT run($1, at, %s)::text FROM (SELECT * FROM t WHERE %s OFFSET 0) t',
    CASE WHEN $1 = (SELECT sums FROM spec) THEN 'k, n' ELSE 'k' END, $2) INTO panel USING $1;
  RETURN panel;
END $$;
\pset tuples_only
\pset format unaligned

-- How many rows were taken: from the second on there is memory for such rows.
CREATE FUNCTION note() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('cs.taken', current_setting('cs.taken') || (SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'tally collect row'), false);
  RETURN true;
END $$;
SET cs.taken = '';
SELECT run(:'counts', at, k) IS NOT NULL FROM t WHERE i <= 5 AND note();
SHOW cs.taken;
SET cs.taken = '';
SELECT run(:'counts', at, upper(k)) IS NOT NULL FROM t WHERE i <= 5 AND note();
SHOW cs.taken;
-- who becomes another user for the call of a row does not read the others as that one
CREATE FUNCTION definer_row(tally.panel, bytea, "any", VARIADIC "any") RETURNS tally.panel
  LANGUAGE C IMMUTABLE SECURITY DEFINER AS '$libdir/tally', 'tally_collect_row';
CREATE AGGREGATE run_definer(bytea, "any", VARIADIC "any") (SFUNC = definer_row, STYPE = tally.panel);
SET cs.taken = '';
SELECT run_definer(:'counts', at, k)::text = slow(:'counts', 'i <= 5') FROM t WHERE i <= 5 AND note();
SHOW cs.taken;

SELECT run(:'sums', at, k, n)::text = slow(:'sums'), run(:'counts', at, k)::text = slow(:'counts') FROM t;
SELECT run(:'sums', at, k, n)::text = slow(:'sums') AS alone FROM t;
SELECT run(:'counts', at, k)::text = slow(:'counts') AS alone FROM t;
-- conditions hold, for every row and for none
SELECT run(:'sums', at, k, n)::text = slow(:'sums', 'more = 5 AND i % 3 = 1') FROM t WHERE more = 5 AND i % 3 = 1;
SELECT run(:'counts', at, k)::text = slow(:'counts', 'i > 2990') FROM t WHERE i > 2990;
SELECT run(:'counts', at, k) IS NULL FROM t WHERE i < 0;
SELECT run(:'counts', at, k)::text = slow(:'counts', 'i = 1') FROM t WHERE i = 1;
-- what is no column as it is comes one by one
SELECT run(:'sums', at, upper(k), n + 1)::text =
  (SELECT run(:'sums', at, kk, nn)::text FROM (SELECT at, upper(k) AS kk, n + 1 AS nn FROM t OFFSET 0) t) FROM t;
SELECT run(:'sums', at, k, n) FILTER (WHERE i % 2 = 0)::text = slow(:'sums', 'i % 2 = 0') FROM t;
SELECT run(:'sums', at, k, n ORDER BY i DESC)::text = slow(:'sums') IS NOT NULL FROM t;
SELECT (run(:'sums', at, k, n))::text = slow(:'sums'), count(*), max(i) FROM t;
-- a count of the rows beside it is theirs, too; no other
SELECT run(:'counts', at, k)::text = slow(:'counts') AS same, count(*) FROM t;
SELECT count(*), run(:'sums', at, k, n)::text = slow(:'sums', 'i % 3 = 1') AS same, count(*) + 1 FROM t WHERE i % 3 = 1;
SELECT count(*), run(:'counts', at, k)::text = slow(:'counts') AS same, count(at) FROM t;
SELECT count(*) FILTER (WHERE i % 3 = 1), run(:'counts', at, k)::text = slow(:'counts') AS same FROM t;
SELECT count(*), run(:'counts', at, k) IS NULL FROM t WHERE i < 0;
-- the table is read once, and whole
BEGIN;
SELECT seq_scan AS scans, seq_tup_read AS read FROM pg_stat_xact_user_tables WHERE relid = 't'::regclass \gset
SELECT run(:'counts', at, k) IS NOT NULL FROM t;
SELECT seq_scan - :scans, seq_tup_read - :read FROM pg_stat_xact_user_tables WHERE relid = 't'::regclass;
COMMIT;
-- nothing of it is lost to EXPLAIN ANALYZE
CREATE FUNCTION measured(query text) RETURNS TABLE (node text, passed int, removed int) LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan;
  RETURN QUERY SELECT n->>'Node Type', (n->'Actual Rows')::int, (n->'Rows Removed by Filter')::int
    FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Node Type"))') n;
END $$;
SELECT * FROM measured(format('SELECT run(%L, at, k) FROM t WHERE i > 1000', :'counts'));

-- again and again: the scan begins anew each time it is asked for
SET enable_material = off;
SET enable_memoize = off;
SELECT bool_and(p = slow(:'counts', 'i % 4 = ' || s)), count(DISTINCT p) FROM generate_series(0, 3) s,
  LATERAL (SELECT run(:'counts', at, k)::text AS p FROM t WHERE i % 4 = s) x;
SELECT bool_and(p = slow(:'sums')), count(*) FROM generate_series(0, 3) s, LATERAL (SELECT run(:'sums', at, k, n)::text AS p FROM t WHERE s >= 0) x;
-- in a cursor beside another of the same table
BEGIN;
DECLARE one CURSOR FOR SELECT s, (SELECT run(:'counts', at, k)::text FROM t WHERE i % 2 = s) = slow(:'counts', 'i % 2 = ' || s) FROM generate_series(0, 1) s;
DECLARE two CURSOR FOR SELECT i FROM t ORDER BY ctid;
FETCH 1 FROM one;
FETCH 2 FROM two;
FETCH 1 FROM one;
COMMIT;

-- rows of others are not seen
CREATE ROLE regress_tally_scan;
GRANT USAGE ON SCHEMA cs TO regress_tally_scan;
GRANT SELECT ON t, spec TO regress_tally_scan;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON t FOR SELECT TO regress_tally_scan USING (i % 10 = 3);
SELECT slow(:'counts', 'i % 10 = 3') AS few, slow(:'counts') AS all \gset
SET ROLE regress_tally_scan;
SELECT run(:'counts', at, k)::text = :'few', run(:'counts', at, k)::text = :'all' FROM t;
SELECT run(:'counts', at, k)::text = :'few' FROM t;
SELECT sum(rows) FROM tally.series('t', 'at', '1 day', daterange '[2025-03-02,2025-03-08)', '{count}') AS s(b timestamptz, rows bigint);
RESET ROLE;
SELECT count(*), count(*) FILTER (WHERE i % 10 = 3) FROM t WHERE at >= '2025-03-02' AND at < '2025-03-08';
DROP OWNED BY regress_tally_scan;
DROP ROLE regress_tally_scan;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;

-- workers: each takes its part of the blocks
CREATE AGGREGATE runp(bytea, "any", VARIADIC "any") (SFUNC = tally.collect_row, STYPE = tally.panel,
  COMBINEFUNC = tally.panel_combine, PARALLEL = SAFE);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT runp('', at, k) FROM t WHERE i % 3 = 1;
CREATE TABLE par AS SELECT runp(:'counts', at, k) AS p FROM t WHERE i % 3 = 1;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE ser AS SELECT runp(:'counts', at, k) AS p FROM t WHERE i % 3 = 1;
SELECT count(*), bool_and(a.n = b.n) FROM (SELECT b, k, n FROM tally.series_query('SELECT at, k FROM cs.t WHERE i % 3 = 1', NULL, 'at',
    '6 hours', daterange '[2025-03-02,2025-03-08)', '{count}', '{k}') AS s(b timestamptz, k text, n bigint)) a
  LEFT JOIN (SELECT date_bin('6 hours', at, '2025-03-01') AS b, k, count(*) AS n FROM t WHERE i % 3 = 1 GROUP BY 1, 2) b
  ON a.b = b.b AND a.k IS NOT DISTINCT FROM b.k WHERE a.n > 0;
SELECT length(par.p::text) = length(ser.p::text) FROM par, ser;
SET max_parallel_workers_per_gather = 2;
SELECT runp(:'counts', at, k) IS NOT NULL, count(*) FROM t WHERE i % 3 = 1;
SET max_parallel_workers_per_gather = 0;

-- a partitioned table: one scan after another, each with its own columns
CREATE TABLE parts (LIKE t) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2025-03-03');
CREATE TABLE parts_none PARTITION OF parts FOR VALUES FROM ('2025-03-03') TO ('2025-03-03 00:00:01');
CREATE TABLE parts_2 (n numeric, k text, at timestamptz, more int, pad text, i int);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM ('2025-03-03 00:00:01') TO ('2025-03-05');
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2025-03-05') TO (MAXVALUE);
INSERT INTO parts SELECT * FROM t WHERE at IS NOT NULL;
CREATE INDEX ON parts_3 (i);
ANALYZE parts;
EXPLAIN (COSTS OFF) SELECT run('', at, k) FROM parts;
SELECT run(:'sums', at, k, n)::text = (SELECT run(:'sums', at, k, n)::text FROM (SELECT * FROM parts OFFSET 0) t) FROM parts;
SELECT run(:'sums', at, k, n)::text = (SELECT run(:'sums', at, k, n)::text FROM (SELECT * FROM parts WHERE i % 2 = 0 OFFSET 0) t) FROM parts WHERE i % 2 = 0;
SELECT run(:'counts', at, k)::text = (SELECT run(:'counts', at, k)::text FROM (SELECT * FROM parts_2 OFFSET 0) t) FROM parts_2;
-- some partitions by an index
EXPLAIN (COSTS OFF) SELECT run('', at, k) FROM parts WHERE i < 40;
SELECT run(:'counts', at, k)::text = (SELECT run(:'counts', at, k)::text FROM (SELECT * FROM parts WHERE i < 40 ORDER BY at >= '2025-03-05' OFFSET 0) t) FROM parts WHERE i < 40;
SELECT bool_and(p = (SELECT run(:'counts', at, k)::text FROM (SELECT * FROM parts WHERE i % 4 = s OFFSET 0) t)), count(DISTINCT p)
FROM generate_series(0, 3) s, LATERAL (SELECT run(:'counts', at, k)::text AS p FROM parts WHERE i % 4 = s) x;
SET max_parallel_workers_per_gather = 2;
SELECT count(*), bool_and(a.n = b.n) FROM (SELECT b, k, n FROM tally.series('parts', 'at',
    '6 hours', daterange '[2025-03-02,2025-03-08)', '{count}', '{k}') AS s(b timestamptz, k text, n bigint)) a
  LEFT JOIN (SELECT date_bin('6 hours', at, '2025-03-01') AS b, k, count(*) AS n FROM t GROUP BY 1, 2) b
  ON a.b = b.b AND a.k IS NOT DISTINCT FROM b.k WHERE a.n > 0;
SET max_parallel_workers_per_gather = 0;

-- it can be interrupted
SET statement_timeout = 50;
SELECT run(:'counts', at, k) FROM t WHERE pg_sleep(0.001) IS NOT NULL;
RESET statement_timeout;
\pset tuples_only
\pset format aligned
SET client_min_messages = warning;
DROP SCHEMA cs CASCADE;
