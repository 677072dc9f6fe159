/*
 * stmts.h
 *	  All SQL of the responders, as a table.
 */
#ifndef TALLY_STMTS_H
#define TALLY_STMTS_H

enum stmt
{
	STMT_CHECK,			 /* after connecting: is this the database we know?
				  * ingest_nice as text, for a library that has it;
				  * names of settings -> version, _, name, value */
	STMT_HEARTBEAT,		 /* anything at all */
	STMT_SET_TIMEOUT,	 /* milliseconds as text */
	STMT_KEY_SNAPSHOT,	 /* key_hash bytea, project text, scope text */
	STMT_QUERY,			 /* project, analysis, request, pretty -> pieces */
	STMT_SPOOL_PROGRESS, /* spool -> last sequence taken */
	STMT_INGEST,		 /* spool, first, last, frames, check_ids, leave_out
				  * -> stored, duplicate, rejected */
	STMT_SPOOL_SKIP,	 /* spool, first, last, reason */
	STMT_SPOOL_BEHIND,	 /* spool, a sequence, for how long */
	STMT_DATA_BEHIND,	 /* -> seconds */
	STMT__COUNT
};

struct stmt_info
{
	const char *name; /* for the log */
	int nparams;
	const char *sql;
};

extern const struct stmt_info stmts[STMT__COUNT];

#endif
