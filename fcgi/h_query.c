/*
 * h_query.c
 *	  A query: from the request to the bytes of its answer.
 *
 * tally.query() returns the answer in pieces, which are passed on as they
 * come.  The first STREAM_BYTES are held back: an answer that is no longer
 * goes out with its length, and an error among its pieces is an honest error.
 * After that the answer is streamed, and an error can only break it off.
 */
#include <string.h>

#include "clock.h"
#include "db_reply.h"
#include "log.h"
#include "query_request.h"
#include "reader.h"
#include "reply.h"

#define STREAM_BYTES ((size_t) 32 * 1024)
/* A GET's parameters come through nginx's 20 kB line; escaped, 6 times it. */
#define GET_MAX_BYTES ((size_t) 256 * 1024)

/* take_piece -- one row: a piece of the answer. */
static bool
take_piece(void *arg, const struct db_row *row)
{
	struct request *req = arg;
	struct buf *body = reply_body(req);

	if (row->values[0] == NULL)
		return true;
	buf_append(body, row->values[0], row->lens[0]);
	if (body->len < STREAM_BYTES && !body->failed)
		return true;
	return reply_stream_flush(req);
}

static bool
wants_pretty(const struct request *req)
{
	const char *value = request_param(req, "pretty");

	return value != NULL &&
		   (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
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

static void
run(struct request *req, const struct reader *reader, const char *json)
{
	const int64_t started_ms = request_started_ms(req);
	const int64_t deadline_ms = started_ms + reader->query_deadline_ms;
	const struct db_param params[] = {
		{.data = request_project(req)},
		{.data = request_arg(req, 1)},
		{.data = json},
		{.data = wants_pretty(req) ? "true" : "false"},
	};
	const struct db_call call = {
		.stmt = STMT_QUERY,
		.params = params,
		.wait_deadline_ms = started_ms + reader->slot_wait_ms,
		.deadline_ms = deadline_ms,
		.statement_end_ms = started_ms + reader->statement_timeout_ms,
		.watch_fd = request_watch_fd(req),
		.row = take_piece,
		.arg = req,
	};
	struct db_error error;
	enum db_result result;

	reply_begin(req, 200, NULL);
	result = db_run(reader->db, &call, &error);
	if (result == DB_OK)
		return;
	if (!reply_is_streaming(req))
	{
		db_reply_error(req, reader->db, result, &error);
		return;
	}
	log_broken(req, result, &error);
	reply_stream_break(req);
}

enum handled
handle_query(struct request *req, void *app)
{
	const struct reader *reader = app;
	char why[QUERY_REQUEST_WHY_BYTES];
	enum query_request result;
	struct buf built;
	const char *json;
	size_t len;

	buf_init(&built, GET_MAX_BYTES);
	if (request_method(req) == METHOD_POST)
	{
		json = request_body(req, &len);
		result = query_request_check(json, len, why);
	}
	else
	{
		result = query_request_of_uri(request_uri(req), &built, why);
		json = built.data;
	}

	switch (result)
	{
		case QUERY_REQUEST_OK:
			run(req, reader, json);
			break;
		case QUERY_REQUEST_BAD:
			reply_error(req, REPLY_INVALID_JSON, why);
			break;
		case QUERY_REQUEST_NO_MEMORY:
			reply_unavailable(req,
							  REPLY_UNAVAILABLE,
							  METRIC_SHED_MEMORY,
							  "The server is out of memory.",
							  0);
			break;
	}
	buf_free(&built);
	return HANDLED_NOW;
}
