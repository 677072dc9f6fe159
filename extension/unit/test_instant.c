/*
 * test_instant.c
 *	  instant_parse(): what is read, what is refused, and that no input, cut
 *	  anywhere or made of random bytes, is read past its end.
 */
#include "tap.h"

#include <stdlib.h>

#include "instant.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

struct good
{
	const char *text;
	enum instant_result result;
	int64_t us;
	int offset;
};

/* clang-format off */
static const struct good goods[] = {
	{"2000-01-01", INSTANT_LOCAL, 0, 0},
	{"2000-01-01T00:00:00Z", INSTANT_UTC, 0, 0},
	{"2000-01-01 00:00:00Z", INSTANT_UTC, 0, 0},
	{"2000-01-01T00:00", INSTANT_LOCAL, 0, 0},
	{"2000-01-01T00:00Z", INSTANT_UTC, 0, 0},
	{"2000-01-01T01:02:03", INSTANT_LOCAL, HOUR + 123 * SECOND, 0},
	{"2000-01-01T02:00:00+02:00", INSTANT_UTC, 0, 7200},
	{"2000-01-01T02:00:00+0200", INSTANT_UTC, 0, 7200},
	{"2000-01-01T02:00:00+02", INSTANT_UTC, 0, 7200},
	{"2000-01-01T02:00+02", INSTANT_UTC, 0, 7200},
	{"1999-12-31T18:30:00-05:30", INSTANT_UTC, 0, -19800},
	{"2000-01-01T15:59:00+15:59", INSTANT_UTC, 0, 57540},
	{"2000-01-01T00:00:00-00:00", INSTANT_UTC, 0, 0},
	{"2000-01-01T00:00:00.1Z", INSTANT_UTC, 100000, 0},
	{"2000-01-01T00:00:00.123Z", INSTANT_UTC, 123000, 0},
	{"2000-01-01T00:00:00.123456Z", INSTANT_UTC, 123456, 0},
	{"2000-01-01T00:00:00.000001", INSTANT_LOCAL, 1, 0},
	{"2000-01-01T00:00:00.123456789Z", INSTANT_UTC, 123456, 0},
	{"2000-01-01T00:00:00.999999999+01:00", INSTANT_UTC, 999999 - HOUR, 3600},
	{"2000-01-01T24:00", INSTANT_LOCAL, DAY, 0},
	{"2000-01-01T24:00:00.000Z", INSTANT_UTC, DAY, 0},
	{"2016-12-31T23:59:60Z", INSTANT_UTC, 6210 * DAY, 0},
	{"2000-01-01T00:00:60.5Z", INSTANT_UTC, 60 * SECOND + 500000, 0},
	{"2000-02-29", INSTANT_LOCAL, 59 * DAY, 0},
	{"2000-03-01", INSTANT_LOCAL, 60 * DAY, 0},
	{"2001-03-01", INSTANT_LOCAL, 425 * DAY, 0},
	{"1970-01-01T00:00:00Z", INSTANT_UTC, -10957 * DAY, 0},
	{"1969-12-31T23:59:59.999Z", INSTANT_UTC, -10957 * DAY - 1000, 0},
	{"0001-01-01", INSTANT_LOCAL, -730119 * DAY, 0},
	{"9999-12-31T23:59:59.999999Z", INSTANT_UTC, 2921940 * DAY - 1, 0},
};

static const char *const bads[] = {
	"", "2", "2000", "2000-01", "2000-01-", "2000-01-0", "2000-1-1",
	"2000/01/01", "20000101", "02000-01-01", "+2000-01-01", "-2000-01-01",
	"0000-01-01", "2000-00-01", "2000-13-01", "2000-01-00", "2000-01-32",
	"2000-04-31", "2001-02-29", "1900-02-29", "2100-02-29", "2000-02-30",
	" 2000-01-01", "2000-01-01 ", "2000-01-01T", "2000-01-01Z",
	"2000-01-01+01:00", "2000-01-01t00:00:00Z", "2000-01-01T00:00:00z",
	"2000-01-01T0:00", "2000-01-01T00", "2000-01-01T00Z", "2000-01-01T00:0",
	"2000-01-01T00:00:", "2000-01-01T00:00:0", "2000-01-01T00:00:00.",
	"2000-01-01T00:00:00.Z", "2000-01-01T00:00.5", "2000-01-01T00:00:00,5",
	"2000-01-01T00:00:00.1234567890Z", "2000-01-01T25:00", "2000-01-01T00:60",
	"2000-01-01T00:00:61", "2000-01-01T24:00:01", "2000-01-01T24:01",
	"2000-01-01T24:00:00.000001", "2000-01-01T24:00:60",
	"2000-01-01T00:00:00 Z", "2000-01-01T00:00:00ZZ", "2000-01-01T00:00:00+",
	"2000-01-01T00:00:00+1", "2000-01-01T00:00:00+1:00",
	"2000-01-01T00:00:00+01:", "2000-01-01T00:00:00+01:0",
	"2000-01-01T00:00:00+010", "2000-01-01T00:00:00+16:00",
	"2000-01-01T00:00:00+01:60", "2000-01-01T00:00:00+01:00:00",
	"2000-01-01T00:00:00+-1:00", "2000-01-01T00:00:00 +01:00",
	"2000-01-01T00:00:00Europe/Berlin", "now", "infinity", "2000-0a-01",
	"2000-01-01T00:00:00+01:00Z", "2000-01-01T-1:00",
};
/* clang-format on */

