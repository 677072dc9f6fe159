-- The example calls of the interface, with the results they promise: names of
-- measures, order of columns, shapes of JSON.
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA part_d;
SET search_path = part_d, tally;
CREATE SCHEMA shop;

-- 1. Any table.
SET timezone = 'Europe/Berlin';
CREATE TABLE shop.orders (placed_at timestamptz, country text, total numeric(10,2));
INSERT INTO shop.orders VALUES
  ('2025-03-29 09:00', 'DE', 40), ('2025-03-29 12:00', 'DE', 50), ('2025-03-29 23:59:59', 'DE', 30),
  ('2025-03-30 03:00', 'FR', 15.5), ('2025-03-31 00:00', 'DE', 79), ('2025-03-31 10:00', 'DE', 1),
  ('2025-04-01 00:00', 'IT', 9);
SELECT * FROM tally.series('shop.orders','placed_at','1 day', daterange '[2025-03-29,2025-04-01)', tz => 'Europe/Berlin', measures => '{count,sum(total)}', group_by => '{country}') AS t(bucket timestamptz, country text, n bigint, revenue numeric);

-- 2. The axis alone: a day of 25 hours.
SELECT n, bucket, bucket_end, bucket_end - bucket AS width, partial FROM tally.buckets(tally.grid('1 day', daterange '[2025-10-25,2025-10-28)', 'Europe/Berlin'));

-- 3. Any SELECT, as aggregates.
SET timezone = 'UTC';
CREATE TABLE users (user_id int, plan text, org text, signed_up_at timestamptz);
CREATE TABLE invoices (paid_at timestamptz, user_id int, amount numeric);
INSERT INTO users VALUES (1, 'free', 'acme', '2025-03-03 12:00-05'), (2, 'pro', 'acme', '2025-03-03 12:00-05'),
  (3, 'pro', 'acme', '2025-03-08 23:59-05'), (4, 'pro', 'other', '2025-03-04 12:00-05'),
  (5, 'pro', 'acme', '2025-03-09 00:00-05'), (6, 'pro', 'acme', '2025-03-10 12:00-04'), (7, 'pro', 'acme', '2025-03-11 12:00-04'),
  (8, 'pro', 'acme', '2025-03-12 12:00-04'), (9, 'pro', 'acme', '2025-03-15 23:59-04'), (10, 'pro', 'acme', '2025-03-16 00:00-04');
UPDATE users SET signed_up_at = '2024-01-01' WHERE user_id = 1;
INSERT INTO invoices VALUES ('2025-03-05', 1, 10), ('2025-01-02', 2, 100), ('2025-01-31 23:00', 3, 200), ('2025-03-31', 2, 450), ('2025-04-01', 2, 7);
SELECT x.plan, r.bucket::date, r.value FROM (SELECT u.plan, tally.sum(g, i.paid_at, i.amount) s FROM invoices i JOIN users u USING (user_id), tally.grid('1 month', daterange '[2025-01-01,2025-04-01)', 'UTC') g WHERE g @> i.paid_at GROUP BY u.plan) x, LATERAL tally.rows(x.s, fill => 'zero') r ORDER BY 1, 2;

-- 4. Groups of a dimension table, one array a group.
CREATE TABLE countries (code text);
CREATE TABLE events (ts timestamptz, country text, user_id int);
INSERT INTO countries VALUES ('DE'), ('FR'), ('IS');
INSERT INTO events SELECT '2025-06-01 06:00', 'DE', i FROM generate_series(1, 4) i;
INSERT INTO events SELECT '2025-06-03 18:00', 'DE', i FROM generate_series(1, 7) i;
INSERT INTO events VALUES ('2025-06-02 12:00', 'FR', 1), ('2025-06-04', 'FR', 1);
SELECT c.code, tally.values(tally.count(g, e.ts)) FROM countries c CROSS JOIN tally.grid('1 day', daterange '[2025-06-01,2025-06-04)', 'UTC') g LEFT JOIN events e ON e.country = c.code AND g @> e.ts GROUP BY c.code ORDER BY 1;

-- 5. Any query with parameters; weeks from Sunday, the second of 167 hours.
-- (the two weeks before this one, asked on 2025-03-20)
SET timezone = 'America/New_York';
SELECT * FROM tally.series_query('SELECT signed_up_at, plan FROM users WHERE org = $1', params => '["acme"]', axis => 'signed_up_at', every => '1 week', during => tally.timeframe('previous_2_weeks','America/New_York', '2025-03-20 12:00-04'), tz => 'America/New_York', week_start => 7, group_by => '{plan}') AS t(bucket timestamptz, plan text, n bigint);

-- 6. Top 2 + other, right for means.
SET timezone = 'UTC';
CREATE TABLE hits (ts timestamptz, url text, ms int, site int);
INSERT INTO hits SELECT '2025-06-01 00:00Z'::timestamptz + i * interval '1 min', '/', 12, 1 FROM generate_series(1, 900) i;
INSERT INTO hits SELECT '2025-06-01 01:00Z'::timestamptz + i * interval '1 min', '/buy', 40, 2 FROM generate_series(1, 400) i;
INSERT INTO hits SELECT '2025-06-01 02:00Z'::timestamptz + i * interval '1 min', '/about', 20, 3 FROM generate_series(1, 150) i;
INSERT INTO hits SELECT '2025-06-01 03:00Z'::timestamptz + i * interval '1 min', '/help', CASE WHEN i <= 50 THEN 23 ELSE 24 END, 4 FROM generate_series(1, 100) i;
SELECT keys->>'url' AS url, measure, value FROM tally.series_long('hits','ts','1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', measures => '{count,avg(ms)}', top => 2, top_by => 'count', other => 'Other');

