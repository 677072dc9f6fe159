/*
 * request.c
 *	  Requests: reading them from libfcgi, and the set of their structures.
 *
 * What libfcgi does that has to be lived with:
 *
 * - What FCGX_GetParam() returns dies with FCGX_Free(): the request of an
 *	 answer that comes later is kept until then; see end_fcgi().
 * - CONTENT_LENGTH is not enforced, and may be missing, empty or nonsense.
 * - The body is always read to the end of its stream: closing with something
 *	 unread would reset the connection under the answer.
 * - FCGX_Accept_r() reads the parameters right after it accepted, and waits
 *	 for them without an end.  A listener's timeouts are not inherited by the
 *	 connections of a unix socket, so the connection is accepted by us, gets
 *	 its timeouts, and is handed over as if it had been kept from an earlier
 *	 request.  The request has no listening socket, so that a connection that
 *	 says nothing sensible is an error and not a reason to accept another.
 * - A connection that is kept belongs to one FCGX_Request, and so to a thread.
 *	 Here it goes back to where it came from (connections.h).
 */
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "clock.h"
#include "encoding.h"
#include "log.h"
#include "request_fcgi.h"

/* nginx has a request whole before it connects: who says nothing for the
 * first time, or falls silent for the second, is ill, and a thread waits. */
#define SILENT_MS 500
#define RECEIVE_TIMEOUT_S 2
/* Without progress for so long the reader of an answer is given up. */
#define SEND_TIMEOUT_S 5

/* FCGX_GetStr() takes an int. */
#define READ_MOST ((size_t) 1024 * 1024 * 1024)

/* A body over its limit is read and thrown away up to here, so that the
 * answer arrives; behind nginx client_max_body_size is far below. */
#define DRAIN_MAX_BYTES ((size_t) 64 * 1024 * 1024)

/* Failures are logged, but in an outage each request is one. */
#define FAILURES_PER_S 20

struct request_set
{
	pthread_mutex_t lock; /* guards all but "requests" and "count" */
	pthread_cond_t freed;
	struct request *free;
	int busy;
	bool stopped;
	bool log_each;
	struct metrics *metrics; /* or NULL */
	struct connections *connections;
	struct log_limit failures;
	struct request *requests;
	int count;
	struct sender *sender; /* of what its reader does not take at once */
};

/* ------------------------------------------------------------------------
 * The set
 */

struct request_set *
request_set_new(int count, size_t max_body_bytes, bool log_each,
				struct metrics *metrics, struct connections *connections)
{
	struct request_set *set = calloc(1, sizeof(*set));
	int i;

	if (set == NULL)
		return NULL;
	set->log_each = log_each;
	set->metrics = metrics;
	set->connections = connections;
	set->requests = calloc((size_t) count, sizeof(*set->requests));
	if (set->requests == NULL)
	{
		free(set);
		return NULL;
	}
	(void) pthread_mutex_init(&set->lock, NULL);
	(void) pthread_cond_init(&set->freed, NULL);
	set->sender = sender_new(count, SEND_TIMEOUT_S * 1000);
	if (set->sender == NULL)
	{
		request_set_free(set);
		return NULL;
	}

	for (i = 0; i < count; i++)
	{
		struct request *req = &set->requests[i];

		set->count++;
		reply_init(&req->reply);
		req->home = set;
		req->arena = arena_new(max_body_bytes + REQUEST_ARENA_EXTRA);
		/* with the NUL behind it */
		buf_init(&req->decoded, max_body_bytes + 1);
		if (FCGX_InitRequest(&req->fcgi, -1, 0) != 0 || req->arena == NULL)
		{
			request_set_free(set);
			return NULL;
		}
		req->next = set->free;
		set->free = req;
	}
	return set;
}

void
request_set_free(struct request_set *set)
{
	int i;

	if (set == NULL)
		return;
	sender_free(set->sender);
	for (i = 0; i < set->count; i++)
	{
		FCGX_Free(&set->requests[i].fcgi, 1);
		buf_free(&set->requests[i].decoded);
		arena_free(set->requests[i].arena);
		reply_free(&set->requests[i].reply);
	}
	(void) pthread_cond_destroy(&set->freed);
	(void) pthread_mutex_destroy(&set->lock);
	free(set->requests);
	free(set);
}

