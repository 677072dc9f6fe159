/*
 * h_write.c
 *	  /health/ready and /metrics of tally-write.
 *
 * Ready means: an event that comes now would be taken.  That the database is
 * away is a warning and no more; a check that failed then would take the
 * spool out of service in the very outage that it is for.
 */
#include "h_metrics.h"
#include "health.h"

#include "clock.h"
#include "writer.h"

#define PERCENT 100
#define US_A_SECOND 1000000

static struct health_check
check_spool(const struct spool_status *spool)
{
	struct health_check check = {
		.name = "spool:utilization",
		.status = HEALTH_PASS,
		.value = spool->max_bytes > 0
					 ? spool->bytes * PERCENT / spool->max_bytes
					 : PERCENT,
		.unit = "percent",
		.affected = health_events,
	};

	if (spool->takes_events)
		return check;
	check.status = HEALTH_FAIL;
	check.output = spool->failed
					   ? "The disk of the spool failed; events are refused "
						 "until tally-write is restarted."
					   : "The spool or its disk is full; events are refused.";
	return check;
}

/* waited_us -- how long the oldest event not stored has; 0 if there is none,
 * or if the wall clock was set back. */
static int64_t
waited_us(const struct drain_status *drain)
{
	int64_t us = clock_wall_us() - drain->oldest_us;

	return drain->oldest_us != 0 && us > 0 ? us : 0;
}

static struct health_check
check_database(const struct drain_status *drain)
{
	struct health_check check = {
		.name = "database:delay",
		.status = HEALTH_PASS,
		.value = waited_us(drain) / US_A_SECOND,
		.unit = "s",
		.affected = health_queries,
	};

	if (drain->is_away)
	{
		check.status = HEALTH_WARN;
		check.output = "The database does not take events; they wait in the "
					   "spool and queries do not see them.";
	}
	else if (check.value >= HEALTH_LATE_S)
	{
		check.status = HEALTH_WARN;
		check.output = "The database is behind; queries do not see the "
					   "latest events.";
	}
	return check;
}

static struct health_check
check_dead_letters(const struct drain_status *drain)
{
	struct health_check check = {
		.name = "database:deadLetters",
		.status = HEALTH_PASS,
		.value = drain->dead_letters + drain->gaps,
		.unit = "count",
		.affected = health_queries,
	};

	if (check.value > 0)
	{
		check.status = HEALTH_WARN;
		check.output = "Events could not be stored; see the log and the dead "
					   "letters.";
	}
	return check;
}

static struct health_check
check_keys(struct keys *keys)
{
	struct health_check check = {
		.name = "keys:age",
		.status = HEALTH_PASS,
		.affected = health_events,
	};
	int64_t age_ms = keys_age_ms(keys);

	if (age_ms >= 0)
	{
		check.value = age_ms / 1000;
		check.unit = "s";
	}
	if (!keys_ready(keys))
	{
		check.status = HEALTH_FAIL;
		check.output = "The API keys could not be loaded; events are refused.";
	}
	return check;
}

enum handled
handle_writer_ready(struct request *req, void *app)
{
	struct writer *writer = app;
	struct health_check checks[4];
	struct spool_status spool;
	struct drain_status drain;

	spool_status(writer->spool, &spool);
	drain_status(writer->drain, &drain);
	checks[0] = check_spool(&spool);
	checks[1] = check_keys(writer->keys);
	checks[2] = check_database(&drain);
	checks[3] = check_dead_letters(&drain);
	health_ready(req, checks, sizeof(checks) / sizeof(checks[0]));
	return HANDLED_NOW;
}

static void
put_spool(struct metrics *metrics, const struct spool_status *spool)
{
	metrics_set(metrics, METRIC_SPOOL_BYTES, spool->bytes);
	metrics_set(metrics, METRIC_SPOOL_MAX_BYTES, spool->max_bytes);
	metrics_set(metrics, METRIC_SPOOL_FILES, spool->files);
	metrics_set(metrics,
				METRIC_SPOOL_TAKES_EVENTS,
				spool->takes_events ? 1 : 0);
	metrics_raise(metrics, METRIC_SPOOL_FSYNC_ERRORS, spool->sync_errors);
	metrics_raise(metrics, METRIC_SPOOL_BAD_FILES, spool->bad_files);
	metrics_raise(metrics, METRIC_SPOOL_TORN_BYTES, spool->torn_bytes);
}

static void
put_drain(struct metrics *metrics, const struct drain_status *drain)
{
	metrics_set(metrics, METRIC_DATABASE_AWAY, drain->is_away ? 1 : 0);
	metrics_set(metrics, METRIC_SPOOL_OLDEST_US, waited_us(drain));
	metrics_raise(metrics, METRIC_DRAIN_STORED, drain->stored);
	metrics_raise(metrics, METRIC_DRAIN_DUPLICATE, drain->duplicates);
	metrics_raise(metrics, METRIC_DRAIN_DEAD_LETTER, drain->dead_letters);
	metrics_raise(metrics, METRIC_DRAIN_GAPS, drain->gaps);
}

enum handled
handle_writer_metrics(struct request *req, void *app)
{
	static const struct connection_metrics of_drain = {
		METRIC_DRAIN_CONNECTIONS_IDLE,
		METRIC_DRAIN_CONNECTIONS_USED,
		METRIC_DRAIN_BREAKER_OPEN,
	};
	static const struct connection_metrics of_keys = {
		METRIC_KEYS_CONNECTIONS_IDLE,
		METRIC_KEYS_CONNECTIONS_USED,
		METRIC_KEYS_BREAKER_OPEN,
	};
	struct writer *writer = app;
	struct metrics *metrics = request_metrics(req);
	struct committer_counts counts;
	struct spool_status spool;
	struct drain_status drain;

	spool_status(writer->spool, &spool);
	put_spool(metrics, &spool);
	drain_status(writer->drain, &drain);
	put_drain(metrics, &drain);
	committer_counts(writer->committer, &counts);
	metrics_raise(metrics, METRIC_EVENTS_ACCEPTED, counts.events);
	metrics_raise(metrics, METRIC_SPOOL_RECORDS, counts.commits);
	metrics_raise(metrics, METRIC_SPOOL_SYNCS, counts.syncs);
	metrics_of_db(metrics, writer->db, &of_drain);
	metrics_of_db(metrics, writer->key_db, &of_keys);
	metrics_reply(req, writer->started_us, writer->keys);
	return HANDLED_NOW;
}
