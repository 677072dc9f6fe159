/*
 * h_query.c
 *	  A query: from the request to its question, and from the verdict to its
 *	  answer.
 *
 * What lies between, cache, queue, slots and who waits for whom, is
 * flights.h; what a computation does is query_run.c.
 */
#include <stdio.h>
#include <string.h>

#include "db_reply.h"
#include "query_key.h"
#include "query_request.h"
#include "query_run.h"
#include "reader.h"
#include "reply.h"

/* A GET's parameters come through nginx's 20 kB line; escaped, 6 times it. */
#define GET_MAX_BYTES ((size_t) 256 * 1024)
/* The project and the names of analyses beside the request. */
#define KEY_MAX_BYTES (GET_MAX_BYTES + (size_t) 128 * 1024)
/* Who is over the share is so until one of its queries ends. */
#define SHARE_RETRY_MS 1000

static bool
wants_pretty(const struct request *req)
{
	const char *value = request_param(req, "pretty");

	return value != NULL &&
		   (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

/* ------------------------------------------------------------------------
 * From the verdict to the answer
 */

static void
out_of_memory(struct request *req)
{
	reply_unavailable(req,
					  REPLY_UNAVAILABLE,
					  METRIC_SHED_MEMORY,
					  "The server is out of memory.",
					  0);
}

static void
reply_answer(struct request *req, const struct verdict *verdict)
{
	char age[24];

	reply_shared(req, verdict->answer);
	query_reply_behind(req, verdict->answer->behind_ms);
	if (verdict->age_ms == 0 && verdict->kind != VERDICT_STALE)
		return;
	(void) snprintf(age,
					sizeof(age),
					"%lld",
					(long long) (verdict->age_ms / 1000));
	reply_header(req, "Age", age);
	if (verdict->kind == VERDICT_STALE)
		reply_header(req, "Warning", "110 - \"Response is Stale\"");
}

static void
reply_failure(struct request *req, const struct reader *reader,
			  const struct verdict *verdict)
{
	struct query_failure failure;

	query_failure_read(verdict->answer, &failure);
	db_reply_error(req, reader->db, failure.result, &failure.error);
	answer_unref(verdict->answer);
}

static void
reply_quarantined(struct request *req, const struct verdict *verdict)
{
	static const char *const why[] = {
		[QUARANTINE_NONE] = "",
		[QUARANTINE_TIMEOUT] =
			"This query took too long a moment ago, so it is not run again "
			"for a minute. Ask for a shorter timeframe, fewer groups or a "
			"wider interval.",
		[QUARANTINE_LOST] =
			"The database lost its connections while it worked on this "
			"query, so it is not run again for a minute.",
		[QUARANTINE_KILLED] =
			"The server ended while it worked on this query, so it is not run "
			"again for a minute.",
	};

	reply_unavailable(req,
					  REPLY_QUERY_QUARANTINED,
					  METRIC_SHED_QUARANTINE,
					  why[verdict->reason],
					  verdict->retry_ms);
}

/* prepare -- the answer that the verdict says. */
static void
prepare(struct request *req, const struct reader *reader,
		const struct verdict *verdict)
{
	static const struct db_error none = {.sqlstate = ""};

	switch (verdict->kind)
	{
		case VERDICT_ANSWER:
		case VERDICT_STALE:
			reply_answer(req, verdict);
			break;
		case VERDICT_FAILED:
			reply_failure(req, reader, verdict);
			break;
		case VERDICT_STREAMED:
			break;
		case VERDICT_QUARANTINED:
			reply_quarantined(req, verdict);
			break;
		case VERDICT_BUSY:
			db_reply_error(req, reader->db, DB_BUSY, &none);
			break;
		case VERDICT_OVER_SHARE:
			reply_unavailable(req,
							  REPLY_TOO_MANY_REQUESTS,
							  METRIC_SHED_SHARE,
							  "This key has its share of the query slots in "
							  "use. Wait for one of its queries to end.",
							  SHARE_RETRY_MS);
			break;
		case VERDICT_AWAY:
			db_reply_error(req, reader->db, DB_DOWN, &none);
			break;
		case VERDICT_LATE:
			db_reply_error(req, reader->db, DB_TIMEOUT, &none);
			break;
		case VERDICT_GONE:
			db_reply_error(req, reader->db, DB_CLIENT_GONE, &none);
			break;
	}
}

void
tell_query(void *arg, struct waiter *waiter, const struct verdict *verdict)
{
	struct request *req = waiter->request;

	prepare(req, arg, verdict);
	request_finish(req);
}

/* ------------------------------------------------------------------------
 * From the request to the question
 */

/* ask -- "json" may be the request's memory, which is gone afterwards. */
static enum handled
ask(struct request *req, const struct reader *reader, const char *json,
	size_t len)
{
	struct question question;
	struct verdict verdict;
	struct waiter *waiter;
	enum handled handled = HANDLED_NOW;
	struct buf key;
	size_t asked;

	buf_init(&key, KEY_MAX_BYTES);
	asked = query_key_build(&key,
							request_project(req),
							request_arg(req, 1),
							json,
							len,
							wants_pretty(req));
	/* who waits keeps no body: the key has all of it, once for all */
	request_forget_body(req);
	waiter = arena_alloc(request_arena(req), sizeof(*waiter));
	if (key.failed || waiter == NULL)
	{
		out_of_memory(req);
		goto done;
	}
	question.key.data = key.data;
	question.key.len = key.len;
	question.key.hash = siphash(&reader->secret, key.data, key.len);
	question.fingerprint =
		quarantine_fingerprint(reader->quarantine, key.data, asked);
	*waiter = (struct waiter){
		.request = req,
		.owner = request_key_id(req),
		.started_ms = request_started_ms(req),
		.deadline_ms = request_started_ms(req) + reader->query_deadline_ms,
		.watch_fd = request_watch_fd(req),
	};
	/* from here on the request may be another thread's, and finished */
	if (flights_ask(reader->flights, &question, waiter, &verdict))
		prepare(req, reader, &verdict);
	else
		handled = HANDLED_LATER;

done:
	buf_free(&key);
	return handled;
}

enum handled
handle_query(struct request *req, void *app)
{
	const struct reader *reader = app;
	enum handled handled = HANDLED_NOW;
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
		len = built.len;
	}

	switch (result)
	{
		case QUERY_REQUEST_OK:
			handled = ask(req, reader, json, len);
			break;
		case QUERY_REQUEST_BAD:
			reply_error(req, REPLY_INVALID_JSON, why);
			break;
		case QUERY_REQUEST_NO_MEMORY:
			out_of_memory(req);
			break;
	}
	buf_free(&built);
	return handled;
}
