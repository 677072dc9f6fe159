-- A session that is to give way (tally.ingest_nice) pauses while it stores
-- events; any other does not.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';

SELECT project AS shop FROM tally.create_project('yield shop') \gset
\set spool '''00000000-0000-4000-8000-000000001901'''
SELECT tally.spool_progress(:spool);

-- How often the server process has left the processor of itself, by Linux.
CREATE FUNCTION tally_test.pauses() RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN (regexp_match(pg_read_file('/proc/self/status'),
                         '\nvoluntary_ctxt_switches:\s+(\d+)'))[1]::bigint;

-- ... while it stores 5,000 events
CREATE FUNCTION tally_test.pauses_of_batch(spool uuid, project text, first bigint)
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    frames bytea := decode(repeat(encode(
        tally_test.frame(project, 'pages', '{"page": "/", "n": 1}'), 'hex'),
        5000), 'hex');
    before bigint := tally_test.pauses();
BEGIN
    PERFORM tally.ingest(spool, first, first + 4999, frames);
    RETURN tally_test.pauses() - before;
END $$;

-- Twice as often, at least, and not just by chance; the least of three times, since
-- a server process also waits for the disk now and then.
SET tally.ingest_nice = 0;
SELECT least(tally_test.pauses_of_batch(:spool, :'shop', 1),
             tally_test.pauses_of_batch(:spool, :'shop', 5001),
             tally_test.pauses_of_batch(:spool, :'shop', 10001)) AS unasked \gset
SET tally.ingest_nice = 1;
SELECT tally_test.pauses_of_batch(:spool, :'shop', 15001) AS asked \gset
SELECT :asked > 2 * :unasked + 10 AS "pauses when asked";
SELECT tally.spool_progress(:spool);
