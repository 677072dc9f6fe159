/*
 * test_flights.c
 *	  Questions asked by many at once, with a computation that the test holds
 *	  back, fails and streams, and with a clock that it moves.
 */
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

static int64_t
now(void)
{
	return clock_mono_ms() + skew_ms;
}

static bool
is_woken(const struct flight *flight)
{
	char c;

	return read(flight_wake_fd(flight), &c, 1) == 1;
}

static void
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

static void
tell_fake(void *arg, struct waiter *waiter, const struct verdict *verdict)
{
	struct asker *asker = waiter->request;

	(void) arg;
	asker->verdict = *verdict;
	asker->told = true;
}

static bool
is_away_fake(void *arg)
{
	(void) arg;
	return is_away;
}

static int64_t
stalled_fake(void *arg)
{
	(void) arg;
	return stalled;
}

static struct flights *
new_flights(int slots, int max_queued)
{
	const struct flights_options options = {
		.slots = slots,
		.max_queued = max_queued,
		.max_waiting = ASKERS,
		.owner_slots = 3,
		.owner_waiting = ASKERS / 2,
		.slot_wait_ms = 400,
		.quarantine_ms = 60000,
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
static void
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

static void
ask_as(struct flights *flights, struct asker *asker, const char *key,
	   uint64_t owner, int64_t patience_ms)
{
	ask_on(flights, asker, key, owner, patience_ms, -1);
}

static void
ask(struct flights *flights, struct asker *asker, const char *key)
{
	ask_as(flights, asker, key, (uint64_t) *key, 5000);
}

/* verdict -- waited for, and its answer let go. */
static enum verdict_kind
verdict(struct asker *asker)
{
	while (!asker->told)
		clock_sleep_ms(1);
	answer_unref(asker->verdict.answer);
	asker->verdict.answer = NULL;
	return asker->verdict.kind;
}

static void
wait_for(atomic_int *value, int want)
{
	while (*value != want)
		clock_sleep_ms(1);
}

static void
wait_for_queue(struct flights *flights, int want)
{
	struct flights_counts counts;

	do
	{
		clock_sleep_ms(1);
		flights_counts(flights, &counts);
	} while (counts.queued != want);
}

/* ------------------------------------------------------------------------ */

static void
test_single_flight(void)
{
	static struct asker askers[ASKERS];
	struct flights *flights = new_flights(2, 1);
	int answers = 0;
	int at_once = 0;
	int i;

	hold = true;
	for (i = 0; i < 32; i++)
	{
		ask_as(flights, &askers[i], "a", (uint64_t) i % 2, 5000);
		at_once += askers[i].at_once;
	}
	tap_int(at_once, 0, "many ask the same and wait");
	hold = false;
	for (i = 0; i < 32; i++)
		answers += verdict(&askers[i]) == VERDICT_ANSWER;
	tap_int(answers, 32, "all are answered");
	tap_int(runs, 1, "by one computation");
	ask(flights, &askers[0], "a");
	tap_ok(askers[0].at_once && verdict(&askers[0]) == VERDICT_ANSWER,
		   "who comes later gets it at once");
	skew_ms = 11001;
	ask(flights, &askers[0], "a");
	tap_ok(!askers[0].at_once && verdict(&askers[0]) == VERDICT_ANSWER,
		   "much later, a new one");
	tap_int(runs, 2, "which is computed");
	flights_free(flights);
}

static void
test_failures(void)
{
	static struct asker askers[ASKERS];
	struct flights *flights = new_flights(2, 1);
	int failed = 0;
	int i;

	hold = true;
	outcome = FLIGHT_FAILED;
	for (i = 0; i < 20; i++)
		ask(flights, &askers[i], "a");
	hold = false;
	for (i = 0; i < 20; i++)
		failed += verdict(&askers[i]) == VERDICT_FAILED;
	tap_int(failed, 20, "a failure is shared too");
	ask(flights, &askers[0], "a");
	tap_ok(askers[0].at_once && verdict(&askers[0]) == VERDICT_FAILED,
		   "and stands for a moment");
	tap_int(runs, 1, "without another try");

	skew_ms = 1100;
	outcome = FLIGHT_ANSWERED;
	ask(flights, &askers[0], "a");
	tap_int(verdict(&askers[0]), VERDICT_ANSWER, "then it is tried again");

	skew_ms = 20000;
	outcome = FLIGHT_FAILED;
	ask(flights, &askers[0], "a");
	tap_int(verdict(&askers[0]),
			VERDICT_STALE,
			"an older answer is better than a failure");
	tap_ok(askers[0].verdict.age_ms >= 18000, "and says its age");
	ask(flights, &askers[0], "a");
	tap_ok(askers[0].at_once && verdict(&askers[0]) == VERDICT_STALE,
		   "the next second at once");
	skew_ms = 25000;
	outcome = FLIGHT_REFUSED;
	ask(flights, &askers[0], "a");
	tap_int(verdict(&askers[0]),
			VERDICT_FAILED,
			"but not than a refusal of the question");
	ask(flights, &askers[0], "a");
	tap_ok(askers[0].at_once && verdict(&askers[0]) == VERDICT_FAILED,
		   "which stands for a moment likewise");
	skew_ms = 400000;
	outcome = FLIGHT_FAILED;
	ask(flights, &askers[0], "a");
	tap_int(verdict(&askers[0]), VERDICT_FAILED, "nor one that is too old");
	flights_free(flights);
}

static void
test_away(void)
{
	struct flights *flights = new_flights(1, 1);
	struct asker old;
	struct asker fresh;
	struct asker other;

	ask(flights, &old, "a");
	(void) verdict(&old);
	skew_ms = 20000;
	hold = true;
	ask(flights, &old, "a");
	wait_for(&running, 1);
	ask(flights, &other, "b");
	is_away = true;
	tap_int(verdict(&old),
			VERDICT_STALE,
			"the database away: who can have an older answer has it");
	tap_int(verdict(&other), VERDICT_AWAY, "nobody is kept in the queue");
	ask(flights, &other, "c");
	tap_ok(other.at_once && verdict(&other) == VERDICT_AWAY,
		   "who comes now is told so at once");
	ask(flights, &old, "a");
	tap_ok(old.at_once && verdict(&old) == VERDICT_STALE,
		   "or gets the older answer");
	is_away = false;
	hold = false;
	wait_for(&running, 0);
	do
		ask(flights, &fresh, "a");
	while (!fresh.at_once && verdict(&fresh) != VERDICT_ANSWER);
	tap_ok(verdict(&fresh) == VERDICT_ANSWER && runs == 2,
		   "the computation has gone on and has a new one");
	flights_free(flights);
}

static void
test_quarantine(void)
{
	struct flights *flights = new_flights(1, 1);
	struct asker asker;

	outcome = FLIGHT_TIMED_OUT;
	ask(flights, &asker, "a1");
	tap_int(verdict(&asker), VERDICT_FAILED, "a query takes all its time");
	outcome = FLIGHT_ANSWERED;
	skew_ms = 1100;
	ask(flights, &asker, "a2");
	tap_ok(asker.at_once && verdict(&asker) == VERDICT_QUARANTINED,
		   "it is not run again, in any form");
	tap_ok(asker.verdict.retry_ms > 50000 &&
			   asker.verdict.reason == QUARANTINE_TIMEOUT,
		   "for a minute, with the reason");
	ask(flights, &asker, "b");
	tap_int(verdict(&asker), VERDICT_ANSWER, "others are");
	skew_ms = 70000;
	ask(flights, &asker, "a2");
	tap_int(verdict(&asker), VERDICT_ANSWER, "and then it may");

	/* a database that stood still is to blame itself */
	hold = true;
	outcome = FLIGHT_TIMED_OUT;
	ask(flights, &asker, "c");
	wait_for(&running, 1);
	skew_ms += 10000;
	stalled += 7000;
	hold = false;
	(void) verdict(&asker);
	skew_ms += 2000;
	outcome = FLIGHT_ANSWERED;
	ask(flights, &asker, "c");
	tap_int(verdict(&asker),
			VERDICT_ANSWER,
			"who lost his time to a stall is not to blame");
	flights_free(flights);
}

static void
test_queue(void)
{
	static struct asker askers[8];
	struct flights *flights = new_flights(1, 3);
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
	skew_ms += 200;
	hold = false;
	for (i = 0; i < 4; i++)
		(void) verdict(&askers[i]);
	tap_ok(memcmp(order, "fihg", 4) == 0, "one that stands: newest first");

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
	tap_ok(clock_mono_ms() - begin >= 390 && clock_mono_ms() - begin < 2000,
		   "but as long as may be");
	hold = false;
	(void) verdict(&askers[0]);
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
test_leaving(void)
{
	struct flights *flights = new_flights(1, 2);
	struct flights_counts counts;
	struct asker stays;
	struct asker leaves;
	int pair[2];

	(void) socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	hold = true;
	ask(flights, &stays, "a");
	wait_for(&running, 1);
	ask_on(flights, &leaves, "a", 5, 5000, pair[0]);
	(void) close(pair[1]);
	tap_int(verdict(&leaves), VERDICT_GONE, "who leaves is seen to");
	tap_ok(running == 1 && !stays.told, "the computation is others' too");
	hold = false;
	tap_int(verdict(&stays), VERDICT_ANSWER, "who get their answer");
	(void) close(pair[0]);

	(void) socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	hold = true;
	ask_on(flights, &leaves, "b", 5, 5000, pair[0]);
	wait_for(&running, 1);
	(void) close(pair[1]);
	tap_int(verdict(&leaves), VERDICT_GONE, "the only one leaves");
	wait_for(&running, 0);
	tap_ok(hold, "what nobody waits for is broken off");
	ask(flights, &stays, "b");
	hold = false;
	tap_int(verdict(&stays), VERDICT_ANSWER, "who asks then has a new one");
	(void) close(pair[0]);
	do
		flights_counts(flights, &counts);
	while (counts.running > 0);
	tap_int(counts.waiting, 0, "and nobody is forgotten");
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
	test_single_flight();
	test_failures();
	test_away();
	test_quarantine();
	test_queue();
	test_shares();
	test_leaving();
	test_streams();
	test_crowd();
	return tap_done();
}
