-- Events that say who they are: stored once, however often they are sent.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT project FROM tally.create_project('ids') \gset
SELECT project AS other FROM tally.create_project('other ids') \gset
\set spool '''00000000-0000-4000-8000-000000001004'''
SELECT tally.spool_progress(:spool);
\set a '''aaaaaaaa-0000-4000-8000-000000000000'''
\set b '''bbbbbbbb-0000-4000-8000-000000000000'''
\set c '''cccccccc-0000-4000-8000-000000000000'''

SELECT * FROM tally.ingest(:spool, 1, 2,
    tally_test.frame(:'project', 'ids', '{"n": 1}', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 2}'));

-- one of them again: the whole batch fails and leaves nothing
SELECT * FROM tally.ingest(:spool, 3, 5,
    tally_test.frame(:'project', 'ids', '{"n": 3}', id => :b)
    || tally_test.frame(:'project', 'ids', '{"n": 4}', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 5}'));
\echo :LAST_ERROR_SQLSTATE
SELECT count(*), tally.spool_progress(:spool) FROM tally_test.event
WHERE project = 'ids';

-- told to look, it passes over the one
SELECT * FROM tally.ingest(:spool, 3, 5,
    tally_test.frame(:'project', 'ids', '{"n": 3}', id => :b)
    || tally_test.frame(:'project', 'ids', '{"n": 4}', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 5}'),
    check_ids => true);

-- twice in one batch
SELECT * FROM tally.ingest(:spool, 6, 8,
    tally_test.frame(:'project', 'ids', '{"n": 6}', id => :c)
    || tally_test.frame(:'project', 'ids', '{"n": 7}')
    || tally_test.frame(:'project', 'ids', '{"n": 8}', id => :c));
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM tally.ingest(:spool, 6, 8,
    tally_test.frame(:'project', 'ids', '{"n": 6}', id => :c)
    || tally_test.frame(:'project', 'ids', '{"n": 7}')
    || tally_test.frame(:'project', 'ids', '{"n": 8}', id => :c),
    check_ids => true);

-- the same id in another collection or project is another event
SELECT * FROM tally.ingest(:spool, 9, 10,
    tally_test.frame(:'project', 'ids2', '{"n": 9}', id => :a)
    || tally_test.frame(:'other', 'ids', '{"n": 10}', id => :a));

-- events without an id are never the same
SELECT * FROM tally.ingest(:spool, 11, 12,
    tally_test.frame(:'project', 'ids', '{"n": 2}')
    || tally_test.frame(:'project', 'ids', '{"n": 2}'),
    check_ids => true);

-- a bad event and a double in one batch; a double that is left out
SELECT * FROM tally.ingest(:spool, 13, 15,
    tally_test.frame(:'project', 'ids', '{', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 14}', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 15}'),
    check_ids => true);
SELECT * FROM tally.ingest(:spool, 16, 17,
    tally_test.frame(:'project', 'ids', '{"n": 16}', id => :a)
    || tally_test.frame(:'project', 'ids', '{"n": 17}'),
    leave_out => '{1}');

SELECT collection, id, properties FROM tally_test.event WHERE project = 'ids'
ORDER BY collection, (properties->>'n')::int;
