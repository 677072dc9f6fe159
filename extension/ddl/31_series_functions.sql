-- Any table in, a dense series out.  Rights are the caller's.
-- "during" is a range of instants, of local days of tz, or words such as
-- 'this_7_days' (tally.timeframe).

CREATE FUNCTION tally.series(
    source regclass, axis name, every interval, during tstzrange,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series';

CREATE FUNCTION tally.series(
    source regclass, axis name, every interval, during daterange,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series';

CREATE FUNCTION tally.series(
    source regclass, axis name, every interval, during text,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series';
COMMENT ON FUNCTION tally.series(regclass, name, interval, tstzrange, text[], name[], text, timestamptz, int) IS
    'A dense series of a table: every bucket for every group. Columns: bucket, the group columns, the measures.';
COMMENT ON FUNCTION tally.series(regclass, name, interval, daterange, text[], name[], text, timestamptz, int) IS
    'A dense series of a table: every bucket for every group. Columns: bucket, the group columns, the measures.';
COMMENT ON FUNCTION tally.series(regclass, name, interval, text, text[], name[], text, timestamptz, int) IS
    'A dense series of a table: every bucket for every group. Columns: bucket, the group columns, the measures.';

CREATE FUNCTION tally.series_long(
    source regclass, axis name, every interval, during tstzrange,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS TABLE (
        bucket timestamptz, bucket_end timestamptz, keys jsonb, measure text,
        value double precision, is_filled bool, is_partial bool)
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series_long';

CREATE FUNCTION tally.series_long(
    source regclass, axis name, every interval, during daterange,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS TABLE (
        bucket timestamptz, bucket_end timestamptz, keys jsonb, measure text,
        value double precision, is_filled bool, is_partial bool)
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series_long';

CREATE FUNCTION tally.series_long(
    source regclass, axis name, every interval, during text,
    measures text[] DEFAULT '{count}', group_by name[] DEFAULT '{}',
    tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
    week_start int DEFAULT 1)
    RETURNS TABLE (
        bucket timestamptz, bucket_end timestamptz, keys jsonb, measure text,
        value double precision, is_filled bool, is_partial bool)
    LANGUAGE C STABLE PARALLEL UNSAFE
    COST 100000 ROWS 1000
    AS 'MODULE_PATHNAME', 'tally_series_long';
COMMENT ON FUNCTION tally.series_long(regclass, name, interval, tstzrange, text[], name[], text, timestamptz, int) IS
    'A dense series of a table in long form: one row a bucket, group and measure; keys are a JSON object; counts fill with 0, other measures with null.';
COMMENT ON FUNCTION tally.series_long(regclass, name, interval, daterange, text[], name[], text, timestamptz, int) IS
    'A dense series of a table in long form: one row a bucket, group and measure; keys are a JSON object; counts fill with 0, other measures with null.';
COMMENT ON FUNCTION tally.series_long(regclass, name, interval, text, text[], name[], text, timestamptz, int) IS
    'A dense series of a table in long form: one row a bucket, group and measure; keys are a JSON object; counts fill with 0, other measures with null.';
