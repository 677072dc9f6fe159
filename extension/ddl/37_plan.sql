-- What a series would cost, and what the planner is told of our functions.

-- The arguments of tally.series() and tally.series_query(), in every form.
DO $do$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments,
            pg_get_function_identity_arguments(p.oid) AS identity
        FROM pg_proc p
        WHERE p.pronamespace = 'tally'::regnamespace AND p.proname IN ('series', 'series_query')
          AND p.pronargs > 9
    LOOP
        EXECUTE format(
            'CREATE FUNCTION tally.%s_plan(%s) RETURNS TABLE (buckets bigint,'
            ' est_groups bigint, est_cells bigint, est_rows_read bigint,'
            ' est_bytes bigint, est_cost double precision, verdict text,'
            ' sql text) LANGUAGE C STABLE PARALLEL UNSAFE COST 1000 ROWS 1'
            ' AS ''MODULE_PATHNAME'', %L',
            f.proname, f.arguments, 'tally_' || f.proname || '_plan');
        EXECUTE format('COMMENT ON FUNCTION tally.%s_plan(%s) IS %L',
            f.proname, f.identity,
            format('What tally.%s() with these arguments would cost, estimated without running it, and whether it would be refused; sql is what it would run, for EXPLAIN.', f.proname));
    END LOOP;
END
$do$;

CREATE FUNCTION tally.series_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_series_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.series_long_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_series_long_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.series_buckets_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_series_buckets_support'
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
                 WHEN p.proname LIKE 'series%json%' THEN 'series_buckets_support'
                 ELSE 'series_support' END AS support
        FROM pg_proc p
        WHERE p.pronamespace = 'tally'::regnamespace
          AND (p.proretset AND p.proargtypes[0] = 'tally.series'::regtype
               OR p.proname IN ('series', 'series_long', 'series_json', 'series_json_rows', 'series_query',
                                'series_query_long', 'series_query_json', 'series_query_json_rows')
                  AND p.pronargs > 9)
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
