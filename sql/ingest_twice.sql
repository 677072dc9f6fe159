-- A range of a spool is taken once, in order, and whole.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT project FROM tally.create_project('twice') \gset
\set spool '''00000000-0000-4000-8000-000000001002'''
CREATE FUNCTION pg_temp.take(project text, spool uuid, first int, last int)
    RETURNS TABLE(stored int, duplicate int, rejected int[])
    LANGUAGE sql
    AS $$
        SELECT (tally.ingest(spool, first, last, string_agg(
            tally_test.frame(project, 'twice', format('{"n": %s}', n)), '' ORDER BY n))).*
        FROM generate_series(first, last) n
    $$;

-- a spool that nobody registered
SELECT * FROM pg_temp.take(:'project', :spool, 1, 3);
SELECT tally.spool_progress(:spool);

-- taken, and when it comes again nothing is done
SELECT * FROM pg_temp.take(:'project', :spool, 1, 3);
SELECT * FROM pg_temp.take(:'project', :spool, 1, 3);
SELECT * FROM pg_temp.take(:'project', :spool, 2, 2);

-- a gap
SELECT * FROM pg_temp.take(:'project', :spool, 5, 6);
-- in part taken
SELECT * FROM pg_temp.take(:'project', :spool, 3, 4);
SELECT * FROM pg_temp.take(:'project', :spool, 1, 4);
\echo :LAST_ERROR_SQLSTATE
-- the next
SELECT * FROM pg_temp.take(:'project', :spool, 4, 6);

-- what was rolled back is not taken
BEGIN;
SELECT * FROM pg_temp.take(:'project', :spool, 7, 8);
ROLLBACK;
SELECT tally.spool_progress(:spool);
SELECT * FROM pg_temp.take(:'project', :spool, 7, 8);

-- another spool has numbers of its own
\set other '''00000000-0000-4000-8000-000000001003'''
SELECT tally.spool_progress(:other);
SELECT * FROM pg_temp.take(:'project', :other, 1, 1);

-- ranges that cannot be read are passed over in the same order
SELECT tally.spool_skip(:spool, 9, 10, 'damaged');
SELECT * FROM pg_temp.take(:'project', :spool, 9, 10);
SELECT * FROM pg_temp.take(:'project', :spool, 11, 11);

-- each once
SELECT properties->>'n' AS n, count(*) FROM tally_test.event
WHERE project = 'twice' GROUP BY 1 ORDER BY 1;
