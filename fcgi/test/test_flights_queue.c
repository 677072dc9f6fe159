/*
 * test_flights_queue.c
 *	  Different questions at once: who waits for a slot and who runs, answers
 *	  that cannot be shared, and a crowd of threads.
 */
#include "flights_rig.h"

static void
test_queue(void)
{
	static struct asker askers[8];
	struct flights *flights = new_flights(1, 3);
	struct flights_counts counts;
	int64_t begin;
	int i;

	hold = true;
	ask(flights, &askers[0], "a");
	wait_for(&running, 1);
	ask(flights, &askers[1], "b");
	ask(flights, &askers[2], "c");
	ask(flights, &askers[3], "d");
	ask(flights, &askers[4], "e");
	tap_ok(askers[4].at_once && verdict(&askers[4]) == VERDICT_BUSY,
		   "a queue is only so long");
	hold = false;
	for (i = 0; i < 4; i++)
		(void) verdict(&askers[i]);
	tap_ok(memcmp(order, "abcd", 4) == 0, "a short queue: oldest first");

	runs = 0;
	hold = true;
	ask(flights, &askers[0], "f");
	wait_for(&running, 1);
	ask(flights, &askers[1], "g");
	ask(flights, &askers[2], "h");
	ask(flights, &askers[3], "i");
	skew_ms += SLOT_WAIT_MS / 2 + 50;
	hold = false;
	for (i = 0; i < 4; i++)
		(void) verdict(&askers[i]);
	tap_ok(memcmp(order, "fihg", 4) == 0, "one that stands: newest first");

	runs = 0;
	hold = true;
	ask(flights, &askers[0], "l");
	wait_for(&running, 1);
	ask(flights, &askers[1], "m");
	skew_ms += SLOT_WAIT_MS / 4 + 10; /* and not 0 */
	ask(flights, &askers[2], "n");
	hold = false;
	for (i = 0; i < 3; i++)
		(void) verdict(&askers[i]);
	tap_ok(memcmp(order, "lmn", 3) == 0,
		   "one that is never empty but moves: oldest first");

	hold = true;
	ask(flights, &askers[0], "j");
	wait_for(&running, 1);
	begin = clock_mono_ms();
	ask(flights, &askers[1], "k");
	ask_as(flights, &askers[2], "k", 9, 150);
	tap_int(verdict(&askers[2]),
			VERDICT_LATE,
			"each has a deadline of its own");
	tap_int(verdict(&askers[1]), VERDICT_BUSY, "nobody is queued for long");
	tap_ok(clock_mono_ms() - begin >= SLOT_WAIT_MS - 10 &&
			   clock_mono_ms() - begin < 2000,
		   "but as long as may be");
	ask_as(flights, &askers[1], "o", 9, 100);
	tap_int(verdict(&askers[1]), VERDICT_LATE, "who has no time left");
	flights_counts(flights, &counts);
	tap_int(counts.queued, 0, "is not computed for either");
	hold = false;
	(void) verdict(&askers[0]);
	flights_free(flights);
}

/* Who gets a slot late has little time, which is not the question's fault. */
static void
test_quarantine(void)
{
	static struct asker askers[2];
	struct flights *flights = new_flights(1, 1);
	struct flights_counts counts;

	hold = true;
	outcome = FLIGHT_TIMED_OUT;
	ask(flights, &askers[0], "a");
	wait_for(&running, 1);
	ask(flights, &askers[1], "b");
	skew_ms += SLOT_WAIT_MS / 2;
	hold = false;
	(void) verdict(&askers[0]);
	(void) verdict(&askers[1]);
	flights_counts(flights, &counts);
	tap_int(counts.quarantined, 1, "the one that had all the time there was");
	outcome = FLIGHT_ANSWERED;
	flights_free(flights);
}

