/*
 * write_main.c
 *	  tally-write: takes events, keeps them, moves them into the database.
 *
 * THREADS.  The main thread starts the others and waits for signals.  A few
 * workers accept, check and hand over; the committer writes and syncs; the
 * replier answers; the drain stores; one refresher loads the keys.  Only the
 * drain and the refresher ever wait for the database.
 *
 * SIGTERM, SIGINT: stop accepting, make durable and answer what was accepted,
 * end.  What is not in the database yet waits in the spool for the next start.
 * SIGHUP: load the keys now.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "../extension/contract.h"
#include "clock.h"
#include "config.h"
#include "db.h"
#include "digest.h"
#include "health.h"
#include "keys.h"
#include "keys_db.h"
#include "log.h"
#include "worker.h"
#include "writer.h"

/* A refresher that waits for a dead database is not waited for. */
#define KEYS_STOP_MS 200
/*
 * Looking for a database that is away: one thread for the events and one for
 * the keys, which may do so often, so that a backlog starts to move within
 * seconds of its return.
 */
#define RETRY_MS 200
#define MAX_RETRY_MS 5000
#define CONNECT_RETRY_MS 1000
/* The server shall give a batch up so long before its connection is closed, or
 * half of the time if that is less. */
#define SILENCE_MS 1000
/* A request that was accepted is answered within its own deadline. */
#define STOP_MS 10000
#define MIB ((int64_t) 1024 * 1024)
/* Of a backlog so much stays in the system's memory; a second or two of bulk. */
#define SPOOL_CACHED_BYTES (256 * MIB)
/* Freed memory that is kept: pieces up to the first, by each of glibc's arenas
 * up to the second. */
#define KEPT_PIECE_BYTES (1024 * 1024)
#define KEPT_BYTES (4 * 1024 * 1024)

struct write_config
{
	const char *listen;
	const char *listen_group;
	int64_t listen_backlog;
	int64_t threads;
	int64_t max_requests;
	int64_t kept_connections;
	const char *spool;
	int64_t spool_max_mb;
	int64_t spool_file_mb;
	int64_t spool_reserve_mb;
	int64_t commit_buffer_mb;
	int64_t commit_wait_ms;
	int64_t commit_interval_us;
	int64_t repeat_window_ms;
	int64_t repeat_bodies;
	const char *database;
	int64_t connect_timeout_ms;
	int64_t drain_interval_ms;
	int64_t drain_timeout_ms;
	int64_t drain_max_events_per_s;
	int64_t drain_nice;
	int64_t key_refresh_ms;
	int64_t key_max_age_ms;
	const char *key_file;
	bool log_requests;
	const char *log_level;
};

#define INT(field, initial, min, max, help)                                   \
	SETTING_INT(struct write_config, field, initial, min, max, help)
#define TEXT(field, initial, help)                                            \
	SETTING_TEXT(struct write_config, field, initial, help)
#define BOOL(field, initial, help)                                            \
	SETTING_BOOL(struct write_config, field, initial, help)

