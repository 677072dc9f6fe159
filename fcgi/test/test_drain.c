/*
 * test_drain.c
 *	  drain.c: what it does with each answer of a store, and that the store
 *	  ends up with every event once, but for those in the dead letters.
 *
 * The store is one in memory that checks what it is given: a batch must
 * follow what it has, and an event it refuses must never come again once it
 * was left out.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../extension/wire/frame.h"
#include "clock.h"
#include "dead_letter.h"
#include "drain.h"
#include "log.h"

#define MAX_EVENTS 30000

static char dir[64];

/* ------------------------------------------------------------------------
 * A store in memory
 */

static struct
{
	pthread_mutex_t lock;
	uint64_t taken;
	uint8_t times[MAX_EVENTS + 1]; /* how often an event was stored */
	int calls;
	int largest; /* batch */
	int id_checks;
	int skipped;
	bool wrong; /* was given what does not follow */

	/* What goes wrong. */
	int away_calls; /* so many calls fail first */
	enum drain_result away_result;
	int poison_every; /* every n-th event */
	enum drain_result poison_result;
	bool lose_answers;	 /* store, and then say that it failed */
	uint32_t slow_above; /* events in a batch */
	int has_id;			 /* this event's id is stored already */
	int reject;			 /* this event is rejected */

	/* What it was told of events that wait. */
	int tells;
	uint64_t told_upto;
	int64_t told_ms;
	int untold; /* batches that nobody had told it of */
	int deaf;	/* so many calls fail first */
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum drain_result
store_progress(void *arg, const char *spool, uint64_t *taken,
			   struct drain_answer *answer)
{
	(void) arg;
	(void) spool;
	(void) answer;
	(void) pthread_mutex_lock(&store.lock);
	*taken = store.taken;
	(void) pthread_mutex_unlock(&store.lock);
	return DRAIN_OK;
}

static bool
is_poison(uint64_t seq)
{
	return store.poison_every > 0 && seq % (uint64_t) store.poison_every == 0;
}

/* judge -- what the store says before it takes anything. */
static enum drain_result
judge(const struct spool_batch *batch, bool check_ids, bool leave_out)
{
	uint32_t events = (uint32_t) (batch->last - batch->first + 1);

	if (store.away_calls > 0)
	{
		store.away_calls--;
		return store.away_result;
	}
	if (batch->first != store.taken + 1)
		return DRAIN_NOT_NEXT;
	if (leave_out)
	{
		store.wrong |= events != 1;
		return DRAIN_OK;
	}
	if (store.slow_above > 0 && events > store.slow_above)
		return DRAIN_TOO_SLOW;
	for (uint64_t seq = batch->first; seq <= batch->last; seq++)
	{
		if (is_poison(seq))
			return store.poison_result;
		if (seq == (uint64_t) store.has_id && !check_ids)
			return DRAIN_ID_TAKEN;
	}
	return DRAIN_OK;
}

static enum drain_result
store_ingest(void *arg, const struct spool_batch *batch, bool check_ids,
			 bool leave_out, struct drain_answer *answer)
{
	enum drain_result result;
	int events = (int) (batch->last - batch->first + 1);

	(void) arg;
	(void) pthread_mutex_lock(&store.lock);
	store.calls++;
	store.untold += batch->last > store.told_upto;
	store.id_checks += check_ids;
	answer->stored = answer->duplicate = answer->nrejected = 0;
	snprintf(answer->message, sizeof(answer->message), "the store says no");
	result = judge(batch, check_ids, leave_out);
	if (result == DRAIN_OK)
	{
		if (events > store.largest)
			store.largest = events;
		for (uint64_t seq = batch->first; seq <= batch->last; seq++)
		{
			if (seq == (uint64_t) store.has_id)
				answer->duplicate++;
			else if (seq == (uint64_t) store.reject)
				answer->rejected[answer->nrejected++] =
					(uint32_t) (seq - batch->first + 1);
			else if (!leave_out)
			{
				answer->stored++;
				store.times[seq]++;
			}
		}
		store.taken = batch->last;
		if (store.lose_answers && store.calls % 2 == 1)
			result = DRAIN_AWAY;
	}
	(void) pthread_mutex_unlock(&store.lock);
	return result;
}

static enum drain_result
store_behind(void *arg, const char *spool, uint64_t upto, int64_t behind_ms,
			 struct drain_answer *answer)
{
	(void) arg;
	(void) spool;
	snprintf(answer->message, sizeof(answer->message), "the store hears no");
	if (store.deaf > 0)
	{
		store.deaf--;
		return DRAIN_AWAY;
	}
	store.tells++;
	store.told_upto = upto;
	store.told_ms = behind_ms;
	return DRAIN_OK;
}

static enum drain_result
store_skip(void *arg, const struct spool_batch *gap, const char *reason,
		   struct drain_answer *answer)
{
	(void) arg;
	(void) reason;
	(void) answer;
	(void) pthread_mutex_lock(&store.lock);
	store.skipped += (int) (gap->last - gap->first + 1);
	store.taken = gap->last;
	(void) pthread_mutex_unlock(&store.lock);
	return DRAIN_OK;
}

static void
store_interrupt(void *arg)
{
	(void) arg;
}

static uint64_t
store_taken(void)
{
	uint64_t taken;

	(void) pthread_mutex_lock(&store.lock);
	taken = store.taken;
	(void) pthread_mutex_unlock(&store.lock);
	return taken;
}

/* ------------------------------------------------------------------------
 * A spool, a drain, and what is found afterwards
 */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	return remove(path);
}

