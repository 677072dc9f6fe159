/*
 * metrics.h
 *	  What a program counts about itself, as Prometheus reads it (the text
 *	  format 0.0.4).
 *
 * Every metric and every label is in a table here or in metrics_table.c, or is the
 * name of a route: nothing of a client's becomes a label, so there are as many
 * lines in a quiet hour as in an attack.  All are there from the start, at 0:
 * the rate of a line that is not there is no rate.
 *
 * Counting is an atomic add or three, without a lock.  What other modules know
 * already (a size, an age, their own counts) is put in when it is asked for.
 * Functions do nothing when "metrics" is NULL.  Any thread.
 */
#ifndef TALLY_METRICS_H
#define TALLY_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* One number each; order, names and units in metrics_table.c. */
enum metric
{
	METRIC_UPTIME_US,
	METRIC_MEMORY_BYTES,
	METRIC_KEYS_AGE_MS,

	METRIC_ACCEPT_ERRORS,

	METRIC_SHED_KEYS,		/* the keys are not known */
	METRIC_SHED_MEMORY,		/* none left */
	METRIC_SHED_SLOTS,		/* all connections in use, and the queue */
	METRIC_SHED_DATABASE,	/* away, or it could not be reached lately */
	METRIC_SHED_SHARE,		/* the key has its share of the slots */
	METRIC_SHED_QUARANTINE, /* the query did harm a moment ago */
	METRIC_SHED_DISK,		/* slower than the events that arrive */
	METRIC_SHED_SPOOL_FULL,
	METRIC_SHED_SPOOL_FAILED,

	METRIC_QUERY_CONNECTIONS_IDLE,
	METRIC_QUERY_CONNECTIONS_USED,
	METRIC_KEYS_CONNECTIONS_IDLE,
	METRIC_KEYS_CONNECTIONS_USED,
	METRIC_DRAIN_CONNECTIONS_IDLE,
	METRIC_DRAIN_CONNECTIONS_USED,
	METRIC_QUERY_WAITING,
	METRIC_QUERY_RUNNING,
	METRIC_QUERY_PARKED,
	METRIC_QUERY_BREAKER_OPEN,
	METRIC_KEYS_BREAKER_OPEN,
	METRIC_DRAIN_BREAKER_OPEN,
	METRIC_DATABASE_AWAY,
	METRIC_DATABASE_SILENT_MS,
	METRIC_DATA_BEHIND_MS,
	METRIC_DATABASE_STALLS,
	METRIC_DATABASE_STALLED_MS,
	METRIC_CANCELS_SENT,
	METRIC_CANCELS_FAILED,
	METRIC_CANCELS_DROPPED,

	METRIC_CACHE_HITS,
	METRIC_CACHE_MISSES,
	METRIC_CACHE_STALE, /* given instead of an error */
	METRIC_CACHE_SHARED,
	METRIC_CACHE_BYTES,
	METRIC_CACHE_MAX_BYTES,
	METRIC_CACHE_ENTRIES,
	METRIC_CACHE_EVICTED,
	METRIC_QUARANTINED,
	METRIC_QUARANTINE_QUERIES,

	METRIC_CONNECTIONS_NOT_KEPT,
	METRIC_CLIENT_KEEN_JAVASCRIPT,
	METRIC_CLIENT_KEEN_PYTHON,
	METRIC_CLIENT_KEEN_RUBY,
	METRIC_CLIENT_KEEN_JAVA,
	METRIC_CLIENT_KEEN_PHP,
	METRIC_CLIENT_KEEN_DOTNET,
	METRIC_CLIENT_KEEN_IOS,
	METRIC_CLIENT_LIBHONEY_JS,
	METRIC_CLIENT_LIBHONEY_PY,
	METRIC_CLIENT_LIBHONEY_RB,
	METRIC_CLIENT_LIBHONEY_GO,
	METRIC_CLIENT_LIBHONEY_JAVA,
	METRIC_CLIENT_OTHER, /* says something else */
	METRIC_CLIENT_NONE,	 /* says nothing */
	METRIC_EVENTS_ACCEPTED,
	METRIC_EVENTS_REJECTED,
	METRIC_BODIES_REPEATED,
	METRIC_DRAIN_STORED,
	METRIC_DRAIN_DUPLICATE,
	METRIC_DRAIN_DEAD_LETTER,
	METRIC_DRAIN_GAPS,

	METRIC_SPOOL_BYTES,
	METRIC_SPOOL_MAX_BYTES,
	METRIC_SPOOL_FILES,
	METRIC_SPOOL_OLDEST_US,
	METRIC_SPOOL_TAKES_EVENTS,
	METRIC_SPOOL_RECORDS,
	METRIC_SPOOL_SYNCS,
	METRIC_SPOOL_FSYNC_ERRORS,
	METRIC_SPOOL_BAD_FILES,
	METRIC_SPOOL_TORN_BYTES,
	METRIC__COUNT
};

/* Durations, in buckets from 0.5 ms to 60 s. */
enum metric_histogram
{
	METRIC_QUEUE_WAIT, /* for a connection, or for room before the disk */
	METRIC_DRAIN_LAG,  /* from the acceptance of a batch's oldest event to
						* its commit */
	METRIC_CACHE_STALE_AGE,
	METRIC_DATABASE_ROUNDTRIP,
	METRIC_HISTOGRAM__COUNT
};

/* Which program: decides which metrics it has. */
enum metrics_program
{
	METRICS_READ = 1,
	METRICS_WRITE = 2,
};

#define METRIC_INFINITE INT64_MAX /* not known, must look bad: +Inf */
#define METRICS_NO_ROUTE ((size_t) -1)
#define METRICS_MAX_ROUTES 16

struct metrics;

/* For that many routes.  NULL when out of memory or if they are more than
 * METRICS_MAX_ROUTES. */
struct metrics *metrics_new(enum metrics_program program, size_t nroutes);
void metrics_free(struct metrics *metrics);

/* Routes are numbered from 0; several may have one name, and then are one
 * line.  "name" is a literal.  Before threads. */
void metrics_name_route(struct metrics *metrics, size_t route,
						const char *name);

/* A request was answered. */
void metrics_request(struct metrics *metrics, size_t route, int status,
					 int64_t us);

void metrics_add(struct metrics *metrics, enum metric metric, int64_t n);
void metrics_observe(struct metrics *metrics, enum metric_histogram histogram,
					 int64_t us);

/* For what is put in: a gauge, or a count that only grows (two who ask at
 * once may come in either order, and a counter must not go back). */
void metrics_set(struct metrics *metrics, enum metric metric, int64_t value);
void metrics_raise(struct metrics *metrics, enum metric metric, int64_t value);

/* The program's metrics, appended.  If the buffer fails, it says so. */
void metrics_render(struct metrics *metrics, const char *version,
					struct buf *out);

#endif
