-- Every filter operator, on values of its own type.
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.f(property text, operator text, value jsonb, event jsonb)
    RETURNS bool LANGUAGE sql
    RETURN tally.matches(
        jsonb_build_array(jsonb_build_object('property_name', property,
                                             'operator', operator,
                                             'property_value', value)),
        event);

-- numbers: 5 against 4, 5 and 6
SELECT o AS operator,
       pg_temp.f('n', o, '4', '{"n": 5}') AS "4",
       pg_temp.f('n', o, '5', '{"n": 5}') AS "5",
       pg_temp.f('n', o, '6', '{"n": 5}') AS "6",
       pg_temp.f('n', o, '5.00', '{"n": 5}') AS "5.00"
FROM unnest('{eq,ne,lt,lte,gt,gte}'::text[]) o;

-- strings compare by code point: Z < a < é
SELECT o AS operator,
       pg_temp.f('s', o, '"Z"', '{"s": "a"}') AS "Z",
       pg_temp.f('s', o, '"a"', '{"s": "a"}') AS "a",
       pg_temp.f('s', o, '"ab"', '{"s": "a"}') AS "ab",
       pg_temp.f('s', o, '"é"', '{"s": "a"}') AS "é"
FROM unnest('{eq,ne,lt,lte,gt,gte}'::text[]) o;

-- exists: an explicit null is there, a missing property is not
SELECT v AS value,
       pg_temp.f('p', 'exists', v, '{"p": 1}') AS "1",
       pg_temp.f('p', 'exists', v, '{"p": null}') AS "null",
       pg_temp.f('p', 'exists', v, '{"q": 1}') AS missing
FROM unnest('{true,false,"\"true\"","\"false\""}'::jsonb[]) v;

-- in: equal to a member; unlike types are not equal
SELECT e AS event,
       pg_temp.f('p', 'in', '["tea", 5, true, null, [1, 2]]', e) AS "in"
FROM unnest(ARRAY['{"p": "tea"}', '{"p": "te"}', '{"p": "5"}', '{"p": 5.0}',
                  '{"p": true}', '{"p": false}', '{"p": null}', '{}',
                  '{"p": [1, 2]}', '{"p": [2, 1]}', '{"p": ["x", "tea"]}',
                  '{"p": []}', '{"p": {"tea": 1}}']::jsonb[]) e;
SELECT pg_temp.f('p', 'in', '[]', '{"p": 1}') AS in_nothing;

-- in: found wherever it is in a long list
SELECT count(*) FILTER (WHERE pg_temp.f('p', 'in', l.list, jsonb_build_object('p', v))) AS found,
       count(*) FILTER (WHERE pg_temp.f('p', 'in', l.list, jsonb_build_object('p', v || 'x'))) AS not_there
FROM (SELECT jsonb_agg('v' || i ORDER BY i % 7, i) AS list FROM generate_series(1, 200) i) l,
     (SELECT 'v' || i AS v FROM generate_series(1, 200) i) w;

-- contains and not_contains: text in a string, a member of a list
SELECT e AS event, v AS value,
       pg_temp.f('p', 'contains', v, e) AS contains,
       pg_temp.f('p', 'not_contains', v, e) AS not_contains
FROM (VALUES ('{"p": "green tea"}'::jsonb, '"tea"'::jsonb), ('{"p": "green tea"}', '"Tea"'),
             ('{"p": "green tea"}', '""'), ('{"p": "tetea"}', '"tea"'), ('{"p": "te"}', '"tea"'),
             ('{"p": ["tea", 5]}', '"tea"'), ('{"p": ["tea", 5]}', '"te"'), ('{"p": ["tea", 5]}', '5'),
             ('{"p": ["tea", null]}', 'null'), ('{"p": 5}', '"5"'), ('{"p": 5}', '5'),
             ('{"p": null}', 'null'), ('{"q": 1}', '"tea"')) t(e, v);

-- eq and ne: null is null or missing; a list has a member, or is equal
SELECT e AS event, v AS value,
       pg_temp.f('p', 'eq', v, e) AS eq, pg_temp.f('p', 'ne', v, e) AS ne
FROM (VALUES ('{"p": null}'::jsonb, 'null'::jsonb), ('{"q": 1}', 'null'), ('{"p": 1}', 'null'),
             ('{"q": 1}', '1'), ('{"p": [1, "a"]}', '"a"'), ('{"p": [1, "a"]}', '"b"'),
             ('{"p": [1, "a"]}', '[1.0, "a"]'), ('{"p": [1, "a"]}', '["a", 1]'),
             ('{"p": {"a": 1, "b": 2}}', '{"b": 2, "a": 1}'), ('{"p": {"a": 1}}', '{"a": 2}')) t(e, v);

-- a path goes down into objects, and nowhere else
SELECT e AS event, pg_temp.f('a.b.c', 'eq', '1', e) AS eq, pg_temp.f('a.b.c', 'exists', 'true', e) AS "exists"
FROM unnest(ARRAY['{"a": {"b": {"c": 1}}}', '{"a": {"b": 1}}', '{"a": {"b": [{"c": 1}]}}',
                  '{"a.b.c": 1}', '[1]', '"a"', '{}']::jsonb[]) e;

-- all filters must hold; none is true
SELECT tally.matches('[{"property_name": "n", "operator": "gt", "property_value": 1},
                       {"property_name": "n", "operator": "lt", "property_value": 9}]', e)
FROM unnest(ARRAY['{"n": 5}', '{"n": 0}', '{"n": 9}']::jsonb[]) e;
SELECT tally.matches('[]', '{}') AS empty, tally.matches('null', '{}') AS json_null,
       tally.matches(NULL, '{}') AS sql_null, tally.matches('[]', NULL) AS no_event;
