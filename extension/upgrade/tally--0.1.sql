-- Complain if this is fed to psql rather than run by CREATE EXTENSION.
\echo Use "CREATE EXTENSION tally" to load this file. \quit

CREATE FUNCTION tally.contract_version() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1;
COMMENT ON FUNCTION tally.contract_version() IS
    'Version of what the responders and the extension agree on (contract.h).';
-- Grids, their buckets, and words for ranges of time.

CREATE TYPE tally.grid;

CREATE FUNCTION tally.grid_in(cstring) RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_in'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_out(tally.grid) RETURNS cstring
    AS 'MODULE_PATHNAME', 'tally_grid_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_recv(internal) RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_recv'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_send(tally.grid) RETURNS bytea
    AS 'MODULE_PATHNAME', 'tally_grid_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- STORAGE external: never compressed, so that the header of a large grid can
-- be read without the rest.
CREATE TYPE tally.grid (
    INPUT = tally.grid_in,
    OUTPUT = tally.grid_out,
    RECEIVE = tally.grid_recv,
    SEND = tally.grid_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = external
);
COMMENT ON TYPE tally.grid IS
    'The buckets of a time series: boundaries resolved in a time zone, and the range that was asked for.';

-- Making one.  With a zone and a range nothing depends on the session, so the
-- call is IMMUTABLE and becomes a constant of the plan; without a zone, or
-- with words for the range, it is STABLE.  Not STRICT: origin may be null.
-- Those without a zone have their options in another order, since otherwise
-- grid('1 day', .., 'UTC', '2025-01-31 00:00Z') could be either; name them.
-- COST 10 is the most that still lets "grid @> t" be inlined (see there) when
-- the grid is such a call and not a constant.

CREATE FUNCTION tally.grid(every interval, during tstzrange, tz text,
        origin timestamptz DEFAULT NULL, week_start int DEFAULT 1)
    RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_of_instants'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION tally.grid(every interval, during tstzrange,
        week_start int DEFAULT 1, origin timestamptz DEFAULT NULL)
    RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_of_instants'
    LANGUAGE C STABLE PARALLEL SAFE COST 10;
CREATE FUNCTION tally.grid(every interval, during daterange, tz text,
        origin timestamptz DEFAULT NULL, week_start int DEFAULT 1)
    RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_of_dates'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION tally.grid(every interval, during daterange,
        week_start int DEFAULT 1, origin timestamptz DEFAULT NULL)
    RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_of_dates'
    LANGUAGE C STABLE PARALLEL SAFE COST 10;
CREATE FUNCTION tally.grid(every interval, during text,
        tz text DEFAULT NULL, origin timestamptz DEFAULT NULL,
        week_start int DEFAULT 1)
    RETURNS tally.grid
    AS 'MODULE_PATHNAME', 'tally_grid_of_text'
    LANGUAGE C STABLE PARALLEL SAFE COST 10;

COMMENT ON FUNCTION tally.grid(interval, tstzrange, text, timestamptz, int) IS
    'Buckets of a step (months, days or time) over a range of instants, on the calendar of time zone tz. week_start: 1 Monday to 7 Sunday.';
COMMENT ON FUNCTION tally.grid(interval, tstzrange, int, timestamptz) IS
    'Buckets of a step (months, days or time) over a range of instants, on the calendar of the session''s time zone.';
COMMENT ON FUNCTION tally.grid(interval, daterange, text, timestamptz, int) IS
    'Buckets of a step (months, days or time) over local days of time zone tz. week_start: 1 Monday to 7 Sunday.';
COMMENT ON FUNCTION tally.grid(interval, daterange, int, timestamptz) IS
    'Buckets of a step (months, days or time) over local days of the session''s time zone.';
COMMENT ON FUNCTION tally.grid(interval, text, text, timestamptz, int) IS
    'Buckets of a step over words like this_7_days (counted from now()) or a range like [2025-03-01,2025-04-01) on the clock of time zone tz (null: the session''s).';

