-- Two-step aggregates of the first and the last value by time.
CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, smallint) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, int) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, bigint) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, real) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, double precision) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, numeric) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, text)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value text) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, text) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, uuid)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value uuid) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, uuid) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, bool)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value bool) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, bool) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, date)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value date) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, date) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, timestamp)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value timestamp) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, timestamp) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, timestamptz)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value timestamptz) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, timestamptz) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.first_row(tally.series, tally.grid, timestamptz, jsonb)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_first';
CREATE AGGREGATE tally.first(grid tally.grid, at timestamptz, value jsonb) (
    SFUNC = tally.first_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.first(tally.grid, timestamptz, jsonb) IS
    'Series of the value with the earliest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, smallint) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, int) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, bigint) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, real) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, double precision) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, numeric) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, text)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value text) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, text) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, uuid)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value uuid) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, uuid) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, bool)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value bool) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, bool) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, date)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value date) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, date) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, timestamp)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value timestamp) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, timestamp) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, timestamptz)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value timestamptz) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, timestamptz) IS
    'Series of the value with the latest instant in each bucket.';

CREATE FUNCTION tally.last_row(tally.series, tally.grid, timestamptz, jsonb)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_last';
CREATE AGGREGATE tally.last(grid tally.grid, at timestamptz, value jsonb) (
    SFUNC = tally.last_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.last(tally.grid, timestamptz, jsonb) IS
    'Series of the value with the latest instant in each bucket.';
