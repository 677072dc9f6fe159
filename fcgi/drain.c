/*
 * drain.c
 *	  Takes events from the spool to the database, in order, each once.
 *
 *	  BATCH --ok--------------> go on behind it
 *			--an id is there--> the same again, ids looked up
 *			--not next--------> ask how far the database is, go on from there:
 *								an answer was lost, or another backend of ours
 *								still did what it was told before it died
 *			--refused---------> the first half of it; when it is one event, to
 *								the dead letters, and the rest goes on
 *			--away------------> the same again after a pause, for ever
 *
 * A dead letter is written before the event is passed over, so that a crash
 * between the two repeats the letter and loses nothing.
 */
#include "drain.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../extension/wire/json_check.h"
#include "behind.h"
#include "clock.h"
#include "dead_letter.h"
#include "log.h"
#include "sync.h"

/* An error of the server's own that comes back so often is about the event. */
#define BROKEN_TRIES 5
/* So many events refused one after the other, and none stored between them,
 * are not so many bad events: from there on they are buried slowly, so that
 * somebody who reads the log can stop it. */
#define REFUSED_IN_A_ROW 100
/* A file that cannot be read so often is set aside. */
#define READ_TRIES 5
/* A batch that is too slow is made smaller, down to this. */
#define SLOW_MIN_EVENTS 100
#define LOG_EVERY_MS 5000
#define AWAY_MAX_RETRY_MS 1000
/* Nothing happens in the spool without a wake-up; but who knows. */
#define IDLE_MS 1000

struct drain
{
	struct drain_options opt;
	pthread_t thread;

	pthread_mutex_t lock; /* guards the block below */
	pthread_cond_t stopped;
	bool stopping;
	struct drain_status status;

	/* The thread's own. */
	uint32_t limit; /* of events in a batch */
	int broken;		/* times in a row */
	int refused;	/* events in a row */
	int unreadable;
	int64_t retry_ms; /* next pause; 0: all is well */
	uint32_t random;
	_Atomic int64_t logged_ms;
	struct behind behind; /* what it was told of events that wait */
	struct drain_answer answer;
};

/* ------------------------------------------------------------------------
 * Waiting
 */

static bool
is_stopping(struct drain *d)
{
	bool stopping;

	(void) pthread_mutex_lock(&d->lock);
	stopping = d->stopping;
	(void) pthread_mutex_unlock(&d->lock);
	return stopping;
}

/* pause_for -- so long, or until the end. */
static void
pause_for(struct drain *d, int64_t ms)
{
	int64_t deadline_ms = clock_mono_ms() + ms;

	(void) pthread_mutex_lock(&d->lock);
	while (!d->stopping && sync_cond_wait(&d->stopped, &d->lock, deadline_ms))
		;
	(void) pthread_mutex_unlock(&d->lock);
}

static void
set_away(struct drain *d, bool away)
{
	(void) pthread_mutex_lock(&d->lock);
	d->status.is_away = away;
	(void) pthread_mutex_unlock(&d->lock);
}

static void
set_oldest(struct drain *d, int64_t oldest_us)
{
	(void) pthread_mutex_lock(&d->lock);
	d->status.oldest_us = oldest_us;
	(void) pthread_mutex_unlock(&d->lock);
}

/* pause_up_to -- longer each time, up to "most_ms", and not in step with
 * others. */
static void
pause_up_to(struct drain *d, int64_t most_ms, const char *event,
			const char *message)
{
	int64_t ms = d->retry_ms > 0 ? d->retry_ms : d->opt.retry_ms;

	if (is_stopping(d))
		return;
	ms = ms < most_ms ? ms : most_ms;
	if (log_is_due(&d->logged_ms, clock_mono_ms(), LOG_EVERY_MS))
	{
		struct log_line line;

		log_begin(&line, LOG_LEVEL_WARN, event);
		log_str(&line, "error", message);
		log_int(&line, "retry_ms", ms);
		log_end(&line);
	}
	d->random = d->random * 1664525u + 1013904223u;
	d->retry_ms = ms * 2 < most_ms ? ms * 2 : most_ms;
	pause_for(d,
			  ms - ms / 4 + (int64_t) ((d->random >> 8) % 1024) * ms / 2048);
}

