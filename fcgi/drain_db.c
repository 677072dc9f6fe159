/*
 * drain_db.c
 *	  The drain's store: the database, by the functions of the extension.
 *
 * Which errors are about an event, and which about the server, is decided
 * here, by the SQLSTATE.  In doubt it is the server: a batch that waits costs
 * time, an event that is buried because somebody forgot a GRANT costs the
 * event.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "drain.h"
#include "log.h"

#define LOG_EVERY_MS 60000

struct drain_db
{
	struct db *db;
	int64_t deadline_ms; /* of a call */
	/* The far end of "watch" is shut to interrupt a call: db.c takes it for a
	 * client that left. */
	int watch;
	int far_end;
	_Atomic int64_t logged_ms;
};

struct drain_db *
drain_db_new(struct db *db, int64_t deadline_ms)
{
	struct drain_db *d = malloc(sizeof(*d));
	int pair[2];

	if (d == NULL)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
	{
		free(d);
		return NULL;
	}
	d->db = db;
	d->deadline_ms = deadline_ms;
	d->watch = pair[0];
	d->far_end = pair[1];
	d->logged_ms = 0;
	return d;
}

void
drain_db_free(struct drain_db *d)
{
	if (d == NULL)
		return;
	(void) close(d->watch);
	(void) close(d->far_end);
	free(d);
}

static void
interrupt(void *arg)
{
	struct drain_db *d = arg;

	(void) shutdown(d->far_end, SHUT_RDWR);
	db_stop(d->db);
}

static bool
in_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, 2) == 0;
}

static enum drain_result
meaning_of(const char *sqlstate)
{
	if (strcmp(sqlstate, "23505") == 0)
		return DRAIN_ID_TAKEN;
	if (strcmp(sqlstate, "55000") == 0)
		return DRAIN_NOT_NEXT;
	if (strcmp(sqlstate, "57014") == 0)
		return DRAIN_TOO_SLOW;
	/* data, constraint, program limit */
	if (in_class(sqlstate, "22") || in_class(sqlstate, "23") ||
		in_class(sqlstate, "54"))
		return DRAIN_REFUSED;
	if (in_class(sqlstate, "XX"))
		return DRAIN_BROKEN;
	return DRAIN_AWAY;
}

/* call -- "answer" says why when it is not DB_OK. */
static enum db_result
call(struct drain_db *d, enum stmt stmt, const struct db_param *params,
	 db_row_fn row, void *arg, struct db_error *error,
	 struct drain_answer *answer)
{
	int64_t deadline_ms = clock_mono_ms() + d->deadline_ms;
	const struct db_call db_call = {
		.stmt = stmt,
		.params = params,
		.wait_deadline_ms = deadline_ms,
		.deadline_ms = deadline_ms,
		.watch_fd = d->watch,
		.row = row,
		.arg = arg,
	};
	enum db_result result = db_run(d->db, &db_call, error);

	answer->message[0] = '\0';
	if (result != DB_OK)
		(void) snprintf(answer->message,
						sizeof(answer->message),
						"%.5s%s%.200s",
						error->sqlstate,
						error->sqlstate[0] != '\0' ? " " : "",
						error->message);
	return result;
}

static enum drain_result
run(struct drain_db *d, enum stmt stmt, const struct db_param *params,
	db_row_fn row, void *arg, struct drain_answer *answer)
{
	struct db_error error;

	switch (call(d, stmt, params, row, arg, &error, answer))
	{
		case DB_OK:
			return DRAIN_OK;
		case DB_ERROR:
			return meaning_of(error.sqlstate);
		case DB_TIMEOUT:
			return DRAIN_TOO_SLOW;
		default:
			return DRAIN_AWAY;
	}
}

static bool
take_progress(void *arg, const struct db_row *row)
{
	uint64_t *taken = arg;

	if (row->ncols < 1 || row->values[0] == NULL)
		return false;
	*taken = strtoull(row->values[0], NULL, 10);
	return true;
}

