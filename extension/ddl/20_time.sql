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
