-- Filters between values of unlike types, and on what the store keeps in
-- columns: keen.timestamp, keen.created_at and keen.id.
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';  -- must not matter

CREATE FUNCTION pg_temp.f(property text, operator text, value jsonb, event jsonb)
    RETURNS bool LANGUAGE sql
    RETURN tally.matches(
        jsonb_build_array(jsonb_build_object('property_name', property,
                                             'operator', operator,
                                             'property_value', value)),
        event, '2024-03-01 09:30:00.25+00', '2024-03-01 09:30:01+00',
        '6ecd8c99-4036-403d-bf84-cf8400f67836');

-- a comparison of unlike types is false, and ne its opposite
WITH v(v) AS (SELECT unnest('{5,"\"5\"",true,"null","[5]","{\"a\": 5}"}'::jsonb[]))
SELECT e.v AS event,
       string_agg(CASE WHEN pg_temp.f('p', 'eq', o.v, jsonb_build_object('p', e.v)) THEN o.v::text END, ' ' ORDER BY o.v) AS equals,
       count(*) FILTER (WHERE pg_temp.f('p', 'eq', o.v, jsonb_build_object('p', e.v))
                        = pg_temp.f('p', 'ne', o.v, jsonb_build_object('p', e.v))) AS contradictions
FROM v e, v o GROUP BY e.v ORDER BY e.v;

WITH v(v) AS (SELECT unnest('{4,"\"4\"",true,"null","[4]","{\"a\": 4}"}'::jsonb[]))
SELECT e.v AS event, o.o AS operator, x.v AS value
FROM v e, unnest('{lt,lte,gt,gte}'::text[]) o(o), unnest('{5,"\"5\"","null"}'::jsonb[]) x(v)
WHERE pg_temp.f('p', o.o, x.v, jsonb_build_object('p', e.v));

-- numbers that no float holds
SELECT pg_temp.f('p', 'eq', '9007199254740993', '{"p": 9007199254740992}') AS eq,
       pg_temp.f('p', 'lt', '9007199254740993', '{"p": 9007199254740992}') AS lt,
       pg_temp.f('p', 'eq', '0.1', '{"p": 0.10}') AS decimal;

-- text is compared by bytes, not by a collation, whatever its length
SELECT pg_temp.f('p', 'eq', '""', '{"p": ""}') AS empty,
       pg_temp.f('p', 'gt', '""', '{"p": "a"}') AS longer,
       pg_temp.f('p', 'contains', '"é"', '{"p": "café"}') AS accent;

-- keen.timestamp is the column, not what the document says
SELECT o AS operator, v AS value, pg_temp.f('keen.timestamp', o, v, '{"keen": {"timestamp": "1999-01-01"}}')
FROM (VALUES ('eq', '"2024-03-01T09:30:00.250Z"'::jsonb), ('eq', '"2024-03-01T10:30:00.25+01:00"'),
             ('eq', '"1999-01-01"'), ('ne', '"2024-03-01T09:30:00.25"'),
             ('lt', '"2024-03-01T09:30:00.251"'), ('lt', '"2024-03-01T09:30:00.250"'),
             ('lte', '"2024-03-01T09:30:00.250"'), ('gt', '"2024-03-01"'), ('gte', '"2024-03-02"'),
             ('gt', 'null'), ('eq', 'null'), ('ne', 'null'), ('exists', 'true'), ('exists', 'false'),
             ('in', '["2024-03-01", "2024-03-01T09:30:00.25Z"]'), ('in', '["2024-03-01", null]')) t(o, v);
SELECT pg_temp.f('keen.created_at', 'eq', '"2024-03-01T09:30:01Z"', '{}') AS created_at,
       pg_temp.f('keen.id', 'eq', '"6ecd8c99-4036-403d-bf84-cf8400f67836"', '{"keen": {"id": "x"}}') AS id,
       pg_temp.f('keen.id', 'contains', '"403d"', '{}') AS id_text,
       pg_temp.f('keen.location.coordinates', 'eq', '[4.83, 45.76]',
                 '{"keen": {"location": {"coordinates": [4.83, 45.76]}}}') AS location;

-- columns that are not there
SELECT o AS operator,
       tally.matches(jsonb_build_array(jsonb_build_object('property_name', p, 'operator', o, 'property_value', v)), '{}')
FROM unnest('{keen.timestamp,keen.created_at,keen.id}'::text[]) p,
     (VALUES ('exists', 'true'::jsonb), ('eq', 'null'), ('ne', '"2024-03-01"'), ('gte', '"2024-03-01"')) t(o, v);

-- a filter that changes from row to row is compiled anew
SELECT i, tally.matches(jsonb_build_array(jsonb_build_object('property_name', 'n', 'operator', 'gte', 'property_value', i / 2)),
                        '{"n": 1}')
FROM generate_series(0, 5) i;
