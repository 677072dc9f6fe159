/*
 * metrics.c
 *	  Counters, gauges and histograms, and their text.
 *
 * Everything is relaxed: a number needs to be right, not to be in step with
 * its neighbours.  A histogram holds what fell into each bucket alone; sums
 * over buckets, and with them its count, are made when it is rendered, so the
 * count and the last bucket can never differ.
 */
#include "metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ METRICS_READ
#define WRITE METRICS_WRITE
#define BOTH (METRICS_READ | METRICS_WRITE)

/* An answer's class: 2xx to 5xx. */
#define STATUS_CLASSES 4
#define FIRST_CLASS 2

#define LINE_BYTES 256

struct metric_info
{
	unsigned programs;
	bool is_counter;
	int decimals; /* that the integer has: 6 for microseconds as seconds */
	const char *name;
	const char *labels; /* NULL: none */
	const char *help;
};

/* clang-format off */

/* Metrics of one name stand together, and the first one's help counts. */
static const struct metric_info infos[METRIC__COUNT] = {
	[METRIC_UPTIME_US] = {BOTH, false, 6, "uptime_seconds", NULL,
		"Time since the program was started."},
	[METRIC_MEMORY_BYTES] = {BOTH, false, 0, "resident_memory_bytes", NULL,
		"Memory of the program that is in use."},
	[METRIC_KEYS_AGE_MS] = {BOTH, false, 3, "keys_age_seconds", NULL,
		"Age of the API keys that requests are checked with; "
		"+Inf if none are known."},

#define SHED "Requests refused because something was missing, by what it was."
	[METRIC_SHED_KEYS] = {BOTH, true, 0, "shed_total",
		"reason=\"keys\"", SHED},
	[METRIC_SHED_MEMORY] = {BOTH, true, 0, "shed_total",
		"reason=\"memory\"", SHED},
	[METRIC_SHED_SLOTS] = {READ, true, 0, "shed_total",
		"reason=\"slots\"", SHED},
	[METRIC_SHED_DATABASE] = {READ, true, 0, "shed_total",
		"reason=\"database\"", SHED},
	[METRIC_SHED_SHARE] = {READ, true, 0, "shed_total",
		"reason=\"share\"", SHED},
	[METRIC_SHED_QUARANTINE] = {READ, true, 0, "shed_total",
		"reason=\"quarantine\"", SHED},
	[METRIC_SHED_DISK] = {WRITE, true, 0, "shed_total",
		"reason=\"disk\"", SHED},
	[METRIC_SHED_SPOOL_FULL] = {WRITE, true, 0, "shed_total",
		"reason=\"spool_full\"", SHED},
	[METRIC_SHED_SPOOL_FAILED] = {WRITE, true, 0, "shed_total",
		"reason=\"spool_failed\"", SHED},

#define CONNECTIONS "Connections to the database, by what they are for."
	[METRIC_QUERY_CONNECTIONS_IDLE] = {READ, false, 0, "pg_connections",
		"pool=\"query\",state=\"idle\"", CONNECTIONS},
	[METRIC_QUERY_CONNECTIONS_USED] = {READ, false, 0, "pg_connections",
		"pool=\"query\",state=\"used\"", CONNECTIONS},
	[METRIC_KEYS_CONNECTIONS_IDLE] = {BOTH, false, 0, "pg_connections",
		"pool=\"keys\",state=\"idle\"", CONNECTIONS},
	[METRIC_KEYS_CONNECTIONS_USED] = {BOTH, false, 0, "pg_connections",
		"pool=\"keys\",state=\"used\"", CONNECTIONS},
	[METRIC_DRAIN_CONNECTIONS_IDLE] = {WRITE, false, 0, "pg_connections",
		"pool=\"drain\",state=\"idle\"", CONNECTIONS},
	[METRIC_DRAIN_CONNECTIONS_USED] = {WRITE, false, 0, "pg_connections",
		"pool=\"drain\",state=\"used\"", CONNECTIONS},
	[METRIC_QUERY_WAITING] = {READ, false, 0, "queue_requests", NULL,
		"Queries that wait for a slot now."},
	[METRIC_QUERY_RUNNING] = {READ, false, 0, "query_running", NULL,
		"Queries that the database works on now."},
	[METRIC_QUERY_PARKED] = {READ, false, 0, "waiting_requests", NULL,
		"Requests that wait for an answer now."},

#define BREAKER "1 while no connection is tried, as the last ones failed."
	[METRIC_QUERY_BREAKER_OPEN] = {READ, false, 0, "breaker_open",
		"pool=\"query\"", BREAKER},
	[METRIC_KEYS_BREAKER_OPEN] = {BOTH, false, 0, "breaker_open",
		"pool=\"keys\"", BREAKER},
	[METRIC_DRAIN_BREAKER_OPEN] = {WRITE, false, 0, "breaker_open",
		"pool=\"drain\"", BREAKER},
	[METRIC_DATABASE_AWAY] = {BOTH, false, 0, "database_away", NULL,
		"1 while the database does not do what it is asked."},
	[METRIC_DATABASE_SILENT_MS] = {READ, false, 3, "database_silent_seconds",
		NULL, "For how long the database has not answered the heartbeat."},
	[METRIC_DATABASE_STALLS] = {READ, true, 0, "database_stalls_total", NULL,
		"Stalls of the database of 0.25 s and more that have ended."},
	[METRIC_DATABASE_STALLED_MS] = {READ, true, 3,
		"database_stalled_seconds_total", NULL,
		"The length of all stalls, that of now included."},
#define CANCELS "Cancels of statements that nobody waited for any more."
	[METRIC_CANCELS_SENT] = {READ, true, 0, "cancels_total",
		"result=\"sent\"", CANCELS},
	[METRIC_CANCELS_FAILED] = {READ, true, 0, "cancels_total",
		"result=\"failed\"", CANCELS},
	[METRIC_CANCELS_DROPPED] = {READ, true, 0, "cancels_total",
		"result=\"dropped\"", CANCELS},

#define CACHE "Queries, by what the result cache had for them."
	[METRIC_CACHE_HITS] = {READ, true, 0, "cache_requests_total",
		"result=\"hit\"", CACHE},
	[METRIC_CACHE_MISSES] = {READ, true, 0, "cache_requests_total",
		"result=\"miss\"", CACHE},
	[METRIC_CACHE_STALE] = {READ, true, 0, "cache_requests_total",
		"result=\"stale\"", CACHE},
	[METRIC_CACHE_SHARED] = {READ, true, 0, "singleflight_shared_total", NULL,
		"Queries that waited for the answer to the same one."},
	[METRIC_CACHE_BYTES] = {READ, false, 0, "cache_bytes", NULL,
		"Memory of the result cache."},
	[METRIC_CACHE_MAX_BYTES] = {READ, false, 0, "cache_max_bytes", NULL,
		"Memory that the result cache may take."},
	[METRIC_CACHE_ENTRIES] = {READ, false, 0, "cache_entries", NULL,
		"Queries that the result cache knows something of."},
	[METRIC_CACHE_EVICTED] = {READ, true, 0, "cache_evicted_total", NULL,
		"Entries of the result cache that made room for newer ones."},
	[METRIC_QUARANTINED] = {READ, true, 0, "quarantined_total", NULL,
		"Times that a query was put into quarantine."},
	[METRIC_QUARANTINE_QUERIES] = {READ, false, 0, "quarantine_queries", NULL,
		"Queries that are in quarantine now."},

	[METRIC_CONNECTIONS_NOT_KEPT] = {WRITE, true, 0,
		"connections_not_kept_total", NULL,
		"Connections of nginx closed after an answer, as kept_connections waited."},

#define EVENTS "Events that were sent: on disk, or refused as what they are."
	[METRIC_EVENTS_ACCEPTED] = {WRITE, true, 0, "ingest_events_total",
		"result=\"accepted\"", EVENTS},
	[METRIC_EVENTS_REJECTED] = {WRITE, true, 0, "ingest_events_total",
		"result=\"rejected\"", EVENTS},
	[METRIC_BODIES_REPEATED] = {WRITE, true, 0, "ingest_repeated_total", NULL,
		"Bodies that came again and were answered, but not stored again."},

#define DRAINED "Events that left the spool: where to."
	[METRIC_DRAIN_STORED] = {WRITE, true, 0, "drain_events_total",
		"result=\"stored\"", DRAINED},
	[METRIC_DRAIN_DUPLICATE] = {WRITE, true, 0, "drain_events_total",
		"result=\"duplicate\"", DRAINED},
	[METRIC_DRAIN_DEAD_LETTER] = {WRITE, true, 0, "drain_events_total",
		"result=\"dead_letter\"", DRAINED},
	[METRIC_DRAIN_GAPS] = {WRITE, true, 0, "drain_gaps_total", NULL,
		"Ranges of events that could not be read from the spool."},

	[METRIC_SPOOL_BYTES] = {WRITE, false, 0, "spool_bytes", NULL,
		"Size of the spool's files, what is preallocated included."},
	[METRIC_SPOOL_MAX_BYTES] = {WRITE, false, 0, "spool_max_bytes", NULL,
		"Size that the spool may have."},
	[METRIC_SPOOL_FILES] = {WRITE, false, 0, "spool_files", NULL,
		"Files of the spool."},
	[METRIC_SPOOL_OLDEST_US] = {WRITE, false, 6, "spool_oldest_seconds", NULL,
		"Age of the oldest event that is being stored or waits for it; "
		"0 if none does."},
	[METRIC_SPOOL_TAKES_EVENTS] = {WRITE, false, 0, "spool_takes_events", NULL,
		"1 if an event that comes now would be taken."},
	[METRIC_SPOOL_RECORDS] = {WRITE, true, 0, "spool_records_total", NULL,
		"Records written to the spool and synced: one a request."},
	[METRIC_SPOOL_SYNCS] = {WRITE, true, 0, "spool_syncs_total", NULL,
		"Syncs of the spool that made records durable."},
	[METRIC_SPOOL_FSYNC_ERRORS] = {WRITE, true, 0, "spool_fsync_errors_total",
		NULL, "Syncs of the spool that failed."},
	[METRIC_SPOOL_BAD_FILES] = {WRITE, true, 0, "spool_bad_files_total", NULL,
		"Files of the spool that were set aside as damaged."},
	[METRIC_SPOOL_TORN_BYTES] = {WRITE, true, 0, "spool_torn_bytes_total",
		NULL, "Bytes cut off at the end of spools that a crash had ended."},
};

