-- roles.sql
--    Who may do what in a database with Tally.  Run it as a superuser, in that
--    database, after CREATE EXTENSION tally and again after every upgrade
--    or restore; it says everything anew each time:
--
--        psql -X -d tally -f deploy/roles.sql
--
--    tally_owner    owns the event store and the functions that touch it, and
--                   never logs in.  It makes projects and keys; whoever
--                   shall do that is granted this role.
--    tally_writer   tally-write logs in as it: may store events, say and
--                   read how far they have been stored, and read which keys
--                   there are.
--    tally_reader   tally-read logs in as it: may query, and read which keys
--                   there are and how far behind the stored events are.
--
--    The last two cannot read or write any table: all they can do is to call the
--    functions granted here.  How they prove who they are is for pg_hba.conf.
--
--    Limits on connections:
--        psql -X -d tally -v reader_connections=40 -v writer_connections=8 -f ...
\set ON_ERROR_STOP on
\if :{?reader_connections}
\else
\set reader_connections 40
\endif
\if :{?writer_connections}
\else
\set writer_connections 8
\endif

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

-- Two databases of a cluster may be set up at once; roles belong to both.
SELECT pg_advisory_xact_lock(hashtextextended('tally roles', 0)) \g /dev/null

DO $$
DECLARE
    wanted name;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'tally') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('database "%s" has no extension tally', current_database()),
            HINT = 'CREATE EXTENSION tally; then run this again.';
    END IF;
    FOREACH wanted IN ARRAY '{tally_owner,tally_writer,tally_reader}'::name[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
    END LOOP;
END
$$;

ALTER ROLE tally_owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE
    NOREPLICATION NOBYPASSRLS;
ALTER ROLE tally_writer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT
    NOREPLICATION NOBYPASSRLS CONNECTION LIMIT :writer_connections;
ALTER ROLE tally_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT
    NOREPLICATION NOBYPASSRLS CONNECTION LIMIT :reader_connections;

-- How long anything may take.  These hold while the server's process runs; the
-- responders have clocks of their own for when it does not.  They ask for the
-- same on each connection, which a pooler may drop, and use none that has not got
-- it: the first is drain_timeout_ms less a second, the reader's is
-- statement_timeout_ms.
ALTER ROLE tally_writer SET statement_timeout = '9s';
ALTER ROLE tally_writer SET lock_timeout = '1s';
ALTER ROLE tally_writer SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE tally_reader SET statement_timeout = '10s';
ALTER ROLE tally_reader SET lock_timeout = '1s';
ALTER ROLE tally_reader SET idle_in_transaction_session_timeout = '5s';

-- A query never writes, and what it may write of its own, it may not either.
ALTER ROLE tally_reader SET default_transaction_read_only = on;
-- An event is out of its spool when it is on the database's disk.
ALTER ROLE tally_writer SET synchronous_commit = on;

-- The answer's text must not hang on how the cluster is set.
ALTER ROLE tally_writer SET search_path = pg_catalog;
ALTER ROLE tally_reader SET search_path = pg_catalog;
ALTER ROLE tally_writer SET timezone = 'UTC';
ALTER ROLE tally_reader SET timezone = 'UTC';

-- Not every server lets these be set: temp_file_limit takes a superuser, and
-- noticing that a client has left takes an operating system that can tell.
DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'tally_reader SET temp_file_limit = ''1GB''',
        'tally_writer SET temp_file_limit = ''1GB''',
        'tally_reader SET client_connection_check_interval = ''1s''',
        'tally_writer SET client_connection_check_interval = ''1s''']
    LOOP
        BEGIN
            EXECUTE 'ALTER ROLE ' || setting;
        EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN
            RAISE WARNING 'not set: ALTER ROLE %: %', setting, SQLERRM;
        END;
    END LOOP;
END
$$;

-- The store belongs to tally_owner, also one that was there before.
DO $$
DECLARE
    relation regclass;
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tally_owner, tally_writer, tally_reader',
                   current_database());
    IF to_regnamespace('tally_store') IS NULL THEN
        CREATE SCHEMA tally_store;
    END IF;
    ALTER SCHEMA tally_store OWNER TO tally_owner;
    FOR relation IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'tally_store'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND c.relowner <> 'tally_owner'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO tally_owner', relation);
    END LOOP;
END
$$;
REVOKE ALL ON SCHEMA tally_store FROM PUBLIC, tally_writer, tally_reader;
REVOKE ALL ON ALL TABLES IN SCHEMA tally_store
    FROM PUBLIC, tally_writer, tally_reader;

-- Functions that PUBLIC may not execute belong to tally_owner: with its rights
-- the SECURITY DEFINER ones run.  First nobody has any, then ...
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid
        FROM pg_depend d
            JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'tally'
            JOIN pg_proc p ON p.oid = d.objid
        WHERE d.classid = 'pg_proc'::regclass
            AND d.refclassid = 'pg_extension'::regclass
            AND d.deptype = 'e'
            AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO tally_owner', f);
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC, tally_writer, tally_reader', f);
    END LOOP;
END
$$;

-- ... each what it needs.
GRANT USAGE ON SCHEMA tally TO tally_owner, tally_writer, tally_reader;
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT w.grantee, w.called, p.oid::regprocedure AS function
        FROM (VALUES
                ('tally_writer'::name, 'contract_version'::name),
                ('tally_writer', 'key_snapshot'),
                ('tally_writer', 'ingest'),
                ('tally_writer', 'spool_progress'),
                ('tally_writer', 'spool_skip'),
                ('tally_writer', 'spool_behind'),
                ('tally_reader', 'contract_version'),
                ('tally_reader', 'key_snapshot'),
                ('tally_reader', 'data_behind'),
                ('tally_reader', 'query')) AS w(grantee, called)
            LEFT JOIN pg_proc p
                ON p.proname = w.called AND p.pronamespace = 'tally'::regnamespace
    LOOP
        IF wanted.function IS NULL THEN
            RAISE WARNING 'this version of tally has no function %', wanted.called;
        ELSE
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I',
                           wanted.function, wanted.grantee);
        END IF;
    END LOOP;
END
$$;

SET LOCAL ROLE tally_owner;
SELECT tally.create_store() \g /dev/null
COMMIT;
