/*
 * fastcgi.c
 *	  The FastCGI protocol, as far as a responder behind nginx needs it.
 *
 * A record is a header of 8 bytes (version, type, request id, length of the
 * content, padding), the content, the padding.  A request is
 *
 *	  BEGIN_REQUEST  PARAMS ... PARAMS(empty)  STDIN ... STDIN(empty)
 *
 * and its answer STDOUT ... STDOUT(empty) END_REQUEST.
 *
 * Why not libfcgi: it reads the parameters with no limit of time, closes with
 * waits, aborts when memory is short, and takes 7 system calls and 60 calls of
 * malloc() for what takes 4 and none here; a request is then half as dear.
 */
#define _DEFAULT_SOURCE
#include "fastcgi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

#define VERSION 1
#define HEADER_BYTES 8

enum
{
	BEGIN_REQUEST = 1,
	ABORT_REQUEST = 2,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
};

#define ROLE_RESPONDER 1
#define BEGIN_BYTES 8
#define REQUEST_COMPLETE 0

/* The most that a record holds, in whole words. */
#define RECORD_BYTES ((size_t) 65528)

/* ------------------------------------------------------------------------
 * Reading
 */

/* receive_socket -- what is there at once; else waits, until the deadline. */
static ssize_t
receive_socket(struct fastcgi *f, void *data, size_t len)
{
	for (;;)
	{
		ssize_t n = recv(f->fd, data, len, MSG_DONTWAIT);
		struct pollfd wait = {.fd = f->fd, .events = POLLIN};
		int ready;

		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n;
		if (errno == EINTR)
			continue;
		ready = poll(&wait, 1, clock_left_ms(f->deadline_ms));
		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready == 0 || (ready < 0 && errno != EINTR))
			return -1;
	}
}

void
fastcgi_begin(struct fastcgi *f, int fd, uint8_t *window, int64_t now_ms)
{
	*f = (struct fastcgi){
		.fd = fd,
		.window = window,
		.deadline_ms = now_ms + FASTCGI_SILENT_MS,
		.read_ms = now_ms + FASTCGI_READ_MS,
		.receive = receive_socket,
	};
}

/* fill -- more bytes into the window, behind those that are still there. */
static enum fastcgi_result
fill(struct fastcgi *f)
{
	ssize_t n;

	if (f->at > 0)
	{
		memmove(f->window, f->window + f->at, f->end - f->at);
		f->end -= f->at;
		f->at = 0;
	}
	n = f->receive(f, f->window + f->end, FASTCGI_WINDOW_BYTES - f->end);
	if (n > 0)
	{
		f->end += (size_t) n;
		f->deadline_ms = f->read_ms;
		return FASTCGI_OK;
	}
	return n < 0 && errno == ETIMEDOUT ? FASTCGI_LATE : FASTCGI_CLOSED;
}

/* skip -- "len" bytes that mean nothing. */
static enum fastcgi_result
skip(struct fastcgi *f, size_t len)
{
	while (len > f->end - f->at)
	{
		enum fastcgi_result result;

		len -= f->end - f->at;
		f->at = f->end;
		result = fill(f);
		if (result != FASTCGI_OK)
			return result;
	}
	f->at += len;
	return FASTCGI_OK;
}

/* next_record -- past what is left of this one, to the next one's header. */
static enum fastcgi_result
next_record(struct fastcgi *f)
{
	enum fastcgi_result result = skip(f, f->left + f->padding);
	const uint8_t *header;
	uint16_t id;

	f->left = f->padding = 0;
	while (result == FASTCGI_OK && f->end - f->at < HEADER_BYTES)
		result = fill(f);
	if (result != FASTCGI_OK)
		return result;

	header = f->window + f->at;
	f->at += HEADER_BYTES;
	id = (uint16_t) (header[2] << 8 | header[3]);
	f->type = header[1];
	f->left = (size_t) header[4] << 8 | header[5];
	f->padding = header[6];
	if (header[0] != VERSION)
		return FASTCGI_BROKEN;
	if (f->type == BEGIN_REQUEST && f->id == 0)
		f->id = id;
	/* 0 is for questions about the program: nginx has none. */
	if (id == 0 || id != f->id)
		return FASTCGI_BROKEN;
	return f->type == ABORT_REQUEST ? FASTCGI_CLOSED : FASTCGI_OK;
}

/* take -- up to "len" bytes of the record's content that are there. */
static enum fastcgi_result
take(struct fastcgi *f, void *data, size_t len, size_t *got)
{
	enum fastcgi_result result = FASTCGI_OK;
	size_t n = f->left < len ? f->left : len;

	if (n > 0 && f->at == f->end)
		result = fill(f);
	if (result != FASTCGI_OK)
		return result;
	if (n > f->end - f->at)
		n = f->end - f->at;
	memcpy(data, f->window + f->at, n);
	f->at += n;
	f->left -= n;
	*got = n;
	return FASTCGI_OK;
}

