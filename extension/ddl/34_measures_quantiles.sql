-- Two-step aggregates of percentiles: exact, or a t-digest with a compression.
CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, smallint) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, int) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, bigint) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, real) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, double precision) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, numeric) IS
    'Series of the median of the values in each bucket, as percentile_cont(0.5).';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, smallint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value smallint, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, smallint, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, int, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value int, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, int, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, bigint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value bigint, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, bigint, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, real, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value real, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, real, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, double precision, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value double precision, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, double precision, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.median_row(tally.series, tally.grid, timestamptz, numeric, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_median';
CREATE AGGREGATE tally.median(grid tally.grid, at timestamptz, value numeric, compression int) (
    SFUNC = tally.median_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.median(tally.grid, timestamptz, numeric, int) IS
    'Series of about the median of the values in each bucket, as percentile_cont(0.5): a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, smallint) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, int) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, bigint) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, real) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, double precision) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, numeric) IS
    'Series of the median of the values in each bucket, which tally.percentile() also reads as any other percentile.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, smallint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value smallint, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, smallint, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, int, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value int, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, int, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, bigint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value bigint, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, bigint, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, real, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value real, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, real, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, double precision, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value double precision, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, double precision, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentiles_row(tally.series, tally.grid, timestamptz, numeric, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentiles';
CREATE AGGREGATE tally.percentiles(grid tally.grid, at timestamptz, value numeric, compression int) (
    SFUNC = tally.percentiles_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.percentiles(tally.grid, timestamptz, numeric, int) IS
    'Series of about the median of the values in each bucket, which tally.percentile() also reads as any other percentile: a t-digest with a compression of 20 to 1000.';

CREATE FUNCTION tally.percentile(series tally.series, p double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_percentile';
COMMENT ON FUNCTION tally.percentile(tally.series, double precision) IS
    'Of a series of percentiles that of another one, p from 0 to 1.';
