-- What tally.series() runs over a table or query.  The first argument says all
-- that is asked for; see series/collect/collect_spec.c.
CREATE FUNCTION tally.collect_row(tally.panel, bytea, "any", VARIADIC "any")
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect_row';
CREATE FUNCTION tally.collect_row(tally.panel, bytea, "any")
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect_row';

CREATE AGGREGATE tally.collect(bytea, "any", VARIADIC "any") (
    SFUNC = tally.collect_row,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
CREATE AGGREGATE tally.collect(bytea, "any") (
    SFUNC = tally.collect_row,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.collect(bytea, "any", "any") IS
    'Internal: what tally.series() runs. Call tally.series() instead.';
COMMENT ON AGGREGATE tally.collect(bytea, "any") IS
    'Internal: what tally.series() runs. Call tally.series() instead.';

-- The same of columns that are one record, for tables that are in shards.
CREATE FUNCTION tally.collect_record_row(tally.panel, bytea, record)
    RETURNS tally.panel
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_collect_record';
CREATE AGGREGATE tally.collect_record(bytea, record) (
    SFUNC = tally.collect_record_row,
    STYPE = tally.panel,
    COMBINEFUNC = tally.panel_combine,
    FINALFUNC = tally.panel_hand_over,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.collect_record(bytea, record) IS
    'Internal: what tally.series() runs over distributed tables. Call tally.series() instead.';
