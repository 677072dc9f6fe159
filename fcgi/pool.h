/*
 * pool.h
 *	  A bounded set of connections, shared by threads.
 *
 * The pool never opens more than its limit, lets at most half as many threads
 * wait as it has connections, and keeps nobody past the deadline they name.
 * After a run of failed attempts it stops trying for a while (breaker.h), so
 * a dead database costs a request microseconds and not a timeout.  When the
 * server has no connection left for us but we have some, who asks waits for
 * one of those.
 *
 * A connection belongs to one thread from pool_acquire() to pool_release().
 * All functions may be called from any thread.  The pool does not know what a
 * connection is: its opener does.
 */
#ifndef TALLY_POOL_H
#define TALLY_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

struct pool;
struct pool_conn; /* made by the opener: db.c, or a test */

struct pool_options
{
	/* A new connection by the deadline, or NULL; then *is_full may be set: the
	 * server lives, but takes no more of them.  Called without locks. */
	struct pool_conn *(*open)(void *arg, int64_t deadline_ms, bool *is_full);
	void (*close)(void *arg, struct pool_conn *conn);
	/* Is one that lay idle still good?  Must not wait. */
	bool (*is_alive)(void *arg, struct pool_conn *conn);
	void *arg;
	clock_fn now;
	int max_connections;
	int64_t connect_timeout_ms;
	int64_t breaker_max_ms; /* the longest time without an attempt */
	uint32_t seed;			/* of the breaker's jitter */
};

enum pool_result
{
	POOL_OK,   /* *conn is yours until pool_release() */
	POOL_BUSY, /* the queue is full, or none came free by the deadline */
	POOL_DOWN, /* the database cannot be reached, or could not lately */
};

/* NULL when out of memory. */
struct pool *pool_new(const struct pool_options *options);

/* No connection may be out. */
void pool_free(struct pool *pool);

/* Sets *conn on POOL_OK and to NULL otherwise. */
enum pool_result pool_acquire(struct pool *pool, int64_t deadline_ms,
							  struct pool_conn **conn);

/* Gives "conn" back; with "reusable" false it is closed. */
void pool_release(struct pool *pool, struct pool_conn *conn, bool reusable);

/* Milliseconds until it makes sense to ask again, 0 when it does now. */
int64_t pool_retry_ms(struct pool *pool);

/* The database was reached in some other way: all who ask may try again. */
void pool_hint(struct pool *pool);

struct pool_counts
{
	int open;	  /* connections there are, those being opened too */
	int idle;	  /* ... of which nobody has */
	int waiting;  /* threads in pool_acquire() */
	bool is_down; /* the breaker is open */
};

void pool_counts(struct pool *pool, struct pool_counts *counts);

#endif
