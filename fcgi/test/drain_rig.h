/*
 * drain_rig.h
 *	  What the tests of drain.c share: a store in memory that does what a test
 *	  says, a spool, and what is found afterwards.
 *
 * The store checks what it is given: a batch must follow what it has, and an
 * event it refuses must never come again once it was left out.
 *
 * The source that includes it defines _XOPEN_SOURCE 700 (mkdtemp(), nftw()).
 */
#ifndef TALLY_DRAIN_RIG_H
#define TALLY_DRAIN_RIG_H

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../extension/wire/frame.h"
#include "clock.h"
#include "dead_letter.h"
#include "drain.h"
#include "log.h"
#include "folder.h"
#include "tap.h"

#define MAX_EVENTS 30000

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
	int untold;		/* batches that nobody had told it of */
	uint64_t all;	/* how many events there are */
	int left_alone; /* batches after which others waited untold */
	int deaf;		/* so many calls fail first */
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline enum drain_result
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

static inline bool
is_poison(uint64_t seq)
{
	return store.poison_every > 0 && seq % (uint64_t) store.poison_every == 0;
}

/* judge -- what the store says before it takes anything. */
static inline enum drain_result
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

static inline enum drain_result
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
		store.left_alone +=
			batch->last < store.all && store.told_upto <= batch->last;
		if (store.lose_answers && store.calls % 2 == 1)
			result = DRAIN_AWAY;
	}
	(void) pthread_mutex_unlock(&store.lock);
	return result;
}

static inline enum drain_result
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

static inline enum drain_result
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

static inline void
store_interrupt(void *arg)
{
	(void) arg;
}

static inline uint64_t
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

static inline void
fresh(void)
{
	pthread_mutex_t lock = store.lock;

	folder_new();
	memset(&store, 0, sizeof(store));
	store.lock = lock;
}

static inline struct spool *
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

static inline void
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

/* What start_drain() is to have otherwise; 0: the usual. */
static int64_t max_events_per_s;
static int64_t retry_ms;

static inline struct drain *
start_drain(struct spool *spool)
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
		.retry_ms = retry_ms > 0 ? retry_ms : 1,
		.max_retry_ms = retry_ms > 0 ? 10 * retry_ms : 4,
		.max_events_per_s = max_events_per_s,
	};
	struct drain *drain = drain_start(&options);

	if (drain == NULL)
		abort();
	return drain;
}

/* run_spool -- drain "events" that are in the spool, and close it; how it ended. */
static inline struct drain_status
run_spool(struct spool *spool, uint32_t events)
{
	struct drain *drain;
	struct drain_status status;
	int64_t end_ms = clock_mono_ms() + 20000;

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

/* run -- the same of events that are new. */
static inline struct drain_status
run(uint32_t events)
{
	struct spool *spool = open_spool();

	append(spool, events);
	return run_spool(spool, events);
}

/* wrong_times -- events not stored as often as they should be. */
static inline int
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

static inline int
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

#endif
