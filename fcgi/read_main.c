/*
 * read_main.c
 *	  tally-read: answers queries.
 *
 * THREADS.  The main thread starts the others and waits for signals.  The
 * workers accept, and answer what is known already; what has to be computed
 * is done in slots, one for each connection (flights.h).  So no worker ever
 * waits for the database, and somebody is always free to say "busy" at once,
 * and to answer the health check.  One refresher loads the keys, one thread is
 * the heartbeat, one sends cancels.
 *
 * SIGTERM, SIGINT: stop accepting, finish what is under way, end.  SIGHUP:
 * load the keys now.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../extension/contract.h"
#include "breaker.h"
#include "canceller.h"
#include "clock.h"
#include "config.h"
#include "db.h"
#include "digest.h"
#include "health.h"
#include "keys.h"
#include "keys_db.h"
#include "log.h"
#include "query_run.h"
#include "reader.h"
#include "worker.h"

/* Who waits for a dead database is not waited for. */
#define STOP_MS 200
/* One thread that looks for a database that is away may do so often. */
#define KEY_RETRY_MS 1000
/* And one for whom all others wait, as often as it asks anyway. */
#define HEARTBEAT_RETRY_MS HEARTBEAT_EVERY_MS
/* The heartbeat's question is given up after so long; the connection may have
 * gone without a word. */
#define HEARTBEAT_DEADLINE_MS 5000
/* How far behind the stored events are is asked for so often. */
#define BEHIND_EVERY_MS 1000
/* But where the database will not say for long. */
#define BEHIND_REFUSED_MS 60000
/* After the longest query could have ended. */
#define STOP_GRACE_MS 1000

struct read_config
{
	const char *listen;
	const char *listen_group;
	int64_t listen_backlog;
	int64_t threads;
	const char *database;
	int64_t connections;
	int64_t connect_timeout_ms;
	int64_t slot_wait_ms;
	int64_t statement_timeout_ms;
	int64_t query_deadline_ms;
	int64_t max_waiting;
	int64_t key_slots;
	int64_t cache_mb;
	int64_t cache_answer_kb;
	int64_t cache_fresh_min_ms;
	int64_t cache_fresh_ms;
	int64_t cache_stale_ms;
	int64_t cache_failure_ms;
	int64_t quarantine_ms;
	const char *quarantine_file;
	int64_t key_refresh_ms;
	int64_t key_max_age_ms;
	const char *key_file;
	bool log_requests;
	const char *log_level;
};

#define INT(field, initial, min, max, help)                                   \
	SETTING_INT(struct read_config, field, initial, min, max, help)
#define TEXT(field, initial, help)                                            \
	SETTING_TEXT(struct read_config, field, initial, help)
#define BOOL(field, initial, help)                                            \
	SETTING_BOOL(struct read_config, field, initial, help)

