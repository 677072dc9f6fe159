/*
 * fuzz_fastcgi.c
 *	  The request parser: bytes as a web server would send them, in pieces of
 *	  a size that the first byte says; then the URI that they name.
 */
#include <string.h>

#include "../fastcgi.h"
#include "../request_fcgi.h"
#include "../uri.h"

struct input
{
	const uint8_t *data;
	size_t len;
	size_t slice;
};

static ssize_t
receive(struct fastcgi *f, void *data, size_t len)
{
	struct input *in = f->receive_arg;
	size_t n = in->len < in->slice ? in->len : in->slice;

	n = n < len ? n : len;
	memcpy(data, in->data, n);
	in->data += n;
	in->len -= n;
	return (ssize_t) n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t window[FASTCGI_WINDOW_BYTES];
	static struct arena *arena;
	struct input in = {data, len, SIZE_MAX};
	struct fastcgi f;
	struct uri uri;
	char body[100];
	size_t got = 1;
	size_t chars = 0;

	if (len == 0)
		return 0;
	if (arena == NULL)
		arena = arena_new(256 * 1024);
	in.data++;
	in.len--;
	in.slice = data[0] == 0 ? SIZE_MAX : data[0];
	arena_reset(arena);
	fastcgi_begin(&f, -1, window, 0);
	f.receive = receive;
	f.receive_arg = &in;
	if (fastcgi_read_params(&f, arena) != FASTCGI_OK)
		return 0;
	for (size_t i = 0; i < f.nparams; i++)
	{
		size_t n;

		chars += strlen(f.params[i].name) + strlen(f.params[i].value);
		(void) request_parse_length(f.params[i].value, &n);
		(void) request_method_named(f.params[i].value);
		(void) uri_parse(arena, f.params[i].value, &uri);
	}
	if (chars > FASTCGI_MAX_PARAMS_BYTES)
		__builtin_trap();
	while (got > 0 &&
		   fastcgi_read_body(&f, body, sizeof(body), &got) == FASTCGI_OK)
		;
	return 0;
}
