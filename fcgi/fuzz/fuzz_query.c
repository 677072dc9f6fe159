/*
 * fuzz_query.c
 *	  What is asked: a query as a body or as parameters, the canonical text that
 *	  it is remembered by, and base64, in which events come in a URI.
 */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "../json_canon.h"
#include "../query_request.h"

#define MOST (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* canonical -- of a good text; the caller frees it. */
static struct buf
canonical(const char *text, size_t len)
{
	struct buf out;

	buf_init(&out, MOST);
	json_canon(&out, text, len);
	if (out.failed || out.len > len)
		__builtin_trap();
	return out;
}

static void
as_body(const char *text, size_t len)
{
	char why[QUERY_REQUEST_WHY_BYTES];
	struct buf once;
	struct buf twice;

	if (query_request_check(text, len, why) != QUERY_REQUEST_OK)
		return;
	once = canonical(text, len);
	if (query_request_check(once.data, once.len, why) != QUERY_REQUEST_OK)
		__builtin_trap();
	twice = canonical(once.data, once.len);
	if (twice.len != once.len || memcmp(twice.data, once.data, once.len) != 0)
		__builtin_trap();
	buf_free(&once);
	buf_free(&twice);
}

static void
as_parameters(const char *text)
{
	static struct arena *arena;
	char why[QUERY_REQUEST_WHY_BYTES];
	struct buf out;
	struct uri uri;

	if (arena == NULL)
		arena = arena_new(256 * 1024);
	arena_reset(arena);
	if (uri_parse(arena, text, &uri) != URI_OK)
		return;
	buf_init(&out, MOST);
	if (query_request_of_uri(&uri, &out, why) == QUERY_REQUEST_OK &&
		query_request_check(out.data, out.len, why) != QUERY_REQUEST_OK)
		__builtin_trap();
	buf_free(&out);
}

static void
as_base64(const char *text, size_t len)
{
	/* Of its very size, so that a byte too many is seen. */
	char *out = malloc(BASE64_DECODED_BYTES(len) + 1);
	size_t n;

	if (base64_decode(text, len, out, &n) && n > BASE64_DECODED_BYTES(len))
		__builtin_trap();
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *body = malloc(len + 1);
	char *text = malloc(len + 2);

	if (body == NULL || text == NULL)
		abort();
	if (len > 0)
		memcpy(body, data, len);
	as_body(body, len);
	as_base64(body, len);

	text[0] = '/';
	memcpy(text + 1, body, len);
	text[len + 1] = '\0';
	as_parameters(text);
	free(body);
	free(text);
	return 0;
}
