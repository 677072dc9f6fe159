-- tally.buckets(): the axis alone, and grid @> time as the planner sees it.
SET search_path = public, tally;
SET timezone = 'Europe/Berlin';

-- the axis of three days, the second of 25 hours
SELECT n, bucket, bucket_end, bucket_end - bucket AS width, partial
FROM tally.buckets(tally.grid('1 day', daterange '[2025-10-25,2025-10-28)', 'Europe/Berlin'));

-- in the select list, one row is one row's work
SELECT (b).n, (b).bucket
FROM (SELECT tally.buckets(tally.grid('1 min', daterange '[2025-01-01,2025-02-01)', 'UTC')) AS b LIMIT 2) _;

-- for several grids, and for none
SELECT i, b.n, b.bucket::date FROM generate_series(1, 2) i,
	LATERAL tally.buckets(tally.grid(i * interval '1 day', daterange '[2025-01-01,2025-01-04)', 'Europe/Berlin')) b;
SELECT * FROM tally.buckets(NULL);

-- the planner knows how many there are
EXPLAIN SELECT * FROM tally.buckets(tally.grid('1 min', daterange '[2025-01-01,2025-02-01)', 'UTC'));

-- a grid with a zone is a constant, and @> two conditions on an index
CREATE TABLE bucket_event (at timestamptz, local_at timestamp, day date);
CREATE INDEX ON bucket_event (at);
CREATE INDEX ON bucket_event (local_at);
CREATE INDEX ON bucket_event (day);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT * FROM bucket_event
WHERE tally.grid('1 day', daterange '[2025-03-01,2025-03-04)', 'UTC') @> at;
-- times and dates without a zone are the grid's, not the session's
EXPLAIN (COSTS off) SELECT * FROM bucket_event
WHERE tally.grid('1 day', daterange '[2025-03-01,2025-03-04)', 'Asia/Tokyo') @> local_at;
EXPLAIN (COSTS off) SELECT * FROM bucket_event
WHERE tally.grid('1 day', daterange '[2025-03-01,2025-03-04)', 'Asia/Tokyo') @> day;
-- without a zone, or with words, it is made when the scan starts
EXPLAIN (COSTS off) SELECT * FROM bucket_event
WHERE tally.grid('1 day', daterange '[2025-03-01,2025-03-04)') @> at;
-- as a joined value
EXPLAIN (COSTS off) SELECT * FROM tally.grid('1 day', 'this_3_days') g, bucket_event WHERE g @> at;
-- as a parameter
SET plan_cache_mode = force_generic_plan;
PREPARE in_grid(tally.grid) AS SELECT * FROM bucket_event WHERE $1 @> at;
EXPLAIN (COSTS off) EXECUTE in_grid(tally.grid('1 day', 'this_3_days'));
RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- partitions that the grid does not reach are not in the plan
CREATE TABLE bucket_part (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE bucket_part_1 PARTITION OF bucket_part FOR VALUES FROM ('2025-01-01Z') TO ('2025-02-01Z');
CREATE TABLE bucket_part_2 PARTITION OF bucket_part FOR VALUES FROM ('2025-02-01Z') TO ('2025-03-01Z');
CREATE TABLE bucket_part_3 PARTITION OF bucket_part FOR VALUES FROM ('2025-03-01Z') TO ('2025-04-01Z');
EXPLAIN (COSTS off) SELECT * FROM bucket_part
WHERE tally.grid('1 day', daterange '[2025-02-10,2025-02-20)', 'UTC') @> at;

-- which rows it takes
INSERT INTO bucket_event
SELECT t, t AT TIME ZONE 'Asia/Tokyo', (t AT TIME ZONE 'Asia/Tokyo')::date
FROM generate_series('2025-02-27 00:00Z', '2025-03-05 00:00Z', interval '1 hour') t;
SELECT count(*), count(*) FILTER (WHERE g @> local_at) AS local, count(*) FILTER (WHERE g @> day) AS day
FROM bucket_event, tally.grid('1 day', daterange '[2025-03-01,2025-03-04)', 'Asia/Tokyo') g WHERE g @> at;

-- null time: unknown
SELECT tally.grid('1 day', daterange '[2025-03-01,2025-03-04)', 'UTC') @> NULL::timestamptz IS NULL AS unknown;

DROP TABLE bucket_event, bucket_part;
RESET search_path;
