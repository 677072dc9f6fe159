-- Series in FROM: a scan of its own makes each row when it is asked for.
-- The very first statement of a session is planned so already.
EXPLAIN (COSTS OFF) SELECT * FROM tally.series('pg_class', 'oid', '1 day', 'today') AS t(b timestamptz, n bigint);
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA sc;
CREATE TABLE sc.ev AS
  SELECT '2025-03-01'::timestamptz + i * interval '67 min' AS at, i % 3 AS k, (i % 17)::numeric / 4 AS v
  FROM generate_series(0, 999) i WHERE i % 50 < 20;
ANALYZE sc.ev;
\set march 'daterange \'[2025-03-01,2025-04-01)\''
\pset format unaligned
\pset tuples_only

-- what it is called, as the server's own scan says it
EXPLAIN (COSTS OFF, VERBOSE) SELECT n + 1 FROM tally.series('sc.ev', 'at', '1 day', :march) AS t(b timestamptz, n bigint) WHERE b > '2025-03-02' LIMIT 1;
CREATE FUNCTION sc.explain(q text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || q INTO plan;
  RETURN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(plan -> 0 -> 'Plan') WHERE key IN ('Node Type', 'Custom Plan Provider', 'Function Name', 'Alias', 'Filter', 'Rows Removed by Filter', 'Actual Loops'));
END $$;
SELECT jsonb_pretty(sc.explain($$SELECT * FROM tally.series('sc.ev', 'at', '10 days', daterange '[2025-03-01,2025-04-01)') AS t(b timestamptz, n bigint) WHERE n > 50$$));

