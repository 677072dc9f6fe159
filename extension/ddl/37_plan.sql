-- What the planner is told of our functions.

CREATE FUNCTION tally.series_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_series_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.series_long_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_series_long_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.rows_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_rows_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- How many rows they give, and at what cost: whatever their argument lists.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure AS name,
            CASE WHEN p.proargtypes[0] = 'tally.series'::regtype THEN 'rows_support'
                 WHEN p.proname LIKE 'series%long' THEN 'series_long_support'
                 ELSE 'series_support' END AS support
        FROM pg_proc p
        WHERE p.pronamespace = 'tally'::regnamespace AND p.proretset
          AND (p.proargtypes[0] = 'tally.series'::regtype
               OR p.proname IN ('series', 'series_long', 'series_query', 'series_query_long'))
    LOOP
        EXECUTE format('ALTER FUNCTION %s SUPPORT tally.%I', f.name, f.support);
    END LOOP;
END
$$;

-- grid @> t where the grid is a subselect.
CREATE FUNCTION tally.contains_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_contains_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
ALTER FUNCTION tally.contains(tally.grid, timestamptz) SUPPORT tally.contains_support;
ALTER FUNCTION tally.contains(tally.grid, timestamp) SUPPORT tally.contains_support;
ALTER FUNCTION tally.contains(tally.grid, date) SUPPORT tally.contains_support;