/* clang-format off */
static const struct setting settings[] = {
	TEXT(listen, "/run/tally/read.sock",
		"the unix socket that nginx connects to, mode 0660"),
	TEXT(listen_group, "",
		"the socket's group, nginx's; empty: the program's own"),
	INT(listen_backlog, "1024", 1, 65536,
		"connections that may wait to be accepted; beyond it nginx answers"),
	INT(threads, "8", 2, 256,
		"threads that read requests and answer what is known already"),
	TEXT(database, "dbname=tally user=tally_reader",
		"libpq's connection string; its options and connect_timeout are ours"),
	INT(connections, "8", 1, 128,
		"connections to the database, and so queries at a time"),
	INT(connect_timeout_ms, "2000", 50, 60000,
		"how long connecting may take, in milliseconds"),
	INT(slot_wait_ms, "2000", 0, 60000,
		"how long a query waits for a slot before it is refused; half as many"
		" as there are connections may wait, and one more is refused at once"),
	INT(statement_timeout_ms, "10000", 250, 3600000,
		"how long a query may run, the wait for its connection included"),
	INT(query_deadline_ms, "12000", 250, 3600000,
		"how long a request may take in all; over statement_timeout_ms, and"
		" under nginx's fastcgi_read_timeout"),
	INT(max_waiting, "240", 2, 4096,
		"requests that may wait for an answer, those that wait for the same"
		" one too; nginx lets through as many (max_conns in tally.conf)"),
	INT(key_slots, "6", 1, 128,
		"queries that one API key may have running or queued; of the requests"
		" that wait it may have half"),
	INT(cache_mb, "32", 1, 65536,
		"memory for answers that are kept, in MB"),
	INT(cache_answer_kb, "1024", 32, 16384,
		"the largest answer that is kept and shared, in kB; a larger one is"
		" passed on as it is made"),
	INT(cache_fresh_ms, "10000", 0, 3600000,
		"how old an answer may be at most and still be given, +-10 %; its"
		" relative timeframe and its events are then as old"),
	INT(cache_fresh_min_ms, "500", 0, 3600000,
		"how old every answer may be; between the two, ten times as old as it"
		" took to make"),
	INT(cache_stale_ms, "300000", 0, 86400000,
		"how old an answer may be and be given, with Age and Warning, when a"
		" newer one cannot be had"),
	INT(cache_failure_ms, "1000", 0, 60000,
		"how long a failure is the answer to the same query"),
	INT(quarantine_ms, "60000", 0, 3600000,
		"how long a query that took all its time is not run again; 0: never"
		" refused for it"),
	TEXT(quarantine_file, "",
		"where what a query did is known to every tally-read of this host that"
		" names the same file, and after a restart; empty: to this one alone"),
	INT(key_refresh_ms, "10000", 100, 3600000,
		"how often the API keys are loaded, in milliseconds"),
	INT(key_max_age_ms, "86400000", 1000, INT64_C(31536000000),
		"keys older than this, as the database was away, are none"),
	TEXT(key_file, "",
		"where hashes of the keys are kept over a restart; empty: nowhere"),
	BOOL(log_requests, "true",
		"a log line for every request; failures always have one"),
	TEXT(log_level, "info",
		"error, warn, info or debug"),
};

static const struct config_table table = {
	"tally-read", "answers queries over FastCGI",
	settings, sizeof(settings) / sizeof(settings[0]),
};

/* Several may have one name: GET and POST of a query are one line. */
static const struct route routes[] = {
	{METHOD_GET, "/3.0/projects/{}/queries/{}", "query", SCOPE_READ, 0,
		handle_query},
	{METHOD_POST, "/3.0/projects/{}/queries/{}", "query", SCOPE_READ,
		TALLY_MAX_QUERY_BYTES, handle_query},
	{METHOD_GET, "/3.0/projects/{}/queries", "links", SCOPE_READ, 0,
		handle_query_links},
	{METHOD_GET, "/3.0", "root", SCOPE_NONE, 0, handle_root},
	{METHOD_GET, "/health/live", "health", SCOPE_NONE, 0, health_live},
	{METHOD_GET, "/health/ready", "health", SCOPE_NONE, 0, handle_reader_ready},
	{METHOD_GET, "/metrics", "metrics", SCOPE_NONE, 0, handle_reader_metrics},
};
/* clang-format on */

static const struct route_table route_table = {routes,
											   sizeof(routes) /
												   sizeof(routes[0])};

static int
fail(const char *message)
{
	fprintf(stderr, "tally-read: %s\n", message);
	return EXIT_FAILURE;
}

