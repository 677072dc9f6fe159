/*
 * test_drain.c
 *	  drain.c: what it does with each answer of a store, and that the store
 *	  ends up with every event once, but for those in the dead letters.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "drain_rig.h"

#include <sys/resource.h>

static void
test_plain(void)
{
	struct drain_status status;

	fresh();
	status = run(12000);
	tap_int(wrong_times(12000), 0, "every event is stored once");
	tap_int(store.largest, DRAIN_MAX_EVENTS, "in batches of the full size");
	tap_int(store.calls, 3, "and no more of them than needed");
	tap_int(status.stored, 12000, "and counted");
	tap_ok(!status.is_away && letters() == 0, "without trouble");
}

static void
test_away(void)
{
	struct drain_status status;

	fresh();
	store.away_calls = 12;
	store.away_result = DRAIN_AWAY;
	status = run(7000);
	tap_int(wrong_times(7000), 0, "a store that is away is waited for");
	tap_int(store.calls, 12 + 2, "with the same batch");
	tap_ok(!status.is_away, "and forgotten when it is back");

	fresh();
	store.lose_answers = true;
	(void) run(20000);
	tap_int(wrong_times(20000), 0, "an answer that was lost does no harm");
}

static void
test_slow(void)
{
	fresh();
	store.slow_above = 700;
	(void) run(6000);
	tap_int(wrong_times(6000), 0, "batches that take too long");
	tap_ok(store.largest <= 700 && store.largest > 300, "become smaller");
}

static void
test_ids(void)
{
	struct drain_status status;

	fresh();
	store.has_id = 6000;
	status = run(12000);
	tap_int(wrong_times(12000), 0, "an id that is stored is not stored again");
	tap_int(store.id_checks, 1, "and only its batch is looked up");
	tap_int(status.duplicates, 1, "which is counted");
	tap_int(letters(), 0, "and is no dead letter");
}

static void
test_poison(void)
{
	struct drain_status status;

	fresh();
	store.poison_every = 3000;
	store.poison_result = DRAIN_REFUSED;
	status = run(12000);
	tap_int(wrong_times(12000), 0, "all but the refused events are stored");
	tap_int(letters(), 4, "and those are dead letters, each on a line");
	tap_int(status.dead_letters, 4, "and counted");
	tap_ok(store.calls < 4 * 40, "found by halving");

	fresh();
	store.poison_every = 800;
	store.poison_result = DRAIN_BROKEN;
	(void) run(1000);
	tap_int(wrong_times(1000), 0, "an error of the server's own that stays");
	tap_int(letters(), 1, "is at last the event's");

	fresh();
	store.away_calls = 3;
	store.away_result = DRAIN_BROKEN;
	(void) run(1000);
	tap_int(wrong_times(1000) + letters(), 0, "but one that goes away is not");

	fresh();
	store.reject = 17;
	(void) run(1000);
	tap_int(wrong_times(1000), 0, "a rejected event");
	tap_int(letters(), 1, "is a dead letter, too");
}

/* When everything is refused something else is wrong: no haste then. */
static void
test_all_refused(void)
{
	struct spool *spool;
	struct drain *drain;
	uint64_t taken;

	fresh();
	store.poison_every = 1;
	store.poison_result = DRAIN_REFUSED;
	spool = open_spool();
	append(spool, 1000);
	drain = start_drain(spool);
	while (store_taken() < 100)
		clock_sleep_ms(1);
	clock_sleep_ms(100);
	taken = store_taken();
	tap_ok(taken > 100 && taken < 250,
		   "when all are refused they are buried slowly");
	(void) pthread_mutex_lock(&store.lock);
	store.poison_every = 0;
	(void) pthread_mutex_unlock(&store.lock);
	while (store_taken() < 1000)
		clock_sleep_ms(1);
	drain_stop(drain);
	spool_close(spool);
	tap_int(store.times[1000], 1, "and what is not, is stored as ever");
}

/* A letter that cannot be written: the event stays in the spool. */
static void
test_no_letter(void)
{
	struct spool *spool;
	struct drain *drain;
	char path[128];

	fresh();
	store.poison_every = 5;
	store.poison_result = DRAIN_REFUSED;
	snprintf(path, sizeof(path), "%s/%s", dir, DEAD_LETTER_FILE);
	if (mkdir(path, 0700) != 0)
		abort();
	spool = open_spool();
	append(spool, 8);
	drain = start_drain(spool);
	clock_sleep_ms(100);
	tap_int((int64_t) store_taken(), 4, "without its letter it is not passed");
	if (rmdir(path) != 0)
		abort();
	while (store_taken() < 8)
		clock_sleep_ms(1);
	drain_stop(drain);
	spool_close(spool);
	tap_int(wrong_times(8), 0, "with it the others go on");
	tap_int(letters(), 1, "and the letter is there");
}

