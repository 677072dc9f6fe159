-- Who may do what: nobody anything but on tables of their own, until
-- deploy/roles.sql says so.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT current_database() AS here \gset
\getenv source PG_ABS_SRCDIR
CREATE DATABASE regress_tally_roles TEMPLATE template0 ENCODING 'UTF8';
\c regress_tally_roles
SET client_min_messages = warning;
CREATE EXTENSION tally;

-- what runs with its owner's rights is not for all, and finds its names
-- where its owner meant them
SELECT p.oid::regprocedure AS open_to_all FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace AND p.prosecdef
    AND has_function_privilege('public', p.oid, 'EXECUTE');
SELECT p.oid::regprocedure AS without_path FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace AND p.prosecdef
    AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}';
-- nor is what makes a store or a key
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace
    AND p.proname IN ('create_store', 'check_store', 'random_hex', 'key_hash',
        'create_project', 'create_key', 'revoke_key', 'projects', 'keys',
        'key_snapshot', 'ingest', 'spool_progress', 'spool_skip', 'query')
    AND has_function_privilege('public', p.oid, 'EXECUTE');
-- what computes a series of one's own tables is
SELECT DISTINCT p.proname FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace
    AND p.proname IN ('grid', 'timeframe', 'buckets', 'series', 'series_long', 'count')
    AND NOT has_function_privilege('public', p.oid, 'EXECUTE');
CREATE ROLE regress_tally_user;
SET SESSION AUTHORIZATION regress_tally_user;
SELECT tally.contract_version() IS NOT NULL AS may_use;
SELECT tally.create_store();
SELECT tally.ingest('00000000-0000-4000-8000-000000000001', 1, 1, '');
SELECT * FROM tally.key_snapshot();
RESET SESSION AUTHORIZATION;
DROP ROLE regress_tally_user;

-- a store that the DBA made goes over to tally_owner; again it changes nothing
SELECT tally.create_store();
SELECT project, write_key FROM tally.create_project('Shop') \gset
SELECT project AS other FROM tally.create_project('Other') \gset
\set roles :source '/deploy/roles.sql'
\set ECHO none
\i :roles
\i :roles
\set ON_ERROR_STOP off
\set ECHO all
SELECT DISTINCT c.relowner::regrole FROM pg_class c
WHERE c.relnamespace = 'tally_store'::regnamespace;
SELECT DISTINCT p.proowner::regrole FROM pg_proc p
WHERE p.pronamespace = 'tally'::regnamespace
    AND NOT has_function_privilege('public', p.oid, 'EXECUTE');
SELECT name FROM tally.projects();
SELECT tally.create_store();

-- the roles themselves
SELECT rolname, rolcanlogin, rolconnlimit,
    rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS special
FROM pg_roles WHERE rolname LIKE 'tally%' ORDER BY 1;
SELECT r.rolname, s COLLATE "C" AS setting
FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) s
WHERE setdatabase = 0 AND r.rolname LIKE 'tally%' ORDER BY 1, 2;
SELECT r.rolname, g.rolname AS member_of FROM pg_auth_members m
    JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
WHERE r.rolname IN ('tally_writer', 'tally_reader');

-- what is granted to them by name
SELECT r.rolname, p.proname
FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE p.pronamespace = 'tally'::regnamespace
    AND r.rolname IN ('tally_writer', 'tally_reader')
ORDER BY 1, 2;
-- and no relation at all
SELECT r.rolname, c.oid::regclass FROM pg_class c, pg_roles r
WHERE r.rolname IN ('tally_writer', 'tally_reader')
    AND c.relkind <> 'i' AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                               'pg_toast'::regnamespace)
    AND CASE WHEN c.relkind = 'S'
        THEN has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')
        ELSE has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
            OR has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER') END;
SELECT r.rolname FROM pg_roles r
WHERE r.rolname IN ('tally_writer', 'tally_reader')
    AND (has_schema_privilege(r.oid, 'tally_store', 'USAGE, CREATE')
        OR has_schema_privilege(r.oid, 'tally', 'CREATE'));

-- the writer stores events ...
SET SESSION AUTHORIZATION tally_writer;
SELECT tally.spool_progress('00000000-0000-4000-8000-000000000001');
SELECT * FROM tally.ingest('00000000-0000-4000-8000-000000000001', 1, 1,
    decode('3800000000000200' || repeat('00', 32) || :'project', 'hex')
    || 'ab'::bytea || '{}'::bytea);
SELECT tally.spool_skip('00000000-0000-4000-8000-000000000001', 2, 2, 'damaged');
SELECT count(*) FROM tally.key_snapshot();
-- ... and that is all
SELECT * FROM tally_store.event;
SELECT * FROM tally_store.key;
SELECT tally.create_project('mine');
SELECT tally.create_key(:'project', 'master');
SELECT tally.revoke_key(:'write_key');
SELECT tally.keys(:'project');
SELECT tally.create_store();
SELECT tally.query(:'project', 'count', '{"event_collection": "ab"}');
SET ROLE tally_owner;

-- the reader queries, and sees keys' hashes ...
SET SESSION AUTHORIZATION DEFAULT;
SET SESSION AUTHORIZATION tally_reader;
SELECT count(*) FROM tally.key_snapshot();
SELECT tally.query(:'project', 'count', '{"event_collection": "ab", "timeframe":
    {"start": "1999-12-31", "end": "2000-01-02"}}');
-- ... of one project at a time
SELECT tally.query(:'other', 'count', '{"event_collection": "ab", "timeframe":
    {"start": "1999-12-31", "end": "2000-01-02"}}');
-- ... and no table, and stores nothing
SELECT * FROM tally_store.event;
SELECT tally.ingest('00000000-0000-4000-8000-000000000001', 3, 3, '');
SELECT tally.spool_progress('00000000-0000-4000-8000-000000000001');
SELECT tally.spool_skip('00000000-0000-4000-8000-000000000001', 3, 3, 'mine');
SELECT tally.create_project('mine');
SET ROLE tally_owner;
RESET SESSION AUTHORIZATION;

-- a name of the caller's own cannot come between
CREATE SCHEMA trap;
CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE TABLE trap.key (key_hash bytea);
GRANT USAGE ON SCHEMA trap TO tally_writer;
\c -
SET SESSION AUTHORIZATION tally_writer;
SET search_path = trap, pg_catalog;
SELECT tally.spool_skip('00000000-0000-4000-8000-000000000001', 3, 3, 'damaged');
SELECT count(*) FROM tally.key_snapshot();
RESET SESSION AUTHORIZATION;

-- clean up
\c :here
DROP DATABASE regress_tally_roles;
DROP ROLE tally_owner, tally_writer, tally_reader;