/* check_config -- what no single setting's bounds can say; NULL if well. */
static const char *
check_config(const struct read_config *config)
{
	if (config->cache_stale_ms < config->cache_fresh_ms)
		return "setting \"cache_stale_ms\" must not be less than "
			   "\"cache_fresh_ms\"";
	if (config->cache_fresh_ms < config->cache_fresh_min_ms)
		return "setting \"cache_fresh_ms\" must not be less than "
			   "\"cache_fresh_min_ms\"";
	if (config->cache_answer_kb > config->cache_mb * 1024 / 8)
		return "setting \"cache_answer_kb\" must not be more than an eighth of "
			   "\"cache_mb\"";
	if (config->query_deadline_ms < config->statement_timeout_ms)
		return "setting \"query_deadline_ms\" must not be less than "
			   "\"statement_timeout_ms\"";
	if (log_level_named(config->log_level) == LOG_LEVEL__COUNT)
		return "setting \"log_level\" must be error, warn, info or debug";
	return NULL;
}

static struct db *
open_db(const struct read_config *config, int64_t connections,
		int64_t breaker_max_ms, struct canceller *canceller)
{
	const struct db_options options = {
		.conninfo = config->database,
		.application_name = "tally-read",
		.read_only = true,
		.max_connections = (int) connections,
		.connect_timeout_ms = config->connect_timeout_ms,
		.statement_timeout_ms = config->statement_timeout_ms,
		.breaker_max_ms = breaker_max_ms,
		.canceller = canceller,
	};

	return db_new(&options);
}

static bool
take_behind(void *arg, const struct db_row *row)
{
	int64_t *behind_ms = arg;

	if (row->ncols == 1 && row->values[0] != NULL)
		*behind_ms = (int64_t) (strtod(row->values[0], NULL) * 1000);
	return true;
}

/* is_never -- an older extension or store, or a grant that is missing: asking
 * again soon would fill the server's log. */
static bool
is_never(const char *sqlstate)
{
	static const char *const all[] = {
		"3F000", "42501", "42703", "42883", "42P01", "55000"};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(sqlstate, all[i]) == 0)
			return true;
	return false;
}

static void
note_behind(struct reader *reader, int64_t behind_ms, int64_t now_ms,
			enum db_result result, const struct db_error *error)
{
	const bool is_refused = result == DB_ERROR && is_never(error->sqlstate);

	reader->behind_ms = behind_ms;
	reader->behind_next_ms =
		now_ms + (is_refused ? BEHIND_REFUSED_MS : BEHIND_EVERY_MS);
	if (is_refused)
		log_note(LOG_LEVEL_WARN, "behind_not_known", "error", error->message);
}

/*
 * ask_heartbeat -- any answer will do, an error of the server too.
 *
 * Once a second it is asked how far behind the stored events are, which has to
 * be known before a query asks for it; an older extension does not know it.
 */
static enum heartbeat_result
ask_heartbeat(void *arg)
{
	struct reader *reader = arg;
	const int64_t now_ms = clock_mono_ms();
	const bool asks_behind = now_ms >= reader->behind_next_ms;
	int64_t behind_ms = -1;
	const struct db_call call = {
		.stmt = asks_behind ? STMT_DATA_BEHIND : STMT_HEARTBEAT,
		.wait_deadline_ms = now_ms + HEARTBEAT_DEADLINE_MS,
		.deadline_ms = now_ms + HEARTBEAT_DEADLINE_MS,
		.watch_fd = -1,
		.row = asks_behind ? take_behind : NULL,
		.arg = &behind_ms,
	};
	struct db_error error;
	enum db_result result;

	/* what its breaker says at once is no word of the database */
	if (db_retry_ms(reader->heart_db) > 0)
		return HEARTBEAT_NOT_ASKED;
	result = db_run(reader->heart_db, &call, &error);
	if (asks_behind)
		note_behind(reader, behind_ms, now_ms, result, &error);
	return result == DB_OK || result == DB_ERROR ? HEARTBEAT_ANSWERED
												 : HEARTBEAT_FAILED;
}

static void
database_is_back(void *arg)
{
	const struct reader *reader = arg;

	db_hint(reader->db);
}

