/*
 * flights_fly.c
 *	  The slots: threads that run flights, one at a time each.
 */
#include "flights_internal.h"

#include <string.h>
#include <unistd.h>

/* Of the time that a flight took, from the queue on, so much must have been its
 * own before it is held to have timed out by its own fault. */
#define OWN_TIME_PERCENT 80

/*
 * next_flight -- oldest first, but of a queue that stands the newest.
 *
 * It stands when its oldest has waited half of what it may.  That it has not
 * been empty for a while says nothing: under steady overload so short a queue
 * never is, and yet all in it are served soon; served newest first, it would
 * keep its oldest until that is refused, late.
 */
static struct flight *
next_flight(struct flights *flights)
{
	const int64_t now_ms = flights->opt.now();
	const int64_t oldest_ms = now_ms - flights->queue[0]->queued_ms;
	const bool stands = oldest_ms > flights->opt.slot_wait_ms / 2;
	const int i = stands ? flights->nqueued - 1 : 0;
	struct flight *flight = flights->queue[i];

	flights_unqueue(flights, i);
	metrics_observe(flights->opt.metrics,
					METRIC_QUEUE_WAIT,
					(now_ms - flight->queued_ms) * 1000);
	return flight;
}

/* take_off -- the slot is the flight's; what woke an earlier one is gone. */
static void
take_off(struct slot *slot, struct flight *flight)
{
	char scrap[64];

	while (read(slot->pipe[0], scrap, sizeof(scrap)) > 0)
		;
	flight->slot = slot;
	flight->state = FLIGHT_RUNNING;
	slot->home->running++;
	quarantine_begin(slot->home->opt.quarantine,
					 slot->number,
					 flight->fingerprint);
}

/* remember -- what the end of the flight says about its question. */
static void
remember(struct flights *flights, const struct flight *flight,
		 const struct flight_end *end, int64_t own_ms, bool is_own)
{
	const int64_t now_ms = flights->opt.now();

	if (end->kind == FLIGHT_TIMED_OUT && is_own)
		quarantine_timeout(flights->opt.quarantine,
						   flight->fingerprint,
						   now_ms);
	if (end->kind == FLIGHT_LOST && is_own)
		quarantine_loss(flights->opt.quarantine, flight->fingerprint, now_ms);
	if (end->answer == NULL)
		return;
	if (end->answer->code == ANSWER_OK)
		cache_put_answer(
			flights->cache, &flight->key, end->answer, own_ms, now_ms);
	else
		cache_put_failure(flights->cache, &flight->key, end->answer, now_ms);
}

/* judge -- every waiter's verdict, as a list. */
static struct waiter *
judge(struct flights *flights, struct flight *flight,
	  const struct flight_end *end)
{
	const int64_t now_ms = flights->opt.now();
	struct waiter *list = NULL;

	while (flight->waiters != NULL)
	{
		struct waiter *waiter = flight->waiters;
		struct verdict *verdict = &waiter->verdict;

		flights_detach(flights, flight, waiter);
		if (end->answer == NULL)
			*verdict = flights_instead(flight, VERDICT_BUSY, now_ms);
		else if (end->answer->code == ANSWER_OK)
			*verdict = (struct verdict){.kind = VERDICT_ANSWER,
										.answer = answer_ref(end->answer)};
		else
			*verdict = flights_failure(end->answer,
									   flight->stale,
									   now_ms - flight->stale_made_ms);
		waiter->next = list;
		list = waiter;
	}
	if (flight->streamer != NULL)
	{
		flights->waiting--;
		share_give(&flights->share, flight->streamer->owner, SHARE_WAITING);
		flight->streamer->verdict = (struct verdict){.kind = VERDICT_STREAMED};
		flight->streamer->next = list;
		list = flight->streamer;
	}
	return list;
}

/*
 * land -- the flight is over.
 *
 * While the database stands still every statement times out, and one that
 * waited long in the queue has little time left.  None of them is to blame:
 * only one that had most of its time for itself.
 */
