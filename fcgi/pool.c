/*
 * pool.c
 *	  A bounded set of connections.
 *
 * One lock guards everything here, and is never held while a connection is
 * opened or closed.  "open" counts a connection from the moment somebody sets
 * out to open it, so the limit holds while it is being opened too.
 */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "breaker.h"
#include "sync.h"

struct pool
{
	struct pool_options opt;
	pthread_mutex_t lock;
	pthread_cond_t freed; /* a connection, or the right to open one */
	struct breaker breaker;
	int open;
	int waiting;
	int nidle;
	struct pool_conn **idle; /* a stack: the rest may be closed by age */
};

struct pool *
pool_new(const struct pool_options *options)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->opt = *options;
	pool->idle =
		calloc((size_t) options->max_connections, sizeof(struct pool_conn *));
	if (pool->idle == NULL || !sync_cond_init(&pool->freed))
	{
		free(pool->idle);
		free(pool);
		return NULL;
	}
	(void) pthread_mutex_init(&pool->lock, NULL);
	breaker_init(&pool->breaker, options->breaker_max_ms, options->seed);
	return pool;
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->nidle > 0)
		pool->opt.close(pool->opt.arg, pool->idle[--pool->nidle]);
	(void) pthread_cond_destroy(&pool->freed);
	(void) pthread_mutex_destroy(&pool->lock);
	free(pool->idle);
	free(pool);
}

/* give_up -- a connection is gone: somebody else may open one. */
static void
give_up(struct pool *pool)
{
	pool->open--;
	(void) pthread_cond_signal(&pool->freed);
}

/*
 * take_idle -- one that lies idle and is alive; NULL when there is none.
 *
 * Called and left with the lock held, but lets go of it around the look at
 * the connection.
 */
static struct pool_conn *
take_idle(struct pool *pool)
{
	while (pool->nidle > 0)
	{
		struct pool_conn *conn = pool->idle[--pool->nidle];
		bool alive;

		(void) pthread_mutex_unlock(&pool->lock);
		alive = pool->opt.is_alive(pool->opt.arg, conn);
		if (!alive)
			pool->opt.close(pool->opt.arg, conn);
		(void) pthread_mutex_lock(&pool->lock);
		if (alive)
			return conn;
		give_up(pool);
	}
	return NULL;
}

/*
 * open_one -- likewise with the lock.  There is room for one more.
 *
 * POOL_BUSY: not on the server's side, and there are others to wait for.
 */
static enum pool_result
open_one(struct pool *pool, int64_t deadline_ms, struct pool_conn **conn)
{
	int64_t now_ms = pool->opt.now();
	int64_t until_ms = now_ms + pool->opt.connect_timeout_ms;
	bool is_full = false;
	unsigned hints;

	if (!breaker_allow(&pool->breaker, now_ms))
		return POOL_DOWN;
	hints = pool->breaker.hints;
	if (until_ms > deadline_ms)
		until_ms = deadline_ms;

	pool->open++;
	(void) pthread_mutex_unlock(&pool->lock);
	*conn = pool->opt.open(pool->opt.arg, until_ms, &is_full);
	(void) pthread_mutex_lock(&pool->lock);

	if (*conn != NULL)
	{
		breaker_ok(&pool->breaker);
		return POOL_OK;
	}
	if (is_full && pool->open > 1)
	{
		/* the server answers: that is what the breaker is about */
		breaker_ok(&pool->breaker);
		pool->open--; /* nobody is told: there is nothing to be had */
		return POOL_BUSY;
	}
	breaker_fail(&pool->breaker, hints, pool->opt.now());
	give_up(pool);
	return POOL_DOWN;
}

/*
 * wait_turn -- wait in the queue until something may have come free.
 *
 * False when the queue is full or the time is up.  A queue longer than half
 * the connections would only be served after its members had given up.
 */
static bool
wait_turn(struct pool *pool, int64_t deadline_ms)
{
	const int max_waiting = (pool->opt.max_connections + 1) / 2;
	bool in_time;

	if (pool->waiting >= max_waiting || pool->opt.now() >= deadline_ms)
		return false;
	pool->waiting++;
	in_time = sync_cond_wait(&pool->freed, &pool->lock, deadline_ms);
	pool->waiting--;
	return in_time;
}

enum pool_result
pool_acquire(struct pool *pool, int64_t deadline_ms, struct pool_conn **conn)
{
	enum pool_result result = POOL_OK;

	(void) pthread_mutex_lock(&pool->lock);
	for (;;)
	{
		*conn = take_idle(pool);
		if (*conn != NULL)
			break;
		if (pool->open < pool->opt.max_connections)
		{
			result = open_one(pool, deadline_ms, conn);
			if (result != POOL_BUSY)
				break;
			result = POOL_OK;
		}
		if (!wait_turn(pool, deadline_ms))
		{
			result = POOL_BUSY;
			break;
		}
	}
	(void) pthread_mutex_unlock(&pool->lock);
	return result;
}

void
pool_release(struct pool *pool, struct pool_conn *conn, bool reusable)
{
	if (!reusable)
		pool->opt.close(pool->opt.arg, conn);

	(void) pthread_mutex_lock(&pool->lock);
	if (reusable)
	{
		pool->idle[pool->nidle++] = conn;
		(void) pthread_cond_signal(&pool->freed);
	}
	else
		give_up(pool);
	(void) pthread_mutex_unlock(&pool->lock);
}

int64_t
pool_retry_ms(struct pool *pool)
{
	int64_t ms;

	(void) pthread_mutex_lock(&pool->lock);
	ms = breaker_wait_ms(&pool->breaker, pool->opt.now());
	(void) pthread_mutex_unlock(&pool->lock);
	return ms;
}

void
pool_hint(struct pool *pool)
{
	(void) pthread_mutex_lock(&pool->lock);
	breaker_hint(&pool->breaker);
	(void) pthread_mutex_unlock(&pool->lock);
}

void
pool_counts(struct pool *pool, struct pool_counts *counts)
{
	(void) pthread_mutex_lock(&pool->lock);
	counts->open = pool->open;
	counts->idle = pool->nidle;
	counts->waiting = pool->waiting;
	counts->is_down = breaker_is_open(&pool->breaker);
	(void) pthread_mutex_unlock(&pool->lock);
}
