-- Two-step aggregates of different values: how many, exactly or about, and which.
CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, smallint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value smallint) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, smallint) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, int) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, bigint)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value bigint) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, bigint) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, real)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value real) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, real) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, double precision)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value double precision) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, double precision) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, numeric)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value numeric) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, numeric) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, text)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value text) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, text) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, uuid)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value uuid) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, uuid) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, bool)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value bool) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, bool) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, date)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value date) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, date) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, timestamp)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value timestamp) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, timestamp) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, timestamptz)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value timestamptz) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, timestamptz) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, jsonb)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value jsonb) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, jsonb) IS
    'Series of how many different values there are in each bucket.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, smallint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value smallint, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, smallint, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, int, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value int, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, int, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, bigint, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value bigint, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, bigint, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, real, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value real, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, real, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, double precision, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value double precision, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, double precision, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, numeric, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value numeric, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, numeric, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, text, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value text, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, text, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, uuid, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value uuid, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, uuid, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, bool, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value bool, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, bool, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, date, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value date, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, date, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, timestamp, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value timestamp, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, timestamp, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, timestamptz, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value timestamptz, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, timestamptz, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';

CREATE FUNCTION tally.distinct_row(tally.series, tally.grid, timestamptz, jsonb, int)
    RETURNS tally.series
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_series_distinct';
CREATE AGGREGATE tally.distinct(grid tally.grid, at timestamptz, value jsonb, bits int) (
    SFUNC = tally.distinct_row,
    STYPE = tally.series,
    COMBINEFUNC = tally.series_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.distinct(tally.grid, timestamptz, jsonb, int) IS
    'Series of about how many different values there are in each bucket: a HyperLogLog of 4 to 16 bits.';
