-- Which groups are shown: seen, ever, listed; members; the largest and the rest.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA g;
CREATE TABLE g.hits (ts timestamptz, url text, code int, ms int);
-- 900 of /, 400 of /buy, 100 of /a and 150 of /b, whose mean is 21.4
INSERT INTO g.hits SELECT '2025-06-01'::timestamptz + i * interval '1 s',
    CASE WHEN i < 900 THEN '/' WHEN i < 1300 THEN '/buy'
         WHEN i < 1400 THEN '/a' ELSE '/b' END, 200,
    CASE WHEN i < 900 THEN 12 WHEN i < 1300 THEN 40
         WHEN i < 1400 THEN 20 ELSE CASE i % 3 WHEN 0 THEN 25 ELSE 21 END END
    FROM generate_series(0, 1549) i;
INSERT INTO g.hits VALUES ('2025-05-01', '/old', 500, 1);

-- the largest two, and all others as one: its mean is of all their rows
SELECT keys->>'url' AS url, measure, value::numeric(6,2)
FROM tally.series_long('g.hits', 'ts', '1 day',
    daterange '[2025-06-01,2025-06-02)', group_by => '{url}',
    measures => '{count,avg(ms)}', top => 2, top_by => 'count',
    other => 'Other');
-- every measure of the rest is that of its rows
SELECT sum(n) = 250 AND avg(ms)::numeric(9,4) = max(m)::numeric(9,4) AND max(d) = 2 AND max(md) = max(o_md) AND max(sd)::numeric(9,4) = max(o_sd)::numeric(9,4) AS same
FROM (SELECT ms, 1 AS n FROM g.hits WHERE url IN ('/a', '/b')) h,
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS o_md, stddev(ms) AS o_sd FROM g.hits WHERE url IN ('/a', '/b')) o,
  tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', '{count,avg(ms),distinct(url),median(ms),stddev(ms)}', '{url}',
    top => 2, other => 'Other') AS t(b timestamptz, url text, c bigint, m numeric, d bigint, md float8, sd numeric)
WHERE t.url = 'Other';
-- without a name the rest is left out; by another measure; fewer groups than N
SELECT url, n, m FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', '{count,max(ms) AS worst}', '{url}',
    top => 2, top_by => 'worst') AS t(b timestamptz, url text, n bigint, m int);
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', top => 9, other => 'Other')
    AS t(b timestamptz, url text, n bigint);
-- the rest of a key that is no text is null; of several keys each
SELECT url, code, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url,code}', top => 1, other => 'Other')
    AS t(b timestamptz, url text, code int, n bigint);
-- a group that is really called so
SELECT * FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', top => 2, other => '/buy')
    AS t(b timestamptz, url text, n bigint);
-- more groups than the limits allow in one pass: totals first, the same answer
SET tally.max_cells = 15;
SELECT bucket, keys->>'url' AS url, value FROM tally.series_long('g.hits', 'ts', '6 hours', daterange '[2025-06-01,2025-06-02)', group_by => '{url}',
    top => 2, other => 'Other') WHERE value > 0;
SET tally.max_cells = 3;
SELECT * FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', top => 1) AS t(b timestamptz, url text, n bigint);
RESET tally.max_cells;

-- ever: also groups whose rows are at other times, with the same filters
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'ever') AS t(b timestamptz, url text, n bigint);
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'ever', filters => '[["code","eq",200]]')
    AS t(b timestamptz, url text, n bigint);
-- a day on which nothing was: still every group
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-07-01,2025-07-02)', group_by => '{url}', groups => 'ever', top => 2, other => 'rest')
    AS t(b timestamptz, url text, n bigint);

-- members are shown besides those that were seen
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', members => '["/new", null, "/"]') AS t(b timestamptz, url text, n bigint);
-- or alone, in their own order; what is not listed can be the rest
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'listed', members => '["/new", "/", "/a"]')
    AS t(b timestamptz, url text, n bigint);
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'listed', members => '["/new", "/", "/a"]', other => 'unlisted')
    AS t(b timestamptz, url text, n bigint);
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'listed', members => '["/new", "/", "/a"]', other => 'rest', top => 1)
    AS t(b timestamptz, url text, n bigint);
-- of several keys: lists, objects, the rows of a query with parameters
SELECT url, code, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url,code}', groups => 'listed',
    members => '[["/", 200], {"code": 404, "url": "/gone"}]') AS t(b timestamptz, url text, code int, n bigint);
CREATE TABLE g.pages (path varchar(9), kind text);
INSERT INTO g.pages VALUES ('/', 'home'), ('/imprint', 'law'), ('/terms', 'law');
SELECT url, n FROM tally.series('g.hits', 'ts', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{url}', groups => 'listed',
    members => '{"query": "SELECT path FROM g.pages WHERE kind = $1 ORDER BY 1 DESC", "params": ["law"]}') AS t(b timestamptz, url text, n bigint);