static bool
is_away(void *arg)
{
	return heartbeat_is_away(((const struct reader *) arg)->heartbeat);
}

static int64_t
stalled_ms(void *arg)
{
	return heartbeat_stalled_ms(((const struct reader *) arg)->heartbeat);
}

static struct heartbeat *
open_heartbeat(struct reader *reader, struct metrics *metrics)
{
	const struct heartbeat_options options = {
		.ask = ask_heartbeat,
		.is_back = database_is_back,
		.arg = reader,
		.now = clock_mono_ms,
		.metrics = metrics,
	};

	return heartbeat_new(&options);
}

static struct flights *
open_flights(const struct read_config *config, struct reader *reader,
			 struct metrics *metrics)
{
	const struct flights_options options = {
		.slots = (int) config->connections,
		.max_queued = (int) (config->connections + 1) / 2,
		.max_waiting = (int) config->max_waiting,
		.owner_slots = (int) config->key_slots,
		.owner_waiting = (int) (config->max_waiting + 1) / 2,
		.slot_wait_ms = config->slot_wait_ms,
		.quarantine = reader->quarantine,
		.cache =
			{
				.max_bytes = reader->cache_max_bytes,
				.soft_min_ms = config->cache_fresh_min_ms,
				.soft_ms = config->cache_fresh_ms,
				.hard_ms = config->cache_stale_ms,
				.failure_ms = config->cache_failure_ms,
				.seed = (uint32_t) reader->secret.k0,
			},
		.now = clock_mono_ms,
		.run = query_run,
		.tell = tell_query,
		.is_away = is_away,
		.stalled_ms = stalled_ms,
		.arg = reader,
		.metrics = metrics,
	};

	return flights_new(&options);
}

/*
 * load_keys -- and when the database is back, tell the queries.
 *
 * This one thread may try every second; what waits ever longer is a crowd of
 * requests, which so need not find out for themselves.
 */
static bool
load_keys(void *arg, struct keys_builder *builder)
{
	const struct reader *reader = arg;

	if (!keys_db_load(reader->key_db, builder))
		return false;
	db_hint(reader->db);
	return true;
}

static struct keys *
open_keys(const struct read_config *config, struct reader *reader)
{
	const struct keys_options options = {
		.load = load_keys,
		.load_arg = reader,
		.now = clock_mono_ms,
		.wall = clock_wall_ms,
		.refresh_ms = config->key_refresh_ms,
		.retry_ms = KEY_RETRY_MS,
		.hard_age_ms = config->key_max_age_ms,
		.file = config->key_file,
	};

	return keys_new(&options);
}

/* serve -- until a signal ends it.  False when something is still stuck. */
static bool
serve(struct worker *worker, const struct reader *reader,
	  struct canceller *canceller, const struct read_config *config)
{
	int number;

	log_note(LOG_LEVEL_INFO, "started", "version", TALLY_VERSION);
	while ((number = worker_wait_signal()) == SIGHUP)
		keys_wake(reader->keys);
	log_note(LOG_LEVEL_INFO, "stopping", NULL, NULL);
	if (!worker_stop(worker, config->query_deadline_ms + STOP_GRACE_MS))
		return false;
	db_stop(reader->key_db);
	db_stop(reader->heart_db);
	return keys_stop(reader->keys, STOP_MS) &&
		   heartbeat_stop(reader->heartbeat, STOP_MS) &&
		   canceller_stop(canceller, STOP_MS);
}

