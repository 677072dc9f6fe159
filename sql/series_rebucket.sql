-- tally.rebucket(series, grid): the same rows in wider buckets, exactly.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA b;

-- a rollup by the hour, kept; a day's mean is that of its rows
CREATE TABLE b.hits (site int, at timestamptz, ms numeric);
INSERT INTO b.hits VALUES (7, '2025-06-01 01:10Z', 10), (7, '2025-06-01 01:20Z', 20),
  (7, '2025-06-01 01:50Z', 30), (7, '2025-06-01 22:00Z', 64.8), (8, '2025-06-02 05:00Z', 1);
CREATE TABLE b.hourly AS SELECT site, tally.avg(g, at, ms) AS s
  FROM b.hits, tally.grid('1 hour', daterange '[2025-06-01,2025-06-03)', 'UTC') g WHERE g @> at GROUP BY site;
SELECT r.bucket, r.value, r.n, r.is_filled FROM (
  SELECT tally.rebucket(tally.merge(s), tally.grid('1 day', daterange '[2025-06-01,2025-06-03)', 'UTC')) AS s
  FROM b.hourly WHERE site = 7) x, LATERAL tally.rows(x.s) r;

-- random rows: every measure, type and target is what the rows would give
SELECT setseed(0.33);
CREATE TABLE b.r AS SELECT '2025-03-01'::timestamptz + random() * interval '60 days' AS at,
    (1000 * random())::smallint AS a, (1000 * random())::int - 500 AS b, (1e18 * random())::bigint AS c,
    (1000 * random())::numeric(8,3) AS d, 1000 * random() AS e
  FROM generate_series(1, 150);
CREATE TABLE b.grids (name text, g tally.grid);
INSERT INTO b.grids VALUES
  ('days of Berlin', tally.grid('1 day', daterange '[2025-03-02,2025-04-20)', 'Europe/Berlin')),
  ('days of Kathmandu', tally.grid('1 day', daterange '[2025-03-02,2025-04-20)', 'Asia/Kathmandu')),
  ('weeks from Sunday', tally.grid('1 week', daterange '[2025-03-02,2025-04-20)', 'Europe/Berlin', week_start => 7)),
  ('months of New York, cut', tally.grid('1 month', tstzrange('2025-03-02 12:15Z', '2025-04-20 06:45Z'), 'America/New_York')),
  ('one', tally.grid('100 days', tstzrange('2025-03-05 00:00Z', '2025-03-05 01:15Z'), 'UTC'));
CREATE FUNCTION b.compare(fn text, col text, OUT buckets bigint, OUT filled bigint, OUT different bigint)
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($q$
    SELECT count(*), count(*) FILTER (WHERE w.n = 0), count(*) FILTER (WHERE (v.bucket, v.bucket_end, v.n, v.is_filled, v.is_partial)
        IS DISTINCT FROM (w.bucket, w.bucket_end, w.n, w.is_filled, w.is_partial)
        OR (v.value IS NULL) <> (w.value IS NULL) OR abs(v.value - w.value) > %3$s * abs(w.value))
    FROM (SELECT name, tally.rebucket(s, g) AS got, should FROM b.grids,
          (SELECT tally.%1$I(tally.grid('15 min', daterange '[2025-03-01,2025-05-01)', 'UTC'), at, %2$s) AS s FROM b.r) x,
          LATERAL (SELECT tally.%1$I(g, at, %2$s) AS should FROM b.r) y) z,
      LATERAL (SELECT * FROM tally.rows(got)) v JOIN LATERAL tally.rows(should) w USING (bucket) $q$,
    fn, col, CASE WHEN col = 'e' THEN '1e-12' ELSE '0' END) INTO buckets, filled, different;
END $$;
SELECT fn, col, c.* FROM unnest('{sum,avg,min,max}'::text[]) fn, unnest('{a,b,c,d,e}'::text[]) col,
  LATERAL b.compare(fn, col) c ORDER BY 1, 2;
SELECT name, tally.values(tally.rebucket(s, g)) = tally.values(n) AS same, (SELECT count(*) FROM tally.rows(n)) AS buckets
FROM b.grids, (SELECT tally.count(tally.grid('15 min', daterange '[2025-03-01,2025-05-01)', 'UTC'), at) AS s FROM b.r) x,
  LATERAL (SELECT tally.count(g, at) AS n FROM b.r) y ORDER BY 1;

-- and against core alone
SELECT count(*) AS days, count(*) FILTER (WHERE r.n > 0) AS seen,
  count(*) FILTER (WHERE (r.value, r.n) IS DISTINCT FROM (c.v::float8, coalesce(c.n, 0))) AS different
FROM (SELECT tally.rebucket(s, g) AS s FROM b.grids, (SELECT tally.avg(tally.grid('15 min', daterange '[2025-03-01,2025-05-01)', 'UTC'), at, d) AS s FROM b.r) x
    WHERE name = 'days of Berlin') x, LATERAL tally.rows(s) r
  LEFT JOIN (SELECT date_trunc('day', at, 'Europe/Berlin') AS bucket, avg(d) AS v, count(*) AS n FROM b.r GROUP BY 1) c USING (bucket);

-- merged before or after: the same; stored and read again: the same
SELECT tally.values(tally.rebucket(tally.merge(s), g)) = tally.values(tally.merge(tally.rebucket(s, g))) AS commutes,
  tally.values(tally.merge(tally.rebucket(s, g)::text::tally.series)) = tally.values(tally.merge(tally.rebucket(s, g))) AS round_trips
FROM b.hourly, tally.grid('1 day', daterange '[2025-06-01,2025-06-03)', 'UTC') g GROUP BY g;

-- the range of a series that starts or ends inside a bucket may be kept
SELECT bucket, value, is_partial FROM (SELECT tally.rebucket(s, tally.grid('1 day', r, 'UTC')) AS s
    FROM (SELECT r, tally.count(tally.grid('6 hours', r, 'UTC'), at) AS s FROM b.hits,
        tstzrange('2025-06-01 01:15Z', '2025-06-02 05:30Z') r GROUP BY r) x) y, LATERAL tally.rows(s);

-- refused: the first boundary that does not nest
SELECT tally.rebucket(s, tally.grid('1 day', daterange '[2025-06-01,2025-06-03)', 'Asia/Kathmandu')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('1 day', tstzrange('2025-06-01 06:00Z', '2025-06-02 12:00Z'), 'Asia/Kathmandu')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('90 min', daterange '[2025-06-01,2025-06-03)', 'UTC')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('30 min', daterange '[2025-06-01,2025-06-03)', 'UTC')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('1 day', tstzrange('2025-06-01 00:30Z', '2025-06-03 00:00Z'), 'UTC')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('1 day', tstzrange('2025-06-01 00:00Z', '2025-06-02 23:30Z'), 'UTC')) FROM b.hourly;
-- refused: the range is not covered, at either end
SELECT tally.rebucket(s, tally.grid('1 day', daterange '[2025-05-31,2025-06-03)', 'UTC')) FROM b.hourly;
SELECT tally.rebucket(s, tally.grid('1 day', daterange '[2025-06-01,2025-06-04)', 'UTC')) FROM b.hourly;
SELECT tally.rebucket(NULL, g) IS NULL FROM b.grids LIMIT 1;

SET client_min_messages = warning;
DROP SCHEMA b CASCADE;