struct request *
request_set_take(struct request_set *set)
{
	struct request *req;

	(void) pthread_mutex_lock(&set->lock);
	while (set->free == NULL && !set->stopped)
		(void) pthread_cond_wait(&set->freed, &set->lock);
	req = set->free;
	if (req != NULL)
	{
		set->free = req->next;
		req->next = NULL;
		set->busy++;
	}
	(void) pthread_mutex_unlock(&set->lock);
	return req;
}

void
request_set_give(struct request_set *set, struct request *req)
{
	(void) pthread_mutex_lock(&set->lock);
	req->next = set->free;
	set->free = req;
	set->busy--;
	(void) pthread_cond_signal(&set->freed);
	(void) pthread_mutex_unlock(&set->lock);
}

void
request_set_stop(struct request_set *set)
{
	(void) pthread_mutex_lock(&set->lock);
	set->stopped = true;
	(void) pthread_cond_broadcast(&set->freed);
	(void) pthread_mutex_unlock(&set->lock);
}

int
request_set_busy(struct request_set *set)
{
	int busy;

	(void) pthread_mutex_lock(&set->lock);
	busy = set->busy;
	(void) pthread_mutex_unlock(&set->lock);
	return busy;
}

/* ------------------------------------------------------------------------
 * Reading
 */

static void
set_timeouts(int fd)
{
	const struct timeval receive = {.tv_sec = RECEIVE_TIMEOUT_S};
	const struct timeval send = {.tv_sec = SEND_TIMEOUT_S};

	(void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive));
	(void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send));
}

void
request_begin(struct request *req, int fd, enum connection_kind kind)
{
	if (kind == CONNECTION_NEW)
		set_timeouts(fd);
	FCGX_Free(&req->fcgi, 0); /* of the request before */
	req->fcgi.ipcFd = fd;
	req->is_new = kind == CONNECTION_NEW;
	req->keep = false;
	req->is_passed_on = false;
	req->started_us = clock_mono_us();
	req->body = "";
	req->body_len = 0;
	req->route = NULL;
	req->route_number = METRICS_NO_ROUTE;
	req->nargs = 0;
	req->project[0] = '\0';
	reply_begin(req, 500, NULL);
}

/* read_params -- the request's beginning and all its parameters, in libfcgi's
 * memory; false, and the connection closed, if there are none. */
static bool
read_params(struct request *req)
{
	struct pollfd first = {.fd = req->fcgi.ipcFd, .events = POLLIN};
	bool accepted;

	if (req->is_new && poll(&first, 1, SILENT_MS) <= 0)
		return false;
	/* FCGX_Accept_r() reads from a connection that was kept. */
	req->fcgi.keepConnection = 1;
	/* It takes parameters that broke off between two for all of them. */
	accepted =
		FCGX_Accept_r(&req->fcgi) >= 0 && FCGX_GetError(req->fcgi.in) == 0;
	/* It is ours to say: libfcgi would give the connection to this request. */
	req->keep = accepted && req->fcgi.keepConnection != 0;
	req->fcgi.keepConnection = 0;
	return accepted;
}

enum request_read
request_read_head(struct request *req)
{
	const char *method;
	const char *text;

	req->uri.nsegments = 0;
	req->uri.nparams = 0;
	if (!read_params(req))
		return REQUEST_READ_NOTHING;
	method = request_header(req, "REQUEST_METHOD");
	text = request_header(req, "REQUEST_URI");

	req->is_head = method != NULL && strcmp(method, "HEAD") == 0;
	req->method = method != NULL ? request_method_named(method) : METHOD_OTHER;

	switch (uri_parse(req->arena, text != NULL ? text : "", &req->uri))
	{
		case URI_OK:
			return REQUEST_READ_OK;
		case URI_NO_MEMORY:
			return REQUEST_READ_NO_MEMORY;
		case URI_BAD:
			break;
	}
	return REQUEST_READ_BAD_URI;
}

