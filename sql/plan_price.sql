-- What a series would cost, told before it runs; and what is refused for it.
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA pp;

-- a table that says it has 31 million rows of 48,000 users
CREATE TABLE pp.events AS
  SELECT '2025-01-01'::timestamptz + i * interval '7776 s' AS at, i AS user_id, 'c' || i % 5 AS country,
    i % 2 = 0 AS flag, jsonb_build_object('plan', 'p' || i % 3) AS props
  FROM generate_series(0, 999) i;
ALTER TABLE pp.events ALTER user_id SET (n_distinct = 48000);
ANALYZE pp.events;
CREATE FUNCTION pp.pretend(rows float8) RETURNS void LANGUAGE sql AS
  $$ UPDATE pg_class SET reltuples = rows WHERE oid = 'pp.events'::regclass $$;
SELECT pp.pretend(31000000);

SET tally.max_cells = 5000000;
SET tally.max_buckets = 200000;
SELECT buckets, est_groups, est_cells, est_rows_read, est_cost > 100000 AS dear, verdict
FROM tally.series_plan('pp.events', 'at', '1 minute', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
-- both remedies help
SELECT buckets, est_groups, est_cells, verdict
FROM tally.series_plan('pp.events', 'at', '1 minute', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}', top => 20);
SELECT buckets, est_groups, est_cells, verdict
FROM tally.series_plan('pp.events', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
-- and the call is refused before anything is read
CREATE FUNCTION pp.refused(q text) RETURNS TABLE (what text, value text) LANGUAGE plpgsql AS $$
DECLARE
  message text; detail text; hint text; scans bigint;
BEGIN
  SELECT seq_scan INTO scans FROM pg_stat_xact_all_tables WHERE relid = 'pp.events'::regclass;
  BEGIN
    EXECUTE q;
    message := 'none';
  EXCEPTION WHEN program_limit_exceeded THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  END;
  RETURN QUERY VALUES ('error', message), ('detail', detail), ('hint', hint), ('scans',
    (SELECT (seq_scan - scans)::text FROM pg_stat_xact_all_tables WHERE relid = 'pp.events'::regclass));
END
$$;
SELECT * FROM pp.refused($$SELECT * FROM tally.series('pp.events', 'at', '1 minute', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}') AS t(b timestamptz, u int, n bigint)$$);
SELECT * FROM pp.refused($$SELECT * FROM tally.series_long('pp.events', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', '{count,max(user_id)}', '{user_id}')$$);
SELECT * FROM pp.refused($$SELECT * FROM tally.series('pp.events', 'at', '1 day', daterange '[2025-01-01,2025-01-02)', group_by => '{country}') AS t(b timestamptz, u text, n bigint)$$);
SET tally.max_groups = 20000;
SELECT * FROM pp.refused($$SELECT * FROM tally.series('pp.events', 'at', '1 month', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}') AS t(b timestamptz, u int, n bigint)$$);
RESET tally.max_groups;
-- without keys the number of cells is counted
SET tally.max_cells = 10000;
SELECT * FROM pp.refused($$SELECT * FROM tally.series('pp.events', 'at', '1 minute', daterange '[2025-01-01,2025-04-01)') AS t(b timestamptz, n bigint)$$);
SELECT * FROM pp.refused($$SELECT * FROM tally.series('pp.events', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{country}', groups => 'listed',
  members => (SELECT jsonb_agg(i) FROM generate_series(1, 112) i)) AS t(b timestamptz, c text, n bigint)$$);

-- what makes a number of groups sure, and what does not
CREATE FUNCTION pp.verdict(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  EXECUTE 'SELECT verdict FROM tally.series_plan(''pp.events'', ''at'', ''1 day'', daterange ''[2025-01-01,2025-04-01)'', ' || q || ')' INTO v;
  RETURN v;
END
$$;
SET tally.max_cells = 2000000; -- of 4,320,000
SELECT pp.verdict($$group_by => '{user_id}'$$);
SET tally.max_cells = 2200000; -- less than twice
SELECT pp.verdict($$group_by => '{user_id}'$$);
SET tally.max_cells = 400000; -- with filters ten times
SELECT pp.verdict($$group_by => '{user_id}', filters => '[["country", "ne", "c7"]]'$$);
SET tally.max_cells = 450000;
SELECT pp.verdict($$group_by => '{user_id}', filters => '[["country", "ne", "c7"]]'$$);
SET tally.max_cells = 1000000;
-- two columns may depend on each other: of both only the larger counts
SELECT pp.verdict($$group_by => '{user_id,country}'$$);
SET tally.max_cells = 4000000;
SELECT pp.verdict($$group_by => '{user_id,country}'$$);
SET tally.max_cells = 10000;
SELECT pp.verdict($$group_by => '{country,props.plan}'$$);
-- many rows have changed since
CREATE TABLE pp.plain AS SELECT at, user_id FROM pp.events;
SELECT pg_stat_force_next_flush() IS NULL AS told; -- not after ANALYZE
ANALYZE pp.plain;
SET tally.max_cells = 10000;
SELECT verdict FROM tally.series_plan('pp.plain', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
INSERT INTO pp.plain SELECT at, user_id FROM pp.events WHERE user_id < 600;
SELECT pg_stat_force_next_flush() IS NULL AS told;
SELECT verdict FROM tally.series_plan('pp.plain', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
-- or gone
CREATE TABLE pp.parts (at timestamptz, user_id int) PARTITION BY LIST (user_id);
CREATE TABLE pp.parts_1 PARTITION OF pp.parts FOR VALUES IN (1);
CREATE TABLE pp.parts_2 PARTITION OF pp.parts DEFAULT;
INSERT INTO pp.parts TABLE pp.plain;
INSERT INTO pp.parts SELECT at, 1 FROM pp.plain LIMIT 10;
SELECT pg_stat_force_next_flush() IS NULL AS told;
ANALYZE pp.parts;
SELECT verdict FROM tally.series_plan('pp.parts', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
ALTER TABLE pp.parts DETACH PARTITION pp.parts_2;
SET tally.max_cells = 100;
SELECT verdict FROM tally.series_plan('pp.parts', 'at', '1 hour', daterange '[2025-01-01,2025-01-05)', group_by => '{user_id,at}');
-- never analyzed
CREATE TABLE pp.raw AS SELECT at, user_id FROM pp.events;
SET tally.max_cells = 50;
SELECT verdict FROM tally.series_plan('pp.raw', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
SET tally.max_cells = 1000;
-- a view, or the rows of a query, is never sure
CREATE VIEW pp.seen AS SELECT * FROM pp.events;
SELECT verdict FROM tally.series_plan('pp.seen', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
SELECT verdict FROM tally.series_query_plan('SELECT * FROM pp.events WHERE user_id > $1', '[10]', 'at', '1 day', daterange '[2025-01-01,2025-04-01)', group_by => '{user_id}');
RESET tally.max_cells;

-- numbers of groups: types with few values, expressions, several columns
CREATE TYPE pp.mood AS ENUM ('sad', 'well', 'elated');
CREATE TABLE pp.t AS SELECT '2025-01-01'::timestamptz + i * interval '1 min' AS at, i % 2 = 0 AS flag, 'sad'::pp.mood AS mood,
  i % 100 AS a, i % 100 / 10 AS b, i AS id, jsonb_build_object('k', jsonb_build_object('m', i % 17)) AS doc FROM generate_series(1, 10000) i;
SELECT pg_stat_force_next_flush() IS NULL AS told;
ANALYZE pp.t;
CREATE FUNCTION pp.groups(keys text[], more text DEFAULT '') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  EXECUTE 'SELECT est_groups FROM tally.series_plan(''pp.t'', ''at'', ''1 hour'', daterange ''[2025-01-01,2025-02-01)'', group_by => $1' || more || ')' INTO n USING keys;
  RETURN n;
END
$$;
SELECT pp.groups('{}') AS none, pp.groups('{flag}') AS flag, pp.groups('{mood}') AS mood, pp.groups('{a}') AS a, pp.groups('{id}') AS id;
SELECT pp.groups('{a,b}') AS multiplied, pp.groups('{doc.k.m}') AS as_many_as_documents;
CREATE STATISTICS pp.ab (ndistinct) ON a, b FROM pp.t;
CREATE STATISTICS pp.m ON (doc #>> '{k,m}') FROM pp.t;
ANALYZE pp.t;
SELECT pp.groups('{a,b}') AS together, pp.groups('{doc.k.m}') AS known;
SELECT pp.groups('{a}', $$, groups => 'listed', members => '[1,2,3]'$$) AS listed, pp.groups('{a}', $$, groups => 'listed', members => '[1,2,3]', other => 'o'$$) AS with_other,
  pp.groups('{a}', $$, members => '{"query": "SELECT generate_series(1, 7)"}', groups => 'listed'$$) BETWEEN 7 AND 1000 AS of_query,
  pp.groups('{a}', ', top => 5') AS top, pp.groups('{a}', $$, top => 5, top_by => 'count', other => 'rest'$$) AS top_and_other,
  pp.groups('{a}', $$, groups => 'ever'$$) AS ever;
SET tally.max_cells = 20000;
SELECT verdict FROM tally.series_plan('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-02-01)', group_by => '{a,b}');
CREATE UNIQUE INDEX t_id ON pp.t (id);
ALTER TABLE pp.t ALTER id SET NOT NULL;
\set VERBOSITY default
SELECT * FROM tally.series('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-02-01)', group_by => '{a,id}') AS t(b timestamptz, a int, id int, n bigint);
SELECT * FROM tally.series('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-02-01)', group_by => '{a,b}') AS t(b timestamptz, a int, id int, n bigint);
RESET tally.max_cells;

-- too many buckets, or too much memory
SET tally.max_buckets = 100;
SELECT buckets, verdict FROM tally.series_plan('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-02-01)');
RESET tally.max_buckets;
SET tally.max_cells = 100;
SELECT buckets, est_cells, verdict FROM tally.series_plan('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-02-01)');
RESET tally.max_cells;
SELECT buckets, verdict FROM tally.series_plan('pp.t', 'at', '1 second', daterange '[2025-01-01,2025-03-01)');
SET tally.max_memory = '1MB';
SELECT est_bytes > 1024 * 1024 AS more, verdict FROM tally.series_plan('pp.t', 'at', '1 minute', daterange '[2025-01-01,2025-01-08)', group_by => '{a}');
RESET tally.max_memory;

-- the query can be given to EXPLAIN as it is
CREATE FUNCTION pp.explained(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || q LOOP
    RETURN NEXT line;
  END LOOP;
END
$$;
CREATE INDEX t_at ON pp.t (at);
SELECT pp.explained(sql) FROM tally.series_plan('pp.t', 'at', '1 hour', daterange '[2025-01-01,2025-01-02)', '{count,sum(a)}', '{doc.k.m,mood}',
  filters => '[["a", "in", [1, 2, 3]], ["doc.k.m", "gt", 4]]');
SELECT pp.explained(sql) FROM tally.series_query_plan('SELECT at, doc ->> $1 AS "K" FROM pp.t -- it''s', '["k"]', 'at', '1 hour', daterange '[2025-01-01,2025-01-02)', group_by => '{K}');
-- the condition on the range stands where it pays: not where nearly all rows are in it and all are read
SELECT during, count(*) FILTER (WHERE line ~ 'Filter|Cond') AS conditions FROM (VALUES ('[2025-01-01,2025-01-02)'), ('[2025-01-01,2025-02-01)')) v(during),
  LATERAL tally.series_plan('pp.t', 'at', '1 hour', during, group_by => '{a}') p, LATERAL pp.explained(p.sql) line GROUP BY 1 ORDER BY 1;
SELECT line ~ 'Filter|Cond' AS in_views_always FROM (SELECT * FROM tally.series_query_plan('TABLE pp.t', NULL, 'at', '1 hour', daterange '[2025-01-01,2025-02-01)')) p, LATERAL pp.explained(p.sql) line WHERE line ~ 'Filter|Cond';
-- and the answer is the same: rows before, after, at the ends and at no time
INSERT INTO pp.t SELECT v, true, 'well', 1, 1, -row_number() OVER () FROM unnest('{2024-12-31 23:59:59.999999,-infinity,infinity,NULL,2025-02-01 00:00,2025-01-31 23:59:59.999999}'::timestamptz[]) v;
INSERT INTO pp.t SELECT '2025-03-01', true, 'elated', 1000, 1, -100;
SELECT p.sql !~ 'WHERE' AS without, sum(n), count(DISTINCT mood) FROM tally.series_plan('pp.t', 'at', '1 day', daterange '[2025-01-01,2025-02-01)', group_by => '{mood}') p,
  tally.series('pp.t', 'at', '1 day', daterange '[2025-01-01,2025-02-01)', group_by => '{mood}') AS t(b timestamptz, mood text, n bigint) GROUP BY 1;
SELECT count(*), count(DISTINCT mood) FROM pp.t WHERE at >= '2025-01-01' AND at < '2025-02-01';

-- rights are those of the caller, as for EXPLAIN
CREATE ROLE pp_other;
GRANT USAGE ON SCHEMA pp TO pp_other;
GRANT SELECT (at, a) ON pp.t TO pp_other;
SET ROLE pp_other;
SELECT est_groups FROM tally.series_plan('pp.t', 'at', '1 day', daterange '[2025-01-01,2025-02-01)', group_by => '{a}');
SELECT est_groups FROM tally.series_plan('pp.t', 'at', '1 day', daterange '[2025-01-01,2025-02-01)', group_by => '{mood}');
SELECT est_groups FROM tally.series_plan('pp.events', 'at', '1 day', daterange '[2025-01-01,2025-02-01)');
RESET ROLE;
DROP OWNED BY pp_other;
DROP ROLE pp_other;
SET client_min_messages = warning;
DROP SCHEMA pp CASCADE;
