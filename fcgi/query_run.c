/*
 * query_run.c
 *	  Computes what a flight asks.
 *
 * tally.query() returns the answer in pieces.  They are gathered up to the
 * size that may be kept and shared, so that an error among them is an honest
 * error; an answer that grows larger is sent to one waiter while it is made,
 * and an error can then only break it off.
 */
#include "query_run.h"

#include <stdio.h>
#include <string.h>

#include "db_reply.h"
#include "log.h"
#include "query_key.h"
#include "reader.h"
#include "reply.h"

/* A streamed answer is sent in pieces of at least this. */
#define STREAM_BYTES ((size_t) 32 * 1024)
/* Beside what may be kept: one row, which can be a large bucket. */
#define ROW_MAX_BYTES ((size_t) 16 * 1024 * 1024)

/* An event may take a second to be seen: that is not behind. */
#define BEHIND_MIN_MS 1000

struct run
{
	const struct reader *reader;
	struct flight *flight;
	int64_t behind_ms; /* of the events that it finds, as it begins */
	struct buf body;
	struct request *streamed; /* who is being sent the answer, or NULL */
};

void
query_reply_behind(struct request *req, int64_t behind_ms)
{
	char seconds[24];

	if (behind_ms < BEHIND_MIN_MS)
		return;
	(void) snprintf(seconds,
					sizeof(seconds),
					"%lld",
					(long long) (behind_ms / 1000));
	reply_header(req, "Tally-Behind", seconds);
}

/* begin_stream -- too large to be kept: to the one waiter, as it comes. */
static bool
begin_stream(struct run *run)
{
	struct waiter *waiter = flight_stream(run->flight);

	if (waiter == NULL)
		return false;
	run->streamed = waiter->request;
	reply_begin(run->streamed, 200, NULL);
	query_reply_behind(run->streamed, run->behind_ms);
	buf_append(reply_body(run->streamed), run->body.data, run->body.len);
	buf_free(&run->body);
	return reply_stream_flush(run->streamed);
}

/* take_piece -- one row: a piece of the answer. */
static bool
take_piece(void *arg, const struct db_row *row)
{
	struct run *run = arg;
	struct buf *body =
		run->streamed != NULL ? reply_body(run->streamed) : &run->body;

	if (row->values[0] == NULL)
		return true;
	buf_append(body, row->values[0], row->lens[0]);
	if (run->streamed != NULL)
		return (body->len < STREAM_BYTES && !body->failed) ||
			   reply_stream_flush(run->streamed);
	if (body->failed)
		return false;
	return body->len <= run->reader->cache_answer_bytes || begin_stream(run);
}

/* kind_of -- whose fault was it? */
static enum flight_end_kind
kind_of(enum db_result result, const struct db_error *error)
{
	switch (result)
	{
		case DB_OK:
			return FLIGHT_ANSWERED;
		case DB_TIMEOUT:
			return FLIGHT_TIMED_OUT;
		case DB_CLIENT_GONE:
			return FLIGHT_ABANDONED;
		case DB_DOWN:
			return error->was_running ? FLIGHT_LOST : FLIGHT_FAILED;
		case DB_ERROR:
			if (strcmp(error->sqlstate, "57014") == 0)
				return FLIGHT_TIMED_OUT;
			return db_reply_blames_request(error) ? FLIGHT_REFUSED
												  : FLIGHT_FAILED;
		case DB_BUSY:
		case DB_STOPPED:
		case DB_NO_MEMORY:
			break;
	}
	return FLIGHT_FAILED;
}

static struct answer *
failure_new(enum flight_end_kind kind, enum db_result result,
			const struct db_error *error)
{
	struct query_failure failure;

	memset(&failure, 0, sizeof(failure));
	failure.result = result;
	failure.error = *error;
	return answer_new(kind == FLIGHT_REFUSED ? ANSWER_REFUSED : ANSWER_FAILED,
					  &failure,
					  sizeof(failure));
}

void
query_failure_read(const struct answer *answer, struct query_failure *failure)
{
	memcpy(failure, answer->data, sizeof(*failure));
}

/* log_broken -- the client sees half an answer: the log says why. */
static void
log_broken(const struct request *req, enum db_result result,
		   const struct db_error *error)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARN, "answer_broken_off");
	log_str(&line, "project", request_project(req));
	log_int(&line, "result", result);
	log_str(&line, "sqlstate", error->sqlstate);
	log_str(&line, "message", error->message);
	log_end(&line);
}

static enum db_result
run_statement(struct run *run, struct db_error *error)
{
	const struct reader *reader = run->reader;
	const int64_t started_ms = flight_started_ms(run->flight);
	const char *parts[QUERY_KEY__COUNT];
	struct db_param params[QUERY_KEY__COUNT] = {{.data = NULL}};
	const struct db_call call = {
		.stmt = STMT_QUERY,
		.params = params,
		.wait_deadline_ms = started_ms + reader->slot_wait_ms,
		.deadline_ms = started_ms + reader->query_deadline_ms,
		.statement_end_ms = started_ms + reader->statement_timeout_ms,
		.watch_fd = flight_wake_fd(run->flight),
		.row = take_piece,
		.arg = run,
	};
	size_t len;
	int i;

	query_key_parts(flight_key(run->flight, &len), parts);
	for (i = 0; i < QUERY_KEY__COUNT; i++)
		params[i].data = parts[i];
	return db_run(reader->db, &call, error);
}

void
query_run(void *arg, struct flight *flight, struct flight_end *end)
{
	struct run run = {.reader = arg, .flight = flight};
	struct db_error error;
	enum db_result result;

	run.behind_ms = run.reader->behind_ms;
	buf_init(&run.body, run.reader->cache_answer_bytes + ROW_MAX_BYTES);
	result = run_statement(&run, &error);
	if (run.body.failed)
		result = DB_NO_MEMORY;
	end->kind = kind_of(result, &error);
	end->answer = NULL;

	if (run.streamed != NULL)
	{
		if (result != DB_OK)
		{
			log_broken(run.streamed, result, &error);
			reply_stream_break(run.streamed);
		}
	}
	else if (result == DB_OK)
	{
		end->answer = answer_new(ANSWER_OK, run.body.data, run.body.len);
		if (end->answer != NULL)
			end->answer->behind_ms = run.behind_ms;
	}
	else if (end->kind != FLIGHT_ABANDONED)
		end->answer = failure_new(end->kind, result, &error);
	buf_free(&run.body);
}
