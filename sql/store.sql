-- The event store: made by a function, of ordinary tables that outlive the
-- extension, and refused where it belongs to somebody else.
\set SHOW_CONTEXT never
SET client_min_messages = warning;

-- without one
SELECT tally.key_snapshot();
SELECT tally.create_key('x', 'read');
SELECT tally.check_store('schema');
SELECT tally.check_store('roof');

-- made once; made again it stays as it is
SELECT tally.create_store();
SELECT tally.create_store();
SELECT c.relname, c.relkind, obj_description(c.oid) IS NOT NULL AS described
FROM pg_class c
WHERE c.relnamespace = 'tally_store'::regnamespace AND c.relkind = 'r'
ORDER BY c.relname COLLATE "C";
TABLE tally_store.version;

-- of core types only, and no members of the extension
SELECT DISTINCT t.typnamespace::regnamespace
FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'tally_store'::regnamespace AND c.relkind = 'r'
    AND a.attnum > 0;
SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
WHERE c.relnamespace = 'tally_store'::regnamespace AND d.deptype = 'e';

-- what is missing is made anew
DROP TABLE tally_store.spool_skip;
SELECT tally.check_store();
SELECT tally.create_store();
SELECT tally.check_store();

-- another version of the tables
BEGIN;
UPDATE tally_store.version SET version = 2;
SELECT tally.key_snapshot();
ROLLBACK;
BEGIN;
UPDATE tally_store.version SET version = 2;
SELECT tally.create_store();
ROLLBACK;
BEGIN;
DELETE FROM tally_store.version;
SELECT tally.check_store();
ROLLBACK;

-- a table, or the whole schema, of somebody who was not asked
CREATE ROLE regress_tally_stranger;
BEGIN;
ALTER TABLE tally_store.event OWNER TO regress_tally_stranger;
SELECT tally.check_store();
ROLLBACK;
BEGIN;
ALTER SCHEMA tally_store OWNER TO regress_tally_stranger;
SELECT tally.create_store();
ROLLBACK;
-- a view where a table should be
BEGIN;
ALTER TABLE tally_store.spool RENAME TO spool_away;
CREATE VIEW tally_store.spool AS TABLE tally_store.spool_away;
SELECT tally.spool_progress('00000000-0000-4000-8000-000000000001');
ROLLBACK;
DROP ROLE regress_tally_stranger;

-- progress of a spool: registered when it is first asked for
SELECT tally.spool_progress('00000000-0000-4000-8000-00000000000a');
SELECT tally.spool_progress('00000000-0000-4000-8000-00000000000a');

-- events that cannot be read are passed over, in turn and once
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 2, 3, 'torn');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 1, 3, 'torn');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 1, 3, 'again');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 3, 4, 'part');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 0, 4, 'zero');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 5, 4, 'back');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 4, 4, NULL);
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000b', 1, 2, 'new');
SELECT tally.spool_progress('00000000-0000-4000-8000-00000000000a');
SELECT spool, first, last, reason FROM tally_store.spool_skip;

-- how far behind: what a spool says holds until it is taken so far
SELECT tally.data_behind();
SELECT tally.spool_behind('00000000-0000-4000-8000-00000000000a', 5, '90 seconds');
SELECT tally.data_behind() BETWEEN '90 seconds' AND '95 seconds' AS waits;
SELECT tally.spool_progress('00000000-0000-4000-8000-00000000000c');
SELECT tally.spool_behind('00000000-0000-4000-8000-00000000000c', 1, '1 hour');
SELECT tally.data_behind() BETWEEN '1 hour' AND '1 hour 5 seconds' AS the_longest;
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000c', 1, 1, 'torn');
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 4, 4, 'torn');
SELECT tally.data_behind() BETWEEN '90 seconds' AND '95 seconds' AS waits_still;
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 5, 5, 'torn');
SELECT tally.data_behind();
-- a clock that was set back, a spool that nobody knows
SELECT tally.spool_behind('00000000-0000-4000-8000-00000000000a', 6, '-1 hour');
SELECT tally.data_behind() < '5 seconds' AS not_negative;
SELECT tally.spool_behind('00000000-0000-4000-8000-00000000000e', 6, '1 hour');
SELECT tally.data_behind() < '5 seconds' AS of_known_spools;
SELECT tally.spool_skip('00000000-0000-4000-8000-00000000000a', 6, 6, 'torn');
-- a store that 0.1 made
BEGIN;
ALTER TABLE tally_store.spool DROP COLUMN waiting_upto, DROP COLUMN waiting_since;
SAVEPOINT before;
\set VERBOSITY terse
SELECT tally.data_behind();
\set VERBOSITY default
ROLLBACK TO before;
SELECT tally.create_store();
SELECT tally.data_behind();
ROLLBACK;

-- DROP EXTENSION loses nothing, and CREATE EXTENSION finds it again
SELECT current_database() AS here \gset
CREATE DATABASE regress_tally_store TEMPLATE template0 ENCODING 'UTF8';
\c regress_tally_store
SET client_min_messages = warning;
CREATE EXTENSION tally;
SELECT tally.create_store();
SELECT project AS kept FROM tally.create_project('kept') \gset
DROP EXTENSION tally;
SELECT name FROM tally_store.project;
CREATE EXTENSION tally;
SELECT name, project = :'kept' AS same FROM tally.projects();
SELECT count(*) FROM tally.key_snapshot();
\c :here
DROP DATABASE regress_tally_store;

-- no store where text is not UTF8
CREATE DATABASE regress_tally_latin1
    TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
\c regress_tally_latin1
SET client_min_messages = warning;
CREATE EXTENSION tally;
SELECT tally.create_store();
\c :here
DROP DATABASE regress_tally_latin1;
