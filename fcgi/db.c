/*
 * db.c
 *	  Connections to the database, and what is run on them until a deadline.
 */
#include "db.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../extension/contract.h"
#include "breaker.h"
#include "canceller.h"
#include "clock.h"
#include "db_internal.h"
#include "db_settings.h"
#include "log.h"

/* A statement's timeout is sent when it differs from the last one by more
 * than this, so an unhurried statement costs one round trip, not two. */
#define TIMEOUT_STEP_MS 250
/* The server gets so long after its own timeout to say so. */
#define SILENCE_MS 1000
#define LOG_EVERY_MS 1000

struct db
{
	struct db_options opt;
	struct db_settings settings;
	struct pool *pool;
	int stop_fd; /* readable from db_stop() on, ... */
	atomic_bool stopped;
	_Atomic int64_t logged_ms;
};

struct pool_conn
{
	PGconn *pg;
	int64_t timeout_ms; /* statement_timeout as it is now */
};

/* ------------------------------------------------------------------------
 * Connections: what the pool asks for
 */

static void
log_down(struct db *db, const char *error)
{
	struct log_line line;

	if (atomic_load(&db->stopped) ||
		!log_is_due(&db->logged_ms, clock_mono_ms(), LOG_EVERY_MS))
		return;
	log_begin(&line, LOG_LEVEL_WARN, "db_down");
	log_str(&line, "error", error);
	log_end(&line);
}

/* The server's notices are not for our log. */
static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

/*
 * start_connect -- the last one given wins: "dbname", which holds more than a
 * name, stands over what is before it, and what is behind it over that.
 *
 * Over TCP a host that is gone is noticed in about five seconds, whether
 * something was sent to it (tcp_user_timeout) or an answer is awaited.  A
 * process that stands still is not: its host goes on acknowledging.
 */
static PGconn *
start_connect(const struct db *db)
{
	const char *const keywords[] = {"tcp_user_timeout",
									"keepalives_idle",
									"keepalives_interval",
									"keepalives_count",
									"dbname",
									"application_name",
									"client_encoding",
									"options",
									NULL};
	const char *const values[] = {"5000",
								  "2",
								  "1",
								  "3",
								  db->opt.conninfo,
								  db->opt.application_name,
								  "UTF8",
								  db->settings.options,
								  NULL};

	return PQconnectStartParams(keywords, values, 1);
}

/* finish_connect -- the steps of libpq's handshake, until the deadline. */
static bool
finish_connect(const struct db *db, PGconn *pg, int64_t deadline_ms)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(pg) == CONNECTION_BAD)
		return false;
	while (status != PGRES_POLLING_OK)
	{
		short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (status == PGRES_POLLING_FAILED ||
			db_wait(pg, events, db->stop_fd, deadline_ms) != WAIT_READY)
			return false;
		status = PQconnectPoll(pg);
	}
	return PQsetnonblocking(pg, 1) == 0;
}

/* What STMT_CHECK answers, a row a setting. */
struct check
{
	const struct db_settings *settings;
	const char *user;
	bool seen;
	char problem[DB_SETTINGS_PROBLEM_BYTES]; /* the first */
};

/* check_row -- is this the extension we know, set up as we asked? */
static bool
check_row(void *arg, const struct db_row *row)
{
	struct check *check = arg;
	const char *version = row->values[0];
	char *end;

	check->seen = true;
	if (version == NULL ||
		strtol(version, &end, 10) != TALLY_CONTRACT_VERSION || *end != '\0')
		(void) snprintf(check->problem,
						sizeof(check->problem),
						"the extension has contract version %.20s, this "
						"program has %d: install the same version of both",
						version != NULL ? version : "none",
						TALLY_CONTRACT_VERSION);
	return check->problem[0] == '\0' && db_settings_check(check->settings,
														  row->values[2],
														  row->values[3],
														  check->user,
														  check->problem);
}

