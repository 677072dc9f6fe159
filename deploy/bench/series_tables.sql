-- The tables that series.sh asks: :rows events of 90 days in time order, and a
-- fifth as many as documents in no order.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET work_mem = '1GB';
CREATE EXTENSION IF NOT EXISTS tally;
DROP SCHEMA IF EXISTS tally_bench CASCADE;
CREATE SCHEMA tally_bench;
SELECT setseed(0.5);

-- 50 browsers of unequal share, 200 countries, 20 rates, a million users
CREATE UNLOGGED TABLE tally_bench.ev AS
SELECT '2025-01-01'::timestamptz
         + (i - 1) * (interval '90 days' / :rows::float8) AS at,
       'browser-' || floor(50 * random() ^ 2)::int AS browser,
       'country-' || floor(200 * random())::int AS country,
       (floor(20 * random()) / 4)::numeric(6, 2) AS rate,
       100 * random() AS load,
       (1000 * random())::numeric(10, 2) AS price,
       floor(1000000 * random())::int AS user_id
FROM generate_series(1, :rows) i;

-- 5,000 groups: hour by hour 10.8 million cells
CREATE UNLOGGED TABLE tally_bench.many AS
SELECT at, 'group-' || floor(5000 * random())::int AS g FROM tally_bench.ev;

CREATE UNLOGGED TABLE tally_bench.doc AS
SELECT at,
       jsonb_build_object(
         'user', jsonb_build_object('browser', browser, 'country', country,
                                    'id', user_id),
         'price', price, 'page', '/p/' || user_id % 100) AS props
FROM tally_bench.ev WHERE user_id % 5 = 0 ORDER BY random();

VACUUM ANALYZE tally_bench.ev;
VACUUM ANALYZE tally_bench.many;
VACUUM ANALYZE tally_bench.doc;
