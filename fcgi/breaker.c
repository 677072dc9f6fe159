/*
 * breaker.c
 *	  When to stop trying what keeps failing.
 */
#include "breaker.h"

void
breaker_init(struct breaker *breaker, int64_t max_ms, uint32_t seed)
{
	*breaker = (struct breaker){.max_ms = max_ms, .random = seed | 1};
}

/* jittered -- "ms" plus or minus up to a fifth (xorshift32). */
static int64_t
jittered(struct breaker *breaker, int64_t ms)
{
	uint32_t x = breaker->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	breaker->random = x;
	return ms - ms / 5 + (int64_t) (x % (uint32_t) (ms * 2 / 5 + 1));
}

bool
breaker_is_open(const struct breaker *breaker)
{
	return breaker->wait_ms > 0;
}

bool
breaker_allow(struct breaker *breaker, int64_t now_ms)
{
	if (!breaker_is_open(breaker))
		return true;
	if (breaker->trial || now_ms < breaker->retry_at_ms)
		return false;
	breaker->trial = true;
	return true;
}

void
breaker_ok(struct breaker *breaker)
{
	breaker->failures = 0;
	breaker->trial = false;
	breaker->wait_ms = 0;
}

/*
 * breaker_fail -- while open only the trial's failure counts: attempts that
 * were begun before the opening, or a hint, come back late and say nothing new.
 */
void
breaker_fail(struct breaker *breaker, unsigned hints, int64_t now_ms)
{
	if (hints != breaker->hints)
		return;
	if (breaker_is_open(breaker))
	{
		if (!breaker->trial)
			return;
		breaker->trial = false;
		breaker->wait_ms *= 2;
		if (breaker->wait_ms > breaker->max_ms)
			breaker->wait_ms = breaker->max_ms;
	}
	else if (++breaker->failures < BREAKER_FAILURES)
		return;
	else
		breaker->wait_ms = BREAKER_FIRST_MS < breaker->max_ms
							   ? BREAKER_FIRST_MS
							   : breaker->max_ms;
	breaker->retry_at_ms = now_ms + jittered(breaker, breaker->wait_ms);
}

/*
 * breaker_hint -- no trial is needed: while it ran, everybody else would be
 * refused, and a crowd waits to be let in again.  Should it not work after all,
 * the next three failures say so.
 */
void
breaker_hint(struct breaker *breaker)
{
	breaker->hints++;
	breaker_ok(breaker);
}

int64_t
breaker_wait_ms(const struct breaker *breaker, int64_t now_ms)
{
	if (!breaker_is_open(breaker) || now_ms >= breaker->retry_at_ms)
		return 0;
	return breaker->retry_at_ms - now_ms;
}