static bool
check_connection(struct db *db, PGconn *pg, int64_t deadline_ms)
{
	char nice[12];
	const struct db_param params[] = {{.data = nice},
									  {.data = db->settings.names}};
	struct check check = {.settings = &db->settings, .user = PQuser(pg)};
	struct db_error error = {.sqlstate = ""};
	const struct db_call call = {.stmt = STMT_CHECK,
								 .params = params,
								 .watch_fd = db->stop_fd,
								 .row = check_row,
								 .arg = &check};
	enum db_result result;

	(void) snprintf(nice, sizeof(nice), "%d", db->opt.ingest_nice);
	result = db_converse(pg, &call, deadline_ms, &error);
	if (check.problem[0] != '\0')
		log_down(db, check.problem);
	else if (result != DB_OK || !check.seen)
		log_down(db,
				 error.message[0] != '\0' ? error.message
										  : "no answer after connecting");
	return result == DB_OK && check.seen;
}

/* is_refused_as_full -- "too many connections", said by the server or for the
 * role; libpq has the SQLSTATE only in the words of its message. */
static bool
is_refused_as_full(const PGconn *pg)
{
	return strstr(PQerrorMessage(pg), " 53300: ") != NULL;
}

static struct pool_conn *
open_conn(void *arg, int64_t deadline_ms, bool *is_full)
{
	struct db *db = arg;
	struct pool_conn *conn = malloc(sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->timeout_ms = db->opt.statement_timeout_ms;
	conn->pg = start_connect(db);
	if (conn->pg == NULL)
	{
		free(conn);
		return NULL;
	}
	(void) PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	(void) PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);

	if (!finish_connect(db, conn->pg, deadline_ms))
	{
		log_down(db,
				 PQstatus(conn->pg) == CONNECTION_BAD
					 ? PQerrorMessage(conn->pg)
					 : "connecting took too long");
		*is_full = is_refused_as_full(conn->pg);
		goto fail;
	}
	if (!check_connection(db, conn->pg, deadline_ms))
		goto fail;
	return conn;

fail:
	PQfinish(conn->pg);
	free(conn);
	return NULL;
}

static void
close_conn(void *arg, struct pool_conn *conn)
{
	(void) arg;
	PQfinish(conn->pg);
	free(conn);
}

/*
 * is_alive -- a server that has closed an idle connection made its socket
 * readable; so does a notice, after which it costs a new connection too.
 */
static bool
is_alive(void *arg, struct pool_conn *conn)
{
	struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};

	(void) arg;
	return poll(&fd, 1, 0) == 0;
}

/* ------------------------------------------------------------------------
 * The door
 */

struct db *
db_new(const struct db_options *options)
{
	struct db *db = calloc(1, sizeof(*db));
	struct pool_options pool = {
		.open = open_conn,
		.close = close_conn,
		.is_alive = is_alive,
		.arg = db,
		.now = clock_mono_ms,
		.max_connections = options->max_connections,
		.connect_timeout_ms = options->connect_timeout_ms,
		.breaker_max_ms = options->breaker_max_ms > 0 ? options->breaker_max_ms
													  : BREAKER_MAX_MS,
		.seed = (uint32_t) clock_mono_us() ^ (uint32_t) getpid(),
	};

	if (db == NULL)
		return NULL;
	db->opt = *options;
	db_settings_make(&db->settings,
					 options->statement_timeout_ms,
					 options->read_only);
	db->stop_fd = eventfd(0, EFD_CLOEXEC);
	db->pool = pool_new(&pool);
	if (db->pool == NULL || db->stop_fd < 0)
	{
		db_free(db);
		return NULL;
	}
	return db;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	pool_free(db->pool);
	if (db->stop_fd >= 0)
		(void) close(db->stop_fd);
	free(db);
}

void
db_stop(struct db *db)
{
	atomic_store(&db->stopped, true);
	(void) eventfd_write(db->stop_fd, 1);
}

/*
 * set_timeout -- tell the server how long this statement may take.
 *
 * Rounded up to whole steps; never more than the connection began with.
 */