-- 7. Fill rules, a seed from before the range, truth flags. (run at 12:44Z)
CREATE TABLE probe (ts timestamptz, temp numeric);
INSERT INTO probe VALUES ('2025-06-01 11:58Z', 20.1), ('2025-06-01 12:13Z', 20.3), ('2025-06-01 12:19Z', 20.4);
SELECT bucket, value, is_filled, is_partial FROM tally.series_long('probe','ts','10 min', tstzrange('2025-06-01 12:00Z', '2025-06-01 12:44Z'), measures => '{last(temp)}', fill => '{"last(temp)":"previous"}', seed => true, max_gap => '20 min');

-- 8. Dry run before the run.  Few enough rows that ANALYZE reads them all.
CREATE TABLE visits AS SELECT '2025-01-01Z'::timestamptz + i * interval '4 min' AS ts, i % 4800 AS user_id FROM generate_series(0, 28799) i;
SELECT pg_stat_force_next_flush() IS NULL AS told; -- or they count as changes since ANALYZE
ANALYZE visits;
SET tally.max_buckets = 200000;
SET tally.max_cells = 5000000;
SELECT buckets, est_groups, est_cells, round(est_rows_read::numeric, -2) AS est_rows_read, est_cost > 0 AS est_cost, verdict FROM tally.series_plan('visits','ts','1 minute', tally.timeframe('previous_80_days','UTC', '2025-03-22 12:00Z'), tz => 'UTC', group_by => '{user_id}');
-- and the run says the same, before it reads a row
SELECT * FROM tally.series('visits','ts','1 minute', tally.timeframe('previous_80_days','UTC', '2025-03-22 12:00Z'), tz => 'UTC', group_by => '{user_id}') AS t(b timestamptz, u int, n bigint);
RESET tally.max_buckets;
RESET tally.max_cells;

-- 9. A rollup: stored, merged, re-bucketed, filled.
CREATE TABLE hits_hourly AS SELECT site, tally.stats(g, ts, ms) s FROM hits, tally.grid('1 hour', daterange '[2025-06-01,2025-06-03)', 'UTC') g WHERE g @> ts GROUP BY site;
INSERT INTO hits SELECT '2025-06-01 12:00Z'::timestamptz + i * interval '1 hour', '/', CASE WHEN i < 4 THEN 31 ELSE 32 END, 7 FROM generate_series(0, 4) i;
INSERT INTO hits_hourly SELECT site, tally.stats(g, ts, ms) s FROM hits, tally.grid('1 hour', daterange '[2025-06-01,2025-06-03)', 'UTC') g WHERE g @> ts AND site = 7 AND ts < '2025-06-01 14:00Z' GROUP BY site;
INSERT INTO hits_hourly SELECT site, tally.stats(g, ts, ms) s FROM hits, tally.grid('1 hour', daterange '[2025-06-01,2025-06-03)', 'UTC') g WHERE g @> ts AND site = 7 AND ts >= '2025-06-01 14:00Z' GROUP BY site;
SELECT r.bucket, r.value FROM (SELECT tally.rebucket(tally.merge(s), tally.grid('1 day', daterange '[2025-06-01,2025-06-03)', 'UTC')) s FROM hits_hourly WHERE site = 7) x, LATERAL tally.rows(x.s) r;
-- refused where boundaries do not nest
SELECT tally.rebucket(tally.merge(s), tally.grid('90 min', daterange '[2025-06-01,2025-06-03)', 'UTC')) FROM hits_hourly WHERE site = 7;

-- 10. The event store is asked by tally.query(): an axis, series, and what was
-- left out; here the slices of a Keen query.
SET client_min_messages = warning;
SELECT FROM tally.create_store() \g /dev/null
SELECT project FROM tally.create_project('part_d') \gset
INSERT INTO tally_store.collection (project_id, name) SELECT project_id, 'purchases' FROM tally_store.project WHERE id = :'project';
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, v.at, v.at, jsonb_build_object('country', v.country, 'price', v.price)
FROM tally_store.collection c JOIN tally_store.project p USING (project_id),
  (VALUES ('2025-05-31 23:00Z'::timestamptz, 'DE', '12'::jsonb), ('2025-06-01 21:59:59Z', 'DE', '88.1'), ('2025-06-01 22:00Z', 'FR', '19.9'),
    ('2025-06-02 08:00Z', 'DE', '40'), ('2025-06-02 09:00Z', 'DE', '9.99'), ('2025-06-02 09:00Z', 'DE', '"many"')) v(at, country, price)
WHERE p.id = :'project';
SELECT string_agg(piece, '')::jsonb AS answer FROM tally.query(:'project', 'count', '{"event_collection": "purchases",
  "timeframe": {"start": "2025-06-01T00:00:00", "end": "2025-06-03T00:00:00"}, "interval": "daily", "timezone": "Europe/Berlin",
  "group_by": ["country"], "filters": [{"property_name": "price", "operator": "gte", "property_value": 10}]}') piece;

DROP SCHEMA part_d, shop CASCADE;
