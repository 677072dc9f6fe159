/*
 * metrics_table.c
 *	  All metrics: a row each, with its name, its labels and its help.
 */
#include "metrics_internal.h"

#include <stddef.h>

#define READ METRICS_READ
#define WRITE METRICS_WRITE
#define BOTH (METRICS_READ | METRICS_WRITE)

/* clang-format off */

/* Metrics of one name stand together, and the first one's help counts. */
const struct metric_info metric_infos[METRIC__COUNT] = {
	[METRIC_UPTIME_US] = {BOTH, false, 6, "uptime_seconds", NULL,
		"Time since the program was started."},
	[METRIC_MEMORY_BYTES] = {BOTH, false, 0, "resident_memory_bytes", NULL,
		"Memory of the program that is in use."},
	[METRIC_KEYS_AGE_MS] = {BOTH, false, 3, "keys_age_seconds", NULL,
		"Age of the API keys that requests are checked with; "
		"+Inf if none are known."},

	[METRIC_ACCEPT_ERRORS] = {BOTH, true, 0, "accept_errors_total", NULL,
		"Times that a connection of nginx could not be accepted."},

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
	[METRIC_DATA_BEHIND_MS] = {READ, false, 3, "data_behind_seconds", NULL,
		"For how long the oldest acknowledged event that is not stored has "
		"been waiting; +Inf if it is not known."},
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

#define CLIENTS "Requests that carried events, by the library that sent them."
#define CLIENT(library) {WRITE, true, 0, "client_batches_total", \
		"library=\"" library "\"", CLIENTS}
	[METRIC_CLIENT_KEEN_JAVASCRIPT] = CLIENT("keen-javascript"),
	[METRIC_CLIENT_KEEN_PYTHON] = CLIENT("keen-python"),
	[METRIC_CLIENT_KEEN_RUBY] = CLIENT("keen-ruby"),
	[METRIC_CLIENT_KEEN_JAVA] = CLIENT("keen-java"),
	[METRIC_CLIENT_KEEN_PHP] = CLIENT("keen-php"),
	[METRIC_CLIENT_KEEN_DOTNET] = CLIENT("keen-dotnet"),
	[METRIC_CLIENT_KEEN_IOS] = CLIENT("keen-ios"),
	[METRIC_CLIENT_LIBHONEY_JS] = CLIENT("libhoney-js"),
	[METRIC_CLIENT_LIBHONEY_PY] = CLIENT("libhoney-py"),
	[METRIC_CLIENT_LIBHONEY_RB] = CLIENT("libhoney-rb"),
	[METRIC_CLIENT_LIBHONEY_GO] = CLIENT("libhoney-go"),
	[METRIC_CLIENT_LIBHONEY_JAVA] = CLIENT("libhoney-java"),
	[METRIC_CLIENT_OTHER] = CLIENT("other"),
	[METRIC_CLIENT_NONE] = CLIENT("none"),

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

const struct histogram_info metric_histograms[METRIC_HISTOGRAM__COUNT] = {
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
const struct metric_bound metric_bounds[METRIC_BOUNDS] = {
	{500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"},
	{10000, "0.01"}, {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"},
	{250000, "0.25"}, {500000, "0.5"}, {1000000, "1"}, {2500000, "2.5"},
	{5000000, "5"}, {10000000, "10"}, {30000000, "30"}, {60000000, "60"},
};
/* clang-format on */
