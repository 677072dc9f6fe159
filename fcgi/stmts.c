/*
 * stmts.c
 *	  All the SQL in these programs.
 *
 * Each statement calls functions of the extension, or of pg_catalog, by
 * their full names, so no search_path can redirect it, and takes what a
 * client sent as a parameter.  Nothing a client sends is ever part of a
 * statement: "make check-layers" fails when SQL or an exec call of libpq
 * turns up in any other file.
 */
#include "stmts.h"

/* clang-format off */
const struct stmt_info stmts[STMT__COUNT] = {
	/* a library that is loaded already, and older than the setting, would
	 * refuse it; one that is loaded later takes it, or drops it */
	[STMT_CHECK] = {"check", 2,
		"SELECT tally.contract_version(),"
		" CASE WHEN pg_catalog.current_setting('tally.max_buckets', true)"
		" IS NULL"
		" OR pg_catalog.current_setting('tally.ingest_nice', true) IS NOT NULL"
		" THEN pg_catalog.set_config('tally.ingest_nice', $1::text, false)"
		" END, s.name, pg_catalog.current_setting(s.name, true)"
		" FROM pg_catalog.unnest($2::text[]) AS s (name)"},
	[STMT_HEARTBEAT] = {"heartbeat", 0, "SELECT 1"},
	[STMT_SET_TIMEOUT] = {"set_timeout", 1,
		"SELECT pg_catalog.set_config('statement_timeout', $1::text, false)"},
	[STMT_KEY_SNAPSHOT] = {"key_snapshot", 0,
		"SELECT key_hash, project, scope FROM tally.key_snapshot()"},
	/* in the select list: FROM f() would be computed whole before its
	 * first row */
	[STMT_QUERY] = {"query", 4,
		"SELECT tally.query($1::text, $2::text, $3::jsonb, $4::bool)"},
	[STMT_SPOOL_PROGRESS] = {"spool_progress", 1,
		"SELECT tally.spool_progress($1::uuid)"},
	[STMT_INGEST] = {"ingest", 6,
		"SELECT stored, duplicate, rejected FROM tally.ingest("
		"$1::uuid, $2::int8, $3::int8, $4::bytea, $5::bool, $6::int4[])"},
	[STMT_SPOOL_SKIP] = {"spool_skip", 4,
		"SELECT tally.spool_skip($1::uuid, $2::int8, $3::int8, $4::text)"},
	[STMT_SPOOL_BEHIND] = {"spool_behind", 3,
		"SELECT tally.spool_behind($1::uuid, $2::int8, $3::interval)"},
	[STMT_DATA_BEHIND] = {"data_behind", 0,
		"SELECT pg_catalog.date_part('epoch', tally.data_behind())"},
};
/* clang-format on */
