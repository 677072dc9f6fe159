-- The event store: where events are kept, and how they get in.
-- extension/store/README.md has the tables, the lock rules and the invariants.

CREATE FUNCTION tally.check_store(upto text DEFAULT 'version') RETURNS void
    LANGUAGE C STRICT VOLATILE
    AS 'MODULE_PATHNAME', 'tally_check_store';
COMMENT ON FUNCTION tally.check_store(text) IS
    'Raises an error unless this database has an event store whose owner may be trusted and which this version of Tally can use. Checks the schema, then the tables, then the version, up to the one named.';

CREATE FUNCTION tally.spool_progress(spool uuid) RETURNS bigint
    LANGUAGE plpgsql STRICT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    -- Two sessions may meet here over a new spool; one of them makes the row.
    INSERT INTO tally_store.spool AS s (spool) VALUES (spool_progress.spool)
        ON CONFLICT DO NOTHING;
    RETURN (SELECT s.taken FROM tally_store.spool s
            WHERE s.spool = spool_progress.spool);
END
$$;
COMMENT ON FUNCTION tally.spool_progress(uuid) IS
    'The last sequence number taken from a spool; 0, and registers it, when it is new.';

CREATE FUNCTION tally.ingest(
        spool uuid, first bigint, last bigint, frames bytea,
        check_ids boolean DEFAULT false, leave_out int[] DEFAULT NULL,
        OUT stored int, OUT duplicate int, OUT rejected int[])
    LANGUAGE C CALLED ON NULL INPUT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tally_ingest';
COMMENT ON FUNCTION tally.ingest(uuid, bigint, bigint, bytea, boolean, int[]) IS
    'Stores the events "first" to "last" of a spool, once. Bad ones come back by their place in "rejected"; those in "leave_out" are passed over.';

CREATE FUNCTION tally.spool_skip(spool uuid, first bigint, last bigint, reason text)
    RETURNS void
    LANGUAGE C CALLED ON NULL INPUT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tally_spool_skip';
COMMENT ON FUNCTION tally.spool_skip(uuid, bigint, bigint, text) IS
    'Passes over the events "first" to "last" of a spool, which cannot be read any more, and notes why.';