static void
back_off(struct drain *d, const char *event, const char *message)
{
	pause_up_to(d, d->opt.max_retry_ms, event, message);
}

/* away -- looked for once a second: a queue of one costs it nothing, and what
 * waits is stored as soon as it is back. */
static void
away(struct drain *d)
{
	const int64_t most_ms = d->opt.max_retry_ms < AWAY_MAX_RETRY_MS
								? d->opt.max_retry_ms
								: AWAY_MAX_RETRY_MS;

	set_away(d, true);
	pause_up_to(d, most_ms, "drain_waits", d->answer.message);
}

static void
all_well(struct drain *d)
{
	d->retry_ms = 0;
	d->broken = 0;
	set_away(d, false);
}

/* ------------------------------------------------------------------------
 * Dead letters
 */

/* why_rejected -- the same checks that the database made. */
static const char *
why_rejected(const struct frame *frame)
{
	struct json_event found;

	if (json_check_event(frame->json, frame->json_len, &found) != JSON_OK)
		return json_check_says(found.rule);
	if (!frame_collection_ok(frame->collection, frame->collection_len))
		return "the collection's name is not allowed";
	return "the database does not know the project";
}

/* find_frame -- the n-th of the batch, from 1. */
static bool
find_frame(const struct spool_batch *batch, uint32_t n, struct frame *frame)
{
	size_t at = 0;

	for (uint32_t i = 1; at < batch->frames_len; i++)
	{
		size_t len =
			frame_read(batch->frames + at, batch->frames_len - at, frame);

		if (len == 0)
			return false;
		if (i == n)
			return true;
		at += len;
	}
	return false;
}

/*
 * bury -- the n-th event of the batch becomes a dead letter.
 *
 * While the letter cannot be written the queue stands: the alternative is to
 * lose an event.  False when the program is stopped meanwhile.
 */
static bool
bury(struct drain *d, const struct spool_batch *batch, uint32_t n,
	 const char *reason)
{
	struct log_line line;
	struct frame frame;

	if (!find_frame(batch, n, &frame))
		return true;
	while (!dead_letter_write(d->opt.dir,
							  &frame,
							  reason != NULL ? reason : why_rejected(&frame)))
	{
		back_off(d, "dead_letter_failed", strerror(errno));
		if (is_stopping(d))
			return false;
	}
	(void) pthread_mutex_lock(&d->lock);
	d->status.dead_letters++;
	(void) pthread_mutex_unlock(&d->lock);
	log_begin(&line, LOG_LEVEL_ERROR, "dead_letter");
	log_str(&line, "spool", batch->spool);
	log_int(&line, "sequence", (int64_t) (batch->first + n - 1));
	log_end(&line);
	return true;
}

/* ------------------------------------------------------------------------
 * Batches
 */

static uint32_t
events_of(const struct spool_batch *batch)
{
	return (uint32_t) (batch->last - batch->first + 1);
}

/* ask -- how far is the database?  Go on from there. */
static bool
ask(struct drain *d, const char *spool, uint64_t *taken)
{
	if (d->opt.store.progress(d->opt.store.arg, spool, taken, &d->answer) !=
		DRAIN_OK)
	{
		away(d);
		return false;
	}
	spool_seek(d->opt.spool, *taken);
	return true;
}

/* not_next -- the database is somewhere else than we thought. */
static void
not_next(struct drain *d, const struct spool_batch *batch)
{
	uint64_t taken;

	/* If it is not, the refusal had another cause. */
	if (ask(d, batch->spool, &taken) && taken + 1 == batch->first)
		away(d);
}

/* stored -- a batch is in the database. */
static void
stored(struct drain *d, const struct spool_batch *batch)
{
	spool_seek(d->opt.spool, batch->last);
	if (d->answer.stored > 0)
		d->refused = 0;
	/* The pauses between refusals get longer, too. */
	if (d->refused <= REFUSED_IN_A_ROW)
		all_well(d);
	d->limit =
		d->limit < DRAIN_MAX_EVENTS / 2 ? d->limit * 2 : DRAIN_MAX_EVENTS;
	(void) pthread_mutex_lock(&d->lock);
	d->status.stored += d->answer.stored;
	d->status.duplicates += d->answer.duplicate;
	(void) pthread_mutex_unlock(&d->lock);
	metrics_observe(d->opt.metrics,
					METRIC_DRAIN_LAG,
					clock_wall_us() - batch->oldest_us);
	for (uint32_t i = 0; i < d->answer.nrejected; i++)
		if (!bury(d, batch, d->answer.rejected[i], NULL))
			return;
}

