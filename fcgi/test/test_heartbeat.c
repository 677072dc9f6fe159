/*
 * test_heartbeat.c
 *	  The heartbeat, with a database and a clock that the test moves; and the
 *	  canceller, with cancels that hang.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "canceller.h"
#include "clock.h"
#include "heartbeat.h"
#include "sync.h"
#include "tap.h"

static _Atomic int64_t clock_ms = 1000;
static int64_t takes_ms; /* what the next answer takes */
static enum heartbeat_result answers = HEARTBEAT_ANSWERED;
static int was_back;
static struct heartbeat *hb;
static int64_t silent_meanwhile_ms; /* as seen in the middle of a question */

static int64_t
now(void)
{
	return clock_ms;
}

static enum heartbeat_result
ask(void *arg)
{
	(void) arg;
	clock_ms += takes_ms;
	silent_meanwhile_ms = heartbeat_silent_ms(hb);
	return answers;
}

static void
is_back(void *arg)
{
	(void) arg;
	was_back++;
}

static void
beat(enum heartbeat_result answer, int64_t ms)
{
	answers = answer;
	takes_ms = ms;
	heartbeat_beat(hb);
	clock_ms += 250;
}

static void
test_heartbeat(void)
{
	const struct heartbeat_options options = {.ask = ask,
											  .is_back = is_back,
											  .now = now};

	hb = heartbeat_new(&options);
	tap_ok(!heartbeat_is_away(hb), "nothing is known, nothing is wrong");
	beat(HEARTBEAT_ANSWERED, 3);
	tap_int(was_back, 1, "the first answer");
	beat(HEARTBEAT_ANSWERED, 249);
	tap_int(heartbeat_stalled_ms(hb), 0, "a slow answer is no stall");
	beat(HEARTBEAT_ANSWERED, 400);
	tap_int(heartbeat_stalled_ms(hb), 400, "a slower one is");
	tap_int(silent_meanwhile_ms, 400, "and is seen while it lasts");
	tap_int(heartbeat_silent_ms(hb), 0, "and over when it is");

	beat(HEARTBEAT_FAILED, 5000);
	tap_ok(heartbeat_is_away(hb), "silence: the database is away");
	beat(HEARTBEAT_FAILED, 2000);
	tap_int(heartbeat_silent_ms(hb), 7500, "over several questions");
	answers = HEARTBEAT_NOT_ASKED;
	takes_ms = 0;
	heartbeat_beat(hb);
	tap_int(heartbeat_silent_ms(hb),
			7500,
			"one that is not asked says nothing");
	tap_int(heartbeat_stalled_ms(hb), 7900, "of one stall");
	tap_int(was_back, 1, "which goes on");
	beat(HEARTBEAT_ANSWERED, 1);
	tap_ok(!heartbeat_is_away(hb), "an answer ends it");
	tap_int(heartbeat_stalled_ms(hb), 7901, "its length is known");
	tap_int(was_back, 2, "and the others are told");

	beat(HEARTBEAT_FAILED, 2);
	tap_ok(!heartbeat_is_away(hb), "a refusal at once is no silence");
	beat(HEARTBEAT_ANSWERED, 2);
	tap_int(was_back, 3, "but after it the others are told too");

	beat(HEARTBEAT_FAILED, 3000);
	beat(HEARTBEAT_FAILED, 2);
	tap_ok(!heartbeat_is_away(hb), "silence that ends with a refusal is over");
	heartbeat_free(hb);
}

static void
test_thread(void)
{
	const struct heartbeat_options options = {.ask = ask,
											  .is_back = is_back,
											  .now = now};

	takes_ms = 0;
	answers = HEARTBEAT_ANSWERED;
	hb = heartbeat_new(&options);
	tap_ok(heartbeat_start(hb), "the thread starts");
	clock_sleep_ms(50);
	(void) heartbeat_is_away(hb);
	tap_ok(heartbeat_stop(hb, 5000), "and ends");
	heartbeat_free(hb);
}

/* ------------------------------------------------------------------------
 * The canceller
 */

static atomic_int sent;
static atomic_int dropped;
static atomic_bool hangs;
static atomic_bool is_hanging;

static bool
send_fake(void *what)
{
	(void) what;
	while (hangs)
	{
		is_hanging = true;
		clock_sleep_ms(1);
	}
	sent++;
	return true;
}

static void
drop_fake(void *what)
{
	(void) what;
	dropped++;
}

static void
test_canceller(void)
{
	struct canceller *c = canceller_new(send_fake, drop_fake, NULL);
	int64_t begin;
	int i;

	canceller_add(c, &sent);
	while (sent == 0)
		clock_sleep_ms(1);
	tap_ok(true, "a cancel is sent");
	hangs = true;
	begin = clock_mono_ms();
	for (i = 0; i < CANCELLER_PLACES + 10; i++)
		canceller_add(c, &sent);
	tap_ok(clock_mono_ms() - begin < 1000, "one that hangs holds up nobody");
	while (!is_hanging)
		clock_sleep_ms(1);
	tap_ok(dropped >= 9, "what finds no place is dropped");
	tap_ok(!canceller_stop(c, 50), "nor does it hold up the end for long");
	hangs = false;
	tap_ok(canceller_stop(c, 5000), "once it is done");
	canceller_free(c);
	tap_int(sent + dropped, CANCELLER_PLACES + 11, "none is forgotten");
}

int
main(void)
{
	test_heartbeat();
	test_thread();
	test_canceller();
	return tap_done();
}
