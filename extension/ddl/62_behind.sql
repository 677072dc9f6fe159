-- How late events are: what spools say of those that wait, and who asks.
-- extension/store/README.md tells when it holds.

CREATE FUNCTION tally.spool_behind(spool uuid, upto bigint, behind interval) RETURNS void
    LANGUAGE plpgsql STRICT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    -- Not worth waiting for the disk; of this transaction, whose end is not the
    -- function's.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE tally_store.spool s
    SET waiting_upto = spool_behind.upto,
        waiting_since = clock_timestamp() - greatest(behind, interval '0')
    WHERE s.spool = spool_behind.spool;
END
$$;
COMMENT ON FUNCTION tally.spool_behind(uuid, bigint, interval) IS
    'Notes that events of a spool up to "upto" wait to be stored, the oldest of them for so long. It holds until they are stored.';

-- Asked once a second by every tally-read: it must not wait behind DDL.
CREATE FUNCTION tally.data_behind() RETURNS interval
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN greatest(interval '0', (
        SELECT clock_timestamp() - min(s.waiting_since) FROM tally_store.spool s
        WHERE s.taken < s.waiting_upto));
END
$$;
COMMENT ON FUNCTION tally.data_behind() IS
    'For how long the oldest event that was acknowledged and is not stored yet has been waiting; 0 when none waits for more than a second. As the spools have said: one that cannot reach the database says nothing.';

REVOKE ALL ON FUNCTION
    tally.spool_behind(uuid, bigint, interval),
    tally.data_behind()
    FROM PUBLIC;
