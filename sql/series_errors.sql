-- What is refused, and how the error helps.
SET timezone = 'UTC';
CREATE SCHEMA e;
CREATE TABLE e.t (at timestamptz, k text, v int, p point);
CREATE SEQUENCE e.seq;

SELECT * FROM tally.series('e.nope', 'at', '1 day', 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.seq', 'last_value', '1 day', 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'when', '1 day', 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'v', '1 day', 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', group_by => '{z}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{sum}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{mode(v)}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{sum(v) twice}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today',
    ARRAY['sum(v); drop table e.t'])
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{sum(k)}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{min(p)}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{count,NULL}')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', NULL, 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'this_lots')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', tz => 'Mars/Base')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 month 1 day', 'today')
  AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day',
    tstzrange('2025-01-01', NULL), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);

-- the column list
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today', '{count,sum(v)}',
    '{k}') AS t(bucket timestamptz, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today')
  AS t(bucket int, n bigint);
SELECT * FROM tally.series('e.t', 'at', '1 day', 'today')
  AS t(bucket timestamptz, n point);
SELECT tally.series('e.t', 'at', '1 day', 'today');
SELECT * FROM tally.series_long('e.t', 'at', '1 day', 'today', '{max(k)}');

-- what is internal says so
SELECT tally.collect('', NULL::timestamptz) FROM e.t WHERE false;
SELECT 'AAAA'::tally.panel;
SELECT 'not base64!'::tally.panel;

-- limits: refused before the table is read, or as soon as a group is too many
SET tally.max_buckets = 100;
SELECT * FROM tally.series('e.t', 'at', '1 minute',
    tstzrange('2025-01-01', '2025-01-02'), tz => 'UTC')
  AS t(bucket timestamptz, n bigint);
RESET tally.max_buckets;
INSERT INTO e.t SELECT '2025-01-01'::timestamptz + i * interval '1 second',
    'k' || i, i FROM generate_series(1, 1000) i;
SET tally.max_groups = 50;
SELECT count(*) FROM tally.series('e.t', 'at', '1 hour',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{k}', tz => 'UTC')
  AS t(bucket timestamptz, k text, n bigint);
RESET tally.max_groups;
SET tally.max_cells = 9600;
SELECT count(*) FROM tally.series('e.t', 'at', '1 hour',
    tstzrange('2025-01-01', '2025-01-02'), '{count,sum(v)}', '{k}',
    tz => 'UTC')
  AS t(bucket timestamptz, k text, n bigint, v bigint);
RESET tally.max_cells;
SET tally.max_memory = '64kB';
\set VERBOSITY terse
SELECT count(*) FROM tally.series('e.t', 'at', '1 minute',
    tstzrange('2025-01-01', '2025-01-02'), '{count,sum(v),max(k)}', '{k}',
    tz => 'UTC')
  AS t(bucket timestamptz, k text, n bigint, v bigint, max text);
\set VERBOSITY default
-- what counts is what is really taken: 33 counts take 512 bytes, 32 take 256
\set VERBOSITY terse
SET tally.max_memory = '1500kB';
CREATE TABLE s_memory AS
  SELECT '2025-01-01'::timestamptz + i * interval '1 hour' AS at, k
  FROM generate_series(0, 2999) i, generate_series(1, 33) k
  ORDER BY i, k;
SELECT count(*) FROM tally.series('s_memory', 'at', '1 hour',
    tstzrange('2025-01-01', '2025-05-06'), group_by => '{k}') AS t(b timestamptz, k int, n bigint);
DELETE FROM s_memory WHERE k = 33;
SELECT count(*) FROM tally.series('s_memory', 'at', '1 hour',
    tstzrange('2025-01-01', '2025-05-06'), group_by => '{k}') AS t(b timestamptz, k int, n bigint);
\set VERBOSITY default
DROP TABLE s_memory;
RESET tally.max_memory;

-- a time limit holds while rows are made: 86 million of them
SET tally.max_buckets = 100000;
SET tally.max_cells = 100000000;
SET statement_timeout = '300ms';
SELECT count(*) FROM tally.series('e.t', 'at', '1 second',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{k}', tz => 'UTC')
  AS t(bucket timestamptz, k text, n bigint);
RESET statement_timeout;

SET client_min_messages = warning;
DROP SCHEMA e CASCADE;
