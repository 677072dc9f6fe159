-- What stood before: values carried into the range, and an earlier period beside it.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA b;
CREATE TABLE b.probe (ts timestamptz, room text, temp numeric, day date, clock timestamp);
INSERT INTO b.probe VALUES ('2025-06-01 11:55Z', 'a', 20.1), ('2025-06-01 12:11Z', 'a', 20.4),
  ('2025-06-01 08:00Z', 'b', 15), ('2025-06-01 08:05Z', 'b', 16), ('2025-06-01 08:15Z', 'b', NULL), ('2025-06-01 12:35Z', 'b', 17),
  ('2025-05-01 00:00Z', 'c', 1), ('2025-06-01 12:01Z', 'c', NULL), ('2025-06-01 12:02Z', 'd', 9);

-- carried from before the range, and no longer than max_gap; the last bucket is cut
SELECT bucket, value, is_filled, is_partial FROM tally.series_long('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:44Z'), measures => '{last(temp)}',
  filters => '[["room","eq","a"]]', fill => '{"last(temp)":"previous"}', seed => true, max_gap => '20 min');
-- without the seed, and without max_gap
SELECT array_agg(value ORDER BY bucket), array_agg(is_filled ORDER BY bucket) FROM tally.series_long('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:44Z'), measures => '{last(temp)}',
  filters => '[["room","eq","a"]]', fill => '"previous"');
-- each group has its own: b from hours before, c from a month before, d has none;
-- it is the measure of the last bucket that has one, as of both rows of b
CREATE VIEW b.seeded AS SELECT keys->>'room' AS room, measure, array_agg(round(value::numeric, 3) ORDER BY bucket) AS values FROM tally.series_long('b.probe', 'ts', '10 min',
  tstzrange('2025-06-01 12:00Z', '2025-06-01 12:40Z'), measures => '{avg(temp),count}', group_by => '{room}', fill => '{"avg(temp)":"previous","count":0}', seed => true) GROUP BY 1, 2;
SELECT * FROM b.seeded ORDER BY 1, 2;
-- a line from before the range; only as far as max_gap; of the rest of "top" too
SELECT keys->>'room' AS room, array_agg(round(value::numeric, 3) ORDER BY bucket) AS line FROM tally.series_long('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:40Z'), measures => '{sum(temp)}',
  group_by => '{room}', fill => '"linear"', seed => true, top => 1, other => 'rest') GROUP BY 1 ORDER BY 1;
SELECT keys->>'room' AS room, array_agg(value ORDER BY bucket) AS near FROM tally.series_long('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:40Z'), measures => '{max(temp)}',
  group_by => '{room}', fill => '"previous"', seed => true, max_gap => '4 hours 10 min') GROUP BY 1 ORDER BY 1;
-- wide and JSON say the same, with the type's own values
SELECT bucket, temp FROM tally.series('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:20Z'), '{max(temp),max(room)}', fill => '"previous"', seed => true) AS t(bucket timestamptz, temp numeric, room text);
SELECT s FROM jsonb_array_elements(tally.series_json('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:40Z'), '{last(temp),last(room)}', '{room}', fill => '"previous"', seed => true, groups => 'listed', members => '["a","b","zz"]')->'series') s;
-- constants, zero, next, null
SELECT measure, array_agg(value ORDER BY bucket) AS values, array_agg(is_filled ORDER BY bucket) AS filled FROM tally.series_long('b.probe', 'ts', '10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:40Z'),
  measures => '{count,min(temp) AS lo,max(temp) AS hi,sum(temp) AS s}', filters => '[["room","eq","b"]]', fill => '{"count":"null","lo":-1.5,"hi":"next","s":"zero"}') GROUP BY 1 ORDER BY 1;

