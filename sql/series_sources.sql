-- What a series can be of: tables of every kind, and the rows of one SELECT.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA s;
CREATE TABLE s.users (signed_up_at timestamptz, plan text, org text, n int);
INSERT INTO s.users VALUES ('2025-03-03', 'pro', 'acme', 1), ('2025-03-05', 'pro', 'acme', 2), ('2025-03-10', 'pro', 'acme', 3),
  ('2025-03-11', 'pro', 'acme', 4), ('2025-03-12', 'pro', 'acme', 5), ('2025-03-13', 'free', 'other', 6);

-- a query with a parameter; weeks from Sunday, the second of them 167 hours long
SELECT * FROM tally.series_query('SELECT signed_up_at, plan FROM s.users WHERE org = $1', params => '["acme"]', axis => 'signed_up_at', every => '1 week',
    during => tstzrange('2025-03-02 00:00-05', '2025-03-16 00:00-04'), tz => 'America/New_York', week_start => 7, group_by => '{plan}')
  AS t(bucket timestamptz, plan text, n bigint);
-- a semicolon, comments, its own WITH, set operations, VALUES, types of parameters
SELECT count FROM tally.series_query('WITH x AS (SELECT * FROM s.users) SELECT * FROM x WHERE n = ANY ($1) AND signed_up_at > $2 AND plan = $3; -- all',
    '[[1, 2, 3], "2025-03-04", "pro"]', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)') AS t(b timestamptz, count bigint);
SELECT * FROM tally.series_query('(SELECT now()::date AS d, 1 AS v) UNION ALL SELECT $1, 2 /* two */', '["2025-01-02"]', 'd', '1 day', daterange '[2025-01-02,2025-01-03)',
    measures => '{sum(v)}', filters => '[["v", "gt", 0]]') AS t(b date, v bigint);
SELECT keys, value FROM tally.series_query_long('VALUES (timestamp ''2025-01-01 05:00'', ''a''), (''2025-01-01 06:00'', ''b'')', NULL, 'column1', '1 day', daterange '[2025-01-01,2025-01-02)',
    group_by => '{column2}');
