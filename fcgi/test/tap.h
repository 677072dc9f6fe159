/*
 * tap.h
 *	  A unit test's way to say what passed: Test Anything Protocol.
 *
 *	tap_ok(cond, "title") ... and at the end: return tap_done();
 */
#ifndef TALLY_TAP_H
#define TALLY_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool
tap_ok(bool ok, const char *title)
{
	tap_count++;
	if (!ok)
		tap_failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tap_count, title);
	return ok;
}

static inline void
tap_int(int64_t got, int64_t want, const char *title)
{
	if (!tap_ok(got == want, title))
		printf("# got %" PRId64 ", want %" PRId64 "\n", got, want);
}

static inline void
tap_str(const char *got, const char *want, const char *title)
{
	bool same =
		got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

	if (!tap_ok(same, title))
		printf("# got  %s\n# want %s\n",
			   got != NULL ? got : "(null)",
			   want != NULL ? want : "(null)");
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
