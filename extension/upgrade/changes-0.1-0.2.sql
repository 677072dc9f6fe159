-- What changed in the topic files that 0.1 had; the files that are new in 0.2
-- follow it in the upgrade script.

-- 33_series_transforms.sql: fill null is null for counts too, and no fill is
-- the default; constants.
CREATE OR REPLACE FUNCTION tally.rows(series tally.series, fill text DEFAULT NULL,
        max_gap interval DEFAULT NULL, seed double precision DEFAULT NULL)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_rows_filled';
COMMENT ON FUNCTION tally.rows(tally.series, text, interval, double precision) IS
    'A row a bucket: its ends, its value, how many values fell into it, whether none did and yet a value stands there (is_filled), and whether the range cuts it. Where nothing fell, fill says what stands: null, zero, a number, previous, next or linear; without it 0 for a count and else null.';

-- 31_series_functions.sql, whose functions have more arguments now:
-- 36_series_layers.sql.  What a user made of the old ones would be in the way,
-- and CASCADE would take it: so it is named first.
DO $do$
DECLARE
    name text;
    during text;
    users text;
BEGIN
    SELECT string_agg(DISTINCT pg_catalog.pg_describe_object(
            coalesce(CASE WHEN r.oid IS NOT NULL
                THEN 'pg_catalog.pg_class'::pg_catalog.regclass END, d.classid),
            coalesce(r.ev_class, d.objid), 0), ', ')
    INTO users
    FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
            AND p.pronamespace = 'tally'::pg_catalog.regnamespace
            AND p.proname IN ('series', 'series_long', 'collect', 'collect_row')
        LEFT JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
            AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        LEFT JOIN pg_catalog.pg_depend e ON (e.classid, e.objid) = (d.classid, d.objid)
            AND e.deptype = 'e'
    WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        AND d.deptype = 'n' AND e.objid IS NULL;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = 'tally.series() and tally.series_long() have new arguments, but are in use',
            DETAIL = 'They are used by: ' || users || '.',
            HINT = 'Keep the definitions (pg_get_viewdef), drop these, ALTER EXTENSION tally UPDATE, then make them again as they were.';
    END IF;
    FOREACH name IN ARRAY '{series,series_long}'::text[] LOOP
        FOREACH during IN ARRAY '{tstzrange,daterange,text}'::text[] LOOP
            EXECUTE format('DROP FUNCTION tally.%s(regclass, name, interval,'
                ' %s, text[], name[], text, timestamptz, int)', name, during);
        END LOOP;
    END LOOP;
END
$do$;

-- What tally.series() runs takes one specification now: 38_collect.sql.
DROP AGGREGATE tally.collect(tally.grid, text, "any", VARIADIC "any");
DROP AGGREGATE tally.collect(tally.grid, text, "any");
DROP FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any",
                                VARIADIC "any");
DROP FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any");