static const struct
{
	unsigned programs;
	const char *name;
	const char *help;
} histogram_infos[METRIC_HISTOGRAM__COUNT] = {
	[METRIC_QUEUE_WAIT] = {BOTH, "queue_wait_seconds",
		"Time a request waited for its turn: for a connection, or for room "
		"before the disk."},
	[METRIC_DRAIN_LAG] = {WRITE, "drain_lag_seconds",
		"Time from the acceptance of a batch's oldest event until the batch "
		"was stored."},
	[METRIC_DATABASE_ROUNDTRIP] = {READ, "database_roundtrip_seconds",
		"Time in which the database answered the heartbeat."},
	[METRIC_CACHE_STALE_AGE] = {READ, "cache_stale_seconds",
		"Age of the answers that were given although they should be newer."},
};

/* Upper ends of the buckets; what is longer goes into one more. */
static const struct
{
	int64_t us;
	const char *text;
} bounds[] = {
	{500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"},
	{10000, "0.01"}, {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"},
	{250000, "0.25"}, {500000, "0.5"}, {1000000, "1"}, {2500000, "2.5"},
	{5000000, "5"}, {10000000, "10"}, {30000000, "30"}, {60000000, "60"},
};
/* clang-format on */

#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct histogram
{
	_Atomic int64_t buckets[BOUNDS + 1];
	_Atomic int64_t sum_us;
};

struct route_metrics
{
	const char *name;
	_Atomic int64_t classes[STATUS_CLASSES];
	struct histogram duration;
};

struct metrics
{
	enum metrics_program program;
	_Atomic int64_t values[METRIC__COUNT];
	struct histogram histograms[METRIC_HISTOGRAM__COUNT];
	size_t nroutes;
	struct route_metrics routes[METRICS_MAX_ROUTES + 1]; /* last: no route */
};

struct metrics *
metrics_new(enum metrics_program program, size_t nroutes)
{
	struct metrics *metrics;
	size_t i;

	if (nroutes > METRICS_MAX_ROUTES)
		return NULL;
	metrics = calloc(1, sizeof(*metrics));
	if (metrics == NULL)
		return NULL;
	metrics->program = program;
	metrics->nroutes = nroutes;
	for (i = 0; i <= nroutes; i++)
		metrics->routes[i].name = "none";
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	free(metrics);
}

/* ------------------------------------------------------------------------
 * Counting
 */

static void
add(_Atomic int64_t *value, int64_t n)
{
	(void) atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

static int64_t
get(_Atomic int64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* observe -- most are short, so the buckets are searched from below. */
static void
observe(struct histogram *histogram, int64_t us)
{
	size_t i = 0;

	/* A wall clock may be set back. */
	if (us < 0)
		us = 0;
	while (i < BOUNDS && us > bounds[i].us)
		i++;
	add(&histogram->buckets[i], 1);
	add(&histogram->sum_us, us);
}

void
metrics_name_route(struct metrics *metrics, size_t route, const char *name)
{
	if (metrics != NULL && route < metrics->nroutes)
		metrics->routes[route].name = name;
}

void
metrics_request(struct metrics *metrics, size_t route, int status, int64_t us)
{
	struct route_metrics *of;
	int class = status / 100 - FIRST_CLASS;

	if (metrics == NULL)
		return;
	of = &metrics->routes[route < metrics->nroutes ? route : metrics->nroutes];
	/* A status that is none is our fault. */
	if (class < 0 || class >= STATUS_CLASSES)
		class = STATUS_CLASSES - 1;
	add(&of->classes[class], 1);
	observe(&of->duration, us);
}

void
metrics_add(struct metrics *metrics, enum metric metric, int64_t n)
{
	if (metrics != NULL)
		add(&metrics->values[metric], n);
}

void
metrics_observe(struct metrics *metrics, enum metric_histogram histogram,
				int64_t us)
{
	if (metrics != NULL)
		observe(&metrics->histograms[histogram], us);
}

void
metrics_set(struct metrics *metrics, enum metric metric, int64_t value)
{
	if (metrics != NULL)
		atomic_store_explicit(&metrics->values[metric],
							  value,
							  memory_order_relaxed);
}

void
metrics_raise(struct metrics *metrics, enum metric metric, int64_t value)
{
	int64_t old;

	if (metrics == NULL)
		return;
	old = get(&metrics->values[metric]);
	while (old < value &&
		   !atomic_compare_exchange_weak_explicit(&metrics->values[metric],
												  &old,
												  value,
												  memory_order_relaxed,
												  memory_order_relaxed))
		;
}

/* ------------------------------------------------------------------------
 * Rendering
 */

static void
put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_str(out, "# HELP tally_");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, help);
	buf_str(out, "\n# TYPE tally_");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, type);
	buf_char(out, '\n');
}

/* put_value -- as a decimal number with so many decimals, and the line's
 * end; nothing here is negative. */
static void
put_value(struct buf *out, int64_t value, int decimals)
{
	char text[64];
	int64_t unit = 1;
	int i;

	for (i = 0; i < decimals; i++)
		unit *= 10;
	if (value == METRIC_INFINITE)
		(void) snprintf(text, sizeof(text), " +Inf\n");
	else if (decimals == 0)
		(void) snprintf(text, sizeof(text), " %" PRId64 "\n", value);
	else
		(void) snprintf(text,
						sizeof(text),
						" %" PRId64 ".%0*" PRId64 "\n",
						value / unit,
						decimals,
						value % unit);
	buf_str(out, text);
}

/* put_name -- "tally_NAME SUFFIX {LABELS}"; a value must follow. */
static void
put_name(struct buf *out, const char *name, const char *suffix,
		 const char *labels)
{
	buf_str(out, "tally_");
	buf_str(out, name);
	buf_str(out, suffix);
	if (labels == NULL || *labels == '\0')
		return;
	buf_char(out, '{');
	buf_str(out, labels);
	buf_char(out, '}');
}

static void
put_sample(struct buf *out, const char *name, const char *suffix,
		   const char *labels, int64_t value)
{
	put_name(out, name, suffix, labels);
	put_value(out, value, 0);
}

static void
put_values(struct metrics *metrics, struct buf *out)
{
	const char *last = "";
	int i;

	for (i = 0; i < METRIC__COUNT; i++)
	{
		const struct metric_info *info = &infos[i];

		if ((info->programs & metrics->program) == 0)
			continue;
		if (strcmp(last, info->name) != 0)
			put_head(out,
					 info->name,
					 info->is_counter ? "counter" : "gauge",
					 info->help);
		last = info->name;
		put_name(out, info->name, "", info->labels);
		put_value(out, get(&metrics->values[i]), info->decimals);
	}
}

/* put_histogram -- "labels" is empty or 'route="query"'. */
static void
put_histogram(struct buf *out, const char *name, const char *labels,
			  const int64_t *buckets, int64_t sum_us)
{
	const char *comma = *labels != '\0' ? "," : "";
	char line[LINE_BYTES];
	int64_t count = 0;
	size_t i;

	for (i = 0; i <= BOUNDS; i++)
	{
		count += buckets[i];
		(void) snprintf(line,
						sizeof(line),
						"%s%sle=\"%s\"",
						labels,
						comma,
						i < BOUNDS ? bounds[i].text : "+Inf");
		put_sample(out, name, "_bucket", line, count);
	}
	put_name(out, name, "_sum", labels);
	put_value(out, sum_us, 6);
	put_sample(out, name, "_count", labels, count);
}

static void
put_histograms(struct metrics *metrics, struct buf *out)
{
	int h;

	for (h = 0; h < METRIC_HISTOGRAM__COUNT; h++)
	{
		struct histogram *of = &metrics->histograms[h];
		int64_t buckets[BOUNDS + 1];
		size_t i;

		if ((histogram_infos[h].programs & metrics->program) == 0)
			continue;
		for (i = 0; i <= BOUNDS; i++)
			buckets[i] = get(&of->buckets[i]);
		put_head(out,
				 histogram_infos[h].name,
				 "histogram",
				 histogram_infos[h].help);
		put_histogram(
			out, histogram_infos[h].name, "", buckets, get(&of->sum_us));
	}
}

/* is_first -- of the routes of its name, which are one line together. */
static bool
is_first(const struct metrics *metrics, size_t route)
{
	size_t i;

	for (i = 0; i < route; i++)
		if (strcmp(metrics->routes[i].name, metrics->routes[route].name) == 0)
			return false;
	return true;
}

static void
put_requests(struct metrics *metrics, struct buf *out)
{
	char labels[LINE_BYTES];
	size_t r;
	size_t i;
	int c;

	put_head(out,
			 "requests_total",
			 "counter",
			 "Requests answered, by route and class of status; an answer "
			 "that was broken off is a 5xx.");
	for (r = 0; r <= metrics->nroutes; r++)
		for (c = 0; c < STATUS_CLASSES && is_first(metrics, r); c++)
		{
			int64_t n = 0;

			for (i = r; i <= metrics->nroutes; i++)
				if (strcmp(metrics->routes[i].name, metrics->routes[r].name) ==
					0)
					n += get(&metrics->routes[i].classes[c]);
			(void) snprintf(labels,
							sizeof(labels),
							"route=\"%s\",status=\"%dxx\"",
							metrics->routes[r].name,
							c + FIRST_CLASS);
			put_sample(out, "requests_total", "", labels, n);
		}
}

static void
put_durations(struct metrics *metrics, struct buf *out)
{
	char labels[LINE_BYTES];
	size_t r;
	size_t i;
	size_t b;

	put_head(out,
			 "request_duration_seconds",
			 "histogram",
			 "Time from accepting a request until it was answered, by route.");
	for (r = 0; r <= metrics->nroutes; r++)
	{
		int64_t buckets[BOUNDS + 1] = {0};
		int64_t sum_us = 0;

		if (!is_first(metrics, r))
			continue;
		for (i = r; i <= metrics->nroutes; i++)
		{
			struct route_metrics *of = &metrics->routes[i];

			if (strcmp(of->name, metrics->routes[r].name) != 0)
				continue;
			for (b = 0; b <= BOUNDS; b++)
				buckets[b] += get(&of->duration.buckets[b]);
			sum_us += get(&of->duration.sum_us);
		}
		(void) snprintf(labels,
						sizeof(labels),
						"route=\"%s\"",
						metrics->routes[r].name);
		put_histogram(
			out, "request_duration_seconds", labels, buckets, sum_us);
	}
}

void
metrics_render(struct metrics *metrics, const char *version, struct buf *out)
{
	char labels[LINE_BYTES];

	if (metrics == NULL)
		return;
	put_head(out,
			 "build_info",
			 "gauge",
			 "Always 1; says which program of which version it is.");
	(void) snprintf(labels,
					sizeof(labels),
					"program=\"%s\",version=\"%s\"",
					metrics->program == READ ? "tally-read" : "tally-write",
					version);
	put_sample(out, "build_info", "", labels, 1);
	put_requests(metrics, out);
	put_durations(metrics, out);
	put_histograms(metrics, out);
	put_values(metrics, out);
}
