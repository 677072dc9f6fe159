/*
 * flights.c
 *	  Questions, and the computations that are under way for them.
 *
 * There are as many flights as slots and places in the queue, a dozen, so
 * they stand in one list that is walked.
 */
#include "flights_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync.h"

/* ------------------------------------------------------------------------
 * Verdicts
 */

static struct verdict
stale_verdict(struct answer *stale, int64_t age_ms)
{
	return (struct verdict){.kind = VERDICT_STALE,
							.answer = answer_ref(stale),
							.age_ms = age_ms};
}

struct verdict
flights_instead(const struct flight *flight, enum verdict_kind kind,
				int64_t now_ms)
{
	if (flight->stale != NULL)
		return stale_verdict(flight->stale, now_ms - flight->stale_made_ms);
	return (struct verdict){.kind = kind};
}

/* flights_failure -- an older answer, unless the question itself is at fault. */
struct verdict
flights_failure(struct answer *failure, struct answer *stale, int64_t age_ms)
{
	if (stale != NULL && failure->code != ANSWER_REFUSED)
		return stale_verdict(stale, age_ms);
	return (struct verdict){.kind = VERDICT_FAILED,
							.answer = answer_ref(failure)};
}

static void
count_verdict(struct flights *flights, const struct verdict *verdict)
{
	if (verdict->kind != VERDICT_STALE)
		return;
	metrics_add(flights->opt.metrics, METRIC_CACHE_STALE, 1);
	metrics_observe(flights->opt.metrics,
					METRIC_CACHE_STALE_AGE,
					verdict->age_ms * 1000);
}

void
flights_tell(struct flights *flights, struct waiter *list)
{
	while (list != NULL)
	{
		struct waiter *waiter = list;
		/* tell() ends the life of the waiter's memory */
		const struct verdict verdict = waiter->verdict;

		list = waiter->next;
		count_verdict(flights, &verdict);
		flights->opt.tell(flights->opt.arg, waiter, &verdict);
	}
}

/* ------------------------------------------------------------------------
 * Flights and their waiters
 */

void
flights_attach(struct flights *flights, struct flight *flight,
			   struct waiter *waiter)
{
	waiter->serial = ++flights->serial;
	waiter->next = flight->waiters;
	flight->waiters = waiter;
	flights->waiting++;
	share_take(&flights->share, waiter->owner, SHARE_WAITING);
}

void
flights_detach(struct flights *flights, struct flight *flight,
			   struct waiter *waiter)
{
	struct waiter **link = &flight->waiters;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	waiter->next = NULL;
	flights->waiting--;
	share_give(&flights->share, waiter->owner, SHARE_WAITING);
}

static struct flight *
find_open(struct flights *flights, const struct cache_key *key)
{
	struct flight *flight;

	for (flight = flights->all; flight != NULL; flight = flight->next)
		if (flight->is_open && flight->key.hash == key->hash &&
			flight->key.len == key->len &&
			memcmp(flight->key.data, key->data, key->len) == 0)
			return flight;
	return NULL;
}

/* flights_launch -- a new flight at the end of the queue; NULL when out of memory. */
struct flight *
flights_launch(struct flights *flights, const struct question *question,
			   const struct waiter *waiter, bool is_open)
{
	const size_t len = question->key.len;
	struct flight *flight = malloc(sizeof(*flight) + len);

	if (flight == NULL)
		return NULL;
	*flight = (struct flight){.home = flights,
							  .next = flights->all,
							  .state = FLIGHT_QUEUED,
							  .is_open = is_open,
							  .owner = waiter->owner,
							  .fingerprint = question->fingerprint,
							  .started_ms = waiter->started_ms,
							  .queued_ms = flights->opt.now(),
							  .key = question->key};
	memcpy(flight->bytes, question->key.data, len);
	flight->key.data = flight->bytes;
	flights->all = flight;
	flights->queue[flights->nqueued++] = flight;
	share_take(&flights->share, flight->owner, SHARE_RUNNING);
	(void) pthread_cond_signal(&flights->work);
	return flight;
}

static bool
queue_has_room(const struct flights *flights)
{
	return flights->nqueued < flights->idle + flights->opt.max_queued;
}

void
flights_unlist(struct flights *flights, struct flight *flight)
{
	struct flight **link = &flights->all;

	while (*link != flight)
		link = &(*link)->next;
	*link = flight->next;
	share_give(&flights->share, flight->owner, SHARE_RUNNING);
}