static enum db_result
set_timeout(struct db *db, struct pool_conn *conn, const struct db_call *call,
			struct db_error *error)
{
	char text[24];
	const struct db_param param = {.data = text};
	const struct db_call set = {.stmt = STMT_SET_TIMEOUT,
								.params = &param,
								.watch_fd = call->watch_fd};
	int64_t left_ms = call->statement_end_ms - clock_mono_ms();
	int64_t steps = (left_ms + TIMEOUT_STEP_MS - 1) / TIMEOUT_STEP_MS;
	int64_t timeout_ms = (steps < 1 ? 1 : steps) * TIMEOUT_STEP_MS;
	enum db_result result;

	if (call->statement_end_ms == 0 ||
		timeout_ms > db->opt.statement_timeout_ms)
		timeout_ms = db->opt.statement_timeout_ms;
	if (timeout_ms == conn->timeout_ms)
		return DB_OK;

	(void) snprintf(text, sizeof(text), "%lld", (long long) timeout_ms);
	result = db_converse(conn->pg, &set, call->deadline_ms, error);
	if (result == DB_OK)
		conn->timeout_ms = timeout_ms;
	return result;
}

/* ------------------------------------------------------------------------
 * Cancels
 */

static bool
send_cancel(void *what)
{
	char message[256];
	bool sent = PQcancel(what, message, (int) sizeof(message)) == 1;

	PQfreeCancel(what);
	return sent;
}

static void
drop_cancel(void *what)
{
	PQfreeCancel(what);
}

struct canceller *
db_canceller_new(struct metrics *metrics)
{
	return canceller_new(send_cancel, drop_cancel, metrics);
}

/*
 * give_back -- the connection; of a statement that may still run, a cancel.
 *
 * The connection is closed first: nothing else is ever begun on it that the
 * cancel could hit.
 */
static void
give_back(struct db *db, struct pool_conn *conn, enum db_result result)
{
	const bool may_run = result == DB_TIMEOUT || result == DB_CLIENT_GONE ||
						 result == DB_STOPPED;
	PGcancel *cancel = NULL;

	if (may_run && db->opt.canceller != NULL)
		cancel = PQgetCancel(conn->pg);
	pool_release(db->pool, conn, db_is_clean(result, conn->pg));
	if (cancel != NULL)
		canceller_add(db->opt.canceller, cancel);
}

enum db_result
db_run(struct db *db, const struct db_call *call, struct db_error *error)
{
	int64_t deadline_ms = call->deadline_ms;
	const int64_t began_us = clock_mono_us();
	struct pool_conn *conn;
	enum pool_result got;
	enum db_result result;
	int64_t silence_ms;

	*error = (struct db_error){.sqlstate = ""};
	got = pool_acquire(db->pool, call->wait_deadline_ms, &conn);
	metrics_observe(db->opt.metrics,
					METRIC_QUEUE_WAIT,
					clock_mono_us() - began_us);
	switch (got)
	{
		case POOL_BUSY:
			return DB_BUSY;
		case POOL_DOWN:
			return DB_DOWN;
		case POOL_OK:
			break;
	}

	result = set_timeout(db, conn, call, error);
	if (result == DB_OK)
	{
		/* A server that is silent past its own timeout is not working. */
		silence_ms = clock_mono_ms() + conn->timeout_ms + SILENCE_MS;
		result =
			db_converse(conn->pg,
						call,
						silence_ms < deadline_ms ? silence_ms : deadline_ms,
						error);
	}
	if (result == DB_DOWN)
	{
		error->was_running = true;
		log_down(db, error->message);
	}
	give_back(db, conn, result);
	return result;
}

int64_t
db_retry_ms(struct db *db)
{
	return pool_retry_ms(db->pool);
}

void
db_hint(struct db *db)
{
	pool_hint(db->pool);
}

void
db_counts(struct db *db, struct pool_counts *counts)
{
	pool_counts(db->pool, counts);
}

bool
db_is_transient(const char *sqlstate)
{
	/* connection, rollback, resources, operator; and a lock not had */
	static const char *const classes[] = {"08", "40", "53", "57", "58"};
	size_t i;

	/* 57014 is this statement's own: cancelled or timed out */
	if (strcmp(sqlstate, "57014") == 0)
		return false;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(sqlstate, classes[i], 2) == 0)
			return true;
	return strcmp(sqlstate, "55P03") == 0;
}
