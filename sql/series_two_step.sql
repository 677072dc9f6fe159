-- Two-step aggregates: rows of any query into a tally.series, and out again.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
-- the operators of grids are found when tally is on the path
SET search_path = public, tally;
CREATE SCHEMA s;
CREATE TABLE s.users (user_id int, plan text);
CREATE TABLE s.invoices (paid_at timestamptz, user_id int, amount numeric);
INSERT INTO s.users VALUES (1, 'free'), (2, 'pro'), (3, 'none');
INSERT INTO s.invoices VALUES
  ('2025-03-03', 1, 10), ('2025-01-05', 2, 300), ('2025-03-06', 2, 400),
  ('2025-03-31 23:59:59', 2, 50), ('2025-04-01', 2, 1);

-- a join, grouped; the grid is a constant of the plan
SELECT x.plan, r.bucket::date, r.value, r.n, r.is_filled, r.is_partial
FROM (SELECT u.plan, tally.sum(g, i.paid_at, i.amount) AS s
      FROM s.invoices i JOIN s.users u USING (user_id),
        tally.grid('1 month', daterange '[2025-01-01,2025-04-01)', 'UTC') g
      WHERE g @> i.paid_at GROUP BY u.plan) x,
  LATERAL tally.rows(x.s) r
ORDER BY 1, 2;

-- groups of a dimension table: a member without rows has a complete series
SELECT u.plan, tally.values(tally.count(g, i.paid_at)) AS n,
    tally.values(tally.avg(g, i.paid_at, i.amount)) AS mean,
    tally.values(tally.min(g, i.paid_at, i.amount)) AS least
FROM s.users u
  CROSS JOIN tally.grid('1 month', daterange '[2025-01-01,2025-05-01)', 'UTC') g
  LEFT JOIN s.invoices i ON i.user_id = u.user_id AND g @> i.paid_at
GROUP BY u.plan ORDER BY 1;

-- every type of value, against core
SELECT setseed(0.6);
CREATE TABLE s.r AS SELECT
    '2025-01-01'::timestamptz + random() * interval '20 days' AS at,
    (random() * 3)::int AS k, (1000 * random())::smallint AS a,
    (1000 * random())::int AS b, (1000 * random())::bigint AS c,
    (1000 * random())::numeric(8,3) AS d, (1000 * random())::int / 8.0::float8 AS e
  FROM generate_series(1, 20000);
CREATE FUNCTION s.compare(fn text, col text, OUT buckets bigint,
    OUT different bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($q$
    SELECT count(*), count(*) FILTER (WHERE abs(r.value - c.v) > 1e-9 * abs(c.v)
        OR r.n <> c.n OR c.v IS NULL)
    FROM (SELECT k, tally.%1$I(tally.grid('1 day',
            daterange '[2025-01-01,2025-01-21)', 'Asia/Tokyo'), at, %2$I) AS s
          FROM s.r GROUP BY k) x,
      LATERAL tally.rows(x.s) WITH ORDINALITY r
      LEFT JOIN (SELECT k, date_trunc('day', at, 'Asia/Tokyo') AS bucket,
          %1$s(%2$I)::float8 AS v, count(*) AS n
        FROM s.r GROUP BY 1, 2) c ON c.bucket = r.bucket
    WHERE c.k = x.k $q$, fn, col) INTO buckets, different;
END $$;
SELECT fn, col, c.* FROM unnest('{sum,avg,min,max}'::text[]) fn,
  unnest('{a,b,c,d,e}'::text[]) col, LATERAL s.compare(fn, col) c
  ORDER BY 1, 2;

-- stored, merged, written as text and read again
CREATE TABLE s.rollup AS
  SELECT k, tally.sum(tally.grid('1 day', daterange '[2025-01-01,2025-01-21)',
      'UTC'), at, d) AS s FROM s.r GROUP BY k;
SELECT tally.values(tally.merge(s)) = (SELECT tally.values(tally.sum(tally.grid(
    '1 day', daterange '[2025-01-01,2025-01-21)', 'UTC'), at, d)) FROM s.r)
    AS merged_is_whole,
  bool_and(s::text::tally.series::text = s::text) AS text_round_trips
FROM s.rollup;

-- grids that come from a table: one for each group, and two in one group
CREATE TABLE s.grids (id int, g tally.grid);
INSERT INTO s.grids VALUES
  (1, tally.grid('1 day', daterange '[2025-01-01,2025-01-04)', 'UTC')),
  -- a long list of boundaries, stored out of line
  (2, tally.grid('1 day', daterange '[2015-01-01,2025-01-04)', 'Europe/Berlin'));
SELECT id, sum(n) FROM (SELECT id, tally.count(g, at) AS s
    FROM s.grids JOIN s.r ON g @> at GROUP BY id) x, LATERAL tally.rows(x.s) r
  GROUP BY id ORDER BY id;
SELECT tally.count(g, at) IS NULL FROM s.grids, s.r;

-- no rows give no series: the grid is not known
SELECT tally.values(tally.count(tally.grid('1 day', 'today'), at)) IS NULL
    AS is_null FROM s.r WHERE false;
SELECT tally.count(NULL, at) FROM s.r;
SELECT 'AAAA'::tally.series;

-- a cursor that fails in a subtransaction keeps what it has until it is closed:
-- what its series hold is no matter of others
CREATE FUNCTION s.after_a_failed_cursor() RETURNS SETOF text
LANGUAGE plpgsql SET work_mem = '64kB' SET hash_mem_multiplier = 1
SET enable_sort = off SET tally.max_memory = '1MB' AS $$
DECLARE
  grid tally.grid := tally.grid('1 day', daterange '[2025-01-01,2025-01-21)', 'UTC');
  failing CURSOR FOR SELECT b % 20, tally.values(grid, at, 5 * c + n)
    FROM s.r, generate_series(1, 5) n GROUP BY 1;
  row record;
BEGIN
  OPEN failing;
  BEGIN
    FETCH failing INTO row;
    RETURN NEXT 'not refused';
  EXCEPTION WHEN program_limit_exceeded THEN
    RETURN NEXT SQLERRM;
  END;
  RETURN QUERY SELECT 'buckets: ' || count(*) FROM tally.series('s.r', 'at',
    '1 minute', daterange '[2025-01-01,2025-01-21)', tz => 'UTC') AS t(minute timestamptz, n bigint);
END $$;
SELECT s.after_a_failed_cursor();

SET client_min_messages = warning;
DROP SCHEMA s CASCADE;
