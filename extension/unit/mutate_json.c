/*
 * mutate_json.c
 *	  Makes texts that are nearly JSON and says of each what json_check does,
 *	  for t/020_json_check.pl to compare with the server.
 *
 *	mutate_json SEED COUNT
 *
 * A line a text, as COPY reads them, tabs between:
 *	  the text		in hexadecimal
 *	  is it JSON	t, f, or \N when it is deeper than we take and a server may
 *	  is it an event	t or f
 *	  keen.timestamp	absent, string or other; \N when it is no event
 *	  its value		in hexadecimal, resolved, when it is a string
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_check.h"

#define MAX_BYTES 400

static const char *const seeds[] = {
	"{\"keen\":{\"timestamp\":\"2024-03-01T09:30:00.000Z\"},\"a\":1}",
	"{\"k\\u0065en\":{\"timest\\u0061mp\":\"2024\\u002d03\"},\"b\":[1,2.5]}",
	"{\"a\":\"x\",\"keen\":{\"timestamp\":\"1\",\"timestamp\":\"2\"}}",
	"{\"keen\":{\"timestamp\":\"1\"},\"keen\":{\"timestamp\":\"\\n\"}}",
	"{\"keen\":{\"timestamp\":{\"timestamp\":7},\"id\":\"5\"}}",
	"{\"page\":{\"url\":\"http:\\/\\/x\\/\",\"n\":[true,false,null]}}",
	"{\"n\":[0,-0,1.5,-2.5e+10,1E-7,123456789012345678901234567890]}",
	"[1e131071,1e-16383,0e5,0.1e131072,0.000e99]",
	"[-0.00012345e-16370,9.9e131071,100000e131066]",
	"\"\\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t \\u20ac\"",
	"\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 and some more text\"",
	"[[[[{\"a\":[{\"b\":[]}]}]]]]",
	" {\t\"a\" :\n1 ,\r\"\" : { } } ",
	"-12.5e3",
	"true",
	"null",
};

static const char *const pieces[] = {
	"\"",
	"\\",
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"null",
	"true",
	"false",
	"0",
	"1",
	"9",
	"-",
	"+",
	".",
	"e",
	"E",
	"e131072",
	"e-16384",
	"e2000000000",
	"00",
	"\\u0000",
	"\\u",
	"\\ud800",
	"\\udc00",
	"\\u0041",
	"\\n",
	"\\x",
	" ",
	"\t",
	"\n",
	"\v",
	"\xc3\xa9",
	"\xc0\x80",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"\xff",
	"\x01",
	"\x7f",
	"\"a\":1,",
	"[],",
	"{},",
	"\"keen\":{\"timestamp\":\"3\"},",
	"\"timestamp\":",
	"NaN",
	"'",
	"//",
	"1e",
	".5",
	"e1073741823",
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t state;

/* A number below "n" (xorshift64*): the same on every machine. */
static size_t
below(size_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (size_t) ((state * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* splice -- put "with" in the place of "gone" bytes at "at". */
static size_t
splice(char *text, size_t len, size_t at, size_t gone, const char *with,
	   size_t with_len)
{
	char copy[MAX_BYTES];

	if (len - gone + with_len > MAX_BYTES)
		return len;
	memcpy(copy, with, with_len);
	memmove(text + at + with_len, text + at + gone, len - at - gone);
	memcpy(text + at, copy, with_len);
	return len - gone + with_len;
}

static size_t
mutate(char *text, size_t len)
{
	const char *piece = pieces[below(COUNT_OF(pieces))];
	size_t at = below(len + 1);
	size_t rest = len - at;
	size_t some = rest == 0 ? 0 : below(rest < 12 ? rest : 12) + 1;
	char byte;

	switch (below(6))
	{
		case 0: /* a piece between two bytes */
			return splice(text, len, at, 0, piece, strlen(piece));
		case 1: /* a piece in the place of a byte */
			return splice(text, len, at, rest > 0, piece, strlen(piece));
		case 2: /* some bytes gone */
			return splice(text, len, at, some, "", 0);
		case 3: /* some bytes twice */
			return splice(text, len, at, 0, text + at, some);
		case 4: /* any byte but NUL, which no text of a server holds */
			byte = (char) (below(255) + 1);
			return splice(text, len, at, rest > 0, &byte, 1);
		default: /* a digit, which keeps more of them JSON */
			byte = (char) ('0' + below(10));
			return splice(text, len, at, rest > 0, &byte, 1);
	}
}

static void
put_hex(const char *data, size_t len)
{
	fputs("\\\\x", stdout);
	for (size_t i = 0; i < len; i++)
		printf("%02x", (unsigned char) data[i]);
}

static void
put_line(const char *text, size_t len)
{
	struct json_event found;
	char value[MAX_BYTES];
	enum json_rule rule = json_check_text(text, len, &found);

	put_hex(text, len);
	if (rule == JSON_TOO_DEEP || rule == JSON_BOTTOMLESS)
		fputs("\t\\N", stdout);
	else
		fputs(rule == JSON_OK ? "\tt" : "\tf", stdout);

	if (json_check_event(text, len, &found) != JSON_OK)
	{
		fputs("\tf\t\\N\t\\N\n", stdout);
		return;
	}
	if (found.timestamp.kind == JSON_ABSENT)
		fputs("\tt\tabsent\t\\N\n", stdout);
	else if (found.timestamp.kind == JSON_OTHER)
		fputs("\tt\tother\t\\N\n", stdout);
	else
	{
		fputs("\tt\tstring\t", stdout);
		put_hex(value,
				json_check_unescape(found.timestamp.value,
									value,
									sizeof(value)));
		fputc('\n', stdout);
	}
}

int
main(int argc, char **argv)
{
	long count;

	if (argc != 3)
	{
		fputs("usage: mutate_json SEED COUNT\n", stderr);
		return 2;
	}
	/* The generator never leaves zero, and needs distant starts. */
	state = (strtoull(argv[1], NULL, 10) + 1) * UINT64_C(0x9E3779B97F4A7C15);
	count = strtol(argv[2], NULL, 10);

	for (long i = 0; i < count; i++)
	{
		char text[MAX_BYTES];
		const char *seed = seeds[below(COUNT_OF(seeds))];
		size_t len = strlen(seed);
		size_t times = below(4);

		memcpy(text, seed, len);
		for (size_t n = 0; n < times; n++)
			len = mutate(text, len);
		put_line(text, len);
	}
	return 0;
}
