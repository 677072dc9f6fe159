-- A dense series of a table: every bucket for every group, whether rows fell
-- there or not.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA shop;
CREATE TABLE shop.orders (placed_at timestamptz, country text, city text,
                          total numeric(10,2), items int);
INSERT INTO shop.orders VALUES
  ('2025-03-29 10:00+01', 'DE', 'Bonn', 40.00, 1),
  ('2025-03-29 11:00+01', 'DE', 'Kiel', 50.00, 2),
  ('2025-03-29 23:59:59.999999+01', 'DE', 'Bonn', 30.00, NULL),
  ('2025-03-30 12:00+02', 'FR', 'Lyon', 15.50, 3),
  ('2025-03-31 00:00+02', 'DE', 'Bonn', 60.00, 1),
  ('2025-03-31 23:59+02', 'DE', NULL, 20.00, 1),
  -- outside of the range, on both sides
  ('2025-03-28 23:59:59.999999+01', 'IS', 'Vik', 99.00, 1),
  ('2025-04-01 00:00+02', 'IS', 'Vik', 99.00, 1);

-- local days of a zone, of 24, 23 and 24 hours
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 day',
    daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin',
    measures => '{count,sum(total)}', group_by => '{country}')
  AS t(bucket timestamptz, country text, n bigint, revenue numeric);

-- without groups there is one row a bucket
SELECT * FROM tally.series('shop.orders', 'placed_at', '12 hours',
    tstzrange('2025-03-29 12:00Z', '2025-03-31Z'), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);

-- several group columns, one of them null: only groups that were seen
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 month',
    tstzrange('2025-03-01', '2025-05-01'), tz => 'UTC',
    measures => '{count}', group_by => '{country,city}')
  AS t(bucket timestamptz, country text, city text, n bigint);

-- every measure; null values are not counted, nothing gives null
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 day',
    tstzrange('2025-03-28', '2025-03-31'), tz => 'UTC',
    measures => '{count,count(items),sum(items),avg(items),min(total),max(city)}')
  AS t(bucket timestamptz, n bigint, n_items bigint, sum bigint, avg numeric,
       min numeric, max text);

-- no row at all: the spine is drawn; with groups there are none to draw
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 day',
    tstzrange('2030-01-01', '2030-01-04'), tz => 'UTC',
    measures => '{count,sum(total)}')
  AS t(bucket timestamptz, n bigint, revenue numeric);
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 day',
    tstzrange('2030-01-01', '2030-01-04'), tz => 'UTC',
    group_by => '{country}')
  AS t(bucket timestamptz, country text, n bigint);

-- long form: bucket ends, and what is filled and what is cut by the range
SELECT * FROM tally.series_long('shop.orders', 'placed_at', '1 day',
    tstzrange('2025-03-30 12:00', '2025-04-01 12:00'), tz => 'UTC',
    measures => '{count,avg(total) AS mean}', group_by => '{country}');

-- in a select list
SELECT tally.series_long('shop.orders', 'placed_at', '1 day',
    daterange '[2025-03-30,2025-04-01)', tz => 'UTC');

-- without tz it is the session's zone, whatever the range is given as
SET timezone = 'Asia/Tokyo';
SELECT bucket FROM tally.series_long('shop.orders', 'placed_at', '1 day',
    tstzrange('2025-03-30', '2025-03-31'));
SELECT bucket FROM tally.series_long('shop.orders', 'placed_at', '1 day',
    daterange '[2025-03-30,2025-03-31)');
SELECT bucket FROM tally.series_long('shop.orders', 'placed_at', '1 day',
    '[2025-03-30,2025-03-31)');
SET timezone = 'UTC';

-- words for the range
SELECT count(*), bool_and(bucket = date_trunc('hour', bucket))
FROM tally.series_long('shop.orders', 'placed_at', '1 hour',
    'previous_3_days', tz => 'UTC');

-- a timestamp or a date axis is read on the clock of tz, whatever the session
CREATE TABLE shop.visits (at timestamp, day date, page text);
INSERT INTO shop.visits VALUES
  ('2025-03-29 23:30', '2025-03-29', '/'),
  ('2025-03-30 00:30', '2025-03-30', '/'),
  ('2025-03-30 23:59', '2025-03-30', '/buy');
