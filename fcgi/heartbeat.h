/*
 * heartbeat.h
 *	  Asks the database for next to nothing, four times a second, and notices
 *	  when the answer does not come.
 *
 * Even a stall of a quarter of a second matters: it is counted and logged.
 * After a second of silence the database is away, and nobody need find out by
 * waiting for a query; with the next answer it is back.  A database that
 * refuses a connection at once is not silent: that is the breaker's business.
 *
 * The questions are asked on a connection of its own, so that they wait for
 * nothing but the database.
 */
#ifndef TALLY_HEARTBEAT_H
#define TALLY_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "metrics.h"

#define HEARTBEAT_EVERY_MS 250
#define HEARTBEAT_STALL_MS 250 /* an answer that took so long was a stall */
#define HEARTBEAT_AWAY_MS 1000

struct heartbeat;

enum heartbeat_result
{
	HEARTBEAT_ANSWERED,
	HEARTBEAT_FAILED,
	HEARTBEAT_NOT_ASKED, /* nothing new is known */
};

struct heartbeat_options
{
	enum heartbeat_result (*ask)(void *arg); /* never without an end */
	void (*is_back)(void *arg); /* the first answer after trouble */
	void *arg;
	clock_fn now;
	struct metrics *metrics; /* or NULL */
};

/* NULL when out of memory. */
struct heartbeat *heartbeat_new(const struct heartbeat_options *options);

bool heartbeat_start(struct heartbeat *heartbeat);

/* False when a question is still asked after "timeout_ms": see keys_stop(). */
bool heartbeat_stop(struct heartbeat *heartbeat, int64_t timeout_ms);
void heartbeat_free(struct heartbeat *heartbeat);

/* One question, now, in the caller's thread. */
void heartbeat_beat(struct heartbeat *heartbeat);

/* Any thread, never waits. */
bool heartbeat_is_away(struct heartbeat *heartbeat);

/* For how long the database has been silent now; 0 when it is not. */
int64_t heartbeat_silent_ms(struct heartbeat *heartbeat);

/* The length of all stalls since the beginning, that of now included. */
int64_t heartbeat_stalled_ms(struct heartbeat *heartbeat);

#endif
