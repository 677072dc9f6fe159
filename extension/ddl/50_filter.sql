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
