-- A series wherever a statement can stand: views, prepared statements,
-- PL/pgSQL, cursors, materialized views, WITH, LATERAL, subselects.
SET timezone = 'UTC';
CREATE SCHEMA pv;
CREATE TABLE pv.ev AS SELECT timestamptz '2025-01-01' + i * interval '1 hour' AS at, 'c' || i % 3 AS country, i AS n FROM generate_series(0, 71) i;
ANALYZE pv.ev;

-- a view; what is behind it changes
CREATE VIEW pv.daily AS
  SELECT * FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-05)', '{count,sum(n)}', '{country}') AS t(day timestamptz, country text, n bigint, total bigint);
SELECT day::date, sum(n), sum(total) FROM pv.daily WHERE country <> 'c1' GROUP BY 1 ORDER BY 1;
INSERT INTO pv.ev VALUES ('2025-01-04 12:00', 'c0', 1000);
SELECT day::date, sum(n), sum(total) FROM pv.daily WHERE country <> 'c1' GROUP BY 1 ORDER BY 1;
CREATE VIEW pv.of_aggregate AS SELECT country, tally.sum(g, at, n) AS s FROM pv.ev, tally.grid('1 day', daterange '[2025-01-01,2025-01-05)', 'UTC') g GROUP BY 1;
SELECT country, tally.values(s) FROM pv.of_aggregate ORDER BY 1;

-- prepared: the same plan for other ranges, custom and generic
PREPARE by_day(daterange, text) AS
  SELECT day::date, n FROM tally.series('pv.ev', 'at', '1 day', $1, '{count}', tz => $2) AS t(day timestamptz, n bigint);
EXECUTE by_day('[2025-01-02,2025-01-04)', 'UTC');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_day('[2025-01-02,2025-01-04)', 'UTC');
EXECUTE by_day('[2025-01-01,2025-01-02)', 'Asia/Tokyo');
PREPARE of_grid(tally.grid) AS SELECT country, tally.values(tally.count($1, at)) FROM pv.ev WHERE at >= tally.lower($1) AND at < tally.upper($1) GROUP BY 1 ORDER BY 1;
EXECUTE of_grid(tally.grid('1 day', daterange '[2025-01-02,2025-01-04)', 'UTC'));
EXECUTE of_grid(tally.grid('2 days', daterange '[2025-01-01,2025-01-05)', 'UTC'));
RESET plan_cache_mode;
DEALLOCATE ALL;

-- PL/pgSQL: in a loop, with a handler for the refusal, with variables
CREATE FUNCTION pv.report(of daterange) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
  r record;
  s tally.series;
BEGIN
  FOR r IN SELECT * FROM tally.series('pv.ev', 'at', '1 day', of) AS t(day timestamptz, n bigint) LOOP
    RETURN NEXT r.day::date || ': ' || r.n;
  END LOOP;
  SELECT tally.count(tally.grid('1 day', of, 'UTC'), at) INTO s FROM pv.ev;
  RETURN NEXT tally.values(s)::text;
END
$$;
SELECT pv.report('[2025-01-01,2025-01-03)');
DO $$
BEGIN
  SET LOCAL tally.max_cells = 2;
  PERFORM * FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-05)', group_by => '{country}') AS t(d timestamptz, c text, n bigint);
EXCEPTION WHEN program_limit_exceeded THEN
  RAISE NOTICE 'refused: %', SQLERRM;
END
$$;
-- after a refusal all is as before
SELECT count(*) FROM pv.daily;
-- one series in the query of another
SELECT * FROM tally.series_query('SELECT day, n FROM pv.daily WHERE n > $1', '[0]', 'day', '2 days', daterange '[2025-01-01,2025-01-05)', '{sum(n)}') AS t(b timestamptz, n numeric);

