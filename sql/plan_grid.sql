-- "grid @> t" and the planner: indexes, BRIN, partitions, plans for any
-- parameter, estimates of rows.
SET timezone = 'UTC';
SET search_path = tally, public, pg_catalog;
SET enable_bitmapscan = on;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA pl;

-- planned(query): what its plan reads, and by what
CREATE FUNCTION pl.planned(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || q LOOP
    IF line ~ 'Scan|Cond|Filter|Removed|InitPlan' THEN
      -- instants without their type, and what versions call subselects
      line := regexp_replace(trim(line), '''(20[^'']*)''::timestamp with(out)? time zone', '\1', 'g');
      RETURN NEXT regexp_replace(line, '(InitPlan \d).*|\$\d+(?=[);, ])|\(InitPlan \d+\)\.col1', '\1?', 'g');
    END IF;
  END LOOP;
END
$$;

CREATE TABLE pl.ev AS
  SELECT '2025-01-01'::timestamptz + i * interval '13 min' AS at,
    '2025-01-01'::timestamp + i * interval '13 min' AS local,
    date '2025-01-01' + i / 100 AS day, i % 7 AS k
  FROM generate_series(0, 19999) i;
CREATE INDEX ev_at ON pl.ev (at);
CREATE INDEX ev_local ON pl.ev (local);
CREATE INDEX ev_day ON pl.ev (day);
ANALYZE pl.ev;

-- an index, with the grid as a constant, for each type of axis
SELECT pl.planned($$SELECT * FROM pl.ev WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC') @> at$$);
SELECT pl.planned($$SELECT * FROM pl.ev WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'Europe/Berlin') @> local$$);
SELECT pl.planned($$SELECT * FROM pl.ev WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'Europe/Berlin') @> day$$);

-- as a parameter whose value is not known when the plan is made
SET plan_cache_mode = force_generic_plan;
PREPARE by_grid(tally.grid) AS SELECT count(*) FROM pl.ev WHERE $1 @> at;
SELECT pl.planned($$EXECUTE by_grid(grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC'))$$);
EXECUTE by_grid(grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC'));
EXECUTE by_grid(grid('1 hour', daterange '[2025-03-01,2025-03-02)', 'UTC'));

-- of the session's zone, or of now(): stable, computed once
SELECT pl.planned($$SELECT * FROM pl.ev WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)') @> at$$);

-- a subselect: run once, and the index all the same
SELECT pl.planned($$SELECT * FROM pl.ev WHERE (SELECT grid('1 hour', 'this_2_days')) @> at$$);
SELECT pl.planned($$SELECT * FROM pl.ev WHERE (SELECT grid('1 hour', 'this_2_days')) @> day$$);
SELECT count(*) FROM pl.ev WHERE (SELECT grid('1 hour', '[2025-02-01,2025-02-03)', 'UTC')) @> at;
SELECT count(*) FROM pl.ev WHERE (SELECT grid('1 hour', '[2025-02-01,2025-02-03)', 'Asia/Tokyo')) @> local;
SELECT count(*) FROM pl.ev WHERE (SELECT grid('1 hour', '[2025-02-01,2025-02-03)', 'Asia/Tokyo')) @> day;
SELECT count(*) FROM pl.ev WHERE (SELECT g FROM (VALUES (grid('1 hour', '[2025-02-01,2025-02-03)', 'Asia/Tokyo')), (NULL)) v(g) ORDER BY g LIMIT 1) @> local;
SELECT count(*) FROM pl.ev WHERE (SELECT NULL::tally.grid) @> at;
-- one of each row is asked for each row
SELECT count(*) FROM pl.ev e WHERE at < '2025-01-03' AND k = 3 AND (SELECT grid('1 hour', tstzrange(e.at, e.at + '1 min'))) @> at;
SELECT sum((SELECT count(*) FROM pl.ev WHERE (SELECT grid('1 hour', tstzrange(e.at, e.at + '1 hour'), 'UTC')) @> at)) FROM pl.ev e WHERE e.at < '2025-01-01 02:00';

-- a join: the index for each grid
CREATE TABLE pl.g AS SELECT grid('1 hour', daterange(d, d + 1), 'UTC') AS g FROM generate_series(date '2025-02-01', '2025-02-02', '1 day') t, date(t) d;
ANALYZE pl.g;
SELECT pl.planned($$SELECT * FROM pl.g, pl.ev WHERE g @> at$$);
SELECT lower(g), count(*) FROM pl.g, pl.ev WHERE g @> at GROUP BY 1 ORDER BY 1;

-- BRIN
CREATE TABLE pl.brin AS TABLE pl.ev;
CREATE INDEX brin_at ON pl.brin USING brin (at) WITH (pages_per_range = 1);
ANALYZE pl.brin;
SET enable_seqscan = off;
SELECT pl.planned($$SELECT * FROM pl.brin WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC') @> at$$);
RESET enable_seqscan;

-- partitions: pruned when planned, and when a generic plan starts
CREATE TABLE pl.part (at timestamptz, k int) PARTITION BY RANGE (at);
CREATE TABLE pl.part_1 PARTITION OF pl.part FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE pl.part_2 PARTITION OF pl.part FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE pl.part_3 PARTITION OF pl.part FOR VALUES FROM ('2025-03-01') TO ('2025-04-01');
INSERT INTO pl.part SELECT at, k FROM pl.ev WHERE at < '2025-04-01';
ANALYZE pl.part;
SET plan_cache_mode = auto;
SELECT pl.planned($$SELECT * FROM pl.part WHERE grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC') @> at$$);
SET plan_cache_mode = force_generic_plan;
PREPARE of_part(tally.grid) AS SELECT count(*) FROM pl.part WHERE $1 @> at;
SELECT pl.planned($$EXECUTE of_part(grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC'))$$);
EXECUTE of_part(grid('1 hour', daterange '[2025-02-01,2025-02-03)', 'UTC'));
RESET plan_cache_mode;

-- the rows that are expected, against those that there are
CREATE FUNCTION pl.expected(q text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || q INTO plan;
  RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$;
SELECT what, pl.expected('SELECT * FROM pl.ev WHERE ' || condition) BETWEEN n * 0.8 AND n * 1.25 AS near
FROM (VALUES
  ('at', 'grid(''1 hour'', daterange ''[2025-02-01,2025-03-03)'', ''UTC'') @> at', 30 * 1440 / 13.0),
  ('local', 'grid(''1 hour'', daterange ''[2025-02-01,2025-03-03)'', ''Europe/Berlin'') @> local', 30 * 1440 / 13.0),
  ('day', 'grid(''1 hour'', daterange ''[2025-02-01,2025-03-03)'', ''Europe/Berlin'') @> day', 30 * 100),
  ('stable', 'grid(''1 hour'', daterange ''[2025-02-01,2025-03-03)'') @> at', 30 * 1440 / 13.0)) v(what, condition, n);
SET client_min_messages = warning;
DROP SCHEMA pl CASCADE;
