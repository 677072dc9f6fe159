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
