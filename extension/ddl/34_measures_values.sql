-- Two-step aggregates of all different values.
CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, smallint) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, int) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, bigint) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, real) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, double precision) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, numeric) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, text)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value text) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, text) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, uuid)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value uuid) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, uuid) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, bool)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value bool) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, bool) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, date)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value date) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, date) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, timestamp)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value timestamp) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, timestamp) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, timestamptz)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value timestamptz) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, timestamptz) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';

CREATE FUNCTION tally.values_row(tally.series, tally.grid, timestamptz, jsonb)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_collect_values';
CREATE AGGREGATE tally.values(grid tally.grid, at timestamptz, value jsonb) (
    SFUNC = tally.values_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.values(tally.grid, timestamptz, jsonb) IS
    'Series of all different values in each bucket, in order; read it with tally.json().';