SELECT tally.series_query_json('TABLE s.users', '[]', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', measures => '{sum(n)}') -> 'series' AS series;
SELECT tally.series_query_json_rows('TABLE s.users', '[]', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', measures => '{sum(n)}');

-- what is refused: everything that is not one SELECT that changes nothing
CREATE FUNCTION s.try(query text, params jsonb DEFAULT NULL, axis text DEFAULT 'signed_up_at') RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
  PERFORM tally.series_query_json(query, params, axis, '1 day', daterange '[2025-03-01,2025-03-02)');
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;
\t
\a
SELECT s.try(x) FROM unnest(ARRAY['DELETE FROM s.users', 'INSERT INTO s.users DEFAULT VALUES', 'SELECT 1; SELECT 2', '', '-- nothing', 'DROP TABLE s.users',
  'SELECT * INTO s.copy FROM s.users', 'SELECT * FROM s.users FOR UPDATE', 'SELECT * FROM (SELECT * FROM s.users FOR UPDATE) x', 'EXPLAIN SELECT 1', 'BEGIN',
  'WITH gone AS (DELETE FROM s.users RETURNING *) SELECT * FROM gone', 'SELECT', 'SELECT 1) q; DROP TABLE s.users; --', 'COPY s.users TO STDOUT',
  'SELECT nextval(''s.seq'')', 'SELECT * FROM s.users u JOIN s.users v ON true']) x;
SELECT s.try('SELECT * FROM s.users WHERE n = $1', p) FROM unnest('{NULL,"[]","[1,2]","{\"n\":1}","[\"one\"]","[[1]]","[1]","[null]"}'::jsonb[]) p;
SELECT s.try('TABLE s.users', '[]', 'plan'), s.try('TABLE s.users', '[]', 'at');
\t
\a
-- an error in the query is shown in it
SELECT * FROM tally.series_query('SELECT signed_up_at FROM s.users WHERE plam = ''pro''', '[]', 'signed_up_at', '1 day', daterange '[2025-03-01,2025-03-02)') AS t(b timestamptz, n bigint);
SELECT count(*) AS still_there FROM s.users;

-- every kind of relation
CREATE VIEW s.v AS SELECT * FROM s.users WHERE plan = 'pro';
CREATE MATERIALIZED VIEW s.m AS SELECT * FROM s.users;
CREATE TABLE s.p (LIKE s.users) PARTITION BY LIST (plan);
CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES IN ('pro');
CREATE TABLE s.p2 PARTITION OF s.p DEFAULT;
INSERT INTO s.p TABLE s.users;
CREATE TABLE s.parent (LIKE s.users);
CREATE TABLE s.child () INHERITS (s.parent);
INSERT INTO s.child TABLE s.users;
CREATE TEMP TABLE tmp AS TABLE s.users;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE s.f (signed_up_at timestamptz, plan text, org text, n int) SERVER files
    OPTIONS (program 'echo "2025-03-03,pro,acme,1"; echo "2025-03-05,free,acme,2"', format 'csv');
SELECT r, tally.series_json(r, 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', '{count,sum(n)}', '{plan}') -> 'series' AS series
FROM unnest('{s.users,s.v,s.m,s.p,s.parent,tmp,s.f}'::regclass[]) r;

-- names that need quotes, of everything
CREATE SCHEMA "s S";
CREATE DOMAIN "s S"."My ""time""" AS timestamptz;
CREATE TABLE "s S"."T""; drop" ("At ""it""" "s S"."My ""time""", "select" text, "K.1" text, "J J" jsonb);
INSERT INTO "s S"."T""; drop" VALUES ('2025-01-01', 'x', 'dotted', '{"a.b": {"C": [7]}, "c''d": "q"}');
SELECT * FROM tally.series('"s S"."T""; drop"', 'At "it"', '1 day', daterange '[2025-01-01,2025-01-02)', ARRAY['max("select") AS "Max"', 'sum("J J"."a.b".C.0)'],
    ARRAY['K.1', '"J J".c''d'], filters => '[["select", "eq", "x"], ["\"J J\".\"a.b\".C.0", "gt", 6]]') AS t(b timestamptz, k text, j text, m text, s numeric);
DROP TABLE "s S"."T""; drop";

-- axes: infinite and null instants fall nowhere; dates and local times
CREATE TABLE s.axes (tz timestamptz, ts timestamp, d date);
INSERT INTO s.axes VALUES ('infinity', 'infinity', 'infinity'), ('-infinity', '-infinity', '-infinity'), (NULL, NULL, NULL),
  ('2025-03-30 01:30Z', '2025-03-30 03:30', '2025-03-30');
SELECT axis, tally.series_json('s.axes', axis, '1 hour', tstzrange('2025-03-30 00:00Z', '2025-03-30 03:00Z'), tz => 'Europe/Berlin') -> 'series' -> 0 -> 'count' AS counts
FROM unnest('{tz,ts}'::name[]) axis;
SELECT tally.series_json('s.axes', 'd', '1 day', daterange '[2025-03-30,2025-03-31)', tz => 'Europe/Berlin') AS document;

-- the caller's rights: columns, rows, functions of members, queries
CREATE ROLE tally_regress_caller;
GRANT USAGE ON SCHEMA s, tally TO tally_regress_caller;
GRANT SELECT (signed_up_at, plan) ON s.users TO tally_regress_caller;
ALTER TABLE s.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY free ON s.users USING (plan = 'free');
SET ROLE tally_regress_caller;
\set SHOW_CONTEXT never
SELECT tally.series_json('s.users', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{plan}', groups => 'ever') -> 'series' AS series;
SELECT tally.series_query_json('SELECT signed_up_at, plan FROM s.users', NULL, 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)') -> 'series' AS series;
SELECT tally.series_json('s.users', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', '{sum(n)}');
SELECT tally.series_json('s.users', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{org}', groups => 'ever');
SELECT tally.series_json('s.users', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', filters => '[["n", "gt", 1]]');
SELECT tally.series_json('s.users', 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)', group_by => '{plan}', members => '{"query": "SELECT org FROM s.users"}');
SELECT tally.series_query_json('SELECT * FROM s.users', NULL, 'signed_up_at', '1 month', daterange '[2025-03-01,2025-04-01)');
RESET ROLE;

SET client_min_messages = warning;
DROP TABLE tmp;
DROP SCHEMA s, "s S" CASCADE;
DROP EXTENSION file_fdw CASCADE;
REVOKE USAGE ON SCHEMA tally FROM tally_regress_caller;
DROP ROLE tally_regress_caller;
