/*
 * db_converse.c
 *	  One statement on one connection: send, wait, take what comes.
 *
 * Every wait is a poll() on libpq's socket and, where there is one, on the
 * client's, with what is left until the deadline.  Rows come one at a time
 * (single-row mode), so a large answer is never held here.
 *
 * _GNU_SOURCE is for POLLRDHUP: a client that has closed its side is seen at
 * once, not when the answer is written.
 */
#define _GNU_SOURCE

#include "db_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

/* ------------------------------------------------------------------------
 * Waiting
 */

/* db_wait -- until libpq's socket has one of "events", or else. */
enum wait_result
db_wait(PGconn *pg, short events, int watch_fd, int64_t deadline_ms)
{
	struct pollfd fds[2] = {
		{.fd = PQsocket(pg), .events = events},
		{.fd = watch_fd, .events = POLLIN | POLLRDHUP}, /* -1: ignored */
	};
	int n;

	do
		n = poll(fds, 2, clock_left_ms(deadline_ms));
	while (n < 0 && errno == EINTR);

	if (fds[1].revents != 0 && n > 0)
		return WAIT_CLIENT_GONE;
	return n == 0 ? WAIT_DEADLINE : WAIT_READY;
}

/* ------------------------------------------------------------------------
 * One statement on one connection
 */

static void
copy_field(char *out, size_t size, const char *text)
{
	(void) snprintf(out, size, "%s", text != NULL ? text : "");
}

static void
fill_error(struct db_error *error, const PGresult *res)
{
	copy_field(error->sqlstate,
			   sizeof(error->sqlstate),
			   PQresultErrorField(res, PG_DIAG_SQLSTATE));
	copy_field(error->message,
			   sizeof(error->message),
			   PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
	copy_field(error->detail,
			   sizeof(error->detail),
			   PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL));
	copy_field(error->hint,
			   sizeof(error->hint),
			   PQresultErrorField(res, PG_DIAG_MESSAGE_HINT));
}

static bool
send_statement(PGconn *pg, const struct db_call *call)
{
	const struct stmt_info *stmt = &stmts[call->stmt];
	const char *values[DB_MAX_PARAMS];
	int lens[DB_MAX_PARAMS];
	int formats[DB_MAX_PARAMS];
	int i;

	for (i = 0; i < stmt->nparams; i++)
	{
		values[i] = call->params[i].data;
		lens[i] = (int) call->params[i].len;
		formats[i] = call->params[i].binary ? 1 : 0;
	}
	return PQsendQueryParams(
			   pg, stmt->sql, stmt->nparams, NULL, values, lens, formats, 0) ==
			   1 &&
		   PQsetSingleRowMode(pg) == 1;
}

/* give_row -- the first row of "res" to the row function. */
static bool
give_row(const struct db_call *call, const PGresult *res)
{
	const char *values[DB_MAX_COLUMNS];
	size_t lens[DB_MAX_COLUMNS];
	struct db_row row = {.values = values, .lens = lens};
	int i;

	row.ncols = PQnfields(res);
	if (row.ncols > DB_MAX_COLUMNS)
		row.ncols = DB_MAX_COLUMNS;
	for (i = 0; i < row.ncols; i++)
	{
		values[i] = PQgetisnull(res, 0, i) ? NULL : PQgetvalue(res, 0, i);
		lens[i] = (size_t) PQgetlength(res, 0, i);
	}
	return call->row == NULL || call->row(call->arg, &row);
}

/* take_result -- what one PGresult says; DB_OK to go on. */
static enum db_result
take_result(PGconn *pg, const struct db_call *call, const PGresult *res,
			struct db_error *error)
{
	switch (PQresultStatus(res))
	{
		case PGRES_SINGLE_TUPLE:
			return give_row(call, res) ? DB_OK : DB_STOPPED;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			return DB_OK;
		default:
			fill_error(error, res);
			if (error->sqlstate[0] != '\0')
				return DB_ERROR;
			copy_field(error->message,
					   sizeof(error->message),
					   PQerrorMessage(pg));
			return DB_DOWN;
	}
}

/*
 * take_results -- all that has arrived.  Sets *done after the last.
 *
 * Rows that are there are taken before the next poll(): a million small
 * pieces then cost a few thousand of them.  The deadline is looked at a row,
 * since handing a row to a slow client can take long.
 *
 * After an error of the server the rest is read too, so that the connection
 * can be used again; on any other trouble it is left as it is, to be closed.
 */
static enum db_result
take_results(PGconn *pg, const struct db_call *call, int64_t deadline_ms,
			 bool *done, struct db_error *error)
{
	enum db_result worst = DB_OK;

	while (!PQisBusy(pg))
	{
		PGresult *res = PQgetResult(pg);
		enum db_result result;

		if (res == NULL)
		{
			*done = true;
			break;
		}
		result = take_result(pg, call, res, error);
		PQclear(res);
		if (result == DB_OK && clock_mono_ms() >= deadline_ms)
			result = DB_TIMEOUT;
		if (result != DB_OK)
			worst = result;
		if (result != DB_OK && result != DB_ERROR)
			break;
	}
	return worst;
}

/* db_converse -- send, then read results until there are no more. */
enum db_result
db_converse(PGconn *pg, const struct db_call *call, int64_t deadline_ms,
			struct db_error *error)
{
	enum db_result failed = DB_OK;
	bool done = false;

	if (!send_statement(pg, call))
		goto broken;

	while (!done && (failed == DB_OK || failed == DB_ERROR))
	{
		int unsent = PQflush(pg);
		enum db_result result;

		if (unsent < 0)
			goto broken;
		switch (db_wait(pg,
						unsent > 0 ? POLLIN | POLLOUT : POLLIN,
						call->watch_fd,
						deadline_ms))
		{
			case WAIT_DEADLINE:
				return failed == DB_OK ? DB_TIMEOUT : failed;
			case WAIT_CLIENT_GONE:
				return DB_CLIENT_GONE;
			case WAIT_READY:
				break;
		}
		/* A lost connection still has results: what the server said last. */
		(void) PQconsumeInput(pg);
		result = take_results(pg, call, deadline_ms, &done, error);
		if (result != DB_OK)
			failed = result;
	}
	return failed;

broken:
	copy_field(error->message, sizeof(error->message), PQerrorMessage(pg));
	return DB_DOWN;
}

/* db_is_clean -- may the connection be used for another statement? */
bool
db_is_clean(enum db_result result, const PGconn *pg)
{
	return (result == DB_OK || result == DB_ERROR) &&
		   PQstatus(pg) == CONNECTION_OK &&
		   PQtransactionStatus(pg) == PQTRANS_IDLE;
}