/* refused -- halve the batch, or pass over the event it has come down to. */
static void
refused(struct drain *d, const struct spool_batch *batch)
{
	char reason[sizeof(d->answer.message)];

	if (events_of(batch) > 1)
	{
		d->limit = events_of(batch) / 2;
		return;
	}
	memcpy(reason, d->answer.message, sizeof(reason));
	if (++d->refused > REFUSED_IN_A_ROW)
	{
		/* The SQLSTATE alone: the rest may hold what a client sent. */
		char code[6];

		(void) snprintf(code, sizeof(code), "%.5s", reason);
		back_off(d, "drain_all_refused", code);
	}
	if (is_stopping(d) || !bury(d, batch, 1, reason))
		return;
	switch (
		d->opt.store.ingest(d->opt.store.arg, batch, true, true, &d->answer))
	{
		case DRAIN_OK:
			d->answer.nrejected = 0;
			stored(d, batch);
			break;
		case DRAIN_NOT_NEXT:
			not_next(d, batch);
			break;
		default:
			away(d);
			break;
	}
}

/* pace -- wait for more events after a small batch, or for the rate. */
static void
pace(struct drain *d, const struct spool_batch *batch, int64_t began_ms)
{
	int64_t until_ms = began_ms;
	int64_t left_ms;
	bool is_last = events_of(batch) < DRAIN_MAX_EVENTS / 2 &&
				   batch->frames_len < DRAIN_MAX_BYTES / 2 &&
				   d->limit == DRAIN_MAX_EVENTS;

	if (is_last)
		until_ms += d->opt.interval_ms;
	if (d->opt.max_events_per_s > 0)
	{
		int64_t rate_ms =
			began_ms + events_of(batch) * 1000 / d->opt.max_events_per_s;

		until_ms = rate_ms > until_ms ? rate_ms : until_ms;
	}
	left_ms = until_ms - clock_mono_ms();
	if (left_ms > 0)
	{
		/* After a full batch more waits: the backlog is as old as it was. */
		if (is_last)
			set_oldest(d, 0);
		pause_for(d, left_ms);
	}
}

/* tell_behind -- how late the events are, if they are. */
static enum drain_result
tell_behind(struct drain *d, const struct spool_batch *batch)
{
	const int64_t behind_ms = (clock_wall_us() - batch->oldest_us) / 1000;
	const uint64_t reach = spool_reach(d->opt.spool);
	enum drain_result result;

	if (!behind_is_due(&d->behind, batch, reach, behind_ms, clock_mono_ms()))
		return DRAIN_OK;
	result = d->opt.store.behind(
		d->opt.store.arg, batch->spool, reach, behind_ms, &d->answer);
	if (result != DRAIN_OK)
		d->behind = (struct behind){.upto = 0};
	return result;
}

static void
take_batch(struct drain *d, const struct spool_batch *batch)
{
	const struct drain_store *store = &d->opt.store;
	int64_t began_ms = clock_mono_ms();
	enum drain_result result;

	set_oldest(d, batch->oldest_us);
	result = tell_behind(d, batch);
	if (result == DRAIN_OK)
		result = store->ingest(store->arg, batch, false, false, &d->answer);
	if (result == DRAIN_ID_TAKEN)
		result = store->ingest(store->arg, batch, true, false, &d->answer);

	switch (result)
	{
		case DRAIN_OK:
			stored(d, batch);
			pace(d, batch, began_ms);
			break;
		case DRAIN_NOT_NEXT:
			not_next(d, batch);
			break;
		case DRAIN_BROKEN:
			if (++d->broken < BROKEN_TRIES)
				away(d);
			else
				refused(d, batch);
			break;
		case DRAIN_ID_TAKEN: /* even though ids were looked up */
		case DRAIN_REFUSED:
			refused(d, batch);
			break;
		case DRAIN_TOO_SLOW:
			if (d->limit > SLOW_MIN_EVENTS)
				d->limit /= 2;
			away(d);
			break;
		case DRAIN_AWAY:
			away(d);
			break;
	}
}

