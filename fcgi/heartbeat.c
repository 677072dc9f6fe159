/*
 * heartbeat.c
 *	  Asks the database for next to nothing, four times a second.
 *
 * Whoever wants to know how it is reads two numbers without a lock: since
 * when it has been silent, and how long all stalls before were together.
 */
#include "heartbeat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "log.h"
#include "sync.h"

struct heartbeat
{
	struct heartbeat_options opt;
	_Atomic int64_t silent_since_ms; /* -1: it is not */
	_Atomic int64_t stalled_ms;		 /* stalls that are over */
	bool was_well;					 /* of the last question */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool started;
	bool running;
	bool stopping;
};

struct heartbeat *
heartbeat_new(const struct heartbeat_options *options)
{
	struct heartbeat *hb = calloc(1, sizeof(*hb));

	if (hb == NULL)
		return NULL;
	hb->opt = *options;
	atomic_init(&hb->silent_since_ms, -1);
	atomic_init(&hb->stalled_ms, 0);
	if (!sync_cond_init(&hb->wake))
	{
		free(hb);
		return NULL;
	}
	(void) pthread_mutex_init(&hb->lock, NULL);
	return hb;
}

void
heartbeat_free(struct heartbeat *hb)
{
	if (hb == NULL)
		return;
	(void) pthread_cond_destroy(&hb->wake);
	(void) pthread_mutex_destroy(&hb->lock);
	free(hb);
}

static void
end_stall(struct heartbeat *hb, int64_t ms)
{
	struct log_line line;

	hb->stalled_ms += ms;
	metrics_add(hb->opt.metrics, METRIC_DATABASE_STALLS, 1);
	log_begin(&line, LOG_LEVEL_WARN, "database_stall");
	log_int(&line, "ms", ms);
	log_end(&line);
}

/*
 * heartbeat_beat -- ask, and judge by how long it took.
 *
 * A stall may outlast several questions, each of which is given up after a
 * while and asked again; it ends with an answer, or with a refusal that comes
 * at once, since then the database is not silent but gone.
 */
void
heartbeat_beat(struct heartbeat *hb)
{
	const int64_t began_ms = hb->opt.now();
	const int64_t began_us = clock_mono_us();
	const int64_t before_ms = hb->silent_since_ms;
	const int64_t since_ms = before_ms >= 0 ? before_ms : began_ms;
	enum heartbeat_result result;
	int64_t now_ms;
	bool is_well;

	hb->silent_since_ms = since_ms;
	result = hb->opt.ask(hb->opt.arg);
	is_well = result == HEARTBEAT_ANSWERED;
	now_ms = hb->opt.now();
	if (result == HEARTBEAT_NOT_ASKED)
	{
		hb->silent_since_ms = before_ms;
		return;
	}
	if (!is_well && now_ms - began_ms >= HEARTBEAT_STALL_MS)
	{
		hb->was_well = false;
		return; /* still silent */
	}

	/* in this order: rather counted twice for a moment than not at all */
	if (now_ms - since_ms >= HEARTBEAT_STALL_MS)
		end_stall(hb, now_ms - since_ms);
	hb->silent_since_ms = -1;
	if (is_well)
		metrics_observe(hb->opt.metrics,
						METRIC_DATABASE_ROUNDTRIP,
						clock_mono_us() - began_us);
	if (is_well && !hb->was_well && hb->opt.is_back != NULL)
		hb->opt.is_back(hb->opt.arg);
	hb->was_well = is_well;
}

int64_t
heartbeat_silent_ms(struct heartbeat *hb)
{
	const int64_t since_ms = hb->silent_since_ms;
	int64_t ms;

	if (since_ms < 0)
		return 0;
	ms = hb->opt.now() - since_ms;
	return ms >= HEARTBEAT_STALL_MS ? ms : 0;
}

bool
heartbeat_is_away(struct heartbeat *hb)
{
	return heartbeat_silent_ms(hb) >= HEARTBEAT_AWAY_MS;
}

int64_t
heartbeat_stalled_ms(struct heartbeat *hb)
{
	return hb->stalled_ms + heartbeat_silent_ms(hb);
}

/* ------------------------------------------------------------------------
 * The thread
 */

static void *
run(void *arg)
{
	struct heartbeat *hb = arg;

	(void) pthread_mutex_lock(&hb->lock);
	while (!hb->stopping)
	{
		const int64_t next_ms = clock_mono_ms() + HEARTBEAT_EVERY_MS;

		(void) pthread_mutex_unlock(&hb->lock);
		heartbeat_beat(hb);
		(void) pthread_mutex_lock(&hb->lock);
		while (!hb->stopping && sync_cond_wait(&hb->wake, &hb->lock, next_ms))
			;
	}
	hb->running = false;
	(void) pthread_cond_broadcast(&hb->wake);
	(void) pthread_mutex_unlock(&hb->lock);
	return NULL;
}

bool
heartbeat_start(struct heartbeat *hb)
{
	hb->running = true;
	hb->started = sync_thread_start(&hb->thread, run, hb);
	hb->running = hb->started;
	return hb->started;
}

bool
heartbeat_stop(struct heartbeat *hb, int64_t timeout_ms)
{
	const int64_t until_ms = clock_mono_ms() + timeout_ms;
	bool stopped;

	if (!hb->started)
		return true;
	(void) pthread_mutex_lock(&hb->lock);
	hb->stopping = true;
	(void) pthread_cond_broadcast(&hb->wake);
	while (hb->running && sync_cond_wait(&hb->wake, &hb->lock, until_ms))
		;
	stopped = !hb->running;
	(void) pthread_mutex_unlock(&hb->lock);
	if (stopped)
		(void) pthread_join(hb->thread, NULL);
	return stopped;
}
