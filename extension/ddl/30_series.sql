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
