/*
 * tap.h
 *	  Checks for test programs, reported as TAP (Test Anything Protocol).
 *
 * A test program calls tap_ok() and its friends, each with a title that says
 * the behaviour, and ends with "return tap_done();", which prints the plan
 * and makes a failed check the program's exit status.  A check that fails
 * shows what was found, as comments.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_run;
static int tap_failed;

static inline bool
tap_ok(bool ok, const char *title)
{
	tap_run++;
	if (!ok)
		tap_failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tap_run, title);
	return ok;
}

static inline bool
tap_int(int64_t found, int64_t expected, const char *title)
{
	bool ok = tap_ok(found == expected, title);

	if (!ok)
		printf("# found %" PRId64 ", expected %" PRId64 "\n", found, expected);
	return ok;
}

/* Either may be NULL. */
static inline bool
tap_str(const char *found, const char *expected, const char *title)
{
	bool ok = found == expected || (found != NULL && expected != NULL &&
									strcmp(found, expected) == 0);

	tap_ok(ok, title);
	if (!ok)
		printf("# found    \"%s\"\n# expected \"%s\"\n",
			   found != NULL ? found : "(null)",
			   expected != NULL ? expected : "(null)");
	return ok;
}

static inline bool
tap_mem(const void *found, const void *expected, size_t len, const char *title)
{
	return tap_ok(len == 0 || memcmp(found, expected, len) == 0, title);
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_run);
	if (tap_failed > 0)
		printf("# %d of %d checks failed\n", tap_failed, tap_run);
	return tap_failed > 0 || tap_run == 0;
}

#endif
