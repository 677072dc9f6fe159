/*
 * test_reply.c
 *	  Answers as bytes: heads, errors, their statuses; and GET parameters as
 *	  the JSON of a query.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../extension/wire/json_check.h"
#include "query_request.h"
#include "request_fcgi.h"
#include "tap.h"

static struct request req;
static struct buf head;

static const char *
body(void)
{
	struct buf *buf = reply_body(&req);

	buf_char(buf, '\0');
	buf->len--;
	return buf->data;
}

static const char *
render(bool with_length)
{
	buf_reset(&head);
	reply_render_head(&req.reply, with_length, &head);
	buf_char(&head, '\0');
	return head.data;
}

static void
test_error(void)
{
	reply_errorf(&req, REPLY_TIMEFRAME, "not \"%s\"\n", "x\xff");
	tap_str(body(),
			"{\"message\":\"not \\\"x\xef\xbf\xbd\\\"\\n\","
			"\"error_code\":\"TimeframeDefinitionError\"}",
			"an error is one JSON object, whatever is in its message");
	tap_str(render(true),
			"Status: 400 Bad Request\r\n"
			"Content-Type: application/json\r\n"
			"Content-Length: 68\r\n"
			"Access-Control-Allow-Origin: *\r\n"
			"Cache-Control: no-store\r\n"
			"\r\n",
			"with a head");

	reply_unavailable(
		&req, REPLY_SPOOL_FULL, METRIC_SHED_SPOOL_FULL, "m", 2001);
	tap_ok(strstr(render(true), "Status: 503 ") == head.data,
		   "what is refused until later has its status");
}

/* retry_after -- what a refusal for "ms" says; -1 if that is no number. */
static int
retry_after(int64_t ms)
{
	static const char name[] = "\r\nRetry-After: ";
	const char *at;
	char *end;
	long seconds;

	reply_unavailable(&req, REPLY_UNAVAILABLE, METRIC_SHED_SLOTS, "m", ms);
	at = strstr(render(true), name);
	if (at == NULL)
		return -1;
	at += sizeof(name) - 1;
	seconds = strtol(at, &end, 10);
	return *at >= '1' && *at <= '9' && strncmp(end, "\r\n", 2) == 0
			   ? (int) seconds
			   : -1;
}

