/*
 * fuzz_uri.c
 *	  What a request says of itself, as the web server passes it on: its URI,
 *	  its method, its length.
 */
#include <string.h>

#include "../request_fcgi.h"
#include "../uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct arena *arena;
	struct uri uri;
	char *text;
	size_t n;

	if (arena == NULL)
		arena = arena_new(256 * 1024);
	arena_reset(arena);
	text = arena_alloc(arena, len + 1);
	if (text == NULL)
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';

	(void) request_method_named(text);
	if (request_parse_length(text, &n) &&
		text[strspn(text, "0123456789")] != '\0')
		__builtin_trap();
	if (uri_parse(arena, text, &uri) != URI_OK)
		return 0;
	/* Decoding never makes anything longer. */
	for (size_t i = 0; i < uri.nsegments; i++)
		if (strlen(uri.segments[i]) > len)
			__builtin_trap();
	return 0;
}