-- what is refused
CREATE FUNCTION b.try(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
  EXECUTE 'SELECT FROM tally.series_json(''b.probe'', ''ts'', ''1 day'', daterange ''[2025-06-01,2025-06-02)'', ' || $1 || ')';
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;
\t
\a
SELECT x, b.try(x) FROM unnest(ARRAY[$$fill => '"sideways"'$$, $$fill => '[1]'$$, $$fill => '{"sum(temp)":"zero"}'$$, $$fill => '{"count":true}'$$, $$fill => '{"count":0.5}'$$, $$fill => 'null'$$,
  $$seed => true$$, $$seed => true, fill => '"next"'$$, $$max_gap => '1 day'$$, $$max_gap => '1 day', fill => '0'$$, $$max_gap => '-1 day', fill => '"previous"'$$, $$measures => '{max(room)}', fill => '"linear"'$$,
  $$compare => '0'$$, $$compare => '-1 day'$$, $$measures => '{count,count}'$$, $$measures => '{count AS key}'$$, $$measures => '{count,"count AS \"count before\""}', compare => '1 day'$$]) x;
\t
\a

-- an earlier period: a week before, bucket by bucket
CREATE TABLE b.sales (at timestamptz, shop text, v int);
INSERT INTO b.sales SELECT d + interval '12 h', s, extract(doy FROM d)::int FROM generate_series('2024-01-01'::timestamptz, '2025-04-30', '1 day') d, unnest('{x,y}'::text[]) s
  WHERE NOT (s = 'y' AND d >= '2025-03-01');
SELECT * FROM tally.series('b.sales', 'at', '1 day', daterange '[2025-02-27,2025-03-03)', '{sum(v),count}', '{shop}', compare => '7 days')
  AS t(bucket timestamptz, shop text, sum bigint, n bigint, sum_before bigint, n_before bigint);
SELECT * FROM tally.series('b.sales', 'at', '1 day', daterange '[2025-02-27,2025-03-03)', compare => '7 days') AS t(bucket timestamptz, n bigint);
-- a group that is gone is shown with "seen"; not when others are chosen
SELECT keys, measure, value FROM tally.series_long('b.sales', 'at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{shop}', compare => '1 year');
SELECT keys, measure, value FROM tally.series_long('b.sales', 'at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{shop}', compare => '1 year', top => 1);
SELECT keys, measure, value FROM tally.series_long('b.sales', 'at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{shop}', compare => '1 year', top => 1, other => 'rest');
SELECT keys, measure, value FROM tally.series_long('b.sales', 'at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{shop}', compare => '1 year', groups => 'listed', members => '["y"]');
-- days of March have the same day of February, and the last three none
SELECT bucket::date, now, before, is_filled FROM (SELECT bucket, value AS now FROM tally.series_long('b.sales', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', '{max(v)}', compare => '1 month') WHERE measure = 'max(v)') x
  JOIN (SELECT bucket, value AS before, is_filled FROM tally.series_long('b.sales', 'at', '1 day', daterange '[2025-03-01,2025-04-01)', '{max(v)}', compare => '1 month') WHERE measure = 'max(v) before') y USING (bucket)
  WHERE bucket::date IN ('2025-03-01', '2025-03-27', '2025-03-28', '2025-03-29', '2025-03-31');
-- the 29th of a February
SELECT bucket::date, n, before FROM tally.series('b.sales', 'at', '1 day', daterange '[2025-02-28,2025-03-02)', '{max(v)}', compare => '1 year') AS t(bucket timestamptz, n int, before int);
SELECT bucket::date, n, before FROM tally.series('b.sales', 'at', '1 month', daterange '[2025-01-01,2025-04-01)', '{count}', compare => '1 year') AS t(bucket timestamptz, n bigint, before bigint);
-- days of 23 and 25 hours on the clock of a zone; hours across the change
SELECT bucket, n, before FROM tally.series_query('SELECT at FROM generate_series(''2025-03-22 00:00+01''::timestamptz, ''2025-03-31 23:00+02'', ''1 h'') at', NULL, 'at', '1 day', daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin', compare => '7 days')
  AS t(bucket timestamptz, n bigint, before bigint);
SELECT sum(n) AS hours, sum(before) AS before, count(*) FILTER (WHERE before IS NULL) AS none FROM tally.series_query('SELECT at FROM generate_series(''2025-03-22 00:00+01''::timestamptz, ''2025-03-31 23:00+02'', ''1 h'') at', NULL,
  'at', '1 hour', daterange '[2025-03-30,2025-03-31)', tz => 'Europe/Berlin', compare => '1 day') AS t(bucket timestamptz, n bigint, before bigint);
-- fills apply to either period alone; buckets that the other calendar lacks are passed by
SELECT array_agg(s ORDER BY bucket) AS now, array_agg(before ORDER BY bucket) AS before FROM tally.series('b.sales', 'at', '12 hours', daterange '[2025-02-27,2025-03-02)', '{sum(v)}', fill => '"previous"', compare => '1 day', filters => '[["shop","eq","x"]]')
  AS t(bucket timestamptz, s bigint, before bigint);
SELECT s FROM jsonb_array_elements(tally.series_json('b.sales', 'at', '1 day', daterange '[2025-03-01,2025-03-04)', '{sum(v) AS s}', '{shop}', compare => '1 day')->'series') s;
-- ... in the long form with the values of the wide one: the 29th of January is one of those
SELECT measure, array_agg(value ORDER BY bucket) AS values FROM tally.series_query_long('SELECT unnest(''{2025-01-28,2025-03-01}''::timestamptz[]) AS at, 1.5 AS v', NULL,
  'at', '1 day', daterange '[2025-02-27,2025-03-03)', '{max(v)}', fill => '"previous"', compare => '1 month') GROUP BY 1 ORDER BY 1;
-- axes that show a clock
CREATE VIEW b.local AS SELECT at AT TIME ZONE 'Europe/Berlin' AS clock, (at AT TIME ZONE 'Europe/Berlin')::date AS day, v FROM b.sales WHERE shop = 'x';
SELECT a, tally.series_json('b.local', a, '1 day', daterange '[2025-03-30,2025-04-01)', '{sum(v)}', tz => 'Europe/Berlin', compare => '7 days', fill => '"previous"', seed => true) AS d FROM unnest('{clock,day}'::name[]) a;

-- random: seeds and earlier periods against plain SQL
SELECT setseed(0.3);
CREATE TABLE b.r AS SELECT date_trunc('s', '2025-01-01'::timestamptz + random() * random() * interval '20 days') AS at, (random() * 9)::int AS k, CASE WHEN random() < 0.7 THEN (random() * 100)::int END AS v FROM generate_series(1, 400);
WITH plain AS (SELECT b, k, (SELECT sum(v) FROM b.r WHERE r.k = g.k AND at >= b AND at < b + interval '6 h') AS s,
    (SELECT sum(v) FROM b.r WHERE r.k = g.k AND at >= b - interval '3 days' AND at < b - interval '3 days' + interval '6 h') AS before
  FROM generate_series('2025-01-05'::timestamptz, '2025-01-09 18:00', '6 h') b, (SELECT DISTINCT k FROM b.r WHERE at >= '2025-01-02' AND at < '2025-01-10') g),
 carried AS (SELECT b, k, before, COALESCE(s, (SELECT sum(v) FROM b.r WHERE r.k = p.k AND at < p.b GROUP BY date_bin('6 h', at, '2025-01-01') HAVING count(v) > 0 ORDER BY max(date_bin('6 h', at, '2025-01-01')) DESC LIMIT 1)) AS s FROM plain p),
 ours AS (SELECT * FROM tally.series('b.r', 'at', '6 h', tstzrange('2025-01-05', '2025-01-10'), '{sum(v)}', '{k}', fill => '"previous"', seed => true, groups => 'ever') AS t(b timestamptz, k int, s bigint)),
 other AS (SELECT * FROM tally.series('b.r', 'at', '6 h', tstzrange('2025-01-05', '2025-01-10'), '{sum(v)}', '{k}', compare => '3 days') AS t(b timestamptz, k int, s bigint, before bigint))
SELECT count(*) > 150 AS many, count(*) FILTER (WHERE o.s IS DISTINCT FROM c.s) AS seeds_differ, count(*) FILTER (WHERE x.before IS DISTINCT FROM c.before) AS before_differs FROM carried c LEFT JOIN ours o USING (b, k) LEFT JOIN other x USING (b, k);

SET client_min_messages = warning;
DROP SCHEMA b CASCADE;
