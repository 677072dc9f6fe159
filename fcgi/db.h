/*
 * db.h
 *	  Runs a statement of stmts.h until a deadline.
 *
 * libpq is used without blocking, and the deadline is our own: SQL timeouts
 * do not fire on a stopped backend.  A connection that did not answer in time
 * is closed and never reused, so the cancel that a spare thread then sends
 * (canceller.h) cannot hit another statement.  Where that is lost the server
 * ends what nobody waits for by client_connection_check_interval.
 *
 * All functions may be called from any thread.
 */
#ifndef TALLY_DB_H
#define TALLY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"
#include "pool.h"
#include "stmts.h"

struct db;
struct canceller;

/* For the option of that name.  NULL when out of memory. */
struct canceller *db_canceller_new(struct metrics *metrics);

struct db_options
{
	const char *conninfo; /* libpq's; options and connect_timeout are ours */
	const char *application_name;
	bool read_only;
	int max_connections;
	int64_t connect_timeout_ms;
	int64_t statement_timeout_ms; /* on the connection; a call may have less */
	int ingest_nice; /* how far tally.ingest() gives way: a nice value */
	int64_t breaker_max_ms; /* no attempt to connect for at most so long after
							 * failures; 0: BREAKER_MAX_MS */
	struct canceller
		*canceller;			 /* NULL: statements given up are not cancelled */
	struct metrics *metrics; /* where waits for a connection count, or NULL */
};

/* NULL when out of memory or descriptors.  Does not connect yet. */
struct db *db_new(const struct db_options *options);
void db_free(struct db *db);

/* Nobody connects any more, and who does just now gives that up: for the end of
 * the program, which would wait for it.  A call has its own watch_fd. */
void db_stop(struct db *db);

enum db_result
{
	DB_OK,
	DB_BUSY,		/* no free connection by wait_deadline_ms */
	DB_DOWN,		/* not reachable, or the connection broke */
	DB_TIMEOUT,		/* the deadline passed while the statement ran */
	DB_CLIENT_GONE, /* the watched client left */
	DB_STOPPED,		/* the row function said so */
	DB_ERROR,		/* the server refused: see the error's sqlstate */
	DB_NO_MEMORY,
};

/* What the server said; empty strings where it said nothing. */
struct db_error
{
	char sqlstate[6];
	char message[512];
	char detail[512];
	char hint[512];
	bool was_running; /* of DB_DOWN: the statement was under way */
};

/* A parameter: text unless "binary"; SQL NULL when data is NULL.  Text ends
 * with a NUL; "len" counts for binary only. */
struct db_param
{
	const char *data;
	size_t len;
	bool binary;
};

/* A row, all columns as text; NULL pointers for SQL NULL.  Lives for the call
 * of the row function only. */
struct db_row
{
	int ncols;
	const char *const *values;
	const size_t *lens;
};

/* Returns false to break off: the connection is closed then. */
typedef bool (*db_row_fn)(void *arg, const struct db_row *row);

#define DB_MAX_COLUMNS 8
#define DB_MAX_PARAMS 8

struct db_call
{
	enum stmt stmt;
	const struct db_param *params; /* as many as the statement has */
	int64_t wait_deadline_ms;	   /* to get a connection */
	int64_t deadline_ms;		   /* for the whole call */
	int64_t statement_end_ms;	   /* when the server shall give up; 0: only by
							   * the timeout of the connection */
	int watch_fd;  /* gives the call up (DB_CLIENT_GONE) once it
							   * is readable or closed; or -1 */
	db_row_fn row; /* NULL: rows are ignored */
	void *arg;
};

/* One statement is one transaction.  "error" is filled for every result but
 * DB_OK: sqlstate "" when it is not the server's word. */
enum db_result db_run(struct db *db, const struct db_call *call,
					  struct db_error *error);

/* As seconds for Retry-After: when may the database be back? */
int64_t db_retry_ms(struct db *db);

/* The database was reached through another struct db: the next call here may
 * try to connect, however many have failed. */
void db_hint(struct db *db);
void db_counts(struct db *db, struct pool_counts *counts);

/*
 * Is it the server's trouble, not the statement's: shutting down, too many
 * connections, out of memory or disk, a lost connection, a deadlock?  The same
 * statement may succeed later.
 */
bool db_is_transient(const char *sqlstate);

#endif
