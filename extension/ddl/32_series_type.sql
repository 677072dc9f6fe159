-- One series as a value: the two-step aggregates.
CREATE TYPE tally.series;

CREATE FUNCTION tally.series_in(cstring) RETURNS tally.series
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_in';
CREATE FUNCTION tally.series_out(tally.series) RETURNS cstring
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_out';
CREATE FUNCTION tally.series_recv(internal) RETURNS tally.series
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_recv';
CREATE FUNCTION tally.series_send(tally.series) RETURNS bytea
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_send';

CREATE TYPE tally.series (
    INPUT = tally.series_in,
    OUTPUT = tally.series_out,
    RECEIVE = tally.series_recv,
    SEND = tally.series_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE tally.series IS
    'The mergeable state of one dense series: store it, merge it, take rows or values out of it.';

CREATE FUNCTION tally.series_combine(tally.series, tally.series)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_combine';

CREATE AGGREGATE tally.merge(tally.series) (
    SFUNC = tally.series_combine,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.merge(tally.series) IS
    'Partial or stored series of the same grid and measure as one.';

-- Rows of any query into one series: aggregates over (grid, instant, value).
-- A null instant or value adds nothing, but the series is there, complete.
CREATE FUNCTION tally.count_row(tally.series, tally.grid, timestamptz)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_count';
CREATE AGGREGATE tally.count(grid tally.grid, at timestamptz) (
    SFUNC = tally.count_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.count(tally.grid, timestamptz) IS
    'Series of how many rows fall into each bucket of the grid.';

CREATE FUNCTION tally.sum_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_sum';
CREATE AGGREGATE tally.sum(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.sum_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sum(tally.grid, timestamptz, smallint) IS
    'Series of the sum of the values in each bucket of the grid.';

CREATE FUNCTION tally.sum_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_sum';
CREATE AGGREGATE tally.sum(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.sum_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sum(tally.grid, timestamptz, int) IS
    'Series of the sum of the values in each bucket of the grid.';

CREATE FUNCTION tally.sum_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_sum';
CREATE AGGREGATE tally.sum(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.sum_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sum(tally.grid, timestamptz, bigint) IS
    'Series of the sum of the values in each bucket of the grid.';

CREATE FUNCTION tally.sum_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_sum';
CREATE AGGREGATE tally.sum(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.sum_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sum(tally.grid, timestamptz, numeric) IS
    'Series of the sum of the values in each bucket of the grid.';

CREATE FUNCTION tally.sum_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_sum';
CREATE AGGREGATE tally.sum(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.sum_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.sum(tally.grid, timestamptz, double precision) IS
    'Series of the sum of the values in each bucket of the grid.';

CREATE FUNCTION tally.avg_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_avg';
CREATE AGGREGATE tally.avg(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.avg_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.avg(tally.grid, timestamptz, smallint) IS
    'Series of the mean of the values in each bucket of the grid.';

CREATE FUNCTION tally.avg_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_avg';
CREATE AGGREGATE tally.avg(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.avg_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.avg(tally.grid, timestamptz, int) IS
    'Series of the mean of the values in each bucket of the grid.';

CREATE FUNCTION tally.avg_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_avg';
CREATE AGGREGATE tally.avg(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.avg_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.avg(tally.grid, timestamptz, bigint) IS
    'Series of the mean of the values in each bucket of the grid.';

CREATE FUNCTION tally.avg_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_avg';
CREATE AGGREGATE tally.avg(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.avg_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.avg(tally.grid, timestamptz, numeric) IS
    'Series of the mean of the values in each bucket of the grid.';

CREATE FUNCTION tally.avg_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_avg';
CREATE AGGREGATE tally.avg(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.avg_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.avg(tally.grid, timestamptz, double precision) IS
    'Series of the mean of the values in each bucket of the grid.';

CREATE FUNCTION tally.min_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_min';
CREATE AGGREGATE tally.min(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.min_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.min(tally.grid, timestamptz, smallint) IS
    'Series of the least value in each bucket of the grid.';

CREATE FUNCTION tally.min_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_min';
CREATE AGGREGATE tally.min(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.min_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.min(tally.grid, timestamptz, int) IS
    'Series of the least value in each bucket of the grid.';

CREATE FUNCTION tally.min_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_min';
CREATE AGGREGATE tally.min(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.min_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.min(tally.grid, timestamptz, bigint) IS
    'Series of the least value in each bucket of the grid.';

CREATE FUNCTION tally.min_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_min';
CREATE AGGREGATE tally.min(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.min_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.min(tally.grid, timestamptz, numeric) IS
    'Series of the least value in each bucket of the grid.';

CREATE FUNCTION tally.min_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_min';
CREATE AGGREGATE tally.min(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.min_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.min(tally.grid, timestamptz, double precision) IS
    'Series of the least value in each bucket of the grid.';

CREATE FUNCTION tally.max_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_max';
CREATE AGGREGATE tally.max(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.max_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.max(tally.grid, timestamptz, smallint) IS
    'Series of the greatest value in each bucket of the grid.';

CREATE FUNCTION tally.max_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_max';
CREATE AGGREGATE tally.max(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.max_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.max(tally.grid, timestamptz, int) IS
    'Series of the greatest value in each bucket of the grid.';

CREATE FUNCTION tally.max_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_max';
CREATE AGGREGATE tally.max(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.max_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.max(tally.grid, timestamptz, bigint) IS
    'Series of the greatest value in each bucket of the grid.';

CREATE FUNCTION tally.max_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_max';
CREATE AGGREGATE tally.max(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.max_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.max(tally.grid, timestamptz, numeric) IS
    'Series of the greatest value in each bucket of the grid.';

CREATE FUNCTION tally.max_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_max';
CREATE AGGREGATE tally.max(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.max_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.max(tally.grid, timestamptz, double precision) IS
    'Series of the greatest value in each bucket of the grid.';

CREATE FUNCTION tally.values(series tally.series) RETURNS double precision[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_values';
COMMENT ON FUNCTION tally.values(tally.series) IS
    'The value of each bucket, in order: 0 for counts and null for other measures where nothing fell.';
