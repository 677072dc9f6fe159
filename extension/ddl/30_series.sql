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