CREATE FUNCTION tally.timeframe(spec text, tz text DEFAULT NULL,
        at timestamptz DEFAULT now(), week_start int DEFAULT 7)
    RETURNS tstzrange
    AS 'MODULE_PATHNAME', 'tally_timeframe'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION tally.timeframe(text, text, timestamptz, int) IS
    'The range [from, until) that words like this_7_days, previous_3_months or yesterday mean at an instant, on the calendar of time zone tz (null: the session''s). week_start: 1 Monday to 7 Sunday.';

-- Asking one.

CREATE FUNCTION tally.lower(grid tally.grid) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'tally_grid_lower'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.lower(tally.grid) IS
    'Start of the range that was asked for; the first bucket may start before it.';

CREATE FUNCTION tally.upper(grid tally.grid) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'tally_grid_upper'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.upper(tally.grid) IS
    'End (not included) of the range that was asked for; the last bucket may end after it.';

CREATE FUNCTION tally.zone(grid tally.grid) RETURNS text
    AS 'MODULE_PATHNAME', 'tally_grid_zone_sql'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.zone(tally.grid) IS
    'Name of the time zone whose calendar the grid follows.';

CREATE FUNCTION tally.local(grid tally.grid, t timestamptz) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'tally_grid_local'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.local(tally.grid, timestamptz) IS
    'What the local clock of the grid''s zone shows at an instant.';

CREATE FUNCTION tally.instant(grid tally.grid, t timestamp) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'tally_grid_instant'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.instant(tally.grid, timestamp) IS
    'The first instant at which the local clock of the grid''s zone shows a time or a later one.';

CREATE FUNCTION tally.bucket(grid tally.grid, t timestamptz)
    RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'tally_bucket'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tally.bucket(tally.grid, timestamptz) IS
    'Start of the bucket that an instant is in; null outside of the grid''s range.';

CREATE FUNCTION tally.buckets_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'tally_buckets_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION tally.buckets(grid tally.grid)
    RETURNS TABLE (n int, bucket timestamptz, bucket_end timestamptz,
        partial bool)
    AS 'MODULE_PATHNAME', 'tally_buckets'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 100 SUPPORT tally.buckets_support;
COMMENT ON FUNCTION tally.buckets(tally.grid) IS
    'Every bucket in order, numbered from 0: [bucket, bucket_end). partial: reaches outside of the range that was asked for.';

-- grid @> time.  SQL functions that the planner inlines: it then sees two
-- comparisons, uses indexes, prunes partitions and estimates rows.  STRICT or
-- SET would stop that.  The zone of the grid, never that of the session,
-- gives times and dates without one their meaning (and not by AT TIME ZONE,
-- which takes the names of some zones, like CET, for abbreviations).

CREATE FUNCTION tally.contains(grid tally.grid, t timestamptz) RETURNS bool
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN t >= tally.lower(grid) AND t < tally.upper(grid);
COMMENT ON FUNCTION tally.contains(tally.grid, timestamptz) IS
    'Is the instant in the range of the grid?';

CREATE FUNCTION tally.contains(grid tally.grid, t timestamp) RETURNS bool
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN t >= tally.local(grid, tally.lower(grid))
        AND t < tally.local(grid, tally.upper(grid));
COMMENT ON FUNCTION tally.contains(tally.grid, timestamp) IS
    'Is the local time, on the clock of the grid''s zone, in the range of the grid?';

CREATE FUNCTION tally.contains(grid tally.grid, t date) RETURNS bool
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN t >= tally.local(grid, tally.lower(grid))
        AND t < tally.local(grid, tally.upper(grid));
COMMENT ON FUNCTION tally.contains(tally.grid, date) IS
    'Does the local day, in the grid''s zone, start in the range of the grid?';

CREATE OPERATOR tally.@> (
    LEFTARG = tally.grid, RIGHTARG = timestamptz, FUNCTION = tally.contains
);
CREATE OPERATOR tally.@> (
    LEFTARG = tally.grid, RIGHTARG = timestamp, FUNCTION = tally.contains
);
CREATE OPERATOR tally.@> (
    LEFTARG = tally.grid, RIGHTARG = date, FUNCTION = tally.contains
);
COMMENT ON OPERATOR tally.@> (tally.grid, timestamptz) IS
    'is the instant in the range of the grid?';
