-- Complain if this is fed to psql rather than run by CREATE EXTENSION.
\echo Use "CREATE EXTENSION tally" to load this file. \quit

CREATE FUNCTION tally.contract_version() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1;
COMMENT ON FUNCTION tally.contract_version() IS
    'Version of what the responders and the extension agree on (contract.h).';