static void
test_shares(void)
{
	static struct asker askers[ASKERS];
	struct flights *flights = new_flights(8, 4);
	int kept = 0;
	int i;

	hold = true;
	ask_as(flights, &askers[0], "a", 1, 5000);
	ask_as(flights, &askers[1], "b", 1, 5000);
	ask_as(flights, &askers[2], "c", 1, 5000);
	ask_as(flights, &askers[3], "d", 1, 5000);
	tap_ok(askers[3].at_once && verdict(&askers[3]) == VERDICT_OVER_SHARE,
		   "a key has its share of the slots");
	ask_as(flights, &askers[4], "d", 2, 5000);
	tap_ok(!askers[4].at_once, "another key has its own");
	ask_as(flights, &askers[3], "d", 1, 5000);
	tap_ok(!askers[3].at_once, "and what is computed anyway all may share");
	for (i = 5; i < ASKERS; i++)
	{
		ask_as(flights, &askers[i], "a", 1, 5000);
		kept += !askers[i].at_once;
	}
	tap_int(kept, ASKERS / 2 - 4, "but a key does not fill every place");
	hold = false;
	for (i = 0; i < ASKERS; i++)
		(void) verdict(&askers[i]);
	ask_as(flights, &askers[0], "e", 1, 5000);
	tap_int(verdict(&askers[0]), VERDICT_ANSWER, "all of it is given back");
	flights_free(flights);
}

static void
test_streams(void)
{
	static struct asker askers[4];
	struct flights *flights = new_flights(1, 2);
	int streamed = 0;
	int i;

	hold = true;
	ask(flights, &askers[0], "x");
	wait_for(&running, 1);
	for (i = 1; i < 4; i++)
		ask_as(flights, &askers[i], "a", (uint64_t) i, 5000);
	runs = 0;
	stream = true;
	hold = false;
	(void) verdict(&askers[0]);
	for (i = 1; i < 4; i++)
		streamed += verdict(&askers[i]) == VERDICT_STREAMED;
	tap_int(streamed, 3, "an answer too large to share: each is sent one");
	tap_int(runs, 3, "of its own");
	hold = true;
	runs = 0;
	for (i = 1; i < 4; i++)
		ask_as(flights, &askers[i], "a", (uint64_t) i, 5000);
	wait_for(&running, 1);
	wait_for_queue(flights, 2);
	tap_ok(true, "from then on they do not wait for each other");
	ask_as(flights, &askers[0], "a", 7, 5000);
	tap_ok(askers[0].at_once && verdict(&askers[0]) == VERDICT_BUSY,
		   "nor do they run beyond the slots");
	hold = false;
	for (i = 1; i < 4; i++)
		(void) verdict(&askers[i]);
	flights_free(flights);
}

/* ------------------------------------------------------------------------
 * A crowd, for ThreadSanitizer
 */

#define CROWD 6
#define ROUNDS 400

static void *
crowd(void *arg)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
	struct flights *flights = arg;
	int i;

	for (i = 0; i < ROUNDS; i++)
	{
		struct asker asker;

		ask_as(flights, &asker, keys[i % 6], (uint64_t) (i % 4), 1000);
		(void) verdict(&asker);
		if (i % 50 == 0)
			skew_ms += 11000;
		outcome = i % 7 == 0 ? FLIGHT_FAILED : FLIGHT_ANSWERED;
	}
	return NULL;
}

static void
test_crowd(void)
{
	struct flights *flights = new_flights(3, 2);
	struct flights_counts counts;
	pthread_t threads[CROWD];
	int i;

	for (i = 0; i < CROWD; i++)
		(void) sync_thread_start(&threads[i], crowd, flights);
	for (i = 0; i < CROWD; i++)
		(void) pthread_join(threads[i], NULL);
	do
		flights_counts(flights, &counts);
	while (counts.running > 0);
	tap_int(counts.waiting, 0, "a crowd: all were told");
	tap_int(counts.queued, 0, "and nothing is left");
	tap_ok(runs < CROWD * ROUNDS / 2, "most of them shared");
	flights_free(flights);
}

int
main(void)
{
	test_queue();
	test_quarantine();
	test_shares();
	test_streams();
	test_crowd();
	return tap_done();
}
