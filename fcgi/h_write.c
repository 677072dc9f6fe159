/*
 * h_write.c
 *	  /health/ready of tally-write.
 *
 * Ready means: an event that comes now would be taken.  That the database is
 * away is a warning and no more; a check that failed then would take the
 * spool out of service in the very outage that it is for.
 */
#include "health.h"

#include "clock.h"
#include "writer.h"

/* Events this old are not "within a second" any more. */
#define LATE_S 5

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

static struct health_check
check_database(const struct drain_status *drain)
{
	int64_t late_us = clock_wall_us() - drain->oldest_us;
	struct health_check check = {
		.name = "database:delay",
		.status = HEALTH_PASS,
		.value =
			drain->oldest_us != 0 && late_us > 0 ? late_us / US_A_SECOND : 0,
		.unit = "s",
	};

	if (drain->is_away)
	{
		check.status = HEALTH_WARN;
		check.output = "The database does not take events; they wait in the "
					   "spool and queries do not see them.";
	}
	else if (check.value >= LATE_S)
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
	struct health_check check = {.name = "keys:age", .status = HEALTH_PASS};
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
