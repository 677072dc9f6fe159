/*
 * flights_internal.h
 *	  The inside of flights: for flights.c, flights_fly.c, which runs them,
 *	  and flights_watch.c, which looks after those who wait.
 *
 * One lock guards everything; run() and tell() are called without it.
 */
#ifndef TALLY_FLIGHTS_INTERNAL_H
#define TALLY_FLIGHTS_INTERNAL_H

#include <pthread.h>

#include "flights.h"
#include "share.h"

enum flight_state
{
	FLIGHT_QUEUED,
	FLIGHT_RUNNING,
};

/* A thread that runs flights, and how the flight in it is woken. */
struct slot
{
	struct flights *home;
	int number; /* from 0 */
	pthread_t thread;
	bool started;
	int pipe[2];
};

struct flight
{
	struct flights *home;
	struct flight *next; /* of all flights */
	enum flight_state state;
	bool is_open; /* others with the same key may join */
	bool is_kept; /* goes on although nobody waits */
	struct slot *slot;
	struct waiter *waiters;	 /* in no order */
	struct waiter *streamer; /* is being sent the answer */
	bool streamer_left;
	uint64_t owner;
	uint64_t fingerprint;
	int64_t started_ms;
	int64_t queued_ms;
	struct answer *stale; /* what may be given instead, or NULL */
	int64_t stale_made_ms;
	struct cache_key key; /* points at "bytes" */
	char bytes[];
};

struct flights
{
	struct flights_options opt;
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool stopping;
	struct cache *cache;
	struct share share;
	struct flight *all;
	struct flight **queue; /* oldest first */
	int nqueued;
	int idle; /* slots that have no flight, or not yet a thread */
	int running;
	int waiting;
	uint64_t serial;
	struct slot *slots;
	pthread_t minder;
	bool minder_started;
};

/* All of these with the lock held. */

/* May the waiter wait for "flight", or for a new one if that is NULL?  If not,
 * the verdict says why. */
bool flights_may_wait(const struct flights *flights,
					  const struct question *question,
					  const struct waiter *waiter, const struct flight *flight,
					  struct verdict *verdict);

/* A new flight at the end of the queue; NULL when out of memory. */
struct flight *flights_launch(struct flights *flights,
							  const struct question *question,
							  const struct waiter *waiter, bool is_open);

/* Takes the i-th out of the queue; takes a flight off the list of all; frees
 * one that is in neither. */
void flights_unqueue(struct flights *flights, int i);
void flights_unlist(struct flights *flights, struct flight *flight);
void flights_free_flight(struct flight *flight);

void flights_attach(struct flights *flights, struct flight *flight,
					struct waiter *waiter);

/* Takes the waiter off its flight; its memory is the caller's. */
void flights_detach(struct flights *flights, struct flight *flight,
					struct waiter *waiter);

/* Nobody waits for it any more: it is broken off, or freed at once. */
void flights_abandon(struct flights *flights, struct flight *flight);

/* Takes a queued flight out of everything and frees it. */
void flights_drop_queued(struct flights *flights, struct flight *flight);

/* Makes the flight's run() see that it is not wanted. */
void flights_wake(struct flight *flight);

/* The older answer there is, instead of "kind"; or that. */
struct verdict flights_instead(const struct flight *flight,
							   enum verdict_kind kind, int64_t now_ms);

/* The failure; or an older answer, unless the question itself is at fault. */
struct verdict flights_failure(struct answer *failure, struct answer *stale,
							   int64_t age_ms);

/* Tells a list of waiters, linked by "next", their verdicts: without lock. */
void flights_tell(struct flights *flights, struct waiter *list);

/* The threads: of a slot, and the one of flights_watch.c. */
void *flights_fly(void *arg);
void *flights_mind(void *arg);

#endif
