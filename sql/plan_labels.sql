-- Labels that the planner believes: each function's volatility and parallel
-- safety, checked by what it does.
SET timezone = 'UTC';

-- what runs queries, or makes tables: not in parallel workers.  All else is safe.
SELECT proname, count(*) FROM pg_proc
WHERE pronamespace = 'tally'::regnamespace AND proparallel <> 's' AND prorettype <> 'trigger'::regtype
GROUP BY 1 ORDER BY 1;

-- aggregates can be computed in parts, by their own combine function
SELECT a.aggfnoid::regprocedure FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE p.pronamespace = 'tally'::regnamespace AND (a.aggcombinefn = 0 OR p.proparallel <> 's') ORDER BY a.aggfnoid::text;

-- immutable: nothing that reads now(), the session's zone, or a table
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace AND p.provolatile = 'i'
  AND (p.proname IN ('timeframe', 'series', 'series_long', 'series_json', 'series_plan', 'series_query', 'query', 'collections')
    OR p.proname LIKE '%\_in' OR p.proname LIKE '%\_recv' OR p.proname ~ '^(grid)$' AND NOT 'text'::regtype = ANY (p.proargtypes));
-- and what is pure is immutable: it can be indexed, and computed once
SELECT proname FROM pg_proc
WHERE pronamespace = 'tally'::regnamespace AND provolatile <> 'i'
  AND proname IN ('bucket', 'buckets', 'lower', 'upper', 'zone', 'contains', 'rows', 'values', 'json', 'rebucket', 'shift',
    'cumulate', 'moving', 'rate', 'fill', 'matches') ORDER BY 1;

-- functions of a grid with a zone fold to constants, those of the session's zone are stable
SELECT p.oid::regprocedure, p.provolatile FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace AND p.proname IN ('grid', 'timeframe') ORDER BY p.oid::regprocedure::text;

-- every function that says so is run by a parallel worker
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE lb AS SELECT timestamptz '2025-01-01' + i * interval '1 min' AS at, i AS v FROM generate_series(1, 20000) i;
ANALYZE lb;
EXPLAIN (COSTS OFF) SELECT tally.sum(tally.grid('1 day', daterange '[2025-01-01,2025-02-01)', 'UTC'), at, v) FROM lb
WHERE tally.bucket(tally.grid('1 day', daterange '[2025-01-01,2025-02-01)', 'UTC'), at) IS NOT NULL;
-- one that is not keeps the whole plan from it
EXPLAIN (COSTS OFF) SELECT count(*) FROM lb, tally.series('lb', 'at', '1 day', 'today') AS t(b timestamptz, n bigint) WHERE v < n;

-- a support function stands where the rows or the cost are ours to know
SELECT proname, prosupport, count(*) FROM pg_proc
WHERE pronamespace = 'tally'::regnamespace AND prosupport <> 0 GROUP BY 1, 2 ORDER BY 1;
SELECT p.oid::regprocedure AS without FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace AND p.proretset AND p.prosupport = 0 ORDER BY p.oid::regprocedure::text;

-- nothing of ours is in the way of who does not use it
SELECT count(*) FROM pg_operator o WHERE o.oprnamespace = 'tally'::regnamespace AND o.oprcode = 0;
DROP TABLE lb;