/* open_reader -- all that handlers use, running; false without memory. */
static bool
open_reader(struct reader *reader, const struct read_config *config,
			struct metrics *metrics, struct canceller *canceller)
{
	reader->secret = siphash_secret_new();
	reader->behind_ms = -1;
	reader->behind_next_ms = 0;
	reader->cache_max_bytes = (size_t) config->cache_mb * 1024 * 1024;
	reader->cache_answer_bytes = (size_t) config->cache_answer_kb * 1024;
	reader->started_us = clock_mono_us();
	reader->slot_wait_ms = config->slot_wait_ms;
	reader->statement_timeout_ms = config->statement_timeout_ms;
	reader->query_deadline_ms = config->query_deadline_ms;
	/* The keys have a connection of their own, however busy the others. */
	reader->db =
		open_db(config, config->connections, BREAKER_MAX_MS, canceller);
	reader->heart_db = open_db(config, 1, HEARTBEAT_RETRY_MS, NULL);
	reader->key_db = open_db(config, 1, KEY_RETRY_MS, NULL);
	if (reader->db == NULL || reader->key_db == NULL ||
		reader->heart_db == NULL)
		return false;
	reader->heartbeat = open_heartbeat(reader, metrics);
	if (reader->heartbeat == NULL || !heartbeat_start(reader->heartbeat))
		return false;
	reader->quarantine = quarantine_new(config->quarantine_file,
										config->quarantine_ms,
										clock_mono_ms());
	if (reader->quarantine == NULL)
		return false;
	reader->flights = open_flights(config, reader, metrics);
	if (reader->flights == NULL)
		return false;
	reader->keys = open_keys(config, reader);
	return reader->keys != NULL && keys_start(reader->keys);
}

/* close_reader -- in the order in which one uses the other. */
static void
close_reader(struct reader *reader, struct canceller *canceller)
{
	flights_free(reader->flights);
	quarantine_free(reader->quarantine);
	keys_free(reader->keys);
	heartbeat_free(reader->heartbeat);
	canceller_free(canceller);
	db_free(reader->heart_db);
	db_free(reader->key_db);
	db_free(reader->db);
}

int
main(int argc, char **argv)
{
	static struct read_config config;
	char message[CONFIG_MESSAGE_BYTES];
	struct reader reader;
	struct service service = {.app = &reader};
	struct worker_options options = {.service = &service};
	struct worker *worker;
	struct metrics *metrics;
	struct canceller *canceller;

	switch (config_load(&table, argc, argv, &config, message))
	{
		case CONFIG_OK:
			break;
		case CONFIG_EXIT:
			return EXIT_SUCCESS;
		case CONFIG_ERROR:
			return fail(message);
	}
	if (check_config(&config) != NULL)
		return fail(check_config(&config));
	log_set_level(log_level_named(config.log_level));
	if (!digest_setup())
		return fail("out of memory");
	if (!worker_setup())
		return fail("cannot set up signals or libfcgi");

	metrics = route_metrics(METRICS_READ, &route_table);
	if (metrics == NULL)
		return fail("out of memory");
	canceller = db_canceller_new(metrics);
	if (canceller == NULL ||
		!open_reader(&reader, &config, metrics, canceller))
		return fail("out of memory");

	service.keys = reader.keys;
	service.routes = route_table;
	options.listen = config.listen;
	options.group = config.listen_group;
	options.backlog = (int) config.listen_backlog;
	options.threads = (int) config.threads;
	/* whoever waits, a structure is left for every thread */
	options.requests = (int) (config.max_waiting + config.threads);
	options.max_body_bytes = TALLY_MAX_QUERY_BYTES;
	options.metrics = metrics;
	options.log_requests = config.log_requests;
	worker = worker_start(&options, message);
	if (worker == NULL)
		return fail(message);

	/* Memory that a stuck thread may still use is the system's to free. */
	if (!serve(worker, &reader, canceller, &config))
	{
		quarantine_leave(reader.quarantine);
		log_note(LOG_LEVEL_WARN, "stopped_with_threads_busy", NULL, NULL);
		_exit(EXIT_SUCCESS);
	}
	worker_free(worker);
	close_reader(&reader, canceller);
	metrics_free(metrics);
	config_free(&table, &config);
	log_note(LOG_LEVEL_INFO, "stopped", NULL, NULL);
	return EXIT_SUCCESS;
}