/* clang-format off */
static const struct setting settings[] = {
	TEXT(listen, "/run/tally/write.sock",
		"the unix socket that nginx connects to, mode 0660"),
	TEXT(listen_group, "",
		"the socket's group, nginx's; empty: the program's own"),
	INT(listen_backlog, "1024", 1, 65536,
		"connections that may wait to be accepted; mind net.core.somaxconn"),
	INT(threads, "2", 2, 64,
		"threads that accept and check events; one a processor, 2 at least"),
	INT(max_requests, "256", 2, 4096,
		"requests at a time, those included that wait for the disk; more than"
		" nginx's limit_conn lets through"),
	INT(kept_connections, "2048", 0, 65536,
		"connections of nginx that may wait for another request; with fewer than"
		" its workers keep (keepalive in tally.conf) events may see a 502;"
		" tally_connections_not_kept_total counts them"),
	TEXT(spool, "/var/lib/tally/spool",
		"the folder of events that are not in the database yet"),
	INT(spool_max_mb, "8192", 1, INT64_C(1048576),
		"how large the spool may grow; then events are refused"),
	INT(spool_file_mb, "32", 1, 1024,
		"size of a file of the spool"),
	INT(spool_reserve_mb, "512", 0, INT64_C(1048576),
		"what is left free on the disk for others, the database perhaps"),
	INT(commit_buffer_mb, "8", 1, 1024,
		"events that may wait in memory for the disk"),
	INT(commit_wait_ms, "250", 0, 60000,
		"how long a request waits for room there before it is refused"),
	INT(commit_interval_us, "500", 0, 100000,
		"under load the disk is synced no more often, in microseconds"),
	INT(repeat_window_ms, "300000", 0, 86400000,
		"how long a body whose events all have a timestamp or a token is not"
		" stored again, after it was acknowledged; 0: every one is stored"),
	INT(repeat_bodies, "100000", 1, 10000000,
		"of how many bodies that is known at most, 44 bytes each"),
	TEXT(database, "dbname=tally user=tally_writer",
		"libpq's connection string; its options and connect_timeout are ours"),
	INT(connect_timeout_ms, "2000", 50, 60000,
		"how long connecting may take, in milliseconds"),
	INT(drain_interval_ms, "100", 0, 10000,
		"pause after a small batch into the database, to gather the next"),
	INT(drain_timeout_ms, "10000", 250, 600000,
		"how long storing a batch may take, in milliseconds; the server gives it"
		" up a second before"),
	INT(drain_max_events_per_s, "0", 0, INT64_C(10000000),
		"how fast a backlog is stored, to spare the database; 0: no limit"),
	INT(drain_nice, "5", 0, 19,
		"how far storing events gives way to requests and queries, here and in"
		" the database: a nice value; above 0 with pauses, which slow a backlog"
		" by a tenth"),
	INT(key_refresh_ms, "10000", 100, 3600000,
		"how often the API keys are loaded, in milliseconds"),
	INT(key_max_age_ms, "86400000", 1000, INT64_C(31536000000),
		"keys older than this, as the database was away, are none"),
	TEXT(key_file, "",
		"where hashes of the keys are kept over a restart; empty: nowhere"),
	BOOL(log_requests, "false",
		"a log line for every request; failures always have one"),
	TEXT(log_level, "info",
		"error, warn, info or debug"),
};

static const struct config_table table = {
	"tally-write", "takes events over FastCGI and stores them",
	settings, sizeof(settings) / sizeof(settings[0]),
};

static const struct route routes[] = {
	{METHOD_POST, "/3.0/projects/{}/events/{}", "event", SCOPE_WRITE,
		TALLY_MAX_EVENT_BYTES, handle_event},
	{METHOD_POST, "/3.0/projects/{}/events", "events", SCOPE_WRITE,
		TALLY_MAX_BATCH_BYTES, handle_events},
	{METHOD_GET, "/3.0/projects/{}/events/{}", "beacon", SCOPE_WRITE, 0,
		handle_beacon},
	{METHOD_GET, "/health/live", "health", SCOPE_NONE, 0, health_live},
	{METHOD_GET, "/health/ready", "health", SCOPE_NONE, 0, handle_writer_ready},
	{METHOD_GET, "/metrics", "metrics", SCOPE_NONE, 0, handle_writer_metrics},
};
/* clang-format on */

static const struct route_table route_table = {routes,
											   sizeof(routes) /
												   sizeof(routes[0])};

/* Everything that runs, in the order in which it is started. */
struct program
{
	struct write_config config;
	struct writer writer;
	struct metrics *metrics;
	struct drain_db *drain_db;
	struct service service;
	struct worker *worker;
};

static int
fail(const char *message)
{
	fprintf(stderr, "tally-write: %s\n", message);
	return EXIT_FAILURE;
}

/* check_config -- what no single setting's bounds can say; NULL if well. */
static const char *
check_config(const struct write_config *config)
{
	if (config->max_requests < config->threads)
		return "setting \"max_requests\" must not be less than \"threads\"";
	if (config->spool_max_mb < config->spool_file_mb)
		return "setting \"spool_max_mb\" must not be less than "
			   "\"spool_file_mb\"";
	if (log_level_named(config->log_level) == LOG_LEVEL__COUNT)
		return "setting \"log_level\" must be error, warn, info or debug";
	return NULL;
}

