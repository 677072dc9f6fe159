-- What is made of a tally.series, since 0.2.

-- Not STRICT: without a mode the fill is taken away.
CREATE FUNCTION tally.fill(series tally.series, mode text,
        max_gap interval DEFAULT NULL, seed double precision DEFAULT NULL)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_fill';
COMMENT ON FUNCTION tally.fill(tally.series, text, interval, double precision) IS
    'The series with a rule of what stands where nothing fell, applied when it is read: null, zero, a number, previous, next or linear; NULL: none. Its states stay as they are.';
