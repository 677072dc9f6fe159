/*
 * reply.c
 *	  Answers: their headers, their errors, and how they are sent.
 *
 * This table is where an error gets its status and its error_code; nobody
 * else knows either.
 */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "json_out.h"
#include "request_fcgi.h"

struct code_info
{
	int status;
	const char *name;
};

/* clang-format off */
static const struct code_info codes[REPLY_CODE__COUNT] = {
	[REPLY_INVALID_KEY] =		{401, "InvalidApiKeyError"},
	[REPLY_NOT_FOUND] =			{404, "ResourceNotFoundError"},
	[REPLY_METHOD_NOT_ALLOWED] ={405, "MethodNotAllowedError"},
	[REPLY_BAD_REQUEST] =		{400, "BadRequestError"},
	[REPLY_INVALID_JSON] =		{400, "InvalidJSONError"},
	[REPLY_BODY_TOO_LARGE] =	{413, "RequestTooLargeError"},
	[REPLY_ENCODING] =			{415, "UnsupportedContentEncodingError"},
	[REPLY_BROKEN_ENCODING] =	{400, "InvalidContentEncodingError"},
	[REPLY_INVALID_PARAMETER] =	{400, "InvalidParameterError"},
	[REPLY_TIMEFRAME] =			{400, "TimeframeDefinitionError"},
	[REPLY_MISSING_PARAMETER] =	{400, "MissingRequiredRequestFieldError"},
	[REPLY_COLLECTION_NAME] =	{400, "InvalidCollectionNameError"},
	[REPLY_PROPERTY_NAME] =		{400, "InvalidPropertyNameError"},
	[REPLY_PROPERTY_VALUE] =	{400, "InvalidPropertyValueError"},
	[REPLY_INVALID_EVENT] =		{400, "InvalidEventError"},
	[REPLY_INVALID_BATCH] =		{400, "InvalidBatchError"},
	[REPLY_NAMESPACE_TYPE] =	{400, "NamespaceTypeError"},
	[REPLY_KEEN_PROPERTY] =		{400, "InvalidKeenNamespaceProperty"},
	[REPLY_LISTS_OF_LISTS] =	{400, "ListsOfNonPrimitivesNotAllowedError"},
	[REPLY_QUERY_TOO_LARGE] =	{400, "QueryTooLargeError"},
	[REPLY_QUERY_TIMEOUT] =		{504, "QueryTimeoutError"},
	[REPLY_QUERY_QUARANTINED] =	{429, "QueryQuarantinedError"},
	[REPLY_TOO_MANY_REQUESTS] =	{429, "TooManyRequestsError"},
	[REPLY_UNAVAILABLE] =		{503, "ServiceUnavailableError"},
	[REPLY_SPOOL_FULL] =		{503, "SpoolFullError"},
	[REPLY_CLIENT_GONE] =		{499, "ClientGoneError"},
	[REPLY_INTERNAL] =			{500, "InternalServerError"},
};

