/*
 * test_pool.c
 *	  The pool, with connections of air and a clock that is moved, and then
 *	  with many threads.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "breaker.h"
#include "clock.h"
#include "pool.h"
#include "sync.h"
#include "tap.h"

struct pool_conn
{
	int number;
	bool dead;
};

static atomic_int opened;
static atomic_int closed;
static atomic_bool is_up = true;
static atomic_int server_has = 1000000; /* connections, dead ones too */
static struct pool *hinted; /* while a connection of it is being opened */
static atomic_int in_use;
static atomic_int most_in_use;
static _Atomic int64_t last_deadline_ms;
static _Atomic int64_t skew_ms; /* what the clock is ahead by */

static int64_t
now(void)
{
	return clock_mono_ms() + skew_ms;
}

static struct pool_conn *
open_fake(void *arg, int64_t deadline_ms, bool *is_full)
{
	struct pool_conn *conn;

	(void) arg;
	opened++;
	if (hinted != NULL)
		pool_hint(hinted);
	last_deadline_ms = deadline_ms;
	*is_full = opened > server_has;
	if (*is_full)
		return NULL;
	if (!is_up)
		return NULL;
	conn = calloc(1, sizeof(*conn));
	conn->number = opened;
	return conn;
}

static void
close_fake(void *arg, struct pool_conn *conn)
{
	(void) arg;
	closed++;
	free(conn);
}

static bool
is_alive_fake(void *arg, struct pool_conn *conn)
{
	(void) arg;
	return !conn->dead;
}

static struct pool *
new_pool(int max)
{
	const struct pool_options options = {.open = open_fake,
										 .close = close_fake,
										 .is_alive = is_alive_fake,
										 .now = now,
										 .max_connections = max,
										 .connect_timeout_ms = 2000,
										 .breaker_max_ms = BREAKER_MAX_MS,
										 .seed = 7};

	opened = 0;
	closed = 0;
	is_up = true;
	return pool_new(&options);
}

static void
test_reuse(void)
{
	struct pool *pool = new_pool(2);
	struct pool_conn *a;
	struct pool_conn *b;
	struct pool_conn *c;
	struct pool_counts counts;

	tap_int(pool_acquire(pool, now() + 100, &a), POOL_OK, "one");
	tap_int(pool_acquire(pool, now() + 100, &b), POOL_OK, "two");
	tap_int(pool_acquire(pool, now() + 30, &c), POOL_BUSY, "and no third");
	tap_ok(c == NULL, "which gets nothing");
	pool_release(pool, a, true);
	tap_int(pool_acquire(pool, now() + 100, &c), POOL_OK, "one that is back");
	tap_ok(c == a && opened == 2, "is used again");
	pool_release(pool, b, false);
	tap_int(closed, 1, "one that must not be is closed");
	tap_int(pool_acquire(pool, now() + 100, &b), POOL_OK, "its place is free");
	tap_int(opened, 3, "for a new one");
	b->dead = true;
	pool_release(pool, b, true);
	pool_counts(pool, &counts);
	tap_ok(counts.open == 2 && counts.idle == 1, "it lies idle");
	tap_int(pool_acquire(pool, now() + 100, &b), POOL_OK, "and dies there");
	tap_ok(opened == 4 && closed == 2, "it is not handed out");
	pool_release(pool, b, true);
	pool_release(pool, c, true);
	pool_free(pool);
	tap_int(closed, 4, "in the end all are closed");
}

static void
test_deadline(void)
{
	struct pool *pool = new_pool(2);
	struct pool_conn *conn;
	int64_t at = now();

	(void) pool_acquire(pool, at + 100, &conn);
	tap_int(last_deadline_ms, at + 100, "connecting ends by the deadline");
	pool_release(pool, conn, false);
	at = now();
	(void) pool_acquire(pool, at + 100000, &conn);
	tap_ok(last_deadline_ms >= at + 2000 && last_deadline_ms < at + 3000,
		   "and by its own timeout");
	pool_release(pool, conn, true);
	pool_free(pool);
}

static void
test_down(void)
{
	struct pool *pool = new_pool(4);
	struct pool_conn *conn;
	struct pool_conn *idle;
	struct pool_counts counts;
	int i;

	(void) pool_acquire(pool, now() + 100, &idle);
	is_up = false;
	opened = 0;
	for (i = 0; i < 10; i++)
		tap_int(pool_acquire(pool, now() + 100, &conn), POOL_DOWN, "down");
	tap_int(opened, BREAKER_FAILURES, "is not tried for long");
	tap_ok(pool_retry_ms(pool) > 500 && pool_retry_ms(pool) <= 1200,
		   "and when again is known");
	pool_counts(pool, &counts);
	tap_ok(counts.is_down && counts.open == 1, "nor counted as open");

	pool_release(pool, idle, true);
	tap_int(pool_acquire(pool, now() + 100, &conn),
			POOL_OK,
			"a connection that still works is handed out all the same");

	is_up = true;
	tap_int(pool_acquire(pool, now() + 100, &idle),
			POOL_DOWN,
			"when it comes back it takes a while");
	pool_hint(pool);
	tap_int(pool_acquire(pool, now() + 100, &idle),
			POOL_OK,
			"unless somebody says so");
	tap_int(pool_retry_ms(pool), 0, "and all is well");
	pool_release(pool, idle, true);
	pool_release(pool, conn, true);
	pool_free(pool);
}

/* Each connect takes so long that meanwhile somebody else sees the database
 * answer: it is as if all had begun before that. */