static enum drain_result
progress(void *arg, const char *spool, uint64_t *taken,
		 struct drain_answer *answer)
{
	const struct db_param params[] = {{.data = spool}};
	uint64_t found = UINT64_MAX;
	enum drain_result result =
		run(arg, STMT_SPOOL_PROGRESS, params, take_progress, &found, answer);

	if (result == DRAIN_OK && found == UINT64_MAX)
	{
		(void) snprintf(answer->message,
						sizeof(answer->message),
						"tally.spool_progress() said nothing");
		return DRAIN_AWAY;
	}
	*taken = found;
	return result;
}

/* take_answer -- stored, duplicate, and rejected as {1,2,3}. */
static bool
take_answer(void *arg, const struct db_row *row)
{
	struct drain_answer *answer = arg;
	const char *p;

	if (row->ncols != 3 || row->values[0] == NULL || row->values[1] == NULL)
		return false;
	answer->stored = (uint32_t) strtoul(row->values[0], NULL, 10);
	answer->duplicate = (uint32_t) strtoul(row->values[1], NULL, 10);
	for (p = row->values[2]; p != NULL && *p != '\0' && *p != '}';)
	{
		char *end;
		unsigned long position = strtoul(p + 1, &end, 10);

		if (end == p + 1)
			break;
		if (answer->nrejected < DRAIN_MAX_EVENTS)
			answer->rejected[answer->nrejected++] = (uint32_t) position;
		p = end;
	}
	return true;
}

static enum drain_result
ingest(void *arg, const struct spool_batch *batch, bool check_ids,
	   bool leave_out, struct drain_answer *answer)
{
	char first[24];
	char last[24];
	const struct db_param params[] = {
		{.data = batch->spool},
		{.data = first},
		{.data = last},
		{.data = (const char *) batch->frames,
		 .len = batch->frames_len,
		 .binary = true},
		{.data = check_ids ? "true" : "false"},
		{.data = leave_out ? "{1}" : NULL},
	};

	(void) snprintf(first, sizeof(first), "%" PRIu64, batch->first);
	(void) snprintf(last, sizeof(last), "%" PRIu64, batch->last);
	answer->stored = answer->duplicate = answer->nrejected = 0;
	return run(arg, STMT_INGEST, params, take_answer, answer, answer);
}

static enum drain_result
skip(void *arg, const struct spool_batch *gap, const char *reason,
	 struct drain_answer *answer)
{
	char first[24];
	char last[24];
	const struct db_param params[] = {
		{.data = gap->spool},
		{.data = first},
		{.data = last},
		{.data = reason},
	};

	(void) snprintf(first, sizeof(first), "%" PRIu64, gap->first);
	(void) snprintf(last, sizeof(last), "%" PRIu64, gap->last);
	return run(arg, STMT_SPOOL_SKIP, params, NULL, NULL, answer);
}

/* behind -- what the server itself has against it (an older extension, a
 * missing grant) is logged now and then, and holds up no event. */
static enum drain_result
behind(void *arg, const char *spool, uint64_t upto, int64_t behind_ms,
	   struct drain_answer *answer)
{
	struct drain_db *d = arg;
	char sequence[24];
	char length[48];
	const struct db_param params[] = {
		{.data = spool},
		{.data = sequence},
		{.data = length},
	};
	struct db_error error;
	enum db_result result;

	(void) snprintf(sequence, sizeof(sequence), "%" PRIu64, upto);
	(void) snprintf(length,
					sizeof(length),
					"%" PRId64 " milliseconds",
					behind_ms);
	result = call(d, STMT_SPOOL_BEHIND, params, NULL, NULL, &error, answer);
	if (result == DB_OK)
		return DRAIN_OK;
	if (result != DB_ERROR)
		return DRAIN_AWAY;
	if (log_is_due(&d->logged_ms, clock_mono_ms(), LOG_EVERY_MS))
		log_note(LOG_LEVEL_WARN, "behind_not_told", "error", answer->message);
	return DRAIN_OK;
}

struct drain_store
drain_db_store(struct drain_db *d)
{
	struct drain_store store = {
		.progress = progress,
		.ingest = ingest,
		.skip = skip,
		.behind = behind,
		.interrupt = interrupt,
		.arg = d,
	};

	return store;
}
