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