void
flights_free_flight(struct flight *flight)
{
	answer_unref(flight->stale);
	free(flight);
}

void
flights_unqueue(struct flights *flights, int i)
{
	flights->nqueued--;
	memmove(&flights->queue[i],
			&flights->queue[i + 1],
			(size_t) (flights->nqueued - i) * sizeof(*flights->queue));
}

void
flights_drop_queued(struct flights *flights, struct flight *flight)
{
	int i = 0;

	while (flights->queue[i] != flight)
		i++;
	flights_unqueue(flights, i);
	flights_unlist(flights, flight);
	flights_free_flight(flight);
}

void
flights_wake(struct flight *flight)
{
	ssize_t written = write(flight->slot->pipe[1], "", 1);

	(void) written; /* a pipe that is full says enough */
}

void
flights_abandon(struct flights *flights, struct flight *flight)
{
	if (flight->waiters != NULL || flight->streamer != NULL || flight->is_kept)
		return;
	if (flight->state == FLIGHT_QUEUED)
	{
		flights_drop_queued(flights, flight);
		return;
	}
	flight->is_open = false; /* who asks now has one that goes on */
	flights_wake(flight);
}

/* ------------------------------------------------------------------------
 * Asking
 */

/* flights_may_wait -- is there a place for the waiter, and for a flight of its own if
 * there is none to join?  If not, says why. */
bool
flights_may_wait(const struct flights *flights,
				 const struct question *question, const struct waiter *waiter,
				 const struct flight *flight, struct verdict *verdict)
{
	verdict->kind = VERDICT_QUARANTINED;
	verdict->reason = quarantine_find(flights->opt.quarantine,
									  question->fingerprint,
									  flights->opt.now(),
									  &verdict->retry_ms);
	if (flight == NULL && verdict->reason != QUARANTINE_NONE)
		return false;
	verdict->kind = VERDICT_OVER_SHARE;
	if (!share_has_room(&flights->share, waiter->owner, SHARE_WAITING) ||
		(flight == NULL &&
		 !share_has_room(&flights->share, waiter->owner, SHARE_RUNNING)))
		return false;
	verdict->kind = VERDICT_BUSY;
	if (flights->waiting >= flights->opt.max_waiting)
		return false;
	return flight != NULL || queue_has_room(flights);
}

/* keep -- the waiter waits for the flight, or for a new one. */
static bool
keep(struct flights *flights, const struct question *question,
	 struct waiter *waiter, const struct cache_found *found,
	 struct flight *flight)
{
	metrics_add(flights->opt.metrics,
				flight != NULL ? METRIC_CACHE_SHARED : METRIC_CACHE_MISSES,
				1);
	if (flight == NULL)
	{
		flight = flights_launch(flights, question, waiter, !found->is_large);
		if (flight == NULL)
			return false;
		if (found->stale != NULL)
		{
			flight->stale = answer_ref(found->stale);
			flight->stale_made_ms = flights->opt.now() - found->age_ms;
		}
	}
	flights_attach(flights, flight, waiter);
	return true;
}

/* ask -- flights_ask() with the lock held. */
static bool
ask(struct flights *flights, const struct question *question,
	struct waiter *waiter, struct verdict *verdict)
{
	struct flight *flight;
	struct cache_found found;

	*verdict = (struct verdict){.kind = VERDICT_BUSY};
	cache_find(flights->cache, &question->key, flights->opt.now(), &found);
	if (found.fresh != NULL)
	{
		*verdict = (struct verdict){.kind = VERDICT_ANSWER,
									.answer = answer_ref(found.fresh),
									.age_ms = found.age_ms};
		metrics_add(flights->opt.metrics, METRIC_CACHE_HITS, 1);
		return true;
	}
	if (found.failure != NULL)
	{
		*verdict = flights_failure(found.failure, found.stale, found.age_ms);
		return true;
	}
	if (flights->opt.is_away != NULL && flights->opt.is_away(flights->opt.arg))
		verdict->kind = VERDICT_AWAY;
	else
	{
		flight = found.is_large ? NULL : find_open(flights, &question->key);
		if (flights_may_wait(flights, question, waiter, flight, verdict) &&
			keep(flights, question, waiter, &found, flight))
			return false;
	}
	if (found.stale != NULL)
		*verdict = stale_verdict(found.stale, found.age_ms);
	return true;
}

