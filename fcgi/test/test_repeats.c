/*
 * test_repeats.c
 *	  repeats.c: only what is on disk is taken for stored, for as long as was
 *	  said; who comes meanwhile waits for the same outcome, once each.
 */
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "repeats.h"
#include "request_fcgi.h"

#define WINDOW_MS 1000
#define THREADS 4
#define ROUNDS 20000

static struct request reqs[8];

static void
name(uint8_t digest[REPEATS_DIGEST_BYTES], uint32_t number)
{
	memset(digest, 0, REPEATS_DIGEST_BYTES);
	memcpy(digest, &number, sizeof(number));
}

static enum repeats_found
begin(struct repeats *r, uint32_t number, int req, int64_t now_ms,
	  struct repeat **repeat)
{
	uint8_t digest[REPEATS_DIGEST_BYTES];

	name(digest, number);
	return repeats_begin(r, digest, &reqs[req], now_ms, repeat);
}

/* store -- a body that is new, to its end. */
static bool
store(struct repeats *r, uint32_t number, int64_t now_ms)
{
	struct repeat *repeat;

	return begin(r, number, 0, now_ms, &repeat) == REPEATS_NEW &&
		   repeat != NULL && repeats_end(r, repeat, true, now_ms) == NULL;
}

static bool
known(struct repeats *r, uint32_t number, int64_t now_ms)
{
	struct repeat *repeat;
	enum repeats_found found = begin(r, number, 0, now_ms, &repeat);

	if (found == REPEATS_NEW)
		(void) repeats_end(r, repeat, false, now_ms);
	return found == REPEATS_STORED;
}

static void
test_window(void)
{
	struct repeats *r = repeats_new(8, WINDOW_MS);
	struct repeat *repeat;

	tap_ok(!known(r, 1, 0), "what nobody sent is not known");
	tap_ok(begin(r, 1, 0, 0, &repeat) == REPEATS_NEW && repeat != NULL,
		   "a new body");
	(void) repeats_end(r, repeat, true, 500);
	tap_ok(known(r, 1, 500), "is known when it is on disk");
	tap_ok(!known(r, 2, 500), "another is not");
	tap_ok(known(r, 1, 500 + WINDOW_MS - 1), "for a while after that");
	tap_ok(!known(r, 1, 500 + WINDOW_MS), "and no longer");
	tap_ok(store(r, 1, 5000), "then it is new");
	tap_ok(known(r, 1, 5001), "and known again");

	tap_ok(begin(r, 3, 0, 6000, &repeat) == REPEATS_NEW, "one that fails");
	(void) repeats_end(r, repeat, false, 6001);
	tap_ok(!known(r, 3, 6001), "is not known");
	tap_ok(repeats_end(r, NULL, true, 0) == NULL, "nothing ends as nothing");
	repeats_free(r);
	repeats_free(NULL);
}

static void
test_waiting(void)
{
	struct repeats *r = repeats_new(8, WINDOW_MS);
	struct repeat *repeat;
	struct repeat *other;
	struct request *list;

	for (int stored = 0; stored < 2; stored++)
	{
		(void) begin(r, 1, 0, 0, &repeat);
		for (int i = 1; i <= 3; i++)
			tap_ok(begin(r, 1, i, 0, &other) == REPEATS_WAITS && other == NULL,
				   "who sends it meanwhile waits");
		tap_ok(begin(r, 2, 4, 0, &other) == REPEATS_NEW, "another does not");
		tap_ok(repeats_end(r, other, false, 0) == NULL, "nobody waits for it");
		list = repeats_end(r, repeat, stored != 0, 0);
		tap_ok(list == &reqs[1] && request_next(list) == &reqs[2] &&
				   request_next(&reqs[2]) == &reqs[3] &&
				   request_next(&reqs[3]) == NULL,
			   "all are told, in their order");
		tap_ok(known(r, 1, 1) == (stored != 0),
			   stored ? "it is stored" : "it failed");
	}
	repeats_free(r);
}

