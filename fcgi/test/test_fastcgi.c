/*
 * test_fastcgi.c
 *	  Requests as bytes, in pieces of every size, whole and broken; and what is
 *	  sent back.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fastcgi.h"
#include "tap.h"

static uint8_t window[FASTCGI_WINDOW_BYTES];
static uint8_t bytes[512 * 1024];
static size_t nbytes;

/* What receive() has given, and how much it gives at a time. */
static size_t given;
static size_t slice;

static ssize_t
receive(struct fastcgi *f, void *data, size_t len)
{
	size_t n = nbytes - given;

	(void) f;
	n = n < slice ? n : slice;
	n = n < len ? n : len;
	memcpy(data, bytes + given, n);
	given += n;
	return (ssize_t) n;
}

static void
put(const void *data, size_t len)
{
	memcpy(bytes + nbytes, data, len);
	nbytes += len;
}

/* record -- with some padding, which says nothing. */
static void
record(int type, int id, const void *data, size_t len)
{
	const uint8_t padding = (uint8_t) (len % 8);
	const uint8_t header[8] = {1,
							   (uint8_t) type,
							   (uint8_t) (id >> 8),
							   (uint8_t) id,
							   (uint8_t) (len >> 8),
							   (uint8_t) len,
							   padding,
							   0};

	put(header, sizeof(header));
	put(data, len);
	put("paddings", padding);
}

static void
begin(void)
{
	static const uint8_t responder[8] = {0, 1};

	nbytes = 0;
	record(1, 7, responder, sizeof(responder));
}

/* pair -- into "out"; a long name or value has four bytes of length. */
static size_t
pair(uint8_t *out, const char *name, const char *value)
{
	size_t lens[2] = {strlen(name), strlen(value)};
	size_t n = 0;

	for (int i = 0; i < 2; i++)
	{
		if (lens[i] > 127)
		{
			out[n++] = (uint8_t) (0x80 | lens[i] >> 24);
			out[n++] = (uint8_t) (lens[i] >> 16);
			out[n++] = (uint8_t) (lens[i] >> 8);
		}
		out[n++] = (uint8_t) lens[i];
	}
	memcpy(out + n, name, lens[0]);
	memcpy(out + n + lens[0], value, lens[1]);
	return n + lens[0] + lens[1];
}

static void
start(struct fastcgi *f, size_t slice_bytes)
{
	given = 0;
	slice = slice_bytes;
	fastcgi_begin(f, -1, window, 0);
	f->receive = receive;
}

static enum fastcgi_result
read_params(struct arena *arena)
{
	struct fastcgi f;

	arena_reset(arena);
	start(&f, SIZE_MAX);
	return fastcgi_read_params(&f, arena);
}

/* read_all -- head and body in slices of that size; true if all is right. */
static bool
read_all(struct arena *arena, const char *value, size_t slice_bytes)
{
	struct fastcgi f;
	char body[32];
	size_t have = 0;
	size_t n;

	arena_reset(arena);
	start(&f, slice_bytes);
	if (fastcgi_read_params(&f, arena) != FASTCGI_OK || f.nparams != 4 ||
		strcmp(fastcgi_param(&f, "REQUEST_METHOD"), "POST") != 0 ||
		strcmp(fastcgi_param(&f, "EMPTY"), "") != 0 ||
		strcmp(fastcgi_param(&f, ""), "of nothing") != 0 ||
		strcmp(fastcgi_param(&f, "LONG"), value) != 0 ||
		fastcgi_param(&f, "REQUEST") != NULL)
		return false;
	do
	{
		if (fastcgi_read_body(&f, body + have, sizeof(body) - have, &n) !=
			FASTCGI_OK)
			return false;
		have += n;
	} while (n > 0);
	return have == 11 && memcmp(body, "hello world", 11) == 0 &&
		   given == nbytes;
}

static void
test_whole(struct arena *arena)
{
	uint8_t params[1024];
	char value[301];
	size_t len = 0;
	bool ok = true;

	memset(value, 'v', 300);
	value[300] = '\0';
	len += pair(params + len, "REQUEST_METHOD", "POST");
	len += pair(params + len, "EMPTY", "");
	len += pair(params + len, "", "of nothing");
	len += pair(params + len, "LONG", value);
	for (size_t cut = 1; cut < len; cut++)
	{
		begin();
		record(4, 7, params, cut);
		record(4, 7, params + cut, len - cut);
		record(4, 7, "", 0);
		record(5, 7, "hello ", 6);
		record(5, 7, "world", 5);
		record(5, 7, "", 0);
		ok = ok && read_all(arena, value, SIZE_MAX) &&
			 read_all(arena, value, 1) && read_all(arena, value, cut);
	}
	tap_ok(ok, "a request in records and in pieces of every size");

	ok = true;
	while (nbytes-- > 0 && ok)
		ok = !read_all(arena, value, SIZE_MAX);
	tap_ok(ok, "one that ends before its end, at every byte, is none");
}

