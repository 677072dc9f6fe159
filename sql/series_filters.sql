-- Filters of tally.series() and its like, and columns that are paths into JSON.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA f;
CREATE TABLE f.t (at timestamptz, p jsonb, j json, tags text[], n int, big numeric, s varchar(10), m text, "Odd Col" jsonb);
INSERT INTO f.t VALUES
 ('2025-01-01 10:00', '{"user":{"country":"DE","Age":30},"price":10.5,"a.b":1,"l":["x","y"],"ok":true}', '{"k":{"d":5}}', '{a,b}', 1, 1.5, 'abc', 'it''s', '{"k":1}'),
 ('2025-01-01 11:00', '{"user":{"country":"FR","Age":"x"},"price":"12","l":["y",1]}', '{"k":"text"}', '{c}', 2, 1e20, 'Abd', '100%', '{"k":2}'),
 ('2025-01-01 12:00', '{"user":{"country":null},"price":3,"l":"xyz"}', NULL, NULL, 3, NULL, NULL, NULL, NULL),
 ('2025-01-01 13:00', NULL, NULL, '{}', NULL, 'NaN', '', 'z', NULL);

-- the rows that a filter lets through, by their hour
CREATE FUNCTION f.hours(filters jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; c text;
BEGIN
  RETURN (SELECT string_agg(extract(hour FROM bucket)::text, ' ' ORDER BY bucket) FROM tally.series_long('f.t', 'at', '1 hour', daterange '[2025-01-01,2025-01-02)', filters => $1) WHERE value > 0);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT;
  RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), substring(c FROM 'value of filter[^\n]*'));
END $$;
\t
\a
SELECT x, f.hours(x) FROM unnest(ARRAY[
  '[]', 'null', '[["n","eq",1]]', '[["n","ne",1]]', '[["n","eq",null]]', '[["n","ne",null]]', '[["n","lt",1.5]]', '[["n","gte",2],["n","lte",2]]', '[["n","gt",-99999999999999999999]]',
  '[["n","in",[1,2.5,3,null]]]', '[["n","in",["1",2]]]', '[["n","in",[]]]', '[["n","exists",false]]', '[["n","exists","true"]]', '[["n","eq","2"]]',
  '[["big","eq",100000000000000000000]]', '[["big","gt",2]]', '[["big","in",[1.50]]]', '[["s","eq","abc"]]', '[["s","lt","b"]]', '[["s","contains","b"]]', '[["s","not_contains","b"]]', '[["s","in",["abc",""]]]',
  '[["m","eq","it''s"]]', '[["m","contains","%"]]', '[["m","contains",0]]', '[["tags","contains","a"]]', '[["tags","not_contains","a"]]', '[["tags","eq",["a","b"]]]', '[["tags","eq","{c}"]]',
  '[["at","gte","2025-01-01 12:00"]]', '[{"property_name":"n","operator":"gt","property_value":1}]',
  '[["p.user.country","eq","DE"]]', '[["p.user.country","eq",null]]', '[["p.user.country","ne","DE"]]', '[["p.user.country","exists",true]]', '[["p.user.country","in",["FR",null]]]', '[["p.user.country","contains","E"]]',
  '[["p.price","gte",5]]', '[["p.price","gte","0"]]', '[["p.price","eq",3.0]]', '[["p.price","eq","3"]]', '[["p.price","ne",3]]', '[["p.ok","eq",true]]', '[["p.\"a.b\"","eq",1]]', '[["p.user.Age","lt",100]]', '[["p.user.age","lt",100]]',
  '[["p.l","eq","y"]]', '[["p.l","contains","x"]]', '[["p.l","not_contains","x"]]', '[["p.l","in",["x",1]]]', '[["p.l","eq",["x","y"]]]', '[["p.l.1","eq","y"]]', '[["p.l","contains",1]]', '[["p.user","eq",{"Age":30,"country":"DE"}]]',
  '[["p","exists",true]]', '[["j.k.d","eq",5]]', '[["j.k","eq","text"]]', '[["Odd Col.k","gt",1]]', '[["\"Odd Col\".k","eq",1]]']::jsonb[]) x;
-- what is refused
SELECT x, f.hours(x) FROM unnest(ARRAY[
  '5', '{"n":1}', '[5]', '[["n","eq"]]', '[["n","is",1]]', '[["n",1,1]]', '[[1,"eq",1]]', '[{"property_name":"n"}]', '[["z","eq",1]]', '[["n","eq","one"]]', '[["at","lt","soon"]]', '[["n","in",1]]', '[["n","in",["x"]]]', '[["n","lt",null]]',
  '[["n","contains",1]]', '[["n","exists",1]]', '[["n.x","eq",1]]', '[["p..x","eq",1]]', '[["p.l","contains",["x"]]]', '[["p.price","lt",true]]', '[["p.price","in","x"]]', '[["n","eq",[1]]]', '[["s","contains",null]]',
  '[["s","eq","x'' OR true OR ''"]]', '[["n; DROP TABLE f.t","eq",1]]']::jsonb[]) x;
SELECT f.hours(jsonb_agg('["n","gt",0]'::jsonb)) FROM generate_series(1, 101);
\t
\a

-- measures and groups of paths: numbers are numbers, the rest is rejected
SELECT jsonb_pretty(tally.series_json('f.t', 'at', '1 day', daterange '[2025-01-01,2025-01-02)',
  '{count,count(p.price),sum(p.price),avg(p.user.Age),distinct(p.user.country),values(p.price),"sum(\"Odd Col\".k) AS odd",sum(j.k.d),max(p.l.1)}') #- '{axis}') AS document;
SELECT keys, measure, value FROM tally.series_long('f.t', 'at', '1 day', daterange '[2025-01-01,2025-01-02)', '{count,sum(p.price)}', '{p.user.country,"\"Odd Col\".k",p.l.1}');
-- operators of the type's own schema, equality that is not bitwise
CREATE EXTENSION IF NOT EXISTS citext SCHEMA f;
CREATE TABLE f.c (at timestamptz, k f.citext, e numeric);
INSERT INTO f.c VALUES ('2025-01-01', 'Ab', 1.0), ('2025-01-01', 'aB', 1.00), ('2025-01-01', 'c', 2);
SELECT c.* FROM tally.series('f.c', 'at', '1 day', daterange '[2025-01-01,2025-01-02)', group_by => '{e}', filters => '[["k","eq","AB"],["k","in",["AB","x"]]]') AS c(b timestamptz, e numeric, n bigint);

SET client_min_messages = warning;
DROP SCHEMA f CASCADE;
