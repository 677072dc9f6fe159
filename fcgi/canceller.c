/*
 * canceller.c
 *	  One spare thread for what may hang: a ring, a lock, a condition.
 */
#include "canceller.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "sync.h"

struct canceller
{
	bool (*send)(void *what);
	void (*drop)(void *what);
	struct metrics *metrics;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running;
	bool stopping;
	int first;
	int count;
	void *ring[CANCELLER_PLACES];
};

static void *
run(void *arg)
{
	struct canceller *c = arg;

	(void) pthread_mutex_lock(&c->lock);
	for (;;)
	{
		void *what;
		bool sent;

		while (c->count == 0 && !c->stopping)
			(void) pthread_cond_wait(&c->changed, &c->lock);
		if (c->stopping)
			break;
		what = c->ring[c->first];
		c->first = (c->first + 1) % CANCELLER_PLACES;
		c->count--;
		(void) pthread_mutex_unlock(&c->lock);
		sent = c->send(what);
		metrics_add(c->metrics,
					sent ? METRIC_CANCELS_SENT : METRIC_CANCELS_FAILED,
					1);
		(void) pthread_mutex_lock(&c->lock);
	}
	c->running = false;
	(void) pthread_cond_broadcast(&c->changed);
	(void) pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct canceller *
canceller_new(bool (*send)(void *what), void (*drop)(void *what),
			  struct metrics *metrics)
{
	struct canceller *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->send = send;
	c->drop = drop;
	c->metrics = metrics;
	if (!sync_cond_init(&c->changed))
	{
		free(c);
		return NULL;
	}
	(void) pthread_mutex_init(&c->lock, NULL);
	c->running = true;
	if (!sync_thread_start(&c->thread, run, c))
	{
		(void) pthread_cond_destroy(&c->changed);
		(void) pthread_mutex_destroy(&c->lock);
		free(c);
		return NULL;
	}
	return c;
}

void
canceller_add(struct canceller *c, void *what)
{
	bool has_room;

	(void) pthread_mutex_lock(&c->lock);
	has_room = c->count < CANCELLER_PLACES && !c->stopping;
	if (has_room)
	{
		c->ring[(c->first + c->count) % CANCELLER_PLACES] = what;
		c->count++;
		(void) pthread_cond_broadcast(&c->changed);
	}
	(void) pthread_mutex_unlock(&c->lock);
	if (has_room)
		return;
	c->drop(what);
	metrics_add(c->metrics, METRIC_CANCELS_DROPPED, 1);
}

bool
canceller_stop(struct canceller *c, int64_t timeout_ms)
{
	const int64_t until_ms = clock_mono_ms() + timeout_ms;
	bool stopped;

	(void) pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void) pthread_cond_broadcast(&c->changed);
	while (c->running && sync_cond_wait(&c->changed, &c->lock, until_ms))
		;
	stopped = !c->running;
	(void) pthread_mutex_unlock(&c->lock);
	if (stopped)
		(void) pthread_join(c->thread, NULL);
	return stopped;
}

void
canceller_free(struct canceller *c)
{
	if (c == NULL)
		return;
	for (; c->count > 0; c->count--)
	{
		c->drop(c->ring[c->first]);
		c->first = (c->first + 1) % CANCELLER_PLACES;
	}
	(void) pthread_cond_destroy(&c->changed);
	(void) pthread_mutex_destroy(&c->lock);
	free(c);
}