static enum fastcgi_result
read_begin(struct fastcgi *f)
{
	enum fastcgi_result result = next_record(f);
	uint8_t begin[BEGIN_BYTES];
	size_t have = 0;
	size_t n;

	if (result != FASTCGI_OK)
		return result;
	if (f->type != BEGIN_REQUEST || f->left != BEGIN_BYTES)
		return FASTCGI_BROKEN;
	for (; have < BEGIN_BYTES; have += n)
	{
		result = take(f, begin + have, BEGIN_BYTES - have, &n);
		if (result != FASTCGI_OK)
			return result;
	}
	return (begin[0] << 8 | begin[1]) == ROLE_RESPONDER ? FASTCGI_OK
														: FASTCGI_BROKEN;
}

/*
 * gather_params -- the content of all PARAMS records, with a byte free behind
 * it.
 *
 * A request's parameters nearly always are one record, so what the arena is
 * asked for first is what that needs.
 */
static enum fastcgi_result
gather_params(struct fastcgi *f, struct arena *arena, uint8_t **data,
			  size_t *len)
{
	size_t cap = 0;

	*data = NULL;
	*len = 0;
	for (;;)
	{
		enum fastcgi_result result = next_record(f);
		size_t n;

		if (result != FASTCGI_OK)
			return result;
		if (f->type != PARAMS)
			return FASTCGI_BROKEN;
		if (f->left == 0)
			break;
		if (f->left > FASTCGI_MAX_PARAMS_BYTES - *len)
			return FASTCGI_TOO_LARGE;
		if (*len + f->left > cap)
		{
			uint8_t *grown;

			cap = cap == 0 ? f->left : FASTCGI_MAX_PARAMS_BYTES;
			grown = arena_alloc(arena, cap + 1);
			if (grown == NULL)
				return FASTCGI_NO_MEMORY;
			if (*len > 0)
				memcpy(grown, *data, *len);
			*data = grown;
		}
		while (f->left > 0)
		{
			result = take(f, *data + *len, f->left, &n);
			if (result != FASTCGI_OK)
				return result;
			*len += n;
		}
	}
	return FASTCGI_OK;
}

/* take_length -- of a name or a value: one byte, or four with the top bit. */
static bool
take_length(const uint8_t **p, const uint8_t *end, size_t *len)
{
	const uint8_t *in = *p;

	if (in == end)
		return false;
	*len = in[0];
	if (in[0] < 0x80)
	{
		*p = in + 1;
		return true;
	}
	if (end - in < 4)
		return false;
	*len = (size_t) (in[0] & 0x7f) << 24 | (size_t) in[1] << 16 |
		   (size_t) in[2] << 8 | in[3];
	*p = in + 4;
	return true;
}

/* take_pair -- the next name and value; false if they are not all there. */
static bool
take_pair(const uint8_t **p, const uint8_t *end, size_t *name_len,
		  size_t *value_len)
{
	size_t rest;

	if (!take_length(p, end, name_len) || !take_length(p, end, value_len))
		return false;
	rest = (size_t) (end - *p);
	if (*name_len > rest || *value_len > rest - *name_len)
		return false;
	return memchr(*p, '\0', *name_len + *value_len) == NULL;
}

/* count_pairs -- -1 when they are no pairs. */
static int
count_pairs(const uint8_t *p, const uint8_t *end)
{
	int count = 0;

	while (p < end)
	{
		size_t name;
		size_t value;

		if (!take_pair(&p, end, &name, &value))
			return -1;
		p += name + value;
		count++;
	}
	return count;
}

/*
 * split_params -- names and values where they lie, each with its NUL.
 *
 * A name is moved one byte down, over the lengths that stood before it, to
 * make room for its own; a value's NUL goes onto the first byte of the pair
 * behind it, once that was read, or onto the free byte at the end.
 */
static void
split_params(uint8_t *data, size_t len, struct fastcgi_param *params)
{
	const uint8_t *p = data;
	const uint8_t *end = data + len;
	uint8_t *ended = NULL;

	for (size_t i = 0; p < end; i++)
	{
		size_t name;
		size_t value;
		uint8_t *at;

		(void) take_pair(&p, end, &name, &value);
		if (ended != NULL)
			*ended = '\0';
		at = data + (p - data) - 1;
		memmove(at, at + 1, name);
		at[name] = '\0';
		params[i].name = (const char *) at;
		params[i].value = (const char *) at + name + 1;
		ended = at + name + 1 + value;
		p += name + value;
	}
	if (ended != NULL)
		*ended = '\0';
}