static void
test_old_news(void)
{
	struct pool *pool = new_pool(4);
	struct pool_conn *conn;
	struct pool_counts counts;
	int i;

	is_up = false;
	hinted = pool;
	for (i = 0; i < 3 * BREAKER_FAILURES; i++)
		(void) pool_acquire(pool, now() + 100, &conn);
	hinted = NULL;
	pool_counts(pool, &counts);
	tap_ok(!counts.is_down, "who began before it was back shuts nobody out");
	for (i = 0; i < BREAKER_FAILURES; i++)
		(void) pool_acquire(pool, now() + 100, &conn);
	pool_counts(pool, &counts);
	tap_ok(counts.is_down, "who begins after it does");
	pool_free(pool);
}

/* ------------------------------------------------------------------------
 * With threads
 */

struct waiter
{
	struct pool *pool;
	int64_t wait_ms;
	enum pool_result result;
	int64_t took_ms;
};

static void *
wait_once(void *arg)
{
	struct waiter *waiter = arg;
	int64_t begin = clock_mono_ms();
	struct pool_conn *conn;

	waiter->result =
		pool_acquire(waiter->pool, now() + waiter->wait_ms, &conn);
	waiter->took_ms = clock_mono_ms() - begin;
	if (conn != NULL)
		pool_release(waiter->pool, conn, true);
	return NULL;
}

/* Two connections are out, so one may wait; what else comes is told at once. */
static void
test_queue(void)
{
	struct pool *pool = new_pool(2);
	struct waiter first = {.pool = pool, .wait_ms = 5000};
	struct waiter second = {.pool = pool, .wait_ms = 5000};
	struct pool_counts counts = {0};
	struct pool_conn *a;
	struct pool_conn *b;
	pthread_t thread;

	skew_ms = 0; /* threads wait by the real clock */
	(void) pool_acquire(pool, now() + 100, &a);
	(void) pool_acquire(pool, now() + 100, &b);
	(void) sync_thread_start(&thread, wait_once, &first);
	while (counts.waiting == 0)
	{
		clock_sleep_ms(1);
		pool_counts(pool, &counts);
	}
	(void) wait_once(&second);
	tap_int(second.result, POOL_BUSY, "the queue is full");
	tap_ok(second.took_ms < 1000, "which is said without waiting");
	pool_release(pool, a, true);
	(void) pthread_join(thread, NULL);
	tap_int(first.result, POOL_OK, "who waited is served");
	tap_ok(first.took_ms < 4000, "as soon as there is something");

	/* a place that comes free without a connection is as good */
	(void) pool_acquire(pool, now() + 100, &a);
	(void) sync_thread_start(&thread, wait_once, &first);
	do
		pool_counts(pool, &counts);
	while (counts.waiting == 0);
	pool_release(pool, a, false);
	(void) pthread_join(thread, NULL);
	tap_int(first.result, POOL_OK, "also when it has to be opened");
	pool_release(pool, b, true);

	pool_free(pool);
}

/* The server has one connection for us, of the two we may have. */
static void
test_full(void)
{
	struct pool *pool = new_pool(2);
	struct waiter second = {.pool = pool, .wait_ms = 5000};
	struct waiter late = {.pool = pool, .wait_ms = 50};
	struct pool_counts counts = {0};
	struct pool_conn *a;
	pthread_t thread;

	server_has = 1;
	(void) pool_acquire(pool, now() + 100, &a);
	(void) wait_once(&late);
	tap_int(late.result, POOL_BUSY, "no more on the server: one has to wait");
	(void) sync_thread_start(&thread, wait_once, &second);
	while (counts.waiting == 0)
	{
		clock_sleep_ms(1);
		pool_counts(pool, &counts);
	}
	tap_ok(!counts.is_down && counts.open == 1, "which is no failure");
	pool_release(pool, a, true);
	(void) pthread_join(thread, NULL);
	tap_int(second.result, POOL_OK, "and gets the one there is");
	(void) pool_acquire(pool, now() + 100, &a);
	pool_release(pool, a, false);
	tap_int(pool_acquire(pool, now() + 100, &a),
			POOL_DOWN,
			"when there is none to wait for, the database is away");
	server_has = 1000000;
	pool_free(pool);
}

#define CROWD 8
#define ROUNDS 2000

static void *
crowd(void *arg)
{
	struct pool *pool = arg;
	int i;

	for (i = 0; i < ROUNDS; i++)
	{
		struct pool_conn *conn;
		int used;
		int most;

		if (pool_acquire(pool, now() + 1000, &conn) != POOL_OK)
			continue;
		used = ++in_use;
		most = most_in_use;
		while (used > most &&
			   !atomic_compare_exchange_weak(&most_in_use, &most, used))
			;
		conn->number++; /* ours alone: TSan would see it */
		conn->dead = i % 17 == 0;
		in_use--;
		pool_release(pool, conn, i % 13 != 0);
	}
	return NULL;
}

static void
test_crowd(void)
{
	struct pool *pool = new_pool(3);
	struct pool_counts counts;
	pthread_t threads[CROWD];
	int i;

	for (i = 0; i < CROWD; i++)
		(void) sync_thread_start(&threads[i], crowd, pool);
	for (i = 0; i < CROWD; i++)
		(void) pthread_join(threads[i], NULL);
	pool_counts(pool, &counts);
	tap_ok(most_in_use >= 1 && most_in_use <= 3, "never more than the limit");
	tap_int(counts.waiting, 0, "nobody is forgotten in the queue");
	tap_int(counts.open, counts.idle, "nor a connection");
	pool_free(pool);
	tap_int(opened, closed, "all that were opened are closed");
}

int
main(void)
{
	test_reuse();
	test_deadline();
	test_down();
	test_old_news();
	test_queue();
	test_full();
	test_crowd();
	return tap_done();
}
