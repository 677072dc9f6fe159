/*
 * reply_records.c
 *	  A whole answer as the records of FastCGI, to be sent without libfcgi.
 *
 * libfcgi writes 8 kB at a time and waits for each.  In this form an answer is
 * the sender's (sender.h), and nobody else waits for its reader: one who takes
 * nothing would hold a thread for five seconds, and in tally-write with its one
 * replier everybody's acknowledgement.
 *
 *	STDOUT head | STDOUT body | ... | STDOUT body | STDOUT, empty | END_REQUEST
 *
 * A record is a header of 8 bytes, version, type, request (2), length (2),
 * padding, 0, and its content.
 */
#include <string.h>

#include "request_fcgi.h"

#define VERSION 1
#define TYPE_END_REQUEST 3
#define TYPE_STDOUT 6
#define HEADER_BYTES ((size_t) 8)
/* 65,535 is the most; these are whole pages. */
#define CONTENT_BYTES ((size_t) 61440)
#define END_BYTES (3 * HEADER_BYTES)

/* Below it head and body are one write of libfcgi, which an empty socket's
 * buffer always takes. */
#define LARGE_BYTES ((size_t) 7 * 1024)

static size_t
body_of(const struct reply *reply, const char **data)
{
	*data = reply->shared != NULL ? reply->shared->data : reply->body.data;
	return reply->shared != NULL ? reply->shared->len : reply->body.len;
}

bool
reply_is_large(const struct request *req)
{
	const struct reply *reply = &req->reply;
	const char *data;

	return !reply->streaming && !reply->broken && !req->is_head &&
		   reply->status != 204 && !reply->head.failed &&
		   !reply->body.failed && body_of(reply, &data) > LARGE_BYTES;
}

static void
put_header(uint8_t *to, uint8_t type, int request, size_t len)
{
	to[0] = VERSION;
	to[1] = type;
	to[2] = (uint8_t) (request >> 8);
	to[3] = (uint8_t) request;
	to[4] = (uint8_t) (len >> 8);
	to[5] = (uint8_t) len;
	to[6] = 0;
	to[7] = 0;
}

/* An answer that becomes pieces. */
struct records
{
	int request;
	uint8_t *headers; /* room for as many as there are records */
	struct iovec *pieces;
	int count;
};

static void
add(struct records *records, const char *data, size_t len)
{
	struct iovec *piece = &records->pieces[records->count];

	put_header(records->headers, TYPE_STDOUT, records->request, len);
	piece[0].iov_base = records->headers;
	piece[0].iov_len = HEADER_BYTES;
	piece[1].iov_base = (void *) (uintptr_t) data; /* only read */
	piece[1].iov_len = len;
	records->headers += HEADER_BYTES;
	records->count += 2;
}

static void
add_end(struct records *records)
{
	struct iovec *piece = &records->pieces[records->count++];

	put_header(records->headers, TYPE_STDOUT, records->request, 0);
	put_header(records->headers + HEADER_BYTES,
			   TYPE_END_REQUEST,
			   records->request,
			   HEADER_BYTES);
	/* no status to report, and complete: all 0 */
	memset(records->headers + 2 * HEADER_BYTES, 0, HEADER_BYTES);
	piece->iov_base = records->headers;
	piece->iov_len = END_BYTES;
}

bool
reply_as_records(struct request *req, struct sending *sending)
{
	struct buf *head = &req->reply.rendered;
	const char *data;
	size_t left = body_of(&req->reply, &data);
	const size_t most = 1 + left / CONTENT_BYTES + 1;
	struct records records = {.request = req->fcgi.requestId};

	buf_reset(head);
	reply_render_head(&req->reply, true, head);
	records.headers = arena_alloc(req->arena, most * HEADER_BYTES + END_BYTES);
	records.pieces =
		arena_alloc(req->arena, (2 * most + 1) * sizeof(struct iovec));
	if (head->failed || records.headers == NULL || records.pieces == NULL)
		return false;

	add(&records, head->data, head->len);
	while (left > 0)
	{
		size_t len = left < CONTENT_BYTES ? left : CONTENT_BYTES;

		add(&records, data, len);
		data += len;
		left -= len;
	}
	add_end(&records);
	sending->fd = req->fcgi.ipcFd;
	sending->pieces = records.pieces;
	sending->count = records.count;
	return true;
}

/* sent -- or given up; then nothing more can follow on the connection. */
static void
sent(struct sending *sending, bool all)
{
	struct request *req = sending->arg;

	req->keep = req->keep && all;
	request_sent(req);
}

bool
reply_pass_on(struct request *req, struct sender *sender)
{
	if (!reply_is_large(req) || !reply_as_records(req, &req->sending))
		return false;
	req->is_passed_on = true;
	req->sending.done = sent;
	req->sending.arg = req;
	sender_send(sender, &req->sending);
	return true;
}