static void
take_gap(struct drain *d, const struct spool_batch *gap)
{
	const struct drain_store *store = &d->opt.store;
	struct log_line line;

	switch (store->skip(
		store->arg, gap, "the spool's file was damaged", &d->answer))
	{
		case DRAIN_OK:
			break;
		case DRAIN_NOT_NEXT:
			not_next(d, gap);
			return;
		default:
			away(d);
			return;
	}
	log_begin(&line, LOG_LEVEL_ERROR, "spool_damaged");
	log_str(&line, "spool", gap->spool);
	log_int(&line, "first", (int64_t) gap->first);
	log_int(&line, "last", (int64_t) gap->last);
	log_end(&line);
	spool_seek(d->opt.spool, gap->last);
	all_well(d);
	(void) pthread_mutex_lock(&d->lock);
	d->status.gaps++;
	(void) pthread_mutex_unlock(&d->lock);
}

static void
cannot_read(struct drain *d)
{
	/* A shortage of ours says nothing of the file. */
	if (++d->unreadable < READ_TRIES || errno == ENOMEM || errno == EMFILE ||
		errno == ENFILE)
		back_off(d, "spool_unreadable", strerror(errno));
	else
	{
		log_note(LOG_LEVEL_ERROR, "spool_set_aside", "error", strerror(errno));
		spool_set_aside(d->opt.spool);
		d->unreadable = 0;
		back_off(d, "spool_unreadable", strerror(errno));
	}
}

/*
 * give_way -- to the threads that answer requests.
 *
 * On Linux the nice value of process 0 is that of the calling thread.
 * Elsewhere it is the whole process's, which is not meant.
 */
static void
give_way(const struct drain *d)
{
#ifdef __linux__
	if (d->opt.nice > getpriority(PRIO_PROCESS, 0))
		(void) setpriority(PRIO_PROCESS, 0, d->opt.nice);
#else
	(void) d;
#endif
}

static void *
run(void *arg)
{
	struct drain *d = arg;

	give_way(d);
	while (!is_stopping(d))
	{
		struct spool_batch batch;
		uint64_t taken;

		switch (spool_next(d->opt.spool, d->limit, DRAIN_MAX_BYTES, &batch))
		{
			case SPOOL_NEXT_BATCH:
				d->unreadable = 0;
				take_batch(d, &batch);
				break;
			case SPOOL_NEXT_GAP:
				take_gap(d, &batch);
				break;
			case SPOOL_NEXT_ASK:
				set_oldest(d, batch.oldest_us);
				if (ask(d, batch.spool, &taken))
					all_well(d);
				break;
			case SPOOL_NEXT_NONE:
				set_oldest(d, 0);
				spool_wait(d->opt.spool, clock_mono_ms() + IDLE_MS);
				break;
			case SPOOL_NEXT_FAILED:
				cannot_read(d);
				break;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------------
 * Beginning and end
 */

static void
free_drain(struct drain *d)
{
	(void) pthread_cond_destroy(&d->stopped);
	(void) pthread_mutex_destroy(&d->lock);
	free(d);
}

struct drain *
drain_start(const struct drain_options *options)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->opt = *options;
	d->limit = DRAIN_MAX_EVENTS;
	d->random = (uint32_t) clock_mono_us();
	if (pthread_mutex_init(&d->lock, NULL) != 0)
	{
		free(d);
		return NULL;
	}
	if (!sync_cond_init(&d->stopped) || !sync_thread_start(&d->thread, run, d))
	{
		free_drain(d);
		return NULL;
	}
	return d;
}

void
drain_stop(struct drain *d)
{
	if (d == NULL)
		return;
	(void) pthread_mutex_lock(&d->lock);
	d->stopping = true;
	(void) pthread_cond_broadcast(&d->stopped);
	(void) pthread_mutex_unlock(&d->lock);
	spool_wake(d->opt.spool);
	d->opt.store.interrupt(d->opt.store.arg);
	(void) pthread_join(d->thread, NULL);
	free_drain(d);
}

void
drain_status(struct drain *d, struct drain_status *status)
{
	(void) pthread_mutex_lock(&d->lock);
	*status = d->status;
	(void) pthread_mutex_unlock(&d->lock);
}
