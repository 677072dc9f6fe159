-- What the event store is made of.  The upgrade from 0.1 runs this file, too:
-- hence OR REPLACE.

-- The tables are ordinary ones that use core types only and are no members of
-- the extension: pg_dump takes them, and DROP EXTENSION leaves them.  That is
-- why a function makes them, as its caller.
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
COMMENT ON FUNCTION tally.create_store() IS
    'Makes the event store in schema tally_store, owned by its caller; does nothing where it is there. DROP EXTENSION leaves it.';
