-- Every mistake in a filter is an error that says which and what is allowed.
SET client_min_messages = warning;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.try(filters text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d text; h text;
BEGIN
    PERFORM tally.matches(filters::jsonb, '{}');
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;
\pset format unaligned
\pset tuples_only

-- the list
SELECT pg_temp.try('{}');
SELECT pg_temp.try('"eq"');
SELECT pg_temp.try('[5]');
SELECT pg_temp.try('[[]]');
SELECT pg_temp.try((SELECT jsonb_agg('{"property_name": "a", "operator": "eq", "property_value": 1}'::jsonb)::text FROM generate_series(1, 101)));

-- members
SELECT pg_temp.try('[{"property_name": "a", "property_value": 1}]');
SELECT pg_temp.try('[{"operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "eq"}]');
SELECT pg_temp.try('[{"property_name": 5, "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": ["eq"], "property_value": 1}]');

-- operators
SELECT pg_temp.try('[{"property_name": "a", "operator": "eq", "property_value": 1},
                     {"property_name": "a", "operator": "EQ", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "' || repeat('é', 500) || '", "property_value": 1}]');

-- operands of a type that the operator does not take
SELECT pg_temp.try('[{"property_name": "a", "operator": "lt", "property_value": true}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "gte", "property_value": [1]}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "exists", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "exists", "property_value": "yes"}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "in", "property_value": "tea"}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "contains", "property_value": {"b": 1}}]');
SELECT pg_temp.try('[{"property_name": "a", "operator": "not_contains", "property_value": ["b"]}]');

-- times
SELECT pg_temp.try('[{"property_name": "keen.timestamp", "operator": "lt", "property_value": "yesterday"}]');
SELECT pg_temp.try('[{"property_name": "keen.timestamp", "operator": "lt", "property_value": 1709285400}]');
SELECT pg_temp.try('[{"property_name": "keen.created_at", "operator": "in", "property_value": ["2024-03-01", 5]}]');
SELECT pg_temp.try('[{"property_name": "keen.timestamp", "operator": "contains", "property_value": "2024"}]');

-- property names
SELECT pg_temp.try('[{"property_name": "", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a..b", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": ".a", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a.", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a.' || repeat('b', 255) || '", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "a.' || repeat('b', 256) || '", "operator": "eq", "property_value": 1}]');
SELECT pg_temp.try('[{"property_name": "' || repeat('a.', 512) || 'a", "operator": "eq", "property_value": 1}]');