static int64_t
statement_timeout_ms(const struct write_config *config)
{
	return config->drain_timeout_ms > 2 * SILENCE_MS
			   ? config->drain_timeout_ms - SILENCE_MS
			   : config->drain_timeout_ms / 2;
}

static struct db *
open_db(const struct write_config *config, int64_t ingest_nice)
{
	const struct db_options options = {
		.conninfo = config->database,
		.application_name = "tally-write",
		.read_only = false,
		.max_connections = 1,
		.connect_timeout_ms = config->connect_timeout_ms,
		.statement_timeout_ms = statement_timeout_ms(config),
		.ingest_nice = (int) ingest_nice,
		.breaker_max_ms = CONNECT_RETRY_MS,
	};

	return db_new(&options);
}

static struct keys *
open_keys(const struct write_config *config, struct db *db)
{
	const struct keys_options options = {
		.load = keys_db_load,
		.load_arg = db,
		.now = clock_mono_ms,
		.wall = clock_wall_ms,
		.refresh_ms = config->key_refresh_ms,
		.retry_ms = CONNECT_RETRY_MS,
		.hard_age_ms = config->key_max_age_ms,
		.file = config->key_file,
	};

	return keys_new(&options);
}

static struct spool *
open_spool(const struct write_config *config,
		   char message[SPOOL_MESSAGE_BYTES])
{
	const struct spool_options options = {
		.dir = config->spool,
		.file_bytes = config->spool_file_mb * MIB,
		.max_bytes = config->spool_max_mb * MIB,
		.reserve_bytes = config->spool_reserve_mb * MIB,
		.cached_bytes = SPOOL_CACHED_BYTES,
		.now = clock_mono_ms,
		.wall_us = clock_wall_us,
	};

	return spool_open(&options, message);
}

static struct drain *
start_drain(const struct program *p)
{
	const struct drain_options options = {
		.spool = p->writer.spool,
		.dir = p->config.spool,
		.store = drain_db_store(p->drain_db),
		.interval_ms = p->config.drain_interval_ms,
		.max_events_per_s = p->config.drain_max_events_per_s,
		.nice = (int) p->config.drain_nice,
		.retry_ms = RETRY_MS,
		.max_retry_ms = MAX_RETRY_MS,
		.metrics = p->metrics,
	};

	return drain_start(&options);
}

static struct worker *
start_worker(struct program *p, char message[WORKER_MESSAGE_BYTES])
{
	const struct worker_options options = {
		.listen = p->config.listen,
		.group = p->config.listen_group,
		.backlog = (int) p->config.listen_backlog,
		.threads = (int) p->config.threads,
		.requests = (int) p->config.max_requests,
		.kept = (int) p->config.kept_connections,
		.max_body_bytes = TALLY_MAX_BATCH_BYTES,
		.log_requests = p->config.log_requests,
		.metrics = p->metrics,
		.service = &p->service,
	};

	p->service.routes = route_table;
	p->service.keys = p->writer.keys;
	p->service.app = &p->writer;
	return worker_start(&options, message);
}

/* start -- all of it.  False with a message; the caller ends the program. */
static bool
start(struct program *p, char message[CONFIG_MESSAGE_BYTES])
{
	struct committer_options committer = {
		.max_bytes = (size_t) (p->config.commit_buffer_mb * MIB),
		.interval_us = p->config.commit_interval_us,
		.done = ingest_done,
		.app = &p->writer,
	};

	(void) snprintf(message, CONFIG_MESSAGE_BYTES, "out of memory");
	p->metrics = route_metrics(METRICS_WRITE, &route_table);
	if (p->metrics == NULL)
		return false;
	p->writer.started_us = clock_mono_us();
	p->writer.commit_wait_ms = p->config.commit_wait_ms;
	p->writer.spool = open_spool(&p->config, message);
	if (p->writer.spool == NULL)
		return false;

	(void) snprintf(message, CONFIG_MESSAGE_BYTES, "out of memory");
	if (p->config.repeat_window_ms > 0)
	{
		p->writer.repeats = repeats_new((size_t) p->config.repeat_bodies,
										p->config.repeat_window_ms);
		if (p->writer.repeats == NULL)
			return false;
	}
	/* The keys do not wait for a batch that is being stored. */
	p->writer.db = open_db(&p->config, p->config.drain_nice);
	p->writer.key_db = open_db(&p->config, 0);
	if (p->writer.db == NULL || p->writer.key_db == NULL)
		return false;
	p->drain_db = drain_db_new(p->writer.db, p->config.drain_timeout_ms);
	p->writer.keys = open_keys(&p->config, p->writer.key_db);
	committer.spool = p->writer.spool;
	p->writer.committer = committer_start(&committer);
	if (p->drain_db == NULL || p->writer.keys == NULL ||
		p->writer.committer == NULL || !keys_start(p->writer.keys))
		return false;
	p->writer.drain = start_drain(p);
	if (p->writer.drain == NULL)
		return false;
	p->worker = start_worker(p, message);
	return p->worker != NULL;
}

