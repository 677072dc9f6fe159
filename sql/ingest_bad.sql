-- Bad events: each is rejected by its place, and those around it are stored.
\set SHOW_CONTEXT never
SELECT project FROM tally.create_project('bad') \gset
\set spool '''00000000-0000-4000-8000-000000001005'''
SELECT tally.spool_progress(:spool);

-- one bad event between two good ones
CREATE FUNCTION pg_temp.between(spool uuid, project text, what text, bad bytea)
    RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := tally.spool_progress(spool);
    good bytea := tally_test.frame(project, 'good', '{}');
    r record;
BEGIN
    SELECT * INTO r FROM tally.ingest(spool, taken + 1, taken + 3, good || bad || good);
    RAISE NOTICE '%: stored %, rejected %', what, r.stored, r.rejected;
END
$$;
CREATE TEMP TABLE bad (n serial, what text, frame bytea);

-- JSON that is none, that jsonb does not take, or that is no event
INSERT INTO bad (what, frame)
SELECT what, tally_test.frame(:'project', 'bad', event) FROM (VALUES
    ('empty', ''::bytea),
    ('cut short', '{"a": 1'),
    ('two values', '{} {}'),
    ('bare word', '{"a": NaN}'),
    ('NUL byte', '{"a": "x'::bytea || '\x00'::bytea || '"}'),
    ('NUL byte behind', '{}'::bytea || '\x00'::bytea),
    ('escaped NUL', '{"a": "\\u0000"}'),
    ('lone high surrogate', '{"a": "\\ud83d"}'),
    ('lone low surrogate', '{"a": "\\ude00"}'),
    ('two high surrogates', '{"a": "\\ud83d\\ud83d"}'),
    ('not UTF-8', '{"a": "'::bytea || '\xff'::bytea || '"}'),
    ('overlong UTF-8', '{"a": "'::bytea || '\xc0af'::bytea || '"}'),
    ('surrogate in UTF-8', '{"a": "'::bytea || '\xeda080'::bytea || '"}'),
    ('number too large', '{"a": 1e131072}'),
    ('number too small', '{"a": 1e-16384}'),
    ('number beyond a double', '{"a": 1e309}'),
    ('65 levels', convert_to(repeat('{"a":', 65) || '1' || repeat('}', 65), 'UTF8')),
    ('100,000 levels', convert_to(repeat('{"a":', 100000), 'UTF8')),
    ('a list', '[{"a": 1}]'),
    ('a number', '1'),
    ('name with a dot', '{"a.b": 1}'),
    ('name with a dollar sign', '{"$a": 1}'),
    ('string too long', convert_to(format('{"a": "%s"}', repeat('x', 10000)), 'UTF8')),
    ('event too long', convert_to('{' || repeat(' ', 900000) || '}', 'UTF8')),
    ('keen is no object', '{"keen": 1}')
) AS v(what, event);

-- names of collections
INSERT INTO bad (what, frame)
SELECT format('collection %L', name), tally_test.frame(:'project', name, '{}')
FROM (VALUES ('_x'), ('.x'), ('x.'), ('a$b'), ('ž'), (E'a\tb'), (''),
             (repeat('c', 65))) AS v(name);

-- times: one microsecond beyond either end, and the infinite
INSERT INTO bad (what, frame)
SELECT what, overlay(tally_test.frame(:'project', 'bad', '{}')
    PLACING tally_test.turned(int8send(us)) FROM at FOR 8)
FROM (VALUES ('at before time', 9, -211813488000000001),
             ('at after time', 9, 9223371331200000000),
             ('at infinity', 9, 9223372036854775807),
             ('at minus infinity', 9, -9223372036854775808),
             ('received at infinity', 17, 9223372036854775807)) AS v(what, at, us);

-- an unknown project, an unknown flag, a name longer than its frame
INSERT INTO bad (what, frame) VALUES
    ('unknown project', tally_test.frame(repeat('0', 24), 'bad', '{}')),
    ('unknown flag', set_byte(tally_test.frame(:'project', 'bad', '{}'), 4, 2)),
    ('name over the end', set_byte(tally_test.frame(:'project', 'bad', '{}'), 6, 60));

SELECT count(pg_temp.between(:spool, :'project', what, frame)) FROM
    (SELECT * FROM bad ORDER BY n) bad;

-- no bad event made its collection
SELECT name, count(*) FROM tally_store.collection c
    JOIN tally_store.event e USING (collection_id)
WHERE project_id = (SELECT project_id FROM tally_store.project WHERE id = :'project')
GROUP BY name;
SELECT name FROM tally_store.collection
WHERE project_id = (SELECT project_id FROM tally_store.project WHERE id = :'project');

-- a length that cannot be is the end of what can be read: that event and all
-- after it are rejected
CREATE FUNCTION pg_temp.with_length(frame bytea, len int) RETURNS bytea
    LANGUAGE sql
    RETURN overlay(frame PLACING tally_test.turned(int4send(len)) FROM 1 FOR 4);
SELECT pg_temp.between(:spool, :'project', 'length ' || len,
    pg_temp.with_length(tally_test.frame(:'project', 'bad', '{}'), len))
FROM unnest('{0,51,1000000,2147483647,-1}'::int[]) len;
-- so is one that is cut short
SELECT tally.spool_progress(:spool) + 1 AS next \gset
SELECT * FROM tally.ingest(:spool, :next, :next + 1,
    tally_test.frame(:'project', 'good', '{}')
    || substr(tally_test.frame(:'project', 'good', '{}'), 1, 20));
-- but what the caller leaves out is not the caller's news
SELECT * FROM tally.ingest(:spool, :next + 2, :next + 4,
    tally_test.frame(:'project', 'good', '{}') || '\x00',
    leave_out => '{2}');

-- the first reason is told
SELECT * FROM tally.ingest(:spool, :next + 5, :next + 7,
    tally_test.frame(:'project', '$', '{}')
    || tally_test.frame(:'project', 'good', '{}')
    || tally_test.frame(repeat('0', 24), 'bad', '{}'));

-- nothing but bad ones
SELECT * FROM tally.ingest(:spool, :next + 8, :next + 8,
    tally_test.frame(:'project', '', ''));
