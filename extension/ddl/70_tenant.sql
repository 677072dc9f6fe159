-- Projects and their keys.
-- extension/tenant/README.md says what a key is and who may do what.

CREATE FUNCTION tally.random_hex(bytes int) RETURNS text
    LANGUAGE C STRICT VOLATILE
    AS 'MODULE_PATHNAME', 'tally_random_hex';
COMMENT ON FUNCTION tally.random_hex(int) IS
    'Hexadecimal digits of so many strongly random bytes.';

CREATE FUNCTION tally.key_hash(key text) RETURNS bytea
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'tally_key_hash';
COMMENT ON FUNCTION tally.key_hash(text) IS
    'The SHA-256 of a key as a client presents it: all that is kept of it.';

CREATE FUNCTION tally.create_key(project text, scope text, name text DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_key text := upper(tally.random_hex(32));
    owner int;
BEGIN
    PERFORM tally.check_store();
    IF scope IS NULL OR scope NOT IN ('master', 'write', 'read') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a key cannot have the scope %s',
                             coalesce(quote_literal(scope), 'NULL')),
            HINT = 'Use ''master'', ''write'' or ''read''.';
    END IF;
    IF length(name) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the name of a key has %s characters, the limit is 200',
                             length(name)),
            HINT = 'Give it a shorter name.';
    END IF;

    -- FOR KEY SHARE is what the foreign key would take a moment later.
    SELECT p.project_id INTO owner FROM tally_store.project p
    WHERE p.id = create_key.project FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'TL003',
            MESSAGE = format('there is no project %s',
                             coalesce(quote_literal(project), 'NULL')),
            HINT = 'tally.projects() lists the projects.';
    END IF;

    INSERT INTO tally_store.key (key_hash, project_id, scope, name)
    VALUES (tally.key_hash(new_key), owner, scope, name);
    RETURN new_key;
END
$$;
COMMENT ON FUNCTION tally.create_key(text, text, text) IS
    'Makes a key of a project; its scope is master, write or read. The key is shown this once.';

CREATE FUNCTION tally.create_project(
        name text,
        OUT project text, OUT master_key text, OUT write_key text, OUT read_key text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    IF name IS NULL OR name !~ '\S' OR length(name) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE
                WHEN length(name) > 200
                THEN format('the name of a project has %s characters, the limit is 200',
                            length(name))
                ELSE 'a project needs a name' END,
            HINT = 'Give it a name of 1 to 200 characters.';
    END IF;

    project := tally.random_hex(12);
    INSERT INTO tally_store.project (id, name)
    VALUES (create_project.project, create_project.name);
    master_key := tally.create_key(project, 'master');
    write_key := tally.create_key(project, 'write');
    read_key := tally.create_key(project, 'read');
END
$$;
COMMENT ON FUNCTION tally.create_project(text) IS
    'Makes a project with a key of each scope. The keys are shown this once.';

CREATE FUNCTION tally.revoke_key(key text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    -- A key that was lost is named by its fingerprint.  No key is the
    -- fingerprint of another, so both may be asked for.
    UPDATE tally_store.key k SET revoked_at = now()
    WHERE k.revoked_at IS NULL
        AND k.key_hash IN (
            tally.key_hash(revoke_key.key),
            CASE WHEN revoke_key.key ~ '^[0-9a-f]{64}$'
                 THEN decode(revoke_key.key, 'hex') END);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION tally.revoke_key(text) IS
    'Revokes a key, named by itself or by its fingerprint; false when there is no such live key.';

CREATE FUNCTION tally.projects()
    RETURNS TABLE(project text, name text, created_at timestamptz, live_keys bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT p.id, p.name, p.created_at,
            (SELECT count(*) FROM tally_store.key k
             WHERE k.project_id = p.project_id AND k.revoked_at IS NULL)
        FROM tally_store.project p
        ORDER BY p.project_id;
END
$$;
COMMENT ON FUNCTION tally.projects() IS 'The projects, oldest first.';

CREATE FUNCTION tally.keys(project text)
    RETURNS TABLE(fingerprint text, scope text, name text,
                  created_at timestamptz, revoked_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT encode(k.key_hash, 'hex'), k.scope, k.name, k.created_at, k.revoked_at
        FROM tally_store.key k JOIN tally_store.project p USING (project_id)
        WHERE p.id = keys.project
        ORDER BY k.created_at, k.scope, k.key_hash;
END
$$;
COMMENT ON FUNCTION tally.keys(text) IS
    'The keys of a project, by their fingerprints: the keys themselves are kept nowhere.';

CREATE FUNCTION tally.key_snapshot()
    RETURNS TABLE(key_hash bytea, project text, scope text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tally.check_store();
    RETURN QUERY
        SELECT k.key_hash, p.id, k.scope
        FROM tally_store.key k JOIN tally_store.project p USING (project_id)
        WHERE k.revoked_at IS NULL
        ORDER BY k.key_hash;
END
$$;
COMMENT ON FUNCTION tally.key_snapshot() IS
    'All live keys of all projects, as their SHA-256: what a responder compares presented keys with.';