static void
test_bound(void)
{
	struct repeats *r = repeats_new(4, WINDOW_MS);
	struct repeat *pending;
	struct repeat *repeat;
	bool ok = true;
	int n = 0;

	for (uint32_t i = 0; i < 4; i++)
		ok &= store(r, i, 0);
	tap_ok(ok && store(r, 4, 0), "one more than there is room for");
	for (uint32_t i = 0; i <= 4; i++)
	{
		uint8_t digest[REPEATS_DIGEST_BYTES];

		name(digest, i);
		/* looking must not enter it: so only those that are there */
		if (i == 0)
			continue;
		n += repeats_begin(r, digest, &reqs[0], 1, &repeat) == REPEATS_STORED;
	}
	tap_int(n, 4, "the newest are there");
	tap_ok(begin(r, 0, 0, 1, &pending) == REPEATS_NEW, "the oldest is not");

	/* ... which is now on its way; three more fill the ring. */
	for (uint32_t i = 10; i < 13; i++)
		ok &= store(r, i, 1);
	tap_ok(ok, "others are remembered");
	tap_ok(begin(r, 20, 0, 1, &repeat) == REPEATS_NEW && repeat == NULL,
		   "the place of one on its way is not taken");
	tap_ok(begin(r, 0, 1, 1, &repeat) == REPEATS_WAITS, "it is still known");
	tap_ok(repeats_end(r, pending, true, 1) == &reqs[1], "and ends");
	tap_ok(store(r, 20, 1) && !known(r, 0, 1), "then its place is taken");
	repeats_free(r);

	r = repeats_new(1, WINDOW_MS);
	tap_ok(store(r, 1, 0) && store(r, 2, 0) && known(r, 2, 0), "room for one");
	repeats_free(r);
}

/* Against what a plain array says, at random, with expiry and failures. */
static void
test_random(void)
{
	enum
	{
		BODIES = 64,
		RING = 4096
	};
	struct repeats *r = repeats_new(RING, WINDOW_MS);
	int64_t stored_ms[BODIES];
	uint32_t seed = 20261122;
	int64_t now = 0;
	int wrong = 0;

	for (int i = 0; i < BODIES; i++)
		stored_ms[i] = -WINDOW_MS;
	/* fewer than the ring holds within a window: none makes room too early */
	for (int i = 0; i < ROUNDS; i++)
	{
		struct repeat *repeat;
		enum repeats_found found;
		uint32_t body;

		seed = seed * 1664525 + 1013904223;
		body = (seed >> 16) % BODIES;
		now += (seed >> 24) % 5;
		found = begin(r, body, 0, now, &repeat);
		if ((found == REPEATS_STORED) != (now - stored_ms[body] < WINDOW_MS))
			wrong++;
		if (found != REPEATS_NEW)
			continue;
		if ((seed >> 9) % 3 != 0)
			stored_ms[body] = now;
		(void) repeats_end(r, repeat, stored_ms[body] == now, now);
	}
	tap_int(wrong, 0, "as a plain array says");
	repeats_free(r);
}

/* Many threads send the same few bodies: of each one is stored. */
static struct repeats *shared;
static atomic_int stored_of[ROUNDS / 10];
static atomic_int told;
static atomic_int waited;

static void *
run_sender(void *arg)
{
	struct request *mine = arg;

	for (int i = 0; i < ROUNDS / 10; i++)
	{
		uint8_t digest[REPEATS_DIGEST_BYTES];
		struct repeat *repeat;
		struct request *list;

		name(digest, (uint32_t) i);
		switch (repeats_begin(shared, digest, &mine[i], 0, &repeat))
		{
			case REPEATS_STORED:
				break;
			case REPEATS_WAITS:
				atomic_fetch_add(&waited, 1);
				break;
			case REPEATS_NEW:
				atomic_fetch_add(&stored_of[i], 1);
				list = repeats_end(shared, repeat, true, 0);
				for (; list != NULL; list = request_next(list))
					atomic_fetch_add(&told, 1);
				break;
		}
	}
	return NULL;
}

static void
test_threads(void)
{
	static struct request many[THREADS][ROUNDS / 10];
	pthread_t threads[THREADS];
	int once = 0;

	shared = repeats_new(ROUNDS, WINDOW_MS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_sender, many[i]) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		(void) pthread_join(threads[i], NULL);
	for (int i = 0; i < ROUNDS / 10; i++)
		once += atomic_load(&stored_of[i]) == 1;
	tap_int(once, ROUNDS / 10, "of the same body one is stored");
	tap_int(atomic_load(&told), atomic_load(&waited), "who waited was told");
	repeats_free(shared);
}

int
main(void)
{
	test_window();
	test_waiting();
	test_bound();
	test_random();
	test_threads();
	return tap_done();
}