COMMENT ON OPERATOR tally.@> (tally.grid, timestamp) IS
    'is the local time in the range of the grid?';
COMMENT ON OPERATOR tally.@> (tally.grid, date) IS
    'does the local day start in the range of the grid?';

-- Equality and an order, for DISTINCT, GROUP BY and joins.

CREATE FUNCTION tally.grid_cmp(tally.grid, tally.grid) RETURNS int
    AS 'MODULE_PATHNAME', 'tally_grid_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_eq(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_ne(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_lt(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_le(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_gt(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_ge(tally.grid, tally.grid) RETURNS bool
    AS 'MODULE_PATHNAME', 'tally_grid_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_hash(tally.grid) RETURNS int
    AS 'MODULE_PATHNAME', 'tally_grid_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION tally.grid_hash_extended(tally.grid, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'tally_grid_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR tally.= (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_eq,
    COMMUTATOR = OPERATOR(tally.=), NEGATOR = OPERATOR(tally.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR tally.<> (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_ne,
    COMMUTATOR = OPERATOR(tally.<>), NEGATOR = OPERATOR(tally.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR tally.< (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_lt,
    COMMUTATOR = OPERATOR(tally.>), NEGATOR = OPERATOR(tally.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR tally.<= (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_le,
    COMMUTATOR = OPERATOR(tally.>=), NEGATOR = OPERATOR(tally.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR tally.> (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_gt,
    COMMUTATOR = OPERATOR(tally.<), NEGATOR = OPERATOR(tally.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR tally.>= (
    LEFTARG = tally.grid, RIGHTARG = tally.grid, FUNCTION = tally.grid_ge,
    COMMUTATOR = OPERATOR(tally.<=), NEGATOR = OPERATOR(tally.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);

CREATE OPERATOR CLASS tally.grid_ops DEFAULT FOR TYPE tally.grid USING btree AS
    OPERATOR 1 tally.<, OPERATOR 2 tally.<=, OPERATOR 3 tally.=,
    OPERATOR 4 tally.>=, OPERATOR 5 tally.>,
    FUNCTION 1 tally.grid_cmp(tally.grid, tally.grid);
CREATE OPERATOR CLASS tally.grid_hash_ops DEFAULT FOR TYPE tally.grid USING hash AS
    OPERATOR 1 tally.=,
    FUNCTION 1 tally.grid_hash(tally.grid),
    FUNCTION 2 tally.grid_hash_extended(tally.grid, bigint);
-- Panels: the dense state of many groups over one grid.
CREATE TYPE tally.panel;

CREATE FUNCTION tally.panel_in(cstring) RETURNS tally.panel
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_in';
CREATE FUNCTION tally.panel_out(tally.panel) RETURNS cstring
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_out';
CREATE FUNCTION tally.panel_recv(internal) RETURNS tally.panel
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_recv';
CREATE FUNCTION tally.panel_send(tally.panel) RETURNS bytea
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_send';

CREATE TYPE tally.panel (
    INPUT = tally.panel_in,
    OUTPUT = tally.panel_out,
    RECEIVE = tally.panel_recv,
    SEND = tally.panel_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE tally.panel IS
    'The mergeable state of a dense series of many groups. Its text and binary forms can be read by any server.';

-- What aggregates over panels are made of.
CREATE FUNCTION tally.panel_combine(tally.panel, tally.panel)
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_combine';
CREATE FUNCTION tally.panel_hand_over(tally.panel) RETURNS bool
    LANGUAGE C VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_panel_hand_over';

CREATE FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any",
                                  VARIADIC "any")
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect';
CREATE FUNCTION tally.collect_row(tally.panel, tally.grid, text, "any")
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect';

CREATE AGGREGATE tally.collect(tally.grid, text, "any", VARIADIC "any") (
    SFUNC = tally.collect_row,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
CREATE AGGREGATE tally.collect(tally.grid, text, "any") (
    SFUNC = tally.collect_row,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.collect(tally.grid, text, "any", "any") IS
    'Internal: what tally.series() runs. Call tally.series() instead.';
COMMENT ON AGGREGATE tally.collect(tally.grid, text, "any") IS
    'Internal: what tally.series() runs. Call tally.series() instead.';
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
-- What is made of a tally.series: rows, filled or not.

-- Not STRICT: most arguments may be null. A null series has no rows.
CREATE FUNCTION tally.rows(series tally.series, fill text DEFAULT 'null',
        max_gap interval DEFAULT NULL, seed double precision DEFAULT NULL)
    RETURNS TABLE (bucket timestamptz, bucket_end timestamptz,
        value double precision, n bigint, is_filled bool, is_partial bool)
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    ROWS 100
    AS 'MODULE_PATHNAME', 'tally_series_rows';
COMMENT ON FUNCTION tally.rows(tally.series, text, interval, double precision) IS
    'A row a bucket: its ends, its value, how many values fell into it (0: is_filled), and whether the range cuts it. Where nothing fell, fill says what stands: null (but 0 for counts), zero, previous, next or linear.';

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
-- Filters: conditions on JSON properties as HTTP clients write them.

CREATE FUNCTION tally.matches(
        filters jsonb,
        properties jsonb,
        at timestamptz DEFAULT NULL,
        received_at timestamptz DEFAULT NULL,
        id uuid DEFAULT NULL)
    RETURNS bool
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_matches';
COMMENT ON FUNCTION tally.matches(jsonb, jsonb, timestamptz, timestamptz, uuid) IS
    'Does an event with these properties satisfy this list of filters?';
-- The event store: where events are kept, and how they get in.
-- extension/store/README.md has the tables, the lock rules and the invariants.

CREATE FUNCTION tally.check_store(upto text DEFAULT 'version') RETURNS void
    LANGUAGE C STRICT VOLATILE
    AS 'MODULE_PATHNAME', 'tally_check_store';
COMMENT ON FUNCTION tally.check_store(text) IS
    'Raises an error unless this database has an event store whose owner may be trusted and which this version of Tally can use. Checks the schema, then the tables, then the version, up to the one named.';

-- The tables are ordinary ones that use core types only and are no members of
-- the extension: pg_dump takes them, and DROP EXTENSION leaves them.  That is
-- why a function makes them, as its caller.
CREATE FUNCTION tally.create_store() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    found_version int;
    store_owner name;
    other name;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tally.create_store', 0));

    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('an event store needs a database encoded in UTF8, this one is in %s',
                             getdatabaseencoding()),
            HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;

    -- Not CREATE SCHEMA IF NOT EXISTS: that asks for the right to make one
    -- even where it is there.
    IF to_regnamespace('tally_store') IS NULL THEN
        CREATE SCHEMA tally_store;
    END IF;
    -- Nothing is made in a schema, and nothing written to a table, before it
    -- is known whose it is.
    PERFORM tally.check_store('schema');
    COMMENT ON SCHEMA tally_store IS
        'Events and what belongs to them. Made by tally.create_store(); not part of the extension.';

    CREATE TABLE IF NOT EXISTS tally_store.version (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        version int NOT NULL
    );
    COMMENT ON TABLE tally_store.version IS
        'One row: the version of these tables, for tally.create_store() to upgrade them by.';

    CREATE TABLE IF NOT EXISTS tally_store.project (
        project_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE CHECK (id ~ '^[0-9a-f]{24}$'),
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE tally_store.project IS
        'A tenant. "id" is the one that clients use.';

    CREATE TABLE IF NOT EXISTS tally_store.key (
        key_hash bytea PRIMARY KEY CHECK (length(key_hash) = 32),
        project_id int NOT NULL REFERENCES tally_store.project,
        scope text NOT NULL CHECK (scope IN ('master', 'write', 'read')),
        name text,
        created_at timestamptz NOT NULL DEFAULT now(),
        revoked_at timestamptz
    );
    CREATE INDEX IF NOT EXISTS key_project_id_idx
        ON tally_store.key (project_id);
    COMMENT ON TABLE tally_store.key IS
        'Keys of projects, as their SHA-256 only: nobody can read a key here.';

    CREATE TABLE IF NOT EXISTS tally_store.collection (
        collection_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        project_id int NOT NULL REFERENCES tally_store.project,
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (project_id, name)
    );
    COMMENT ON TABLE tally_store.collection IS
        'The collections of a project; the first event of each makes it.';

    -- One hot row a spool, updated once a batch: the room in the page keeps
    -- its versions there (HOT), and no index but the key's is touched.
    CREATE TABLE IF NOT EXISTS tally_store.spool (
        spool uuid PRIMARY KEY,
        taken bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
        registered_at timestamptz NOT NULL DEFAULT now(),
        taken_at timestamptz
    ) WITH (fillfactor = 10);
    COMMENT ON TABLE tally_store.spool IS
        'How far each spool has been taken: every sequence number up to "taken" is stored, was rejected, or is in spool_skip.';

    CREATE TABLE IF NOT EXISTS tally_store.spool_skip (
        spool uuid NOT NULL,
        first bigint NOT NULL,
        last bigint NOT NULL,
        reason text NOT NULL,
        skipped_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (spool, first),
        CHECK (first <= last)
    );
    COMMENT ON TABLE tally_store.spool_skip IS
        'Sequence numbers that could not be read from their spool, and why.';

    -- No foreign key: its trigger would cost more than the rest of an insert.
    -- tally.ingest() takes the number from the collection's row itself.
    CREATE TABLE IF NOT EXISTS tally_store.event (
        collection_id int NOT NULL,
        at timestamptz NOT NULL,
        id uuid,
        received_at timestamptz NOT NULL,
        properties jsonb NOT NULL
    );
    CREATE INDEX IF NOT EXISTS event_at_idx
        ON tally_store.event USING brin (at)
        WITH (pages_per_range = 32, autosummarize = on);
    CREATE UNIQUE INDEX IF NOT EXISTS event_id_idx
        ON tally_store.event (collection_id, id) WHERE id IS NOT NULL;
    COMMENT ON TABLE tally_store.event IS
        'Events as they were sent. "id" is null unless the client sent a token that makes the event unique.';

    PERFORM tally.check_store('tables');

    INSERT INTO tally_store.version (version) VALUES (1)
        ON CONFLICT DO NOTHING;
    SELECT v.version INTO STRICT found_version FROM tally_store.version v;
    IF found_version > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the event store has version %s, this version of Tally knows versions up to 1',
                             found_version),
            HINT = 'Install the newer version of Tally and run ALTER EXTENSION tally UPDATE.';
    END IF;

    -- A superuser may have repaired the store of somebody else.
    SELECT pg_get_userbyid(n.nspowner) INTO STRICT store_owner
    FROM pg_namespace n WHERE n.nspname = 'tally_store';
    FOR other IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'tally_store'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND pg_get_userbyid(c.relowner) <> store_owner
        ORDER BY 1
    LOOP
        EXECUTE format('ALTER TABLE tally_store.%I OWNER TO %I', other, store_owner);
    END LOOP;
END
$$;
COMMENT ON FUNCTION tally.create_store() IS
    'Makes the event store in schema tally_store, owned by its caller; does nothing where it is there. DROP EXTENSION leaves it.';

CREATE FUNCTION tally.spool_progress(spool uuid) RETURNS bigint
    LANGUAGE plpgsql STRICT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    -- Two sessions may meet here over a new spool; one of them makes the row.
    INSERT INTO tally_store.spool AS s (spool) VALUES (spool_progress.spool)
        ON CONFLICT DO NOTHING;
    RETURN (SELECT s.taken FROM tally_store.spool s
            WHERE s.spool = spool_progress.spool);
END
$$;
COMMENT ON FUNCTION tally.spool_progress(uuid) IS
    'The last sequence number taken from a spool; 0, and registers it, when it is new.';

CREATE FUNCTION tally.ingest(
        spool uuid, first bigint, last bigint, frames bytea,
        check_ids boolean DEFAULT false, leave_out int[] DEFAULT NULL,
        OUT stored int, OUT duplicate int, OUT rejected int[])
    LANGUAGE C CALLED ON NULL INPUT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tally_ingest';
COMMENT ON FUNCTION tally.ingest(uuid, bigint, bigint, bytea, boolean, int[]) IS
    'Stores the events "first" to "last" of a spool, once. Bad ones come back by their place in "rejected"; those in "leave_out" are passed over.';

CREATE FUNCTION tally.spool_skip(spool uuid, first bigint, last bigint, reason text)
    RETURNS void
    LANGUAGE C CALLED ON NULL INPUT VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tally_spool_skip';
COMMENT ON FUNCTION tally.spool_skip(uuid, bigint, bigint, text) IS
    'Passes over the events "first" to "last" of a spool, which cannot be read any more, and notes why.';
-- Projects and their keys.
-- extension/tenant/README.md says what a key is and who may do what.

CREATE FUNCTION tally.random_hex(bytes int) RETURNS text
    LANGUAGE C STRICT VOLATILE
    AS 'MODULE_PATHNAME', 'tally_random_hex';
COMMENT ON FUNCTION tally.random_hex(int) IS
    'Hexadecimal digits of so many strongly random bytes.';

CREATE FUNCTION tally.key_hash(key text) RETURNS bytea
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_key_hash';
COMMENT ON FUNCTION tally.key_hash(text) IS
    'The SHA-256 of a key as a client presents it: all that is kept of it.';

CREATE FUNCTION tally.create_key(project text, scope text, name text DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_key text := upper(tally.random_hex(32));
    owner int;
BEGIN
    PERFORM tally.check_store();
    IF scope IS NULL OR scope NOT IN ('master', 'write', 'read') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a key cannot have the scope %s',
                             coalesce(quote_literal(scope), 'NULL')),
            HINT = 'Use ''master'', ''write'' or ''read''.';
    END IF;
    IF length(name) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the name of a key has %s characters, the limit is 200',
                             length(name)),
            HINT = 'Give it a shorter name.';
    END IF;

    -- FOR KEY SHARE is what the foreign key would take a moment later.
    SELECT p.project_id INTO owner FROM tally_store.project p
    WHERE p.id = create_key.project FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'TL003',
            MESSAGE = format('there is no project %s',
                             coalesce(quote_literal(project), 'NULL')),
            HINT = 'tally.projects() lists the projects.';
    END IF;

    INSERT INTO tally_store.key (key_hash, project_id, scope, name)
    VALUES (tally.key_hash(new_key), owner, scope, name);
    RETURN new_key;
END
$$;
COMMENT ON FUNCTION tally.create_key(text, text, text) IS
    'Makes a key of a project; its scope is master, write or read. The key is shown this once.';

CREATE FUNCTION tally.create_project(
        name text,
        OUT project text, OUT master_key text, OUT write_key text, OUT read_key text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    IF name IS NULL OR name !~ '\S' OR length(name) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE
                WHEN length(name) > 200
                THEN format('the name of a project has %s characters, the limit is 200',
                            length(name))
                ELSE 'a project needs a name' END,
            HINT = 'Give it a name of 1 to 200 characters.';
    END IF;

    project := tally.random_hex(12);
    INSERT INTO tally_store.project (id, name)
    VALUES (create_project.project, create_project.name);
    master_key := tally.create_key(project, 'master');
    write_key := tally.create_key(project, 'write');
    read_key := tally.create_key(project, 'read');
END
$$;
COMMENT ON FUNCTION tally.create_project(text) IS
    'Makes a project with a key of each scope. The keys are shown this once.';

CREATE FUNCTION tally.revoke_key(key text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    -- A key that was lost is named by its fingerprint.  No key is the
    -- fingerprint of another, so both may be asked for.
    UPDATE tally_store.key k SET revoked_at = now()
    WHERE k.revoked_at IS NULL
        AND k.key_hash IN (
            tally.key_hash(revoke_key.key),
            CASE WHEN revoke_key.key ~ '^[0-9a-f]{64}$'
                 THEN decode(revoke_key.key, 'hex') END);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION tally.revoke_key(text) IS
    'Revokes a key, named by itself or by its fingerprint; false when there is no such live key.';

CREATE FUNCTION tally.projects()
    RETURNS TABLE(project text, name text, created_at timestamptz, live_keys bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT p.id, p.name, p.created_at,
            (SELECT count(*) FROM tally_store.key k
             WHERE k.project_id = p.project_id AND k.revoked_at IS NULL)
        FROM tally_store.project p
        ORDER BY p.project_id;
END
$$;
COMMENT ON FUNCTION tally.projects() IS 'The projects, oldest first.';

CREATE FUNCTION tally.keys(project text)
    RETURNS TABLE(fingerprint text, scope text, name text,
                  created_at timestamptz, revoked_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT encode(k.key_hash, 'hex'), k.scope, k.name, k.created_at, k.revoked_at
        FROM tally_store.key k JOIN tally_store.project p USING (project_id)
        WHERE p.id = keys.project
        ORDER BY k.created_at, k.scope, k.key_hash;
END
$$;
COMMENT ON FUNCTION tally.keys(text) IS
    'The keys of a project, by their fingerprints: the keys themselves are kept nowhere.';

CREATE FUNCTION tally.key_snapshot()
    RETURNS TABLE(key_hash bytea, project text, scope text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT k.key_hash, p.id, k.scope
        FROM tally_store.key k JOIN tally_store.project p USING (project_id)
        WHERE k.revoked_at IS NULL
        ORDER BY k.key_hash;
END
$$;
COMMENT ON FUNCTION tally.key_snapshot() IS
    'All live keys of all projects, as their SHA-256: what a responder compares presented keys with.';
-- Queries: a project, an analysis and a client's request in, JSON out.

CREATE FUNCTION tally.collect_events_add(
        state tally.panel,
        analysis text,
        request jsonb,
        grid tally.grid,
        at timestamptz,
        received_at timestamptz,
        id uuid,
        properties jsonb)
    RETURNS tally.panel
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect_events';
COMMENT ON FUNCTION tally.collect_events_add(tally.panel, text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb) IS
    'Transition function of tally.collect_events().';

CREATE AGGREGATE tally.collect_events(
        text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb) (
    SFUNC = tally.collect_events_add,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.collect_events(text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb) IS
    'Internal to tally.query(): events into the panel that answers a request.';

CREATE FUNCTION tally.query(
        project text,
        analysis text,
        request jsonb,
        pretty bool DEFAULT false)
    RETURNS SETOF text
    LANGUAGE c STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    COST 100000 ROWS 100
    AS 'MODULE_PATHNAME', 'tally_query';
COMMENT ON FUNCTION tally.query(text, text, jsonb, bool) IS
    'Answers a client''s request as JSON, in pieces to be put together in order. Call it in the select list: the pieces come as they are made.';

REVOKE ALL ON FUNCTION tally.collect_events_add(tally.panel, text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb),
    tally.collect_events(text, jsonb, tally.grid, timestamptz, timestamptz, uuid, jsonb),
    tally.query(text, text, jsonb, bool)
    FROM PUBLIC;
-- Who may execute what.  The functions that compute a series on a user's own
-- tables run with that user's rights and stay open to all.  Those that touch
-- the event store, its tenants or their keys are for roles that are granted
-- them (deploy/roles.sql): nobody is here.

GRANT USAGE ON SCHEMA tally TO PUBLIC;

-- Every SECURITY DEFINER function, so that a new one cannot be forgotten ...
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'tally'::regnamespace AND p.prosecdef
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END
$$;

-- ... and what they are made of.
REVOKE ALL ON FUNCTION
    tally.check_store(text),
    tally.create_store(),
    tally.random_hex(int),
    tally.key_hash(text)
FROM PUBLIC;