enum fastcgi_result
fastcgi_read_params(struct fastcgi *f, struct arena *arena)
{
	enum fastcgi_result result = read_begin(f);
	struct fastcgi_param *params;
	uint8_t *data;
	size_t len;
	int count;

	if (result == FASTCGI_OK)
		result = gather_params(f, arena, &data, &len);
	if (result != FASTCGI_OK)
		return result;
	count = len > 0 ? count_pairs(data, data + len) : 0;
	if (count < 0)
		return FASTCGI_BROKEN;
	if (count > FASTCGI_MAX_PARAMS)
		return FASTCGI_TOO_LARGE;
	params = arena_alloc(arena, (size_t) (count + 1) * sizeof(*params));
	if (params == NULL)
		return FASTCGI_NO_MEMORY;
	if (len > 0)
		split_params(data, len, params);
	f->params = params;
	f->nparams = (size_t) count;
	return FASTCGI_OK;
}

const char *
fastcgi_param(const struct fastcgi *f, const char *name)
{
	for (size_t i = 0; i < f->nparams; i++)
		if (strcmp(f->params[i].name, name) == 0)
			return f->params[i].value;
	return NULL;
}

enum fastcgi_result
fastcgi_read_body(struct fastcgi *f, void *data, size_t len, size_t *got)
{
	*got = 0;
	while (f->left == 0 && !f->body_ended)
	{
		enum fastcgi_result result = next_record(f);

		if (result != FASTCGI_OK)
			return result;
		if (f->type != STDIN)
			return FASTCGI_BROKEN;
		f->body_ended = f->left == 0;
	}
	if (f->body_ended)
		return FASTCGI_OK;
	return take(f, data, len, got);
}

/* ------------------------------------------------------------------------
 * Writing
 */

/* send_all -- false when the peer is gone or does not read. */
static bool
send_all(struct fastcgi *f, struct iovec *iov, int n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t) n};

	while (message.msg_iovlen > 0)
	{
		ssize_t sent = sendmsg(f->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
		{
			struct pollfd wait = {.fd = f->fd, .events = POLLOUT};

			if (poll(&wait, 1, FASTCGI_SEND_MS) == 0)
				return false;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		while (message.msg_iovlen > 0 &&
			   (size_t) sent >= message.msg_iov->iov_len)
		{
			sent -= (ssize_t) message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen > 0)
		{
			message.msg_iov->iov_base =
				(char *) message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= (size_t) sent;
		}
	}
	return true;
}

static struct iovec
put_header(const struct fastcgi *f, uint8_t *out, int type, size_t len)
{
	const struct iovec iov = {out, HEADER_BYTES};

	out[0] = VERSION;
	out[1] = (uint8_t) type;
	out[2] = (uint8_t) (f->id >> 8);
	out[3] = (uint8_t) f->id;
	out[4] = (uint8_t) (len >> 8);
	out[5] = (uint8_t) len;
	out[6] = 0;
	out[7] = 0;
	return iov;
}

/* take_part -- the next bytes of the parts, at most "most". */
static struct iovec
take_part(struct iovec *parts, int n, size_t most)
{
	struct iovec taken = {NULL, 0};

	for (int i = 0; i < n; i++)
	{
		if (parts[i].iov_len == 0)
			continue;
		taken.iov_base = parts[i].iov_base;
		taken.iov_len = parts[i].iov_len < most ? parts[i].iov_len : most;
		parts[i].iov_base = (char *) parts[i].iov_base + taken.iov_len;
		parts[i].iov_len -= taken.iov_len;
		break;
	}
	return taken;
}

bool
fastcgi_write(struct fastcgi *f, const struct iovec *parts, int n, bool last)
{
	static const uint8_t complete[8] = {0, 0, 0, 0, REQUEST_COMPLETE};
	uint8_t headers[3][HEADER_BYTES];
	struct iovec iov[FASTCGI_MAX_PARTS + 4];
	struct iovec rest[FASTCGI_MAX_PARTS];
	size_t total = 0;

	for (int i = 0; i < n; i++)
	{
		rest[i] = parts[i];
		total += parts[i].iov_len;
	}
	while (total > 0 || last)
	{
		size_t len = total < RECORD_BYTES ? total : RECORD_BYTES;
		int k = 0;

		total -= len;
		if (len > 0)
			iov[k++] = put_header(f, headers[0], STDOUT, len);
		while (len > 0)
		{
			iov[k] = take_part(rest, n, len);
			len -= iov[k++].iov_len;
		}
		if (last && total == 0)
		{
			iov[k++] = put_header(f, headers[1], STDOUT, 0);
			iov[k++] =
				put_header(f, headers[2], END_REQUEST, sizeof(complete));
			iov[k].iov_base = (void *) (uintptr_t) complete;
			iov[k++].iov_len = sizeof(complete);
			last = false;
		}
		if (!send_all(f, iov, k))
			return false;
	}
	return true;
}

void
fastcgi_break(struct fastcgi *f)
{
	uint8_t no_such_record[HEADER_BYTES] = {0xff};
	struct iovec iov = {no_such_record, sizeof(no_such_record)};

	(void) send_all(f, &iov, 1); /* who is gone sees nothing either way */
}

void
fastcgi_close(struct fastcgi *f)
{
	if (f->fd >= 0)
		(void) close(f->fd);
	f->fd = -1;
}