-- 60_store.sql: spools say how far behind they are (62_behind.sql).
-- tally.create_store(), which deploy/roles.sql calls, adds the columns to a store
-- that has none.
CREATE OR REPLACE FUNCTION tally.create_store() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    found_version int;
    store_owner name;
    other name;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tally.create_store', 0));

    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('an event store needs a database encoded in UTF8, this one is in %s',
                             getdatabaseencoding()),
            HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;

    -- Not CREATE SCHEMA IF NOT EXISTS: that asks for the right to make one
    -- even where it is there.
    IF to_regnamespace('tally_store') IS NULL THEN
        CREATE SCHEMA tally_store;
    END IF;
    -- Nothing is made in a schema, and nothing written to a table, before it
    -- is known whose it is.
    PERFORM tally.check_store('schema');
    COMMENT ON SCHEMA tally_store IS
        'Events and what belongs to them. Made by tally.create_store(); not part of the extension.';

    CREATE TABLE IF NOT EXISTS tally_store.version (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        version int NOT NULL
    );
    COMMENT ON TABLE tally_store.version IS
        'One row: the version of these tables, for tally.create_store() to upgrade them by.';

    CREATE TABLE IF NOT EXISTS tally_store.project (
        project_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE CHECK (id ~ '^[0-9a-f]{24}$'),
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE tally_store.project IS
        'A tenant. "id" is the one that clients use.';

    CREATE TABLE IF NOT EXISTS tally_store.key (
        key_hash bytea PRIMARY KEY CHECK (length(key_hash) = 32),
        project_id int NOT NULL REFERENCES tally_store.project,
        scope text NOT NULL CHECK (scope IN ('master', 'write', 'read')),
        name text,
        created_at timestamptz NOT NULL DEFAULT now(),
        revoked_at timestamptz
    );
    CREATE INDEX IF NOT EXISTS key_project_id_idx
        ON tally_store.key (project_id);
    COMMENT ON TABLE tally_store.key IS
        'Keys of projects, as their SHA-256 only: nobody can read a key here.';

    CREATE TABLE IF NOT EXISTS tally_store.collection (
        collection_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        project_id int NOT NULL REFERENCES tally_store.project,
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (project_id, name)
    );
    COMMENT ON TABLE tally_store.collection IS
        'The collections of a project; the first event of each makes it.';

    -- One hot row a spool, updated once a batch: the room in the page keeps
    -- its versions there (HOT), and no index but the key's is touched.
    CREATE TABLE IF NOT EXISTS tally_store.spool (
        spool uuid PRIMARY KEY,
        taken bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
        registered_at timestamptz NOT NULL DEFAULT now(),
        taken_at timestamptz,
        waiting_upto bigint,
        waiting_since timestamptz
    ) WITH (fillfactor = 10);
    -- A store made by 0.1 has no column for it.
    IF NOT EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = 'tally_store.spool'::regclass
                       AND a.attname = 'waiting_since') THEN
        ALTER TABLE tally_store.spool
            ADD COLUMN waiting_upto bigint, ADD COLUMN waiting_since timestamptz;
    END IF;
    COMMENT ON TABLE tally_store.spool IS
        'How far each spool has been taken: every sequence number up to "taken" is stored, was rejected, or is in spool_skip. While that is less than "waiting_upto", events have been waiting in the spool since "waiting_since".';

    CREATE TABLE IF NOT EXISTS tally_store.spool_skip (
        spool uuid NOT NULL,
        first bigint NOT NULL,
        last bigint NOT NULL,
        reason text NOT NULL,
        skipped_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (spool, first),
        CHECK (first <= last)
    );
    COMMENT ON TABLE tally_store.spool_skip IS
        'Sequence numbers that could not be read from their spool, and why.';

    -- No foreign key: its trigger would cost more than the rest of an insert.
    -- tally.ingest() takes the number from the collection's row itself.
    CREATE TABLE IF NOT EXISTS tally_store.event (
        collection_id int NOT NULL,
        at timestamptz NOT NULL,
        id uuid,
        received_at timestamptz NOT NULL,
        properties jsonb NOT NULL
    );
    CREATE INDEX IF NOT EXISTS event_at_idx
        ON tally_store.event USING brin (at)
        WITH (pages_per_range = 32, autosummarize = on);
    CREATE UNIQUE INDEX IF NOT EXISTS event_id_idx
        ON tally_store.event (collection_id, id) WHERE id IS NOT NULL;
    COMMENT ON TABLE tally_store.event IS
        'Events as they were sent. "id" is null unless the client sent a token that makes the event unique.';

    PERFORM tally.check_store('tables');

    INSERT INTO tally_store.version (version) VALUES (1)
        ON CONFLICT DO NOTHING;
    SELECT v.version INTO STRICT found_version FROM tally_store.version v;
    IF found_version > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the event store has version %s, this version of Tally knows versions up to 1',
                             found_version),
            HINT = 'Install the newer version of Tally and run ALTER EXTENSION tally UPDATE.';
    END IF;

    -- A superuser may have repaired the store of somebody else.
    SELECT pg_get_userbyid(n.nspowner) INTO STRICT store_owner
    FROM pg_namespace n WHERE n.nspname = 'tally_store';
    FOR other IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'tally_store'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND pg_get_userbyid(c.relowner) <> store_owner
        ORDER BY 1
    LOOP
        EXECUTE format('ALTER TABLE tally_store.%I OWNER TO %I', other, store_owner);
    END LOOP;
END
$$;