static const struct
{
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"}, {201, "Created"}, {204, "No Content"},
	{302, "Found"},
	{400, "Bad Request"}, {401, "Unauthorized"}, {404, "Not Found"},
	{405, "Method Not Allowed"}, {413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{429, "Too Many Requests"}, {499, "Client Closed Request"}, {500, "Internal Server Error"},
	{503, "Service Unavailable"}, {504, "Gateway Timeout"},
};
/* clang-format on */

/* On every answer: any page may read it (KEEN_API 18), nobody on the way
 * keeps it. */
static const char common_headers[] = "Access-Control-Allow-Origin: *\r\n"
									 "Cache-Control: no-store\r\n";

/* Room for a head and an error in the largest of messages. */
#define HEAD_MAX_BYTES 4096
#define MESSAGE_BYTES 2048

/* Sent when an answer's body would not fit in memory. */
static const char out_of_memory[] =
	"{\"message\": \"The answer did not fit into memory.\", "
	"\"error_code\": \"InternalServerError\"}";

void
reply_init(struct reply *reply)
{
	*reply = (struct reply){.status = 500};
	buf_init(&reply->head, HEAD_MAX_BYTES);
	buf_init(&reply->rendered, HEAD_MAX_BYTES * 2);
	buf_init(&reply->body, REPLY_MAX_BYTES);
}

/* let_go -- of the bytes that others hold too. */
static void
let_go(struct reply *reply)
{
	answer_unref(reply->shared);
	reply->shared = NULL;
}

void
reply_free(struct reply *reply)
{
	let_go(reply);
	buf_free(&reply->head);
	buf_free(&reply->rendered);
	buf_free(&reply->body);
}

void
reply_recycle(struct reply *reply)
{
	let_go(reply);
	buf_shrink(&reply->head, REPLY_KEEP_BYTES);
	buf_shrink(&reply->body, REPLY_KEEP_BYTES);
	reply->streaming = false;
	reply->broken = false;
}

const char *
reply_code_name(enum reply_code code)
{
	return codes[code].name;
}

void
reply_begin(struct request *req, int status, const char *type)
{
	struct reply *reply = &req->reply;

	reply->status = status;
	reply->type = type != NULL ? type : "application/json";
	reply->error_code = NULL;
	let_go(reply);
	buf_reset(&reply->head);
	buf_reset(&reply->body);
}

void
reply_header(struct request *req, const char *name, const char *value)
{
	struct buf *head = &req->reply.head;

	buf_str(head, name);
	buf_str(head, ": ");
	buf_str(head, value);
	buf_str(head, "\r\n");
}

struct buf *
reply_body(struct request *req)
{
	return &req->reply.body;
}

void
reply_json(struct request *req, int status, const char *body)
{
	reply_begin(req, status, NULL);
	buf_str(&req->reply.body, body);
}

void
reply_shared(struct request *req, struct answer *answer)
{
	reply_begin(req, 200, NULL);
	req->reply.shared = answer;
}

void
reply_error(struct request *req, enum reply_code code, const char *message)
{
	struct json_out json;

	reply_begin(req, codes[code].status, NULL);
	req->reply.error_code = codes[code].name;
	json_begin(&json, &req->reply.body, false);
	json_object(&json);
	json_key(&json, "message");
	json_string(&json, message);
	json_key(&json, "error_code");
	json_string(&json, codes[code].name);
	json_object_end(&json);
}

/* A browser asks before each kind of request, and again after a day. */
void
reply_preflight(struct request *req, const char *methods)
{
	reply_begin(req, 204, NULL);
	reply_header(req, "Access-Control-Allow-Methods", methods);
	reply_header(req,
				 "Access-Control-Allow-Headers",
				 "Authorization, Content-Type, keen-sdk");
	reply_header(req, "Access-Control-Max-Age", "86400");
}

void
reply_errorf(struct request *req, enum reply_code code, const char *format,
			 ...)
{
	char message[MESSAGE_BYTES];
	va_list args;

	va_start(args, format);
	(void) vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	reply_error(req, code, message);
}

/*
 * spread -- "seconds" and up to half as many, and two, more.
 *
 * Who is refused in the same moment would come back in the same moment, and
 * be refused again.  The header knows whole seconds only.  No state: the time
 * in microseconds is mixed until its lowest bits say nothing of the order of
 * the requests (the finalizer of MurmurHash3).
 */
static int
spread(const struct request *req, int seconds)
{
	uint64_t x = (uint64_t) clock_mono_us() ^ (uint64_t) (uintptr_t) req;

	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return seconds + (int) (x % (uint64_t) (seconds / 2 + 3));
}

void
reply_unavailable(struct request *req, enum reply_code code, enum metric shed,
				  const char *message, int64_t retry_after_ms)
{
	char seconds[16];

	if (retry_after_ms < 1000)
		retry_after_ms = 1000;
	if (retry_after_ms > 3600 * 1000)
		retry_after_ms = 3600 * 1000;
	(void) snprintf(seconds,
					sizeof(seconds),
					"%d",
					spread(req, (int) ((retry_after_ms + 999) / 1000)));
	reply_error(req, code, message);
	reply_header(req, "Retry-After", seconds);
	metrics_add(request_metrics(req), shed, 1);
}

/* ------------------------------------------------------------------------
 * Sending
 */

static const char *
reason_of(int status)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

void
reply_render_head(const struct reply *reply, bool with_length, struct buf *out)
{
	buf_str(out, "Status: ");
	buf_int(out, reply->status);
	buf_char(out, ' ');
	buf_str(out, reason_of(reply->status));
	buf_str(out, "\r\n");
	if (reply->status != 204)
	{
		buf_str(out, "Content-Type: ");
		buf_str(out, reply->type);
		buf_str(out, "\r\n");
	}
	if (with_length && reply->status != 204)
	{
		buf_str(out, "Content-Length: ");
		buf_int(out,
				(int64_t) (reply->shared != NULL ? reply->shared->len
												 : reply->body.len));
		buf_str(out, "\r\n");
	}
	buf_str(out, common_headers);
	buf_append(out, reply->head.data, reply->head.len);
	buf_str(out, "\r\n");
}

static bool
put(FCGX_Stream *out, const char *data, size_t len)
{
	const size_t most = 1024 * 1024; /* FCGX_PutStr() takes an int */

	while (len > 0)
	{
		size_t n = len < most ? len : most;

		if (FCGX_PutStr(data, (int) n, out) != (int) n)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool
put_body(struct request *req)
{
	const struct reply *reply = &req->reply;

	if (req->is_head || reply->status == 204)
		return true;
	if (reply->shared != NULL)
		return put(req->fcgi.out, reply->shared->data, reply->shared->len);
	return put(req->fcgi.out, reply->body.data, reply->body.len);
}

/*
 * put_begun -- head and what there is of the body.
 *
 * An answer of up to 8 kB stays in libfcgi's buffer, and goes out in one write
 * with what ends the request, when that is finished.
 */
static bool
put_begun(struct request *req, bool with_length)
{
	struct buf *head = &req->reply.rendered;

	buf_reset(head);
	reply_render_head(&req->reply, with_length, head);
	return !head->failed && put(req->fcgi.out, head->data, head->len) &&
		   put_body(req);
}

/* give_up -- finishing the request is to write nothing more, and not to wait
 * for who does not read. */
static bool
give_up(struct request *req)
{
	(void) shutdown(req->fcgi.ipcFd, SHUT_WR);
	return false;
}

/*
 * mark_broken -- let the client see that the answer is not whole.
 *
 * Simply closing would not: without a length nginx takes the end of the
 * connection for the end of the answer, and so would the client.  A record
 * of a version that does not exist is an error to nginx, which then closes the
 * client's connection without the last chunk.
 */
static bool
mark_broken(struct request *req)
{
	static const unsigned char no_such_record[8] = {0xff};

	/* Of what was not begun nothing was sent, so nothing looks whole. */
	if (req->reply.streaming)
	{
		(void) FCGX_FFlush(req->fcgi.out);
		/* who is gone sees nothing either way; who does not read has had its
		 * time, and is not waited for again */
		(void) send(req->fcgi.ipcFd,
					no_such_record,
					sizeof(no_such_record),
					MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	return give_up(req);
}

bool
reply_send(struct request *req)
{
	struct reply *reply = &req->reply;

	if (reply->broken)
		return mark_broken(req);
	if (reply->streaming)
		return reply_stream_flush(req) || mark_broken(req);

	if (reply->body.failed || reply->head.failed)
	{
		reply_json(req, codes[REPLY_INTERNAL].status, out_of_memory);
		reply->error_code = codes[REPLY_INTERNAL].name;
	}
	return put_begun(req, true) || give_up(req);
}

bool
reply_is_streaming(const struct request *req)
{
	return req->reply.streaming;
}

bool
reply_stream_flush(struct request *req)
{
	struct reply *reply = &req->reply;
	bool ok = !reply->broken && !reply->body.failed;

	if (ok && !reply->streaming)
	{
		reply->streaming = true;
		ok = put_begun(req, false);
	}
	else if (ok)
		ok = put_body(req);
	ok = ok && FCGX_FFlush(req->fcgi.out) == 0;
	buf_reset(&reply->body);
	if (!ok)
		reply_stream_break(req);
	return ok;
}

void
reply_stream_break(struct request *req)
{
	req->reply.broken = true;
}
