/*
 * request_fcgi.h
 *	  The inside of a request: for request.c, reply.c, worker.c, dispatch.c
 *	  alone, the only files that may know libfcgi.
 */
#ifndef TALLY_REQUEST_FCGI_H
#define TALLY_REQUEST_FCGI_H

#include <fcgiapp.h>

#include "../extension/contract.h"
#include "answer.h"
#include "buf.h"
#include "connections.h"
#include "metrics.h"
#include "reply.h"
#include "request.h"
#include "route.h"
#include "sender.h"

#define PROJECT_CHARS ((size_t) TALLY_PROJECT_ID_BYTES * 2)

/* Memory of a request: what is made of its parameters beside its body; and of its answer, of which more than this is streamed. */
#define REQUEST_ARENA_EXTRA ((size_t) 1024 * 1024)
#define REPLY_MAX_BYTES ((size_t) 16 * 1024 * 1024)
#define REPLY_KEEP_BYTES ((size_t) 16 * 1024)

struct request_set;

struct reply
{
	int status;
	const char *type;
	const char *error_code; /* for the log; NULL when it is no error */
	struct buf head;		/* header lines beside status and type */
	struct buf rendered;	/* all of them, as they go out */
	struct buf body;
	struct answer *shared; /* instead of the body, or NULL */
	bool streaming;
	bool broken; /* the client is to see an incomplete answer */
};

struct request
{
	FCGX_Request fcgi;
	bool is_new; /* the connection: nothing is known to have arrived */
	bool keep;	 /* the peer wants the connection for another request */
	struct request_set *home;
	struct request *next;
	struct arena *arena;

	enum method method;
	bool is_head;
	struct uri uri;
	const struct route *route; /* NULL until found */
	size_t route_number;	   /* in the table, or METRICS_NO_ROUTE */
	size_t nargs;
	const char *args[ROUTE_MAX_ARGS];
	char project[PROJECT_CHARS + 1];
	uint8_t project_id[TALLY_PROJECT_ID_BYTES];
	uint64_t key_id; /* of the key's hash */
	const char *body;
	struct buf decoded; /* the body, if it came compressed */
	size_t body_len;
	int64_t started_us;

	struct reply reply;
	struct sending sending; /* a large one, on its way */
	bool is_passed_on;		/* ... by the sender, not by libfcgi */
};

/*
 * The fixed number of request structures of a worker.  Taking one waits until
 * one is free or "stop" was called; returns NULL then.  After their answers
 * their connections are given back to "connections", which must live longer.
 * "metrics" may be NULL.
 */
struct request_set *request_set_new(int count, size_t max_body_bytes,
									bool log_each, struct metrics *metrics,
									struct connections *connections);
void request_set_free(struct request_set *set);
struct request *request_set_take(struct request_set *set);
void request_set_give(struct request_set *set, struct request *req);
void request_set_stop(struct request_set *set);

/* How many are not free; 0 when all that was accepted has been answered. */
int request_set_busy(struct request_set *set);

/* Begins a request on a connection of that kind, NEW or KEPT. */
void request_begin(struct request *req, int fd, enum connection_kind kind);

/* Makes a structure ready for the next request, without an answer. */
void request_drop(struct request *req);

enum request_read
{
	REQUEST_READ_OK,
	REQUEST_READ_NOTHING, /* there is no request, and nobody to answer */
	REQUEST_READ_BAD_URI,
	REQUEST_READ_BAD_LENGTH, /* CONTENT_LENGTH is no number */
	REQUEST_READ_TOO_LARGE,	 /* ... or over the limit; body was drained */
	REQUEST_READ_SHORT, /* fewer bytes came than were announced, or more */
	REQUEST_READ_BROKEN_OFF, /* ... since reading failed, or waited too long */
	REQUEST_READ_ENCODING_UNKNOWN,
	REQUEST_READ_ENCODING_BROKEN,
	REQUEST_READ_DECODED_TOO_LARGE,
	REQUEST_READ_NO_MEMORY,
};

/* Method and URI; then the body, of at most "max_bytes". */
enum request_read request_read_head(struct request *req);
enum request_read request_read_body(struct request *req, size_t max_bytes);

/* Reads a body that nobody wants, so that the answer can be sent. */
void request_drain(struct request *req);

/* Parts of the above that need no FastCGI. */
enum method request_method_named(const char *name);
bool request_parse_length(const char *text, size_t *len);

void reply_init(struct reply *reply);
void reply_free(struct reply *reply);
void reply_recycle(struct reply *reply);

/* The header lines as they go out, up to and with the empty one. */
void reply_render_head(const struct reply *reply, bool with_length,
					   struct buf *out);

/* Sends what is prepared and not sent yet; waits for a reader that is slow. */
bool reply_send(struct request *req);

/*
 * Gives an answer that is whole, and more than is surely sent at once, to the
 * sender, which ends the request by request_sent().  False: it is small, or
 * there is no memory, and it is still the caller's to send.
 */
bool reply_pass_on(struct request *req, struct sender *sender);

/* Its parts: is it one of those?  And the same bytes as reply_send() sends,
 * but for "done"; false without memory. */
bool reply_is_large(const struct request *req);
bool reply_as_records(struct request *req, struct sending *sending);

/* Counts, logs and drops a request whose answer was sent, or given up. */
void request_sent(struct request *req);

#endif
