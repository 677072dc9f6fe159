-- Both ends of a range: a row at the lower one is in it, a row at the upper one
-- is not, however it is asked: no group appears of which that is the only row.
SET timezone = 'America/New_York';
SET datestyle = 'ISO, MDY';
SET search_path = public, tally;
CREATE SCHEMA edges;
CREATE TABLE edges.ev (k text, at timestamptz, ts timestamp, day date);
INSERT INTO edges.ev
SELECT k, at AT TIME ZONE 'Europe/Berlin', at, at::date
FROM (VALUES ('before', timestamp '2025-03-28 23:59:59.999999'), ('lower', '2025-03-29 00:00'), ('last', '2025-03-31 23:59:59.999999'), ('upper', '2025-04-01 00:00')) v(k, at);
CREATE INDEX ON edges.ev (at);
CREATE INDEX ON edges.ev (ts);
CREATE INDEX ON edges.ev (day);
CREATE TABLE edges.parts (LIKE edges.ev) PARTITION BY RANGE (at);
CREATE TABLE edges.march PARTITION OF edges.parts FOR VALUES FROM ('2025-03-01 00:00+01') TO ('2025-04-01 00:00+02');
CREATE TABLE edges.april PARTITION OF edges.parts FOR VALUES FROM ('2025-04-01 00:00+02') TO ('2025-05-01 00:00+02');
INSERT INTO edges.parts TABLE edges.ev;

-- each as a list of its groups
CREATE FUNCTION edges.asked() RETURNS TABLE (way text, at text, ts text, day text, parts text) LANGUAGE plpgsql AS $$
DECLARE
  g constant text := 'tally.grid(''1 day'', daterange ''[2025-03-29,2025-04-01)'', ''Europe/Berlin'')';
  ways constant text[] := ARRAY[
    'constant', format('FROM %%s WHERE %s @> %%s GROUP BY k', g),
    'from', format('FROM %%s, %s g WHERE g @> %%s GROUP BY k', g),
    'subselect', format('FROM %%s WHERE (SELECT %s) @> %%s GROUP BY k', g),
    'series', 'FROM tally.series(%L, %L, ''1 day'', daterange ''[2025-03-29,2025-04-01)'', group_by => ''{k}'', tz => ''Europe/Berlin'') AS t(b %s, k text, n bigint) GROUP BY k'];
  source text;
  axis text;
  said text[];
  one text;
BEGIN
  FOR i IN 1 .. 7 BY 2 LOOP
    said := '{}';
    FOREACH axis IN ARRAY '{at,ts,day,parts}'::text[] LOOP
      source := CASE axis WHEN 'parts' THEN 'edges.parts' ELSE 'edges.ev' END;
      axis := CASE axis WHEN 'parts' THEN 'at' ELSE axis END;
      EXECUTE format('SELECT string_agg(k, '','' ORDER BY k) FROM (SELECT k ' ||
        format(ways[i + 1], source, axis, CASE axis WHEN 'at' THEN 'timestamptz' ELSE 'timestamp' END) || ') q') INTO one;
      said := said || one;
    END LOOP;
    RETURN QUERY SELECT ways[i], said[1], said[2], said[3], said[4];
  END LOOP;
END $$;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT * FROM edges.asked();
RESET enable_indexscan;
SET enable_seqscan = off;
SELECT * FROM edges.asked();
RESET enable_bitmapscan;
RESET enable_seqscan;

-- the partition that is not read
EXPLAIN (COSTS off) SELECT k FROM edges.parts WHERE tally.grid('1 day', daterange '[2025-03-29,2025-04-01)', 'Europe/Berlin') @> at;

-- of a range that is cut within a bucket, and of an earlier period
SELECT k, array_agg(n ORDER BY b) FROM tally.series('edges.ev', 'at', '1 day', tstzrange('2025-03-29 00:00+01', '2025-03-31 23:59:59.999999+02'),
  group_by => '{k}', tz => 'Europe/Berlin') AS t(b timestamptz, k text, n bigint) GROUP BY k ORDER BY 1;
SELECT k, array_agg(n ORDER BY b) AS n, array_agg(before ORDER BY b) AS before FROM tally.series('edges.ev', 'at', '1 day', daterange '[2025-04-01,2025-04-04)',
  group_by => '{k}', tz => 'Europe/Berlin', compare => '3 days') AS t(b timestamptz, k text, n bigint, before bigint) GROUP BY k ORDER BY 1;
SET client_min_messages = warning;
DROP SCHEMA edges CASCADE;