static void
test_stop(void)
{
	struct spool *spool;
	struct drain *drain;
	int64_t began;

	fresh();
	store.away_calls = 1 << 30;
	store.away_result = DRAIN_AWAY;
	spool = open_spool();
	append(spool, 10);
	drain = start_drain(spool);
	clock_sleep_ms(20);
	began = clock_mono_ms();
	drain_stop(drain);
	tap_ok(clock_mono_ms() - began < 1000, "it stops while the store is away");
	spool_close(spool);

	store.away_calls = 0;
	spool = open_spool();
	drain = start_drain(spool);
	while (store_taken() < 10)
		clock_sleep_ms(1);
	drain_stop(drain);
	spool_close(spool);
	tap_int(wrong_times(10), 0, "and the next start goes on");
}

/* A file that cannot be opened for want of a descriptor is not a bad one. */
static void
test_no_descriptors(void)
{
	struct rlimit usual;
	struct rlimit none;
	struct spool *spool;
	struct spool_status status;
	struct drain *drain;
	int lowest;

	fresh();
	spool = open_spool();
	append(spool, 10);
	spool_close(spool);
	spool = open_spool();
	lowest = dup(STDIN_FILENO);
	if (lowest < 0 || close(lowest) != 0 ||
		getrlimit(RLIMIT_NOFILE, &usual) != 0)
		abort();
	none = usual;
	none.rlim_cur = (rlim_t) lowest;
	if (setrlimit(RLIMIT_NOFILE, &none) != 0)
		abort();
	drain = start_drain(spool);
	clock_sleep_ms(200);
	spool_status(spool, &status);
	tap_int((int64_t) store_taken(), 0, "without descriptors nothing is read");
	tap_int(status.bad_files, 0, "and no file is taken for damaged");
	if (setrlimit(RLIMIT_NOFILE, &usual) != 0)
		abort();
	for (int i = 0; i < 2000 && store_taken() < 10; i++)
		clock_sleep_ms(1);
	drain_stop(drain);
	spool_close(spool);
	tap_int(wrong_times(10), 0, "with them all is stored");
}

/* A backlog that is stored slowly on purpose is no younger for it. */
static void
test_paced(void)
{
	struct spool *spool;
	struct drain *drain;
	struct drain_status status;

	fresh();
	spool = open_spool();
	append(spool, 2 * DRAIN_MAX_EVENTS);
	max_events_per_s = 1000;
	drain = start_drain(spool);
	max_events_per_s = 0;
	while (store_taken() == 0)
		clock_sleep_ms(1);
	clock_sleep_ms(50);
	drain_status(drain, &status);
	tap_int((int64_t) store_taken(),
			DRAIN_MAX_EVENTS,
			"after a batch it waits for the rate that it may have");
	tap_ok(status.oldest_us > 0, "and says how old what is left is");
	drain_stop(drain);
	spool_close(spool);
}

/* However long the pauses for other troubles are. */
static void
test_back(void)
{
	const int64_t began_ms = clock_mono_ms();

	fresh();
	retry_ms = 10000;
	store.away_calls = 1;
	store.away_result = DRAIN_AWAY;
	(void) run(1);
	retry_ms = 0;
	tap_ok(clock_mono_ms() - began_ms < 5000,
		   "a store that is away is looked for every second");
}

/* Who asks is told how old what waits is, before any of it is stored. */
static void
test_behind(void)
{
	struct spool *spool;
	int i;

	fresh();
	(void) run(12000);
	tap_int(store.tells, 0, "what is stored in time is not behind");

	/* in several requests, one of which is taken by several batches */
	fresh();
	spool = open_spool();
	age_ms = 5000;
	for (i = 0; i < 4; i++)
		append(spool, i == 2 ? 7000 : 2000);
	spool_close(spool);
	store.all = 13000;
	store.deaf = 2;
	(void) run_spool(open_spool(), 13000);
	tap_int(wrong_times(13000), 0, "what comes late is stored once, too");
	tap_int(store.untold, 0, "and none of it before it was told how late");
	tap_int(store.left_alone, 0, "which holds as long as there is more");
	tap_ok((int) store.told_upto <= 13000, "and no longer");
	tap_ok(store.told_ms >= 5000 && store.told_ms < 25000, "in milliseconds");
	age_ms = 0;
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	/* The dead letters that are logged are meant to be there. */
	test_plain();
	test_away();
	test_slow();
	test_ids();
	test_poison();
	test_all_refused();
	test_no_letter();
	test_stop();
	test_paced();
	test_no_descriptors();
	test_back();
	test_behind();
	folder_remove();
	return tap_done();
}