static void
test_broken(struct arena *arena)
{
	static const uint8_t filter[8] = {0, 3};
	static const struct
	{
		const char *params;
		size_t len;
		const char *title;
	} bad[] = {
		{"\x05\x05name", 6, "a value that is not there"},
		{"\x05", 1, "a name without a value's length"},
		{"\x80\x00\x00", 3, "a length cut in two"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 8, "two lengths of 2 GB"},
		{"\x01\xff\xff\xff\xffx", 6, "a length of 2 GB"},
		{"\x03\x01no\0x", 6, "a NUL in a name"},
		{"\x01\x03xn\0o", 6, "a NUL in a value"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		begin();
		record(4, 7, bad[i].params, bad[i].len);
		record(4, 7, "", 0);
		tap_int(read_params(arena), FASTCGI_BROKEN, bad[i].title);
	}

	nbytes = 0;
	tap_int(read_params(arena), FASTCGI_CLOSED, "nothing at all");
	begin();
	bytes[0] = 2;
	tap_int(read_params(arena), FASTCGI_BROKEN, "another version");
	begin();
	bytes[3] = 0;
	tap_int(read_params(arena), FASTCGI_BROKEN, "a request without an id");
	nbytes = 0;
	record(1, 7, filter, sizeof(filter));
	tap_int(read_params(arena), FASTCGI_BROKEN, "another role");
	nbytes = 0;
	record(1, 7, filter, 7);
	tap_int(read_params(arena), FASTCGI_BROKEN, "a beginning cut short");
	nbytes = 0;
	record(4, 7, "", 0);
	tap_int(read_params(arena), FASTCGI_BROKEN, "no beginning");
	begin();
	record(4, 8, "", 0);
	tap_int(read_params(arena), FASTCGI_BROKEN, "a record of another request");
	begin();
	record(5, 7, "", 0);
	tap_int(read_params(arena), FASTCGI_BROKEN, "a body before parameters");
	begin();
	record(2, 7, "", 0);
	tap_int(read_params(arena), FASTCGI_CLOSED, "a request given up");
}

static void
test_limits(struct arena *arena)
{
	static uint8_t params[60000];
	struct arena *small = arena_new(1);
	size_t len = 0;

	while (len + 4 <= sizeof(params))
		len += pair(params + len, "n", "v");
	begin();
	record(4, 7, params, len);
	record(4, 7, "", 0);
	tap_int(read_params(arena), FASTCGI_TOO_LARGE, "15,000 parameters");

	memset(params, 'x', sizeof(params));
	begin();
	for (int i = 0; i < 3; i++)
		record(4, 7, params, sizeof(params));
	tap_int(read_params(arena), FASTCGI_TOO_LARGE, "180 kB of parameters");

	begin();
	record(4, 7, params, sizeof(params));
	tap_int(read_params(small), FASTCGI_NO_MEMORY, "no room for them");
	arena_free(small);

	begin();
	record(4, 7, "", 0);
	tap_int(read_params(arena), FASTCGI_OK, "no parameters");
}

static void
test_silence(struct arena *arena)
{
	struct fastcgi f;
	int64_t began_ms = clock_mono_ms();
	int pair_fd[2];

	tap_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fd) == 0, "a socket");
	fastcgi_begin(&f, pair_fd[0], window, began_ms);
	tap_int(fastcgi_read_params(&f, arena), FASTCGI_LATE, "a silent peer");
	tap_ok(clock_mono_ms() - began_ms < 1000,
		   "is not waited for as long as one that began");
	(void) close(pair_fd[1]);
	tap_int(fastcgi_read_params(&f, arena), FASTCGI_CLOSED, "a peer gone");
	fastcgi_close(&f);
	tap_int(f.fd, -1, "closed");
	fastcgi_close(&f);
}

static void
test_write(void)
{
	static const uint8_t expected[] =
		"\1\6\0\0\0\6\0\0headbo\1\6\0\0\0\0\0\0\1\3\0\0\0\10\0\0\0\0\0\0\0\0\0\0";
	static char large[200 * 1000];
	const struct iovec two[] = {{(char[]){"head"}, 4},
								{large, 0},
								{(char[]){"bo"}, 2}};
	const struct iovec one = {large, sizeof(large)};
	struct fastcgi f;
	uint8_t got[300 * 1000];
	size_t total = 0;
	size_t have = 0;
	int records = 0;
	int fds[2];
	ssize_t n;

	(void) socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	fastcgi_begin(&f, fds[0], window, 0);
	tap_ok(fastcgi_write(&f, two, 3, true), "an answer of parts");
	n = read(fds[1], got, sizeof(got));
	tap_ok(n == sizeof(expected) - 1 && memcmp(got, expected, (size_t) n) == 0,
		   "is one record, an end, and an end of the request");

	memset(large, 'x', sizeof(large));
	(void) setsockopt(
		fds[0], SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int));
	tap_ok(fastcgi_write(&f, &one, 1, false), "a large one");
	while ((n = recv(fds[1], got + have, sizeof(got) - have, MSG_DONTWAIT)) >
		   0)
		have += (size_t) n;
	total = have;
	for (size_t at = 0; at + 8 <= have; records++)
	{
		size_t len = (size_t) got[at + 4] << 8 | got[at + 5];

		total -= 8;
		at += 8 + len;
	}
	tap_int(records, 4, "is cut into records");
	tap_int((long long) total, sizeof(large), "with all its bytes");

	(void) close(fds[1]);
	tap_ok(!fastcgi_write(&f, &one, 1, true), "a peer gone is seen");
	fastcgi_close(&f);
}

int
main(void)
{
	struct arena *arena = arena_new((size_t) 4 * 1024 * 1024);

	(void) signal(SIGPIPE, SIG_IGN);
	test_whole(arena);
	test_broken(arena);
	test_limits(arena);
	test_silence(arena);
	test_write();
	arena_free(arena);
	return tap_done();
}
