/*
 * flights_watch.c
 *	  Looks after those who wait: who has left, who has waited long enough.
 *
 * One thread does it for all of them: it polls the clients' connections for
 * TICK_MS and then looks at the clock.  Nobody wakes it, so a question costs
 * nothing here; a deadline is met within a tick, a client who leaves is seen
 * at once or after one tick.
 *
 * Between the poll() and the lock a waiter may have got its answer, and its
 * descriptor another connection: so what was seen is looked up by the
 * waiter's serial number, which is never used twice.
 *
 * _GNU_SOURCE is for POLLRDHUP.
 */
#define _GNU_SOURCE

#include "flights_internal.h"

#include <poll.h>
#include <stdlib.h>

#define TICK_MS 50

struct watch
{
	struct flights *flights;
	struct pollfd *fds;
	uint64_t *serials;
	nfds_t count;
	nfds_t room;
};

/* ------------------------------------------------------------------------
 * Who has left
 */

static void
watch_one(struct watch *watch, const struct waiter *waiter)
{
	if (waiter->watch_fd < 0 || watch->count == watch->room)
		return;
	watch->fds[watch->count] =
		(struct pollfd){.fd = waiter->watch_fd, .events = POLLRDHUP};
	watch->serials[watch->count++] = waiter->serial;
}

static void
watch_all(struct watch *watch)
{
	const struct flight *flight;
	const struct waiter *waiter;

	watch->count = 0;
	for (flight = watch->flights->all; flight != NULL; flight = flight->next)
	{
		for (waiter = flight->waiters; waiter != NULL; waiter = waiter->next)
			watch_one(watch, waiter);
		if (flight->streamer != NULL && !flight->streamer_left)
			watch_one(watch, flight->streamer);
	}
}

static void
add(struct waiter **list, struct waiter *waiter, struct verdict verdict)
{
	waiter->verdict = verdict;
	waiter->next = *list;
	*list = waiter;
}

/* has_left -- the waiter of that serial number, if it still waits. */
static void
has_left(struct flights *flights, uint64_t serial, struct waiter **list)
{
	struct flight *flight;
	struct waiter *waiter;

	for (flight = flights->all; flight != NULL; flight = flight->next)
	{
		if (flight->streamer != NULL && flight->streamer->serial == serial)
		{
			flight->streamer_left = true;
			flights_wake(flight);
			return;
		}
		for (waiter = flight->waiters; waiter != NULL; waiter = waiter->next)
		{
			if (waiter->serial != serial)
				continue;
			flights_detach(flights, flight, waiter);
			add(list, waiter, (struct verdict){.kind = VERDICT_GONE});
			flights_abandon(flights, flight);
			return;
		}
	}
}

/* ------------------------------------------------------------------------
 * Who has waited long enough
 */

/* all_of -- every waiter of the flight gets that verdict, or an older
 * answer. */
static void
all_of(struct flights *flights, struct flight *flight, enum verdict_kind kind,
	   int64_t now_ms, struct waiter **list)
{
	while (flight->waiters != NULL)
	{
		struct waiter *waiter = flight->waiters;

		flights_detach(flights, flight, waiter);
		add(list, waiter, flights_instead(flight, kind, now_ms));
	}
}

static void
late_of(struct flights *flights, struct flight *flight, int64_t now_ms,
		struct waiter **list)
{
	struct waiter *waiter = flight->waiters;

	while (waiter != NULL)
	{
		struct waiter *next = waiter->next;

		if (now_ms >= waiter->deadline_ms)
		{
			flights_detach(flights, flight, waiter);
			add(list, waiter, flights_instead(flight, VERDICT_LATE, now_ms));
		}
		waiter = next;
	}
}

/*
 * look_at_clock -- deadlines, the queue, and whether the database is away.
 *
 * While it is, whoever can be given an older answer has it now; the flight
 * goes on, so that there is a new one as soon as the database is back.
 */
static void
look_at_clock(struct flights *flights, struct waiter **list)
{
	const int64_t now_ms = flights->opt.now();
	const bool is_away =
		flights->opt.is_away != NULL && flights->opt.is_away(flights->opt.arg);
	struct flight *flight = flights->all;

	while (flight != NULL)
	{
		struct flight *next = flight->next;

		late_of(flights, flight, now_ms, list);
		if (flight->state == FLIGHT_QUEUED &&
			(is_away || flight->waiters == NULL ||
			 now_ms >= flight->queued_ms + flights->opt.slot_wait_ms))
		{
			all_of(flights,
				   flight,
				   is_away ? VERDICT_AWAY : VERDICT_BUSY,
				   now_ms,
				   list);
			flights_drop_queued(flights, flight);
		}
		else if (is_away && flight->stale != NULL && flight->waiters != NULL)
		{
			flight->is_kept = true;
			all_of(flights, flight, VERDICT_STALE, now_ms, list);
		}
		flight = next;
	}
}

/* ------------------------------------------------------------------------
 * The thread
 */

static void
tick(struct watch *watch)
{
	struct flights *flights = watch->flights;
	struct waiter *list = NULL;
	nfds_t i;
	int n;

	(void) pthread_mutex_lock(&flights->lock);
	watch_all(watch);
	(void) pthread_mutex_unlock(&flights->lock);

	n = poll(watch->fds, watch->count, TICK_MS);

	(void) pthread_mutex_lock(&flights->lock);
	for (i = 0; n > 0 && i < watch->count; i++)
		if (watch->fds[i].revents != 0)
			has_left(flights, watch->serials[i], &list);
	look_at_clock(flights, &list);
	(void) pthread_mutex_unlock(&flights->lock);
	flights_tell(flights, list);
}

static bool
is_stopping(struct flights *flights)
{
	bool stopping;

	(void) pthread_mutex_lock(&flights->lock);
	stopping = flights->stopping;
	(void) pthread_mutex_unlock(&flights->lock);
	return stopping;
}

void *
flights_mind(void *arg)
{
	struct watch watch = {.flights = arg};

	/* a streamer still counts as one that waits */
	watch.room = (nfds_t) watch.flights->opt.max_waiting;
	watch.fds = calloc(watch.room, sizeof(*watch.fds));
	watch.serials = calloc(watch.room, sizeof(*watch.serials));
	if (watch.fds == NULL || watch.serials == NULL)
		watch.room = 0; /* then nobody is seen to leave; the rest works */
	while (!is_stopping(watch.flights))
		tick(&watch);
	free(watch.fds);
	free(watch.serials);
	return NULL;
}