/* parse -- from a copy of exactly "len" bytes, so that a read past it shows */
static enum instant_result
parse(const char *text, size_t len, int64_t *us, int *offset)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum instant_result result;

	if (copy == NULL)
		abort();
	memcpy(copy, text, len);
	result = instant_parse(copy, len, us, offset);
	free(copy);
	return result;
}

static void
test_good(void)
{
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
	{
		const struct good *g = &goods[i];
		int64_t us = -1;
		int offset = -1;
		enum instant_result result =
			parse(g->text, strlen(g->text), &us, &offset);

		tap_ok(result == g->result && us == g->us && offset == g->offset,
			   g->text);
		if (result != g->result || us != g->us || offset != g->offset)
			printf("# found %d, %" PRId64 ", %d\n", (int) result, us, offset);
	}
}

static void
test_bad(void)
{
	char title[80];

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
	{
		int64_t us;
		int offset;

		snprintf(title, sizeof(title), "refused: \"%s\"", bads[i]);
		tap_int(parse(bads[i], strlen(bads[i]), &us, &offset),
				INSTANT_BAD,
				title);
	}
	tap_int(parse("2000-01-01\0", 11, &(int64_t){0}, NULL),
			INSTANT_BAD,
			"refused: a NUL behind it");
}

/* Every day of 10,000 years is one more than the last, and no other is. */
static void
test_days(void)
{
	int64_t expected = -730119 * DAY;
	int wrong = 0;
	int days = 0;

	for (int y = 1; y <= 9999; y++)
		for (int m = 1; m <= 12; m++)
			for (int d = 1; d <= 31; d++)
			{
				char text[40];
				int64_t us;
				int n =
					snprintf(text, sizeof(text), "%04d-%02d-%02d", y, m, d);

				if (instant_parse(text, (size_t) n, &us, NULL) == INSTANT_BAD)
					continue;
				if (us != expected)
					wrong++;
				expected += DAY;
				days++;
			}
	tap_int(days, 3652059, "years 1 to 9999 have 3652059 days");
	tap_int(wrong, 0, "each of which is one after the one before");
}

/* Changed bytes never give a number that cannot be, nor a read past the end. */
static void
test_random(void)
{
	static const char letters[] = "0123456789-:.+TZ 29z";
	unsigned seed = 20250301;
	int outside = 0;
	int read = 0;

	for (int i = 0; i < 300000; i++)
	{
		char text[64];
		size_t len = (size_t)
			snprintf(text,
					 sizeof(text),
					 "%s",
					 goods[i % (int) (sizeof(goods) / sizeof(goods[0]))].text);
		int64_t us = 0;
		int offset = 0;

		for (int changes = 1 + i % 3; changes > 0; changes--)
		{
			seed = seed * 1103515245u + 12345u;
			text[(seed >> 16) % len] =
				letters[(seed >> 8) % (sizeof(letters) - 1)];
		}
		seed = seed * 1103515245u + 12345u;
		if ((seed >> 16) % 4 == 0)
			len = (seed >> 18) % (len + 1);
		if (parse(text, len, &us, &offset) == INSTANT_BAD)
			continue;
		read++;
		if (us < -730120 * DAY || us > 2921941 * DAY || offset < -57540 ||
			offset > 57540)
			outside++;
	}
	tap_ok(read > 1000, "some of 300,000 damaged texts are still instants");
	tap_int(outside, 0, "and all of those are within the years 1 to 9999");
}

int
main(void)
{
	test_good();
	test_bad();
	test_days();
	test_random();
	return tap_done();
}