SET timezone = 'Asia/Tokyo';
SELECT * FROM tally.series('shop.visits', 'at', '1 day',
    daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin')
  AS t(bucket timestamp, n bigint);
SELECT * FROM tally.series('shop.visits', 'day', '1 day',
    daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin',
    group_by => '{page}')
  AS t(day date, page text, n bigint);
SET timezone = 'UTC';
SELECT bucket, bucket_end, value FROM tally.series_long('shop.visits', 'at',
    '1 day', daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin');

-- names that need quotes
CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one"""."Ev ents" ("At" timestamptz, "my Key" text,
                                      "select" int);
INSERT INTO "Odd ""one"""."Ev ents" VALUES ('2025-01-01', 'a', 5);
SELECT * FROM tally.series('"Odd ""one"""."Ev ents"', 'At', '1 day',
    tstzrange('2025-01-01', '2025-01-03'), tz => 'UTC',
    measures => ARRAY['sum("select")'], group_by => '{"my Key"}')
  AS t(bucket timestamptz, k text, sum bigint);

-- views, partitions
CREATE VIEW shop.german AS SELECT * FROM shop.orders WHERE country = 'DE';
CREATE TABLE shop.parts (at timestamptz, k int) PARTITION BY RANGE (at);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts
    FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE shop.parts_2 PARTITION OF shop.parts
    FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
INSERT INTO shop.parts SELECT '2025-01-31'::timestamptz + i * interval '1 h',
    i % 2 FROM generate_series(0, 47) i;
SELECT * FROM tally.series('shop.german', 'placed_at', '1 year',
    tstzrange('2025-01-01', '2026-01-01'), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('shop.parts', 'at', '1 month',
    tstzrange('2025-01-01', '2025-03-01'), tz => 'UTC', group_by => '{k}')
  AS t(bucket timestamptz, k int, n bigint);

-- a prepared statement, and PL/pgSQL
PREPARE daily(text) AS SELECT sum(n) FROM tally.series('shop.orders',
    'placed_at', '1 day', 'this_10_years', tz => $1)
  AS t(bucket timestamptz, n bigint);
EXECUTE daily('UTC');
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT * FROM tally.series('shop.orders', 'placed_at', '1 year',
      tstzrange('2024-01-01', '2026-01-01'), tz => 'UTC')
      AS t(bucket timestamptz, n bigint) LOOP
    RAISE NOTICE '% %', r.bucket, r.n;
  END LOOP;
END $$;

-- the caller's rights and row security hold
CREATE ROLE tally_regress_reader;
GRANT USAGE ON SCHEMA shop, tally TO tally_regress_reader;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY french ON shop.orders USING (country = 'FR');
SET ROLE tally_regress_reader;
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 year',
    tstzrange('2025-01-01', '2026-01-01'), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);
RESET ROLE;
GRANT SELECT (placed_at, country) ON shop.orders TO tally_regress_reader;
SET ROLE tally_regress_reader;
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 year',
    tstzrange('2025-01-01', '2026-01-01'), tz => 'UTC',
    group_by => '{country}')
  AS t(bucket timestamptz, country text, n bigint);
SELECT * FROM tally.series('shop.orders', 'placed_at', '1 year',
    tstzrange('2025-01-01', '2026-01-01'), tz => 'UTC',
    measures => '{sum(total)}')
  AS t(bucket timestamptz, n numeric);
RESET ROLE;

-- operators of another schema on the search path change nothing
CREATE SCHEMA evil;
CREATE FUNCTION evil.never(timestamptz, timestamptz) RETURNS bool
    LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR evil.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz,
    FUNCTION = evil.never);
SET search_path = evil, pg_catalog, public;
SELECT * FROM tally.series('shop.parts', 'at', '1 month',
    tstzrange('2025-01-01', '2025-03-01'), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA shop, evil, "Odd ""one""" CASCADE;
REVOKE USAGE ON SCHEMA tally FROM tally_regress_reader;
DROP ROLE tally_regress_reader;
