-- Groups are equal as in GROUP BY, whatever their type.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA k;
CREATE TABLE k.t (at timestamptz DEFAULT '2025-01-01', n numeric, f float8,
    r real, i interval, b bpchar, j jsonb, u uuid, a int[], c char(5),
    bo bool, s text, x xml);
INSERT INTO k.t (n, f, r, i, b, j, u, a, c, bo, s) VALUES
  (1.0, 0, 'NaN', '1 day', 'a', '{"a": 1.0}',
   '00000000-0000-0000-0000-000000000001', '{1}', 'ab', true, 'ä'),
  (1.00, '-0', 'NaN', '24 hours', 'a ', '{"a": 1}',
   '00000000-0000-0000-0000-000000000001', '{1}', 'ab   ', true, 'ä'),
  (1, 1, 1, '25 hours', 'b', '{"a": 2}',
   '00000000-0000-0000-0000-000000000002', '{1,2}', 'abc', false, 'a'),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- for every type: as many groups as GROUP BY finds, and the same counts
CREATE FUNCTION k.compare(col name) RETURNS TABLE (groups bigint, same bool)
LANGUAGE plpgsql AS $$
DECLARE t text := format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = 'k.t'::regclass AND attname = col;
BEGIN
  RETURN QUERY EXECUTE format($q$
    SELECT count(*), bool_and(a.n = b.n) AND count(*) =
        (SELECT count(*) FROM (SELECT FROM k.t GROUP BY %1$I) g)
    FROM tally.series('k.t', 'at', '1 day',
        tstzrange('2025-01-01', '2025-01-02'), group_by => ARRAY[%1$L]::name[],
        tz => 'UTC') AS a(bucket timestamptz, k %2$s, n bigint)
    JOIN (SELECT %1$I AS k, count(*) AS n FROM k.t GROUP BY 1) b
      ON a.k IS NOT DISTINCT FROM b.k $q$, col, t);
END $$;
SELECT col, c.* FROM unnest('{n,f,r,i,b,j,u,a,c,bo,s}'::name[]) col,
  LATERAL k.compare(col) c;

-- of several spellings the least is shown, whatever the order of rows
SELECT n FROM tally.series('k.t', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{n}', tz => 'UTC')
  AS t(bucket timestamptz, n numeric, c bigint);
CREATE TABLE k.reversed AS SELECT * FROM k.t ORDER BY n DESC, f DESC, i DESC;
SELECT n FROM tally.series('k.reversed', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{n}', tz => 'UTC')
  AS t(bucket timestamptz, n numeric, c bigint);

-- groups are shown in their order, nulls last
SELECT s, c FROM tally.series('k.t', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{s}', tz => 'UTC')
  AS t(bucket timestamptz, s text, c bigint);
SELECT keys FROM tally.series_long('k.t', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{n,bo,j,f}',
    tz => 'UTC');

-- a case-insensitive collation
CREATE COLLATION k.ci (provider = icu, locale = 'und-u-ks-level2',
                       deterministic = false);
CREATE TABLE k.c (at timestamptz DEFAULT '2025-01-01', s text COLLATE k.ci);
INSERT INTO k.c (s) VALUES ('Abc'), ('aBC'), ('abc'), ('d');
SELECT s, n FROM tally.series('k.c', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{s}', tz => 'UTC')
  AS t(bucket timestamptz, s text, n bigint);

-- a type without an order cannot be a key
SELECT * FROM tally.series('k.t', 'at', '1 day',
    tstzrange('2025-01-01', '2025-01-02'), group_by => '{x}', tz => 'UTC')
  AS t(bucket timestamptz, x xml, n bigint);

-- random two-column groups over random times against GROUP BY
SELECT setseed(0.7);
CREATE TABLE k.r AS SELECT
    '2025-03-01'::timestamptz + random() * interval '60 days' AS at,
    CASE WHEN random() < 0.1 THEN NULL ELSE 'g' || (random() * 9)::int END AS a,
    CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 30)::int END AS b
  FROM generate_series(1, 30000);
SELECT count(*) AS cells, sum(t.n) AS rows, count(*) FILTER (WHERE
    t.n <> coalesce(c.n, 0)) AS different
FROM tally.series('k.r', 'at', '1 day', daterange('2025-03-01', '2025-04-30'),
    group_by => '{a,b}', tz => 'America/New_York')
  AS t(bucket timestamptz, a text, b int, n bigint)
LEFT JOIN (SELECT date_trunc('day', at, 'America/New_York') AS bucket, a, b,
      count(*) AS n FROM k.r GROUP BY 1, 2, 3) c
  ON t.bucket = c.bucket AND t.a IS NOT DISTINCT FROM c.a AND
     t.b IS NOT DISTINCT FROM c.b;

SET client_min_messages = warning;
DROP SCHEMA k CASCADE;