-- cursors, forwards, back and held
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT day::date, n FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-05)') AS t(day timestamptz, n bigint);
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
FETCH ALL FROM c;
CLOSE c;
BEGIN;
-- in a select list: a row a call, and the rest never made
DECLARE d CURSOR FOR SELECT (tally.series_long('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-05)')).value;
FETCH 1 FROM d;
CLOSE d;
COMMIT;

-- materialized views
CREATE MATERIALIZED VIEW pv.kept AS SELECT * FROM pv.daily;
CREATE MATERIALIZED VIEW pv.states AS SELECT * FROM pv.of_aggregate;
CREATE UNIQUE INDEX ON pv.kept (day, country);
INSERT INTO pv.ev VALUES ('2025-01-04 13:00', 'c1', 7);
REFRESH MATERIALIZED VIEW CONCURRENTLY pv.kept;
REFRESH MATERIALIZED VIEW pv.states;
SELECT sum(n) FROM pv.kept;
SELECT tally.values(tally.merge(s)) FROM pv.states;
-- a series of a materialized view, and of a view of a series
SELECT day::date, total FROM tally.series('pv.kept', 'day', '2 days', daterange '[2025-01-01,2025-01-05)', '{sum(total)}') AS t(day timestamptz, total numeric);
SELECT day::date, total FROM tally.series('pv.daily', 'day', '2 days', daterange '[2025-01-01,2025-01-05)', '{sum(total)}') AS t(day timestamptz, total numeric);

-- WITH, LATERAL with other arguments for each row, subselects, EXISTS, UNION, INSERT
WITH s AS (SELECT * FROM pv.daily) SELECT a.day::date, sum(a.n) FROM s a JOIN s b USING (day, country) GROUP BY 1 ORDER BY 1;
SELECT d::date, t.* FROM generate_series(timestamptz '2025-01-01', '2025-01-03', '1 day') d,
  LATERAL tally.series('pv.ev', 'at', '12 hours', tstzrange(d, d + '1 day')) AS t(b timestamptz, n bigint) ORDER BY 1, 2;
SELECT (SELECT sum(n) FROM tally.series('pv.ev', 'at', '1 day', daterange(d, d + 1)) AS t(b timestamptz, n bigint)) FROM (VALUES (date '2025-01-01'), ('2025-01-04')) v(d);
SELECT EXISTS (SELECT FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-02)') AS t(b timestamptz, n bigint) WHERE n = 24);
CREATE TABLE pv.copy AS SELECT * FROM pv.daily UNION ALL SELECT * FROM pv.daily LIMIT 3;
INSERT INTO pv.copy SELECT * FROM pv.daily;
UPDATE pv.ev SET n = t.n FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-02)') AS t(b timestamptz, n bigint) WHERE ev.at = t.b;
SELECT n FROM pv.ev WHERE at = '2025-01-01';
SELECT count(*) FROM pv.copy;
-- what a statement wrote before is seen, what it writes itself is not
BEGIN;
INSERT INTO pv.ev VALUES ('2025-01-04 14:00', 'c2', 1);
SELECT n FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-04,2025-01-05)') AS t(b timestamptz, n bigint);
WITH w AS (INSERT INTO pv.ev VALUES ('2025-01-04 15:00', 'c2', 1) RETURNING 1)
SELECT n FROM w, tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-04,2025-01-05)') AS t(b timestamptz, n bigint);
ROLLBACK;
-- read-only, and in a repeatable snapshot
BEGIN TRANSACTION READ ONLY ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pv.daily;
COMMIT;
-- a table that is dropped and made anew under a plan
PREPARE again AS SELECT sum(n) FROM tally.series('pv.ev', 'at', '1 day', daterange '[2025-01-01,2025-01-05)') AS t(b timestamptz, n bigint);
EXECUTE again;
ALTER TABLE pv.ev ADD COLUMN more int;
DELETE FROM pv.ev WHERE at >= '2025-01-04';
EXECUTE again;
SET client_min_messages = warning;
DROP SCHEMA pv CASCADE;