static void
land(struct flights *flights, struct flight *flight,
	 const struct flight_end *end, int64_t took_ms, int64_t stalled_ms)
{
	const int64_t own_ms = took_ms > stalled_ms ? took_ms - stalled_ms : 0;
	const int64_t all_ms = flights->opt.now() - flight->queued_ms;
	const bool is_own = own_ms >= all_ms * OWN_TIME_PERCENT / 100;
	struct waiter *list;

	(void) pthread_mutex_lock(&flights->lock);
	flights->running--;
	flights->idle++;
	flights_unlist(flights, flight);
	remember(flights, flight, end, own_ms, is_own);
	quarantine_end(flights->opt.quarantine, flight->slot->number);
	list = judge(flights, flight, end);
	(void) pthread_mutex_unlock(&flights->lock);

	flights_tell(flights, list);
	answer_unref(end->answer);
	flights_free_flight(flight);
}

static int64_t
stalled_ms(struct flights *flights)
{
	if (flights->opt.stalled_ms == NULL)
		return 0;
	return flights->opt.stalled_ms(flights->opt.arg);
}

/* flights_fly -- the thread of a slot. */
void *
flights_fly(void *arg)
{
	struct slot *slot = arg;
	struct flights *flights = slot->home;

	(void) pthread_mutex_lock(&flights->lock);
	for (;;)
	{
		struct flight_end end = {.kind = FLIGHT_ABANDONED};
		struct flight *flight;
		int64_t began_ms;
		int64_t before_ms;

		while (flights->nqueued == 0 && !flights->stopping)
			(void) pthread_cond_wait(&flights->work, &flights->lock);
		if (flights->nqueued == 0)
			break;
		flights->idle--;
		flight = next_flight(flights);
		take_off(slot, flight);
		(void) pthread_mutex_unlock(&flights->lock);

		began_ms = flights->opt.now();
		before_ms = stalled_ms(flights);
		flights->opt.run(flights->opt.arg, flight, &end);
		land(flights,
			 flight,
			 &end,
			 flights->opt.now() - began_ms,
			 stalled_ms(flights) - before_ms);
		(void) pthread_mutex_lock(&flights->lock);
	}
	(void) pthread_mutex_unlock(&flights->lock);
	return NULL;
}

/* ------------------------------------------------------------------------
 * For run()
 */

const char *
flight_key(const struct flight *flight, size_t *len)
{
	*len = flight->key.len;
	return flight->key.data;
}

int64_t
flight_started_ms(const struct flight *flight)
{
	return flight->started_ms;
}

int
flight_wake_fd(const struct flight *flight)
{
	return flight->slot->pipe[0];
}

/*
 * send_away -- the others that waited for an answer which cannot be shared:
 * each has a flight of its own, if there is room.
 */
static struct waiter *
send_away(struct flights *flights, struct flight *flight)
{
	const struct question question = {.key = flight->key,
									  .fingerprint = flight->fingerprint};
	struct waiter *list = NULL;

	while (flight->waiters != NULL)
	{
		struct waiter *waiter = flight->waiters;
		struct verdict *verdict = &waiter->verdict;
		struct flight *own = NULL;

		flights_detach(flights, flight, waiter);
		*verdict = (struct verdict){.kind = VERDICT_BUSY};
		if (flights_may_wait(flights, &question, waiter, NULL, verdict))
			own = flights_launch(flights, &question, waiter, false);
		if (own != NULL)
		{
			flights_attach(flights, own, waiter);
			continue;
		}
		waiter->next = list;
		list = waiter;
	}
	return list;
}

struct waiter *
flight_stream(struct flight *flight)
{
	struct flights *flights = flight->home;
	struct waiter *streamer;
	struct waiter *list;

	(void) pthread_mutex_lock(&flights->lock);
	flight->is_open = false;
	cache_put_large(flights->cache, &flight->key, flights->opt.now());
	streamer = flight->waiters;
	if (streamer != NULL)
	{
		/* it still counts as one that waits */
		flight->waiters = streamer->next;
		streamer->next = NULL;
		flight->streamer = streamer;
	}
	list = send_away(flights, flight);
	(void) pthread_mutex_unlock(&flights->lock);
	flights_tell(flights, list);
	return streamer;
}
