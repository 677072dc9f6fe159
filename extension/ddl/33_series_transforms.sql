-- What is made of a tally.series: rows, filled or not.

-- Not STRICT: most arguments may be null. A null series has no rows.
CREATE FUNCTION tally.rows(series tally.series, fill text DEFAULT NULL,
        max_gap interval DEFAULT NULL, seed double precision DEFAULT NULL)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_rows_filled';
COMMENT ON FUNCTION tally.rows(tally.series, text, interval, double precision) IS
    'A row a bucket: its ends, its value, how many values fell into it, whether none did and yet a value stands there (is_filled), and whether the range cuts it. Where nothing fell, fill says what stands: null, zero, a number, previous, next or linear; without it 0 for a count and else null.';

-- A series of a series: what is returned can be stored, merged and so on.
CREATE FUNCTION tally.rebucket(series tally.series, grid tally.grid)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_rebucket';
COMMENT ON FUNCTION tally.rebucket(tally.series, tally.grid) IS
    'The series over another grid, whose boundaries must be among those of the series: exactly what its rows would give.';

-- Rows whose value is made of several buckets, or of a bucket and its length.
CREATE FUNCTION tally.cumulate(series tally.series)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_cumulate';
COMMENT ON FUNCTION tally.cumulate(tally.series) IS
    'A row a bucket: the measure of all rows from the start of the range to the end of the bucket, and their number.';

CREATE FUNCTION tally.moving(series tally.series, fn text, width int)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_moving';
COMMENT ON FUNCTION tally.moving(tally.series, text, int) IS
    'A row a bucket: sum, avg, min or max of the values of the bucket and the width - 1 before it (fewer at the start; nulls left out), or merge: the measure itself over all their rows.';

CREATE FUNCTION tally.rate(series tally.series, per interval DEFAULT '1 second')
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_rate';
COMMENT ON FUNCTION tally.rate(tally.series, interval) IS
    'A row a bucket: its count or sum for each unit of time, by the length of the bucket that is within the range.';

CREATE FUNCTION tally.shift(series tally.series, by interval)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_shift';
COMMENT ON FUNCTION tally.shift(tally.series, interval) IS
    'The series with its buckets and range moved by an interval, on the calendar of its zone.';

CREATE FUNCTION tally.json(series tally.series) RETURNS jsonb
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_json';
COMMENT ON FUNCTION tally.json(tally.series) IS
    'The series as {"start": [..], "end": [..], "values": [..], "n": [..]}, an element a bucket: instants on the clock of its zone, values exact.';
