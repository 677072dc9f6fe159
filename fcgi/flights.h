/*
 * flights.h
 *	  Questions and their answers: each computed once, however many ask.
 *
 * A question is a key (cache.h): two that are the same have one answer.  It
 * comes from the cache, or from the computation that is under way for it, a
 * flight, or from a new one.  Flights run in a fixed number of threads, the
 * slots; a few more wait in a queue.
 *
 *	  flights_ask() --> a verdict at once: a hit, a failure of a moment ago,
 *						a refusal
 *					--> or the waiter is kept until tell() has its verdict
 *
 *	  QUEUED --> RUNNING --> every waiter is told the same
 *				   |
 *				   +--> too large to be kept: the first waiter is streamed to,
 *						the others get flights of their own
 *
 * Every waiter has its own deadline and is watched: one who leaves is told
 * so, and a flight that nobody waits for is broken off.  An answer past its
 * soft age is given instead of any trouble that is not the question's own,
 * and at once while the database is known to be away.
 *
 * The queue is served oldest first; once its oldest has waited half of what it
 * may, newest first, since those who have waited long have mostly left or are
 * about to, and somebody should be served in time.
 *
 * All functions may be called from any thread.
 */
#ifndef TALLY_FLIGHTS_H
#define TALLY_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "cache.h"
#include "clock.h"
#include "metrics.h"
#include "quarantine.h"

struct flights;
struct flight;

enum verdict_kind
{
	VERDICT_ANSWER,		 /* "answer", of the age "age_ms" */
	VERDICT_STALE,		 /* likewise, but there should be a newer one */
	VERDICT_FAILED,		 /* "answer" is the failure */
	VERDICT_STREAMED,	 /* it was sent already, or broken off */
	VERDICT_QUARANTINED, /* for "retry_ms", see "reason" */
	VERDICT_BUSY,		 /* no slot, no place, or none in time */
	VERDICT_OVER_SHARE,	 /* the owner has its share of them */
	VERDICT_AWAY,		 /* the database is */
	VERDICT_LATE,		 /* the waiter's deadline has passed */
	VERDICT_GONE,		 /* the waiter has left */
};

struct verdict
{
	enum verdict_kind kind;
	struct answer *answer; /* a reference that is given away */
	int64_t age_ms;		   /* 0: made for this question */
	int64_t retry_ms;
	enum quarantine_reason reason;
};

/* Who waits.  The asker's memory, which must live until the verdict. */
struct waiter
{
	void *request; /* the asker's */
	uint64_t owner;
	int64_t started_ms;
	int64_t deadline_ms;
	int watch_fd; /* readable or closed when the waiter has left; or -1 */

	/* flights.c's own */
	struct waiter *next;
	uint64_t serial;
	struct verdict verdict;
};

struct question
{
	struct cache_key key;
	uint64_t
		fingerprint; /* of the quarantine: forms of one question share it */
};

/* How a computation ended. */
enum flight_end_kind
{
	FLIGHT_ANSWERED,  /* "answer", or NULL if it was streamed */
	FLIGHT_REFUSED,	  /* "answer" is a failure that is the question's own */
	FLIGHT_FAILED,	  /* ... that is not */
	FLIGHT_TIMED_OUT, /* likewise, as it took all its time */
	FLIGHT_LOST,	  /* likewise, as the connection broke meanwhile */
	FLIGHT_ABANDONED, /* nobody waits any more: "answer" is NULL */
};

struct flight_end
{
	enum flight_end_kind kind;
	struct answer *answer; /* a reference that is given away, or NULL */
};

struct flights_options
{
	int slots;
	int max_queued;
	int max_waiting;	  /* waiters, all together */
	int owner_slots;	  /* flights of one owner, queued ones too */
	int owner_waiting;	  /* waiters of one owner */
	int64_t slot_wait_ms; /* no flight is queued longer */
	struct quarantine
		*quarantine; /* the caller's; used by these threads alone */
	struct cache_options cache;
	clock_fn now;

	/* Computes what flight_key() asks; sets all of *end.  In a slot's thread,
	 * without locks. */
	void (*run)(void *arg, struct flight *flight, struct flight_end *end);
	/* The end of waiting.  In any thread but the asker's, without locks. */
	void (*tell)(void *arg, struct waiter *waiter,
				 const struct verdict *verdict);
	/* Is it known that no computation can succeed now?  NULL: never. */
	bool (*is_away)(void *arg);
	/* For how long in all the database has stood still: what a computation
	 * lost by that is not its fault.  NULL: never. */
	int64_t (*stalled_ms)(void *arg);
	void *arg;
	struct metrics *metrics; /* may be NULL */
};

/* NULL when out of memory or threads. */
struct flights *flights_new(const struct flights_options *options);

/* Ends the threads; nobody may wait or ask any more. */
void flights_free(struct flights *flights);

/* True: *verdict is set.  False: the waiter is kept, and told later. */
bool flights_ask(struct flights *flights, const struct question *question,
				 struct waiter *waiter, struct verdict *verdict);

/* ------------------------------------------------------------------------
 * For run()
 */

const char *flight_key(const struct flight *flight, size_t *len);

/* When the first who asked was accepted. */
int64_t flight_started_ms(const struct flight *flight);

/* Readable once nobody waits for the flight any more. */
int flight_wake_fd(const struct flight *flight);

/*
 * The answer is too large to be kept: the one waiter it is to be sent to
 * while it is made; NULL when there is none.  It is told VERDICT_STREAMED
 * after run() has returned.
 */
struct waiter *flight_stream(struct flight *flight);

/* ------------------------------------------------------------------------ */

struct flights_counts
{
	int running;
	int queued;
	int waiting;
	int quarantined;
	int64_t quarantined_ever;
	struct cache_counts cache;
};

void flights_counts(struct flights *flights, struct flights_counts *counts);

#endif
