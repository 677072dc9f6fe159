/*
 * db_internal.h
 *	  The inside of db: for db.c, which has the connections, and
 *	  db_converse.c, which talks on one of them.
 */
#ifndef TALLY_DB_INTERNAL_H
#define TALLY_DB_INTERNAL_H

#include <libpq-fe.h>

#include "db.h"

enum wait_result
{
	WAIT_READY,
	WAIT_DEADLINE,
	WAIT_CLIENT_GONE,
};

/* Until libpq's socket has one of "events" of poll(), or else. */
enum wait_result db_wait(PGconn *pg, short events, int watch_fd,
						 int64_t deadline_ms);

/* Sends the statement of "call", then takes results until there are no more;
 * "deadline_ms" counts, not that of "call". */
enum db_result db_converse(PGconn *pg, const struct db_call *call,
						   int64_t deadline_ms, struct db_error *error);

/* May the connection be used for another statement? */
bool db_is_clean(enum db_result result, const PGconn *pg);

#endif