-- in every form the rows are those of the server's scan, which WITH ORDINALITY keeps
CREATE FUNCTION sc.node(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || q INTO plan;
  RETURN string_agg(coalesce(n ->> 'Custom Plan Provider', n ->> 'Node Type'), ' < ') FROM jsonb_path_query(plan, 'strict $.** ? (@."Node Type" == "Function Scan" || @."Node Type" == "Custom Scan" || @."Node Type" == "Materialize")') n;
END $$;
CREATE FUNCTION sc.same(call text, columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  list text := CASE WHEN columns ~ ' .* ' THEN ' AS (' || columns || ')' ELSE '' END;
  ours text := format('SELECT row_number() OVER () AS i, to_jsonb(t) AS r FROM (SELECT * FROM %s AS t(%s)) t', call, columns);
  servers text := format('SELECT i, to_jsonb(t) - ''i'' AS r FROM ROWS FROM (%s%s) WITH ORDINALITY AS t(%s, i)', call, list, regexp_replace(columns, ' *(\w+) \w+(\([^)]*\))?', '\1', 'g'));
  n bigint; different bigint;
BEGIN
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE a.r IS DISTINCT FROM b.r) FROM (%s) a FULL JOIN (%s) b USING (i)', ours, servers) INTO n, different;
  RETURN format('%s, %s: %s rows, %s different', sc.node(ours), sc.node(servers), n, different);
END $$;
SELECT sc.same($$tally.series('sc.ev', 'at', '1 day', '[2025-03-01,2025-04-01)', '{count,avg(v)}', '{k}')$$, 'b timestamptz, k int, n bigint, a numeric(5,2)');
SELECT sc.same($$tally.series('sc.ev', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', '{count,max(v)}', '{k}', fill => '"previous"', compare => '1 week')$$, 'b date, k text, n bigint, a numeric, n7 float8, a7 text');
SELECT sc.same($$tally.series_long('sc.ev', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', '{count,max(v)}', '{k}')$$, 'bucket,bucket_end,keys,measure,value,is_filled,is_partial');
SELECT sc.same($$tally.series_query('SELECT at, k::text AS k FROM sc.ev WHERE k <> $1', '[1]', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', group_by => '{k}', top => 1)$$, 'b timestamptz, k text, n bigint');
SELECT sc.same($$tally.series_query_long('TABLE sc.ev', NULL, 'at', '6 hours', daterange '[2025-03-01,2025-03-02)', '{avg(v)}')$$, 'bucket,bucket_end,keys,measure,value,is_filled,is_partial');
SELECT sc.same($$tally.series_json_rows('sc.ev', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', group_by => '{k}')$$, 'line');
SELECT sc.same($$tally.series_query_json_rows('TABLE sc.ev', NULL, 'at', '1 day', daterange '[2025-03-01,2025-04-01)')$$, 'line');
SELECT sc.same($$tally.series('sc.ev', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', group_by => '{k}', groups => 'listed', members => '[]')$$, 'b timestamptz, k int, n bigint');

-- no file on disk, however small work_mem is
CREATE FUNCTION sc.files() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_stat_force_next_flush(), pg_stat_clear_snapshot();
  RETURN temp_files FROM pg_stat_database WHERE datname = current_database();
END $$;
SET work_mem = '64kB';
SELECT sc.files() \gset
SELECT sc.files() AS before \gset
SELECT count(*), sum(n) FROM tally.series('sc.ev', 'at', '1 min', :march) AS t(b timestamptz, n bigint);
SELECT count(*) FROM tally.series_json_rows('sc.ev', 'at', '1 min', :march);
SELECT sc.files() \gset
SELECT sc.files() - :before AS files;
-- ... and the server's own makes one
SELECT count(*), sum(n) FROM ROWS FROM (tally.series('sc.ev', 'at', '1 min', :march) AS (b timestamptz, n bigint), now()) t;
SELECT sc.files() \gset
SELECT sc.files() > :before AS files;
RESET work_mem;

-- a row that nobody asks for is not made
CREATE DOMAIN sc.few AS bigint CHECK (VALUE < 10);
SELECT b FROM tally.series('sc.ev', 'at', '12 hours', daterange '[2025-02-28,2025-04-01)') AS t(b timestamptz, n sc.few) LIMIT 2;
SELECT b FROM tally.series('sc.ev', 'at', '12 hours', daterange '[2025-02-28,2025-04-01)') AS t(b timestamptz, n sc.few) OFFSET 2;
SELECT b FROM ROWS FROM (tally.series('sc.ev', 'at', '12 hours', daterange '[2025-02-28,2025-04-01)') AS (b timestamptz, n sc.few)) WITH ORDINALITY t LIMIT 2;
SELECT EXISTS (SELECT FROM tally.series('sc.ev', 'at', '12 hours', daterange '[2025-02-28,2025-04-01)') AS t(b timestamptz, n sc.few));

-- columns, their types, the row as a whole, and errors before the query
SELECT t, t.n, t IS NULL, row_to_json(t) FROM tally.series('sc.ev', 'at', '10 days', :march, '{count,max(v)}') AS t(b date, n text, m numeric(3,1)) WHERE t IS NOT NULL AND t.m > 3;
SELECT l, pg_typeof(l) FROM tally.series_json_rows('sc.ev', 'at', '1 month', :march) l;
SELECT (t).measure, t.* IS NULL, to_jsonb(t) - 'keys' FROM tally.series_long('sc.ev', 'at', '1 month', :march) t;
SELECT * FROM tally.series('sc.ev', 'at', '10 days', :march, '{count,max(v)}') AS t(b date, n text);
SELECT * FROM tally.series('sc.ev', NULL, '10 days', :march) AS t(b date, n text);
EXPLAIN (COSTS OFF) SELECT * FROM tally.series('sc.none', 'at', '10 days', :march) AS t(b date, n text);

-- views, tables made of it, joins, unions, and lists of several
CREATE VIEW sc.daily AS SELECT * FROM tally.series('sc.ev', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', '{count}', '{k}') AS t(day date, k int, n bigint);
CREATE MATERIALIZED VIEW sc.kept AS TABLE sc.daily;
CREATE TABLE sc.made AS TABLE sc.daily WITH NO DATA;
INSERT INTO sc.made TABLE sc.daily;
SELECT count(*), sum(n), (SELECT count(*) FROM (TABLE sc.daily EXCEPT ALL TABLE sc.kept) x) AS other FROM sc.kept;
SELECT count(*), sum(n) FROM sc.made;
EXPLAIN (COSTS OFF) SELECT n FROM tally.series('sc.ev', 'at', '1 day', 'today') AS t(b timestamptz, n bigint)
  UNION ALL SELECT value FROM tally.series_long('sc.ev', 'at', '1 day', 'today') WHERE value < 3;
SELECT sum(n), count(*) FROM (SELECT n FROM tally.series('sc.ev', 'at', '1 day', :march) AS t(b timestamptz, n bigint)
  UNION ALL SELECT value FROM tally.series_long('sc.ev', 'at', '1 day', :march) WHERE value > 10) x;
SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT sc.node($$SELECT * FROM sc.kept JOIN sc.daily d USING (day, k)$$);
SELECT count(*), sum(d.n - kept.n) FROM sc.kept JOIN sc.daily d USING (day, k);
SET enable_hashjoin = on; SET enable_nestloop = off;
SELECT count(*), sum(d.n - kept.n) FROM sc.kept FULL JOIN sc.daily d USING (day, k);
SET enable_hashjoin = off; SET enable_mergejoin = on;
SELECT count(*), sum(d.n - kept.n) FROM sc.daily kept JOIN sc.daily d USING (day, k);
RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop;
SELECT count(*) FROM sc.daily WHERE (day, k, n) IN (TABLE sc.kept);
SELECT a.n, b.n FROM ROWS FROM (tally.series('sc.ev', 'at', '10 days', :march) AS (b timestamptz, n bigint), tally.series('sc.ev', 'at', '1 month', :march) AS (b timestamptz, n bigint)) t(x, n, y, m),
  LATERAL (SELECT n) a, LATERAL (SELECT m) b(n);
SELECT (tally.series_long('sc.ev', 'at', '1 month', :march)).value;

-- a run for each change of what the arguments depend on, and no more
SET track_functions = 'all';
CREATE FUNCTION sc.runs() RETURNS bigint LANGUAGE sql VOLATILE RETURN (SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE schemaname = 'tally' AND funcname LIKE 'series%');
BEGIN;
SELECT sc.runs() AS before \gset
SELECT count(*) FROM generate_series(1, 3) g, LATERAL tally.series('sc.ev', 'at', '1 day', daterange('2025-03-01', '2025-03-01'::date + g)) AS t(b timestamptz, n bigint);
SELECT sc.runs() - :before; -- each
COMMIT;
SET enable_material = off; SET enable_memoize = off;
BEGIN;
SELECT sc.runs() AS before \gset
SELECT count(*), sum(n) FROM (VALUES (1), (2), (3)) g(g) JOIN tally.series('sc.ev', 'at', '1 day', :march) AS t(b timestamptz, n bigint) ON n > g;
SELECT sc.runs() - :before; -- one panel, shown three times
COMMIT;
BEGIN;
SELECT sc.runs() AS before \gset
SELECT g, (SELECT sum(n) FROM tally.series('sc.ev', 'at', '1 day', :march) AS t(b timestamptz, n bigint) WHERE n > g) FROM generate_series(19, 21) g;
SELECT sc.runs() - :before; -- a parameter that only the condition depends on
COMMIT;
BEGIN;
SELECT sc.runs() AS before \gset
SELECT g, (SELECT sum(n) FROM tally.series('sc.ev', 'at', '1 day', daterange('2025-03-01', (SELECT max(at)::date FROM sc.ev WHERE at < '2025-03-10'::date + g))) AS t(b timestamptz, n bigint)) FROM generate_series(0, 2) g;
SELECT sc.runs() - :before; -- one that a subquery in an argument depends on
COMMIT;
BEGIN;
SELECT sc.runs() AS before \gset
SELECT g, n FROM generate_series(1, 3) g, LATERAL (SELECT n FROM tally.series('sc.ev', 'at', '1 month', :march, filters => (SELECT jsonb_agg(jsonb_build_array('k', 'eq', d)) FROM generate_series(g, g) d)) AS t(b timestamptz, n bigint) LIMIT 1) t;
SELECT sc.runs() - :before;
COMMIT;
BEGIN;
SELECT sc.runs() AS before \gset
SELECT g, (SELECT sum(n) FROM tally.series('sc.ev', 'at', '1 month', :march, group_by => '{k}', top => CASE WHEN 2 IN (SELECT k + g FROM sc.ev) THEN 1 ELSE 2 END) AS t(b timestamptz, k int, n bigint)) FROM generate_series(1, 4) g;
SELECT sc.runs() - :before;
COMMIT;
RESET enable_material; RESET enable_memoize;

-- a generic plan; and one that a change of the function makes anew
SET plan_cache_mode = force_generic_plan;
PREPARE days(interval, int) AS SELECT count(*), sum(n) FROM tally.series('sc.ev', 'at', $1, daterange '[2025-03-01,2025-03-11)', filters => jsonb_build_array(jsonb_build_array('k', 'eq', $2))) AS t(b timestamptz, n bigint);
EXECUTE days('1 day', 1);
EXECUTE days('1 hour', 2);
SELECT oid::regprocedure AS series FROM pg_proc WHERE pronamespace = 'tally'::regnamespace AND proname = 'series' AND proargtypes[3] = 'daterange'::regtype \gset
EXPLAIN (COSTS OFF) EXECUTE days('1 day', 1);
ALTER FUNCTION :series SET work_mem = '1MB';
EXPLAIN (COSTS OFF) EXECUTE days('1 day', 1);
EXECUTE days('1 day', 1);
ALTER FUNCTION :series RESET ALL;
ALTER FUNCTION :series SECURITY DEFINER;
SELECT sc.node('EXECUTE days(''1 day'', 1)');
ALTER FUNCTION :series SECURITY INVOKER;
SELECT sc.node('EXECUTE days(''1 day'', 1)');
-- strict: null arguments give no rows, here as there
ALTER FUNCTION :series STRICT;
EXECUTE days('1 day', 1);
ALTER FUNCTION :series CALLED ON NULL INPUT;
EXECUTE days('1 day', 1);
RESET plan_cache_mode;

-- rights are those of whoever starts the plan
CREATE ROLE sc_other;
GRANT USAGE ON SCHEMA sc, tally TO sc_other;
REVOKE EXECUTE ON FUNCTION :series FROM PUBLIC;
SET ROLE sc_other;
EXECUTE days('1 day', 1);
EXPLAIN (COSTS OFF) EXECUTE days('1 day', 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION :series TO PUBLIC;
SET ROLE sc_other;
EXECUTE days('1 day', 1);
RESET ROLE;

-- what it sees: what its statement sees, when the first row is asked for
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM tally.series('sc.ev', 'at', '1 month', :march) AS t(b timestamptz, n bigint);
INSERT INTO sc.ev SELECT '2025-03-05', 0, 0 FROM generate_series(1, 10);
FETCH c;
SELECT n FROM tally.series('sc.ev', 'at', '1 month', :march) AS t(b timestamptz, n bigint);
CREATE FUNCTION sc.adds() RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  INSERT INTO sc.ev VALUES ('2025-03-05', 0, 0);
  RETURN QUERY SELECT n FROM tally.series('sc.ev', 'at', '1 month', daterange '[2025-03-01,2025-04-01)') AS t(b timestamptz, n bigint);
  FOR r IN SELECT n FROM tally.series('sc.ev', 'at', '1 hour', daterange '[2025-03-05,2025-03-06)') AS t(b timestamptz, n bigint) LOOP
    INSERT INTO sc.ev VALUES ('2025-03-05 20:00', 0, 0);
    RETURN NEXT r.n;
  END LOOP;
  RETURN QUERY SELECT n FROM tally.series('sc.ev', 'at', '1 month', daterange '[2025-03-01,2025-04-01)') AS t(b timestamptz, n bigint);
END $$;
SELECT string_agg(adds::text, ' ') FROM sc.adds();
ROLLBACK;

-- cursors go back, without having been told; and hold what they have
BEGIN;
DECLARE c CURSOR FOR SELECT b::date, n FROM tally.series('sc.ev', 'at', '5 days', :march) AS t(b timestamptz, n bigint);
FETCH 2 c; FETCH PRIOR c; FETCH PRIOR c; FETCH NEXT c; FETCH BACKWARD ALL c;
FETCH ABSOLUTE 7 c; FETCH NEXT c; FETCH BACKWARD 2 c; FETCH LAST c; FETCH RELATIVE -3 c; FETCH FIRST c; FETCH ABSOLUTE -2 c;
MOVE FORWARD ALL c; FETCH PRIOR c;
DECLARE f SCROLL CURSOR FOR SELECT b::date, n FROM tally.series('sc.ev', 'at', '5 days', :march) AS t(b timestamptz, n bigint) WHERE n <> 40;
FETCH ALL f; FETCH BACKWARD 3 f;
DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT b::date, n FROM tally.series('sc.ev', 'at', '5 days', :march) AS t(b timestamptz, n bigint);
FETCH 3 h;
COMMIT;
FETCH PRIOR h; FETCH LAST h;
CLOSE h;

-- a walk at random over rows that are filled: forth, back and anywhere
CREATE FUNCTION sc.walk(call text, columns text, steps int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  a refcursor; b refcursor; x record; y record; d int; n int := 0; other int := 0;
BEGIN
  OPEN a SCROLL FOR EXECUTE format('SELECT t.* FROM %s AS t(%s)', call, columns);
  EXECUTE format('CREATE TEMP TABLE walked AS SELECT t.* FROM %s AS t(%s)', call, columns);
  OPEN b SCROLL FOR TABLE walked;
  FOR i IN 1 .. steps LOOP
    -- mostly by one or a few, at times to an end
    d := CASE WHEN random() < 0.02 THEN (random() * 200 - 100)::int WHEN random() < 0.5 THEN (random() * 6 - 3)::int ELSE sign(sin(i / 70.0)) END;
    FETCH RELATIVE d FROM a INTO x;
    FETCH RELATIVE d FROM b INTO y;
    n := n + (y IS NOT NULL)::int;
    other := other + (x::text IS DISTINCT FROM y::text)::int;
  END LOOP;
  CLOSE a; CLOSE b;
  DROP TABLE walked;
  RETURN format('%s other, of many: %s', other, n > steps / 4);
END $$;
SELECT setseed(0.4);
SET client_min_messages = warning;
SELECT f, sc.walk(format($$tally.series('sc.ev', 'at', '5 hours', daterange '[2025-03-01,2025-03-20)', '{count,min(v) AS low}', '{k}', fill => %L, max_gap => %L)$$, f, gap), 'b timestamptz, k int, n bigint, low numeric', 2000)
FROM (VALUES ('"previous"', NULL), ('"previous"', '9 hours'), ('"next"', NULL), ('"linear"', NULL), ('"linear"', '2 days'), ('{"low": 7}', NULL), ('{"low": "next"}', '20 hours')) x(f, gap);
SELECT f, sc.walk(format($$tally.series_long('sc.ev', 'at', '5 hours', daterange '[2025-03-01,2025-03-20)', '{count,min(v)}', '{k}', fill => %L)$$, f), 'a, b, c, d, e, f, g', 2000)
FROM (VALUES ('"previous"'), ('"linear"'), ('{"min(v)": "next"}')) x(f);
-- of an earlier period, too, whose days are not all compared with one; and from a seed
SELECT sc.walk($$tally.series('sc.ev', 'at', '1 day', daterange '[2025-03-25,2025-05-05)', '{min(v)}', fill => '"previous"', compare => '1 month', seed => true)$$, 'b timestamptz, low numeric, before numeric', 1000);
SELECT sc.walk($$tally.series_json_rows('sc.ev', 'at', '5 hours', daterange '[2025-03-01,2025-03-05)', '{min(v)}', '{k}', fill => '"next"')$$, 'line', 1000);

-- memory: that of one run, which goes with it; cancelled in the middle, too
CREATE FUNCTION sc.memory() RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN sum(total_bytes) FROM pg_backend_memory_contexts; END $$;
SELECT max(m) FILTER (WHERE g > 50) < 1.1 * max(m) FILTER (WHERE g <= 50) AS no_more FROM (
  SELECT g, (SELECT sc.memory() FROM tally.series('sc.ev', 'at', '1 hour', daterange('2025-03-01', '2025-03-31'::date + g % 2), '{count,median(v)}', '{k}', fill => '{"median(v)": "previous"}') AS t(b timestamptz, k int, n bigint, m float8) LIMIT 1) AS m FROM generate_series(1, 400) g) x;
SET statement_timeout = '300ms';
SELECT count(*) FROM generate_series(1, 1000000) g JOIN tally.series('sc.ev', 'at', '1 min', :march) AS t(b timestamptz, n bigint) ON g + n < 0;
RESET statement_timeout;
SELECT name FROM pg_backend_memory_contexts WHERE name LIKE 'tally series%';
DO $$
BEGIN
  PERFORM n FROM tally.series('sc.ev', 'at', '12 hours', daterange '[2025-02-28,2025-04-01)') AS t(b timestamptz, n sc.few);
EXCEPTION WHEN check_violation THEN
  PERFORM n FROM tally.series('sc.ev', 'at', '1 day', daterange '[2025-02-28,2025-04-01)') AS t(b timestamptz, n bigint);
END $$;
SET tally.max_memory = '64kB';
\set VERBOSITY terse
SELECT count(*) FROM tally.series('sc.ev', 'at', '1 min', :march) AS t(b timestamptz, n bigint);
\set VERBOSITY default
RESET tally.max_memory;

-- a row that may have to be fetched again is the server's business
EXPLAIN (COSTS OFF) UPDATE sc.made SET n = t.n FROM tally.series('sc.ev', 'at', '1 day', 'today', group_by => '{k}') AS t(b date, k int, n bigint) WHERE day = b AND made.k = t.k;
SELECT sc.node($$SELECT FROM sc.made, sc.daily FOR UPDATE OF made$$);
UPDATE sc.made SET n = t.n + 1 FROM sc.daily t WHERE made.day = t.day AND made.k = t.k AND t.n > 10;
DELETE FROM sc.made WHERE n > (SELECT max(n) FROM sc.daily);

SET client_min_messages = warning;
DROP SCHEMA sc CASCADE;
REVOKE ALL ON SCHEMA tally FROM sc_other;
DROP ROLE sc_other;
