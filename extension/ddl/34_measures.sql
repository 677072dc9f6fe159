-- Two-step aggregates of numbers: variance, deviation, and all of them at once.
-- A null instant or value adds nothing, but the series is there, complete.
CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, smallint) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, int) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, bigint) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, real) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, double precision) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stddev_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stddev';
CREATE AGGREGATE tally.stddev(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.stddev_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stddev(tally.grid, timestamptz, numeric) IS
    'Series of the standard deviation (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, smallint) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, int) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, bigint) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, real) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, double precision) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.variance_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_variance';
CREATE AGGREGATE tally.variance(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.variance_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.variance(tally.grid, timestamptz, numeric) IS
    'Series of the variance (of a sample) of the values in each bucket.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, smallint) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, int) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, bigint) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, real) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, double precision) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.stats_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_stats';
CREATE AGGREGATE tally.stats(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.stats_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.stats(tally.grid, timestamptz, numeric) IS
    'Series of the mean of the values in each bucket, which tally.read() also reads as count, sum, min, max, stddev and variance.';

CREATE FUNCTION tally.read(series tally.series, what text)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_read';
COMMENT ON FUNCTION tally.read(tally.series, text) IS
    'Of a series of stats that of its count, sum, avg, min, max, stddev or variance.';
