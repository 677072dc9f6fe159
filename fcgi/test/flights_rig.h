/*
 * flights_rig.h
 *	  What the tests of flights.c share: a computation that the test holds back,
 *	  fails and streams, a clock that it moves, and those who ask.
 */
#ifndef TALLY_FLIGHTS_RIG_H
#define TALLY_FLIGHTS_RIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "flights.h"
#include "sync.h"
#include "tap.h"

#define ASKERS 64
#define SLOT_WAIT_MS 400

/* One who asks: what flights_ask() said, or tell() later. */
struct asker
{
	struct waiter waiter;
	bool at_once;
	atomic_bool told;
	struct verdict verdict;
};

/* What the computation does; all moved by the test. */
static atomic_int runs;
static atomic_int running;
static atomic_bool hold;
static atomic_int outcome; /* enum flight_end_kind */
static atomic_bool stream;
static atomic_bool is_away;
static _Atomic int64_t skew_ms;
static _Atomic int64_t stalled;
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static char order[ASKERS + 1]; /* first letters of the keys, as they ran */

static inline int64_t
now(void)
{
	return clock_mono_ms() + skew_ms;
}

static inline bool
is_woken(const struct flight *flight)
{
	char c;

	return read(flight_wake_fd(flight), &c, 1) == 1;
}

static inline void
run_fake(void *arg, struct flight *flight, struct flight_end *end)
{
	size_t len;
	const char *key = flight_key(flight, &len);
	struct waiter *waiter = NULL;

	(void) arg;
	(void) pthread_mutex_lock(&order_lock);
	if (runs < ASKERS)
		order[runs] = *key;
	(void) pthread_mutex_unlock(&order_lock);
	runs++;
	running++;
	if (stream)
		waiter = flight_stream(flight);
	while (hold)
	{
		if (is_woken(flight))
		{
			running--;
			*end = (struct flight_end){.kind = FLIGHT_ABANDONED};
			return;
		}
		clock_sleep_ms(1);
	}
	running--;
	end->kind = (enum flight_end_kind) outcome;
	end->answer = NULL;
	if (stream && waiter == NULL)
		end->kind = FLIGHT_ABANDONED;
	if (!stream)
		end->answer = answer_new(outcome == FLIGHT_ANSWERED	 ? ANSWER_OK
								 : outcome == FLIGHT_REFUSED ? ANSWER_REFUSED
															 : ANSWER_FAILED,
								 key,
								 len);
}

static inline void
tell_fake(void *arg, struct waiter *waiter, const struct verdict *verdict)
{
	struct asker *asker = waiter->request;

	(void) arg;
	asker->verdict = *verdict;
	asker->told = true;
}

static inline bool
is_away_fake(void *arg)
{
	(void) arg;
	return is_away;
}

static inline int64_t
stalled_fake(void *arg)
{
	(void) arg;
	return stalled;
}

/* Of the flights that were made last; reachable, and so no leak. */
static struct quarantine *quarantine;

static inline struct quarantine *
quarantine_again(void)
{
	quarantine_free(quarantine);
	return quarantine_new("", 60000, now());
}

static inline struct flights *
new_flights(int slots, int max_queued)
{
	const struct flights_options options = {
		.slots = slots,
		.max_queued = max_queued,
		.max_waiting = ASKERS,
		.owner_slots = 3,
		.owner_waiting = ASKERS / 2,
		.slot_wait_ms = SLOT_WAIT_MS,
		.quarantine = quarantine = quarantine_again(),
		.cache = {.max_bytes = 100000,
				  .soft_min_ms = 10000,
				  .soft_ms = 10000,
				  .hard_ms = 300000,
				  .failure_ms = 1000,
				  .seed = 1},
		.now = now,
		.run = run_fake,
		.tell = tell_fake,
		.is_away = is_away_fake,
		.stalled_ms = stalled_fake,
	};

	runs = 0;
	hold = false;
	stream = false;
	is_away = false;
	outcome = FLIGHT_ANSWERED;
	skew_ms = 0;
	return flights_new(&options);
}

/* ask_on -- about "key", whose first letter is also its fingerprint. */
static inline void
ask_on(struct flights *flights, struct asker *asker, const char *key,
	   uint64_t owner, int64_t patience_ms, int watch_fd)
{
	const struct question question = {.key = {.data = key,
											  .len = strlen(key),
											  .hash = (uint64_t) *key},
									  .fingerprint = (uint64_t) *key};
	struct verdict said;

	asker->told = false;
	asker->waiter = (struct waiter){.request = asker,
									.owner = owner,
									.started_ms = now(),
									.deadline_ms = now() + patience_ms,
									.watch_fd = watch_fd};
	asker->at_once = flights_ask(flights, &question, &asker->waiter, &said);
	if (!asker->at_once)
		return; /* the rest may be another thread's by now */
	asker->verdict = said;
	asker->told = true;
}

static inline void
ask_as(struct flights *flights, struct asker *asker, const char *key,
	   uint64_t owner, int64_t patience_ms)
{
	ask_on(flights, asker, key, owner, patience_ms, -1);
}

static inline void
ask(struct flights *flights, struct asker *asker, const char *key)
{
	ask_as(flights, asker, key, (uint64_t) *key, 5000);
}

/* verdict -- waited for, and its answer let go. */
static inline enum verdict_kind
verdict(struct asker *asker)
{
	while (!asker->told)
		clock_sleep_ms(1);
	answer_unref(asker->verdict.answer);
	asker->verdict.answer = NULL;
	return asker->verdict.kind;
}

static inline void
wait_for(atomic_int *value, int want)
{
	while (*value != want)
		clock_sleep_ms(1);
}

static inline void
wait_for_queue(struct flights *flights, int want)
{
	struct flights_counts counts;

	do
	{
		clock_sleep_ms(1);
		flights_counts(flights, &counts);
	} while (counts.queued != want);
}

#endif
