-- Projects.
\set SHOW_CONTEXT never

-- a project comes with a key of each scope
SELECT * FROM tally.create_project('Corner shop') \gset shop_
SELECT :'shop_project' ~ '^[0-9a-f]{24}$' AS id,
    :'shop_master_key' ~ '^[0-9A-F]{64}$' AS master,
    :'shop_write_key' ~ '^[0-9A-F]{64}$' AS write,
    :'shop_read_key' ~ '^[0-9A-F]{64}$' AS read;
SELECT name, live_keys FROM tally.projects() WHERE project = :'shop_project';

-- names need not differ, ids do
SELECT * FROM tally.create_project('Corner shop') \gset other_
SELECT :'shop_project' <> :'other_project' AS differ;

-- the snapshot says which key is whose
SELECT s.scope, s.project = :'shop_project' AS of_shop
FROM tally.key_snapshot() s
    JOIN (VALUES (:'shop_master_key'), (:'shop_write_key'),
                 (:'other_read_key')) presented(key)
        ON s.key_hash = sha256(convert_to(presented.key, 'UTF8'))
ORDER BY s.scope;

-- bad names
SELECT tally.create_project(NULL);
SELECT tally.create_project('');
SELECT tally.create_project(E' \t');
SELECT tally.create_project(repeat('n', 201));
SELECT (tally.create_project(repeat('é', 200))).project <> '' AS made;
