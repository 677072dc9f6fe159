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

-- What tally.series() runs takes one specification now: 38_collect.sql.
DROP AGGREGATE tally.collect(tally.grid, text, "any", VARIADIC "any");
DROP AGGREGATE tally.collect(tally.grid, text, "any");
DROP FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any",
                                VARIADIC "any");
DROP FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any");

-- 31_series_functions.sql, whose functions have more arguments now:
-- 36_series_layers.sql.
DO $do$
DECLARE
    name text;
    during text;
BEGIN
    FOREACH name IN ARRAY '{series,series_long}'::text[] LOOP
        FOREACH during IN ARRAY '{tstzrange,daterange,text}'::text[] LOOP
            EXECUTE format('DROP FUNCTION tally.%s(regclass, name, interval,'
                ' %s, text[], name[], text, timestamptz, int)', name, during);
        END LOOP;
    END LOOP;
END
$do$;
