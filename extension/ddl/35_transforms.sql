-- What is made of a tally.series, since 0.2.

-- Not STRICT: without a mode the fill is taken away.
CREATE FUNCTION tally.fill(series tally.series, mode text,
        max_gap interval DEFAULT NULL, seed double precision DEFAULT NULL)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_fill';
COMMENT ON FUNCTION tally.fill(tally.series, text, interval, double precision) IS
    'The series with a rule of what stands where nothing fell, applied when it is read: null, zero, a number, previous, next or linear; NULL: none. Its states stay as they are.';

-- Two periods side by side. COST 10: see tally.grid().
CREATE FUNCTION tally.earlier(grid tally.grid, by interval DEFAULT NULL)
    RETURNS tally.grid
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'tally_grid_earlier_sql';
COMMENT ON FUNCTION tally.earlier(tally.grid, interval) IS
    'The grid of an earlier period, to compare with: by an interval earlier on the calendar of the zone, such as 1 year; without one as many buckets, right before.';

-- Not STRICT: there may be no earlier series, and no interval.
CREATE FUNCTION tally.compare(series tally.series, earlier tally.series,
        by interval DEFAULT NULL)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool,
        earlier_bucket timestamptz, earlier_bucket_end timestamptz,
        earlier_value double precision, earlier_n bigint,
        change double precision, ratio double precision)
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_compare';
COMMENT ON FUNCTION tally.compare(tally.series, tally.series, interval) IS
    'A row a bucket of the series, beside a bucket of the earlier one: the one that starts by an interval earlier, or without one that of the same number; value - earlier_value, and value / earlier_value.';
