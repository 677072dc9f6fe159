-- What the planner expects of set-returning functions: rows and cost.
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA ps;
CREATE TABLE ps.ev AS
  SELECT '2025-01-01'::timestamptz + i * interval '1 min' AS at, i % 50 AS k, i % 2 = 0 AS flag, i AS n
  FROM generate_series(0, 49999) i;
ANALYZE ps.ev;

-- expected(query): rows of the scan of the function, not of what is around it
CREATE FUNCTION ps.expected(q text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || q INTO plan;
  RETURN jsonb_path_query_first(plan, '$.** ? (@."Node Type" == "Function Scan" || @."Custom Plan Provider" == "Tally Series")') -> 'Plan Rows';
END
$$;
CREATE FUNCTION ps.cost(q text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || q INTO plan;
  RETURN plan -> 0 -> 'Plan' -> 'Total Cost';
END
$$;

-- buckets x groups of constant arguments
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)') AS t(b timestamptz, n bigint)$$);
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{k}') AS t(b timestamptz, k int, n bigint)$$);
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '6 hours', tstzrange('2025-01-01', '2025-01-31'), group_by => '{k,flag}') AS t(b timestamptz, k int, f bool, n bigint)$$);
-- no more groups than rows
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-03)', group_by => '{n,k}') AS t(b timestamptz, m int, k int, n bigint)$$);
-- words, and what a stable function says
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', 'this_90_days') AS t(b timestamptz, n bigint)$$);
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 hour', tally.timeframe('previous_2_days', 'UTC')) AS t(b timestamptz, n bigint)$$);
-- in long form a row a measure
SELECT ps.expected($$SELECT * FROM tally.series_long('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', '{count,sum(n),max(n)}', '{flag}')$$);
-- as JSON a row a bucket
SELECT ps.expected($$SELECT * FROM tally.series_json_rows('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', '{count,sum(n),max(n)}', '{flag}')$$);
-- of a query only its range is known
SELECT ps.expected($$SELECT * FROM tally.series_query('SELECT * FROM ps.ev', NULL, 'at', '1 day', daterange '[2025-01-01,2025-01-31)') AS t(b timestamptz, n bigint)$$);
-- those that are listed, or the largest
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{k}', top => 3, other => 'rest') AS t(b timestamptz, k text, n bigint)$$);
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{flag}', members => '[true, false, null]') AS t(b timestamptz, k bool, n bigint)$$);
-- what is not known, and what makes no sense, is no error here
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', 'no such words', group_by => '{none}') AS t(b timestamptz, n bigint)$$) > 0;
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '0 days', tstzrange(NULL, NULL)) AS t(b timestamptz, n bigint)$$) > 0;
SELECT ps.expected($$SELECT * FROM tally.series(NULL, NULL, NULL, NULL::text, NULL, NULL) AS t(b timestamptz, n bigint)$$) > 0;
SELECT ps.expected($$SELECT * FROM tally.series(999999999::regclass, 'at', '1 day', 'today', group_by => '{x}') AS t(b timestamptz, n bigint)$$) > 0;
-- a larger table costs more, and more than reading it
SELECT ps.cost($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', 'today') AS t(b timestamptz, n bigint)$$) > ps.cost('SELECT * FROM ps.ev');
CREATE TABLE ps.small AS SELECT * FROM ps.ev LIMIT 100;
ANALYZE ps.small;
SELECT ps.cost($$SELECT * FROM tally.series('ps.small', 'at', '1 day', 'today') AS t(b timestamptz, n bigint)$$) < ps.cost('SELECT * FROM ps.ev');

-- so a join with a series is hashed, not looped over
EXPLAIN (COSTS OFF) SELECT * FROM ps.ev JOIN tally.series('ps.ev', 'at', '1 min', daterange '[2025-01-01,2025-01-31)') AS t(b timestamptz, n bigint) ON t.b = ev.at;

-- whoever may not read the table learns nothing of it
CREATE ROLE ps_other;
GRANT USAGE ON SCHEMA ps TO ps_other;
SET ROLE ps_other;
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{k}') AS t(b timestamptz, k int, n bigint)$$);
RESET ROLE;
GRANT SELECT ON ps.ev TO ps_other;
SET ROLE ps_other;
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{k}') AS t(b timestamptz, k int, n bigint)$$);
RESET ROLE;
ALTER TABLE ps.ev ENABLE ROW LEVEL SECURITY;
SET ROLE ps_other;
SELECT ps.expected($$SELECT * FROM tally.series('ps.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-31)', group_by => '{k}') AS t(b timestamptz, k int, n bigint)$$);
RESET ROLE;

-- rows of a series: as many as its grid has buckets, wherever that stands
\set grid 'tally.grid(''1 day'', daterange ''[2025-01-01,2025-03-02)'', ''UTC'')'
SELECT ps.expected($$SELECT * FROM (SELECT k, tally.count(g, at) AS s FROM ps.ev, $$ || :'grid' || $$ g GROUP BY k) x, LATERAL tally.rows(x.s) r$$) AS joined,
  ps.expected($$SELECT * FROM (SELECT k, tally.count($$ || :'grid' || $$, at) AS s FROM ps.ev GROUP BY k) x, LATERAL tally.rows(x.s) r$$) AS constant,
  ps.expected($$SELECT * FROM (SELECT k, tally.count((SELECT tally.grid('1 day', '[2025-01-01,2025-03-02)')), at) AS s FROM ps.ev GROUP BY k) x, LATERAL tally.rows(x.s) r$$) AS subselect,
  ps.expected($$WITH x AS MATERIALIZED (SELECT k, tally.sum(g, at, n) AS s FROM ps.ev, $$ || :'grid' || $$ g GROUP BY k) SELECT * FROM x, LATERAL tally.cumulate(x.s) r$$) AS cte;
SELECT ps.expected($$SELECT * FROM (SELECT tally.rebucket(tally.merge(s), tally.grid('1 month', daterange '[2025-01-01,2025-03-01)', 'UTC')) AS s
    FROM (SELECT k, tally.sum($$ || :'grid' || $$, at, n) AS s FROM ps.ev GROUP BY k) y) x, LATERAL tally.rows(x.s) r$$) AS rebucket,
  ps.expected($$SELECT r.* FROM (SELECT tally.shift(s, '1 day') AS s FROM (SELECT tally.sum($$ || :'grid' || $$, at, n) AS s FROM ps.ev) y) x, LATERAL tally.rows(x.s) r$$) AS shift;
-- a stored series has a grid of its own
CREATE TABLE ps.kept AS SELECT k, tally.count(g, at) AS s FROM ps.ev, tally.grid('1 day', daterange '[2025-01-01,2025-03-02)', 'UTC') g GROUP BY k;
SELECT ps.expected('SELECT r.* FROM ps.kept, LATERAL tally.rows(s) r');
SELECT ps.expected(format('SELECT * FROM tally.rows(%L::tally.series)', s)) FROM ps.kept WHERE k = 0;
SELECT ps.expected('SELECT * FROM tally.rows(NULL)') > 0;
DROP OWNED BY ps_other;
DROP ROLE ps_other;
SET client_min_messages = warning;
DROP SCHEMA ps CASCADE;
