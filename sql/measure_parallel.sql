-- Every measure gives the same in a parallel plan as in a serial one.
SET timezone = 'UTC';
SELECT setseed(0.9) \g /dev/null
CREATE SCHEMA mp;
CREATE TABLE mp.t AS
SELECT '2025-01-01Z'::timestamptz + (random() * 90)::int * interval '1 hour' AS at, i % 3 AS k, (random() * 300)::int AS n,
       CASE WHEN i % 6 > 0 THEN round((random() * 100)::numeric, 2) END AS d, (random() * 640)::int / 64.0::float8 AS f,
       (random() * 70)::int::text AS t
FROM generate_series(1, 20000) i;
ANALYZE mp.t;
PREPARE answer (tally.grid) AS
SELECT k, md5(concat_ws(' ', tally.first($1, at, d), tally.last($1, at, t), tally.variance($1, at, d), tally.stddev($1, at, n), tally.stats($1, at, d))) AS exact,
       md5(concat_ws(' ', tally.median($1, at, d), tally.percentiles($1, at, f), tally.distinct($1, at, d), tally.distinct($1, at, t, 12),
           tally.values($1, at, t), tally.values($1, at, d), tally.median($1, at, f, 500))) AS sets,
       tally.values(tally.stddev($1, at, f)) AS floats
FROM mp.t GROUP BY k;
CREATE TABLE mp.serial AS EXECUTE answer (tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-05Z'), 'UTC'));
SET parallel_setup_cost = 0;  SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
ALTER TABLE mp.t SET (parallel_workers = 2);
DEALLOCATE answer;
PREPARE answer (tally.grid) AS
SELECT k, md5(concat_ws(' ', tally.first($1, at, d), tally.last($1, at, t), tally.variance($1, at, d), tally.stddev($1, at, n), tally.stats($1, at, d))) AS exact,
       md5(concat_ws(' ', tally.median($1, at, d), tally.percentiles($1, at, f), tally.distinct($1, at, d), tally.distinct($1, at, t, 12),
           tally.values($1, at, t), tally.values($1, at, d), tally.median($1, at, f, 500))) AS sets,
       tally.values(tally.stddev($1, at, f)) AS floats
FROM mp.t GROUP BY k;
CREATE FUNCTION mp.plan() RETURNS SETOF text LANGUAGE plpgsql AS $_$
BEGIN RETURN QUERY EXECUTE $$EXPLAIN (COSTS off) EXECUTE answer (tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-05Z'), 'UTC'))$$; END $_$;
SELECT trim(line, ' ->') AS parallel FROM mp.plan() line WHERE line ~ 'Partial|Gather';
CREATE TEMP TABLE parallel AS EXECUTE answer (tally.grid('1 day', tstzrange('2025-01-01Z', '2025-01-05Z'), 'UTC'));
SELECT count(*) AS groups, bool_and(p.exact = s.exact) AS exact, bool_and(p.sets = s.sets) AS sets, bool_and((SELECT max(abs(a / b - 1)) < 1e-12 FROM unnest(p.floats, s.floats) x(a, b))) AS floats
FROM parallel p JOIN mp.serial s USING (k);
DROP SCHEMA mp CASCADE;