void
request_drain(struct request *req)
{
	char scrap[8192];
	size_t total = 0;
	int n;

	do
	{
		n = FCGX_GetStr(scrap, sizeof(scrap), req->fcgi.in);
		total += n > 0 ? (size_t) n : 0;
	} while (n == (int) sizeof(scrap) && total < DRAIN_MAX_BYTES);
}

/*
 * read_exactly -- the body into "data", which has room for a byte more: who
 * asks for that one too reads the end of the stream along.
 */
static bool
read_exactly(FCGX_Stream *in, char *data, size_t len)
{
	size_t have = 0;
	int n;

	do
	{
		size_t want = len + 1 - have < READ_MOST ? len + 1 - have : READ_MOST;

		n = FCGX_GetStr(data + have, (int) want, in);
		have += n > 0 ? (size_t) n : 0;
	} while (n > 0 && have <= len);
	return have == len && FCGX_GetError(in) == 0;
}

/* decode -- the body that was read becomes what it was compressed from. */
static enum request_read
decode(struct request *req, enum encoding encoding, size_t max_bytes)
{
	switch (encoding_decode(
		encoding, req->body, req->body_len, max_bytes, &req->decoded))
	{
		case ENCODING_OK:
			break;
		case ENCODING_BROKEN:
			return REQUEST_READ_ENCODING_BROKEN;
		case ENCODING_TOO_LARGE:
			return REQUEST_READ_DECODED_TOO_LARGE;
		case ENCODING_NO_MEMORY:
			return REQUEST_READ_NO_MEMORY;
	}
	req->body_len = req->decoded.len;
	buf_char(&req->decoded, '\0');
	req->body = req->decoded.data;
	return req->decoded.failed ? REQUEST_READ_NO_MEMORY : REQUEST_READ_OK;
}

enum request_read
request_read_body(struct request *req, size_t max_bytes)
{
	const char *name = request_header(req, "HTTP_CONTENT_ENCODING");
	enum encoding encoding = encoding_named(name);
	size_t len;
	char *data;

	if (encoding == ENCODING_UNKNOWN)
	{
		request_drain(req);
		return REQUEST_READ_ENCODING_UNKNOWN;
	}
	if (!request_parse_length(request_header(req, "CONTENT_LENGTH"), &len))
	{
		request_drain(req);
		return REQUEST_READ_BAD_LENGTH;
	}
	if (len > max_bytes)
	{
		request_drain(req);
		return REQUEST_READ_TOO_LARGE;
	}

	data = arena_alloc(req->arena, len + 1);
	if (data == NULL)
	{
		request_drain(req);
		return REQUEST_READ_NO_MEMORY;
	}
	if (!read_exactly(req->fcgi.in, data, len))
	{
		request_drain(req);
		/* An errno says nothing about what the client sent: too late, or
		 * EINTR, which a read() with a timeout gives when the program was
		 * stopped and goes on, and after which libfcgi reads no more. */
		return FCGX_GetError(req->fcgi.in) > 0 ? REQUEST_READ_BROKEN_OFF
											   : REQUEST_READ_SHORT;
	}
	data[len] = '\0';
	req->body = data;
	req->body_len = len;
	if (encoding != ENCODING_NONE && len > 0)
		return decode(req, encoding, max_bytes);
	return REQUEST_READ_OK;
}

/* ------------------------------------------------------------------------
 * Finishing
 */

static const char *const method_names[METHOD__COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "other",
};

/*
 * count_request -- not its log line's business: that one may be left out.
 */
static void
count_request(const struct request *req, int64_t us)
{
	metrics_request(req->home->metrics,
					req->route_number,
					req->reply.broken ? 500 : req->reply.status,
					us);
}