bool
flights_ask(struct flights *flights, const struct question *question,
			struct waiter *waiter, struct verdict *verdict)
{
	bool now;

	(void) pthread_mutex_lock(&flights->lock);
	now = ask(flights, question, waiter, verdict);
	(void) pthread_mutex_unlock(&flights->lock);
	if (now)
		count_verdict(flights, verdict);
	return now;
}

/* ------------------------------------------------------------------------
 * Begin and end
 */

static bool
open_slot(struct flights *flights, int number)
{
	struct slot *slot = &flights->slots[number];
	int i;

	slot->home = flights;
	slot->number = number;
	if (pipe(slot->pipe) != 0)
	{
		slot->pipe[0] = -1;
		slot->pipe[1] = -1;
		return false;
	}
	for (i = 0; i < 2; i++)
	{
		(void) fcntl(slot->pipe[i], F_SETFL, O_NONBLOCK);
		(void) fcntl(slot->pipe[i], F_SETFD, FD_CLOEXEC);
	}
	slot->started = sync_thread_start(&slot->thread, flights_fly, slot);
	return slot->started;
}

static bool
make(struct flights *flights)
{
	const struct flights_options *opt = &flights->opt;
	const int most[SHARE__COUNT] = {[SHARE_RUNNING] = opt->owner_slots,
									[SHARE_WAITING] = opt->owner_waiting};
	const size_t flights_most = (size_t) (opt->slots + opt->max_queued);

	flights->cache = cache_new(&opt->cache);
	flights->queue = calloc(flights_most, sizeof(*flights->queue));
	flights->slots = calloc((size_t) opt->slots, sizeof(*flights->slots));
	return share_init(&flights->share,
					  flights_most + (size_t) opt->max_waiting,
					  most) &&
		   flights->cache != NULL && flights->queue != NULL &&
		   flights->slots != NULL;
}

struct flights *
flights_new(const struct flights_options *options)
{
	struct flights *flights = calloc(1, sizeof(*flights));
	int i;

	if (flights == NULL)
		return NULL;
	flights->opt = *options;
	/* Threads take their time to start; who asks meanwhile has a place. */
	flights->idle = options->slots;
	(void) pthread_mutex_init(&flights->lock, NULL);
	(void) pthread_cond_init(&flights->work, NULL);
	if (!make(flights))
		goto fail;
	for (i = 0; i < options->slots; i++)
		if (!open_slot(flights, i))
			goto fail;
	flights->minder_started =
		sync_thread_start(&flights->minder, flights_mind, flights);
	if (flights->minder_started)
		return flights;

fail:
	flights_free(flights);
	return NULL;
}

void
flights_free(struct flights *flights)
{
	struct flight *flight;
	int i;

	if (flights == NULL)
		return;
	(void) pthread_mutex_lock(&flights->lock);
	flights->stopping = true;
	for (flight = flights->all; flight != NULL; flight = flight->next)
		if (flight->state == FLIGHT_RUNNING)
			flights_wake(flight);
	(void) pthread_cond_broadcast(&flights->work);
	(void) pthread_mutex_unlock(&flights->lock);

	for (i = 0; flights->slots != NULL && i < flights->opt.slots; i++)
	{
		struct slot *slot = &flights->slots[i];

		if (slot->started)
			(void) pthread_join(slot->thread, NULL);
		if (slot->home != NULL && slot->pipe[0] >= 0)
		{
			(void) close(slot->pipe[0]);
			(void) close(slot->pipe[1]);
		}
	}
	if (flights->minder_started)
		(void) pthread_join(flights->minder, NULL);
	cache_free(flights->cache);
	share_free(&flights->share);
	free(flights->queue);
	free(flights->slots);
	(void) pthread_cond_destroy(&flights->work);
	(void) pthread_mutex_destroy(&flights->lock);
	free(flights);
}

void
flights_counts(struct flights *flights, struct flights_counts *counts)
{
	(void) pthread_mutex_lock(&flights->lock);
	counts->running = flights->running;
	counts->queued = flights->nqueued;
	counts->waiting = flights->waiting;
	counts->quarantined =
		quarantine_count(flights->opt.quarantine, flights->opt.now());
	counts->quarantined_ever = quarantine_entered(flights->opt.quarantine);
	cache_counts(flights->cache, &counts->cache);
	(void) pthread_mutex_unlock(&flights->lock);
}
