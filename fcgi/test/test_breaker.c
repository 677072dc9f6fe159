/*
 * test_breaker.c
 *	  Scenario: a database goes away, is tried ever less often, comes back.
 */
#include "breaker.h"
#include "tap.h"

static struct breaker breaker;

/* fail -- an attempt that was begun just now. */
static void
fail(struct breaker *of, int64_t now_ms)
{
	breaker_fail(of, of->hints, now_ms);
}

/* in_jitter -- is "got" within a fifth of "want"? */
static bool
in_jitter(int64_t got, int64_t want)
{
	return got >= want - want / 5 && got <= want + want / 5;
}

static void
test_opens(void)
{
	breaker_init(&breaker, BREAKER_MAX_MS, 42);
	tap_ok(breaker_allow(&breaker, 0), "at first it is closed");
	fail(&breaker, 0);
	fail(&breaker, 0);
	breaker_ok(&breaker);
	fail(&breaker, 0);
	fail(&breaker, 0);
	tap_ok(breaker_allow(&breaker, 0), "a success in between starts anew");
	fail(&breaker, 1000);
	tap_ok(!breaker_allow(&breaker, 1000), "three in a row open it");
	tap_ok(in_jitter(breaker_wait_ms(&breaker, 1000), 1000), "for a second");
	fail(&breaker, 1100);
	tap_ok(in_jitter(breaker_wait_ms(&breaker, 1000), 1000),
		   "a late failure of before does not make it longer");
}

static void
test_trial(void)
{
	int64_t now = 1000;
	int64_t want = 2000;
	int i;

	now += breaker_wait_ms(&breaker, now);
	tap_ok(!breaker_allow(&breaker, now - 1), "not a moment too early");
	tap_ok(breaker_allow(&breaker, now), "then one may try");
	tap_ok(!breaker_allow(&breaker, now), "only one");
	tap_int(breaker_wait_ms(&breaker, now), 0, "nobody knows how long");

	for (i = 0; i < 6; i++)
	{
		fail(&breaker, now);
		tap_ok(in_jitter(breaker_wait_ms(&breaker, now), want),
			   "a failed trial doubles the wait, up to 30 s");
		now += breaker_wait_ms(&breaker, now);
		tap_ok(breaker_allow(&breaker, now), "after which one may try");
		want = want * 2 > BREAKER_MAX_MS ? BREAKER_MAX_MS : want * 2;
	}
	breaker_ok(&breaker);
	tap_ok(!breaker_is_open(&breaker), "a good trial closes it");
	fail(&breaker, now);
	tap_ok(breaker_allow(&breaker, now), "and it counts from nothing");
}

static void
test_hint(void)
{
	int i;

	breaker_init(&breaker, 500, 42);
	breaker_hint(&breaker);
	tap_ok(breaker_allow(&breaker, 0), "a hint means nothing when closed");
	for (i = 0; i < BREAKER_FAILURES; i++)
		fail(&breaker, 0);
	tap_ok(!breaker_allow(&breaker, 100), "open");
	tap_ok(in_jitter(breaker_wait_ms(&breaker, 0), 500),
		   "a limit of its own holds from the first time");
	breaker_hint(&breaker);
	tap_ok(breaker_allow(&breaker, 100) && breaker_allow(&breaker, 100),
		   "who knows better may say so: everybody tries");
	for (i = 0; i < BREAKER_FAILURES; i++)
		fail(&breaker, 100);
	tap_ok(!breaker_allow(&breaker, 100), "and is shut out if it was wrong");
}

/*
 * Three connects hang; meanwhile the heartbeat is answered, and says so.  Then
 * they fail, one after the other, which is old news.
 */
static void
test_old_news(void)
{
	unsigned before;
	int i;

	breaker_init(&breaker, 500, 42);
	fail(&breaker, 0);
	fail(&breaker, 0);
	before = breaker.hints;
	breaker_hint(&breaker);
	for (i = 0; i < 2 * BREAKER_FAILURES; i++)
		breaker_fail(&breaker, before, 100);
	tap_ok(!breaker_is_open(&breaker),
		   "failures of what was begun before a hint do not open it");
	fail(&breaker, 100);
	fail(&breaker, 100);
	tap_ok(!breaker_is_open(&breaker), "nor do those count that came before");
	fail(&breaker, 100);
	tap_ok(breaker_is_open(&breaker), "three that began after it do");

	while (!breaker_allow(&breaker, 200))
		breaker.retry_at_ms--;
	before = breaker.hints;
	breaker_hint(&breaker);
	breaker_fail(&breaker, before, 200);
	fail(&breaker, 200);
	fail(&breaker, 200);
	tap_ok(breaker_allow(&breaker, 200) && breaker_allow(&breaker, 200),
		   "a trial that was under way counts for nothing, too");
}

static void
test_jitter(void)
{
	struct breaker other;
	int differ = 0;
	uint32_t seed;

	for (seed = 0; seed < 50; seed++)
	{
		int i;

		breaker_init(&breaker, BREAKER_MAX_MS, seed * 2);
		breaker_init(&other, BREAKER_MAX_MS, seed * 2 + 2);
		for (i = 0; i < BREAKER_FAILURES; i++)
		{
			fail(&breaker, 0);
			fail(&other, 0);
		}
		if (breaker_wait_ms(&breaker, 0) != breaker_wait_ms(&other, 0))
			differ++;
	}
	tap_ok(differ > 40, "programs do not come back in step");
}

int
main(void)
{
	test_opens();
	test_trial();
	test_hint();
	test_old_news();
	test_jitter();
	return tap_done();
}
