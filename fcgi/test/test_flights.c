/*
 * test_flights.c
 *	  Questions asked by many at once: who is answered by what, when it fails,
 *	  when the database is away, when some leave.
 */
#include "flights_rig.h"

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

/* Who asks before the threads of the slots have begun has a place as later. */
static void
test_beginning(void)
{
	int refused = 0;

	for (int round = 0; round < 100; round++)
	{
		struct flights *flights = new_flights(1, 1);
		struct asker first;
		struct asker second;

		ask(flights, &first, "a");
		ask(flights, &second, "b");
		refused += verdict(&first) == VERDICT_BUSY;
		refused += verdict(&second) == VERDICT_BUSY;
		flights_free(flights);
	}
	tap_int(refused, 0, "all slots and places are there from the beginning");
}

int
main(void)
{
	test_beginning();
	test_single_flight();
	test_failures();
	test_away();
	test_quarantine();
	test_leaving();
	return tap_done();
}