static void
fresh(void)
{
	pthread_mutex_t lock = store.lock;

	if (dir[0] != '\0')
		(void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	strcpy(dir, "/tmp/test_drain.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	memset(&store, 0, sizeof(store));
	store.lock = lock;
}

static struct spool *
open_spool(void)
{
	struct spool_options options = {
		.dir = dir,
		.file_bytes = 1 << 20,
		.max_bytes = 1 << 28,
		.now = clock_mono_ms,
		.wall_us = clock_wall_us,
	};
	char message[SPOOL_MESSAGE_BYTES];
	struct spool *spool = spool_open(&options, message);

	if (spool == NULL)
		abort();
	return spool;
}

static int64_t age_ms; /* of the events that are appended */

static void
append(struct spool *spool, uint32_t events)
{
	struct frame frame = {.received_us = clock_wall_us() - age_ms * 1000,
						  .collection = "c",
						  .collection_len = 1,
						  .json = "{\"a\":\n1}",
						  .json_len = 8};
	size_t len = SPOOL_RECORD_HEADER;
	uint8_t *record = malloc(len + events * frame_size(&frame));
	struct iovec iov = {record, 0};

	if (record == NULL)
		abort();
	for (uint32_t i = 0; i < events; i++, len += frame_size(&frame))
		frame_write(&frame, record + len);
	iov.iov_len = len;
	if (spool_append(spool, &iov, &events, 1) != SPOOL_OK)
		abort();
	free(record);
}

static struct drain *
start_paced_drain(struct spool *spool, int64_t max_events_per_s)
{
	struct drain_options options = {
		.spool = spool,
		.dir = dir,
		.store = {.progress = store_progress,
				  .ingest = store_ingest,
				  .skip = store_skip,
				  .behind = store_behind,
				  .interrupt = store_interrupt},
		.interval_ms = 1,
		.retry_ms = 1,
		.max_retry_ms = 4,
		.max_events_per_s = max_events_per_s,
	};
	struct drain *drain = drain_start(&options);

	if (drain == NULL)
		abort();
	return drain;
}

static struct drain *
start_drain(struct spool *spool)
{
	return start_paced_drain(spool, 0);
}

/* run -- drain "events" that are in the spool; how it ended. */
static struct drain_status
run(uint32_t events)
{
	struct spool *spool = open_spool();
	struct drain *drain;
	struct drain_status status;
	int64_t end_ms = clock_mono_ms() + 20000;

	append(spool, events);
	drain = start_drain(spool);
	while (store_taken() < events && clock_mono_ms() < end_ms)
		clock_sleep_ms(1);
	/* What follows the last batch, too: until it says that none is left. */
	do
	{
		clock_sleep_ms(1);
		drain_status(drain, &status);
	} while ((status.oldest_us != 0 ||
			  status.stored + status.duplicates + status.dead_letters <
				  (int64_t) events) &&
			 !store.lose_answers && clock_mono_ms() < end_ms);
	drain_stop(drain);
	spool_close(spool);
	return status;
}

/* wrong_times -- events not stored as often as they should be. */
static int
wrong_times(int events)
{
	int wrong = 0;

	for (int seq = 1; seq <= events; seq++)
	{
		bool left_out = is_poison((uint64_t) seq) || seq == store.has_id ||
						seq == store.reject;

		wrong += store.times[seq] != (left_out ? 0 : 1);
	}
	return wrong + store.wrong;
}

static int
letters(void)
{
	char path[128];
	char line[512];
	int n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, DEAD_LETTER_FILE);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, "\"event\":{\"a\": 1}}\n") != NULL;
	if (file != NULL)
		(void) fclose(file);
	return n;
}

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
	drain = start_paced_drain(spool, 1000);
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

/* Who asks is told how old what waits is, before any of it is stored. */
static void
test_behind(void)
{
	fresh();
	(void) run(12000);
	tap_int(store.tells, 0, "what is stored in time is not behind");

	fresh();
	age_ms = 5000;
	store.deaf = 2;
	(void) run(2 * 12000);
	tap_int(wrong_times(2 * 12000), 0, "what comes late is stored once, too");
	tap_int(store.untold, 0, "and none of it before it was told how late");
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
	test_behind();
	(void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