/* say_counts -- what was done since the start. */
static void
say_counts(const struct program *p)
{
	struct committer_counts counts;
	struct drain_status drain;
	struct log_line line;

	committer_counts(p->writer.committer, &counts);
	drain_status(p->writer.drain, &drain);
	log_begin(&line, LOG_LEVEL_INFO, "counts");
	log_int(&line, "events", counts.events);
	log_int(&line, "requests", counts.commits);
	log_int(&line, "syncs", counts.syncs);
	log_int(&line, "refused", counts.refused);
	log_int(&line, "stored", drain.stored);
	log_int(&line, "duplicates", drain.duplicates);
	log_int(&line, "dead_letters", drain.dead_letters);
	log_end(&line);
}

/*
 * stop -- outermost first: who could bring something ends before who would
 * have to take it.
 */
static bool
stop(struct program *p)
{
	if (!worker_stop(p->worker, STOP_MS))
		return false;
	say_counts(p);
	committer_stop(p->writer.committer);
	drain_stop(p->writer.drain);
	spool_close(p->writer.spool);
	db_stop(p->writer.key_db);
	return keys_stop(p->writer.keys, KEYS_STOP_MS);
}

/*
 * keep_memory -- what a batch needed is kept for the next one.
 *
 * Left to itself, glibc gives freed memory back to the system, which has to
 * clear it page by page when it is asked for again: a tenth of the time of a
 * batch.  Pieces beyond that are rare, and are not kept.
 */
static void
keep_memory(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_MMAP_THRESHOLD, KEPT_PIECE_BYTES);
	(void) mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

int
main(int argc, char **argv)
{
	static struct program program;
	char message[CONFIG_MESSAGE_BYTES];

	switch (config_load(&table, argc, argv, &program.config, message))
	{
		case CONFIG_OK:
			break;
		case CONFIG_EXIT:
			return EXIT_SUCCESS;
		case CONFIG_ERROR:
			return fail(message);
	}
	if (check_config(&program.config) != NULL)
		return fail(check_config(&program.config));
	log_set_level(log_level_named(program.config.log_level));
	keep_memory();
	if (!digest_setup())
		return fail("out of memory");
	if (!worker_setup())
		return fail("cannot set up signals or libfcgi");
	if (!start(&program, message))
		return fail(message);

	log_note(LOG_LEVEL_INFO, "started", "version", TALLY_VERSION);
	while (worker_wait_signal() == SIGHUP)
		keys_wake(program.writer.keys);
	log_note(LOG_LEVEL_INFO, "stopping", NULL, NULL);

	/* Memory that a stuck thread may still use is the system's to free. */
	if (!stop(&program))
	{
		log_note(LOG_LEVEL_WARN, "stopped_with_threads_busy", NULL, NULL);
		_exit(EXIT_SUCCESS);
	}
	worker_free(program.worker);
	repeats_free(program.writer.repeats);
	keys_free(program.writer.keys);
	drain_db_free(program.drain_db);
	db_free(program.writer.key_db);
	db_free(program.writer.db);
	metrics_free(program.metrics);
	config_free(&table, &program.config);
	log_note(LOG_LEVEL_INFO, "stopped", NULL, NULL);
	return EXIT_SUCCESS;
}
