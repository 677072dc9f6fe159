-- Values that are stored apart from their row (toasted), whole or compressed, are
-- values like any other: keys, documents, what is measured, grids.
SET timezone = 'UTC';
CREATE SCHEMA toasted;
SET search_path = toasted, public;
CREATE TABLE plain AS
SELECT i, '2025-03-01'::timestamptz + i * interval '7 hours' AS at, 'key ' || i % 3 || repeat('-x', 2000) AS word,
    (i % 4 || '.' || repeat('1234567890', 500))::numeric AS price, jsonb_build_object('k', 'k' || i % 3, 'n', i, 'fill', repeat('ab', 3000)) AS doc,
    decode(repeat('0' || i % 2, 4000), 'hex') AS bytes
FROM generate_series(1, 24) i;
CREATE TABLE apart (LIKE plain);
ALTER TABLE apart ALTER word SET STORAGE EXTERNAL, ALTER price SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO apart SELECT * FROM plain;
CREATE VIEW text_docs AS SELECT at, doc::json AS doc FROM apart;
CREATE TABLE json_apart (at timestamptz, doc json);
ALTER TABLE json_apart ALTER doc SET STORAGE EXTERNAL;
INSERT INTO json_apart SELECT at, doc FROM plain;
-- the rows of apart are not where their values are
SELECT sum(octet_length(word) + octet_length(doc::text)) > pg_relation_size('apart') AS elsewhere FROM apart;

-- as a document: a path as key, as measure, as filter
SELECT b, k, n, s FROM tally.series('apart', 'at', '4 days', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n)}', '{doc.k}') AS t(b timestamptz, k text, n bigint, s numeric);
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM p) AS differ, count(*) FROM
    tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n),distinct(doc.fill)}', '{doc.k}', filters => '[["doc.n", "gt", 2]]') AS a(b timestamptz, k text, n bigint, s numeric, d bigint)
    FULL JOIN tally.series('plain', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n),distinct(doc.fill)}', '{doc.k}', filters => '[["doc.n", "gt", 2]]') AS p(b timestamptz, k text, n bigint, s numeric, d bigint) USING (b, k);
SELECT sum(n), sum(s) FROM tally.series('json_apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n)}', '{doc.k}') AS t(b timestamptz, k text, n bigint, s numeric);
SELECT sum(n), sum(s) FROM tally.series('text_docs', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n)}', '{doc.k}') AS t(b timestamptz, k text, n bigint, s numeric);

-- as keys
SELECT count(*) FILTER (WHERE a.n IS DISTINCT FROM p.n) AS differ, count(*), count(DISTINCT w) FROM
    tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count}', '{word,price,bytes}') AS a(b timestamptz, w text, p numeric, y bytea, n bigint)
    FULL JOIN (SELECT date_trunc('day', at) AS b, word AS w, price AS p, bytes AS y, count(*) AS n FROM plain WHERE at < '2025-03-09' GROUP BY 1, 2, 3, 4) p USING (b, w, p, y) WHERE a.n > 0 OR p.n > 0;
SELECT sum(n), count(DISTINCT w) FROM tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count}', '{word}',
    members => (SELECT jsonb_agg(DISTINCT word) FROM plain), groups => 'listed') AS a(b timestamptz, w text, n bigint);
SELECT sum(n) FROM tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count}', '{}',
    filters => (SELECT jsonb_build_array(jsonb_build_array('word', 'eq', word)) FROM plain WHERE i = 1)) AS a(b timestamptz, n bigint);

-- as what is measured
SELECT count(*) FILTER (WHERE (a.s, a.l, a.g, a.f, a.d, a.v, a.m) IS DISTINCT FROM (p.s, p.l, p.g, p.f, p.d, p.v, p.m)) AS differ, count(*) FROM
    tally.series('apart', 'at', '2 days', daterange '[2025-03-01,2025-03-09)', '{sum(price),max(word),min(price),first(word),distinct(word),values(word),median(price)}') AS a(b timestamptz, s numeric, l text, g numeric, f text, d bigint, v text[], m numeric)
    JOIN tally.series('plain', 'at', '2 days', daterange '[2025-03-01,2025-03-09)', '{sum(price),max(word),min(price),first(word),distinct(word),values(word),median(price)}') AS p(b timestamptz, s numeric, l text, g numeric, f text, d bigint, v text[], m numeric) USING (b);
SELECT sum(s) = (SELECT sum(price) FROM plain WHERE at < '2025-03-09'), max(l) = (SELECT max(word) FROM plain WHERE at < '2025-03-09'), sum(d) FROM
    tally.series('apart', 'at', '2 days', daterange '[2025-03-01,2025-03-09)', '{sum(price),max(word),distinct(word)}', origin => '2025-03-01') AS a(b timestamptz, s numeric, l text, d bigint);
SELECT sum(d) FROM (SELECT count(DISTINCT word) AS d FROM plain WHERE at < '2025-03-09' GROUP BY date_bin('2 days', at, '2025-03-01')) x;

-- in two steps, the grid from a table
CREATE TABLE grids (g tally.grid);
ALTER TABLE grids ALTER g SET STORAGE EXTERNAL;
INSERT INTO grids VALUES (tally.grid('1 hour', daterange '[2025-03-01,2025-06-09)', 'Europe/Berlin'));
SELECT (SELECT count(v) FROM unnest(tally.values(s)) v) FROM (SELECT tally.sum(g, at, price) AS s FROM apart, grids) x;
SELECT (SELECT count(*) FROM tally.rows(s) r WHERE r.n > 0) FROM (SELECT tally.last(g, at, price) AS s FROM apart, grids) x;
SELECT (SELECT sum(r.value) FROM tally.rows(s) r) FROM (SELECT tally.distinct(g, at, word) AS s FROM apart, grids) x;

-- workers
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT sum(n), sum(s) FROM tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,sum(doc.n)}', '{doc.k}') AS t(b timestamptz, k text, n bigint, s numeric);
SELECT sum(n), count(DISTINCT w), max(x) = (SELECT max(word) FROM plain WHERE at < '2025-03-09') FROM
    tally.series('apart', 'at', '1 day', daterange '[2025-03-01,2025-03-09)', '{count,max(word)}', '{word}') AS t(b timestamptz, w text, n bigint, x text);

SET client_min_messages = warning;
DROP SCHEMA toasted CASCADE;