-- what is refused
CREATE FUNCTION g.try(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
  EXECUTE 'SELECT FROM tally.series_json(''g.hits'', ''ts'', ''1 day'', daterange ''[2025-06-01,2025-06-02)'', ' || $1 || ')';
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;
\t
\a
SELECT g.try(x) FROM unnest(ARRAY[
  $$group_by => '{url}', groups => 'all'$$,
  $$group_by => '{url}', groups => 'listed'$$,
  $$members => '["/"]'$$,
  $$group_by => '{url}', members => '5'$$,
  $$group_by => '{url}', members => '{"sql": "SELECT 1"}'$$,
  $$group_by => '{url}', members => '[["/", 5]]'$$,
  $$group_by => '{url,code}', members => '["/"]'$$,
  $$group_by => '{url,code}', members => '[{"url": "/", "kode": 1}]'$$,
  $$group_by => '{code}', members => '["many"]'$$,
  $$group_by => '{url}', members => '{"query": "SELECT 1, 2"}'$$,
  $$group_by => '{code}', members => '{"query": "SELECT point(1,2)"}'$$,
  $$group_by => '{url}', members => '{"query": "DELETE FROM g.hits"}'$$,
  $$group_by => '{url}', members => '{"query": "SELECT $1::text"}'$$,
  $$group_by => '{url}', members => '{"query": "SELECT nothing"}'$$,
  $$top => 3$$,
  $$group_by => '{url}', top => 0$$,
  $$group_by => '{url}', top => 3, top_by => 'sum(ms)'$$,
  $$group_by => '{url}', top_by => 'count'$$,
  $$group_by => '{url}', other => 'rest'$$,
  $$group_by => '{url}', measures => '{values(ms)}', top => 1$$
]) x;
\t
\a

-- no text column has a place for what the rest is called: JSON has
CREATE TABLE g.codes AS SELECT '2025-06-01'::timestamptz AS at, code FROM unnest('{1,1,1,1,2,2,2,NULL,NULL,3}'::int[]) code;
SELECT * FROM tally.series('g.codes', 'at', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{code}', top => 3, other => 'Rest')
  AS t(b timestamptz, code int, n bigint);
SELECT keys, value FROM tally.series_long('g.codes', 'at', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{code}', top => 3, other => 'Rest');
SELECT tally.series_json('g.codes', 'at', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{code}', top => 2, other => 'Rest') -> 'series' AS series;
SELECT keys, value FROM tally.series_long('g.codes', 'at', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{code}', top => 1, other => '1');
SELECT code, n FROM tally.series_query('SELECT at, code::text FROM g.codes', NULL, 'at', '1 day', daterange '[2025-06-01,2025-06-02)', group_by => '{code}', top => 3, other => 'Rest')
  AS t(b timestamptz, code text, n bigint);

-- random: the largest and the rest against plain SQL, with one pass and with two
SELECT setseed(0.42);
CREATE TABLE g.r AS SELECT '2025-01-01'::timestamptz + random() * interval '4 days' AS at, 'k' || (random() * random() * 30)::int AS k, (random() * 100)::int AS v
  FROM generate_series(1, 3000);
CREATE FUNCTION g.check(n int, cells int) RETURNS TABLE (rows bigint, different bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('tally.max_cells', cells::text, true);
  RETURN QUERY WITH ranked AS (SELECT r.k, row_number() OVER (ORDER BY sum(v) DESC, r.k COLLATE "C") AS nr FROM g.r GROUP BY r.k),
    plain AS (SELECT b, CASE WHEN nr <= n THEN ranked.k ELSE 'rest' END AS k, count(v) AS c, sum(v) AS s, avg(v) AS a, count(DISTINCT v) AS d
      FROM ranked CROSS JOIN generate_series('2025-01-01'::timestamptz, '2025-01-04', '1 day') b
      LEFT JOIN g.r ON r.k = ranked.k AND r.at >= b AND r.at < b + interval '1 day' GROUP BY 1, 2),
    ours AS (SELECT * FROM tally.series('g.r', 'at', '1 day', daterange '[2025-01-01,2025-01-05)', '{sum(v),count,avg(v),distinct(v)}', '{k}', top => n, other => 'rest')
      AS t(b timestamptz, k text, s bigint, c bigint, a numeric, d bigint))
  SELECT count(*), count(*) FILTER (WHERE (o.c, o.s, o.a, o.d) IS DISTINCT FROM (p.c, p.s, p.a, p.d)) FROM plain p FULL JOIN ours o USING (b, k);
END $$;
ALTER TABLE g.r ALTER k TYPE text COLLATE "C";
SELECT n, one.*, two.* FROM unnest('{1,2,7,29}'::int[]) n, g.check(n, 1000000) one, g.check(n, (n + 1) * 16 + 20) two;

SET client_min_messages = warning;
DROP SCHEMA g CASCADE;
