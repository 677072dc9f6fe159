/*
 * breaker.h
 *	  When to stop trying what keeps failing: a state machine on "now".
 *
 *	  CLOSED --3rd failure in a row--> OPEN for 1 s
 *	  OPEN   --time is up-----------> TRIAL: one attempt is let through
 *	  TRIAL  --it works-------------> CLOSED
 *	  TRIAL  --it fails-------------> OPEN for twice as long, up to a limit
 *	  OPEN, TRIAL --a hint----------> CLOSED
 *
 * A hint is later news than the failure of whatever was begun before it, so
 * such failures count for nothing, however late they come: each attempt knows
 * after how many hints it began.
 *
 * Times are jittered by +-20 %, so that several programs do not come back in
 * step.  No lock and no clock of its own: the owner brings both.
 */
#ifndef TALLY_BREAKER_H
#define TALLY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 3
#define BREAKER_FIRST_MS 1000
#define BREAKER_MAX_MS 30000 /* the usual limit */

struct breaker
{
	int failures;		 /* in a row */
	unsigned hints;		 /* so far */
	bool trial;			 /* an attempt is under way while open */
	int64_t wait_ms;	 /* of the last opening, before jitter; 0: closed */
	int64_t max_ms;		 /* no opening is longer */
	int64_t retry_at_ms; /* no attempt before */
	uint32_t random;	 /* state of the jitter */
};

void breaker_init(struct breaker *breaker, int64_t max_ms, uint32_t seed);

/* May the caller try now?  If true, breaker_ok() or _fail() must follow. */
bool breaker_allow(struct breaker *breaker, int64_t now_ms);
void breaker_ok(struct breaker *breaker);

/* "hints": as many as there had been when the attempt began. */
void breaker_fail(struct breaker *breaker, unsigned hints, int64_t now_ms);

/* Somebody has seen that it works: closed, and no failure counts that is not
 * of an attempt begun after this. */
void breaker_hint(struct breaker *breaker);

bool breaker_is_open(const struct breaker *breaker);

/* Milliseconds until an attempt makes sense; 0 when closed. */
int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms);

#endif
