-- group_by: what makes a group, how rows look, and in which order they come.
SET client_min_messages = warning;
SELECT tally.create_store();
SELECT project FROM tally.create_project('query_group') \gset
INSERT INTO tally_store.collection (project_id, name)
SELECT project_id, 'orders' FROM tally_store.project WHERE id = :'project';
INSERT INTO tally_store.event (collection_id, at, received_at, id, properties)
SELECT c.collection_id, '2024-03-01 09:30:00.123456+00', '2024-03-01 09:30:01+00',
       CASE WHEN e.properties ? 'p' THEN NULL ELSE '6ecd8c99-4036-403d-bf84-cf8400f67836'::uuid END, e.properties
FROM tally_store.project p JOIN tally_store.collection c USING (project_id),
     (VALUES ('{"sku": "tea", "user": {"country": "FR"}, "price": 4, "p": 1}'::jsonb),
             ('{"sku": "tea", "user": {"country": "FR"}, "price": 5, "p": 1.0}'),
             ('{"sku": "tea", "user": {"country": "PL"}, "price": 6, "p": "1"}'),
             ('{"sku": "cup", "user": {"country": "FR"}, "p": true}'),
             ('{"sku": "cup", "user": {}, "price": "?", "p": false}'),
             ('{"sku": null, "user": 5, "price": 1.25, "p": null}'),
             ('{"price": 1, "p": [1, "a"]}'),
             ('{"price": 1, "p": [1.0, "a"]}'),
             ('{"price": 1, "p": ["a", 1]}'),
             ('{"price": 1, "p": {"b": [], "a": 10}}'),
             ('{"price": 1, "p": "a\"b\\c\n\t\u0001é"}'),
             ('{"price": 1, "p": ""}'),
             ('{"price": 1, "p": 10}'),
             ('{"price": 1, "p": 9}'),
             ('{"price": 1}')) e(properties)
WHERE p.id = :'project';

CREATE FUNCTION pg_temp.q(project text, analysis text, more jsonb) RETURNS SETOF text LANGUAGE sql
AS $$
    SELECT tally.query(project, analysis,
        '{"event_collection": "orders", "target_property": "price",
          "timeframe": {"start": "2024-03-01", "end": "2024-03-02"}}' || more)
$$;
\pset format unaligned
\pset tuples_only

-- null and missing are one group, the last; a group without a number is there
SELECT pg_temp.q(:'project', a, '{"group_by": "sku"}') FROM unnest('{count,sum,minimum,maximum,average}'::text[]) a;
-- several, dotted
SELECT pg_temp.q(:'project', 'count', '{"group_by": ["user.country", "sku"]}');
SELECT pg_temp.q(:'project', 'count', '{"group_by": ["sku"]}') = pg_temp.q(:'project', 'count', '{"group_by": "sku"}');
-- none, and a property that no event has
SELECT pg_temp.q(:'project', 'count', '{"group_by": []}');
SELECT pg_temp.q(:'project', 'count', '{"group_by": "no.such"}');

-- types stay: 1, "1" and true are three groups, 1 and 1.0 one
SELECT jsonb_pretty(string_agg(p, '')::jsonb -> 'result') FROM pg_temp.q(:'project', 'count', '{"group_by": "p"}') p;
SELECT pg_temp.q(:'project', 'count', '{"group_by": "p", "filters": [{"property_name": "p", "operator": "contains", "property_value": "\\"}]}');

-- columns
SELECT pg_temp.q(:'project', 'count', '{"group_by": ["keen.timestamp", "keen.created_at", "keen.id"]}');

-- no event: no group
SELECT pg_temp.q(:'project', 'count', '{"group_by": "sku", "timeframe": {"start": "1999-01-01", "end": "1999-01-02"}}');

-- order_by and limit
SELECT pg_temp.q(:'project', 'sum', '{"group_by": "sku", "order_by": {"property_name": "result", "direction": "DESC"}}');
SELECT pg_temp.q(:'project', 'sum', '{"group_by": "sku", "order_by": "result"}');
SELECT pg_temp.q(:'project', 'sum', '{"group_by": "sku", "order_by": {"property_name": "sku", "direction": "DESC"}}');
SELECT pg_temp.q(:'project', 'average', '{"group_by": "sku", "order_by": [{"property_name": "result", "direction": "desc"}], "limit": 2}');
SELECT pg_temp.q(:'project', 'average', '{"group_by": "sku", "order_by": [{"property_name": "result"}], "limit": 1}');
SELECT pg_temp.q(:'project', 'count', '{"group_by": ["user.country", "sku"], "order_by": ["sku", {"property_name": "result", "direction": "DESC"}], "limit": "4"}');
SELECT pg_temp.q(:'project', 'count', '{"group_by": "sku", "order_by": "sku", "limit": 1000}');
SELECT pg_temp.q(:'project', 'count', '{"group_by": "sku", "order_by": [], "interval": "daily"}');

-- pretty
SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "timeframe": {"start": "2024-03-01", "end": "2024-03-02"},
    "group_by": ["sku", "user.country"], "filters": [{"property_name": "sku", "operator": "eq", "property_value": "tea"}]}', true);
SELECT tally.query(:'project', 'count', '{"event_collection": "orders", "timeframe": {"start": "1999-03-01", "end": "1999-03-02"}, "group_by": "sku"}', true);
