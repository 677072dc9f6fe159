/*
 * h_read.c
 *	  What tally-read answers without a statement.
 */
#include <stdio.h>

#include "h_metrics.h"
#include "health.h"
#include "json_out.h"
#include "reader.h"
#include "reply.h"

/* The analyses tally.query() knows; what it is asked beyond them it refuses
 * itself, so this list is only what a client is shown. */
static const char *const analyses[] = {
	"average", "count", "maximum", "minimum", "sum"};

enum handled
handle_root(struct request *req, void *app)
{
	(void) app;
	reply_json(req, 200, "{\"projects_resource_url\":\"/3.0/projects\"}");
	return HANDLED_NOW;
}

enum handled
handle_query_links(struct request *req, void *app)
{
	struct json_out json;
	char text[128];
	size_t i;

	(void) app;
	reply_begin(req, 200, NULL);
	json_begin(&json, reply_body(req), false);
	json_object(&json);
	for (i = 0; i < sizeof(analyses) / sizeof(analyses[0]); i++)
	{
		(void) snprintf(text, sizeof(text), "%s_url", analyses[i]);
		json_key(&json, text);
		(void) snprintf(text,
						sizeof(text),
						"/3.0/projects/%s/queries/%s",
						request_project(req),
						analyses[i]);
		json_string(&json, text);
	}
	json_object_end(&json);
	return HANDLED_NOW;
}

/*
 * is_reachable -- may a query that comes now get to the database?
 *
 * Queries find out for themselves, but may not come while we are not ready;
 * so the refresher of the keys, which tries without being asked, has a say.
 */
static bool
is_reachable(const struct reader *reader)
{
	struct pool_counts counts;

	db_counts(reader->key_db, &counts);
	return !counts.is_down && db_retry_ms(reader->db) == 0 &&
		   !heartbeat_is_away(reader->heartbeat);
}

/* check_behind -- are events still to be stored that others have sent? */
static struct health_check
check_behind(int64_t behind_ms)
{
	struct health_check check = {
		.name = "events:behind",
		.status = HEALTH_PASS,
		.value = behind_ms / 1000,
		.unit = "s",
		.affected = health_queries,
	};

	if (check.value >= HEALTH_LATE_S)
	{
		check.status = HEALTH_WARN;
		check.output = "Events wait to be stored; queries do not see them.";
	}
	return check;
}

/*
 * handle_reader_ready -- what is known already, nothing that is asked now: a
 * check that waited for the database would pile up in the very outage it is
 * there to show.
 */
enum handled
handle_reader_ready(struct request *req, void *app)
{
	const struct reader *reader = app;
	const int64_t behind_ms = reader->behind_ms;
	const size_t unknown = behind_ms < 0 ? 1 : 0;
	const struct health_check checks[] = {
		{.name = "keys:age",
		 .status = keys_ready(reader->keys) ? HEALTH_PASS : HEALTH_FAIL,
		 .value = keys_age_ms(reader->keys),
		 .unit = "ms",
		 .output = "The API keys are not known.",
		 .affected = health_queries},
		{.name = "database:reachable",
		 .status = is_reachable(reader) ? HEALTH_PASS : HEALTH_FAIL,
		 .output = "The database is not reachable.",
		 .affected = health_queries},
		check_behind(behind_ms),
	};

	health_ready(req, checks, sizeof(checks) / sizeof(checks[0]) - unknown);
	return HANDLED_NOW;
}

static void
put_flights(struct metrics *metrics, const struct reader *reader)
{
	struct flights_counts counts;

	flights_counts(reader->flights, &counts);
	metrics_set(metrics, METRIC_QUERY_WAITING, counts.queued);
	metrics_set(metrics, METRIC_QUERY_RUNNING, counts.running);
	metrics_set(metrics, METRIC_QUERY_PARKED, counts.waiting);
	metrics_set(metrics, METRIC_QUARANTINED, counts.quarantined_ever);
	metrics_set(metrics, METRIC_QUARANTINE_QUERIES, counts.quarantined);
	metrics_set(metrics, METRIC_CACHE_BYTES, (int64_t) counts.cache.bytes);
	metrics_set(metrics,
				METRIC_CACHE_MAX_BYTES,
				(int64_t) reader->cache_max_bytes);
	metrics_set(metrics, METRIC_CACHE_ENTRIES, (int64_t) counts.cache.entries);
	metrics_raise(metrics,
				  METRIC_CACHE_EVICTED,
				  (int64_t) counts.cache.evicted);
}

enum handled
handle_reader_metrics(struct request *req, void *app)
{
	static const struct connection_metrics of_queries = {
		METRIC_QUERY_CONNECTIONS_IDLE,
		METRIC_QUERY_CONNECTIONS_USED,
		METRIC_QUERY_BREAKER_OPEN,
	};
	static const struct connection_metrics of_keys = {
		METRIC_KEYS_CONNECTIONS_IDLE,
		METRIC_KEYS_CONNECTIONS_USED,
		METRIC_KEYS_BREAKER_OPEN,
	};
	const struct reader *reader = app;
	const int64_t behind_ms = reader->behind_ms;
	struct metrics *metrics = request_metrics(req);

	metrics_of_db(metrics, reader->db, &of_queries);
	metrics_of_db(metrics, reader->key_db, &of_keys);
	put_flights(metrics, reader);
	metrics_set(metrics,
				METRIC_DATABASE_SILENT_MS,
				heartbeat_silent_ms(reader->heartbeat));
	metrics_set(metrics,
				METRIC_DATA_BEHIND_MS,
				behind_ms >= 0 ? behind_ms : METRIC_INFINITE);
	metrics_raise(metrics,
				  METRIC_DATABASE_STALLED_MS,
				  heartbeat_stalled_ms(reader->heartbeat));
	metrics_set(metrics, METRIC_DATABASE_AWAY, is_reachable(reader) ? 0 : 1);
	metrics_reply(req, reader->started_us, reader->keys);
	return HANDLED_NOW;
}