/* log_request -- by route, never by path: a path holds what clients send. */
static void
log_request(const struct request *req, int64_t us)
{
	const struct reply *reply = &req->reply;
	const bool failed = reply->status >= 500 || reply->broken;
	struct log_line line;
	int skipped = 0;

	if (!failed && !req->home->log_each)
		return;
	if (failed && !log_limit_allow(&req->home->failures,
								   clock_mono_ms(),
								   FAILURES_PER_S,
								   &skipped))
		return;
	log_begin(&line, failed ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "request");
	log_str(&line, "route", req->route != NULL ? req->route->pattern : "-");
	log_str(&line, "method", method_names[req->method]);
	log_str(&line, "project", req->project[0] != '\0' ? req->project : "-");
	log_int(&line, "status", reply->status);
	if (reply->error_code != NULL)
		log_str(&line, "error_code", reply->error_code);
	if (reply->broken)
		log_str(&line, "broken", "true");
	log_int(&line, "us", us);
	if (skipped > 0)
		log_int(&line, "not_logged", skipped);
	log_end(&line);
}

void
request_sent(struct request *req)
{
	const int64_t us = clock_mono_us() - req->started_us;

	count_request(req, us);
	log_request(req, us);
	request_drop(req);
}

void
request_finish(struct request *req)
{
	if (reply_pass_on(req, req->home->sender))
		return;
	(void) reply_send(req);
	request_sent(req);
}

/*
 * end_fcgi -- what is left to be sent; then the connection is given back, for
 * another request if all went well.
 *
 * By us, who accepted it: the stream was read to its end, so there is nothing
 * for which FCGX_Finish_r() would have to look first.  What libfcgi has in
 * memory is given back by the thread that takes the structure next, which needs
 * the same pieces again: malloc() is cheap when they come from the same thread.
 */
static void
end_fcgi(struct request *req)
{
	FCGX_Request *fcgi = &req->fcgi;
	bool keep = req->keep && !req->reply.broken;
	int fd = fcgi->ipcFd;

	if (req->is_passed_on)
		fcgi->ipcFd = -1; /* libfcgi is not to end what it did not send */
	if (fcgi->in != NULL)
	{
		/* Of a body that was not read to its end more would follow. */
		keep = keep && fcgi->in->isClosed && FCGX_GetError(fcgi->in) == 0;
		(void) FCGX_FClose(fcgi->err);
		keep = (FCGX_FClose(fcgi->out) == 0 || req->is_passed_on) && keep;
	}
	fcgi->ipcFd = -1;
	/* libfcgi has closed what it could not read a request from. */
	connections_give(req->home->connections, fd, keep && fd >= 0);
}

void
request_drop(struct request *req)
{
	end_fcgi(req);
	arena_reset(req->arena);
	buf_shrink(&req->decoded, 0);
	reply_recycle(&req->reply);
	request_set_give(req->home, req);
}

void
request_forget_body(struct request *req)
{
	req->uri.nsegments = 0;
	req->uri.nparams = 0;
	req->nargs = 0;
	req->body = "";
	req->body_len = 0;
	buf_shrink(&req->decoded, 0);
	arena_reset(req->arena);
}

/* ------------------------------------------------------------------------
 * What a handler sees
 */

enum method
request_method(const struct request *req)
{
	return req->method;
}

const struct uri *
request_uri(const struct request *req)
{
	return &req->uri;
}

const char *
request_arg(const struct request *req, size_t n)
{
	return n < req->nargs ? req->args[n] : NULL;
}

const char *
request_param(const struct request *req, const char *name)
{
	return uri_param(&req->uri, name);
}

const char *
request_header(const struct request *req, const char *name)
{
	return FCGX_GetParam(name, req->fcgi.envp);
}

const char *
request_body(const struct request *req, size_t *len)
{
	*len = req->body_len;
	return req->body;
}

struct arena *
request_arena(struct request *req)
{
	return req->arena;
}

const char *
request_project(const struct request *req)
{
	return req->project;
}

const uint8_t *
request_project_id(const struct request *req)
{
	return req->project_id;
}

uint64_t
request_key_id(const struct request *req)
{
	return req->key_id;
}

int64_t
request_started_ms(const struct request *req)
{
	return req->started_us / 1000;
}

int
request_watch_fd(const struct request *req)
{
	return req->fcgi.ipcFd;
}

struct metrics *
request_metrics(const struct request *req)
{
	return req->home != NULL ? req->home->metrics : NULL;
}

struct request *
request_next(const struct request *req)
{
	return req->next;
}

void
request_set_next(struct request *req, struct request *next)
{
	req->next = next;
}
