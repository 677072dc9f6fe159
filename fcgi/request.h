/*
 * request.h
 *	  One request: what was asked, and where its answer is made.
 *
 * A request belongs to one thread at a time.  The worker that accepted it
 * hands it to a handler; the handler either prepares the answer and returns
 * HANDLED_NOW, or keeps the request, returns HANDLED_LATER, and whatever
 * thread has it then prepares the answer (reply.h) and calls request_finish().
 *
 * Every pointer a function here returns lives until request_finish(), or,
 * for headers, body and arena, until request_forget_body().
 */
#ifndef TALLY_REQUEST_H
#define TALLY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "metrics.h"
#include "uri.h"

struct request;

enum handled
{
	HANDLED_NOW,   /* the answer is prepared or sent: the worker finishes */
	HANDLED_LATER, /* somebody else has the request and will finish it */
};

enum method
{
	METHOD_GET, /* HEAD too: the server cuts the body off */
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD__COUNT
};

enum method request_method(const struct request *req);
const struct uri *request_uri(const struct request *req);

/* What stood where the route's pattern has its n-th {}, from 0; decoded. */
const char *request_arg(const struct request *req, size_t n);

/* The first query parameter of that name, or NULL. */
const char *request_param(const struct request *req, const char *name);

/* The header's value, or NULL; "name" as in FastCGI: "HTTP_AUTHORIZATION". */
const char *request_header(const struct request *req, const char *name);

/* The body, whole, with a NUL behind it that "len" does not count.  Never
 * NULL in a handler; "" when there was none. */
const char *request_body(const struct request *req, size_t *len);

/* Memory for as long as the request; bounded. */
struct arena *request_arena(struct request *req);

/* The project in the path, 24 lower-case hexadecimals, known to exist, and
 * its 12 bytes; set by the time a handler runs, if its route has a scope. */
const char *request_project(const struct request *req);
const uint8_t *request_project_id(const struct request *req);

/* Which key it was, as a number: for counting, not for telling. */
uint64_t request_key_id(const struct request *req);

/* clock_mono_ms() when it was accepted. */
int64_t request_started_ms(const struct request *req);

/* For db_call(), which watches it to see the client leave. */
int request_watch_fd(const struct request *req);

/* Where the program counts; may be NULL, which metrics.h takes. */
struct metrics *request_metrics(const struct request *req);

/*
 * Empties the arena, and so the body and all parameters, but not the answer:
 * for a request that is kept while its answer waits for something.
 */
void request_forget_body(struct request *req);

/*
 * Sends the answer that was prepared (unless it was streamed), closes the
 * connection, writes the log line and makes the structure ready for the next
 * request.  Any thread.  "req" is not the caller's any more.
 */
void request_finish(struct request *req);

/* A link for whoever keeps requests in a list; NULL when handed over. */
struct request *request_next(const struct request *req);
void request_set_next(struct request *req, struct request *next);

#endif
