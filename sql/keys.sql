-- Keys: shown once, kept as a hash, revoked for good.
\set SHOW_CONTEXT never

SELECT * FROM tally.create_project('Keys') \gset

-- a key of any scope, with a name or without
SELECT tally.create_key(:'project', 'read', 'dashboard') AS dashboard \gset
SELECT tally.create_key(:'project', 'write') AS unnamed \gset
SELECT tally.create_key(:'project', 'master') ~ '^[0-9A-F]{64}$' AS looks_right;
SELECT scope, name, revoked_at IS NOT NULL AS revoked,
    fingerprint = encode(sha256(:'dashboard'), 'hex') AS is_dashboard
FROM tally.keys(:'project') ORDER BY scope, name, is_dashboard;

-- the hash is the SHA-256 of the key as it is presented
SELECT tally.key_hash('abc');
SELECT tally.key_hash('') = sha256('') AS empty_too;

-- nothing in the store holds a key
SELECT count(*) FROM tally_store.key k
WHERE k::text LIKE '%' || :'dashboard' || '%';

-- no two are alike
SELECT count(DISTINCT tally.create_key(:'project', 'read')) FROM generate_series(1, 100);

-- bad arguments
SELECT tally.create_key('000000000000000000000000', 'read');
SELECT tally.create_key(NULL, 'read');
SELECT tally.create_key(:'project', 'admin');
SELECT tally.create_key(:'project', NULL);
SELECT tally.create_key(:'project', 'read', repeat('n', 201));
SELECT tally.random_hex(0);
SELECT tally.random_hex(65);
SELECT length(tally.random_hex(64));

-- revoked once; it leaves the snapshot and stays in the list
SELECT tally.revoke_key(:'dashboard');
SELECT tally.revoke_key(:'dashboard');
SELECT count(*) FROM tally.key_snapshot() WHERE key_hash = sha256(:'dashboard');
SELECT name FROM tally.keys(:'project') WHERE revoked_at IS NOT NULL;

-- a key that was lost is revoked by its fingerprint
SELECT tally.revoke_key(encode(sha256(:'unnamed'), 'hex'));
SELECT count(*) FROM tally.key_snapshot() WHERE key_hash = sha256(:'unnamed');

-- nobody's key
SELECT tally.revoke_key('no such key');
SELECT tally.revoke_key(repeat('0', 64));
SELECT tally.revoke_key(NULL) AS none;
