/*
 * test_base64.c
 *	  base64_decode(): the dialects of Keen's clients, and what is none.
 */
#include "tap.h"

#include <stdlib.h>

#include "base64.h"

/* decoded -- the text that it is, "?" if it is none; memory fits exactly. */
static const char *
decoded(const char *text)
{
	static char out[64];
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	char *got = malloc(BASE64_DECODED_BYTES(len));
	size_t n = 0;

	if (copy == NULL || got == NULL)
		abort();
	memcpy(copy, text, len);
	if (base64_decode(copy, len, got, &n))
	{
		memcpy(out, got, n);
		out[n] = '\0';
	}
	else
		strcpy(out, "?");
	free(copy);
	free(got);
	return out;
}

int
main(void)
{
	/* RFC 4648, 10 */
	tap_str(decoded(""), "", "nothing");
	tap_str(decoded("Zg=="), "f", "one byte");
	tap_str(decoded("Zm8="), "fo", "two");
	tap_str(decoded("Zm9v"), "foo", "three");
	tap_str(decoded("Zm9vYmFy"), "foobar", "six");
	tap_str(decoded("Zm9vYg"), "foob", "without padding");
	tap_str(decoded("Zm9vYmE"), "fooba", "likewise");
	tap_str(decoded("fn5+Pz8/"), "~~~???", "the standard alphabet");
	tap_str(decoded("fn5-Pz8_"), "~~~???", "the one for URLs");
	tap_str(decoded("fn5 Pz8/"), "~~~???", "a + that became a blank");
	tap_str(decoded("Z"), "?", "a single character");
	tap_str(decoded("Zm9vY"), "?", "one over");
	tap_str(decoded("Zg="), "?", "too little padding");
	tap_str(decoded("Zg==="), "?", "too much");
	tap_str(decoded("Zg==Zg=="), "?", "padding in the middle");
	tap_str(decoded("Zm9v\n"), "?", "a line end");
	tap_str(decoded("Zm9%"), "?", "another character");
	return tap_done();
}