/* Whole seconds, never sooner than was asked for, and not all the same. */
static void
test_retry_after(void)
{
	static const struct
	{
		int64_t ms;
		int least;
		int most;
		const char *title;
	} cases[] = {
		{INT64_MIN, 1, 3, "at least a second"},
		{1, 1, 3, "a wait of less than a second is one"},
		{2001, 3, 6, "rounded up"},
		{30000, 30, 47, "up to half as many, and two, more"},
		{INT64_MAX, 3600, 5402, "at most an hour, and half of one"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int least = INT_MAX;
		int most = -1;
		int wrong = 0;

		for (int n = 0; n < 2000; n++)
		{
			int got = retry_after(cases[i].ms);

			wrong += got < cases[i].least || got > cases[i].most;
			least = got < least ? got : least;
			most = got > most ? got : most;
		}
		tap_int(wrong, 0, cases[i].title);
		tap_ok(least - cases[i].least <= (cases[i].most - least) / 10 &&
				   cases[i].most - most <= (cases[i].most - least) / 10,
			   "... spread over all of it");
	}
}

static void
test_codes(void)
{
	enum reply_code code;
	int wrong = 0;

	for (code = 0; code < REPLY_CODE__COUNT; code++)
	{
		reply_error(&req, code, "m");
		if (req.reply.status < 400 || req.reply.status > 599 ||
			reply_code_name(code) == NULL ||
			strstr(body(), reply_code_name(code)) == NULL ||
			strstr(render(true), " Status\r\n") != NULL)
			wrong++;
	}
	tap_int(wrong, 0, "every code has status, reason and name");
}

static void
test_others(void)
{
	reply_json(&req, 201, "{}");
	reply_header(&req, "Location", "/x");
	tap_ok(strstr(render(true), "\r\nLocation: /x\r\n\r\n") != NULL,
		   "own headers come last");
	tap_ok(strstr(render(false), "Content-Length") == NULL,
		   "a streamed answer has no length");
	reply_begin(&req, 200, NULL);
	tap_ok(strstr(render(true), "Location") == NULL, "a new answer is new");
	reply_preflight(&req, "GET, HEAD, OPTIONS");
	tap_ok(strstr(render(true), "\r\nContent-") == NULL,
		   "an answer without content says nothing of it");
	tap_ok(strstr(render(true), "Allow-Headers: Authorization") != NULL,
		   "but what a browser asked");
}

/* u16 -- two bytes of a record's header. */
static size_t
u16(const char *at)
{
	return (size_t) (uint8_t) at[0] << 8 | (uint8_t) at[1];
}

/*
 * records -- what is sent of a body of "len" bytes, read as a web server does:
 * how many bytes of its STDOUT are right; -1 if it is not FastCGI to its end.
 */
static int64_t
records(size_t len)
{
	struct sending sending = {.fd = -1};
	struct buf out;
	struct buf all;
	size_t head_len;
	size_t at = 0;
	int64_t right = -1;
	int i;

	buf_init(&out, (size_t) 32 << 20);
	buf_init(&all, (size_t) 32 << 20);
	reply_begin(&req, 200, NULL);
	while (req.reply.body.len < len)
		buf_char(reply_body(&req), (char) (req.reply.body.len % 251));
	(void) render(true);
	head_len = head.len - 1; /* without the NUL */
	if (!reply_as_records(&req, &sending))
		abort();
	for (i = 0; i < sending.count; i++)
		buf_append(&all,
				   sending.pieces[i].iov_base,
				   sending.pieces[i].iov_len);

	while (at + 8 <= all.len && all.data[at] == 1 && all.data[at + 1] == 6 &&
		   u16(all.data + at + 2) == 258)
	{
		size_t n = u16(all.data + at + 4);

		at += 8;
		buf_append(&out, all.data + at, n);
		at += n;
		if (n == 0)
			break;
	}
	if (at + 16 == all.len &&
		memcmp(all.data + at,
			   "\1\3\1\2\0\10\0\0"
			   "\0\0\0\0\0\0\0",
			   16) == 0 &&
		out.len == head_len + len &&
		memcmp(out.data, head.data, head_len) == 0)
		for (right = 0; right < (int64_t) len; right++)
			if ((uint8_t) out.data[head_len + (size_t) right] != right % 251)
				break;
	buf_free(&all);
	buf_free(&out);
	arena_reset(req.arena);
	return right;
}

static void
test_records(void)
{
	static const size_t lens[] = {
		1, 8192, 61439, 61440, 61441, 3 * 61440, 15 << 20};
	size_t i;

	req.arena = arena_new(1 << 20);
	req.fcgi.requestId = 258;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		tap_int(records(lens[i]),
				(int64_t) lens[i],
				"a large answer as records of FastCGI");
	tap_ok(reply_is_large(&req), "it is known as large");
	req.is_head = true;
	tap_ok(!reply_is_large(&req), "of which who asks for the head sees none");
	req.is_head = false;
	reply_json(&req, 200, "{}");
	tap_ok(!reply_is_large(&req), "a small one is not");

	reply_begin(&req, 200, NULL);
	buf_room(reply_body(&req), 8192);
	req.reply.body.len = 8192;
	while (arena_alloc(req.arena, 64) != NULL)
		;
	tap_ok(!reply_as_records(&req, &req.sending), "nor without memory");
	arena_free(req.arena);
	req.arena = NULL;
}

/* as_json -- the query of a URL's parameters, or why there is none. */
static const char *
as_json(const char *text)
{
	static char why[QUERY_REQUEST_WHY_BYTES];
	static struct uri uri;
	struct arena *arena = arena_new(1 << 20);
	enum query_request result = QUERY_REQUEST_BAD;

	why[0] = '\0';
	buf_reset(&head);
	if (uri_parse(arena, text, &uri) == URI_OK)
		result = query_request_of_uri(&uri, &head, why);
	arena_free(arena);
	return result == QUERY_REQUEST_OK ? head.data : why;
}

static void
test_query_request(void)
{
	char why[QUERY_REQUEST_WHY_BYTES];

	tap_str(as_json("/?a=1&b=this_day"),
			"{\"a\":\"1\",\"b\":\"this_day\"}",
			"bare values are strings");
	tap_str(as_json("/?api_key=K&pretty=true&jsonp=f"),
			"{}",
			"what is not the query's is left out");
	tap_str(as_json("/?f=%5B1,%7B%7D%5D&o={%22a%22:1}&s=%22x%22"),
			"{\"f\":[1,{}],\"o\":{\"a\":1},\"s\":\"x\"}",
			"JSON stays JSON");
	tap_str(as_json("/?f=[1&s=%22x&t=[1]x"),
			"{\"f\":\"[1\",\"s\":\"\\\"x\",\"t\":\"[1]x\"}",
			"what only looks like it is a string");
	tap_str(as_json("/?f=[1],%22project%22:2&g=]"),
			"{\"f\":\"[1],\\\"project\\\":2\",\"g\":\"]\"}",
			"nobody adds members by the value of another");
	tap_str(as_json("/?%22a%22:1,=2"),
			"{\"\\\"a\\\":1,\":\"2\"}",
			"nor by a name");
	tap_ok(strstr(as_json("/?f=[%22\\ud800%22]"), "parameter \"f\"") != NULL,
		   "JSON that jsonb does not take is an error");

	tap_int(query_request_check(" {} ", 4, why),
			QUERY_REQUEST_OK,
			"an object with blanks around it");
	tap_int(query_request_check("[]", 2, why), QUERY_REQUEST_BAD, "no list");
	tap_int(query_request_check("", 0, why), QUERY_REQUEST_BAD, "no nothing");
	tap_int(query_request_check("{}{}", 4, why), QUERY_REQUEST_BAD, "no two");
	tap_int(query_request_check("{}\0", 3, why), QUERY_REQUEST_BAD, "no NUL");
}

/*
 * Whatever stands in a URL: no memory but its own is touched (ASan), and what
 * comes out is one JSON object or nothing.
 */
static void
test_any_url(void)
{
	static const char alphabet[] = "/?&=%+#{}[]\":,\\u0aF1e.-tn \xc3\xa9\xff";
	char why[QUERY_REQUEST_WHY_BYTES];
	uint32_t random = 1;
	int objects = 0;
	int wrong = 0;
	int i;

	for (i = 0; i < 50000; i++)
	{
		char text[64] = "/?f=[";
		struct json_event found;
		size_t len = 5;
		size_t end;

		random = random * 1664525 + 1013904223;
		end = 5 + (random >> 8) % 50;
		while (len < end)
		{
			random = random * 1664525 + 1013904223;
			text[len++] = alphabet[(random >> 8) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		if (as_json(text) != head.data)
			continue;
		objects++;
		if (query_request_check(head.data, head.len, why) !=
				QUERY_REQUEST_OK ||
			json_check_text(head.data, head.len, &found) != JSON_OK)
			wrong++;
	}
	tap_int(wrong, 0, "any URL becomes an object that jsonb takes");
	tap_ok(objects > 1000, "or is refused");
}

int
main(void)
{
	reply_init(&req.reply);
	buf_init(&head, 1 << 20);
	test_error();
	test_retry_after();
	test_codes();
	test_others();
	test_records();
	test_query_request();
	test_any_url();
	reply_free(&req.reply);
	buf_free(&head);
	return tap_done();
}
