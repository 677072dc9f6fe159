-- Who may execute what.  The functions that compute a series on a user's own
-- tables run with that user's rights and stay open to all.  Those that touch
-- the event store, its tenants or their keys are for roles that are granted
-- them (deploy/roles.sql): nobody is here.

GRANT USAGE ON SCHEMA tally TO PUBLIC;

-- Every SECURITY DEFINER function, so that a new one cannot be forgotten ...
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'tally'::regnamespace AND p.prosecdef
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END
$$;

-- ... and what they are made of.
REVOKE ALL ON FUNCTION
    tally.check_store(text),
    tally.create_store(),
    tally.random_hex(int),
    tally.key_hash(text)
FROM PUBLIC;
